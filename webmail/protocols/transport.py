"""A TCP connection to a mail server with total deadlines and byte caps, plain or TLS.

A socket time-out is not a deadline: one byte a second holds a client for ever (security R36). Every read and write here
takes what is left of the running deadline, every line and every block has a cap, and the whole answer of a command has
one too (`allow_bytes`). The name is resolved once, every address is checked, and the checked address is the one
connected to (security R26), so a second answer of the DNS cannot lead elsewhere.
"""

from __future__ import annotations

import enum
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from webmail.protocols.errors import (
    AddressNotAllowed,
    BadArgument,
    CertificateRefused,
    ConnectionFailed,
    ConnectionLost,
    ConnectionRefused,
    DeadlineExceeded,
    HostNotFound,
    ServerMisbehaved,
    StartTlsMissing,
    TlsFailed,
)

MAX_LINE_BYTES = 1_048_576  # security section 3: far above any legal line, far below what hurts
READ_CHUNK_BYTES = 65_536

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# The only IPv6 space that is given out to the public (RFC 4291 2.4). What lies outside it and is not a known form of an
# IPv4 address is refused: `is_global` of this Python calls fec0::/10, ::7f00:1 and 64:ff9b:1::/48 public.
_IPV6_PUBLIC = ipaddress.ip_network("2000::/3")
_IPV6_DOCUMENTATION = ipaddress.ip_network("3fff::/20")  # RFC 9637
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
_IPV4_PROTOCOL_ASSIGNMENTS = ipaddress.ip_network("192.0.0.0/24")  # RFC 6890: inside access networks only


class Security(enum.StrEnum):
    """How a connection is protected. There is no "TLS if possible": that is a downgrade waiting to happen."""

    TLS = "tls"
    STARTTLS = "starttls"
    PLAIN = "plain"


@dataclass(frozen=True)
class Endpoint:
    """Where to connect and how. `allow_networks` are the private networks the administrator permits (R26)."""

    host: str
    port: int
    security: Security
    allow_networks: Sequence[Network] = field(default=())
    ca_file: str | None = None  # an extra authority the administrator trusts; None: the system's


def resolve(endpoint: Endpoint) -> list[tuple[int, str]]:
    """All addresses of the host as (family, address), each one allowed.

    Raises `HostNotFound`, or `AddressNotAllowed` when any address is not public and not in `allow_networks`.
    """
    if not endpoint.host or any(char.isspace() or not char.isprintable() for char in endpoint.host):
        raise BadArgument("the host name is empty or holds spaces or control characters")
    try:
        found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise HostNotFound(f"{endpoint.host} is not a known host name") from error
    addresses: list[tuple[int, str]] = [(family, str(sockaddr[0])) for family, _, _, _, sockaddr in found]
    for _, address in addresses:
        if not is_allowed(address, endpoint.allow_networks):
            raise AddressNotAllowed(f"{endpoint.host} leads to an address in a network that is not allowed here")
    return addresses


def is_allowed(address: str, allow_networks: Sequence[Network]) -> bool:
    """Whether we may connect to this IP address: public, or in a listed network. Judged by address, not spelling."""
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ip.ipv4_mapped or ip.sixtofour or _nat64(ip)
        if embedded is not None:
            return is_allowed(str(embedded), allow_networks)
    if any(ip.version == net.version and ip in net for net in allow_networks):
        return True
    if isinstance(ip, ipaddress.IPv6Address):
        is_listed = ip in _IPV6_PUBLIC and ip not in _IPV6_DOCUMENTATION
    else:
        is_listed = ip not in _IPV4_PROTOCOL_ASSIGNMENTS
    return is_listed and ip.is_global and not ip.is_multicast


def _nat64(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return None


def tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    """Certificate and host name are always verified; there is no switch to turn that off (security R33).

    Connections share a context: each would else hold all authorities of the system once more (sync Y10).
    """
    changed_at = Path(endpoint.ca_file).stat().st_mtime_ns if endpoint.ca_file else 0
    return _tls_context(endpoint.ca_file, changed_at)


@lru_cache(maxsize=8)
def _tls_context(ca_file: str | None, changed_at: int) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


class Connection:
    """A connected socket. Use `open_connection`; close it with `close`. Not for use by two threads at once."""

    def __init__(self, sock: socket.socket, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._sock = sock
        self._buffer = bytearray()
        self._deadline = time.monotonic() + 60
        self._bytes_left = MAX_LINE_BYTES
        self.bytes_read = 0
        self.bytes_written = 0
        self.is_tls = False
        self.is_closed = False

    # Limits ---------------------------------------------------------------------------------------------------

    @contextmanager
    def limits(self, *, seconds: float, max_bytes: int) -> Iterator[None]:
        """Everything inside shares one total deadline and one cap of bytes received. Blocks may nest; the tighter
        deadline holds."""
        before = (self._deadline, self._bytes_left)
        self._deadline = min(time.monotonic() + seconds, before[0]) if self._nested else time.monotonic() + seconds
        self._bytes_left = max_bytes
        outer, self._nested = self._nested, True
        try:
            yield
        finally:
            self._nested = outer
            self._deadline, self._bytes_left = before

    _nested = False

    def _remaining(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            self.close()
            raise DeadlineExceeded("the server took too long")
        return left

    def _refuse_closed(self) -> None:
        # Without this a closed socket answers with a bare OSError, which no caller expects.
        if self.is_closed:
            raise ConnectionLost("the connection is closed")

    # Reading --------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Receive at least one byte more into the buffer."""
        self._buffer += self._receive()

    def _receive(self) -> bytes:
        """At least one byte more, within the limits."""
        self._refuse_closed()
        self._sock.settimeout(self._remaining())
        try:
            chunk = self._sock.recv(READ_CHUNK_BYTES)
        except TimeoutError as error:
            self.close()
            raise DeadlineExceeded("the server took too long") from error
        except (OSError, ValueError) as error:
            self.close()
            raise ConnectionLost("the connection broke while reading") from error
        if not chunk:
            self.close()
            raise ConnectionLost("the server closed the connection")
        self.bytes_read += len(chunk)
        self._bytes_left -= len(chunk)
        if self._bytes_left < 0:
            self.close()
            raise ServerMisbehaved("the server sent far more than was asked for")
        return chunk

    def read_line(self, *, max_bytes: int = MAX_LINE_BYTES) -> bytes:
        """One line with its line end. Raises `ServerMisbehaved` beyond `max_bytes`."""
        start = 0
        while True:
            end = self._buffer.find(b"\n", start)
            if end >= 0:
                break
            start = len(self._buffer)
            if start > max_bytes:
                self.close()
                raise ServerMisbehaved("the server sent an endless line")
            self._fill()
        if end + 1 > max_bytes:
            self.close()
            raise ServerMisbehaved("the server sent an endless line")
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line

    def read_exactly(self, size: int) -> bytes:
        """`size` bytes. The memory is taken as the bytes arrive, never in advance."""
        while len(self._buffer) < size:
            self._fill()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def read_some(self) -> bytes:
        """Whatever is there, at least one byte."""
        if not self._buffer:
            return self._receive()
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def has_data(self, *, wait_s: float) -> bool:
        """Whether a byte can be read within `wait_s` seconds, 0: at once. No deadline is used up, nothing is lost."""
        if self._buffer:
            return True
        self._refuse_closed()
        if isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            return True
        self._sock.settimeout(max(wait_s, 0.0))
        try:
            chunk = self._sock.recv(READ_CHUNK_BYTES)
        except (TimeoutError, BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except (OSError, ValueError) as error:
            self.close()
            raise ConnectionLost("the connection broke while waiting") from error
        if not chunk:
            self.close()
            raise ConnectionLost("the server closed the connection")
        self.bytes_read += len(chunk)
        self._buffer += chunk
        return True

    def receive_now(self, *, max_bytes: int = READ_CHUNK_BYTES) -> bytes:
        """What is there without waiting, at most `max_bytes`; empty when nothing is. For selectors.

        Raises `ConnectionLost` at the end of the connection. While `has_decrypted`, call again: no selector will tell.
        """
        if self._buffer:
            data = bytes(self._buffer)
            self._buffer.clear()
            return data
        self._refuse_closed()
        self._sock.settimeout(0)
        try:
            chunk = self._sock.recv(max_bytes)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return b""
        except (OSError, ValueError) as error:
            self.close()
            raise ConnectionLost("the connection broke while waiting") from error
        if not chunk:
            self.close()
            raise ConnectionLost("the server closed the connection")
        self.bytes_read += len(chunk)
        return chunk

    @property
    def has_decrypted(self) -> bool:
        """Whether bytes wait on our side of the socket: kept here, or in the TLS layer."""
        if self._buffer:
            return True
        return isinstance(self._sock, ssl.SSLSocket) and not self.is_closed and self._sock.pending() > 0

    # Writing --------------------------------------------------------------------------------------------------

    def send_now(self, data: bytes) -> None:
        """A short line, without waiting. A peer that has not even room for it is as good as gone: `ConnectionLost`."""
        self._refuse_closed()
        self._sock.settimeout(0)
        try:
            sent = self._sock.send(data)
        except (OSError, ValueError) as error:
            self.close()
            raise ConnectionLost("the connection broke while writing") from error
        if sent < len(data):
            self.close()
            raise ConnectionLost("the server stopped reading")
        self.bytes_written += sent

    def write(self, data: bytes | memoryview) -> None:
        """All of `data`, within the running deadline."""
        view = memoryview(data)
        try:
            while view:
                self._sock.settimeout(self._remaining())
                sent = self._sock.send(view[:READ_CHUNK_BYTES])
                self.bytes_written += sent
                view = view[sent:]
        except TimeoutError as error:
            self.close()
            raise DeadlineExceeded("the server stopped reading") from error
        except (OSError, ValueError) as error:
            self.close()
            raise ConnectionLost("the connection broke while writing") from error

    # TLS ------------------------------------------------------------------------------------------------------

    def start_tls(self) -> None:
        """Begin TLS on this connection. Bytes that came before it are refused: they may be injected (R33)."""
        if self._buffer:
            self.close()
            raise StartTlsMissing("the server sent data before the encryption began")
        self._refuse_closed()
        self._sock.settimeout(self._remaining())
        try:
            # A certificate never carries the trailing dot of an absolute name.
            name = self.endpoint.host.rstrip(".")
            self._sock = tls_context(self.endpoint).wrap_socket(self._sock, server_hostname=name)
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise CertificateRefused(
                f"the certificate of {self.endpoint.host} does not hold: {error.verify_message}"
            ) from error
        except TimeoutError as error:
            self.close()
            raise DeadlineExceeded("the server took too long to begin encryption") from error
        except (ssl.SSLError, OSError) as error:
            self.close()
            raise TlsFailed(f"{self.endpoint.host} did not begin encryption on port {self.endpoint.port}") from error
        self.is_tls = True

    def close(self) -> None:
        """Close the socket. May be called twice."""
        self.is_closed = True
        with suppress(OSError):
            self._sock.close()

    def fileno(self) -> int:
        """For selectors in `watch`."""
        return self._sock.fileno()


def open_connection(endpoint: Endpoint, *, timeout_s: float) -> Connection:
    """Connect within `timeout_s` seconds in all, and begin TLS when the endpoint says so.

    Raises `HostNotFound`, `AddressNotAllowed`, `ConnectionRefused`, `DeadlineExceeded`, `CertificateRefused`,
    `TlsFailed`. With `Security.STARTTLS` the connection is plain until the session calls `start_tls`.
    """
    deadline = time.monotonic() + timeout_s
    failure: ConnectionFailed | None = None
    for _, address in resolve(endpoint):
        try:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            sock = socket.create_connection((address, endpoint.port), timeout=left)
        except TimeoutError as error:
            failure = DeadlineExceeded(f"{endpoint.host} does not answer on port {endpoint.port}")
            failure.__cause__ = error
            continue
        except ConnectionRefusedError as error:
            failure = ConnectionRefused(f"{endpoint.host} takes no connections on port {endpoint.port}")
            failure.__cause__ = error
            continue
        except OSError as error:
            failure = ConnectionFailed(f"{endpoint.host} cannot be reached on port {endpoint.port}")
            failure.__cause__ = error
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection = Connection(sock, endpoint)
        if endpoint.security is Security.TLS:
            with connection.limits(seconds=max(deadline - time.monotonic(), 0.001), max_bytes=MAX_LINE_BYTES):
                connection.start_tls()
        return connection
    raise failure or HostNotFound(f"{endpoint.host} has no address")
