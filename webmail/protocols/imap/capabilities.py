"""Names of the IMAP capabilities we use, and what each implies. Ask the capability, never the vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# RFC 9051 appendix E: IMAP4rev2 includes these.
_REV2 = frozenset(
    {
        "ENABLE",
        "ESEARCH",
        "IDLE",
        "LIST-EXTENDED",
        "LIST-STATUS",
        "LITERAL-",
        "MOVE",
        "NAMESPACE",
        "SASL-IR",
        "SPECIAL-USE",
        "UIDPLUS",
        "UNSELECT",
    }
)
MAX_CAPABILITIES = 500


def parse_capabilities(words: Iterable[bytes | str]) -> frozenset[str]:
    """Capabilities as upper-case text, with what they imply (QRESYNC implies CONDSTORE, RFC 7162 3.2)."""
    found = set()
    for word in list(words)[:MAX_CAPABILITIES]:
        text = word.decode("ascii", "replace") if isinstance(word, bytes) else word
        found.add(text.upper())
    if "QRESYNC" in found:
        found.add("CONDSTORE")
    if "LITERAL+" in found:
        found.add("LITERAL-")
    if "IMAP4REV2" in found and "IMAP4REV1" not in found:
        found |= _REV2
    return frozenset(found)
