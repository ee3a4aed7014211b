"""Sending later, sending and archiving, and the toast that follows a message until it has left."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import MailAccount, User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.pages import MARKER, body_of, client_of
from webmail.outbox.models import Draft, HeldFor, Phase, Submission
from webmail.outbox.writing import drafts
from webmail.store.models import Email, Mailbox

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 24, 11, 0, tzinfo=UTC)  # 12:00 in Berlin, a Tuesday, five days before the clocks go forward
RAW = b"From: Ben <ben@example.net>\r\nTo: box@example.org\r\nSubject: Plan\r\nMessage-ID: <plan@example.net>\r\n\r\nShall we?\r\n"


@pytest.fixture
def alice() -> User:
    return make_user(timezone="Europe/Berlin")


@pytest.fixture
def account(alice: User) -> MailAccount:
    return make_account(alice)


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


def make_draft(account: MailAccount, **fields: Any) -> Draft:
    draft = drafts.create_draft(account)
    given = drafts.DraftFields(**{"to": "Ben Hale <ben@example.net>", "subject": "Plan", "text": "Hi", **fields})
    return drafts.save_draft(draft, fields=given, expected_revision=None)


def post(client: Client, draft: Draft, act: str, **changes: Any) -> Any:
    assert draft.identity is not None
    form = {"identity": draft.identity.public_id, "revision": draft.revision, "key": "key-1", "act": act}
    form |= {name: getattr(draft, name) for name in ("to", "cc", "bcc", "subject", "text")}
    return client.post(reverse("compose", args=[draft.public_id]), form | changes)


@pytest.mark.req("R74")
@time_machine.travel(NOON, tick=False)
def test_times_are_offered_in_the_zone_of_the_person(client: Client, account: MailAccount) -> None:
    page = body_of(client.get(reverse("compose", args=[make_draft(account).public_id])))
    assert 'value="at:2026-03-24T15:00"' in page
    assert 'value="at:2026-03-25T08:00"' in page
    assert 'value="at:2026-03-30T08:00"' in page
    assert 'name="send_zone" value="Europe/Berlin"' in page
    assert "Tomorrow morning" in body_of(client.get(reverse("compose_times")))


@pytest.mark.req("R74")
@time_machine.travel(NOON, tick=False)
def test_a_time_that_was_offered_schedules_the_message(client: Client, account: MailAccount) -> None:
    answer = post(client, make_draft(account), "at:2026-03-25T08:00", send_zone="Europe/Berlin", back="/mail/sent")
    sent = Submission.objects.get()
    assert (sent.phase, sent.held_for, sent.send_zone, sent.send_wall) == (
        Phase.HELD,
        HeldFor.SCHEDULE,
        "Europe/Berlin",
        "2026-03-25T08:00:00",
    )
    assert sent.send_at == datetime(2026, 3, 25, 7, 0, tzinfo=UTC)
    page = body_of(client.get(answer["Location"]))
    assert "Leaves tomorrow at 08:00." in page
    assert 'id="nav-scheduled"' in page
    assert "data-countdown" not in page
    listed = body_of(client.get(reverse("outbox") + "?show=scheduled"))
    for words in ("Leaves tomorrow at 08:00.", "Edit", "Reschedule", "Send now", "Delete"):
        assert words in listed


@pytest.mark.req("R74")
@time_machine.travel(NOON, tick=False)
def test_an_hour_that_the_clocks_leave_out_is_shifted_and_said(client: Client, account: MailAccount) -> None:
    answer = post(client, make_draft(account), "later", send_wall="2026-03-29T02:30", send_zone="Europe/Berlin")
    sent = Submission.objects.get()
    assert (sent.send_wall, sent.send_at) == ("2026-03-29T03:30:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC))
    page = body_of(client.get(answer["Location"]))
    assert "02:30 does not exist on 29 March in Europe/Berlin" in page
    assert "It leaves at 03:30." in page


@pytest.mark.req("R74")
@time_machine.travel(NOON, tick=False)
@pytest.mark.parametrize(
    ("wall", "zone", "words"),
    [
        ("2026-03-24T11:59", "Europe/Berlin", "This time has passed"),
        ("2026-05-24T12:00", "Europe/Berlin", "At most 60 days ahead"),
        ("", "Europe/Berlin", "Choose a day and a time"),
        ("tomorrow", "Europe/Berlin", "Choose a day and a time"),
        ("2026-03-25T08:00", "Europe/Atlantis", "There is no time zone “Europe/Atlantis”"),
        ("0001-01-01T00:00", "Asia/Tokyo", "Choose a day and a time"),
    ],
)
def test_a_time_that_cannot_be_is_said_at_its_place_and_nothing_is_lost(
    client: Client, account: MailAccount, wall: str, zone: str, words: str
) -> None:
    answer = post(client, make_draft(account), "later", send_wall=wall, send_zone=zone, text="Long letter")
    assert answer.status_code == 422
    page = body_of(answer)
    assert words in page.partition('id="send_wall_error"')[2]
    assert "Long letter" in page
    assert not Submission.objects.exists()


@pytest.mark.req("R74")
@time_machine.travel(NOON, tick=False)
def test_a_scheduled_message_is_moved_sent_now_or_deleted(client: Client, account: MailAccount) -> None:
    post(client, make_draft(account), "at:2026-03-25T08:00")
    sent = Submission.objects.get()
    item = reverse("outbox_item", args=[sent.public_id])
    act = reverse("outbox_act", args=[sent.public_id])
    assert 'value="2026-03-25T08:00"' in body_of(client.get(f"{item}?reschedule=1"))
    answer = client.post(act, {"act": "reschedule", "send_wall": "2026-03-24T10:00", "send_zone": "Europe/Berlin"})
    assert answer.status_code == 422
    assert "This time has passed" in body_of(answer)
    answer = client.post(act, {"act": "reschedule", "send_wall": "2026-03-26T09:15", "send_zone": "Europe/Berlin"})
    assert "Leaves on Thursday at 09:15." in body_of(client.get(answer["Location"]))
    sent.refresh_from_db()
    assert sent.send_wall == "2026-03-26T09:15:00"
    client.post(act, {"act": "send_now", "back": reverse("outbox") + "?show=scheduled"})
    sent.refresh_from_db()
    assert sent.phase == Phase.QUEUED
    post(client, make_draft(account), "at:2026-03-25T08:00", key="key-2")
    other = Submission.objects.get(idempotency_key="key-2")
    answer = client.post(
        reverse("outbox_act", args=[other.public_id]), {"act": "discard", "back": "/outbox?show=scheduled"}
    )
    assert answer["Location"] == "/outbox?show=scheduled"
    other.refresh_from_db()
    assert other.phase == Phase.CANCELLED
    assert not Draft.objects.exists()


@time_machine.travel(NOON, tick=False)
def test_editing_a_scheduled_message_opens_its_draft(client: Client, account: MailAccount) -> None:
    post(client, make_draft(account), "at:2026-03-25T08:00")
    sent = Submission.objects.get()
    answer = client.post(reverse("outbox_act", args=[sent.public_id]), {"act": "cancel"})
    address = reverse("compose", args=[Draft.objects.get().public_id])
    assert answer["Location"] == f"{address}?at=2026-03-25T08%3A00"
    assert 'name="send_wall" value="2026-03-25T08:00"' in body_of(client.get(answer["Location"]))
    assert 'name="send_wall" value=""' in body_of(client.get(f"{address}?at=%22%3E<script>"))


@time_machine.travel(NOON, tick=False)
def test_a_time_chosen_in_another_zone_is_shown_in_both(client: Client, account: MailAccount) -> None:
    post(client, make_draft(account), "later", send_wall="2026-03-25T07:30", send_zone="America/New_York")
    page = body_of(client.get(reverse("outbox")))
    assert "Leaves tomorrow at 12:30. It is 07:30 then in America/New York." in page


@time_machine.travel(NOON, tick=False)
def test_without_a_zone_of_their_own_people_get_that_of_their_browser(client: Client, account: MailAccount) -> None:
    User.objects.update(timezone="")
    address = reverse("compose", args=[make_draft(account).public_id])
    assert 'name="send_zone" value="UTC"' in body_of(client.get(address))
    client.cookies["zone"] = "Asia%2FTokyo"
    assert 'name="send_zone" value="Asia/Tokyo"' in body_of(client.get(address))
    for bad in ("../../etc/passwd", "x" * 5000, "<b>", "%00"):
        client.cookies["zone"] = bad
        assert 'name="send_zone" value="UTC"' in body_of(client.get(address))


# Send and archive -----------------------------------------------------------------------------------------------------


def mailboxes_of(email: Email) -> set[str]:
    return set(Mailbox.objects.filter(email_rows__email=email).values_list("name", flat=True))


@pytest.fixture
def reply(account: MailAccount) -> Draft:
    make_mailbox(account, "Archive", role="archive")
    inbox = make_mailbox(account, "Inbox", role="inbox")
    return drafts.create_draft(account, original=make_email_from_bytes(inbox, RAW), mode="reply")


@pytest.mark.req("R73")
def test_one_undo_takes_back_the_answer_and_the_archiving(client: Client, reply: Draft) -> None:
    original = reply.original
    assert original is not None
    assert "Send and archive" in body_of(client.get(reverse("compose", args=[reply.public_id])))
    answer = post(client, reply, "send_archive")
    assert mailboxes_of(original) == {"Archive"}
    page = body_of(client.get(answer["Location"]))
    assert "Sending to Ben in" in page
    assert "Archived." in page
    sent = Submission.objects.get()
    client.post(reverse("outbox_act", args=[sent.public_id]), {"act": "cancel"})
    assert mailboxes_of(original) == {"Inbox"}
    assert Draft.objects.get().subject == "Re: Plan"


def test_too_late_an_undo_leaves_the_archiving_too(client: Client, reply: Draft) -> None:
    original = reply.original
    assert original is not None
    post(client, reply, "send_archive")
    Submission.objects.update(phase=Phase.DONE)
    client.post(reverse("outbox_act", args=[Submission.objects.get().public_id]), {"act": "cancel"})
    assert mailboxes_of(original) == {"Archive"}


def test_without_an_archive_the_answer_is_sent_and_that_is_said(client: Client, account: MailAccount) -> None:
    inbox = make_mailbox(account, "Inbox", role="inbox")
    draft = drafts.create_draft(account, original=make_email_from_bytes(inbox, RAW), mode="reply")
    answer = post(client, draft, "send_archive")
    assert answer.status_code == 302
    assert "rchive" in body_of(client.get(answer["Location"])).partition('id="toasts"')[2]
    assert Submission.objects.get().archive_undo == ""


def test_a_new_message_has_nothing_to_archive(client: Client, account: MailAccount) -> None:
    page = body_of(client.get(reverse("compose", args=[make_draft(account).public_id])))
    assert "Send and archive" not in page.partition("<main")[2].partition("</main>")[0]


# What is asked for ----------------------------------------------------------------------------------------------------


def test_what_is_asked_for_is_saved_and_sent(client: Client, account: MailAccount) -> None:
    account.outgoing_offers = {"REQUIRETLS": ""}
    account.save(update_fields=["outgoing_offers"])
    draft = make_draft(account)
    page = body_of(client.get(reverse("compose", args=[draft.public_id])))
    assert "disabled" not in page.partition('id="id_requires_tls"')[2][:80]
    asked = {"wants_receipt": "on", "wants_delivery_report": "on", "requires_tls": "on"}
    client.post(
        reverse("compose_save", args=[draft.public_id]),
        {"identity": draft.identity.public_id, "revision": draft.revision, "to": draft.to, **asked},  # type: ignore[union-attr]
    )
    draft.refresh_from_db()
    assert (draft.wants_receipt, draft.wants_delivery_report, draft.requires_tls) == (True, True, True)
    post(client, draft, "send", **asked)
    sent = Submission.objects.get()
    assert sent.wants_receipt
    assert sent.requires_tls
    assert "SUCCESS" in sent.notify
    page = body_of(client.get(reverse("outbox_item", args=[sent.public_id])))
    assert "a read receipt" in page
    assert "only over encrypted connections" in page


def test_encryption_all_the_way_is_offered_only_where_the_server_can(client: Client, account: MailAccount) -> None:
    page = body_of(client.get(reverse("compose", args=[make_draft(account).public_id])))
    assert "does not offer it (REQUIRETLS)" in page
    assert "disabled" in page.partition('id="id_requires_tls"')[2][:80]


# The toast ------------------------------------------------------------------------------------------------------------


def toast_of(client: Client, sent: Submission) -> str:
    return body_of(client.get(reverse("outbox_toast", args=[sent.public_id])))


@pytest.mark.req("R73")
def test_the_toast_follows_a_message_to_its_end(client: Client, account: MailAccount) -> None:
    post(client, make_draft(account), "send")
    sent = Submission.objects.get()
    follow = f'data-follow="{reverse("outbox_toast", args=[sent.public_id])}"'
    toast = toast_of(client, sent)
    assert "Sending to Ben in" in toast
    assert "Undo" in toast
    assert follow in toast
    # The seconds that are shown are over; the server holds it a little longer.
    Submission.objects.update(send_at=timezone.now() + timedelta(seconds=2))
    toast = toast_of(client, sent)
    assert "Sending to Ben …" in toast
    assert "Undo" not in toast
    assert follow in toast
    Submission.objects.update(phase=Phase.ACCEPTED, accepted_at=timezone.now())
    toast = toast_of(client, sent)
    assert "Sent to Ben." in toast
    assert "data-follow" not in toast


@pytest.mark.parametrize(
    ("columns", "kind", "words"),
    [
        ({"phase": Phase.FAILED, "last_reply": "Not sent. No such user."}, "danger", "Not sent to Ben. No such user."),
        ({"phase": Phase.UNCONFIRMED}, "warn", "it may have left"),
        ({"phase": Phase.RETRY, "last_reply": "451 later"}, "warn", "Not sent yet"),
        ({"phase": Phase.HELD, "held_for": HeldFor.LIMIT}, "warn", "may be sent in a day"),
    ],
)
def test_trouble_stays_until_it_is_closed(
    client: Client, account: MailAccount, columns: dict[str, Any], kind: str, words: str
) -> None:
    post(client, make_draft(account), "send")
    Submission.objects.update(**columns)
    toast = toast_of(client, Submission.objects.get())
    assert words in toast
    assert f"toast--{kind}" in toast
    assert "data-sticky" in toast
    assert "data-follow" not in toast


@pytest.mark.req("R76")
def test_a_limit_is_said_at_once_and_in_the_outbox(client: Client, alice: User, account: MailAccount) -> None:
    alice.daily_messages = 1
    alice.save()
    post(client, make_draft(account), "send")
    answer = post(client, make_draft(account), "send", key="key-2")
    page = body_of(client.get(answer["Location"]))
    assert "this one leaves at about" in page.partition('id="toasts"')[2]
    assert "this one leaves at about" in body_of(client.get(reverse("outbox")))


@pytest.mark.req("R9")
def test_names_in_a_toast_are_text(client: Client, account: MailAccount) -> None:
    name = re.sub(r"[\"']", "", MARKER) + " {seconds}"
    answer = post(client, make_draft(account), "send", to=f'"{name}" <ben@example.net>')
    page = client.get(answer["Location"]).content.decode()
    assert "<script>alert" not in page
    assert page.count("data-bare") == 1


def test_a_window_that_renews_itself_leaves_the_toast_to_the_next_page(client: Client, account: MailAccount) -> None:
    answer = post(client, make_draft(account), "send")
    for address, target in ((reverse("outbox"), "outbox"), (reverse("inbox"), "list")):
        renewed = client.get(address, headers={"HX-Request": "true", "HX-Target": target})
        assert "Sending to Ben" not in body_of(renewed).partition('id="toasts"')[2]
    assert "Sending to Ben in" in body_of(client.get(answer["Location"]))
