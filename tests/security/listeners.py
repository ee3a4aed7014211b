"""Two listeners that anything the browser would send to a foreign host must reach: one for names, one for connections.

Chromium takes `Listeners.arguments()` and the preferences of `Listeners.write_preferences()`. Every host but 127.0.0.1 is then the name
SINK, which is looked up by DNS over HTTPS here, and every connection to it, whatever its port, is made to the port
here. So a name that is only looked up (dns-prefetch) is counted, and so is a connection that asks for nothing (preconnect).
A looked-up name stays in the browser's cache for a minute: `names` tells that there was one, not how many.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dns.message
import dns.rdatatype
import dns.rrset
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SINK = "sink.test"
# What Chromium asks for by itself whatever it shows: nobody's count, and no real lookup either. A page that asked one of these
# would still be seen by `Watch`, which is told of every request of a page.
OWN_HOSTS = (
    "accounts.google.com",
    "clients2.google.com",
    "content-autofill.googleapis.com",
    "optimizationguide-pa.googleapis.com",
    "update.googleapis.com",
    "www.gstatic.com",
)

_HOST = re.compile(rb"^Host: ([^\r\n]{1,255})", re.MULTILINE)
_SERVER_NAME = re.compile(rb"\0\0\0.\0.\0\0.([a-z0-9.-]{1,253})", re.DOTALL)


class Listeners:
    """Both listeners on free ports of 127.0.0.1. `names`: what was looked up; `connections`: the host each was for."""

    def __init__(self, folder: Path) -> None:
        self.names: list[str] = []
        self.connections: list[str] = []
        self._dns = _serve_names(self.names, _certificate(folder))
        self._sink = socket.create_server(("127.0.0.1", 0), backlog=512)
        threading.Thread(target=self._dns.serve_forever, daemon=True).start()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._dns.shutdown()
        self._dns.server_close()
        self._sink.close()

    def clear(self) -> None:
        self.names.clear()
        self.connections.clear()

    def arguments(self) -> list[str]:
        """The command line that leads everything foreign here."""
        own = "".join(f", EXCLUDE {host}" for host in OWN_HOSTS)
        port = self._sink.getsockname()[1]
        return [
            f"--host-resolver-rules=MAP * {SINK}:{port}, EXCLUDE 127.0.0.1, EXCLUDE {SINK}{own}",
            "--ignore-certificate-errors",  # of the server of names; it has only a number for a name
        ]

    def write_preferences(self, profile: Path) -> None:
        """Have a browser that begins with this profile look names up here."""
        template = f"https://127.0.0.1:{self._dns.server_address[1]}/dns-query{{?dns}}"
        preferences = {"dns_over_https": {"mode": "secure", "templates": template}}
        (profile / "Local State").write_text(json.dumps(preferences))

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._sink.accept()
            except OSError:
                return
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(2)
            try:
                first = connection.recv(4_000)
            except OSError:
                first = b""
            host = host_of(first)
            if host not in OWN_HOSTS:
                self.connections.append(host)
            if first.startswith((b"GET", b"POST", b"HEAD", b"OPTIONS")):
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def host_of(first: bytes) -> str:
    """The host that a connection's first bytes name: in a Host header, or in the server name of TLS (RFC 6066 section 3)."""
    if found := _HOST.search(first):
        return found[1].decode("ascii", "replace")
    # Type 0, its length, the list's length, the kind of name, the name's length: the extension cannot be mistaken for others.
    if first[:1] == b"\x16" and (found := _SERVER_NAME.search(first)):
        return found[1].decode("ascii", "replace")
    return f"an unnamed one: {first[:20]!r}"


def _serve_names(names: list[str], certificate: Path) -> ThreadingHTTPServer:
    """DNS over HTTPS (RFC 8484): every A question is answered with 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            question = base64.urlsafe_b64decode(self.path.partition("dns=")[2] + "===")
            self._answer(question)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, wire: bytes) -> None:
            query = dns.message.from_wire(wire)
            answer = dns.message.make_response(query)
            asked = query.question[0]
            name = str(asked.name).rstrip(".")
            if name not in OWN_HOSTS:
                names.append(name)
                if asked.rdtype == dns.rdatatype.A:
                    answer.answer.append(dns.rrset.from_text(asked.name, 0, "IN", "A", "127.0.0.1"))
            body = answer.to_wire()
            self.send_response(200)
            self.send_header("Content-Type", "application/dns-message")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "names")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "names.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
