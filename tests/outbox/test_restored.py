"""A database from a backup: what waited in it may have been sent since, so a person lets it go or takes it back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.outbox.letters import make_sender, submit
from webmail.outbox.models import Draft, HeldFor, Phase, QueueMark, Submission
from webmail.outbox.queue import control, delivery, limits, moves, restored, upkeep

pytestmark = [pytest.mark.django_db, pytest.mark.req("R92")]


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "queue.mark"


@pytest.fixture
def account():
    return make_sender()


def put(account, phase, **columns):
    row = submit(account)
    Submission.objects.filter(pk=row.pk).update(phase=phase, **columns)
    return row


def test_everything_that_waits_is_held_and_what_was_being_sent_is_in_doubt(account):
    lease = {"lease_owner": "worker of then", "lease_until": timezone.now() + timedelta(minutes=1)}
    waiting = [
        put(account, Phase.QUEUED),
        put(account, Phase.RETRY, attempts=3, first_try_at=timezone.now() - timedelta(days=3)),
        put(account, Phase.HELD, held_for=HeldFor.SCHEDULE, send_at=timezone.now() - timedelta(days=2)),
        put(account, Phase.HELD, held_for=HeldFor.LIMIT),
        put(account, Phase.CLAIMED, **lease),
        put(account, Phase.IN_DATA, **lease),
    ]
    doubtful = put(account, Phase.DOT_SENT, **lease)
    others = {phase: put(account, phase) for phase in (Phase.ACCEPTED, Phase.DONE, Phase.FAILED, Phase.CANCELLED)}

    assert restored.hold_restored() == 7
    assert restored.hold_restored() == 0

    for row in map(moves.reload, waiting):
        assert (row.phase, row.held_for, row.lease_owner) == (Phase.HELD, HeldFor.RESTORE, "")
        assert row.last_reply == row.events.last().text == restored.HELD_TEXT
    assert moves.reload(doubtful).phase == Phase.UNCONFIRMED
    assert {phase: moves.reload(row).phase for phase, row in others.items()} == {phase: phase for phase in others}
    assert upkeep.release_due() == upkeep.recover_expired_leases() == limits.release_within_limits() == 0
    assert [delivery.claim(row.pk, "worker") for row in waiting] == [None] * 6


def test_one_is_let_go_with_all_its_tries(account):
    row = put(account, Phase.RETRY, attempts=9, first_try_at=timezone.now() - timedelta(days=3))
    restored.hold_restored()
    assert control.send_now(row) is True
    claimed = delivery.claim(row.pk, "worker")
    assert (claimed.attempts, claimed.first_try_at > timezone.now() - timedelta(minutes=1)) == (1, True)


def test_one_is_taken_back(account):
    row = submit(account, text="then")
    restored.hold_restored()
    assert control.cancel(row).text == "then"


def test_those_not_reached_are_given_up_when_somebody_was(account):
    row = submit(account, to="bob@example.org, carol@example.org")
    row.recipients.filter(email="bob@example.org").update(status="accepted")
    restored.hold_restored()
    assert control.cancel(row) is None
    assert control.stop_trying(moves.reload(row)) == Phase.ACCEPTED
    assert row.recipients.get(email="carol@example.org").status == "refused"
    assert not Draft.objects.filter(account=account).exists()


def test_all_of_one_user_or_of_everybody_are_let_go(account):
    mine, other = [submit(account) for _ in range(2)], submit(make_sender())
    restored.hold_restored()
    assert control.release_restored(account.user) == 2
    assert moves.reload(other).phase == Phase.HELD
    assert control.release_restored() == 1
    assert control.release_restored() == 0
    assert {moves.reload(row).phase for row in (*mine, other)} == {Phase.QUEUED}


def test_mark_and_file_count_together(account, mark):
    row = submit(account)
    for number in range(1, 4):
        assert restored.check_restored(mark) is False
        assert (QueueMark.objects.get().number, mark.read_text()) == (number, str(number))
    assert [one.name for one in mark.parent.iterdir()] == [mark.name]
    assert moves.reload(row).phase == Phase.QUEUED


def test_database_that_is_behind_its_file_was_restored(account, mark):
    for _ in range(5):
        restored.check_restored(mark)
    row = submit(account)
    QueueMark.objects.update(number=3)  # the backup

    assert restored.check_restored(mark) is True

    assert moves.reload(row).held_for == HeldFor.RESTORE
    assert QueueMark.objects.get().number == int(mark.read_text()) == 6
    control.send_now(row)
    assert restored.check_restored(mark) is False
    assert moves.reload(row).phase == Phase.QUEUED


def test_backup_from_before_the_mark_was_kept_is_noticed_too(account, mark):
    mark.write_text("12")
    row = submit(account)
    assert restored.check_restored(mark) is True
    assert moves.reload(row).held_for == HeldFor.RESTORE
    assert QueueMark.objects.get().number == 13


def test_database_on_a_new_machine_was_restored_and_a_new_one_was_not(account, mark):
    row = submit(account)
    assert restored.check_restored(mark) is False
    assert moves.reload(row).phase == Phase.QUEUED
    mark.unlink()
    assert restored.check_restored(mark) is True
    assert moves.reload(row).held_for == HeldFor.RESTORE
    assert restored.check_restored(mark) is False


@pytest.mark.parametrize("content", ["", "seven"])
def test_file_that_cannot_be_read_counts_as_missing(account, mark, content):
    restored.check_restored(mark)
    mark.write_text(content)
    assert restored.check_restored(mark) is True
    assert mark.read_text() == "2"


@pytest.mark.fault("F14")
def test_death_between_database_and_file_is_no_restore(account, mark, monkeypatch):
    restored.check_restored(mark)
    row = submit(account)

    def die(path, number):
        raise OSError("no space left on device")

    with monkeypatch.context() as context:
        context.setattr(restored, "_write", die)
        with pytest.raises(OSError, match="no space"):
            restored.check_restored(mark)
    assert (QueueMark.objects.get().number, mark.read_text()) == (2, "1")
    assert restored.check_restored(mark) is False
    assert moves.reload(row).phase == Phase.QUEUED


@pytest.mark.fault("F14")
def test_death_while_holding_is_made_good(account, mark, monkeypatch):
    mark.write_text("9")
    rows = [submit(account) for _ in range(3)]
    real = restored.update_if

    def die_at_the_second(row, *args, **options):
        if row.pk == rows[1].pk:
            raise KeyboardInterrupt
        return real(row, *args, **options)

    with monkeypatch.context() as context:
        context.setattr(restored, "_BATCH", 1)
        context.setattr(restored, "update_if", die_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            restored.check_restored(mark)
    assert [moves.reload(row).phase for row in rows] == [Phase.HELD, Phase.QUEUED, Phase.QUEUED]
    assert restored.check_restored(mark) is True
    assert {moves.reload(row).held_for for row in rows} == {HeldFor.RESTORE}
