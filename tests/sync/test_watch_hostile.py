"""Bad neighbours: a server that drips, floods or never answers is nobody else's trouble, and costs little memory."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fakes.hostile_imap import HostileImapServer
from tests.fakes.imap import FakeImapServer
from tests.servers.certificates import CertificateAuthority
from tests.sync.listening import Listening, deliver, make_inbox
from webmail.demo.imap_session import ImapConfig
from webmail.protocols.imap import listening as protocol
from webmail.protocols.imap import wire
from webmail.sync.watching import watch_opening

pytestmark = pytest.mark.django_db(transaction=True)

MAX_GROWTH_BYTES = 30_000_000
LOOK_S = 2.0  # how long a flood is watched


@pytest.fixture
def listening() -> Iterator[Listening]:
    made = Listening()
    yield made
    made.watch.close(timeout_s=5)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines of a second."""
    monkeypatch.setattr(wire, "CONNECT_S", 1.0)
    monkeypatch.setattr(watch_opening, "COMMAND_S", 1.0)
    monkeypatch.setattr(protocol, "BEGIN_S", 1.0)
    monkeypatch.setattr(protocol, "ANSWER_S", 0.5)


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.req("R36")
@pytest.mark.req("R91")
@pytest.mark.parametrize(
    "manner", ["drips", "answers no IDLE", "never answers again", "floods", "sends one endless line"]
)
def test_new_mail_of_others_is_told_in_time_beside_bad_servers(listening, impatient, manner):
    with ExitStack() as stack:
        healthy = stack.enter_context(FakeImapServer())
        bad = [stack.enter_context(HostileImapServer(manner)) for _ in range(5)]
        for server in bad:
            make_inbox(server.port)
        inbox = make_inbox(healthy.port, incoming_host="localhost")
        listening.watch.refresh()
        listening.until(lambda: healthy.faults.commands.count("IDLE") and all(one.connection_count for one in bad[:4]))
        listening.until(lambda: ("sync.mailbox", inbox.pk) in listening.woken)
        for number in range(3):
            listening.woken.clear()
            deliver(healthy, number)
            listening.until(lambda: ("sync.mailbox", inbox.pk) in listening.woken, timeout_s=2.0)
        assert healthy.connection_count == 1


@pytest.mark.req("Y77")
def test_server_that_drips_holds_a_thread_for_the_deadline_only(listening, impatient):
    with HostileImapServer("drips") as server:
        make_inbox(server.port)
        listening.watch.refresh()
        listening.until(lambda: server.connection_count and not sum(listening.watch._opening.values()))
        entry = next(iter(listening.watch._entries.values()))
        assert entry.failures == 1
        assert entry.try_at > time.monotonic()


@pytest.mark.req("Y77")
def test_server_that_never_answers_idle_is_polled(listening, impatient):
    with HostileImapServer("answers no IDLE") as server:
        make_inbox(server.port)
        listening.watch.refresh()
        listening.until(lambda: listening.watch.figures()["polled"] == 1)


@pytest.mark.req("Y77")
def test_server_that_falls_silent_after_idle_is_found_out_by_the_round(impatient):
    listening = Listening(rounds_s=(0.2,))
    with HostileImapServer("never answers again") as server:
        make_inbox(server.port)
        try:
            listening.watch.refresh()
            listening.until(lambda: listening.watch.figures()["listening"] == 1)
            listening.until(lambda: listening.watch.figures()["listening"] == 0)
            entry = next(iter(listening.watch._entries.values()))
            assert entry.failures == 1
        finally:
            listening.watch.close(timeout_s=5)


@pytest.mark.req("R35")
@pytest.mark.req("Y10")
@pytest.mark.parametrize("manner", ["floods", "sends one endless line"])
def test_flood_takes_little_memory_and_wakes_few(listening, impatient, manner):
    with HostileImapServer(manner) as server:
        inbox = make_inbox(server.port)
        listening.watch.refresh()
        listening.until(lambda: b"IDLE" in server.commands)
        before, until = resident_bytes(), time.monotonic() + LOOK_S
        listening.until(lambda: time.monotonic() > until)

        assert resident_bytes() - before < MAX_GROWTH_BYTES
        assert len(listening.woken) <= 12
        assert set(listening.woken) <= {("sync.mailbox", inbox.pk)}


@pytest.mark.req("Y75")
def test_what_tls_has_decrypted_already_is_read_although_no_selector_tells(listening, settings, tmp_path, monkeypatch):
    authority = CertificateAuthority(tmp_path)
    settings.EXTRA_CA_FILE = str(authority.ca_file)
    certificate = authority.issue()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.cert_file, certificate.key_file)
    monkeypatch.setattr(protocol, "MAX_RECEIVE_BYTES", 3)  # so that every record stays with the TLS layer for a while
    config = ImapConfig(ssl_context=context, is_implicit_tls=True)
    with FakeImapServer(config=config) as server:
        inbox = make_inbox(server.port, incoming_security="tls", incoming_host="localhost")
        listening.watch.refresh()
        listening.until_listening()

        deliver(server)

        listening.until(lambda: ("sync.mailbox", inbox.pk) in listening.woken, timeout_s=2.0)
        assert server.connection_count == 1
