"""Several calls at the same moment, each in a thread with database connections of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connections

GATE_S = 20.0  # for all threads to be there


def at_once(*calls: Callable[[], object]) -> list[object]:
    """The results of all calls, in order; an error counts as a result."""
    gate = threading.Barrier(len(calls))
    results: list[object] = [None] * len(calls)

    def run(number: int) -> None:
        try:
            gate.wait(GATE_S)
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
