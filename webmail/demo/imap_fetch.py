"""FETCH: what a client may ask of a message, and the bytes of the answer. Knows messages, not sessions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from webmail.demo.imap_structure import body_structure, envelope, parts_of, section_bytes
from webmail.demo.imap_syntax import Bad, Value, as_list, as_word, format_date_time, nstring

if TYPE_CHECKING:
    from collections.abc import Callable

    from webmail.demo.model import Message

MACROS = {
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
PLAIN_ITEMS = {"UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE"}
OLD_BODY_ITEMS = {"RFC822": "", "RFC822.HEADER": "HEADER", "RFC822.TEXT": "TEXT"}
# Items that exist only with a capability: asking for one without it is BAD, as on a server that never heard of it.
CAPABILITY_ITEMS = {"MODSEQ": "CONDSTORE", "EMAILID": "OBJECTID", "THREADID": "OBJECTID", "X-GM-MSGID": "X-GM-EXT-1"}

_BODY_ITEM = re.compile(r"BODY(\.PEEK)?\[([^\]]*)\](?:<(\d+)\.(\d+)>)?\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Item:
    """One thing asked for. `section` is None unless it is body bytes; `partial` is (first octet, count)."""

    name: str
    section: str | None = None
    partial: tuple[int, int] | None = None
    sets_seen: bool = False


def parse_items(value: Value, *, capabilities: frozenset[str]) -> list[Item]:
    """The items of a FETCH. Raises `Bad` for one this server does not know."""
    if not isinstance(value, list) and as_word(value) in MACROS:
        return [Item(name) for name in MACROS[as_word(value)]]
    return [_parse_item(item, capabilities) for item in as_list(value)]


def _parse_item(value: Value, capabilities: frozenset[str]) -> Item:
    word = as_word(value)
    if word in PLAIN_ITEMS or CAPABILITY_ITEMS.get(word) in capabilities:
        return Item(word)
    if word in OLD_BODY_ITEMS:
        return Item(word, section=OLD_BODY_ITEMS[word], sets_seen=word != "RFC822.HEADER")
    match = _BODY_ITEM.match(word)
    if match is None:
        raise Bad(f"Unknown FETCH item {word[:60]}")
    partial = (int(match[3]), int(match[4])) if match[3] is not None else None
    name = f"BODY[{match[2]}]" + (f"<{partial[0]}>" if partial else "")
    return Item(name, section=match[2], partial=partial, sets_seen=match[1] is None)


def render_item(item: Item, message: Message) -> bytes:
    """One `NAME value` pair of a FETCH answer."""
    if item.section is not None:
        data = section_bytes(message, item.section)
        if data is not None and item.partial:
            first, count = item.partial
            data = data[first : first + count]
        # Real servers send body bytes as literals, however short; only NIL stands for "no such part".
        value = b"NIL" if data is None else b"{%d}\r\n%b" % (len(data), data)
    else:
        value = _PLAIN[item.name](message)
    return item.name.encode("utf-8", "surrogateescape") + b" " + value


def render_flags(message: Message) -> bytes:
    """FLAGS in a stable order."""
    return b"(" + " ".join(sorted(message.flags)).encode("utf-8", "surrogateescape") + b")"


def _cached_envelope(message: Message) -> bytes:
    if "envelope" not in message.derived:
        message.derived["envelope"] = envelope(parts_of(message).headers)
    return bytes(message.derived["envelope"])


def _structure(message: Message) -> bytes:
    if "structure" not in message.derived:
        message.derived["structure"] = body_structure(parts_of(message), extended=True)
    return bytes(message.derived["structure"])


_PLAIN: dict[str, Callable[[Message], bytes]] = {
    "UID": lambda message: b"%d" % message.uid,
    "FLAGS": render_flags,
    "INTERNALDATE": lambda message: nstring(format_date_time(message.internal_date)),
    "RFC822.SIZE": lambda message: b"%d" % len(message.raw),
    "ENVELOPE": _cached_envelope,
    "BODY": lambda message: body_structure(parts_of(message), extended=False),
    "BODYSTRUCTURE": _structure,
    "MODSEQ": lambda message: b"(%d)" % message.modseq,
    "EMAILID": lambda message: b"(E%b)" % message.content_id[:32].encode("ascii"),
    "THREADID": lambda message: b"NIL",
    "X-GM-MSGID": lambda message: b"%d" % int(message.content_id[:16], 16),
}
