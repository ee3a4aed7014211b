"""Undo and the page of activity (ux section 4): steps one after the other, what was changed elsewhere, what servers refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from tests.factories import make_account, make_email, make_mailbox, make_user
from tests.web.pages import body_of, client_of
from webmail.journal import steps
from webmail.journal.actions import move
from webmail.journal.models import Action, Step
from webmail.store.models import Email, EmailMailbox, Mailbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    account = make_account(alice)
    for name in ("Archive", "Trash", "Junk"):
        make_mailbox(account, name, role=name.lower())
    return make_mailbox(account, "Inbox", role="inbox")


def act(client: Client, do: str, *emails: Email, source: str = "/mail/inbox") -> None:
    client.post(reverse("act"), {"do": do, "ids": [email.thread.public_id for email in emails], "list": source})


def undo(client: Client, step: str = "") -> str:
    client.post(reverse("undo"), {"step": step, "list": "/mail/inbox"})
    return body_of(client.get("/mail/inbox"))


def role_of(email: Email) -> str:
    return EmailMailbox.objects.get(email=email).mailbox.role


def keywords_of(email: Email) -> set[str]:
    return set(email.keyword_rows.values_list("keyword", flat=True))


def test_each_further_undo_takes_back_the_step_before(client: Client, inbox: Mailbox) -> None:
    email = make_email(inbox)
    act(client, "star", email)
    act(client, "archive", email)
    act(client, "read", email)
    assert "Undone: Marked as read" in undo(client)
    assert "Undone: Archived" in undo(client)
    assert (role_of(email), keywords_of(email)) == ("inbox", {"$flagged"})
    assert "Undone: Starred" in undo(client)
    assert keywords_of(email) == set()
    assert "There is nothing to undo." in undo(client)


def test_steps_can_be_undone_without_their_toast_for_ten_minutes(client: Client, inbox: Mailbox) -> None:
    old, fresh = make_email(inbox), make_email(inbox)
    act(client, "archive", old)
    Step.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    act(client, "archive", fresh)
    undo(client)
    assert "There is nothing to undo." in undo(client)
    assert (role_of(old), role_of(fresh)) == ("archive", "inbox")
    undo(client, Step.objects.order_by("pk")[0].public_id)  # the page of activity still does
    assert role_of(old) == "inbox"


def test_twenty_steps_in_a_row_and_no_more(client: Client, inbox: Mailbox) -> None:
    emails = [make_email(inbox) for _ in range(21)]
    for email in emails:
        act(client, "archive", email)
    for _ in range(22):
        client.post(reverse("undo"), {"list": "/mail/inbox"})
    assert [role_of(email) for email in emails] == ["archive", *["inbox"] * 20]


def test_what_was_moved_on_elsewhere_stays_and_is_said(client: Client, alice: User, inbox: Mailbox) -> None:
    one, two = make_email(inbox), make_email(inbox)
    act(client, "archive", one, two)
    projects = make_mailbox(inbox.account, "Projects")
    move.move_emails(alice, [two], target=projects)
    page = undo(client)
    assert "Undone, but for 1 message that was changed elsewhere since." in page
    assert role_of(one) == "inbox"
    assert EmailMailbox.objects.get(email=two).mailbox == projects


def test_nothing_left_to_undo_is_said_too(client: Client, alice: User, inbox: Mailbox) -> None:
    email = make_email(inbox)
    act(client, "archive", email)
    move.move_emails(alice, [email], target=make_mailbox(inbox.account, "Projects"))
    assert "This was moved on elsewhere and cannot be undone any more." in undo(client)


def test_a_copy_is_taken_back_unless_it_is_all_that_is_left(client: Client, alice: User, inbox: Mailbox) -> None:
    projects = make_mailbox(inbox.account, "Projects")
    kept, moved = make_email(inbox), make_email(inbox)
    act(client, f"copy:{projects.public_id}", kept, moved)
    move.trash_emails(alice, [moved])
    move.move_emails(alice, [moved], target=projects)
    undo(client)
    assert role_of(kept) == "inbox"
    assert EmailMailbox.objects.get(email=moved).mailbox == projects


def test_one_step_for_one_press_over_two_accounts(client: Client, alice: User, inbox: Mailbox) -> None:
    other = make_account(alice)
    make_mailbox(other, "Archive", role="archive")
    one, two = make_email(inbox), make_email(make_mailbox(other, "Inbox", role="inbox"))
    act(client, "archive", one, two)
    step = Step.objects.get()
    assert step.actions.count() == 2
    assert "Undone: 2 conversations archived" in undo(client)
    assert (role_of(one), role_of(two)) == ("inbox", "inbox")


def test_an_act_that_changes_nothing_leaves_no_step(client: Client, inbox: Mailbox) -> None:
    email = make_email(inbox, keywords=("$seen",))
    act(client, "read", email)
    assert not Step.objects.exists()


def test_the_page_lists_steps_with_undo_and_what_is_for_good(client: Client, inbox: Mailbox) -> None:
    email = make_email(inbox)
    assert "Nothing yet." in body_of(client.get(reverse("activity")))
    act(client, "delete", email)
    trash = Mailbox.objects.get(role="trash")
    source = reverse("mailbox", args=[inbox.account.public_id, trash.public_id])
    client.post(reverse("act"), {"do": "delete", "ids": [email.thread.public_id], "list": source, "confirmed": "1"})
    page = body_of(client.get(reverse("activity")))
    assert page.index("Deleted for good") < page.index("Moved to Trash")
    assert page.count("For good") == 1
    step = Step.objects.order_by("pk")[0]
    response = client.post(reverse("undo"), {"step": step.public_id, "list": reverse("activity")})
    assert response.headers["Location"] == reverse("activity")
    assert ">Undone<" in body_of(client.get(reverse("activity")))


def test_what_a_server_refused_and_what_runs_stands_on_the_page(
    client: Client, alice: User, inbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "JOB_EMAILS", 0)
    email, other = make_email(inbox), make_email(inbox)
    act(client, "archive", email)
    act(client, "star", other)
    Action.objects.filter(kind="move").update(status=Action.Status.FAILED, error="The server said no.")
    page = body_of(client.get(reverse("activity")))
    assert "The server said no." in page
    assert "It was put back here." in page
    assert "The mail server knows of 0 of 1." in page
    bar = client.get(reverse("activity"), headers={"HX-Request": "true", "HX-Target": "jobs"}).content.decode()
    assert "1 job" in bar
    assert "<html" not in bar
    assert 'id="jobs"' in client.get("/mail/inbox").content.decode()
    step = Step.objects.get(verb="star")
    client.post(reverse("activity_stop", args=[step.public_id]), {"list": reverse("activity")})
    assert steps.jobs_of(alice) == []


def test_old_steps_are_removed_and_their_actions_stay(client: Client, inbox: Mailbox) -> None:
    act(client, "archive", make_email(inbox))
    Step.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert steps.remove_old_steps() == 1
    assert Action.objects.get().step is None


def test_what_was_looked_at_long_enough_counts_as_read_without_a_step(client: Client, inbox: Mailbox) -> None:
    email = make_email(inbox)
    response = client.post(reverse("seen"), {"id": email.thread.public_id}, headers={"HX-Request": "true"})
    assert 'id="sidebar"' in response.content.decode()
    assert keywords_of(email) == {"$seen"}
    assert not Step.objects.exists()


def test_restoring_leads_back_to_where_it_was_deleted_from(client: Client, inbox: Mailbox) -> None:
    projects = make_mailbox(inbox.account, "Projects")
    email, other = make_email(projects), make_email(Mailbox.objects.get(role="trash"))
    source = reverse("mailbox", args=[inbox.account.public_id, projects.public_id])
    act(client, "delete", email, source=source)
    trash = Mailbox.objects.get(role="trash")
    act(client, "restore", email, other, source=reverse("mailbox", args=[inbox.account.public_id, trash.public_id]))
    assert EmailMailbox.objects.get(email=email).mailbox == projects
    assert role_of(other) == "inbox"
