"""GET, and nothing else: bytes from an address that a stranger chose (security R18, R19, R26).

The other side learns our server's address and a fixed User-Agent; no Referer, no cookie, no language, nothing of who asked.
What it says of the type of its bytes is not even looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import httpcore

from webmail.protocols.errors import ConnectionFailed, ServerMisbehaved
from webmail.protocols.http.addresses import WebAddress, read_address
from webmail.protocols.http.errors import StatusRefused, StillEncoded, TooLarge, TooManyRedirects
from webmail.protocols.http.network import MAX_HEAD_BYTES, Budget, CheckedNetwork, Deadline, web_tls_context
from webmail.protocols.transport import Network

# Security section 3, "image proxy".
MAX_BYTES: Final = 10_000_000
MAX_SECONDS: Final = 10.0
MAX_REDIRECTS: Final = 3

USER_AGENT: Final = "Mozilla/5.0 (compatible; Pillarbox picture proxy)"  # the same for everybody and every version
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Reach:
    """Where requests may go and how much they may take. `allow_networks`: private networks the administrator permits."""

    allow_networks: Sequence[Network] = ()
    ca_file: str | None = None  # an extra authority the administrator trusts; None: the system's
    max_bytes: int = MAX_BYTES  # of the body
    max_seconds: float = MAX_SECONDS  # from the first name asked to the last byte, redirects included
    max_redirects: int = MAX_REDIRECTS


def fetch(url: str, reach: Reach) -> bytes:
    """The body of what is at `url`, at most `reach.max_bytes`.

    Raises `AddressUnusable`, `AnswerRefused` and its kinds, `AddressNotAllowed` (of the first address or one it leads to),
    and what else `webmail.protocols.errors` names below `ConnectionFailed`.
    """
    address = read_address(url)
    deadline = Deadline(reach.max_seconds)
    network = CheckedNetwork(
        deadline,
        Budget(reach.max_bytes + MAX_HEAD_BYTES),
        allow_networks=reach.allow_networks,
        ca_file=reach.ca_file,
    )
    for _ in range(reach.max_redirects + 1):
        answer = _ask(address, network, reach)
        if isinstance(answer, bytes):
            return answer
        address = address.follow(answer)
    raise TooManyRedirects(f"the server led on more than {reach.max_redirects} times")


def _ask(address: WebAddress, network: CheckedNetwork, reach: Reach) -> bytes | str:
    """The body, or where the server leads."""
    url = httpcore.URL(scheme=address.scheme, host=address.host, port=address.port, target=address.target)
    headers = [
        ("Host", address.host_header),
        ("User-Agent", USER_AGENT),
        ("Accept", "image/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    context = web_tls_context(reach.ca_file) if address.is_tls else None
    try:
        with (
            httpcore.ConnectionPool(
                ssl_context=context, max_connections=1, max_keepalive_connections=0, network_backend=network
            ) as pool,
            pool.stream("GET", url, headers=headers) as response,
        ):
            return _read(response, reach.max_bytes)
    except httpcore.RemoteProtocolError as error:
        raise ServerMisbehaved("the server did not speak HTTP") from error
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
        raise ConnectionFailed("the request failed") from error


def _read(response: httpcore.Response, max_bytes: int) -> bytes | str:
    headers = {name.lower(): value for name, value in response.headers}
    if response.status in _REDIRECTS and headers.get(b"location"):
        return headers[b"location"].decode("utf-8", "replace")
    if response.status != 200:
        raise StatusRefused(response.status)
    if headers.get(b"content-encoding", b"identity").strip().lower() not in {b"identity", b""}:
        raise StillEncoded("the server compressed what was asked for plain")
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length[:20]) > max_bytes:
        raise TooLarge(f"it is larger than {max_bytes} bytes")
    body = bytearray()
    for piece in response.iter_stream():
        body += piece
        if len(body) > max_bytes:
            raise TooLarge(f"it is larger than {max_bytes} bytes")
    return bytes(body)
