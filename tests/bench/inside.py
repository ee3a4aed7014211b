"""What runs inside the site's own Django, each function in a process of its own: its CPU time is the worker's.

Every function takes the address of a connected account and returns figures by name. Import it only there.
"""

from __future__ import annotations

import re
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from accounts.models import MailAccount
from tests.bench.delay_proxy import DelayProxy
from webmail.protocols.imap import session as imap_session
from webmail.protocols.login import Login
from webmail.protocols.pop3 import session as pop3_session
from webmail.store import indexing, leases, mailboxes
from webmail.store.models import Email, Mailbox
from webmail.sync import connections, passes
from webmail.sync.mailbox import imap
from webmail.workers.memory import freeze_what_is_loaded

SETTLE_S = 240.0
POP3_ROUNDS = 5


class _Unfenced(leases.HeldLease):
    """Nobody else is at work here."""

    def __init__(self) -> None:
        pass

    def check(self) -> None:
        """Always ours."""


class _Moments:
    """When the mailbox was selected, and when its first rows were committed."""

    def __init__(self, session: imap_session.LiveImapSession) -> None:
        self.selected: float | None = None
        self.first_rows: float | None = None
        self._session = session

    def watch(self, _execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """An execute wrapper: the place to go on is stored in the transaction of the first batch."""
        if self.selected is None and self._session.selected is not None:
            self.selected = time.perf_counter()
        result = _execute(sql, params, many, context)
        if self.first_rows is None and sql.startswith('UPDATE "store_mailbox" SET "backfill_uid"'):
            transaction.on_commit(self._note_first_rows)
        return result

    def _note_first_rows(self) -> None:
        self.first_rows = self.first_rows or time.perf_counter()


def list_headers(address: str) -> dict[str, Any]:
    """The whole INBOX listed, from SELECT to the last row."""
    account = MailAccount.objects.get(address=address)
    inbox = mailboxes.create_mailbox(account.pk, name="Inbox", role="inbox", remote_name="INBOX", delimiter="/")
    freeze_what_is_loaded()  # as a worker does
    empty_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    with connections.account_session(account) as session:
        moments = _Moments(session)
        wall, cpu = time.perf_counter(), time.process_time()
        with connection.execute_wrapper(moments.watch):
            while not inbox.is_backfilled:
                imap.sync_mailbox(session, inbox, _Unfenced())
                inbox.refresh_from_db()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    count = Email.objects.filter(account=account).count()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    own_mb = _own_memory_mb()
    begin = time.process_time()
    while Email.objects.filter(account=account, has_document=False).exists():
        indexing.index_account(account.pk)
    first_ms = None
    if moments.first_rows is not None and moments.selected is not None:
        first_ms = (moments.first_rows - moments.selected) * 1_000
    return {
        "count": count,
        "wall_s": wall,
        "cpu_s": cpu,
        "first_ms": first_ms,
        "peak_mb": peak_mb,
        "grown_mb": peak_mb - empty_mb,
        "own_mb": own_mb,
        "documents_cpu_s": time.process_time() - begin,
    }


def _own_memory_mb() -> float:
    """Resident memory without mapped files, of which the database is one: the system takes those pages back at will."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1_024 if found else 0.0


def list_with_the_usual_library(port: int, user: str, password: str, count: int) -> float:
    """Messages per CPU-second of IMAPClient with the standard library's parser, without storing anything."""
    from imapclient import IMAPClient

    client = IMAPClient("127.0.0.1", port, ssl=False)
    client.login(user, password)
    client.select_folder("INBOX", readonly=True)
    uids = client.search("ALL")[-count:]
    cpu = time.process_time()
    for at in range(0, len(uids), 500):
        items = ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "BODYSTRUCTURE", "BODY.PEEK[HEADER]"]
        for row in client.fetch(uids[at : at + 500], items).values():
            message = message_from_bytes(row[b"BODY[HEADER]"], policy=policy.default)
            for name in ("From", "To", "Cc", "Subject", "Date", "Message-ID", "References"):
                str(message[name])
    cpu = time.process_time() - cpu
    client.logout()
    return len(uids) / cpu


def everything(address: str) -> dict[str, Any]:
    """Passes until every body is here; the part after the listing apart."""
    account = MailAccount.objects.get(address=address)
    wall, cpu = time.perf_counter(), time.process_time()
    listed: float | None = None
    seen, moved = -1, time.perf_counter()

    def mark(_execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal listed
        result = _execute(sql, params, many, context)
        if sql.startswith('UPDATE "store_mailbox" SET "backfill_uid"') and params and params[0] == 1:
            listed = time.perf_counter()
        return result

    with connection.execute_wrapper(mark):
        while True:
            passes.sync_account(account.pk)
            left = Email.objects.filter(account=account, blob=None).count()
            has_listed = (
                not Mailbox.objects.filter(account=account, is_selectable=True).exclude(backfill_uid=1).exists()
            )
            if has_listed and (not left or (left == seen and time.perf_counter() - moved > 10)):
                break
            if left != seen:
                seen, moved = left, time.perf_counter()
            assert time.perf_counter() - wall < SETTLE_S, f"{left} bodies are missing"
    ended = time.perf_counter()
    stored = Email.objects.filter(account=account, blob__isnull=False).count()
    return {
        "wall_s": ended - wall,
        "cpu_s": time.process_time() - cpu,
        "bodies_s": ended - (listed or wall),
        "stored": stored,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024,
    }


def settled_passes(address: str, port: int, changes: Sequence[Sequence[str]], rounds: int = 5) -> dict[str, Any]:
    """What a pass costs when nothing happened since the last one, and after each of the commands `changes`."""
    account = MailAccount.objects.get(address=address)
    begin = time.perf_counter()
    while True:
        passes.sync_account(account.pk)
        wanted = Mailbox.objects.filter(account=account, is_selectable=True).exclude(backfill_uid=1)
        if not wanted.exists() and not Email.objects.filter(account=account, blob=None).exists():
            break
        assert time.perf_counter() - begin < SETTLE_S, "the account does not settle"
    passes.sync_account(account.pk)
    connections.close_kept_sessions()
    proxy = DelayProxy(port)
    MailAccount.objects.filter(pk=account.pk).update(incoming_port=proxy.port)
    passes.sync_account(account.pk)  # logs in
    quiet = [_one_pass(account.pk, proxy) for _ in range(rounds)]
    changed = []
    for command in changes:
        subprocess.run(command, check=True, capture_output=True)
        changed.append(_one_pass(account.pk, proxy))
    connections.close_kept_sessions()
    proxy.close()
    return {"mailboxes": Mailbox.objects.filter(account=account).count(), "quiet": quiet, "changed": changed}


def _one_pass(account_id: int, proxy: DelayProxy) -> dict[str, float]:
    proxy.take()
    raw = connection.connection
    rows, wall, cpu = raw.total_changes, time.perf_counter(), time.thread_time()
    passes.sync_account(account_id)
    cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
    traffic = proxy.take()
    return {
        "cpu_ms": cpu * 1_000,
        "wall_ms": wall * 1_000,
        "rows": raw.total_changes - rows,
        "round_trips": traffic.round_trips,
        "bytes": traffic.up + traffic.down,
        "connections": traffic.connections,
    }


def _cpu_of(work: Callable[[], int]) -> tuple[float, int]:
    """CPU seconds of a call, and what it returned."""
    cpu = time.process_time()
    result = work()
    return time.process_time() - cpu, result


def _pop3_count(port: int, user: str, password: str) -> int:
    import poplib

    client = poplib.POP3("127.0.0.1", port)
    client.user(user)
    client.pass_(password)
    count = client.stat()[0]
    client.quit()
    return count


def pop3(address: str, port: int, user: str, password: str) -> dict[str, Any]:
    """Client CPU of receiving every message, from login to QUIT, the median of some rounds: by poplib and by our session; and
    of a whole pass that stores them."""
    import poplib

    account = MailAccount.objects.get(address=address)

    def by_poplib() -> int:
        client = poplib.POP3("127.0.0.1", port)
        client.user(user)
        client.pass_(password)
        numbers = range(1, client.stat()[0] + 1)
        size = sum(len(b"\r\n".join(client.retr(number)[1])) for number in numbers)
        client.quit()
        return size

    def by_session() -> int:
        where, login = connections.incoming_endpoint(account), Login(user, password)
        with pop3_session.open_session(where, login) as session:
            numbers = range(1, session.stat()[0] + 1)
            got = sum(len(raw) for _, raw in session.retrieve_many(numbers, max_bytes=100_000_000))
            session.quit()
        return got

    # In turn, since other work on the machine slows both; once before, for what is imported and filled on first use.
    rounds = [(_cpu_of(by_poplib), _cpu_of(by_session)) for _ in range(POP3_ROUNDS + 1)][1:]
    poplib_s = statistics.median(theirs for (theirs, _), _ in rounds)
    session_s = statistics.median(ours for _, (ours, _) in rounds)
    size, got = rounds[0][0][1], rounds[0][1][1]
    count = _pop3_count(port, user, password)
    cpu, wall = time.process_time(), time.perf_counter()
    while Email.objects.filter(account=account, blob__isnull=False).count() < count:
        passes.sync_account(account.pk)
        assert time.perf_counter() - wall < SETTLE_S
    return {
        "count": count,
        "poplib_cpu_s": poplib_s,
        "session_cpu_s": session_s,
        "pass_cpu_s": time.process_time() - cpu,
        "megabytes": size / 1e6,
        "same": abs(got - size) < count * 4,
    }
