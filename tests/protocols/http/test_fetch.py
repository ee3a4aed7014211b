"""What a stranger's web server gets from us, and what it cannot do to us (security R18, R19, R26, R27)."""

from __future__ import annotations

import gzip
import ipaddress
import socket
import threading
from pathlib import Path

import pytest

from tests.protocols.http.server import Asked, leads_to, ok, reach, web
from tests.protocols.loopback import LOOPBACK, Peer, serving
from tests.protocols.test_transport import NAMES, NUMERIC_SPELLINGS, Resolver
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
    TlsFailed,
)
from webmail.protocols.http.addresses import read_address
from webmail.protocols.http.errors import (
    AddressUnusable,
    StatusRefused,
    StillEncoded,
    TooLarge,
    TooManyRedirects,
)
from webmail.protocols.http.fetch import MAX_BYTES, MAX_REDIRECTS, MAX_SECONDS, USER_AGENT, Reach, fetch
from webmail.protocols.http.network import MAX_HEAD_BYTES


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))


# What the other side sees -----------------------------------------------------------------------------------------


@pytest.mark.req("R18")
def test_the_sender_sees_a_fixed_user_agent_and_nothing_of_the_reader() -> None:
    with web(ok(b"body", "Set-Cookie: id=7; Path=/", "Refresh: 0")) as upstream:
        assert fetch(upstream.url("/p?reader=7"), reach()) == b"body"
        assert fetch(upstream.url("/q"), reach()) == b"body"
        first, second = upstream.requests
        assert first.line == "GET /p?reader=7 HTTP/1.1"
        assert sorted(first.names) == ["accept", "accept-encoding", "connection", "host", "user-agent"]
        assert first.get("User-Agent") == USER_AGENT
        assert first.get("Accept-Encoding") == "identity"
        assert first.get("Host") == f"127.0.0.1:{upstream.server.port}"
        assert sorted(second.names) == sorted(first.names), "the cookie did not come back"


@pytest.mark.req("R18")
def test_no_referer_no_cookie_and_no_password_travel_across_a_redirect() -> None:
    def answer(peer: Peer, asked: Asked) -> None:
        if asked.path == "/":
            peer.send(b"HTTP/1.1 302 Found\r\nSet-Cookie: a=b\r\nLocation: /next#x\r\nContent-Length: 0\r\n\r\n")
        else:
            ok(b"there")(peer, asked)

    with web(answer) as upstream:
        url = upstream.url("/").replace("http://", "http://user:secret@")
        assert fetch(url, reach()) == b"there"
        assert [asked.path for asked in upstream.requests] == ["/", "/next"]
        for asked in upstream.requests:
            assert not {"authorization", "cookie", "referer", "origin"} & set(asked.names)


def test_the_path_is_sent_as_it_was_written_and_in_ascii() -> None:
    with web(ok(b"x")) as upstream:
        fetch(upstream.url("/a%2Fb/ü c.png?x=1&y=[2]&z=é#part"), reach())
        assert upstream.requests[0].path == "/a%2Fb/%C3%BC%20c.png?x=1&y=[2]&z=%C3%A9"


# Where it goes ----------------------------------------------------------------------------------------------------


@pytest.mark.req("R26")
@pytest.mark.req("R27")
@pytest.mark.parametrize("host", NUMERIC_SPELLINGS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_spelling_of_a_local_address_is_asked(scheme: str, host: str) -> None:
    written = f"[{host}]" if ":" in host and not host.startswith("[") else host
    with pytest.raises((AddressNotAllowed, HostNotFound)):
        fetch(f"{scheme}://{written}/x.png", Reach())


@pytest.mark.req("R27")
@pytest.mark.parametrize("host", NAMES)
@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "100.64.0.1"])
def test_no_name_that_leads_to_a_local_address_is_asked(
    host: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Resolver([address]))
    with pytest.raises(AddressNotAllowed):
        fetch(f"http://{host}/", Reach())


@pytest.mark.req("R27")
@pytest.mark.parametrize(
    "url",
    [
        "http://example.org@127.0.0.1/",
        "http://example.org:80@127.0.0.1/",
        "http://127.0.0.1:80%2f@example.org@127.0.0.1/",
        "http://\uff11\uff12\uff17.0.0.1/",
        "http://\u2460\u2461\u2466.0.0.1/",
        "http://127\u30020\u30020\u30021/",
        "http://localhost\u3002/",
        "http://127.0.0.1\t/",
        "ht\ntp://127.0.0.1/",
        "http://0/",
        "http://[::ffff:127.0.0.1]/",
        "http://[0:0:0:0:0:ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
    ],
)
def test_a_url_that_hides_a_local_host_is_refused(url: str) -> None:
    with pytest.raises((AddressNotAllowed, AddressUnusable, HostNotFound)):
        fetch(url, Reach())


@pytest.mark.req("R26")
def test_one_local_address_among_public_ones_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(["8.8.8.8", "10.0.0.1"]))
    with pytest.raises(AddressNotAllowed):
        fetch("http://pictures.example.org/", Reach())


@pytest.mark.req("R27")
def test_a_name_that_changes_its_answer_is_resolved_once_and_judged_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    only_this = Reach(allow_networks=(ipaddress.ip_network("127.0.0.1/32"),))
    resolver = Resolver(["127.0.0.1"], ["127.0.0.2"])
    with web(ok(b"first")) as upstream:
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        url = upstream.url("/", host="rebind.example.org")
        assert fetch(url, only_this) == b"first"
        assert resolver.asked == ["rebind.example.org"], "connected to the checked address, without asking again"
        assert upstream.requests[0].get("Host") == f"rebind.example.org:{upstream.server.port}"
        with pytest.raises(AddressNotAllowed):
            fetch(url, only_this)
    assert len(upstream.requests) == 1


@pytest.mark.req("R26")
@pytest.mark.parametrize("location", ["http://127.0.0.2:{port}/", "//127.0.0.2:{port}/", "http://2130706434:{port}/"])
def test_a_redirect_to_a_local_address_is_not_followed(location: str) -> None:
    only_this = Reach(allow_networks=(ipaddress.ip_network("127.0.0.1/32"),))
    with web(lambda peer, asked: leads_to(location.format(port=upstream.server.port))(peer, asked)) as upstream:
        with pytest.raises(AddressNotAllowed):
            fetch(upstream.url("/"), only_this)
        assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "gopher://127.0.0.1:25/x", "ftp://127.0.0.1/", "data:image/png;base64,AA", "javascript:1"],
)
def test_a_redirect_to_another_scheme_is_not_followed(location: str) -> None:
    with web(leads_to(location)) as upstream, pytest.raises(AddressUnusable):
        fetch(upstream.url("/"), reach())


@pytest.mark.parametrize("port", [22, 25, 110, 143, 465, 993, 1023, 6667, 5060, 6000, 0])
def test_ports_of_other_services_are_not_asked(port: int) -> None:
    with pytest.raises(AddressUnusable):
        fetch(f"http://127.0.0.1:{port}/", reach())


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "/a.png",
        "ftp://example.org/",
        "http://",
        "http:///x",
        "http://a b/",
        "http://a\x00b/",
        "http://example.org:port/",
        "http://example.org:99999/",
        "http://[::1",
        "http://[fe80::1%25lo]/",
        "http://" + "a" * 300 + "/",
        "http://" + "\u00fc" * 80 + ".example/",
        "http://example.org/" + "a" * 9_000,
    ],
)
def test_what_is_no_web_address_is_not_asked(url: str) -> None:
    with pytest.raises(AddressUnusable):
        fetch(url, reach())


def test_an_international_name_is_asked_in_its_ascii_form() -> None:
    assert read_address("https://B\u00fccher.example/\u00fc").host == "xn--bcher-kva.example"


# Redirects --------------------------------------------------------------------------------------------------------


@pytest.mark.req("R19")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_three_redirects_are_followed_and_a_fourth_is_not(status: int) -> None:
    def answer(peer: Peer, asked: Asked) -> None:
        count = int(asked.path.strip("/"))
        (leads_to(f"/{count - 1}", status=status) if count else ok(b"end"))(peer, asked)

    with web(answer) as upstream:
        assert fetch(upstream.url(f"/{MAX_REDIRECTS}"), reach()) == b"end"
        with pytest.raises(TooManyRedirects):
            fetch(upstream.url(f"/{MAX_REDIRECTS + 1}"), reach())
        assert len(upstream.requests) == 2 * (MAX_REDIRECTS + 1)


def test_a_redirect_that_says_not_where_is_refused() -> None:
    head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"
    with web(lambda peer, _: peer.send(head)) as upstream, pytest.raises(StatusRefused) as caught:
        fetch(upstream.url("/"), reach())
    assert caught.value.status == 302


# Answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [204, 206, 304, 400, 403, 404, 410, 429, 500, 503])
def test_any_other_status_is_refused_with_its_number(status: int) -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()
    with web(lambda peer, _: peer.send(head)) as upstream, pytest.raises(StatusRefused) as caught:
        fetch(upstream.url("/"), reach())
    assert caught.value.status == status


@pytest.mark.req("R19")
def test_a_body_announced_as_too_large_is_refused_before_it_comes() -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {MAX_BYTES + 1}\r\n\r\n".encode()

    def answer(peer: Peer, _: Asked) -> None:
        peer.send(head)
        peer.stall()

    with web(answer) as upstream, pytest.raises(TooLarge):
        fetch(upstream.url("/"), reach())


@pytest.mark.req("R19")
@pytest.mark.parametrize("framing", ["to the end", "chunked"])
def test_an_endless_body_is_cut_at_the_limit(framing: str) -> None:
    def answer(peer: Peer, _: Asked) -> None:
        if framing == "chunked":
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            peer.flood(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        else:
            peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
            peer.flood(b"x" * 65_536)

    with web(answer) as upstream, pytest.raises(TooLarge):
        fetch(upstream.url("/"), reach(max_bytes=1_000_000))


@pytest.mark.req("R19")
@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b""]
)
def test_endless_headers_are_cut(head: bytes) -> None:
    def answer(peer: Peer, _: Asked) -> None:
        peer.send(head)
        if head.endswith(b"X: ") or not head:
            peer.flood(b"a" * 4_096)
        elif head.endswith(b"\r\n\r\n"):
            peer.flood(head)
        else:
            peer.flood(b"X-More: and more\r\n")

    with web(answer) as upstream, pytest.raises(ServerMisbehaved):
        fetch(upstream.url("/"), reach(max_bytes=1_000))


def test_the_cap_of_all_bytes_is_a_little_above_that_of_the_body() -> None:
    assert MAX_BYTES == 10_000_000
    assert MAX_HEAD_BYTES < MAX_BYTES / 10


@pytest.mark.req("R19")
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity, gzip"])
def test_a_compressed_body_is_refused_and_never_unpacked(coding: str) -> None:
    bomb = gzip.compress(b"\0" * 5_000_000)
    with web(ok(bomb, f"Content-Encoding: {coding}")) as upstream, pytest.raises(StillEncoded):
        fetch(upstream.url("/"), reach())


def test_a_chunked_body_is_put_together() -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
    with web(lambda peer, _: peer.send(chunks)) as upstream:
        assert fetch(upstream.url("/"), reach()) == b"abcde"


@pytest.mark.parametrize(
    "answer",
    [
        b"not http at all\r\n\r\n",
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"\x16\x03\x01\x00\x00",
    ],
)
def test_what_is_not_http_is_refused(answer: bytes) -> None:
    with web(lambda peer, _: peer.send(answer)) as upstream, pytest.raises((ServerMisbehaved, ConnectionLost)):
        fetch(upstream.url("/"), reach())


def test_a_body_that_ends_too_soon_is_no_body() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"
    with web(lambda peer, _: peer.send(head)) as upstream, pytest.raises(ServerMisbehaved):
        fetch(upstream.url("/"), reach())


def test_a_connection_that_breaks_says_so() -> None:
    with web(lambda peer, _: peer.reset()) as upstream, pytest.raises(ConnectionLost):
        fetch(upstream.url("/"), reach())


def test_a_port_where_nobody_listens_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefused):
        fetch(f"http://127.0.0.1:{port}/", reach())


# Time -------------------------------------------------------------------------------------------------------------


@pytest.mark.req("R19")
@pytest.mark.req("R36")
@pytest.mark.parametrize("where", ["head", "body", "silence", "redirects"])
def test_the_deadline_is_total_however_slowly_bytes_come(where: str) -> None:
    def answer(peer: Peer, asked: Asked) -> None:
        if where == "head":
            peer.drip(b"HTTP/1.1 200 OK\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaa", every_s=0.05)
        elif where == "body":
            peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
            peer.drip(b"x", every_s=0.05)
        elif where == "redirects":
            leads_to("/again")(peer, asked) if len(upstream.requests) < 2 else peer.stall()
        else:
            peer.stall()

    with web(answer) as upstream, pytest.raises(DeadlineExceeded):  # it would go on for ever
        fetch(upstream.url("/"), reach(max_seconds=0.5))
    assert MAX_SECONDS == 10


@pytest.mark.req("R19")
def test_a_name_that_is_never_answered_for_ends_with_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def never(*_: object, **__: object) -> list[object]:
        ended.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", never)
    with pytest.raises(DeadlineExceeded):
        fetch("http://slow.example.org/", reach(max_seconds=0.2))
    ended.set()


def test_the_next_address_is_tried_when_the_first_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    both = Reach(allow_networks=(*LOOPBACK, ipaddress.ip_network("::1/128")))
    with web(ok(b"second")) as upstream:
        monkeypatch.setattr(socket, "getaddrinfo", Resolver(["::1", "127.0.0.1"]))
        assert fetch(upstream.url("/", host="two.example.org"), both) == b"second"


# TLS --------------------------------------------------------------------------------------------------------------


def test_a_certificate_of_a_trusted_authority_holds(authority: CertificateAuthority) -> None:
    with web(ok(b"safe"), certificate=authority.issue()) as upstream:
        assert (
            fetch(upstream.url("/", scheme="https", host="localhost"), reach(ca_file=str(authority.ca_file))) == b"safe"
        )


@pytest.mark.parametrize("fault", ["self-signed", "wrong name", "expired"])
def test_a_certificate_that_does_not_hold_is_refused(
    fault: str, authority: CertificateAuthority, tmp_path: Path
) -> None:
    signer = CertificateAuthority(tmp_path) if fault == "self-signed" else authority
    names = ("pictures.example.org",) if fault == "wrong name" else ()
    certificate = signer.issue(*names, is_expired=fault == "expired")

    def script(peer: Peer) -> None:
        try:
            peer.start_tls(certificate)
        except OSError:
            return
        came.append(bytes(peer.until(b"\r\n")))

    came: list[bytes] = []
    with serving(script) as server, pytest.raises(CertificateRefused):
        fetch(f"https://127.0.0.1:{server.port}/", reach(ca_file=str(authority.ca_file)))
    assert came == []


def test_a_server_that_speaks_plain_text_where_tls_was_asked_fails() -> None:
    with serving(lambda peer: peer.send(b"HTTP/1.1 200 OK\r\n\r\n")) as server, pytest.raises(TlsFailed):
        fetch(f"https://127.0.0.1:{server.port}/", reach())


def test_a_host_that_cannot_be_written_is_refused_before_anything_is_sent() -> None:
    with pytest.raises((AddressUnusable, BadArgument)):
        fetch("http://exa\u2028mple.org/", reach())
