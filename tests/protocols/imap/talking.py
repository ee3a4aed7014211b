"""A session at a scripted server, for the tests of what goes over the wire."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from tests.protocols.imap.scripted import Answer, imap_script
from tests.protocols.loopback import LoopbackServer, serving
from webmail.protocols.imap.session import LiveImapSession, open_session
from webmail.protocols.login import Login

AT = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
ALICE = Login("alice", "s3cret")
ALL = b"IMAP4rev1 AUTH=PLAIN ENABLE CONDSTORE QRESYNC ESEARCH UIDPLUS MOVE IDLE LITERAL+ LIST-EXTENDED LIST-STATUS NAMESPACE"


@contextmanager
def talking(
    answer: Answer | None = None, *, capabilities: bytes = b"IMAP4rev1 AUTH=PLAIN"
) -> Iterator[tuple[LiveImapSession, LoopbackServer]]:
    with serving(imap_script(answer, capabilities=capabilities)) as server:
        session = open_session(server.endpoint(), ALICE)
        session.select(b"INBOX")
        try:
            yield session, server
        finally:
            session.close()


def commands(server: LoopbackServer) -> list[bytes]:
    """Complete lines the client sent, without those that answer a challenge."""
    return [line for line in bytes(server.peers[0].received).split(b"\r\n") if line]
