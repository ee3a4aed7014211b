"""Sessions with scripted servers, and short waits."""

from collections.abc import Iterator

import pytest

from tests.protocols.loopback import LoopbackServer
from tests.protocols.smtp.conversations import Talk
from tests.protocols.smtp.scripted_server import Answer, ScriptedSmtp
from webmail.protocols.login import Login
from webmail.protocols.smtp import timeouts
from webmail.protocols.smtp.session import LiveSmtpSession, open_session
from webmail.protocols.transport import Security


@pytest.fixture
def talk() -> Iterator[Talk]:
    """Opens a session with a scripted server: `talk({"MAIL": b"..."}, login=...)`."""
    open_servers: list[LoopbackServer] = []

    def start(
        answers: dict[str, Answer] | None = None,
        *,
        login: Login | None = None,
        security: Security = Security.PLAIN,
        may_chunk: bool = True,
    ) -> tuple[LiveSmtpSession, ScriptedSmtp]:
        script = ScriptedSmtp(answers)
        open_servers.append(LoopbackServer(script))
        endpoint = open_servers[-1].endpoint(security)
        return open_session(endpoint, login, ehlo_name="client.example.org", may_chunk=may_chunk), script

    yield start
    for server in open_servers:
        server.stop()


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply may take 0.3 s, the final dot 0.6 s."""
    monkeypatch.setattr(timeouts, "SCALE", 0.001)
