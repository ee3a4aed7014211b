"""Acts on everything that matches a list (ux section 4): what is meant, jobs with progress and stop, and their undo."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import MailAccount, User
from tests.factories import make_account, make_email, make_headers, make_item, make_mailbox, make_user
from tests.web.pages import body_of, client_of
from webmail.journal import steps
from webmail.journal.actions import selection
from webmail.journal.models import Action, Step
from webmail.store import consistency, ingest
from webmail.store.models import Email, EmailMailbox, Mailbox
from webmail.workers.waiting import FINDERS

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
    for name in ("Inbox", "Archive", "Junk", "Trash", "Sent"):
        make_mailbox(account, name, role=name.lower())
    return account


@pytest.fixture
def inbox(account: MailAccount) -> Mailbox:
    return Mailbox.objects.get(account=account, role="inbox")


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "FIRST_BATCH", 2)
    monkeypatch.setattr(selection, "BATCH", 3)
    monkeypatch.setattr(steps, "JOB_EMAILS", 4)


def fill(mailbox: Mailbox, count: int) -> list[int]:
    items = [
        make_item(
            mailbox, headers=make_headers(message_id=f"{number}@fill", subject=f"Subject {number}"), minutes=number
        )
        for number in range(count)
    ]
    return ingest.ingest_emails(mailbox.account_id, items)


def act_on_all(client: Client, do: str, source: str = "/mail/inbox", **data: Any) -> Any:
    return client.post(reverse("act"), {"do": do, "list": source, "all": "1", **data})


def work_off() -> None:
    """What workers do when sweep wakes them."""
    while found := list(FINDERS[selection.TASK]()):
        for action_id in found:
            selection.apply_rest(action_id)


def inside(role: str) -> int:
    return EmailMailbox.objects.filter(mailbox__role=role).count()


@pytest.mark.usefixtures("small_batches")
def test_the_first_rows_go_at_once_and_a_worker_does_the_rest(client: Client, inbox: Mailbox) -> None:
    ids = fill(inbox, 10)
    act_on_all(client, "archive")
    gone = set(EmailMailbox.objects.filter(mailbox__role="archive").values_list("email_id", flat=True))
    assert gone == set(ids[-2:])  # the newest: those that are seen
    page = body_of(client.get("/mail/inbox"))
    assert "10 conversations archived: 2 of 10 so far" in page
    assert "Stop" in page
    assert Step.objects.get().actions.get().step == Step.objects.get()
    late = make_email(inbox, headers=make_headers(message_id="late@x"), minutes=99)
    work_off()
    assert inside("archive") == 10
    assert EmailMailbox.objects.get(mailbox=inbox).email == late  # the set was fixed at the click
    toast = client.get(reverse("activity_toast", args=[Step.objects.get().public_id]))
    assert "10 conversations archived" in body_of(toast)
    assert 'name="step"' in toast.content.decode()
    assert "data-follow" not in toast.content.decode()
    assert consistency.check_account(inbox.account_id) == []


@pytest.mark.usefixtures("small_batches")
def test_undo_of_a_job_is_a_job_too(client: Client, inbox: Mailbox) -> None:
    fill(inbox, 10)
    act_on_all(client, "archive")
    work_off()
    client.post(reverse("undo"), {"list": "/mail/inbox"})
    assert 0 < inside("inbox") < 10
    assert "Undone: 10 conversations archived: " in body_of(client.get("/mail/inbox"))
    work_off()
    assert (inside("inbox"), inside("archive")) == (10, 0)
    assert consistency.check_account(inbox.account_id) == []


@pytest.mark.usefixtures("small_batches")
def test_undo_while_it_still_runs_ends_it_where_it_is(client: Client, inbox: Mailbox) -> None:
    fill(inbox, 10)
    act_on_all(client, "archive")
    client.post(reverse("undo"), {"list": "/mail/inbox"})
    work_off()
    assert (inside("inbox"), inside("archive")) == (10, 0)


@pytest.mark.usefixtures("small_batches")
def test_a_stopped_job_goes_no_further(client: Client, inbox: Mailbox) -> None:
    fill(inbox, 10)
    act_on_all(client, "archive")
    step = Step.objects.get()
    response = client.post(reverse("activity_stop", args=[step.public_id]), {"list": "/mail/inbox"})
    assert response.headers["Location"] == "/mail/inbox"
    work_off()
    assert inside("archive") == 2
    assert Action.objects.get().stop_wanted_at is not None
    assert "Stopped." in body_of(client.get("/mail/inbox"))


def test_rows_that_were_left_out_stay(client: Client, inbox: Mailbox) -> None:
    one, two = make_email(inbox), make_email(inbox)
    act_on_all(client, "archive", but=[one.thread.public_id])
    assert EmailMailbox.objects.get(mailbox=inbox).email == one
    assert EmailMailbox.objects.get(mailbox__role="archive").email == two
    assert "Archived" in body_of(client.get("/mail/inbox"))


@pytest.mark.parametrize("do", ["archive", "read", "unread", "star", "unstar", "junk", "delete", "mute", "important"])
@pytest.mark.parametrize("source", ["/mail/inbox", "/mail/unread", "/mail/search?q=subject:hello"])
def test_all_means_the_same_emails_as_every_row_by_itself(client: Client, inbox: Mailbox, do: str, source: str) -> None:
    """The table in `acts.meant`: a conversation with a copy of one's own in Sent, and a single message."""
    sent = Mailbox.objects.get(role="sent")
    emails = []
    for number in range(2):  # two alike: one is acted on as rows, one as all that match
        headers = make_headers(message_id=f"{number}@a", subject=f"Hello {number}")
        emails.append(make_email(inbox, headers=headers, minutes=1, keywords=("$flagged",)))
        for name, mailbox, minutes in (("b", sent, 2), ("c", inbox, 3)):
            reply = make_headers(
                message_id=f"{number}@{name}", subject=f"Re: Hello {number}", in_reply_to=[f"{number}@a"]
            )
            make_email(mailbox, headers=reply, minutes=minutes)
    first, second = emails
    client.post(reverse("act"), {"do": do, "list": source, "ids": [first.thread.public_id]})
    act_on_all(client, do, source, but=[first.thread.public_id])
    assert _state_of(first) == _state_of(second)


def _state_of(email: Email) -> list[tuple[list[str], list[str]]]:
    found = Email.objects.filter(thread_id=email.thread_id).order_by("received_at")
    return [
        (
            sorted(row.mailbox.name for row in one.mailbox_rows.select_related("mailbox")),
            sorted(one.keyword_rows.values_list("keyword", flat=True)),
        )
        for one in found
    ]


def test_deleting_all_in_trash_asks_with_the_number(client: Client, account: MailAccount) -> None:
    trash = Mailbox.objects.get(role="trash")
    fill(trash, 3)
    source = reverse("mailbox", args=[account.public_id, trash.public_id])
    response = act_on_all(client, "delete", source)
    assert "Delete these 3 for good?" in body_of(response)
    assert inside("trash") == 3
    act_on_all(client, "delete", source, confirmed="1")
    assert inside("trash") == 0
    assert Step.objects.get().is_final


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("role", ["trash", "junk"])
def test_emptying_asks_first_and_runs_as_a_job_that_cannot_be_undone(
    client: Client, account: MailAccount, role: str
) -> None:
    mailbox = Mailbox.objects.get(role=role)
    fill(mailbox, 7)
    source = reverse("mailbox", args=[account.public_id, mailbox.public_id])
    asked = client.post(reverse("empty"), {"list": source})
    assert f"Delete all 7 messages in {role.title()} for good?" in body_of(asked)
    assert inside(role) == 7
    client.post(reverse("empty"), {"list": source, "confirmed": "1"})
    work_off()
    assert inside(role) == 0
    assert "7 messages deleted for good" in body_of(client.get(reverse("activity")))
    client.post(reverse("undo"), {"list": source})
    assert inside(role) == 0
    assert "There is nothing to undo." in body_of(client.get(source))


def test_only_trash_and_junk_can_be_emptied(client: Client, inbox: Mailbox) -> None:
    fill(inbox, 2)
    client.post(reverse("empty"), {"list": "/mail/inbox", "confirmed": "1"})
    assert inside("inbox") == 2


def test_all_of_a_label_and_all_of_a_mailbox_as_read(client: Client, alice: User, inbox: Mailbox) -> None:
    client.post(reverse("act"), {"do": "label:new", "name": "Work", "ids": [make_email(inbox).thread.public_id]})
    other = make_email(inbox, headers=make_headers(message_id="other@x", subject="Other"))
    label = alice.labels.get()
    act_on_all(client, "read", reverse("label", args=[label.public_id]))
    assert not other.keyword_rows.exists()
    assert Email.objects.filter(is_unread=True).count() == 1
    act_on_all(client, "read", reverse("mailbox", args=[inbox.account.public_id, inbox.public_id]))
    assert not Email.objects.filter(is_unread=True).exists()
