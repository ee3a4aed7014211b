"""The one converter between IMAP flags and JMAP keywords (RFC 8621 4.1.1). Flags exist only in this package."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from webmail.protocols.errors import BadArgument

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEYWORD_OF_SYSTEM_FLAG = {
    "\\seen": "$seen",
    "\\answered": "$answered",
    "\\flagged": "$flagged",
    "\\draft": "$draft",
}
_SYSTEM_FLAG_OF_KEYWORD = {
    "$seen": b"\\Seen",
    "$answered": b"\\Answered",
    "$flagged": b"\\Flagged",
    "$draft": b"\\Draft",
    # Registered with this spelling (RFC 5788); some servers compare keywords with case.
    "$forwarded": b"$Forwarded",
    "$mdnsent": b"$MDNSent",
    "$junk": b"$Junk",
    "$notjunk": b"$NotJunk",
    "$phishing": b"$Phishing",
}
SYSTEM_KEYWORDS = frozenset(_KEYWORD_OF_SYSTEM_FLAG.values())  # every server holds them
DELETED_FLAG = b"\\Deleted"
MAX_KEYWORD_LENGTH = 255  # RFC 8621 4.1.1
# RFC 3501 atom, and what RFC 8621 forbids in a keyword.
_FORBIDDEN = frozenset('(){]%*"\\')


@lru_cache(maxsize=2048)
def keywords_of_flags(flags: tuple[bytes, ...]) -> tuple[frozenset[str], bool]:
    """Flags as sent -> (keywords, is_deleted). \\Recent, unknown system flags and flags that are no atom are left out."""
    keywords = set()
    is_deleted = False
    for flag in flags:
        text = flag.decode("ascii", "replace").lower()
        if text == "\\deleted":
            is_deleted = True
        elif text in _KEYWORD_OF_SYSTEM_FLAG:
            keywords.add(_KEYWORD_OF_SYSTEM_FLAG[text])
        elif is_keyword(text):
            keywords.add("$forwarded" if text == "forwarded" else text)
    return frozenset(keywords), is_deleted


def is_keyword(text: str) -> bool:
    """Whether IMAP and JMAP can both carry this keyword: 1-255 printable ASCII characters without specials."""
    return 0 < len(text) <= MAX_KEYWORD_LENGTH and all("!" <= char <= "~" and char not in _FORBIDDEN for char in text)


def flag_of_keyword(keyword: str) -> bytes:
    """The flag for a keyword. Raises `BadArgument` when IMAP cannot carry it."""
    lowered = keyword.lower()
    if not is_keyword(lowered):
        raise BadArgument("a keyword holds characters that IMAP cannot carry")
    return _SYSTEM_FLAG_OF_KEYWORD.get(lowered, lowered.encode("ascii"))


def flag_list(keywords: Iterable[str]) -> bytes:
    """A parenthesised flag list, sorted, for STORE and APPEND."""
    return b"(" + b" ".join(sorted(flag_of_keyword(keyword) for keyword in keywords)) + b")"
