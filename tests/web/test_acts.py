"""Acts on mail without scripts and with htmx: what they change, what they say, how they are undone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import MailAccount, User
from tests.factories import make_account, make_email, make_headers, make_mailbox, make_user
from tests.web.pages import body_of, client_of
from webmail.journal.models import Action, Step
from webmail.store import consistency
from webmail.store.models import Email, EmailMailbox, Mailbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def account(alice: User) -> MailAccount:
    account = make_account(alice)
    for name in ("Archive", "Junk", "Trash", "Sent"):
        make_mailbox(account, name, role=name.lower())
    return account


@pytest.fixture
def inbox(account: MailAccount) -> Mailbox:
    return make_mailbox(account, "Inbox", role="inbox")


def act(client: Client, do: str, *ids: str, source: str = "/mail/inbox", **data: Any) -> Any:
    return client.post(reverse("act"), {"do": do, "ids": ids, "list": source, **data})


def place_of(email: Email) -> list[str]:
    rows = EmailMailbox.objects.filter(email=email).select_related("mailbox")
    return sorted(row.mailbox.name for row in rows)


def keywords_of(email: Email) -> set[str]:
    return set(email.keyword_rows.values_list("keyword", flat=True))


@pytest.mark.parametrize(("do", "name"), [("archive", "Archive"), ("junk", "Junk"), ("delete", "Trash")])
def test_a_row_moves_and_the_toast_can_bring_it_back(client: Client, inbox: Mailbox, do: str, name: str) -> None:
    email = make_email(inbox)
    response = act(client, do, email.thread.public_id)
    assert response.headers["Location"] == "/mail/inbox"
    assert place_of(email) == [name]
    page = client.get("/mail/inbox").content.decode()
    ids = re.search(r'name="step" value="([^"]+)"', page)
    assert ids is not None
    client.post(reverse("undo"), {"step": ids[1], "list": "/mail/inbox"})
    assert place_of(email) == ["Inbox"]
    assert "Undone" in body_of(client.get("/mail/inbox"))
    assert consistency.check_account(inbox.account_id) == []


def test_a_button_of_one_row_means_that_row_alone(client: Client, inbox: Mailbox) -> None:
    one, two = make_email(inbox), make_email(inbox)
    act(client, f"archive {one.thread.public_id}", two.thread.public_id)
    assert place_of(one) == ["Archive"]
    assert place_of(two) == ["Inbox"]


def test_many_rows_are_counted_in_the_words(client: Client, inbox: Mailbox) -> None:
    emails = [make_email(inbox) for _ in range(3)]
    act(client, "archive", *(email.thread.public_id for email in emails))
    assert "3 conversations archived" in body_of(client.get("/mail/inbox"))


def test_moving_leaves_ones_own_copy_in_sent(client: Client, account: MailAccount, inbox: Mailbox) -> None:
    sent = Mailbox.objects.get(role="sent")
    mine = make_email(sent, headers=make_headers(message_id="1@x"), keywords=("$seen",))
    reply = make_email(inbox, headers=make_headers(message_id="2@x", subject="Re: Hello", in_reply_to=["1@x"]))
    act(client, "archive", reply.thread.public_id)
    assert place_of(mine) == ["Sent"]
    assert place_of(reply) == ["Archive"]
    act(client, "delete", reply.thread.public_id, source="/mail/search?q=hello")
    assert place_of(mine) == ["Sent"]
    assert place_of(reply) == ["Trash"]


def test_moving_to_a_mailbox_names_it(client: Client, account: MailAccount, inbox: Mailbox) -> None:
    projects = make_mailbox(account, "100% Projects")
    email = make_email(inbox)
    act(client, f"move:{projects.public_id}", email.thread.public_id)
    assert place_of(email) == ["100% Projects"]
    assert "Moved to 100% Projects" in body_of(client.get("/mail/inbox"))


def test_a_move_into_another_account_is_offered_and_put_on_its_way(client: Client, alice: User, inbox: Mailbox) -> None:
    elsewhere = make_mailbox(make_account(alice), "Elsewhere")
    email = make_email(inbox)
    own_list = reverse("mailbox", args=[inbox.account.public_id, inbox.public_id])
    page = client.get(reverse("pick"), {"kind": "move", "ids": email.thread.public_id, "list": own_list})
    assert f'value="move:{elsewhere.public_id}"' in page.content.decode()
    assert "copied first, deleted here after" in body_of(page)
    act(client, f"move:{elsewhere.public_id}", email.thread.public_id)
    assert place_of(email) == []
    action = Action.objects.get()
    assert (action.kind, action.account, action.mailbox) == (Action.Kind.TRANSFER, inbox.account, elsewhere)
    page = client.get("/mail/inbox").content.decode()
    assert "Moved to Elsewhere" in page
    ids = re.search(r'name="step" value="([^"]+)"', page)
    assert ids is not None
    client.post(reverse("undo"), {"step": ids[1], "list": "/mail/inbox"})
    assert place_of(email) == ["Inbox"]
    assert Action.objects.get().status == Action.Status.STOPPED
    assert "Undone" in body_of(client.get("/mail/inbox"))


def test_what_has_arrived_in_another_account_is_sent_back_by_undo(client: Client, alice: User, inbox: Mailbox) -> None:
    elsewhere = make_mailbox(make_account(alice), "Elsewhere")
    there = make_email(elsewhere)
    step = Step.objects.create(user=alice, verb="move")
    action = Action.objects.create(
        account=inbox.account,
        user=alice,
        step=step,
        kind=Action.Kind.TRANSFER,
        mailbox=elsewhere,
        status=Action.Status.DONE,
        total=1,
        arguments={"target": elsewhere.pk, "keep": False, "source": None, "arrived": {str(inbox.pk): [there.pk]}},
    )
    client.post(reverse("undo"), {"step": step.public_id, "list": "/mail/inbox"})
    back = Action.objects.exclude(pk=action.pk).get()
    assert (back.kind, back.account, back.mailbox) == (Action.Kind.TRANSFER, elsewhere.account, inbox)
    assert place_of(there) == []


def test_a_mailbox_that_lets_nothing_out_says_so(client: Client, account: MailAccount) -> None:
    shared = make_mailbox(account, "Shared", rights="lrs")
    email = make_email(shared)
    source = reverse("mailbox", args=[account.public_id, shared.public_id])
    act(client, "archive", email.thread.public_id, source=source)
    assert place_of(email) == ["Shared"]
    assert "You may not take mail out of Shared." in body_of(client.get(source))


def test_opening_mail_that_may_not_be_marked_just_shows_it(client: Client, account: MailAccount) -> None:
    email = make_email(make_mailbox(account, "Shared", rights="lr"))
    response = client.get(reverse("thread", args=[email.thread.public_id]))
    assert response.status_code == 200
    assert keywords_of(email) == set()


def test_an_account_without_archive_says_so(client: Client, alice: User) -> None:
    inbox = make_mailbox(make_account(alice), "Inbox", role="inbox")
    email = make_email(inbox)
    act(client, "archive", email.thread.public_id)
    assert "no mailbox for Archive" in body_of(client.get("/mail/inbox"))
    assert place_of(email) == ["Inbox"]


def test_reading_and_unreading(client: Client, inbox: Mailbox) -> None:
    first = make_email(inbox, headers=make_headers(message_id="1@x"), minutes=1)
    last = make_email(
        inbox, headers=make_headers(message_id="2@x", subject="Re: Hello", in_reply_to=["1@x"]), minutes=2
    )
    act(client, "read", first.thread.public_id)
    assert keywords_of(first) == keywords_of(last) == {"$seen"}
    act(client, "unread", first.thread.public_id)
    assert keywords_of(first) == {"$seen"}
    assert keywords_of(last) == set()


def test_starring_marks_the_newest_and_unstarring_all(client: Client, inbox: Mailbox) -> None:
    first = make_email(inbox, headers=make_headers(message_id="1@x"), minutes=1, keywords=("$flagged",))
    last = make_email(
        inbox, headers=make_headers(message_id="2@x", subject="Re: Hello", in_reply_to=["1@x"]), minutes=2
    )
    act(client, "star", first.thread.public_id)
    assert "$flagged" in keywords_of(last)
    act(client, "unstar", first.thread.public_id)
    assert keywords_of(first) == keywords_of(last) == set()


def test_undoing_keywords_puts_back_only_what_was_changed(client: Client, inbox: Mailbox) -> None:
    one, two = make_email(inbox), make_email(inbox, keywords=("$seen",))
    act(client, "read", one.thread.public_id, two.thread.public_id)
    client.post(reverse("undo"), {"list": "/mail/inbox"})
    assert keywords_of(one) == set()
    assert keywords_of(two) == {"$seen"}


def test_not_junk_goes_back_to_the_inbox(client: Client, inbox: Mailbox) -> None:
    junk = Mailbox.objects.get(role="junk")
    email = make_email(junk)
    act(
        client,
        "notjunk",
        email.thread.public_id,
        source=reverse("mailbox", args=[junk.account.public_id, junk.public_id]),
    )
    assert place_of(email) == ["Inbox"]


def test_deleting_for_good_asks_first(client: Client, inbox: Mailbox) -> None:
    trash = Mailbox.objects.get(role="trash")
    email = make_email(trash)
    source = reverse("mailbox", args=[trash.account.public_id, trash.public_id])
    response = act(client, "delete", email.thread.public_id, source=source)
    assert "Delete this for good?" in body_of(response)
    assert place_of(email) == ["Trash"]
    assert act(client, "delete", email.thread.public_id, source=source, confirmed="1").status_code == 302
    assert place_of(email) == []
    assert "Deleted for good" in body_of(client.get(source))
    assert 'name="step"' not in client.get(source).content.decode()


def test_with_htmx_the_question_comes_into_the_dialog(client: Client, inbox: Mailbox) -> None:
    trash = Mailbox.objects.get(role="trash")
    email = make_email(trash)
    source = reverse("mailbox", args=[trash.account.public_id, trash.public_id])
    data = {"do": "delete", "ids": [email.thread.public_id], "list": source}
    response = client.post(reverse("act"), data, headers={"HX-Request": "true"})
    assert response.headers["HX-Retarget"] == "#dialog"
    assert "dialog:open" in response.headers["HX-Trigger-After-Settle"]
    assert "<html" not in response.content.decode()


def test_nothing_selected_changes_nothing(client: Client, inbox: Mailbox) -> None:
    email = make_email(inbox)
    act(client, "archive")
    act(client, "explode", email.thread.public_id)
    assert place_of(email) == ["Inbox"]
    assert "Select at least one message first." in body_of(client.get("/mail/inbox"))


def test_with_htmx_what_tells_of_counts_comes_along_and_the_list_renews_itself(client: Client, inbox: Mailbox) -> None:
    gone = make_email(inbox)
    data = {
        "do": "archive",
        "ids": [gone.thread.public_id],
        "list": "/mail/inbox",
        "open": gone.thread.public_id,
        "rows": "2",
    }
    response = client.post(reverse("act"), data, headers={"HX-Request": "true", "HX-Target": "list"})
    html = response.content.decode()
    assert response.headers["HX-Reswap"] == "none"
    assert "list:changed" in response.headers["HX-Trigger-After-Settle"]
    assert re.search(r'id="jobs"[^>]*hx-swap-oob', html)
    assert re.search(r'id="sidebar"[^>]*hx-swap-oob', html)
    assert re.search(r'id="toasts" hx-swap-oob', html)
    # What was open has left: the pane is empty and the address is that of the list.
    assert re.search(r'id="reading" hx-swap-oob', html)
    assert response.headers["HX-Push-Url"] == "/mail/inbox"


def test_the_place_in_the_list_is_kept(client: Client, inbox: Mailbox) -> None:
    emails = [make_email(inbox, minutes=number) for number in range(60)]
    older = re.search(r'href="([^"]+)" rel="next"', client.get("/mail/inbox").content.decode())
    assert older is not None
    address = older[1].replace("&amp;", "&")
    response = act(client, "read", emails[3].thread.public_id, source=address)
    assert response.headers["Location"] == address


@pytest.mark.parametrize(
    "address", ["https://evil.example/mail/inbox", "//evil.example/", "/admin/", "", "/mail/search?q=befor:1"]
)
def test_a_form_cannot_lead_elsewhere(client: Client, inbox: Mailbox, address: str) -> None:
    email = make_email(inbox)
    assert act(client, "read", email.thread.public_id, source=address).headers["Location"] == "/mail/inbox"


def test_checking_now_makes_every_running_account_due(client: Client, account: MailAccount) -> None:
    later = timezone.now() + timezone.timedelta(hours=1)
    MailAccount.objects.update(next_sync_at=later)
    client.post(reverse("check_now"))
    account.refresh_from_db()
    assert account.next_sync_at < later
    assert "Checking for new mail" in body_of(client.get("/mail/inbox"))


@pytest.mark.req("R55")
def test_acts_are_refused_without_a_token_from_other_sites_and_by_get(alice: User, inbox: Mailbox) -> None:
    email = make_email(inbox)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert act(strict, "archive", email.thread.public_id).status_code == 403
    foreign = client_of(alice)
    data = {"do": "archive", "ids": [email.thread.public_id], "list": "/mail/inbox"}
    for site in ("cross-site", "same-site"):
        assert foreign.post(reverse("act"), data, headers={"Sec-Fetch-Site": site}).status_code == 403
    for name in ("act", "undo", "check_now"):
        assert foreign.get(reverse(name)).status_code == 405
    assert place_of(email) == ["Inbox"]


@pytest.mark.req("R56")
def test_bob_can_do_nothing_to_alices_mail(client: Client, account: MailAccount, inbox: Mailbox) -> None:
    email = make_email(inbox)
    bob = make_user("bob")
    theirs = client_of(bob)
    own = make_mailbox(make_account(bob), "Inbox", role="inbox")
    own_email = make_email(own)
    for verb in ("archive", "delete", "read", "star", "unstar", "unread", "junk", "notjunk"):
        act(theirs, verb, email.thread.public_id, email.public_id)
    projects = make_mailbox(account, "Projects")
    assert act(theirs, f"move:{projects.public_id}", own_email.thread.public_id).status_code == 404
    assert place_of(email) == ["Inbox"]
    assert keywords_of(email) == set()
    assert not Action.objects.filter(account=account).exists()
    act(client, "archive", email.thread.public_id)
    step = Step.objects.get(user__email=account.user.email)
    assert theirs.post(reverse("undo"), {"step": step.public_id, "list": "/mail/inbox"}).status_code == 404
    assert place_of(email) == ["Archive"]
