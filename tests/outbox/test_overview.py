"""What a person sees of their queue: each message stands in one section, and what is settled leaves it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from tests.factories import make_account, make_email, make_mailbox, make_user
from webmail.outbox.models import DeliveryReport, Draft, HeldFor, Kind, Phase, Submission
from webmail.outbox.queue import control, overview, submit
from webmail.outbox.writing import drafts
from webmail.store.models import Mailbox

pytestmark = pytest.mark.django_db

LISTS = (overview.needing_a_look, overview.scheduled_of, overview.waiting_of, overview.settled_of)


@pytest.fixture
def alice() -> User:
    return make_user()


def make(user: User, *, subject: str = "Plan", to: str = "ben@example.net", **columns: Any) -> Submission:
    draft = drafts.create_draft(user.mail_accounts.first() or make_account(user))
    fields = drafts.DraftFields(to=to, subject=subject, text="Hi")
    draft = drafts.save_draft(draft, fields=fields, expected_revision=None)
    made = submit.submit_draft(draft, user=user, idempotency_key=f"key-{draft.pk}")
    if columns:
        Submission.objects.filter(pk=made.pk).update(**{"held_for": "", **columns})
    return Submission.objects.get(pk=made.pk)


def come_back(submission: Submission, *, at: datetime) -> None:
    """As when the report of a server has been read."""
    submission.recipients.update(report="failed", report_at=at)
    inbox = Mailbox.objects.filter(account=submission.account, role="inbox").first()
    email = make_email(inbox or make_mailbox(submission.account, "Inbox", role="inbox"))
    DeliveryReport.objects.create(
        account=submission.account, submission=submission, email=email, kind=DeliveryReport.Kind.DELIVERY, at=at
    )


def sections(user: User) -> dict[str, set[Submission]]:
    return {listing.__name__: set(listing(user)) for listing in LISTS}


def test_every_message_stands_in_exactly_one_section(alice: User) -> None:
    now = timezone.now()
    long_ago = now - timedelta(hours=3)
    made = {
        "waiting_of": {
            make(alice),
            make(alice, phase=Phase.QUEUED),
            make(alice, phase=Phase.DOT_SENT),
            make(alice, phase=Phase.RETRY, first_try_at=now),
            make(alice, phase=Phase.HELD, held_for=HeldFor.LIMIT),
        },
        "scheduled_of": {make(alice, phase=Phase.HELD, held_for=HeldFor.SCHEDULE, send_at=now + timedelta(days=1))},
        "needing_a_look": {
            make(alice, phase=Phase.UNCONFIRMED),
            make(alice, phase=Phase.RETRY, first_try_at=long_ago),
            make(alice, phase=Phase.HELD, held_for=HeldFor.RESTORE),
            make(alice, phase=Phase.ACCEPTED, accepted_at=now, sent_copy_failures=1),
        },
        "settled_of": {
            make(alice, phase=Phase.DONE, accepted_at=now),
            make(alice, phase=Phase.ACCEPTED, accepted_at=now),
            make(alice, phase=Phase.CANCELLED),
        },
    }
    assert sections(alice) == made
    counts = overview.counts_of(alice)
    assert (counts.look, counts.scheduled, counts.waiting) == (4, 1, 5)


@pytest.mark.req("R69")
def test_a_failed_message_needs_a_look_until_its_draft_is_dealt_with(alice: User) -> None:
    failed = make(alice, phase=Phase.FAILED)
    draft = drafts.create_draft(failed.account)
    Draft.objects.filter(pk=draft.pk).update(message_id=failed.message_id)
    assert list(overview.needing_a_look(alice)) == [failed]
    assert overview.returned_draft(failed) == draft
    drafts.discard_draft(drafts.get_current(draft))
    assert list(overview.needing_a_look(alice)) == []
    assert overview.counts_of(alice).look == 0
    assert list(overview.settled_of(alice)) == [failed]


def test_a_failed_message_that_was_sent_again_is_settled(alice: User) -> None:
    first = make(alice, phase=Phase.FAILED)
    again = make(alice, phase=Phase.FAILED, message_id=first.message_id)
    draft = drafts.create_draft(first.account)
    Draft.objects.filter(pk=draft.pk).update(message_id=first.message_id)
    assert list(overview.needing_a_look(alice)) == [again]


@pytest.mark.req("R68")
def test_what_went_wrong_behind_the_server_is_shown_for_a_week(alice: User) -> None:
    now = timezone.now()
    refused = make(alice, phase=Phase.DONE, accepted_at=now)
    refused.recipients.update(status="refused")
    came_back = make(alice, phase=Phase.DONE, accepted_at=now - timedelta(days=9))
    come_back(came_back, at=now)
    old = make(alice, phase=Phase.DONE, accepted_at=now - timedelta(days=9))
    old.recipients.update(status="refused")
    older = make(alice, phase=Phase.DONE, accepted_at=now - timedelta(days=20))
    come_back(older, at=now - timedelta(days=9))
    assert set(overview.needing_a_look(alice)) == {refused, came_back}
    assert list(overview.settled_of(alice)) == [older, old]
    assert overview.counts_of(alice).look == 2


def test_receipts_and_messages_of_others_are_in_no_list(alice: User) -> None:
    make(alice, kind=Kind.RECEIPT, phase=Phase.FAILED)
    make(make_user("bob"))
    assert not any(sections(alice).values())
    assert overview.counts_of(alice) == overview.Counts(0, 0, 0, 0)
    assert not overview.find(alice).exists()


def test_messages_are_found_by_recipient_subject_and_state(alice: User) -> None:
    plan = make(alice, subject="Quarterly plan", to="Ben <ben@example.net>, carl@example.org")
    party = make(alice, subject="Party", phase=Phase.DONE, accepted_at=timezone.now())
    assert list(overview.find(alice, words="PLAN")) == [plan]
    assert list(overview.find(alice, words="carl@")) == [plan]
    assert list(overview.find(alice, words="ben@example.net")) == [party, plan]
    assert list(overview.find(alice, words="ben plan")) == [plan]
    assert list(overview.find(alice, state="sent")) == [party]
    assert list(overview.find(alice, words="party", state="waiting")) == []
    assert list(overview.find(alice, state="look")) == []


def test_what_a_person_has_dismissed_needs_no_look_until_more_is_reported(alice: User):
    submission = make(alice, phase=Phase.DONE, accepted_at=timezone.now())
    submission.recipients.update(status="refused")
    assert overview.counts_of(alice).look == 1

    control.acknowledge(submission)

    assert overview.counts_of(alice).look == 0
    assert not overview.needing_a_look(alice).exists()
    assert list(overview.settled_of(alice)) == [submission]

    come_back(submission, at=timezone.now())

    assert overview.counts_of(alice).look == 1
    assert list(overview.needing_a_look(alice)) == [submission]
