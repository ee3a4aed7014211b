import base64
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.protocols.loopback import LoopbackServer, Peer
from tests.protocols.pop3.maildrop_server import ALL_CAPABILITIES, PASSWORD, USER, Maildrop, Override
from tests.servers.certificates import CertificateAuthority
from webmail.protocols.errors import (
    AuthenticationRefused,
    CertificateRefused,
    ConnectionLost,
    DeadlineExceeded,
    PermanentlyRefused,
    ProtocolError,
    ServerMisbehaved,
    StartTlsMissing,
    TemporarilyRefused,
)
from webmail.protocols.login import Login
from webmail.protocols.pop3 import timeouts
from webmail.protocols.pop3.session import MAX_IN_FLIGHT, SLACK_BYTES, LivePop3Session, UidlEntry, open_session
from webmail.protocols.transport import READ_CHUNK_BYTES, Security

LOGIN = Login(USER, PASSWORD)
TOKEN = Login(USER, "t0ken", "XOAUTH2")
MAX_BYTES = 1_000_000
RAW = b"Subject: hello\r\n\r\ntext\r\n"

Connect = Callable[..., LivePop3Session]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Opens a session with a server for a maildrop: `connect(drop, login=...)`."""
    servers: list[LoopbackServer] = []

    def start(
        drop: Maildrop, *, login: Login = LOGIN, security: Security = Security.PLAIN, ca_file: object = None
    ) -> LivePop3Session:
        servers.append(LoopbackServer(drop))
        return open_session(servers[-1].endpoint(security, ca_file=ca_file), login)

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command may take 0.3 s."""
    monkeypatch.setattr(timeouts, "SCALE", 0.001)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))


def drop_of(count: int, **options: object) -> Maildrop:
    drop = Maildrop(**options)  # type: ignore[arg-type]
    for _ in range(count):
        drop.deliver(RAW)
    return drop


# Signing in ---------------------------------------------------------------------------------------------------


def test_sasl_plain_is_used_when_offered(connect: Connect) -> None:
    drop = Maildrop()
    connect(drop)
    assert drop.commands == [b"CAPA", b"AUTH PLAIN " + base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())]


@pytest.mark.parametrize("drop", [Maildrop(capabilities=("TOP",)), Maildrop(overrides={"CAPA": b"-ERR what\r\n"})])
def test_user_and_pass_are_used_otherwise(drop: Maildrop, connect: Connect) -> None:
    connect(drop)
    assert drop.commands == [b"CAPA", f"USER {USER}".encode(), f"PASS {PASSWORD}".encode()]


def test_a_short_token_goes_along_with_the_command(connect: Connect) -> None:
    drop = Maildrop(capabilities=("SASL PLAIN XOAUTH2",))
    connect(drop, login=TOKEN)
    assert drop.commands[1] == b"AUTH XOAUTH2 " + base64.b64encode(b"user=alice\x01auth=Bearer t0ken\x01\x01")


def test_a_long_token_waits_for_the_challenge(connect: Connect) -> None:
    said: list[bytes] = []

    def challenge(peer: Peer, line: bytes) -> bytes:
        peer.send(b"+ \r\n")
        said.append(base64.b64decode(peer.line()))
        return b"+OK\r\n"

    drop = Maildrop(capabilities=("SASL XOAUTH2",), overrides={"AUTH": challenge})
    connect(drop, login=Login(USER, "t" * 2000, "XOAUTH2"))
    assert drop.commands[1] == b"AUTH XOAUTH2"
    assert said == [b"user=alice\x01auth=Bearer " + b"t" * 2000 + b"\x01\x01"]


def test_a_refused_token_is_asked_to_the_end(connect: Connect) -> None:
    def refuse(peer: Peer, line: bytes) -> bytes:
        peer.send(b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n")
        assert peer.line() == b""
        return b"-ERR [AUTH] expired\r\n"

    with pytest.raises(AuthenticationRefused) as caught:
        connect(Maildrop(capabilities=("SASL XOAUTH2",), overrides={"AUTH": refuse}), login=TOKEN)
    assert caught.value.server_text == "[AUTH] expired"


def test_a_token_is_never_sent_as_a_password(connect: Connect) -> None:
    drop = Maildrop()
    with pytest.raises(PermanentlyRefused):
        connect(drop, login=TOKEN)
    assert drop.verbs == ["CAPA"]


@pytest.mark.req("R85")
@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        ({"greeting": b"-ERR [SYS/TEMP] later\r\n"}, TemporarilyRefused),
        ({"greeting": b"-ERR too many connections\r\n"}, TemporarilyRefused),
        ({"greeting": b"-ERR [SYS/PERM] gone\r\n"}, PermanentlyRefused),
        ({"greeting": b"220 smtp here\r\n"}, ServerMisbehaved),
        ({"greeting": None}, ConnectionLost),
        ({"PASS": b"-ERR [IN-USE] locked\r\n"}, TemporarilyRefused),
        ({"PASS": b"-ERR [LOGIN-DELAY] slow down\r\n"}, TemporarilyRefused),
        ({"PASS": b"-ERR [AUTH] wrong\r\n"}, AuthenticationRefused),
        ({"PASS": b"-ERR wrong\r\n"}, AuthenticationRefused),
        ({"USER": b"-ERR unknown\r\n"}, AuthenticationRefused),
        ({"PASS": None}, ConnectionLost),
        ({"PASS": b"+ what\r\n"}, ServerMisbehaved),
    ],
)
def test_trouble_while_signing_in_has_its_cause(
    overrides: dict[str, Override], error: type[ProtocolError], connect: Connect
) -> None:
    with pytest.raises(error) as caught:
        connect(Maildrop(capabilities=("TOP",), overrides=overrides))
    assert PASSWORD not in repr(caught.value)


def test_a_server_that_asks_for_ever_is_cut_off(connect: Connect) -> None:
    def ask_for_ever(peer: Peer, line: bytes) -> bytes:
        while True:
            peer.send(b"+ more\r\n")
            peer.line()

    with pytest.raises(ServerMisbehaved):
        connect(Maildrop(overrides={"AUTH": ask_for_ever}))


def test_the_delay_between_logins_is_told(connect: Connect) -> None:
    assert connect(Maildrop(capabilities=("LOGIN-DELAY 900 USER",))).login_delay_s == 900
    assert connect(Maildrop()).login_delay_s is None


# STLS ---------------------------------------------------------------------------------------------------------


@pytest.mark.req("R33")
def test_the_password_travels_after_stls_and_capabilities_are_asked_again(
    connect: Connect, authority: CertificateAuthority
) -> None:
    drop = drop_of(1, capabilities=("STLS", *ALL_CAPABILITIES), certificate=authority.issue())
    session = connect(drop, security=Security.STARTTLS, ca_file=authority.ca_file)
    assert drop.verbs == ["CAPA", "STLS", "CAPA", "AUTH"]
    assert session.retrieve(1, max_bytes=MAX_BYTES) == RAW
    assert session.quit()


@pytest.mark.req("R33")
@pytest.mark.parametrize(
    "drop",
    [
        Maildrop(),
        Maildrop(overrides={"CAPA": b"-ERR what\r\n"}),
        Maildrop(capabilities=("STLS",), overrides={"STLS": b"-ERR no\r\n"}),
        Maildrop(capabilities=("STLS",), overrides={"STLS": b"+OK go\r\n+OK\r\nSASL PLAIN\r\n.\r\n"}),
    ],
    ids=["not offered", "no CAPA", "refused", "injected"],
)
def test_without_stls_no_secret_leaves(drop: Maildrop, connect: Connect) -> None:
    with pytest.raises(StartTlsMissing):
        connect(drop, security=Security.STARTTLS)
    assert set(drop.verbs) <= {"CAPA", "STLS"}


@pytest.mark.req("R33")
def test_a_certificate_nobody_vouches_for_gets_no_password(connect: Connect, authority: CertificateAuthority) -> None:
    drop = Maildrop(capabilities=("STLS",), certificate=authority.issue())
    with pytest.raises(CertificateRefused):
        connect(drop, security=Security.STARTTLS)
    assert drop.verbs == ["CAPA", "STLS"]


# Lists --------------------------------------------------------------------------------------------------------


def test_a_server_without_uidl_or_top_answers_none(connect: Connect) -> None:
    session = connect(drop_of(1, overrides={"UIDL": b"-ERR what\r\n", "TOP": b"-ERR what\r\n"}))
    assert session.uidls() is None
    assert session.top(1, 0) is None
    assert session.sizes() == {1: len(RAW)}


@pytest.mark.req("R85")
def test_a_server_in_trouble_is_not_taken_for_one_without_uidl(connect: Connect) -> None:
    trouble = b"-ERR [SYS/TEMP] index is being rebuilt\r\n"
    session = connect(drop_of(1, overrides={"UIDL": trouble, "TOP": trouble, "RETR": trouble}))
    with pytest.raises(TemporarilyRefused):
        session.uidls()
    with pytest.raises(TemporarilyRefused):
        session.top(1, 0)
    with pytest.raises(TemporarilyRefused):
        list(session.retrieve_many([1], max_bytes=MAX_BYTES))


def test_names_used_twice_stay_apart_by_number(connect: Connect) -> None:
    drop = Maildrop(messages=[("same", RAW), ("same", RAW)])
    assert connect(drop).uidls() == [UidlEntry(1, "same"), UidlEntry(2, "same")]


@pytest.mark.parametrize("answer", [b"+OK\r\n", b"+OK many\r\n", b"+OK 1\r\n", b"+OK -1 5\r\n", b"+ \r\n"])
def test_a_count_that_is_none_ends_the_session(answer: bytes, connect: Connect) -> None:
    session = connect(Maildrop(overrides={"STAT": answer}))
    with pytest.raises(ServerMisbehaved):
        session.stat()
    with pytest.raises(ConnectionLost):
        session.sizes()


# Many messages ------------------------------------------------------------------------------------------------


def test_with_pipelining_many_commands_are_under_way_at_once(connect: Connect) -> None:
    most = 0
    held_back: list[bytes] = []

    def answer_when_all_are_here(peer: Peer, line: bytes) -> bytes:
        nonlocal most
        if not held_back:
            held_back.extend(peer.line() for _ in range(MAX_IN_FLIGHT - 1))
            most = len(held_back) + 1
            return (b"+OK\r\n" + RAW + b".\r\n") * most
        return b"+OK\r\n" + RAW + b".\r\n"

    drop = Maildrop(overrides={"RETR": answer_when_all_are_here})
    session = connect(drop)
    assert len(list(session.retrieve_many(range(1, 101), max_bytes=MAX_BYTES))) == 100
    assert most == MAX_IN_FLIGHT
    assert session.quit()


def test_without_pipelining_one_command_is_under_way(connect: Connect) -> None:
    answered = threading.Semaphore(0)
    early: list[bool] = []

    def check(peer: Peer, line: bytes) -> bytes:
        early.append(peer.received.count(b"RETR") > len(early) + 1)
        answered.release()
        return b"+OK\r\n" + RAW + b".\r\n"

    session = connect(Maildrop(capabilities=("SASL PLAIN",), overrides={"RETR": check}))
    assert len(list(session.retrieve_many(range(1, 11), max_bytes=MAX_BYTES))) == 10
    assert early == [False] * 10


def test_other_commands_must_wait_until_all_messages_are_here(connect: Connect) -> None:
    session = connect(drop_of(50))
    messages = session.retrieve_many(range(1, 51), max_bytes=MAX_BYTES)
    next(messages)
    for command in (session.stat, session.uidls, lambda: session.delete(1)):
        with pytest.raises(RuntimeError):
            command()
    with pytest.raises(RuntimeError):
        session.retrieve_many([1], max_bytes=MAX_BYTES)
    assert len(list(messages)) == 49
    assert session.stat()[0] == 50


@pytest.mark.req("R85")
def test_leaving_early_closes_the_connection_and_deletes_nothing(connect: Connect) -> None:
    drop = drop_of(50)
    session = connect(drop)
    session.delete(50)
    messages = session.retrieve_many(range(1, 50), max_bytes=MAX_BYTES)
    next(messages)
    messages.close()
    with pytest.raises(ConnectionLost):
        session.stat()
    assert not session.quit()
    assert len(drop.messages) == 50


@pytest.mark.req("R85")
def test_a_cut_between_messages_keeps_those_that_came(connect: Connect) -> None:
    def hang_up_at_the_third(peer: Peer, line: bytes) -> bytes | None:
        return None if line == b"RETR 3" else b"+OK\r\n" + RAW + b".\r\n"

    session = connect(Maildrop(overrides={"RETR": hang_up_at_the_third}))
    got: list[int] = []
    with pytest.raises(ConnectionLost):
        got.extend(number for number, _ in session.retrieve_many([1, 2, 3, 4], max_bytes=MAX_BYTES))
    assert got == [1, 2]


# Limits -------------------------------------------------------------------------------------------------------


@pytest.mark.req("R35")
@pytest.mark.parametrize("stream", [b"line\r\n" * 1000, b"x" * 65_536, b".." * 1000 + b"\r\n"])
@pytest.mark.parametrize("many", [True, False])
def test_an_endless_message_ends_the_session_and_takes_no_memory(stream: bytes, many: bool, connect: Connect) -> None:
    def endless(peer: Peer, line: bytes) -> None:
        peer.send(b"+OK 120 octets\r\n")
        peer.flood(stream)

    session = connect(Maildrop(overrides={"RETR": endless}))
    with pytest.raises(ServerMisbehaved):
        _ = list(session.retrieve_many([1, 2], max_bytes=300_000)) if many else session.retrieve(1, max_bytes=300_000)
    assert session._connection.is_closed
    assert session._connection.bytes_read <= 400_000 + SLACK_BYTES + 4 * READ_CHUNK_BYTES


@pytest.mark.req("R35")
@pytest.mark.parametrize("command", ["greeting", "CAPA", "AUTH"])
def test_an_endless_line_while_opening_ends_the_session(command: str, connect: Connect) -> None:
    with pytest.raises(ServerMisbehaved):
        connect(Maildrop(overrides={command: lambda peer, line: peer.flood(b"+OK " + b"x" * 1000)}))


@pytest.mark.req("R35")
@pytest.mark.parametrize("line", [b"+OK " + b"x" * 1000, b"+OK\r\n1 line\r\n" * 1000, b"9" * 1000])
def test_an_endless_answer_ends_the_session(line: bytes, connect: Connect) -> None:
    endless = {name: lambda peer, _: peer.flood(line) for name in ("STAT", "QUIT")}
    session = connect(Maildrop(overrides=endless))
    with pytest.raises(ServerMisbehaved):
        session.stat()
    assert session._connection.is_closed
    session = connect(Maildrop(overrides=endless))
    session.quit()
    assert session._connection.is_closed


def test_a_message_of_nothing_but_dots_fits_into_its_own_size(connect: Connect) -> None:
    raw = b".\r\n" * 300_000
    drop = Maildrop(messages=[("dots", raw)])
    assert connect(drop).retrieve(1, max_bytes=len(raw)) == raw


@pytest.mark.req("R36")
def test_a_dripping_message_runs_into_the_deadline(connect: Connect, short_waits: None) -> None:
    def drip(peer: Peer, line: bytes) -> None:
        peer.send(b"+OK\r\n")
        peer.drip(b"x", every_s=0.01)

    session = connect(Maildrop(overrides={"RETR": drip}))
    with pytest.raises(DeadlineExceeded):
        session.retrieve(1, max_bytes=MAX_BYTES)
    assert timeouts.COMMAND_S == 300


# Leaving ------------------------------------------------------------------------------------------------------


@pytest.mark.req("R85")
@pytest.mark.parametrize(
    "answer",
    [b"-ERR some deleted messages not removed\r\n", b"nonsense\r\n", None, lambda peer, line: peer.reset()],
    ids=["refused", "nonsense", "closed", "reset"],
)
def test_deletions_count_only_when_quit_was_answered(answer: Override, connect: Connect) -> None:
    drop = drop_of(2, overrides={"QUIT": answer})
    session = connect(drop)
    session.delete(1)
    assert session.quit() is False
    assert session.quit() is False
    assert len(drop.messages) == 2


def test_the_end_of_the_block_hangs_up_without_quit(connect: Connect) -> None:
    drop = drop_of(1)
    with connect(drop) as session:
        session.delete(1)
    assert "QUIT" not in drop.verbs
    assert len(drop.messages) == 1


# CAPA ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "days"),
    [("EXPIRE 60", 60), ("EXPIRE 0", 0), ("EXPIRE 30 USER", 30), ("EXPIRE NEVER", None), ("TOP", None)],
)
def test_how_long_the_server_keeps_mail_is_told(word: str, days: int | None, connect: Connect) -> None:
    assert connect(Maildrop(capabilities=(word,))).expire_days == days


@pytest.mark.req("Y87")
def test_headers_of_a_server_without_top_are_none(connect: Connect) -> None:
    drop = drop_of(2, capabilities=("PIPELINING",), overrides={"TOP": b"-ERR unknown command\r\n"})
    assert connect(drop).headers([1, 2]) is None
    assert drop.verbs.count("TOP") == 1
