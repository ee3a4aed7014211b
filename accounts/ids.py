"""Ids that others see: opaque, immutable, sortable by creation (jmap S2). They never derive from a path, UID or UIDL."""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no two ids differ only in case
PUBLIC_ID_LENGTH = 21  # one letter, 10 for milliseconds, 10 at random (50 bits)


def new_public_id(prefix: str) -> str:
    """A letter that tells the type, then 20 characters: time in milliseconds, then 50 random bits."""
    number = (time.time_ns() // 1_000_000) << 50 | secrets.randbits(50)
    chars = [_ALPHABET[number >> shift & 31] for shift in range(95, -1, -5)]
    return prefix + "".join(chars)


def new_account_id() -> str:
    return new_public_id("a")


def new_identity_id() -> str:
    return new_public_id("i")


def new_test_id() -> str:
    return new_public_id("v") + secrets.token_urlsafe(12)
