"""Lists: what is in them, how they are paged, what a row says, and what they cost."""

from __future__ import annotations

import dataclasses
import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AccountState, Identity, MailAccount, User
from tests.factories import make_account, make_email, make_headers, make_item, make_mailbox, make_user
from tests.web.pages import body_of, client_of
from webmail.mime.addresses import Address
from webmail.outbox.models import FiledDraft
from webmail.outbox.writing import drafts
from webmail.store import changes, emails
from webmail.store.ingest import ingest_emails
from webmail.store.models import Label, Mailbox

pytestmark = pytest.mark.django_db

FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def account(alice: User) -> MailAccount:
    return make_account(alice)


@pytest.fixture
def inbox(account: MailAccount) -> Mailbox:
    return make_mailbox(account, "Inbox", role="inbox")


def subjects(page: str) -> list[str]:
    return re.findall(r'class="row__subject">(.*?)</span>', page)


def address_of(mailbox: Mailbox) -> str:
    return reverse("mailbox", args=[mailbox.account.public_id, mailbox.public_id])


def test_the_start_page_leads_to_the_inbox_or_to_the_first_mailbox(client: Client, alice: User) -> None:
    assert client.get("/").headers["Location"] == reverse("connect")
    make_account(alice)
    assert client.get("/").headers["Location"] == "/mail/inbox"


def test_the_common_inbox_merges_accounts_newest_first(client: Client, alice: User, inbox: Mailbox) -> None:
    other = make_mailbox(make_account(alice), "Inbox", role="inbox")
    make_email(inbox, headers=make_headers(subject="middle"), minutes=2)
    make_email(other, headers=make_headers(subject="newest"), minutes=3)
    make_email(inbox, headers=make_headers(subject="oldest"), minutes=1)
    page = client.get("/mail/inbox").content.decode()
    assert subjects(page) == ["newest", "middle", "oldest"]
    assert page.count('class="account-mark"') >= 3  # which account is written beside each row


def test_a_mailbox_lists_its_own_mail_alone(client: Client, account: MailAccount, inbox: Mailbox) -> None:
    projects = make_mailbox(account, "Projects")
    make_email(inbox, headers=make_headers(subject="in inbox"))
    make_email(projects, headers=make_headers(subject="in projects"))
    page = client.get(address_of(projects)).content.decode()
    assert subjects(page) == ["in projects"]
    assert f'<a class="nav__item" id="nav-{projects.public_id}"' in page


def test_unread_and_starred_leave_out_trash_and_junk(client: Client, account: MailAccount, inbox: Mailbox) -> None:
    trash = make_mailbox(account, "Trash", role="trash")
    make_email(inbox, headers=make_headers(subject="unread"))
    make_email(inbox, headers=make_headers(subject="starred"), keywords=("$seen", "$flagged"))
    make_email(trash, headers=make_headers(subject="thrown away"), keywords=("$flagged",))
    assert subjects(client.get("/mail/unread").content.decode()) == ["unread"]
    assert subjects(client.get("/mail/starred").content.decode()) == ["starred"]


def test_a_conversation_is_one_row_that_names_its_people(client: Client, account: MailAccount, inbox: Mailbox) -> None:
    own = Identity.objects.get(account=account).email
    make_email(inbox, headers=make_headers(subject="Plan", from_name="Ben Moore", message_id="1@x"), minutes=1)
    reply = make_headers(subject="Re: Plan", from_=own, from_name="Alice", in_reply_to=["1@x"], message_id="2@x")
    make_email(inbox, headers=reply, minutes=2, keywords=("$seen",))
    page = client.get("/mail/inbox").content.decode()
    assert subjects(page) == ["Re: Plan"]
    assert "<bdi><b>Ben</b>, me</bdi>" in page  # the name of who wrote something unread is bold
    assert '<span class="row__count">2</span>' in page
    assert "row--unread" in page


def test_without_conversations_each_message_is_a_row(client: Client, alice: User, inbox: Mailbox) -> None:
    alice.has_threads = False
    alice.save()
    make_email(inbox, headers=make_headers(subject="Plan", message_id="1@x"), minutes=1)
    make_email(inbox, headers=make_headers(subject="Re: Plan", in_reply_to=["1@x"]), minutes=2)
    page = client.get("/mail/inbox").content.decode()
    assert subjects(page) == ["Re: Plan", "Plan"]
    assert re.search(r"\?t=e\w+", page)


def test_sent_mail_names_the_recipients(client: Client, account: MailAccount) -> None:
    sent = make_mailbox(account, "Sent", role="sent")
    own = Identity.objects.get(account=account).email
    to = (Address("Carl Otto", "carl@example.net"), Address("", "dora@example.net"))
    make_email(sent, headers=make_headers(from_=own, to=to), keywords=("$seen",))
    assert "<bdi>To Carl, dora</bdi>" in client.get("/mail/sent").content.decode()


def test_a_draft_opens_in_the_composer_and_its_copy_on_the_server_is_not_shown_twice(
    client: Client, account: MailAccount
) -> None:
    folder = make_mailbox(account, "Drafts", role="drafts")
    draft = drafts.create_draft(account)
    drafts.save_draft(draft, fields=drafts.DraftFields(subject="Mine", to="carl@example.net"), expected_revision=None)
    make_email(folder, headers=make_headers(subject="copy", message_id="copy@x"), keywords=("$draft",))
    make_email(folder, headers=make_headers(subject="from the phone"), keywords=("$draft",))
    FiledDraft.objects.create(account=account, draft=draft, message_id="copy@x")
    page = client.get("/mail/drafts").content.decode()
    assert subjects(page) == ["Mine", "from the phone"]
    assert reverse("compose", args=[draft.public_id]) in page


def pages_of(client: Client, address: str) -> list[str]:
    """Every page, by the links to the next."""
    pages = [client.get(address).content.decode()]
    while found := re.search(r'href="([^"]+)" rel="next"', pages[-1]):
        pages.append(client.get(found[1].replace("&amp;", "&")).content.decode())
    return pages


@pytest.mark.parametrize("sort", ["", "-date", "sender", "-sender", "subject", "-subject", "size", "-size"])
def test_older_and_newer_links_lead_through_every_row_once_in_every_order(
    client: Client, inbox: Mailbox, sort: str
) -> None:
    """ux section 4 "Scrolling": without scripts."""
    for number in range(120):
        headers = make_headers(subject=f"s{number:03}", from_name=f"N{number % 7}")
        make_email(inbox, headers=headers, minutes=number, size_bytes=1_000 + number % 11)
    pages = pages_of(client, f"/mail/inbox?sort={sort}" if sort else "/mail/inbox")
    seen = [subject for page in pages for subject in subjects(page)]
    keys = {
        "date": lambda number: (-number,),
        "sender": lambda number: (number % 7, -number),
        "subject": lambda number: (number,),
        "size": lambda number: (-(number % 11), -number),
    }
    expected = sorted(range(120), key=keys[sort.removeprefix("-") or "date"])
    if sort.startswith("-"):
        expected.reverse()
    assert seen == [f"s{number:03}" for number in expected]
    assert len(pages) == 3
    newer = re.search(r'href="([^"]+)" rel="prev"', pages[1])
    assert newer is not None
    assert subjects(client.get(newer[1].replace("&amp;", "&")).content.decode()) == seen[:50]


def window(client: Client, address: str, **headers: str) -> HttpResponse:
    """The rows alone, as the page asks for them while somebody scrolls."""
    response: HttpResponse = client.get(address, headers={**FRAGMENT, "HX-Target": "rows", **headers})
    return response


def test_a_window_has_the_rows_from_an_index_on_and_says_how_many_there_are(client: Client, inbox: Mailbox) -> None:
    """ux section 4 "Scrolling": real height from the known count, any place at once."""
    for number in range(60):
        make_email(inbox, headers=make_headers(subject=f"s{number}"), minutes=number)
    page = window(client, "/mail/inbox?at=20&n=10").content.decode()
    assert subjects(page) == [f"s{number}" for number in range(39, 29, -1)]
    assert re.findall(r'data-index="(\d+)"', page) == [str(number) for number in range(20, 30)]
    assert re.findall(r'aria-rowindex="(\d+)"', page) == [str(number) for number in range(21, 31)]
    assert page.strip().startswith('<div class="rows" id="rows"')
    assert 'data-total="60" data-at="20"' in page
    assert page.count("rows__group") == 1  # the first row knows its heading
    assert len(set(re.findall(r'data-group="([^"]+)"', page))) == 1
    assert "<html" not in page


def test_a_window_behind_the_end_is_the_last_page(client: Client, inbox: Mailbox) -> None:
    for number in range(7):
        make_email(inbox, headers=make_headers(subject=f"s{number}"), minutes=number)
    page = window(client, "/mail/inbox?at=500&n=5").content.decode()
    assert subjects(page) == ["s1", "s0"]
    assert 'data-total="7" data-at="5"' in page


@pytest.mark.parametrize("place", ["x", "-1", "1e3", "99999999999999999999999", "½"])
def test_a_place_that_is_no_index_is_the_beginning(client: Client, inbox: Mailbox, place: str) -> None:
    make_email(inbox)
    page = window(client, f"/mail/inbox?at={place}&n={place}&sort={place}").content.decode()
    assert 'data-total="1" data-at="0"' in page


def test_a_window_has_at_most_200_rows(client: Client, inbox: Mailbox) -> None:
    ingest_emails(inbox.account_id, [make_item(inbox) for _ in range(205)])
    assert len(subjects(window(client, "/mail/inbox?n=100000").content.decode())) == 200


def test_a_window_brings_the_counts_when_they_are_asked_for(client: Client, inbox: Mailbox) -> None:
    make_email(inbox)
    plain = window(client, "/mail/inbox?at=0").content.decode()
    assert 'id="sidebar"' not in plain
    counted = window(client, "/mail/inbox?at=0&with=counts").content.decode()
    assert re.search(r'id="sidebar"[^>]*hx-swap-oob', counted)
    assert "<title>(1) Inbox" in " ".join(counted.split())


def test_a_window_that_is_still_the_same_is_not_sent_again(client: Client, inbox: Mailbox) -> None:
    email = make_email(inbox, is_indexed=True)
    first = window(client, "/mail/inbox")
    again = window(client, "/mail/inbox", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    Label.objects.create(user=inbox.account.user, name="Work", keyword="work", color=3)
    with changes.recording(inbox.account_id) as record:
        emails.change_keywords(record, {email.pk: emails.KeywordChange(added=frozenset({"work"}))})
    changed = window(client, "/mail/inbox", **{"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert re.search(r">Work<", changed.content.decode())


def test_rows_whose_snippet_is_still_to_come_have_no_etag(client: Client, inbox: Mailbox) -> None:
    make_email(inbox)
    assert "ETag" not in window(client, "/mail/inbox").headers


def test_what_is_kept_of_a_window_is_told_to_its_person_alone(client: Client, alice: User, inbox: Mailbox) -> None:
    make_email(inbox, headers=make_headers(subject="secret"), is_indexed=True)
    assert subjects(window(client, "/mail/inbox").content.decode()) == ["secret"]
    assert subjects(window(client_of(make_user("bob")), "/mail/inbox").content.decode()) == []


def test_a_renewed_list_brings_the_counts(client: Client, inbox: Mailbox) -> None:
    make_email(inbox)
    fragment = client.get("/mail/inbox", headers={**FRAGMENT, "HX-Target": "list"}).content.decode()
    assert len(subjects(fragment)) == 1
    assert 'id="sidebar"' in fragment
    assert "<html" not in fragment


def test_reload_and_back_come_to_the_same_place(client: Client, inbox: Mailbox) -> None:
    for number in range(60):
        make_email(inbox, headers=make_headers(subject=f"s{number}"), minutes=number)
    page = client.get("/mail/inbox?at=50").content.decode()
    address = re.search(r'class="row__link" href="([^"]+)"', page)
    assert address is not None
    opened = client.get(address[1].replace("&amp;", "&")).content.decode()
    assert subjects(opened) == subjects(page)
    assert len(re.findall(r'<div role="listitem" class="row[^>]*aria-current="true"', opened)) == 1


def test_all_mail_leaves_out_junk_and_trash_alone(client: Client, account: MailAccount, inbox: Mailbox) -> None:
    """ux section 3."""
    for role in ("", "archive", "sent", "junk", "trash"):
        box = make_mailbox(account, role.title() or "Projects", role=role)
        make_email(box, headers=make_headers(subject=f"in {box.name}"))
    make_email(inbox, headers=make_headers(subject="in Inbox"))
    page = window(client, "/mail/all").content.decode()
    assert sorted(subjects(page)) == ["in Archive", "in Inbox", "in Projects", "in Sent"]
    assert 'data-total="4"' in page


@pytest.mark.parametrize("name", ["inbox", "unread", "starred", "sent", "drafts", "all"])
def test_an_account_may_stay_out_of_each_common_view(client: Client, alice: User, name: str) -> None:
    keywords = {"starred": ("$flagged",), "drafts": ("$draft",)}.get(name, ())
    for left_out in ([name], []):
        account = make_account(alice)
        MailAccount.objects.filter(pk=account.pk).update(left_out_of=left_out)
        role = name if name in {"inbox", "sent", "drafts"} else "inbox"
        headers = make_headers(subject="not here" if left_out else "here")
        make_email(make_mailbox(account, role.title(), role=role), headers=headers, keywords=keywords)
    assert subjects(window(client, f"/mail/{name}").content.decode()) == ["here"]


def test_conversations_can_be_switched_off_for_one_mailbox(
    client: Client, account: MailAccount, inbox: Mailbox
) -> None:
    make_email(inbox, headers=make_headers(subject="Plan", message_id="1@x"), minutes=1)
    make_email(inbox, headers=make_headers(subject="Re: Plan", in_reply_to=["1@x"]), minutes=2)
    assert 'data-total="1"' in window(client, address_of(inbox)).content.decode()
    Mailbox.objects.update(has_threads=False)
    page = window(client, address_of(inbox)).content.decode()
    assert subjects(page) == ["Re: Plan", "Plan"]
    assert 'data-total="2"' in page


def test_labels_are_chips_two_and_then_how_many_more(client: Client, alice: User, inbox: Mailbox) -> None:
    """ux section 4 "List row"."""
    for number, name in enumerate(("Work", "Home", "Tax", "Trips")):
        Label.objects.create(user=alice, name=name, keyword=name.lower(), color=number, position=number)
    make_email(inbox, headers=make_headers(message_id="1@x"), keywords=("home", "tax"), minutes=1)
    make_email(inbox, headers=make_headers(in_reply_to=["1@x"]), keywords=("work", "other"), minutes=2)
    page = window(client, "/mail/inbox").content.decode()
    assert re.findall(r'class="chip"[^>]*>([^<]*)<', page) == ["Work", "Home", "+1"]
    assert 'data-label="1">Home' in page


def test_a_label_has_a_list_of_its_own(client: Client, alice: User, inbox: Mailbox) -> None:
    label = Label.objects.create(user=alice, name="Work", keyword="work")
    make_email(inbox, headers=make_headers(subject="with it"), keywords=("work",))
    make_email(inbox, headers=make_headers(subject="without"))
    page = client.get(f"/mail/label/{label.public_id}").content.decode()
    assert subjects(page) == ["with it"]
    assert "<title>(2) Work" in " ".join(page.split())


def test_a_row_has_a_complete_name_for_who_hears_it(client: Client, alice: User) -> None:
    """ux section 10."""
    work = make_mailbox(make_account(alice), "Inbox", role="inbox")
    make_mailbox(make_account(alice), "Inbox", role="inbox")
    MailAccount.objects.filter(pk=work.account_id).update(name="Work")
    now = timezone.now()
    answer = make_headers(subject="Re: Budget", from_name="Bob Hill", from_="bob@x", in_reply_to=["1@x"])
    headers = make_headers(subject="Budget", from_name="Alice Moore", from_="alice@x", message_id="1@x")
    for number, one in enumerate((headers, answer)):
        item = make_item(work, headers=one, has_attachment=True, preview="The figures", keywords=("$muted",))
        ingest_emails(work.account_id, [dataclasses.replace(item, received_at=now + timedelta(seconds=number - 1))])
    page = html.unescape(window(client, "/mail/inbox").content.decode())
    name = re.search(r'data-behaviour="open" aria-label="([^"]+)"', page)
    assert name is not None
    assert re.fullmatch(
        r"unread, Alice and Bob, 2 messages, Re: Budget, The figures, with attachment, muted, "
        r"(today|yesterday) \d\d:\d\d, account Work",
        name[1],
    )


def test_groups_stand_only_where_the_order_is_by_date(client: Client, inbox: Mailbox) -> None:
    make_email(inbox)
    assert "rows__group" in window(client, "/mail/inbox?sort=-date").content.decode()
    assert "rows__group" not in window(client, "/mail/inbox?sort=sender").content.decode()


@pytest.mark.parametrize(
    ("headers", "wish", "is_read"),
    [
        ({}, 0, True),
        ({}, None, False),
        ({"HX-Request": "true", "HX-Target": "reading"}, 0, False),
        ({"X-Prefetch": "1"}, 0, False),
        ({"Sec-Purpose": "prefetch"}, 0, False),
        ({"Sec-Fetch-Site": "cross-site"}, 0, False),
    ],
)
def test_only_a_page_that_somebody_asked_for_marks_as_read(
    client: Client, alice: User, inbox: Mailbox, headers: dict[str, str], wish: int | None, is_read: bool
) -> None:
    User.objects.update(mark_read_after_s=wish)
    email = make_email(inbox)
    assert client.get(f"/mail/inbox?t={email.thread.public_id}", headers=headers).status_code == 200
    email.refresh_from_db()
    assert email.is_unread is not is_read


def test_going_back_in_history_gets_the_whole_page(client: Client, inbox: Mailbox) -> None:
    headers = {**FRAGMENT, "HX-Target": "list", "HX-History-Restore-Request": "true"}
    assert "<html" in client.get("/mail/inbox", headers=headers).content.decode()


def test_an_empty_list_says_so_in_one_line(client: Client, inbox: Mailbox) -> None:
    assert "Inbox is empty." in body_of(client.get("/mail/inbox"))
    assert "Everything is read." in body_of(client.get("/mail/unread"))
    assert "No drafts." in body_of(client.get("/mail/drafts"))


def test_an_account_in_trouble_is_named_with_what_it_means(
    client: Client, account: MailAccount, inbox: Mailbox
) -> None:
    MailAccount.objects.update(state=AccountState.AUTH_FAILED, state_reason="535 no")
    page = body_of(client.get("/mail/inbox"))
    assert f"refused the password for {account.address}" in page
    assert reverse("account_settings", args=[account.public_id]) in page
    assert "1 account needs you" in page


def test_the_first_listing_shows_its_progress(client: Client, inbox: Mailbox) -> None:
    make_email(inbox)
    Mailbox.objects.filter(pk=inbox.pk).update(remote_total=48_210, backfill_uid=400)
    page = body_of(client.get("/mail/inbox"))
    assert "1 of 48,210 messages" in page


def test_counts_stand_beside_the_mailboxes(client: Client, account: MailAccount, inbox: Mailbox) -> None:
    junk = make_mailbox(account, "Junk", role="junk")
    make_email(inbox)
    make_email(junk)
    page = client.get("/mail/inbox").content.decode()
    line = page[page.index(f'id="nav-{junk.public_id}"') :]
    assert "nav__count" not in line[: line.index("</a>")]
    assert "<title>(1) Inbox – Pillarbox</title>" in " ".join(page.split())


def test_a_list_costs_the_same_queries_whatever_its_length(
    client: Client, alice: User, inbox: Mailbox, django_assert_max_num_queries: Any
) -> None:
    for account in (make_account(alice), make_account(alice)):
        box = make_mailbox(account, "Inbox", role="inbox")
        for _ in range(20):
            make_email(box)
    with django_assert_max_num_queries(18):
        client.get("/mail/inbox")


@pytest.mark.req("R58")
def test_no_cache_keeps_a_page(client: Client, inbox: Mailbox) -> None:
    response = client.get("/mail/inbox")
    assert response.headers["Cache-Control"] == "no-store, private"
    assert "HX-Request" in response.headers["Vary"]
    assert b'"historyCacheSize":0' in response.content


@pytest.mark.req("R12")
def test_pages_carry_no_inline_script_or_style(client: Client, inbox: Mailbox) -> None:
    make_email(inbox)
    response = client.get("/mail/inbox")
    policy = response.headers["Content-Security-Policy"]
    assert re.search(r"script-src 'nonce-[^']{20,}'(?:;|$)", policy)
    assert "unsafe" not in policy
    page = response.content.decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|<script(?![^>]*\s(?:src|type=\"application/json\"))", page)
    assert '"allowEval":false' in page


def test_strangers_are_led_to_the_sign_in_and_back(inbox: Mailbox) -> None:
    response = Client().get(address_of(inbox))
    assert response.headers["Location"].startswith(reverse("account_login") + "?next=/mail/a/")
    fragment = Client().get("/mail/inbox", headers={**FRAGMENT, "HX-Current-URL": "http://testserver/mail/unread"})
    assert fragment.status_code == 401  # the page keeps what was typed and leads to the sign-in over it


@pytest.mark.req("R56")
def test_bob_sees_nothing_of_alices_mailboxes(inbox: Mailbox) -> None:
    make_email(inbox, headers=make_headers(subject="secret"))
    bob = client_of(make_user("bob"))
    assert bob.get(address_of(inbox)).status_code == 404
    assert "secret" not in body_of(bob.get("/mail/inbox"))
    own = make_mailbox(make_account(User.objects.get(email="bob@pillarbox.test")), "Inbox", role="inbox")
    mixed = reverse("mailbox", args=[own.account.public_id, inbox.public_id])
    assert bob.get(mixed).status_code == 404
