"""Messages for tests of who sent them, written header by header."""

from __future__ import annotations

from webmail.mime.authenticity.claims import SenderClaims, read_claims
from webmail.mime.parse import parse_message


def letter(*fields: str, body: str = "Hello") -> bytes:
    """A message of these header fields, the topmost first."""
    return "\r\n".join([*fields, "Subject: Hello", "", body, ""]).encode("utf-8")


def claims_of(*fields: str) -> SenderClaims:
    """What a message of these header fields claims."""
    return read_claims(parse_message(letter(*fields)))
