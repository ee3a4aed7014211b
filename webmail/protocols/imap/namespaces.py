"""Namespaces of a server (RFC 2342): where a person's own mailboxes begin, and what belongs to others.

Bytes in, values out. It must not decide whether mailboxes of others are wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from webmail.protocols.imap.tokens import BadSyntax, Node, read_node, tokenize

if TYPE_CHECKING:
    from webmail.protocols.imap.fetch_reader import Response

PERSONAL: Final = ""
OTHER: Final = "other"
SHARED: Final = "shared"
MAX_NAMESPACES: Final = 100  # of one kind; servers have one or two
MAX_PREFIX_BYTES: Final = 500
_INBOX: Final = b"INBOX"


@dataclass(frozen=True)
class Namespace:
    """One namespace: its kind ("" mine, "other", "shared"), the prefix of its names, and what parts their levels."""

    kind: str = PERSONAL
    prefix: bytes = b""
    delimiter: str | None = None

    def holds(self, raw_name: bytes) -> bool:
        """Whether the name lies in here. For others' namespaces the bare prefix does too: `Shared` of `Shared/`."""
        if raw_name.startswith(self.prefix):
            return True
        return self.kind != PERSONAL and len(self.prefix) > 1 and raw_name == self.prefix[:-1]

    @property
    def top(self) -> bytes:
        """The name whose children are the top of this namespace: `INBOX` of `INBOX.`; empty when there is none."""
        end = self.delimiter.encode("latin-1", "replace") if self.delimiter else b""
        return self.prefix.removesuffix(end) if end and self.prefix.endswith(end) else b""


@dataclass(frozen=True)
class Namespaces:
    """What NAMESPACE said; without it everything is the user's own."""

    everything: tuple[Namespace, ...] = ()

    @property
    def personal(self) -> Namespace:
        """Where new mailboxes are made: the first of the user's own."""
        return next((space for space in self.everything if space.kind == PERSONAL), Namespace())

    @property
    def foreign(self) -> tuple[Namespace, ...]:
        """Those of other people and of everybody."""
        return tuple(space for space in self.everything if space.kind != PERSONAL)

    def of(self, raw_name: bytes) -> Namespace:
        """The namespace of a name: the longest prefix wins, and INBOX is always the user's own."""
        name = with_plain_inbox(raw_name)
        if name == _INBOX:
            return self.personal
        fitting = [space for space in self.everything if space.holds(name)]
        # Cyrus: shared "" beside personal "INBOX.". Of two equal prefixes the personal one counts.
        return max(fitting, key=lambda space: (len(space.prefix), space.kind == PERSONAL), default=Namespace())


def with_plain_inbox(raw_name: bytes) -> bytes:
    """INBOX, alone or before a delimiter, in the one spelling that every server takes (RFC 3501 5.1)."""
    head = raw_name[:5]
    if head == _INBOX or head.upper() != _INBOX or raw_name[5:6].isalnum():
        return raw_name
    return _INBOX + raw_name[5:]


def read_namespaces(response: Response) -> Namespaces | None:
    """`* NAMESPACE (("" "/")) NIL (("Shared/" "/"))` (RFC 2342 section 5); None when it cannot be read."""
    tokens = tokenize(response.text)
    found: list[Namespace] = []
    at = 2
    try:
        for kind in (PERSONAL, OTHER, SHARED):
            node, at = read_node(tokens, at, response.literals)
            if isinstance(node, list):
                found.extend(space for item in node[:MAX_NAMESPACES] if (space := _namespace(kind, item)) is not None)
    except (BadSyntax, IndexError):
        return None
    return Namespaces(tuple(found))


def _namespace(kind: str, node: Node) -> Namespace | None:
    if not isinstance(node, list) or len(node) < 2 or not isinstance(node[0], bytes):
        return None
    prefix, delimiter = with_plain_inbox(node[0]), node[1]
    if len(prefix) > MAX_PREFIX_BYTES or any(byte in prefix for byte in b"\r\n\0"):
        return None
    return Namespace(kind, prefix, delimiter.decode("latin-1")[:1] if isinstance(delimiter, bytes) else None)
