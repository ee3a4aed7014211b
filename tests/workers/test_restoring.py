"""A database from a backup is noticed before its queue is sent again; a machine that joins others is not taken for one."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from tests.outbox.letters import make_sender, submit
from webmail.outbox.models import HeldFor, Phase, QueueMark, Submission
from webmail.store.models import Heartbeat
from webmail.workers.restoring import MARK_FILE, look_for_restore

pytestmark = [pytest.mark.django_db, pytest.mark.req("R92")]


@pytest.fixture(autouse=True)
def var_dir(settings, tmp_path: Path) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path


def test_a_running_installation_goes_on(var_dir: Path):
    submission = submit(make_sender())

    assert [look_for_restore() for _ in range(3)] == [0, 0, 0]

    assert Submission.objects.get(pk=submission.pk).phase == Phase.QUEUED
    assert (var_dir / MARK_FILE).read_text() == "3"


def test_a_database_that_is_behind_its_machine_is_held():
    submission = submit(make_sender())
    for _ in range(5):
        look_for_restore()
    QueueMark.objects.update(number=2)

    assert look_for_restore() == 1

    row = Submission.objects.get(pk=submission.pk)
    assert (row.phase, row.held_for) == (Phase.HELD, HeldFor.RESTORE)
    assert look_for_restore() == 0


def test_a_database_on_a_new_machine_is_held(var_dir: Path):
    submission = submit(make_sender())
    look_for_restore()
    (var_dir / MARK_FILE).unlink()

    assert look_for_restore() == 1

    assert Submission.objects.get(pk=submission.pk).held_for == HeldFor.RESTORE


@pytest.mark.parametrize(("age_s", "is_held"), [(5, False), (300, True)])
def test_a_machine_that_joins_a_running_one_holds_nothing(var_dir: Path, age_s: int, is_held: bool):
    submission = submit(make_sender())
    look_for_restore()
    (var_dir / MARK_FILE).unlink()
    seen_at = timezone.now() - timedelta(seconds=age_s)
    Heartbeat.objects.create(name="sweep@other:1", kind="sweep", host="other", pid=1, seen_at=seen_at)

    assert look_for_restore() == int(is_held)

    assert (Submission.objects.get(pk=submission.pk).phase == Phase.HELD) is is_held
