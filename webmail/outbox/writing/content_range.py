"""Which bytes of a file a request brings (RFC 9110 14.4, 14.5: Content-Range in a request that writes part of a thing)."""

from __future__ import annotations

import re
from typing import NamedTuple

_HEADER = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")


class ContentRange(NamedTuple):
    """`start` to before `end` of `total` bytes."""

    start: int
    end: int
    total: int

    @property
    def is_last(self) -> bool:
        return self.end == self.total


def read_content_range(header: str) -> ContentRange | None:
    """`bytes 0-3/10` as (0, 4, 10); None for anything else, such as an open or a reversed range."""
    found = _HEADER.fullmatch(header.strip())
    if found is None:
        return None
    first, last, total = map(int, found.groups())
    return ContentRange(first, last + 1, total) if first <= last < total else None
