"""The network below httpcore: one checked connection with a deadline and a cap that hold for all of it (security R26, R36).

httpcore is given this instead of its own, so that there is no way around: the name is resolved once, every address is
checked, and the checked address is the one connected to. Time-outs httpcore passes are ignored: the deadline is total.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

import httpcore

from webmail.protocols.errors import (
    CertificateRefused,
    ConnectionFailed,
    ConnectionLost,
    ConnectionRefused,
    DeadlineExceeded,
    HostNotFound,
    ProtocolError,
    ServerMisbehaved,
    TlsFailed,
)
from webmail.protocols.transport import Endpoint, Network, Security, resolve

MAX_HEAD_BYTES: Final = 200_000  # of all answers together, on top of the body: status lines, headers, chunk sizes
TRY_NEXT_S: Final = 3.0  # an address that does not answer by then leaves time for the next one


class Deadline:
    """The end of everything that belongs to one request."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, more than 0. Raises `DeadlineExceeded`."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded("the server took too long")
        return left


class Budget:
    """Bytes that may still come."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> None:
        """Raises `ServerMisbehaved` when it is used up."""
        self._left -= size
        if self._left < 0:
            raise ServerMisbehaved("the server sent far more than was asked for")


class CheckedNetwork(httpcore.NetworkBackend):
    """Opens connections to checked addresses only."""

    def __init__(
        self, deadline: Deadline, budget: Budget, *, allow_networks: Sequence[Network] = (), ca_file: str | None = None
    ) -> None:
        self._deadline = deadline
        self._budget = budget
        self._allow_networks = allow_networks
        self._ca_file = ca_file

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Raises `HostNotFound`, `AddressNotAllowed`, `ConnectionRefused`, `ConnectionFailed`, `DeadlineExceeded`."""
        endpoint = Endpoint(host, port, Security.PLAIN, allow_networks=self._allow_networks, ca_file=self._ca_file)
        addresses = _resolve_in_time(endpoint, self._deadline)
        failure: ConnectionFailed = HostNotFound(f"{host} has no address")
        for place, (_, address) in enumerate(addresses):
            left = self._deadline.left()
            is_last = place == len(addresses) - 1
            try:
                sock = socket.create_connection((address, port), timeout=left if is_last else min(left, TRY_NEXT_S))
            except TimeoutError:
                failure = DeadlineExceeded(f"{host} does not answer on port {port}")
            except ConnectionRefusedError:
                failure = ConnectionRefused(f"{host} takes no connections on port {port}")
            except OSError:
                failure = ConnectionFailed(f"{host} cannot be reached on port {port}")
            else:
                return CheckedStream(sock, self._deadline, self._budget)
        raise failure

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.NetworkStream:
        """No URL leads to a socket of this machine. Raises `ConnectionFailed`."""
        raise ConnectionFailed("sockets of this machine are not asked")


class CheckedStream(httpcore.NetworkStream):
    """One connection, plain or TLS."""

    def __init__(self, sock: socket.socket, deadline: Deadline, budget: Budget) -> None:
        self._sock = sock
        self._deadline = deadline
        self._budget = budget

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """At least one byte, or none at the end. Raises `DeadlineExceeded`, `ConnectionLost`, `ServerMisbehaved`."""
        self._sock.settimeout(self._deadline.left())
        try:
            data = self._sock.recv(max_bytes)
        except TimeoutError as error:
            raise DeadlineExceeded("the server took too long") from error
        except (OSError, ValueError) as error:
            raise ConnectionLost("the connection broke while reading") from error
        self._budget.take(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """All of it. Raises `DeadlineExceeded`, `ConnectionLost`."""
        view = memoryview(buffer)
        try:
            while view:
                self._sock.settimeout(self._deadline.left())
                view = view[self._sock.send(view) :]
        except TimeoutError as error:
            raise DeadlineExceeded("the server stopped reading") from error
        except (OSError, ValueError) as error:
            raise ConnectionLost("the connection broke while writing") from error

    def close(self) -> None:
        """May be called twice."""
        with contextlib.suppress(OSError):
            self._sock.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Raises `CertificateRefused`, `TlsFailed`, `DeadlineExceeded`. The certificate must be for the URL's own name."""
        self._sock.settimeout(self._deadline.left())
        name = (server_hostname or "").rstrip(".")
        try:
            return CheckedStream(
                ssl_context.wrap_socket(self._sock, server_hostname=name), self._deadline, self._budget
            )
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise CertificateRefused(f"the certificate of {name} does not hold: {error.verify_message}") from error
        except TimeoutError as error:
            self.close()
            raise DeadlineExceeded("the server took too long to begin encryption") from error
        except (ssl.SSLError, OSError, ValueError) as error:
            self.close()
            raise TlsFailed(f"{name} did not begin encryption") from error

    def get_extra_info(self, info: str) -> Any:
        """What httpcore looks at: the TLS object, and whether bytes wait, which says that the connection has ended."""
        if info == "ssl_object":
            return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
        return None


def _resolve_in_time(endpoint: Endpoint, deadline: Deadline) -> list[tuple[int, str]]:
    """`resolve` within the deadline: the system's resolver has none, and the name's own servers decide how long it takes.

    A thread that is left behind ends with the resolver's own time-outs.
    """
    found: SimpleQueue[list[tuple[int, str]] | ProtocolError] = SimpleQueue()

    def ask() -> None:
        try:
            found.put(resolve(endpoint))
        except ProtocolError as error:
            found.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = found.get(timeout=deadline.left())
    except Empty as error:
        raise DeadlineExceeded(f"the name {endpoint.host} is not answered for") from error
    if isinstance(answer, ProtocolError):
        raise answer
    return list(dict.fromkeys(answer))


def web_tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Certificates and names are always checked. Not the context of mail servers: httpcore writes its protocol into it."""
    changed_at = Path(ca_file).stat().st_mtime_ns if ca_file else 0
    return _web_tls_context(ca_file, changed_at)


@lru_cache(maxsize=4)
def _web_tls_context(ca_file: str | None, changed_at: int) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    return context
