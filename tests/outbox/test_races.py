"""Several at once: workers with each other, undo with a worker. One compare-and-set decides."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connections

from tests.outbox.letters import make_sender, submit
from webmail.outbox import control, delivery, moves
from webmail.outbox.models import Draft, Phase

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.fault("F12")]

ROUNDS = 5


def at_once(*calls: Callable[[], object]) -> list[object]:
    """The results of all calls, made at the same moment by a thread each."""
    gate = threading.Barrier(len(calls))
    results: list[object] = [None] * len(calls)

    def run(number: int) -> None:
        try:
            gate.wait(10)
            results[number] = calls[number]()
        except Exception as error:
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


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
