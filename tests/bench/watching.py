"""Many accounts watched by one process: its memory, and how soon a change is a row (Y10)."""

from __future__ import annotations

import random
import socket
import sqlite3
import time
from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import Any

from tests.e2e.site import Site
from tests.servers.dovecot import DovecotServer, MailUser
from tests.servers.process import wait_until

CONNECT = """
from tests.factories import make_account, make_user
from webmail.sync import connections, passes
for name, password in {people!r}:
    account = make_account(make_user(name), incoming_port={port}, incoming_username=name, password=password)
    passes.sync_account(account.pk)
    connections.close_kept_sessions()
result = len({people!r})
"""
SETTLE_S = 20.0
LETTER = b"From: ben@example.org\r\nSubject: Watched %d\r\nMessage-ID: <%d@watch>\r\n\r\nHello.\r\n"


class _Idle:
    """A plain client in IDLE: when it hears of the change, the server has told it."""

    def __init__(self, port: int, user: MailUser) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._file = self._socket.makefile("rwb")
        self._file.readline()
        for tag, command in (("a", f"LOGIN {user.name} {user.password}"), ("b", "SELECT INBOX")):
            self._send(f"{tag} {command}")
            while not self._file.readline().startswith(tag.encode() + b" "):
                pass
        self._send("c IDLE")
        self._file.readline()

    def _send(self, line: str) -> None:
        self._file.write(f"{line}\r\n".encode())
        self._file.flush()

    def wait(self) -> float:
        """The moment of the next EXISTS."""
        while b"EXISTS" not in self._file.readline():
            pass
        return time.perf_counter()

    def close(self) -> None:
        self._socket.close()


def measure(site: Site, dovecot: DovecotServer, options: Namespace) -> dict[str, Any]:
    """Figures by name. `watch` is started anew, first with the accounts there are, then with the many more."""
    for name in ("watch", "sweep"):
        site.processes.pop(name).stop()
    site.start_process("watch")
    time.sleep(SETTLE_S / 2)
    before = _resident_mb(site.processes["watch"].pid)
    site.processes.pop("watch").stop()
    people = [dovecot.new_user("watched") for _ in range(options.accounts)]
    logins = [(person.name, person.password) for person in people]
    site.run_python(CONNECT.format(people=logins, port=dovecot.imap_port), timeout_s=600)
    site.start_process("watch")
    time.sleep(SETTLE_S)
    after = _resident_mb(site.processes["watch"].pid)
    site.start_process("sweep")
    delays = _delays(site, dovecot, people, options.arrivals)
    return {
        "accounts": options.accounts,
        "memory of watch without and with them, MB": f"{before:.0f} / {after:.0f}",
        "growth, MB (at most 60)": round(after - before),
        "server's signal to committed row, p95, seconds (at most 1)": round(delays[int(len(delays) * 0.95) - 1], 2),
        "server's signal to committed row, median, seconds": round(delays[len(delays) // 2], 2),
    }


def _delays(site: Site, dovecot: DovecotServer, people: list[MailUser], arrivals: int) -> list[float]:
    rows = sqlite3.connect(site.environment["DATABASE_URL"].removeprefix("sqlite:///"), timeout=30)
    delays = []
    for number in range(1, arrivals * 2 + 1):
        person = random.choice(people)
        idle = _Idle(dovecot.imap_port, person)
        dovecot.deliver(person.name, LETTER % (number, number))
        told = idle.wait()
        subject = f"Watched {number}"
        wait_until(partial(_is_stored, rows, subject), what=subject, timeout_s=120)
        delays.append(time.perf_counter() - told)
        idle.close()
    rows.close()
    return sorted(delays)


def _is_stored(rows: sqlite3.Connection, subject: str) -> bool:
    return rows.execute("SELECT 1 FROM store_email WHERE subject = ?", (subject,)).fetchone() is not None


def _resident_mb(pid: int) -> float:
    """Resident memory of the process and its children."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except OSError:
            continue
        if pid in (int(fields["Pid"]), int(fields["PPid"])):
            total += int(fields.get("VmRSS", "0 kB").split()[0])
    return total / 1_024
