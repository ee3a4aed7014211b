"""The processes of a site without their start: Django is loaded once, and every web, net, watch or sweep is a fork of it.

A test that kills 500 processes cannot pay two seconds of CPU for each. The children run what supervisor would run, with the
product's own entry points (`uvicorn webmail.asgi`, `celery worker`, `manage.py sweep`), only loaded already. A child may be
given a named crash point (`crash_at`), a mutation, a limit on the size of files (`file_bytes`), a scale for the waits of SMTP
(`scale`) and a doorbell that repeats, forgets and delays (`doorbell`).

Run as `python -m tests.faults.zygote` it obeys lines of JSON: `{"start": "net", …}` and `{"kill": pid, "signal": 9}`.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

LEASE_VARIABLE = "PILLARBOX_TEST_LEASE_S"  # shorter than the product's, for runs that cannot wait a minute
PROJECT = Path(__file__).resolve().parents[2]


class Zygote:
    """The test's side. Children end with it."""

    def __init__(self, environment: Mapping[str, str], *, log: Path) -> None:
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote"],
            cwd=PROJECT,
            env={**environment, "DJANGO_SETTINGS_MODULE": "webmail.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._ask({"ready": True})

    def start(self, name: str, *, log: Path, **options: Any) -> int:
        """Fork one kind of process; returns its pid."""
        return int(self._ask({"start": name, "log": str(log), **options})["pid"])

    def send(self, pid: int, number: int) -> None:
        """Signal a child; returns once it is gone when the signal is SIGKILL."""
        self._ask({"kill": pid, "signal": number})

    def is_running(self, pid: int) -> bool:
        """Whether a child has not ended."""
        return bool(self._ask({"poll": pid})["running"])

    def close(self) -> None:
        """End it and every child."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()
        self._log.close()

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the zygote has ended; see its log")
        answer: dict[str, Any] = json.loads(line)
        return answer


# The other side -----------------------------------------------------------------------------------------------------


def main() -> None:
    """Load everything, then obey until the end of input."""
    _load()
    alive: set[int] = set()
    orders = os.fdopen(os.dup(0), "r")
    answers = os.fdopen(os.dup(1), "w")
    for line in orders:
        answers.write(json.dumps(_obey(json.loads(line), alive)) + "\n")
        answers.flush()
    for pid in alive:
        os.kill(pid, signal.SIGKILL)


def _obey(order: dict[str, Any], alive: set[int]) -> dict[str, Any]:
    if "start" in order:
        pid = os.fork()
        if pid == 0:
            _become(order)
        alive.add(pid)
        return {"pid": pid}
    if "kill" in order and order["kill"] in alive:
        os.kill(order["kill"], order["signal"])
        if order["signal"] == signal.SIGKILL:
            os.waitpid(order["kill"], 0)
            alive.discard(order["kill"])
    if "poll" in order and order["poll"] in alive and os.waitpid(order["poll"], os.WNOHANG)[0]:
        alive.discard(order["poll"])
    return {"running": order.get("poll") in alive}


def _load() -> None:
    """All that the processes import, but nothing that has threads, sockets or an open database."""
    import celery.bin.celery
    import celery.worker
    import django
    import uvicorn

    django.setup()
    from django.urls import get_resolver

    import webmail.celery
    import webmail.outbox.queue.submit
    import webmail.sync.watching.watch
    import webmail.workers.management.commands.sweep
    import webmail.workers.tasks
    from webmail.outbox.queue import schedule

    lease_s = os.environ.get(LEASE_VARIABLE)
    if lease_s:
        schedule.LEASE_S, schedule.LEASE_RENEWAL_S = float(lease_s), float(lease_s) / 4
    assert all((celery.worker, celery.bin.celery, uvicorn, webmail.celery, webmail.workers.tasks))
    assert get_resolver().url_patterns
    webmail.celery.app.finalize()


def _become(order: dict[str, Any]) -> None:
    """A process of its own from here on. Never returns."""
    code = 1
    try:
        os.setsid()
        _tie_to_parent()
        output = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for number in (1, 2):
            os.dup2(output, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        _prepare(order)
        _KINDS[order["start"]](order)
        code = 0
    except SystemExit as error:
        code = int(error.code or 0)
    except BaseException as error:
        print(f"{order['start']}: {error!r}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _prepare(order: dict[str, Any]) -> None:
    from tests.faults.crash import crash_at_named_point
    from tests.faults.mutations import MUTATIONS

    crash_at_named_point(order.get("crash_at", ""))
    if order.get("mutation"):
        MUTATIONS[order["mutation"]]()
    if order.get("scale"):
        from webmail.protocols.smtp import timeouts

        timeouts.SCALE = order["scale"]
    if order.get("doorbell"):
        from tests.faults.doorbell import spoil_doorbell

        spoil_doorbell(**order["doorbell"])
    if order.get("file_bytes"):
        # Beyond it a write fails with EFBIG: Python ignores SIGXFSZ.
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_bytes"], order["file_bytes"]))


def _tie_to_parent() -> None:
    from webmail.workers.tether import tie_to_parent

    tie_to_parent()


def _web(order: dict[str, Any]) -> None:
    import uvicorn

    uvicorn.run(
        "webmail.asgi:application", host="127.0.0.1", port=order["port"], log_level="warning", access_log=False,
        lifespan="off", timeout_graceful_shutdown=2,
    )  # fmt: skip


def _worker(queue: str, pool: str, count: int) -> Callable[[dict[str, Any]], None]:
    def run(order: dict[str, Any]) -> None:
        from webmail.celery import app

        app.worker_main(
            [
                *("worker", "-Q", queue, "--pool", pool, "--concurrency", str(order.get("threads", count))),
                *("--loglevel", "WARNING", "-n", f"{queue}@test{os.getpid()}", "--without-gossip", "--without-mingle"),
                "--without-heartbeat",
            ]
        )

    return run


def _command(name: str) -> Callable[[dict[str, Any]], None]:
    def run(order: dict[str, Any]) -> None:
        from django.core.management import call_command

        call_command(name)

    return run


_KINDS: dict[str, Callable[[dict[str, Any]], None]] = {
    "web": _web,
    "net": _worker("net", "threads", 8),
    "cpu": _worker("cpu", "solo", 1),
    "watch": _command("watch"),
    "sweep": _command("sweep"),
}


if __name__ == "__main__":
    main()
