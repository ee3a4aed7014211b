"""What people do about a message on its way; each act comes in time or changes nothing."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from tests.outbox.letters import make_sender, submit
from webmail.outbox.errors import BadSendTime
from webmail.outbox.models import Draft, HeldFor, Phase, Submission
from webmail.outbox.queue import control, delivery, known, moves, upkeep
from webmail.outbox.queue.answers import Answer
from webmail.outbox.queue.send_time import SendTime

pytestmark = pytest.mark.django_db

LATER = Answer(451, "later", "4.3.0")
OK = Answer(250, "queued", "2.0.0")


def in_hours(hours):
    return SendTime(timezone.now() + timedelta(hours=hours))


def put(row, **columns):
    Submission.objects.filter(pk=row.pk).update(**columns)
    return moves.reload(row)


@pytest.fixture
def account():
    return make_sender()


@pytest.mark.req("R74")
def test_scheduled_message_is_given_another_time(account):
    row = submit(account, send_at=timezone.now() + timedelta(hours=1))
    day = (timezone.now() + timedelta(days=3)).date()
    chosen = SendTime.at_wall(datetime.combine(day, datetime.min.time()).replace(hour=8), "Europe/Berlin")

    assert control.reschedule(row, chosen) is True

    after = moves.reload(row)
    assert (after.phase, after.held_for) == (Phase.HELD, HeldFor.SCHEDULE)
    assert after.send_at == after.next_try_at == chosen.instant
    assert (after.send_zone, after.send_wall) == ("Europe/Berlin", f"{day}T08:00:00")
    assert row.events.last().text == f"To be sent on {day.day} {day:%B}, 08:00 (Europe/Berlin)."
    assert after.updated_modseq > row.updated_modseq
    assert not known.is_known(account.user, "bob@example.org")


@pytest.mark.req("R74")
@pytest.mark.parametrize("hold", [None, "none"])
def test_message_of_the_undo_window_or_the_queue_can_be_put_off(account, hold):
    row = submit(account, **({} if hold else {"send_at": None}))
    assert known.is_known(account.user, "bob@example.org")
    assert control.reschedule(row, in_hours(2)) is True
    assert delivery.claim(row.pk, "worker") is None
    assert not known.is_known(account.user, "bob@example.org")
    put(row, send_at=timezone.now())
    assert upkeep.release_due() == 1
    assert known.is_known(account.user, "bob@example.org")


@pytest.mark.req("R74")
def test_new_time_in_the_past_means_now_and_one_too_far_ahead_is_refused(account):
    row = submit(account, send_at=timezone.now() + timedelta(hours=1))
    with pytest.raises(BadSendTime):
        control.reschedule(row, in_hours(61 * 24))
    assert control.reschedule(row, in_hours(-1)) is True
    assert delivery.claim(row.pk, "worker") is not None


@pytest.mark.req("R74")
def test_what_is_on_its_way_keeps_its_time(account):
    for columns in (
        {"phase": Phase.CLAIMED},
        {"phase": Phase.RETRY, "attempts": 1},
        {"phase": Phase.QUEUED, "attempts": 1},  # it was tried before a restart
        {"phase": Phase.DONE},
        {"phase": Phase.CANCELLED},
        {"phase": Phase.HELD, "held_for": HeldFor.LIMIT},
        {"phase": Phase.HELD, "held_for": HeldFor.RESTORE},
    ):
        row = put(submit(account), **columns)
        assert control.reschedule(row, in_hours(2)) is False, columns
        assert control.reschedule(row, in_hours(-2)) is (columns.get("held_for") == HeldFor.RESTORE)


@pytest.mark.req("R74")
@pytest.mark.parametrize("held_for", [HeldFor.UNDO, HeldFor.SCHEDULE, HeldFor.RESTORE, ""])  # "": of an older version
def test_held_message_goes_at_once_when_asked(account, held_for):
    row = put(submit(account, send_at=timezone.now() + timedelta(hours=1)), held_for=held_for)
    assert control.send_now(row) is True
    assert control.send_now(row) is False
    assert moves.reload(row).send_at <= timezone.now()
    assert delivery.claim(row.pk, "worker") is not None


def test_only_what_is_held_can_be_let_go(account):
    for phase in (Phase.QUEUED, Phase.RETRY, Phase.CLAIMED, Phase.DONE, Phase.CANCELLED, Phase.FAILED):
        assert control.send_now(put(submit(account), phase=phase)) is False
        assert Submission.objects.filter(account=account, phase=phase).count() == 1


@pytest.mark.req("R73")
def test_discarded_message_leaves_no_draft(account):
    row = submit(account, send_at=timezone.now() + timedelta(hours=1))
    assert control.discard(row) is True
    assert control.discard(row) is False
    assert moves.reload(row).phase == Phase.CANCELLED
    assert not Draft.objects.filter(account=account).exists()


@pytest.mark.req("R73")
def test_discard_comes_too_late_for_what_has_reached_somebody(account):
    row = submit(account, to="bob@example.org, carol@example.org")
    row.recipients.filter(email="bob@example.org").update(status="accepted")
    put(row, phase=Phase.RETRY)
    assert control.discard(row) is False
    assert control.cancel(row) is None
    assert moves.reload(row).phase == Phase.RETRY


@pytest.mark.req("R73")
def test_taking_back_a_message_that_never_was_a_draft_restores_what_can_be(account):
    row = put(submit(account), draft_snapshot={})
    assert control.cancel(row) is None
    assert moves.reload(row).phase == Phase.CANCELLED
    other = submit(account, to="bob@example.org", wants_receipt=True, requires_tls=True, wants_delivery_report=True)
    draft = control.cancel(other)
    assert (draft.to, draft.wants_receipt, draft.requires_tls, draft.wants_delivery_report) == (
        "bob@example.org",
        True,
        True,
        True,
    )


@pytest.mark.req("R69")
def test_delayed_message_is_tried_now_or_given_up(account):
    row = submit(account)
    delivery.mark_retry(delivery.claim(row.pk, "one"), reply=LATER)
    assert delivery.claim(row.pk, "too early") is None
    assert control.retry_now(row) is True
    claimed = delivery.claim(row.pk, "two")
    assert claimed is not None
    assert control.stop_trying(row) is None
    delivery.mark_retry(claimed, reply=LATER)
    assert control.stop_trying(moves.reload(row)) == Phase.FAILED
    assert Draft.objects.filter(account=account).count() == 1
