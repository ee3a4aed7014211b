"""Mail and servers for the demo's tests."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from imapclient import IMAPClient

from tests.demo.raw_client import RawImap
from tests.fakes.imap import FakeImapServer


def make_mail(number: int, *, subject: str | None = None, body: str = "Hello.\r\n") -> bytes:
    """A small plain message."""
    return (
        f"From: Bob <bob@example.org>\r\nTo: alice@pillarbox.test\r\nSubject: {subject or f'Letter {number}'}\r\n"
        f"Message-ID: <{number}@example.org>\r\nDate: Mon, 02 Feb 2026 10:00:00 +0000\r\n\r\n{body}"
    ).encode()


def fill(server: FakeImapServer, count: int, mailbox: str = "INBOX") -> None:
    """Append so many small messages; UIDs count from 1 in a fresh mailbox."""
    for number in range(1, count + 1):
        server.store.append(server.user, mailbox, make_mail(number))


@pytest.fixture
def imap() -> Iterator[FakeImapServer]:
    """A well-behaved server with everything on and three messages."""
    with FakeImapServer() as server:
        fill(server, 3)
        yield server


@pytest.fixture
def connect() -> Iterator[Callable[[FakeImapServer], IMAPClient]]:
    """Sign in with IMAPClient; connections are closed afterwards."""
    clients: list[IMAPClient] = []

    def open_client(server: FakeImapServer) -> IMAPClient:
        client = IMAPClient(server.host, server.port, ssl=False, timeout=10)
        clients.append(client)
        client.login(server.user, server.password)
        return client

    yield open_client
    for client in clients:
        with contextlib.suppress(OSError):  # a test may have ended it already
            client.shutdown()


@pytest.fixture
def raw(imap: FakeImapServer) -> Iterator[RawImap]:
    """A raw client signed in to `imap`."""
    with RawImap(imap.port) as client:
        yield client.login(imap.user, imap.password)
