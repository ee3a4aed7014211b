"""A web server of a few lines for tests: a script answers each request, and what was asked is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.protocols.loopback import LOOPBACK, LoopbackServer, Peer, serving
from tests.servers.certificates import Certificate
from webmail.protocols.http.fetch import Reach


@dataclass
class Asked:
    """One request as it came in."""

    line: str
    headers: list[tuple[str, str]]

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]

    @property
    def names(self) -> list[str]:
        return [name.lower() for name, _ in self.headers]

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass
class Web:
    """The running server. `requests`, oldest first."""

    server: LoopbackServer
    requests: list[Asked] = field(default_factory=list)

    def url(self, path: str = "/", *, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.server.port}{path}"


Answer = Callable[[Peer, Asked], None]


def ok(body: bytes, *headers: str, content_type: str = "image/png") -> Answer:
    """An answer with this body."""
    lines = [*headers, f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return lambda peer, _: peer.send(("HTTP/1.1 200 OK\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode() + body)


def says(answer: str) -> Answer:
    """These very words."""
    return lambda peer, _: peer.send(answer.encode())


def leads_to(location: str, *, status: int = 302) -> Answer:
    """A redirect."""
    head = f"HTTP/1.1 {status} Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    return says(head)


@contextlib.contextmanager
def web(answer: Answer, *, certificate: Certificate | None = None) -> Iterator[Web]:
    """Serve for the length of the block."""

    def script(peer: Peer) -> None:
        if certificate is not None:
            peer.start_tls(certificate)
        line, *lines = peer.until(b"\r\n\r\n").decode("latin-1").strip().split("\r\n")
        pairs = [(name, value.strip()) for name, _, value in (entry.partition(":") for entry in lines)]
        asked = Asked(line, pairs)
        found.requests.append(asked)
        answer(peer, asked)

    with serving(script) as server:
        found = Web(server)
        yield found


def reach(**limits: object) -> Reach:
    """Loopback is allowed, as a private network an administrator has listed."""
    return Reach(allow_networks=LOOPBACK, **limits)  # type: ignore[arg-type]
