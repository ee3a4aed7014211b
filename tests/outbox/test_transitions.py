"""The moves between phases: which are allowed, what they leave behind, and who may make them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import services
from accounts.models import AccountState
from tests.outbox.letters import make_sender, submit
from webmail.outbox.models import Draft, Phase, Submission
from webmail.outbox.queue import control, copies, delivery, doubt, moves, schedule, upkeep
from webmail.outbox.queue.answers import Answer
from webmail.store import changes

pytestmark = pytest.mark.django_db

OK = Answer(250, "queued", "2.0.0")
LATER = Answer(451, "later", "4.3.0")
NO = Answer(550, "no such user", "5.1.1")

Move = Callable[[Submission], object]


def end_copy(row: Submission) -> list[Submission]:
    with changes.recording(row.account_id) as record:
        return copies.mark_all_done(record, [row], text="filed")


MOVES: dict[str, tuple[set[Phase], Move]] = {
    "claim": ({Phase.QUEUED, Phase.RETRY}, lambda row: delivery.claim(row.pk, "other")),
    "mark_in_data": ({Phase.CLAIMED}, lambda row: delivery.mark_in_data(row, answers={})),
    "mark_envelope_refused": (
        {Phase.CLAIMED},
        lambda row: delivery.mark_envelope_refused(row, answers={"bob@example.org": NO}),
    ),
    "mark_dot_sent": ({Phase.CLAIMED, Phase.IN_DATA}, lambda row: delivery.mark_dot_sent(row, recipients=())),
    "mark_accepted": (
        {Phase.DOT_SENT, Phase.UNCONFIRMED},
        lambda row: delivery.mark_accepted(row, reply=OK, recipients=["bob@example.org"]),
    ),
    "mark_retry": (
        {Phase.CLAIMED, Phase.IN_DATA, Phase.DOT_SENT, Phase.UNCONFIRMED},
        lambda row: delivery.mark_retry(row, reply=LATER),
    ),
    "mark_failed": (
        {Phase.CLAIMED, Phase.IN_DATA, Phase.DOT_SENT, Phase.UNCONFIRMED},
        lambda row: delivery.mark_failed(row, reply=NO),
    ),
    "mark_unconfirmed": ({Phase.DOT_SENT}, lambda row: delivery.mark_unconfirmed(row, text="doubt")),
    "put_back": ({Phase.CLAIMED}, lambda row: delivery.put_back(row, text="password")),
    "mark_done": ({Phase.ACCEPTED}, end_copy),
    "mark_copy_failed": ({Phase.ACCEPTED}, lambda row: copies.mark_copy_failed(row, text="full")),
    "cancel": ({Phase.HELD, Phase.QUEUED, Phase.RETRY}, control.cancel),
    "stop_trying": ({Phase.RETRY}, control.stop_trying),
    "retry_now": ({Phase.QUEUED, Phase.RETRY}, control.retry_now),
    "resolve as sent": ({Phase.UNCONFIRMED}, lambda row: doubt.resolve_unconfirmed(row, sent=True)),
    "resolve as unsent": ({Phase.UNCONFIRMED}, lambda row: doubt.resolve_unconfirmed(row, sent=False)),
}


def in_phase(phase: Phase, *, owner: str = "worker") -> Submission:
    submission = submit(make_sender())
    now = timezone.now()
    Submission.objects.filter(pk=submission.pk).update(
        phase=phase, lease_owner=owner, attempts=1, first_try_at=now, next_try_at=now
    )
    return moves.reload(submission)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("name", MOVES)
@pytest.mark.req("R65")
def test_a_move_happens_only_from_the_phases_it_may_leave(name, phase):
    allowed, move = MOVES[name]
    row = in_phase(phase)

    moved = bool(move(row))

    assert moved == (phase in allowed)
    if not moved:
        after = moves.reload(row)
        assert (after.phase, after.updated_modseq) == (phase, row.updated_modseq)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("mark_in_data", Phase.IN_DATA),
        ("mark_dot_sent", Phase.DOT_SENT),
        ("mark_accepted", Phase.ACCEPTED),
        ("mark_retry", Phase.RETRY),
        ("mark_failed", Phase.FAILED),
        ("mark_unconfirmed", Phase.UNCONFIRMED),
        ("mark_done", Phase.DONE),
        ("cancel", Phase.CANCELLED),
        ("resolve as sent", Phase.ACCEPTED),
        ("resolve as unsent", Phase.RETRY),
    ],
)
def test_a_move_leaves_phase_event_and_change_record(name, target):
    allowed, move = MOVES[name]
    row = in_phase(next(iter(allowed)))

    move(row)

    after = moves.reload(row)
    assert after.phase == target
    assert after.updated_modseq > row.updated_modseq
    assert changes.state_of(row.account_id, changes.SUBMISSION) == after.updated_modseq
    assert row.public_id in changes.changes_since(row.account_id, changes.SUBMISSION, row.updated_modseq).updated
    assert after.events.last().phase == target


@pytest.mark.parametrize("name", ["mark_in_data", "mark_dot_sent", "mark_accepted", "mark_retry", "mark_failed"])
@pytest.mark.req("R64")
def test_a_worker_that_lost_its_claim_moves_nothing(name):
    allowed, move = MOVES[name]
    row = in_phase(next(iter(allowed)))
    Submission.objects.filter(pk=row.pk).update(lease_owner="somebody else")

    assert not move(row)

    assert moves.reload(row).phase == row.phase


@pytest.mark.req("R64")
def test_only_one_of_two_claims_wins():
    submission = submit(make_sender())

    first, second = delivery.claim(submission.pk, "one"), delivery.claim(submission.pk, "two")

    assert first is not None
    assert second is None
    assert (first.phase, first.attempts, first.lease_owner) == (Phase.CLAIMED, 1, "one")


@pytest.mark.req("R69")
def test_a_claim_stores_the_time_of_the_next_try_first():
    submission = submit(make_sender())

    claimed = delivery.claim(submission.pk, "one")

    wait = (claimed.next_try_at - claimed.first_try_at).total_seconds()
    assert 450 * 0.9 <= wait <= 450 * 1.1
    delivery.mark_retry(claimed, reply=LATER)
    assert delivery.claim(submission.pk, "two") is None
    assert moves.reload(submission).next_try_at == claimed.next_try_at


@pytest.mark.parametrize("state", [AccountState.PAUSED, AccountState.AUTH_FAILED])
@pytest.mark.req("R68")
def test_a_stopped_account_keeps_its_queue(state):
    submission = submit(make_sender())
    services.set_state(submission.account, state)
    assert delivery.claim(submission.pk, "one") is None
    services.resume_account(submission.account)
    assert delivery.claim(submission.pk, "one") is not None


@pytest.mark.req("R69")
def test_the_last_try_is_given_up_and_the_draft_comes_back():
    submission = submit(make_sender(), to="bob@example.org", bcc="eve@example.org", text="precious")
    tries = 0
    while moves.reload(submission).phase in (Phase.QUEUED, Phase.RETRY):
        Submission.objects.filter(pk=submission.pk).update(next_try_at=timezone.now())
        claimed = delivery.claim(submission.pk, f"worker {tries}")
        delivery.mark_retry(claimed, reply=LATER)
        tries += 1

    after = moves.reload(submission)
    assert (after.phase, tries) == (Phase.FAILED, schedule.MAX_TRIES)
    assert "451 4.3.0 later" in after.last_reply
    draft = Draft.objects.get(account=submission.account)
    assert (draft.to, draft.bcc, draft.text) == ("bob@example.org", "eve@example.org", "precious")


@pytest.mark.req("R69")
def test_nothing_is_tried_after_48_hours():
    row = in_phase(Phase.CLAIMED)
    long_ago = timezone.now() - schedule.GIVE_UP_AFTER
    Submission.objects.filter(pk=row.pk).update(first_try_at=long_ago)
    assert delivery.mark_retry(moves.reload(row), reply=LATER) == Phase.FAILED


@pytest.mark.req("R69")
def test_the_schedule_is_the_table_and_ends_before_48_hours(monkeypatch):
    monkeypatch.setattr(schedule, "JITTER", 0.0)
    first = now = timezone.now()
    hours = []
    for tries in range(1, schedule.MAX_TRIES):
        now = schedule.next_try(tries=tries, first_try_at=first, now=now)
        hours.append((now - first).total_seconds() / 3600)
    expected = [0.125, 0.375, 0.875, 1.875, 3.875, 7.875, 15.875, 31.875, 47.875]
    assert hours == pytest.approx(expected)
    monkeypatch.setattr(schedule, "JITTER", 0.9)
    late = first + timedelta(hours=40)
    assert all(
        schedule.next_try(tries=9, first_try_at=first, now=late) <= first + schedule.GIVE_UP_AFTER for _ in range(50)
    )


@pytest.mark.req("R69")
def test_the_user_is_told_once_of_a_delay():
    row = in_phase(Phase.RETRY, owner="")
    assert upkeep.tell_delayed() == 0
    Submission.objects.filter(pk=row.pk).update(first_try_at=timezone.now() - schedule.TELL_AFTER)
    assert upkeep.tell_delayed() == 1
    assert upkeep.tell_delayed() == 0
    assert row.events.last().text.startswith("Delayed. We try again until")


@pytest.mark.req("R68")
def test_an_accepted_recipient_is_not_tried_again():
    row = submit(make_sender(), to="bob@example.org, carol@example.org, dave@example.org")
    claimed = delivery.claim(row.pk, "one")
    answers = {"bob@example.org": OK, "carol@example.org": LATER, "dave@example.org": NO}
    delivery.mark_in_data(claimed, answers=answers)
    delivery.mark_dot_sent(claimed, recipients=())

    phase = delivery.mark_accepted(claimed, reply=OK, recipients=["bob@example.org"])

    assert phase == Phase.RETRY
    statuses = dict(row.recipients.values_list("email", "status"))
    assert statuses == {"bob@example.org": "accepted", "carol@example.org": "waiting", "dave@example.org": "refused"}
    replies = dict(row.recipients.values_list("email", "reply"))
    assert replies["carol@example.org"] == "451 4.3.0 later"
    assert control.cancel(row) is None  # it has reached somebody
    assert control.stop_trying(moves.reload(row)) == Phase.ACCEPTED
    assert not Draft.objects.filter(account=row.account).exists()


@pytest.mark.req("R73")
def test_undo_gives_the_draft_back_with_its_files():
    submission = submit(make_sender(), text="not yet", send_at=timezone.now() + timedelta(seconds=10))
    assert submission.phase == Phase.HELD

    draft = control.cancel(submission)

    assert draft.text == "not yet"
    assert control.cancel(submission) is None
    assert moves.reload(submission).phase == Phase.CANCELLED


@pytest.mark.req("R73")
def test_undo_after_the_claim_comes_too_late():
    submission = submit(make_sender())
    assert delivery.claim(submission.pk, "one") is not None
    assert control.cancel(submission) is None
    assert not Draft.objects.filter(account=submission.account).exists()


@pytest.mark.req("R74")
def test_what_is_held_goes_when_its_time_has_come():
    submission = submit(make_sender(), send_at=timezone.now() + timedelta(hours=1))
    assert upkeep.release_due() == 0
    Submission.objects.filter(pk=submission.pk).update(send_at=timezone.now())
    assert upkeep.release_due() == 1
    assert delivery.claim(submission.pk, "one") is not None


@pytest.mark.req("R74")
def test_what_was_missed_by_more_than_a_day_is_not_sent_unasked():
    submission = submit(make_sender(), text="for yesterday", send_at=timezone.now() + timedelta(hours=1))
    Submission.objects.filter(pk=submission.pk).update(send_at=timezone.now() - timedelta(hours=25))
    assert upkeep.release_due() == 0
    assert moves.reload(submission).phase == Phase.FAILED
    assert Draft.objects.get(account=submission.account).text == "for yesterday"


@pytest.mark.parametrize(
    ("phase", "target"),
    [
        (Phase.CLAIMED, Phase.RETRY),
        (Phase.IN_DATA, Phase.RETRY),
        (Phase.DOT_SENT, Phase.UNCONFIRMED),
        (Phase.ACCEPTED, Phase.ACCEPTED),
    ],
)
@pytest.mark.req("R65")
def test_an_expired_lease_leads_to_the_state_it_must(phase, target):
    row = in_phase(phase)
    Submission.objects.filter(pk=row.pk).update(lease_until=timezone.now() + timedelta(seconds=5))
    assert upkeep.recover_expired_leases() == 0
    Submission.objects.filter(pk=row.pk).update(lease_until=timezone.now() - timedelta(seconds=1))

    assert upkeep.recover_expired_leases() == 1
    assert upkeep.recover_expired_leases() == 0

    after = moves.reload(row)
    assert after.phase == target
    assert after.lease_until is None
    if target == Phase.RETRY:
        assert delivery.claim(row.pk, "next") is not None
    if target == Phase.ACCEPTED:
        assert [one.submission.pk for one in copies.claim_copies(row.account_id, "next")] == [row.pk]


@pytest.mark.req("R66")
def test_a_late_answer_settles_the_doubt_until_somebody_decided():
    row = in_phase(Phase.DOT_SENT)
    delivery.mark_unconfirmed(row, text="no answer")
    assert delivery.mark_accepted(row, reply=OK, recipients=["bob@example.org"]) == Phase.ACCEPTED

    other = in_phase(Phase.DOT_SENT)
    delivery.mark_unconfirmed(other, text="no answer")
    doubt.resolve_unconfirmed(other, sent=False)
    assert delivery.mark_accepted(other, reply=OK, recipients=["bob@example.org"]) is None
    assert delivery.claim(other.pk, "again") is not None


def test_evidence_is_looked_for_now_and_then():
    row = in_phase(Phase.DOT_SENT)
    delivery.mark_unconfirmed(row, text="no answer")
    assert doubt.claim_evidence_check(row.pk) is None
    Submission.objects.filter(pk=row.pk).update(next_try_at=timezone.now())
    assert doubt.claim_evidence_check(row.pk) is not None
    assert doubt.claim_evidence_check(row.pk) is None


@pytest.mark.req("R72")
def test_a_copy_that_cannot_be_saved_is_tried_again_later():
    row = in_phase(Phase.ACCEPTED)
    copies.mark_copy_failed(row, text="Sent, but the copy is not in Sent yet.")
    after = moves.reload(row)
    assert (after.phase, after.sent_copy_failures) == (Phase.ACCEPTED, 1)
    assert after.next_try_at > timezone.now()
    assert copies.claim_copies(row.account_id, "early") == []


def test_a_refused_password_costs_no_try():
    submission = submit(make_sender())
    claimed = delivery.claim(submission.pk, "one")
    delivery.put_back(claimed, text="Sign in again")
    after = moves.reload(submission)
    assert (after.phase, after.attempts, after.first_try_at) == (Phase.RETRY, 0, None)
