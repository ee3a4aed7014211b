"""Ids that others see: opaque, immutable, sortable by creation (jmap S2). They never derive from a path, UID or UIDL."""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no two ids differ only in case
_OF_RANDOM_BYTE = (_ALPHABET * 8).encode("ascii")  # 256 is eight times 32: all letters are equally likely
PUBLIC_ID_LENGTH = 21  # one letter, 10 for milliseconds, 10 at random (50 bits)


def new_public_id(prefix: str) -> str:
    """A letter that tells the type, then 20 characters: time in milliseconds, then 50 random bits."""
    number = (time.time_ns() // 1_000_000) << 50 | secrets.randbits(50)
    chars = [_ALPHABET[number >> shift & 31] for shift in range(95, -1, -5)]
    return prefix + "".join(chars)


def new_public_ids(prefix: str, count: int) -> list[str]:
    """As many ids at once, for a batch of rows."""
    number = time.time_ns() // 1_000_000
    begin = prefix + "".join(_ALPHABET[number >> shift & 31] for shift in range(45, -1, -5))
    ends = secrets.token_bytes(10 * count).translate(_OF_RANDOM_BYTE).decode("ascii")
    return [begin + ends[at : at + 10] for at in range(0, 10 * count, 10)]


def new_account_id() -> str:
    return new_public_id("a")


def new_identity_id() -> str:
    return new_public_id("i")


def new_server_id() -> str:
    return new_public_id("o")


def new_test_id() -> str:
    return new_public_id("v") + secrets.token_urlsafe(12)
