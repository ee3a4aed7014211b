"""Processes show that they live, and leave no trace when they left properly."""

import os

import pytest

from tests.servers.process import wait_until
from webmail.store import models
from webmail.workers.heartbeat import Heartbeat

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_process_beats_while_it_lives_and_goes_when_it_stops():
    figures = {"accounts": 1}
    beat = Heartbeat("watch", detail=lambda: figures, interval_s=0.05).start()
    wait_until(models.Heartbeat.objects.exists, what="the first beat")
    row = models.Heartbeat.objects.get()
    figures["accounts"] = 2
    wait_until(lambda: models.Heartbeat.objects.get().detail == {"accounts": 2}, what="the second beat")

    assert (row.kind, row.pid) == ("watch", os.getpid())
    assert models.Heartbeat.objects.get().seen_at > row.seen_at
    beat.stop()
    assert not models.Heartbeat.objects.exists()
