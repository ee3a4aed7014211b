"""What the server says it can do: EHLO lines and their parameters, read with care, since a server may say anything. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def parse_capabilities(lines: list[bytes]) -> dict[str, str]:
    """EHLO lines as keyword and parameters. "AUTH=LOGIN", the form of old servers, is read as "AUTH LOGIN"."""
    found: dict[str, str] = {}
    for line in lines:
        keyword, _, parameters = line.decode("ascii", "replace").strip().partition(" ")
        keyword = keyword.upper()
        if keyword.startswith("AUTH="):
            keyword, parameters = "AUTH", f"{keyword[5:]} {parameters}"
        if keyword == "AUTH" and "AUTH" in found:
            parameters = f"{found['AUTH']} {parameters}"
        if keyword:
            found[keyword] = parameters.strip()
    return found


def parse_max_size(capabilities: Mapping[str, str]) -> int | None:
    """The largest message the server takes, in bytes; None when it does not say or says 0 (RFC 1870 4)."""
    value = capabilities.get("SIZE", "").strip()
    if not re.fullmatch(r"[0-9]{1,20}", value):
        return None
    return int(value) or None


def parse_max_hold(capabilities: Mapping[str, str]) -> tuple[int | None, datetime | None]:
    """How long the server keeps a message (RFC 4865 3): seconds, and the latest moment in UTC; None where it says nothing
    that can be read."""
    words = capabilities.get("FUTURERELEASE", "").split()
    seconds = int(words[0]) if words and re.fullmatch(r"[0-9]{1,9}", words[0]) else None
    try:
        latest = datetime.fromisoformat(words[1]) if len(words) > 1 else None
        return seconds, latest.astimezone(UTC) if latest is not None and latest.tzinfo is not None else None
    except (ValueError, OverflowError):
        return seconds, None
