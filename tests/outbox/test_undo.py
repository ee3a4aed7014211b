"""The window in which a send can be taken back: shown for some seconds, held for a few more."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.outbox.letters import make_sender, submit
from webmail.outbox.models import HeldFor, Phase
from webmail.outbox.queue import control, delivery, moves, upkeep
from webmail.outbox.queue.undo import HOLD_MARGIN_S, undo_deadline, undo_seconds

pytestmark = [pytest.mark.django_db, pytest.mark.req("R73")]


def test_own_choice_comes_before_the_installation_s(settings):
    settings.UNDO_SEND_S = 10
    user = make_sender().user
    assert undo_seconds(user) == 10
    user.undo_send_s = 30
    assert undo_seconds(user) == 30
    user.undo_send_s = 0
    assert undo_seconds(user) == 0


def test_server_holds_longer_than_it_shows():
    account = make_sender()
    account.user.undo_send_s = 5
    before = timezone.now()
    row = submit(account, send_at=None)
    after = timezone.now()

    assert (row.phase, row.held_for) == (Phase.HELD, HeldFor.UNDO)
    assert before + timedelta(seconds=5) <= undo_deadline(row) <= after + timedelta(seconds=5)
    assert row.send_at == row.next_try_at == undo_deadline(row) + timedelta(seconds=HOLD_MARGIN_S)


def test_no_window_means_at_once():
    account = make_sender()
    account.user.undo_send_s = 0
    row = submit(account, send_at=None)
    assert (row.phase, row.held_for, undo_deadline(row)) == (Phase.QUEUED, "", None)
    assert delivery.claim(row.pk, "worker") is not None


def test_click_in_the_last_moment_shown_comes_in_time(time_machine):
    account = make_sender()
    account.user.undo_send_s = 5
    row = submit(account, text="wait", send_at=None)

    time_machine.move_to(undo_deadline(row) + timedelta(seconds=HOLD_MARGIN_S - 0.5))
    assert upkeep.release_due() == 0
    assert delivery.claim(row.pk, "worker") is None
    assert control.cancel(row).text == "wait"


def test_after_the_window_it_leaves_and_has_no_deadline_any_more(time_machine):
    account = make_sender()
    account.user.undo_send_s = 5
    row = submit(account, send_at=None)

    time_machine.move_to(row.send_at)
    assert upkeep.release_due() == 1
    assert undo_deadline(moves.reload(row)) is None
    assert delivery.claim(row.pk, "worker") is not None
    assert control.cancel(row) is None
