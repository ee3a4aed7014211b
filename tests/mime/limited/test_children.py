"""The process that reads hostile bytes: limited in time and memory, replaced when it dies, and ignorant of every secret."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from webmail.mime.limited import children
from webmail.mime.limited.answer import JobFailed, LimitExceeded, Limits
from webmail.mime.limited.children import run_limited
from webmail.mime.readable import load_readable

PLAIN = b"Subject: Harbour\r\n\r\nThe plan.\r\n"
LITTLE_TIME = Limits(cpu_s=0.05, memory_bytes=256_000_000, wall_s=20.0)
LITTLE_CLOCK = Limits(cpu_s=30.0, memory_bytes=256_000_000, wall_s=0.2)
LITTLE_MEMORY = Limits(cpu_s=20.0, memory_bytes=30_000_000, wall_s=30.0)
SLOW = b"Subject: x\r\nContent-Type: text/html\r\n\r\n" + b"".join(
    b"<p style='color:#%06x'>x" % n for n in range(60_000)
)


def test_a_message_is_read_in_the_child() -> None:
    assert "The plan." in load_readable(run_limited("readable", PLAIN).data).text


@pytest.mark.req("R42")
@pytest.mark.parametrize(
    ("limits", "raw", "what"),
    [
        (LITTLE_TIME, SLOW, "time"),
        (LITTLE_CLOCK, SLOW, "time"),
        (
            LITTLE_MEMORY,
            b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"QUJD" * 13_000_000,
            "memory",
        ),
    ],
)
def test_a_job_that_takes_too_much_is_ended_and_the_next_one_is_served(limits: Limits, raw: bytes, what: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        run_limited("readable", raw, limits=limits)
    assert caught.value.what == what
    assert "The plan." in load_readable(run_limited("readable", PLAIN).data).text


@pytest.mark.req("R42")
def test_a_job_that_raises_says_what_without_quoting_the_message() -> None:
    with pytest.raises(JobFailed) as caught:
        run_limited("readable", b"Subject: S3CR3T\r\n\r\nx", {"nested": ["9"]})
    assert str(caught.value).startswith("NoSuchPart at opened:")
    assert "S3CR3T" not in str(caught.value)


@pytest.mark.req("R42")
def test_a_child_that_was_killed_while_idle_is_replaced() -> None:
    run_limited("readable", PLAIN)
    child = children._children._idle[-1]
    os.kill(child._process.pid, signal.SIGKILL)
    child._process.wait()
    assert "The plan." in load_readable(run_limited("readable", PLAIN).data).text


@pytest.mark.req("R49")
def test_the_child_knows_no_secret_of_the_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "S3CR3T")
    monkeypatch.setattr(children, "_children", children._Children())
    run_limited("readable", PLAIN)
    pid = children._children._idle[0]._process.pid
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"S3CR3T" not in environment
    assert b"PATH=" in environment
    children._children._idle[0].end()


def test_many_threads_share_a_few_children() -> None:
    found: list[str] = []

    def read(number: int) -> None:
        answer = run_limited("readable", b"Subject: x\r\n\r\nNumber %d.\r\n" % number)
        found.append(load_readable(answer.data).text)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(
        f'<div class="plain"><div class="text">Number {number}.</div></div>' for number in range(20)
    )
    assert len(children._children._idle) <= children.MAX_CHILDREN


def test_the_child_loads_neither_django_nor_celery() -> None:
    run_limited("readable", PLAIN)
    pid = children._children._idle[-1]._process.pid
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
    assert "psycopg" not in maps
    assert "_sqlite3" not in maps
