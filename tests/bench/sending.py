"""Sending: how soon a message is taken, how fast a queue leaves, and how long it is from the click to the server's 250."""

from __future__ import annotations

import statistics
import time
import uuid
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.bench.groups import Bench, Figures
from tests.e2e.site import Site
from tests.fakes.smtp import RecordingSmtpSink
from tests.servers.dovecot import DovecotServer
from tests.servers.ports import free_port
from tests.servers.postgres import PostgresServer
from tests.servers.process import ServerProcess, ServerUnavailable, account, find_binary, is_root, server_directory

ACCEPTED = 200
CLICKS = 20


@contextmanager
def smtp_sink() -> Iterator[tuple[str, int]]:
    """A server that takes everything and keeps nothing, in a process of its own: Postfix's, else the one of the tests."""
    port = free_port()
    try:
        program = find_binary("smtp-sink", debian_package="postfix", extra_path="/usr/sbin")
    except ServerUnavailable:
        with RecordingSmtpSink() as sink:
            yield "the sink of the tests", sink.port
        return
    log = server_directory("sink") / "smtp-sink.log"
    privileges = ["-u", account().name] if is_root() else []
    process = ServerProcess([program, *privileges, "-c", f"127.0.0.1:{port}", "100"], log=log)
    try:
        process.wait_for_ports(port)
        yield "smtp-sink", port
    finally:
        process.stop()


def measure(bench: Bench) -> Figures:
    """Accepting and sending on SQLite, and on PostgreSQL where there is one."""
    figures = _on(bench.site, bench.options, "SQLite")
    try:
        postgres = PostgresServer(is_durable=True)
    except ServerUnavailable as error:
        return figures | {"PostgreSQL": str(error)}
    try:
        site = Site(redis_url=bench.site.environment["REDIS_URL"], database_url=postgres.start().url)
        site.manage("migrate", "--verbosity", "0")
        figures |= _on(site, bench.options, "PostgreSQL")
        site.close()
    finally:
        postgres.close()
    return figures


def _on(site: Site, options: Namespace, database: str) -> Figures:
    taken = _inside(site, f"accepting({ACCEPTED})")
    count = options.queue
    with smtp_sink() as (sink, port):
        runs = [_inside(site, f"queue({port}, {count})") for _ in range(options.rounds)]
    seconds, cpu_s, peer_s = (statistics.median(run[name] for run in runs) for name in ("seconds", "cpu_s", "peer_s"))
    return {
        f"{database}: 10 KB to 3 recipients taken, submit alone, p50 ms": round(taken["submit_ms"], 1),
        f"{database}: the same through REST, p50 ms (at most 15)": round(taken["rest_ms"], 1),
        f"{database}: {count} of 2 KB queued, messages per second to {sink} (at least 100)": round(count / seconds),
        f"{database}: CPU ms for each": round(cpu_s / count * 1_000, 2),
        f"{database}: smtplib with the same over one connection, nothing written down": round(count / peer_s),
    }


def _inside(site: Site, call: str) -> Any:
    return site.run_python(f"from tests.bench import inside_sending\nresult = inside_sending.{call}", timeout_s=900)


def measure_clicks(site: Site, dovecot: DovecotServer, options: Namespace) -> dict[str, Any]:
    """From the request that sends to the 250 of the server, through web, Redis and the worker; no undo window."""
    user = dovecot.new_user("click")
    email = f"{user.name}@people.test"
    site.add_user(email)
    incoming = f"imap://{user.name}@127.0.0.1:{dovecot.imap_port}"
    arguments = ["--address", user.address, "--incoming", incoming, "--no-test", "--password-stdin"]
    site.manage("connect", email, *arguments, stdin=user.password)
    with RecordingSmtpSink() as sink:
        account_id = site.run_python(
            "from accounts.models import MailAccount\n"
            f"rows = MailAccount.objects.filter(address={user.address!r})\n"
            f"rows.update(outgoing_host='127.0.0.1', outgoing_port={sink.port}, outgoing_security='plain')\n"
            "result = rows.get().public_id"
        )
        token = site.token(email)
        times = [_click(site, sink, account_id, token, number) for number in range(1, CLICKS + 2)][1:]
    return {
        "clicks": CLICKS,
        "click to 250, median ms (at most 300)": round(statistics.median(times) * 1_000),
        "click to 250, slowest ms": round(max(times) * 1_000),
    }


def _click(site: Site, sink: RecordingSmtpSink, account_id: str, token: str, number: int) -> float:
    body = {"message": {"to": "bob@example.org", "subject": f"Click {number}", "text": "Hi"}}
    begin = time.perf_counter()
    site.api(
        "POST",
        f"/accounts/{account_id}/submissions",
        token=token,
        body=body,
        **{"Idempotency-Key": uuid.uuid4().hex},
    )
    sink.wait_for_messages(number, timeout_s=60)
    return time.perf_counter() - begin
