"""Lists: what is in them, how they are paged, what a row says, and what they cost."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AccountState, Identity, MailAccount, User
from tests.factories import make_account, make_email, make_headers, make_mailbox, make_user
from tests.web.pages import body_of, client_of
from webmail.mime.addresses import Address
from webmail.outbox.models import FiledDraft
from webmail.outbox.writing import drafts
from webmail.store.models import Mailbox

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
    return re.findall(r'class="row__subject"><bdi>(.*?)</bdi>', page)


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


def test_an_account_may_stay_out_of_the_common_inbox(client: Client, account: MailAccount, inbox: Mailbox) -> None:
    make_email(inbox)
    MailAccount.objects.update(left_out_of=["inbox"])
    assert subjects(client.get("/mail/inbox").content.decode()) == []
    assert subjects(client.get(address_of(inbox)).content.decode()) == ["Hello"]


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
    assert "<bdi>Ben, me</bdi>" in page
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


def test_older_and_newer_pages_hold_every_row_once(client: Client, inbox: Mailbox) -> None:
    for number in range(120):
        make_email(inbox, headers=make_headers(subject=f"s{number}"), minutes=number)
    seen: list[str] = []
    address: str | None = "/mail/inbox"
    pages = []
    while address:
        page = client.get(address).content.decode()
        pages.append(address)
        seen += subjects(page)
        found = re.search(r'<a class="button button--quiet" href="([^"]+)" rel="next"', page)
        address = found[1].replace("&amp;", "&") if found else None
    assert seen == [f"s{number}" for number in reversed(range(120))]
    assert len(pages) == 3
    newer = re.search(r'href="([^"]+)" title="Newer"', client.get(pages[1]).content.decode())
    assert newer is not None
    assert subjects(client.get(newer[1].replace("&amp;", "&")).content.decode())[0] == "s119"


def test_more_rows_come_as_a_fragment_without_a_second_heading(client: Client, inbox: Mailbox) -> None:
    for number in range(60):
        make_email(inbox, headers=make_headers(subject=f"s{number}"), minutes=number)
    page = client.get("/mail/inbox").content.decode()
    older = re.search(r'hx-get="([^"]+)" hx-target="#more"', page)
    assert older is not None
    more = client.get(older[1], headers={**FRAGMENT, "HX-Target": "more"}).content.decode()
    assert subjects(more) == [f"s{number}" for number in reversed(range(10))]
    assert "rows__group" not in more
    assert "<html" not in more


def test_a_renewed_list_brings_the_counts_and_as_many_rows_as_were_there(client: Client, inbox: Mailbox) -> None:
    for number in range(60):
        make_email(inbox, headers=make_headers(subject=f"s{number}"), minutes=number)
    headers = {**FRAGMENT, "HX-Target": "list"}
    fragment = client.get("/mail/inbox?rows=60", headers=headers).content.decode()
    assert len(subjects(fragment)) == 60
    assert 'id="sidebar"' in fragment
    assert 'data-unread="60"' in fragment
    assert "<html" not in fragment


def test_going_back_in_history_gets_the_whole_page(client: Client, inbox: Mailbox) -> None:
    headers = {**FRAGMENT, "HX-Target": "list", "HX-History-Restore-Request": "true"}
    assert "<html" in client.get("/mail/inbox", headers=headers).content.decode()


@pytest.mark.parametrize("place", ["x", "1-", "99999999999999999999999-1", "1-x", "-"])
def test_a_place_that_cannot_be_read_is_not_found(client: Client, inbox: Mailbox, place: str) -> None:
    assert client.get(f"/mail/inbox?after={place}").status_code == 404


def test_an_empty_list_says_so_in_one_line(client: Client, inbox: Mailbox) -> None:
    assert "Inbox is empty." in body_of(client.get("/mail/inbox"))
    assert "Everything is read." in body_of(client.get("/mail/unread"))
    assert "No drafts." in body_of(client.get("/mail/drafts"))


def test_an_account_in_trouble_is_named_with_what_it_means(
    client: Client, account: MailAccount, inbox: Mailbox
) -> None:
    MailAccount.objects.update(state=AccountState.AUTH_FAILED, state_reason="535 no")
    page = body_of(client.get("/mail/inbox"))
    assert f"refuses the password for {account.address}" in page
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
    assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|<script(?![^>]*\ssrc=)", page)
    assert '"allowEval":false' in page


def test_strangers_are_led_to_the_sign_in_and_back(inbox: Mailbox) -> None:
    response = Client().get(address_of(inbox))
    assert response.headers["Location"].startswith(reverse("account_login") + "?next=/mail/a/")
    fragment = Client().get("/mail/inbox", headers={**FRAGMENT, "HX-Current-URL": "http://testserver/mail/unread"})
    assert fragment.headers["HX-Redirect"] == f"{reverse('account_login')}?next=%2Fmail%2Funread"


@pytest.mark.req("R56")
def test_bob_sees_nothing_of_alices_mailboxes(inbox: Mailbox) -> None:
    make_email(inbox, headers=make_headers(subject="secret"))
    bob = client_of(make_user("bob"))
    assert bob.get(address_of(inbox)).status_code == 404
    assert "secret" not in body_of(bob.get("/mail/inbox"))
    own = make_mailbox(make_account(User.objects.get(email="bob@pillarbox.test")), "Inbox", role="inbox")
    mixed = reverse("mailbox", args=[own.account.public_id, inbox.public_id])
    assert bob.get(mixed).status_code == 404
