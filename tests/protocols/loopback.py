"""A server of a few lines on a free loopback port: each connection runs a script in a thread of its own."""

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

from tests.servers.certificates import Certificate
from webmail.protocols.transport import Connection, Endpoint, Security, open_connection

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


class Peer:
    """The server's end of one connection. `received` holds every byte that came in, after decryption."""

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        self._sock = sock
        self._buffer = bytearray()
        self._stopping = stopping
        self.received = bytearray()

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def line(self) -> bytes:
        """The next line without its end; raises `EOFError` when the client has gone."""
        return self.until(b"\n").rstrip(b"\r\n")

    def until(self, mark: bytes) -> bytes:
        """Everything up to and with `mark`."""
        while (end := self._buffer.find(mark)) < 0:
            chunk = self._sock.recv(65_536)
            if not chunk:
                raise EOFError
            self.received += chunk
            self._buffer += chunk
        end += len(mark)
        data = bytes(self._buffer[:end])
        del self._buffer[:end]
        return data

    def exactly(self, size: int) -> bytes:
        """The next `size` octets."""
        while len(self._buffer) < size:
            chunk = self._sock.recv(65_536)
            if not chunk:
                raise EOFError
            self.received += chunk
            self._buffer += chunk
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def drip(self, data: bytes, *, every_s: float) -> None:
        """One byte of `data` at a time, over and over, until the client or the test has gone."""
        while not self._stopping.is_set():
            for byte in data:
                self.send(bytes([byte]))
                if self._stopping.wait(every_s):
                    return

    def flood(self, data: bytes) -> None:
        """`data` over and over as fast as it goes, until the client or the test has gone."""
        while not self._stopping.is_set():
            self.send(data)

    def stall(self) -> None:
        """Say nothing more until the test ends."""
        self._stopping.wait()

    def start_tls(self, certificate: Certificate) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.cert_file, certificate.key_file)
        self._sock = context.wrap_socket(self._sock, server_side=True)

    def reset(self) -> None:
        """Break the connection with RST instead of an orderly end."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._sock.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)  # wakes a thread that reads; closing alone does not
        self._sock.close()


class LoopbackServer:
    """Where the scripts run. `peers` holds the connections so far, oldest first."""

    def __init__(self, script: Callable[[Peer], None]) -> None:
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []
        self.port: int = self._listener.getsockname()[1]
        self.peers: list[Peer] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            peer = Peer(sock, self._stopping)
            self.peers.append(peer)
            thread = threading.Thread(target=self._serve, args=(peer,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, peer: Peer) -> None:
        try:
            self._script(peer)
        except (OSError, EOFError):
            pass  # the client hung up, which many tests are about
        except BaseException as error:
            self._errors.append(error)
        finally:
            peer.close()

    def endpoint(
        self, security: Security = Security.PLAIN, *, ca_file: object = None, host: str = "127.0.0.1"
    ) -> Endpoint:
        return Endpoint(host, self.port, security, allow_networks=LOOPBACK, ca_file=str(ca_file) if ca_file else None)

    def connect(
        self, security: Security = Security.PLAIN, *, ca_file: object = None, timeout_s: float = 5
    ) -> Connection:
        return open_connection(self.endpoint(security, ca_file=ca_file), timeout_s=timeout_s)

    def stop(self) -> None:
        """End everything; raises what a script raised."""
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(5)
        for peer in self.peers:
            peer.close()
        for thread in self._threads:
            thread.join(5)
        if self._errors:
            raise self._errors[0]


@contextlib.contextmanager
def serving(script: Callable[[Peer], None]) -> Iterator[LoopbackServer]:
    """A server that runs `script` for every connection, for the length of the block."""
    server = LoopbackServer(script)
    try:
        yield server
    finally:
        server.stop()
