"""What sync must hold, a function for each group: figures by name, each beside its reference of the same run.

The workers of the site do not run meanwhile: what is measured runs in a process of its own (`tests.bench.inside`).
"""

from __future__ import annotations

import statistics
from argparse import Namespace
from dataclasses import dataclass
from typing import Any

from tests.bench.delay_proxy import DelayProxy
from tests.bench.floor import BODY_ITEMS, LIST_ITEMS, RawImap
from tests.bench.tools import Run, Tool
from tests.e2e.site import Site
from tests.servers.dovecot import DovecotServer, MailUser
from tests.servers.process import server_directory

Figures = dict[str, Any]
NOT_INSTALLED = "not installed"
ROUND_TRIP_S = 0.05
LIBRARY_MESSAGES = 2_000  # enough for a rate; 20,000 take it 18 seconds
LARGE_MESSAGES = 100_000
POP3_MESSAGES = 2_000
QUIET_MAILBOXES = 50


@dataclass
class Bench:
    """The servers of a run and its options; filled mailboxes are shared by the groups."""

    site: Site
    dovecot: DovecotServer
    options: Namespace

    def __post_init__(self) -> None:
        self._filled: dict[tuple[int, str], MailUser] = {}

    def filled_user(self, count: int, *, profile: str = "small") -> MailUser:
        """A user with so many messages in INBOX, whose caches the server has built already. `small` has messages of 2 KB,
        `real` of 40 KB on average."""
        if (count, profile) not in self._filled:
            user = self.dovecot.new_user("bench")
            self.dovecot.fill(user.name, count, profile=profile)
            fields = "hdr.subject imap.bodystructure size.virtual"
            self.dovecot.doveadm("fetch", "-u", user.name, fields, "mailbox", "INBOX", "all")
            self._filled[count, profile] = user
        return self._filled[count, profile]

    def connect(self, user: MailUser, *, port: int | None = None, protocol: str = "imap") -> str:
        """A new account of a new person at this mailbox; returns its address."""
        number = len(list(self.site.directory.glob("connected-*"))) + 1
        (self.site.directory / f"connected-{number}").touch()
        address = f"bench{number}@people.test"
        self.site.add_user(address)
        server_port = port or (self.dovecot.imap_port if protocol == "imap" else self.dovecot.pop3_port)
        incoming = f"{protocol}://{user.name}@127.0.0.1:{server_port}"
        arguments = ["--address", address, "--incoming", incoming, "--no-test", "--password-stdin"]
        self.site.manage("connect", address, *arguments, stdin=user.password)
        return address

    def inside(self, call: str) -> Any:
        """The result of a call of `tests.bench.inside` in a process of its own."""
        return self.site.run_python(f"from tests.bench import inside\nresult = inside.{call}", timeout_s=900)

    def raw(self, user: MailUser) -> RawImap:
        """A bare connection to the mailbox."""
        return RawImap(self.dovecot.imap_port, user.name, user.password)


def listing(bench: Bench) -> Figures:
    """Headers into SQLite (Y1, Y2); with --large also 100,000 (Y8)."""
    figures = _listing(bench, bench.options.messages)
    user = bench.filled_user(bench.options.messages)
    arguments = f"{bench.dovecot.imap_port}, {user.name!r}, {user.password!r}, {LIBRARY_MESSAGES}"
    library = bench.inside(f"list_with_the_usual_library({arguments})")
    figures["IMAPClient and email.policy, messages per CPU-second"] = round(library)
    if bench.options.large:
        large = bench.inside(f"list_headers({bench.connect(bench.filled_user(LARGE_MESSAGES))!r})")
        figures["100,000: seconds (at most 10)"] = round(large["wall_s"], 2)
        figures["100,000: CPU seconds"] = round(large["cpu_s"], 2)
        figures["100,000: peak memory, MB (at most 120) / of it grown"] = (
            f"{large['peak_mb']:.0f} / {large['grown_mb']:.0f}"
        )
        figures["100,000: memory without mapped files, MB"] = round(large["own_mb"])
    return figures


def _listing(bench: Bench, count: int) -> Figures:
    user = bench.filled_user(count)
    raw = bench.raw(user)
    raw.ask("SELECT INBOX")
    floors = [raw.fetch(raw.uids(), LIST_ITEMS, batch=1_000) for _ in range(3)]
    raw.close()
    floor_s = statistics.median(floor.wall_s for floor in floors)
    runs = [bench.inside(f"list_headers({bench.connect(user)!r})") for _ in range(bench.options.rounds)]
    wall_s, cpu_s = (statistics.median(run[name] for run in runs) for name in ("wall_s", "cpu_s"))
    assert {run["count"] for run in runs} == {count}
    firsts = [run["first_ms"] for run in runs if run["first_ms"] is not None]
    return {
        "messages": count,
        "messages per CPU-second (at least 10,000)": round(count / cpu_s),
        "seconds / CPU seconds": f"{wall_s:.2f} / {cpu_s:.2f}",
        "raw floor, seconds": round(floor_s, 3),
        "share of the raw floor, % (at least 7)": round(floor_s / wall_s * 100, 1),
        "first 200 rows after SELECT, ms (at most 150)": round(statistics.median(firsts)) if firsts else None,
        "search documents afterwards, CPU seconds": round(statistics.median(run["documents_cpu_s"] for run in runs), 2),
        "peak memory, MB": round(max(run["peak_mb"] for run in runs)),
        "memory without mapped files, MB": round(max(run["own_mb"] for run in runs)),
        "of it grown by the work, MB": round(max(run["grown_mb"] for run in runs)),
    }


def latency(bench: Bench) -> Figures:
    """Headers over a line with 50 ms round trip (Y5)."""
    user = bench.filled_user(bench.options.messages)
    proxy = DelayProxy(bench.dovecot.imap_port, round_trip_s=ROUND_TRIP_S)
    run = bench.inside(f"list_headers({bench.connect(user, port=proxy.port)!r})")
    traffic = proxy.take()
    proxy.close()
    return {
        "messages": run["count"],
        "seconds at 50 ms round trip (at most 3)": round(run["wall_s"], 2),
        "CPU seconds of it": round(run["cpu_s"], 2),
        "round trips, login included": traffic.round_trips,
    }


def bodies(bench: Bench) -> Figures:
    """A whole mailbox with its bodies, on disk for certain (Y3, Y4)."""
    count = bench.options.bodies
    user = bench.filled_user(count, profile="real")
    raw = bench.raw(user)
    raw.ask("SELECT INBOX")
    floor = raw.fetch(raw.uids(), BODY_ITEMS, batch=200)
    raw.close()
    ours = bench.inside(f"everything({bench.connect(user)!r})")
    directory = server_directory("bench")
    port = bench.dovecot.imap_port
    references = {
        "mbsync without fsync": Tool("mbsync", directory / "mbsync-no", user, port),
        "mbsync with fsync": Tool("mbsync", directory / "mbsync-yes", user, port, fsync="yes"),
        "offlineimap": Tool("offlineimap", directory / "offlineimap", user, port),
    }
    figures: Figures = {
        "messages / stored": f"{count} / {ours['stored']}",
        "Pillarbox, seconds / CPU seconds": f"{ours['wall_s']:.2f} / {ours['cpu_s']:.2f}",
        "body pass, share of the raw floor, % (at least 60)": round(floor.wall_s / ours["bodies_s"] * 100, 1),
        "megabytes": round(floor.received / 1e6, 1),
        "peak memory, MB": round(ours["peak_mb"]),
    }
    for name, tool in references.items():
        if name == "offlineimap" and not bench.options.offlineimap:
            continue
        run = tool.run()
        figures[f"{name}, seconds / CPU seconds"] = _seconds(run)
        if run is not None:
            figures[f"ratio to {name}"] = round(ours["wall_s"] / run.wall_s, 2)
    return figures


def _seconds(run: Run | None) -> str:
    return NOT_INSTALLED if run is None else f"{run.wall_s:.2f} / {run.cpu_s:.2f}"


def quiet(bench: Bench) -> Figures:
    """Passes when nothing happened, and after one keyword changed (Y6, Y7)."""
    user = bench.dovecot.new_user("quiet")
    letter = b"From: ben@example.org\r\nSubject: Letter\r\nMessage-ID: <%d@bench>\r\n\r\nHello.\r\n"
    for number in range(QUIET_MAILBOXES - 6):  # INBOX and five with a special use are there already
        name = f"Box {number}"
        bench.dovecot.doveadm("mailbox", "create", "-u", user.name, "-s", name)
        bench.dovecot.deliver(user.name, letter % number, mailbox=name)
    figures = _quiet(bench, user)
    figures |= _one_keyword(bench)
    return figures


def _quiet(bench: Bench, user: MailUser) -> Figures:
    port = bench.dovecot.imap_port
    found = bench.inside(f"settled_passes({bench.connect(user)!r}, {port}, [])")
    tool = Tool("mbsync", server_directory("bench") / "quiet", user, port)
    tool.run()
    again = tool.run()
    passes = found["quiet"]
    return {
        "mailboxes": found["mailboxes"],
        "quiet pass, round trips (1)": statistics.median(one["round_trips"] for one in passes),
        "quiet pass, rows written (0 but for the account's own clock)": statistics.median(
            one["rows"] for one in passes
        ),
        "quiet pass, client CPU, ms (at most 10)": round(statistics.median(one["cpu_ms"] for one in passes), 1),
        "mbsync with nothing to do, seconds / CPU seconds": _seconds(again),
    }


def _one_keyword(bench: Bench) -> Figures:
    count = bench.options.messages
    user, port = bench.filled_user(count), bench.dovecot.imap_port
    doveadm = ["doveadm", "-c", str(bench.dovecot.configuration_file), "flags"]
    target = ["-u", user.name, "\\Flagged", "mailbox", "INBOX", "uid", str(count // 2)]
    changes = [[*doveadm, verb, *target] for verb in ("add", "remove", "add", "remove")]
    found = bench.inside(f"settled_passes({bench.connect(user)!r}, {port}, {changes!r})")
    told = found["changed"]
    tool = Tool("mbsync", server_directory("bench") / "keyword", user, port)
    tool.run()
    bench.dovecot.doveadm("flags", "add", *target)
    again = tool.run()
    bench.dovecot.doveadm("flags", "remove", *target)
    return {
        f"one keyword of {count}, round trips (at most 3)": statistics.median(one["round_trips"] for one in told),
        f"one keyword of {count}, bytes (at most 2,048)": statistics.median(one["bytes"] for one in told),
        f"one keyword of {count}, client CPU, ms (at most 20)": round(
            statistics.median(one["cpu_ms"] for one in told), 1
        ),
        "mbsync with one flag, seconds / CPU seconds": _seconds(again),
    }


def pop3(bench: Bench) -> Figures:
    """A maildrop received (Y9)."""
    user = bench.filled_user(POP3_MESSAGES)
    arguments = f"{bench.dovecot.pop3_port}, {user.name!r}, {user.password!r}"
    found = bench.inside(f"pop3({bench.connect(user, protocol='pop3')!r}, {arguments})")
    assert found["same"]
    return {
        "messages": found["count"],
        "poplib, client CPU seconds": round(found["poplib_cpu_s"], 3),
        "our session, client CPU seconds": round(found["session_cpu_s"], 3),
        "messages per CPU-second, times poplib (at least 3)": round(found["poplib_cpu_s"] / found["session_cpu_s"], 1),
        "pass that stores them, CPU seconds": round(found["pass_cpu_s"], 2),
    }
