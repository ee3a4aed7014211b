"""Several at once: workers with each other, undo with a worker. One compare-and-set decides."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from tests.outbox.letters import make_sender, submit
from tests.outbox.test_submit import make_draft, send
from tests.simultaneous import at_once
from webmail.outbox.errors import DraftConflict, DraftGone
from webmail.outbox.models import Draft, HeldFor, KnownRecipient, Phase, Submission
from webmail.outbox.queue import control, delivery, known, limits, moves, restored, upkeep
from webmail.outbox.queue.send_time import SendTime
from webmail.outbox.writing import drafts
from webmail.outbox.writing.drafts import DraftFields

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.fault("F12")]

ROUNDS = 5


@pytest.mark.req("R64")
def test_one_of_many_workers_wins():
    account = make_sender()
    for _ in range(ROUNDS):
        row = submit(account)
        claims = [partial(delivery.claim, row.pk, f"worker {number}") for number in range(8)]
        won = [result for result in at_once(*claims) if result is not None]
        assert len(won) == 1
        assert moves.reload(row).lease_owner == won[0].lease_owner
        assert row.events.filter(phase=Phase.CLAIMED).count() == 1


@pytest.mark.req("R73")
def test_undo_or_the_worker_wins_never_both():
    account = make_sender()
    for number in range(ROUNDS):
        row = submit(account)
        draft, claimed = at_once(partial(control.cancel, row), partial(delivery.claim, row.pk, f"worker {number}"))
        assert (draft is None) != (claimed is None), (draft, claimed)
        assert moves.reload(row).phase == (Phase.CLAIMED if draft is None else Phase.CANCELLED)
        assert Draft.objects.filter(account=account).count() == (draft is not None)
        Draft.objects.all().delete()


@pytest.mark.req("R63")
def test_undo_pressed_many_times_gives_one_draft_back():
    row = submit(make_sender())
    drafts = [draft for draft in at_once(*[partial(control.cancel, row)] * 8) if draft is not None]
    assert len(drafts) == 1
    assert list(Draft.objects.filter(account=row.account)) == drafts


def claim_of(row: Submission, name: str = "worker") -> Callable[[], object]:
    return partial(delivery.claim, row.pk, name)


@pytest.mark.req("R73")
def test_discard_or_the_worker_wins_never_both():
    account = make_sender()
    for number in range(ROUNDS):
        row = submit(account)
        gone, claimed = at_once(partial(control.discard, row), claim_of(row, f"worker {number}"))
        assert gone is (claimed is None)
        assert moves.reload(row).phase == (Phase.CANCELLED if gone else Phase.CLAIMED)


@pytest.mark.req("R73")
def test_taken_back_or_released_at_the_end_of_the_window():
    account = make_sender()
    for _ in range(ROUNDS):
        row = submit(account, send_at=None)
        Submission.objects.filter(pk=row.pk).update(send_at=timezone.now())
        draft, _released, claimed = at_once(partial(control.cancel, row), upkeep.release_due, claim_of(row))
        assert draft is None or claimed is None
        assert not isinstance(draft, Exception), draft
        expected = Phase.CANCELLED if draft else Phase.CLAIMED if claimed else Phase.QUEUED
        assert moves.reload(row).phase == expected
        control.discard(moves.reload(row))


@pytest.mark.req("R74")
def test_reschedule_or_the_worker_wins_never_both():
    account = make_sender()
    for number in range(ROUNDS):
        row = submit(account)
        later = SendTime(timezone.now() + timedelta(hours=1))
        moved, claimed = at_once(partial(control.reschedule, row, later), claim_of(row, f"worker {number}"))
        assert moved is (claimed is None)
        assert moves.reload(row).phase == (Phase.HELD if moved else Phase.CLAIMED)


@pytest.mark.req("R74")
def test_time_that_has_come_and_a_new_time_leave_one_truth():
    account = make_sender()
    for _ in range(ROUNDS):
        row = submit(account, send_at=timezone.now() + timedelta(hours=1))
        Submission.objects.filter(pk=row.pk).update(send_at=timezone.now())
        later = SendTime(timezone.now() + timedelta(hours=2))
        moved, _released, claimed = at_once(partial(control.reschedule, row, later), upkeep.release_due, claim_of(row))
        after = moves.reload(row)
        if moved:
            assert (after.phase, after.send_at, claimed) == (Phase.HELD, later.instant, None)
        else:
            assert after.phase in (Phase.QUEUED, Phase.CLAIMED)


@pytest.mark.req("R74")
def test_send_now_and_sweeps_release_once():
    account = make_sender()
    for _ in range(ROUNDS):
        row = submit(account, send_at=timezone.now() + timedelta(hours=1))
        Submission.objects.filter(pk=row.pk).update(send_at=timezone.now())
        results = at_once(*[partial(control.send_now, row)] * 3, *[upkeep.release_due] * 3)
        assert sum(map(int, results)) == 1
        assert row.events.filter(phase=Phase.QUEUED).count() == 1
        assert KnownRecipient.objects.get(user=account.user).count == 1
        KnownRecipient.objects.all().delete()


@pytest.mark.req("R76")
def test_many_sends_at_once_do_not_pass_the_limit_together():
    account = make_sender()
    account.user.daily_messages = 4
    account.user.save()
    rows = at_once(*[partial(submit, account, key=f"at once {number}") for number in range(12)])
    assert not [row for row in rows if isinstance(row, Exception)]
    states = [row.held_for for row in rows]
    assert (states.count(""), states.count(HeldFor.LIMIT)) == (4, 8)


@pytest.mark.req("R76")
def test_many_sends_at_once_do_not_meet_more_strangers_than_allowed():
    account = make_sender()
    account.user.daily_new_recipients = 5
    account.user.save()
    sends = [partial(submit, account, to=f"a{number}@example.org, b{number}@example.org") for number in range(8)]
    rows = at_once(*sends)
    assert [row.held_for for row in rows].count("") == 2
    assert KnownRecipient.objects.filter(user=account.user).count() == 4


@pytest.mark.req("R76")
def test_two_sweeps_let_go_no_more_than_one_would():
    account = make_sender()
    account.user.daily_messages = 1
    account.user.save()
    rows = [submit(account) for _ in range(6)]
    account.user.daily_messages = 4
    account.user.save()
    Submission.objects.filter(held_for=HeldFor.LIMIT).update(next_try_at=timezone.now())

    released = at_once(*[limits.release_within_limits] * 4)

    assert sum(map(int, released)) == 3
    assert [moves.reload(row).phase for row in rows] == [Phase.QUEUED] * 4 + [Phase.HELD] * 2


@pytest.mark.req("R76")
def test_people_met_by_many_sends_at_once_are_counted_each_time():
    account = make_sender()
    at_once(*[partial(submit, account, to="bob@example.org, carol@example.org") for _ in range(6)])
    assert set(KnownRecipient.objects.values_list("count", flat=True)) == {6}
    rows = list(Submission.objects.filter(account=account))
    at_once(*[partial(control.cancel, row) for row in rows])
    assert not known.is_known(account.user, "bob@example.org")


@pytest.mark.req("R92")
def test_restored_message_is_held_or_was_claimed_before():
    account = make_sender()
    for number in range(ROUNDS):
        row = submit(account)
        held, claimed = at_once(restored.hold_restored, claim_of(row, f"worker {number}"))
        assert held == 1
        assert moves.reload(row).held_for == HeldFor.RESTORE
        if claimed is not None:
            assert delivery.mark_dot_sent(claimed, recipients=()) is False  # the claim is lost: nothing leaves


@pytest.mark.req("R77")
def test_save_during_the_send_is_refused_or_sent_but_never_lost():
    account = make_sender()
    for number in range(ROUNDS):
        draft = make_draft(account)
        save = partial(drafts.save_draft, draft, fields=DraftFields(text="newer"), expected_revision=draft.revision)
        sent, saved = at_once(partial(send, draft, f"key {number}"), save)
        if isinstance(sent, Submission):
            assert isinstance(saved, DraftConflict | DraftGone)
            assert not Draft.objects.filter(pk=draft.pk).exists()
        else:
            assert isinstance(sent, DraftConflict)
            assert Draft.objects.get(pk=draft.pk).text == "newer"


@pytest.mark.req("R73")
@pytest.mark.req("R76")
def test_whatever_happens_at_once_nobody_waits_in_a_circle():
    """Sends, take-backs, releases and new times over two accounts of one person, with the same recipients in each."""
    account = make_sender()
    other = make_sender(account.user)
    people = "carol@example.org, bob@example.org, dave@example.org, anna@example.org"
    for number in range(ROUNDS):
        later = timezone.now() + timedelta(hours=1)
        rows = [submit(one, to=people) for one in (account, other)]
        due = [submit(one, to=people, send_at=later) for one in (account, other)]
        Submission.objects.filter(pk__in=[row.pk for row in due]).update(send_at=timezone.now())
        results = at_once(
            *[partial(submit, one, to=people, key=f"{number} {one.pk}") for one in (account, other)],
            *[partial(control.cancel, row) for row in rows],
            *[partial(control.reschedule, row, SendTime(later)) for row in rows],
            *[claim_of(row) for row in (*rows, *due)],
            upkeep.release_due,
            limits.release_within_limits,
        )
        assert not [one for one in results if isinstance(one, Exception)]
    # Each is counted as often as messages to them were let go and not taken back.
    gone = Submission.objects.exclude(limits.NOT_LET_GO).exclude(phase=Phase.CANCELLED).count()
    assert set(KnownRecipient.objects.values_list("count", flat=True)) == {gone}
