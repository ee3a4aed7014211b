"""The contract of a POP3 session on Dovecot and on the server in memory, with and without pipelining."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.protocols.loopback import LOOPBACK, LoopbackServer, serving
from tests.protocols.pop3 import contract, maildrop_server
from tests.servers.dovecot import DovecotServer
from webmail.protocols.errors import AuthenticationRefused
from webmail.protocols.login import Login
from webmail.protocols.pop3.session import LivePop3Session, open_session
from webmail.protocols.transport import Endpoint, Security

every_promise = pytest.mark.parametrize("promise", contract.CONTRACT, ids=lambda promise: promise.__name__)


@dataclass
class InMemory:
    server: LoopbackServer
    drop: maildrop_server.Maildrop

    def deliver(self, raw: bytes) -> None:
        self.drop.deliver(raw)

    def open(self) -> LivePop3Session:
        login = Login(maildrop_server.USER, maildrop_server.PASSWORD)
        return open_session(self.server.endpoint(), login)


@pytest.fixture(params=[("TOP", "UIDL", "PIPELINING"), ("TOP", "UIDL", "SASL PLAIN")], ids=["pipelining", "one by one"])
def in_memory(request: pytest.FixtureRequest) -> Iterator[InMemory]:
    drop = maildrop_server.Maildrop(capabilities=request.param)
    with serving(drop) as server:
        yield InMemory(server, drop)


@every_promise
def test_the_session_keeps_its_promise_in_memory(
    promise: Callable[[contract.Maildrop], None], in_memory: InMemory
) -> None:
    promise(in_memory)


@dataclass
class OnDovecot:
    dovecot: DovecotServer
    user: str
    password: str

    def endpoint(self, security: Security = Security.PLAIN) -> Endpoint:
        port = self.dovecot.pop3s_port if security is Security.TLS else self.dovecot.pop3_port
        ca_file = str(self.dovecot.ca_file)
        return Endpoint("127.0.0.1", port, security, allow_networks=LOOPBACK, ca_file=ca_file)

    def deliver(self, raw: bytes) -> None:
        self.dovecot.deliver(self.user, raw)

    def open(self) -> LivePop3Session:
        return open_session(self.endpoint(), Login(self.user, self.password))


@pytest.fixture
def on_dovecot(dovecot: DovecotServer) -> OnDovecot:
    user = f"pop3-{secrets.token_hex(4)}"
    return OnDovecot(dovecot, user, dovecot.add_user(user))


@pytest.mark.live
@every_promise
def test_the_session_keeps_its_promise_on_dovecot(
    promise: Callable[[contract.Maildrop], None], on_dovecot: OnDovecot
) -> None:
    promise(on_dovecot)


@pytest.mark.live
@pytest.mark.req("R85")
def test_dovecot_refuses_a_wrong_password(on_dovecot: OnDovecot) -> None:
    with pytest.raises(AuthenticationRefused) as caught:
        open_session(on_dovecot.endpoint(), Login(on_dovecot.user, "wrong"))
    assert caught.value.code == "AUTH"


@pytest.mark.live
def test_dovecot_offers_what_makes_us_fast(on_dovecot: OnDovecot) -> None:
    session = on_dovecot.open()
    assert {"PIPELINING", "TOP", "UIDL", "AUTH-RESP-CODE"} <= session.capabilities
    assert session.quit()


@pytest.mark.live
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_mail_travels_encrypted_from_dovecot(security: Security, on_dovecot: OnDovecot) -> None:
    on_dovecot.deliver(contract.message(1))
    session = open_session(on_dovecot.endpoint(security), Login(on_dovecot.user, on_dovecot.password))
    assert session.retrieve(1, max_bytes=contract.MAX_BYTES) == contract.message(1)
    assert session.quit()
