import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.protocols.loopback import LOOPBACK, Peer, serving
from tests.servers.certificates import CertificateAuthority
from webmail.protocols.errors import (
    AddressNotAllowed,
    BadArgument,
    CertificateRefused,
    ConnectionLost,
    ConnectionRefused,
    DeadlineExceeded,
    HostNotFound,
    ServerMisbehaved,
    StartTlsMissing,
    TlsFailed,
)
from webmail.protocols.transport import (
    MAX_LINE_BYTES,
    READ_CHUNK_BYTES,
    Endpoint,
    Network,
    Security,
    is_allowed,
    open_connection,
    resolve,
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))


# Addresses ----------------------------------------------------------------------------------------------------

LOCAL_ADDRESSES = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "169.254.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.1",
    "192.0.0.9",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "100::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:7f00:1",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]

PUBLIC_ADDRESSES = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "198.20.0.1",
    "223.255.255.254",
    "2606:4700::1111",
    "2a00:1450:4001::5e",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]


@pytest.mark.req("R26")
@pytest.mark.parametrize("address", LOCAL_ADDRESSES)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_allowed(address, ())


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_allowed(address, ())


@pytest.mark.req("R26")
@pytest.mark.parametrize(
    ("address", "network", "is_in"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", True),
        ("192.168.1.1", "10.0.0.0/8", False),
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("fd00::1", "fd00::/8", True),
        ("fd00::1", "10.0.0.0/8", False),
        ("127.0.0.1", "::/0", False),
        ("::ffff:127.0.0.1", "::/0", False),
    ],
)
def test_the_administrator_may_list_networks(address: str, network: str, is_in: bool) -> None:
    assert is_allowed(address, [ipaddress.ip_network(network)]) is is_in


# What the system's resolver makes of each spelling is its affair: the address it finds is what is judged.
NUMERIC_SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0x0.0x0.0x1",
    "0177.0.0.1",
    "017700000001",
    "0177.0.0.01",
    "127.0.0.001",
    "0",
    "0x0",
    "0.0.0.0",
    "10.1",
    "167772161",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "::1",
    "::ffff:127.0.0.1",
    "0:0:0:0:0:ffff:7f00:1",
    "::",
    "fe80::1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "localhost",
    "LOCALHOST",
]
NAMES = [
    "127.0.0.1.nip.io",
    "127-0-0-1.sslip.io",
    "169.254.169.254.nip.io",
    "metadata.google.internal",
    "localtest.me",
    "localhost.",
    "127.0.0.1.",
    "localhost.localdomain",
    "ip6-localhost",
]


@pytest.mark.req("R27")
@pytest.mark.parametrize("host", NUMERIC_SPELLINGS)
def test_no_spelling_of_a_local_address_passes(host: str) -> None:
    with pytest.raises((AddressNotAllowed, HostNotFound)):
        resolve(Endpoint(host, 993, Security.TLS))


class Resolver:
    """Answers for names in turn, the last answer again and again; numeric hosts go to the real resolver."""

    def __init__(self, *answers: list[str]) -> None:
        self._real: Callable[..., list[object]] = socket.getaddrinfo
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, *args: object, **kwargs: object) -> list[object]:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            self.asked.append(host)
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            return [
                (socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))
                for ip in answer
            ]
        return self._real(host, port, *args, **kwargs)


@pytest.mark.req("R27")
@pytest.mark.parametrize("host", NAMES)
@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1"])
def test_a_name_that_leads_to_a_local_address_is_refused(
    host: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Resolver([address]))
    with pytest.raises(AddressNotAllowed) as caught:
        resolve(Endpoint(host, 993, Security.TLS))
    assert address not in str(caught.value).replace(host, "")  # our inner network is nobody's business


@pytest.mark.req("R26")
@pytest.mark.parametrize("answer", [["8.8.8.8", "127.0.0.1"], ["10.0.0.1", "8.8.8.8"], ["8.8.8.8", "::1"]])
def test_one_local_address_among_public_ones_refuses_the_name(
    answer: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(answer))
    with pytest.raises(AddressNotAllowed):
        resolve(Endpoint("mail.example.org", 993, Security.TLS))


@pytest.mark.req("R27")
def test_a_second_answer_of_the_name_service_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    only_this: list[Network] = [ipaddress.ip_network("127.0.0.1/32")]
    resolver = Resolver(["127.0.0.1"], ["10.0.0.1"])
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    with serving(lambda peer: peer.send(b"hello\r\n")) as server:
        endpoint = Endpoint("rebind.example.org", server.port, Security.PLAIN, allow_networks=only_this)
        connection = open_connection(endpoint, timeout_s=5)
        assert connection.read_line() == b"hello\r\n"
        connection.close()
        with pytest.raises(AddressNotAllowed):
            open_connection(endpoint, timeout_s=5)
    assert resolver.asked == ["rebind.example.org"] * 2  # once for each connection


@pytest.mark.parametrize(
    "host", ["", " ", "mail.example.org\r\n", "mail\x00.example.org", "mail example.org", "mail\u2028x"]
)
def test_a_host_name_with_spaces_or_control_characters_is_a_bad_argument(host: str) -> None:
    with pytest.raises(BadArgument):
        resolve(Endpoint(host, 993, Security.TLS))


@pytest.mark.parametrize("host", [".", "..", ".example.org", "a..b", "x" * 64 + ".example.org"])
def test_a_name_that_is_none_is_not_found(host: str) -> None:
    with pytest.raises(HostNotFound):
        resolve(Endpoint(host, 993, Security.TLS))


# Connecting ---------------------------------------------------------------------------------------------------


def test_a_port_where_nobody_listens_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefused):
        open_connection(Endpoint("127.0.0.1", port, Security.PLAIN, allow_networks=LOOPBACK), timeout_s=5)


def test_the_next_address_is_tried_when_the_first_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(["::1", "127.0.0.1"]))
    both: list[Network] = [*LOOPBACK, ipaddress.ip_network("::1/128")]
    with serving(lambda peer: peer.send(b"hello\r\n")) as server:
        connection = open_connection(
            Endpoint("two.example.org", server.port, Security.PLAIN, allow_networks=both), timeout_s=5
        )
        assert connection.read_line() == b"hello\r\n"
        connection.close()


# TLS ----------------------------------------------------------------------------------------------------------


def test_a_certificate_of_a_trusted_authority_holds(authority: CertificateAuthority) -> None:
    certificate = authority.issue()

    def script(peer: Peer) -> None:
        peer.start_tls(certificate)
        peer.send(b"hello " + peer.line() + b"\r\n")

    with serving(script) as server:
        connection = server.connect(Security.TLS, ca_file=authority.ca_file)
        connection.write(b"you\r\n")
        assert connection.is_tls
        assert connection.read_line() == b"hello you\r\n"
        connection.close()


@pytest.mark.req("R33")
@pytest.mark.parametrize("fault", ["self-signed", "wrong name", "expired"])
def test_a_certificate_that_does_not_hold_is_refused(
    fault: str, authority: CertificateAuthority, tmp_path: Path
) -> None:
    # An authority that the client was never told of stands for every self-made certificate.
    signer = CertificateAuthority(tmp_path) if fault == "self-signed" else authority
    names = ("mail.example.org",) if fault == "wrong name" else ()
    certificate = signer.issue(*names, is_expired=fault == "expired")
    got_through = threading.Event()

    def script(peer: Peer) -> None:
        try:
            peer.start_tls(certificate)
            peer.line()
            got_through.set()
        except ssl.SSLError:
            pass

    with serving(script) as server, pytest.raises(CertificateRefused):
        server.connect(Security.TLS, ca_file=authority.ca_file)
    assert not got_through.is_set()


def test_a_server_that_speaks_plain_text_on_a_tls_port_fails() -> None:
    with serving(lambda peer: peer.send(b"* OK ready\r\n")) as server, pytest.raises(TlsFailed):
        server.connect(Security.TLS)


@pytest.mark.req("R36")
def test_a_server_that_never_shakes_hands_runs_into_the_deadline() -> None:
    with serving(Peer.stall) as server, pytest.raises(DeadlineExceeded):
        server.connect(Security.TLS, timeout_s=0.2)


@pytest.mark.req("R33")
def test_bytes_before_starttls_end_the_connection(authority: CertificateAuthority) -> None:
    certificate = authority.issue()

    def script(peer: Peer) -> None:
        peer.send(b"220 go ahead\r\n250 injected\r\n")
        with contextlib.suppress(ssl.SSLError):
            peer.start_tls(certificate)

    with serving(script) as server:
        connection = server.connect(Security.STARTTLS, ca_file=authority.ca_file)
        assert connection.read_line() == b"220 go ahead\r\n"
        with pytest.raises(StartTlsMissing):
            connection.start_tls()
        assert connection.is_closed
        assert not connection.is_tls


@pytest.mark.req("R33")
def test_bytes_that_come_late_but_before_the_handshake_never_count_as_protected(
    authority: CertificateAuthority,
) -> None:
    proceed = threading.Event()

    def script(peer: Peer) -> None:
        peer.send(b"220 go ahead\r\n")
        proceed.wait(5)
        peer.send(b"250 injected\r\n")
        peer.stall()

    with serving(script) as server:
        connection = server.connect(Security.STARTTLS, ca_file=authority.ca_file)
        connection.read_line()
        proceed.set()
        with pytest.raises(TlsFailed):
            connection.start_tls()


# Limits -------------------------------------------------------------------------------------------------------


@pytest.mark.req("R36")
def test_a_byte_now_and_then_does_not_stretch_the_deadline() -> None:
    with serving(lambda peer: peer.drip(b"x", every_s=0.02)) as server:
        connection = server.connect()
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded), connection.limits(seconds=0.3, max_bytes=1000):
            connection.read_line()
        assert time.monotonic() - began < 2
        assert connection.is_closed


@pytest.mark.req("R36")
def test_the_tighter_of_two_nested_deadlines_holds() -> None:
    with serving(Peer.stall) as server:
        connection = server.connect()
        with (
            pytest.raises(DeadlineExceeded),
            connection.limits(seconds=0.1, max_bytes=10),
            connection.limits(seconds=60, max_bytes=10),
        ):
            connection.read_line()


@pytest.mark.req("R36")
def test_a_server_that_stops_reading_runs_into_the_deadline() -> None:
    with serving(Peer.stall) as server:
        connection = server.connect()
        with pytest.raises(DeadlineExceeded), connection.limits(seconds=0.3, max_bytes=10):
            connection.write(bytes(50_000_000))


@pytest.mark.req("R35")
def test_an_endless_line_ends_the_session() -> None:
    with serving(lambda peer: peer.flood(b"x" * 65_536)) as server:
        connection = server.connect()
        with pytest.raises(ServerMisbehaved), connection.limits(seconds=20, max_bytes=10**9):
            connection.read_line()
        assert connection.is_closed
        assert connection.bytes_read <= MAX_LINE_BYTES + 2 * READ_CHUNK_BYTES


@pytest.mark.req("R35")
def test_endless_lines_end_the_session() -> None:
    with serving(lambda peer: peer.flood(b"* 1 FETCH\r\n" * 1000)) as server:
        connection = server.connect()
        with pytest.raises(ServerMisbehaved), connection.limits(seconds=20, max_bytes=1_000_000):
            deque(iter(connection.read_line, b""), maxlen=0)
        assert connection.bytes_read <= 1_000_000 + READ_CHUNK_BYTES


@pytest.mark.req("R35")
def test_a_giant_size_takes_no_memory_before_the_bytes_come() -> None:
    with serving(lambda peer: peer.send(b"short")) as server:
        connection = server.connect()
        with pytest.raises(ConnectionLost), connection.limits(seconds=5, max_bytes=1000):
            connection.read_exactly(3_000_000_000)


def test_lines_and_blocks_come_out_as_they_were_sent() -> None:
    def script(peer: Peer) -> None:
        for piece in (b"first li", b"ne\r\nsecond\n12345", b"67rest"):
            peer.send(piece)

    with serving(script) as server:
        connection = server.connect()
        assert connection.read_line() == b"first line\r\n"
        assert connection.read_line() == b"second\n"
        assert connection.read_exactly(7) == b"1234567"
        rest = b""
        while len(rest) < 4:
            rest += connection.read_some()
        assert rest == b"rest"
        with pytest.raises(ConnectionLost):
            connection.read_some()


def test_waiting_for_data_loses_none_and_takes_no_longer_than_asked() -> None:
    proceed = threading.Event()

    def script(peer: Peer) -> None:
        proceed.wait(5)
        peer.send(b"late\r\n")

    with serving(script) as server:
        connection = server.connect()
        assert not connection.has_data(wait_s=0.01)
        proceed.set()
        assert connection.has_data(wait_s=5)
        assert connection.has_data(wait_s=0)
        assert connection.read_line() == b"late\r\n"
        with pytest.raises(ConnectionLost):
            connection.has_data(wait_s=5)


def test_a_closed_connection_says_that_it_is_lost() -> None:
    with serving(Peer.stall) as server:
        connection = server.connect()
        connection.close()
        connection.close()
        for use in (connection.read_line, connection.read_some, connection.start_tls, lambda: connection.write(b"x")):
            with pytest.raises(ConnectionLost):
                use()
        with pytest.raises(ConnectionLost):
            connection.has_data(wait_s=0)


def test_a_reset_connection_says_that_it_is_lost() -> None:
    def script(peer: Peer) -> None:
        peer.line()
        peer.reset()

    with serving(script) as server:
        connection = server.connect()
        connection.write(b"hello\r\n")
        with pytest.raises(ConnectionLost):
            connection.read_line()
