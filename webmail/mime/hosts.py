"""Host names: what a browser makes of a written one, whose domain it is, and how it may be shown.

Pure text; nothing is looked up. The registrable ("organisational") domain comes from the Public Suffix List as
published with the library, with its private part: two customers of github.io are two domains.
"""

import ipaddress
import re
import unicodedata
from functools import cache, lru_cache

from publicsuffixlist import PublicSuffixList

from webmail.mime.look_alikes import has_mixed_scripts, is_drawn_latin, look_alike_of

MAX_HOST_CHARS = 253  # RFC 1035 2.3.4, without the last dot
MAX_LABEL_CHARS = 63
_DOTS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})  # UTS 46: all are the dot of a host name
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*+(?<!-))?", re.IGNORECASE)
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*+|[0-9]++")
# Marks that are not seen: they may stand in a written host and a browser leaves them out (UTS 46 "ignored").
_UNSEEN = dict.fromkeys([0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF])


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)


def normalise_host(written: str) -> str:
    """A host as it is compared: lower case, Unicode folded as a browser folds it, labels outside of ASCII in punycode.

    "" if it cannot be a host. An IP literal keeps its brackets.
    """
    return "" if len(written) > MAX_HOST_CHARS * 4 else _normalise(written)


@lru_cache(maxsize=4_096)
def _normalise(written: str) -> str:
    host = written.strip()
    if not host.isascii():
        host = unicodedata.normalize("NFKC", host.translate(_UNSEEN)).casefold().translate(_DOTS)
    host = host.lower().removesuffix(".")
    if host.startswith("["):
        return host if numeric_address(host) else ""
    labels = [_encode_label(label) for label in host.split(".")]
    return "" if "" in labels or len(".".join(labels)) > MAX_HOST_CHARS else ".".join(labels)


def _encode_label(label: str) -> str:
    if not label.isascii():
        if not all(unicodedata.category(char)[0] in "LMN" or char == "-" for char in label):
            return ""
        label = "xn--" + label.encode("punycode").decode("ascii")
    return label if len(label) <= MAX_LABEL_CHARS and _LABEL.fullmatch(label) else ""


@lru_cache(maxsize=4_096)
def registrable_domain(host: str) -> str:
    """The domain somebody registered: "a.example.co.uk" gives "example.co.uk". The host itself where there is none."""
    return _suffixes().privatesuffix(host) or host


@lru_cache(maxsize=4_096)
def has_public_suffix(host: str) -> bool:
    """Whether the host lies below a suffix that is on the list: "report.pdf" does not."""
    return _suffixes().privatesuffix(host) is not None


def same_domain(one: str, other: str) -> bool:
    """Whether two normalised hosts belong to one registrable domain (relaxed alignment, RFC 7489 3.1)."""
    return one == other or registrable_domain(one) == registrable_domain(other)


def numeric_address(host: str) -> str | None:
    """The IP address that a browser takes a host for, in any spelling: "0x7f.1", "2130706433", "[::1]". Else None."""
    if host.startswith("["):
        try:
            return str(ipaddress.IPv6Address(host[1:].partition("]")[0]))
        except ValueError:
            return None
    pieces = host.removesuffix(".").split(".")
    if len(pieces) > 4 or not all(_NUMBER.fullmatch(piece) for piece in pieces):
        return None
    # WHATWG URL 3.5, IPv4 parser: the last number fills all the bytes that are left.
    numbers = [_parse_number(piece) for piece in pieces]
    if None in numbers:
        return None
    *high, last = [number for number in numbers if number is not None]
    if any(number > 255 for number in high) or last >= 256 ** (5 - len(numbers)):
        return None
    value = last + sum(number << (24 - 8 * index) for index, number in enumerate(high))
    return str(ipaddress.IPv4Address(value))


def _parse_number(piece: str) -> int | None:
    if len(piece) > 40:
        return None
    try:
        if piece[:2].lower() == "0x":
            return int(piece[2:] or "0", 16)
        return int(piece, 8 if len(piece) > 1 and piece[0] == "0" else 10)
    except ValueError:
        return None


@lru_cache(maxsize=4_096)
def unicode_host(host: str) -> str:
    """A normalised host with its punycode decoded, whatever that looks like: for judging, not for showing."""
    return ".".join(map(_decode_label, host.split("."))) if "xn--" in host else host


def _decode_label(label: str) -> str:
    if not label.startswith("xn--") or len(label) > MAX_LABEL_CHARS:
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label


@lru_cache(maxsize=4_096)
def display_host(host: str) -> str:
    """How a normalised host is shown: a label in Unicode only where nobody takes it for another, else in punycode."""
    return ".".join(_show_label(label) for label in host.split(".")) if "xn--" in host else host


def _show_label(label: str) -> str:
    decoded = _decode_label(label)
    return decoded if decoded != label and _may_show(decoded) and _encode_label(decoded) == label else label


def _may_show(label: str) -> bool:
    return not (
        unicodedata.normalize("NFKC", label).casefold() != label
        or has_mixed_scripts(label)
        or is_drawn_latin(label)
        or look_alike_of(label)
    )
