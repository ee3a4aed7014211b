"""What of a URL is asked for: host, port and path, or why it is not asked at all. Says nothing about IP addresses: those are
judged when the name is resolved, whatever its spelling (security R27)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from webmail.protocols.http.errors import AddressUnusable

MAX_URL_CHARS: Final = 8_000
FIRST_OPEN_PORT: Final = 1_024
# Below 1024 only the web's own: a request must not reach somebody's mail server or printer in our name. Above, what browsers
# refuse too because other services listen there (Fetch standard, "bad port").
SYSTEM_PORTS: Final = {"http": 80, "https": 443}
BAD_PORTS: Final = frozenset(
    {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080}
)

# Browsers drop these anywhere in a URL (URL standard).
_DROPPED: Final = str.maketrans("", "", "\t\r\n")
_NAME: Final = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,253})", re.ASCII)
_IPV6: Final = re.compile(r"[0-9a-f:.]{2,45}", re.ASCII)
_KEPT: Final = "/?#[]@!$&'()*+,;=:%~-._|"  # in path and query; all else travels as UTF-8 in percent signs


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A URL taken apart. `target` is what follows the host: path and query, in ASCII."""

    scheme: str
    host: str  # in lower case and ASCII, IPv6 without brackets
    port: int
    target: str

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme == "https"

    @property
    def host_header(self) -> str:
        """The value of Host (RFC 9110 section 7.2): the port only when it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == SYSTEM_PORTS[self.scheme] else f"{host}:{self.port}"

    def follow(self, location: str) -> WebAddress:
        """Where a redirect leads (RFC 9110 section 10.2.2). Raises `AddressUnusable`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return read_address(urljoin(f"{self.scheme}://{host}:{self.port}{self.target}", location.strip()))


def read_address(url: str) -> WebAddress:
    """Take a URL apart. A name and a password in it are dropped, and so is the fragment. Raises `AddressUnusable`."""
    if len(url) > MAX_URL_CHARS:
        raise AddressUnusable("the address is too long")
    try:
        parts = urlsplit(url.translate(_DROPPED).strip())
        port = parts.port
    except ValueError as error:
        raise AddressUnusable("the address is malformed") from error
    if parts.scheme not in SYSTEM_PORTS:
        raise AddressUnusable("only http and https are asked")
    own_port = SYSTEM_PORTS[parts.scheme]
    port = own_port if port is None else port
    if port not in SYSTEM_PORTS.values() and (port < FIRST_OPEN_PORT or port in BAD_PORTS):
        raise AddressUnusable(f"port {port} is not one of the web")
    return WebAddress(parts.scheme, _host(parts), port, _target(parts))


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if _IPV6.fullmatch(host) and ":" in host:
        return host
    try:
        host = host.encode("idna").decode("ascii").lower() if not host.isascii() else host
    except UnicodeError as error:
        raise AddressUnusable("the host name is malformed") from error
    if not _NAME.fullmatch(host):
        raise AddressUnusable("the host name is malformed")
    return host


def _target(parts: SplitResult) -> str:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return quote(target if target.startswith("/") else f"/{target}", safe=_KEPT)
