"""Which messages of a mailbox are those we have sent there: values in, values out; no rows, no Django (sync Y72).

APPENDUID is believed when what lies under it can be the message. Else a message is known by its Message-ID (or, without one,
its header fields) and size; where a server has changed the size, by a Message-ID that only one of either side bears. None is
taken twice, so twins find a copy each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from webmail.mime.headers import parse_list_headers
from webmail.protocols.imap.types import ListData


@dataclass(frozen=True)
class Wanted:
    """A message that was sent, or may have been. `key` is the caller's; `uid`: what APPENDUID named."""

    key: int
    message_id: str
    header_hash: str
    size_bytes: int
    uid: int | None = None


@dataclass(frozen=True)
class Arrival:
    """Where it lies. `is_exact`: size and header fields are those that were sent, so its bytes need not be fetched."""

    data: ListData
    is_exact: bool


@dataclass(frozen=True)
class _Seen:
    data: ListData
    message_id: str
    header_hash: str


def match(wanted: Sequence[Wanted], rows: Iterable[ListData]) -> dict[int, Arrival]:
    """By key, those that were found. `rows`: messages that nothing else accounts for."""
    seen = {row.uid: _seen(row) for row in rows if not row.is_deleted}
    found: dict[int, Arrival] = {}
    taken: set[int] = set()

    def take(one: Wanted, there: _Seen) -> None:
        is_exact = there.data.size_bytes == one.size_bytes and there.header_hash == one.header_hash
        found[one.key] = Arrival(there.data, is_exact)
        taken.add(there.data.uid)

    for one in wanted:
        named = seen.get(one.uid) if one.uid is not None else None
        if named is not None and named.data.uid not in taken and _may_be(one, named):
            take(one, named)
    by_mark: dict[tuple[str, int], list[_Seen]] = {}
    for there in seen.values():
        by_mark.setdefault((_mark(there.message_id, there.header_hash), there.data.size_bytes), []).append(there)
    for one in wanted:
        if one.key not in found:
            alike = by_mark.get((_mark(one.message_id, one.header_hash), one.size_bytes), [])
            free = next((there for there in alike if there.data.uid not in taken), None)
            if free is not None:
                take(one, free)
    for one, there in _by_message_id([one for one in wanted if one.key not in found], seen.values(), taken):
        take(one, there)
    return found


def _by_message_id(
    wanted: Sequence[Wanted], seen: Iterable[_Seen], taken: Collection[int]
) -> list[tuple[Wanted, _Seen]]:
    """What a server has rewritten: only where there is no doubt on either side."""
    ours = Counter(one.message_id for one in wanted)
    theirs: dict[str, list[_Seen]] = {}
    for there in seen:
        if there.data.uid not in taken:
            theirs.setdefault(there.message_id, []).append(there)
    pairs = []
    for one in wanted:
        alike = theirs.get(one.message_id, []) if one.message_id else []
        if len(alike) == 1 and ours[one.message_id] == 1:
            pairs.append((one, alike[0]))
    return pairs


def _may_be(one: Wanted, there: _Seen) -> bool:
    if one.message_id and there.message_id:
        return one.message_id == there.message_id
    return one.header_hash == there.header_hash or one.size_bytes == there.data.size_bytes


def _mark(message_id: str, header_hash: str) -> str:
    return f"<{message_id}>" if message_id else header_hash


def _seen(row: ListData) -> _Seen:
    headers = parse_list_headers(row.header)
    return _Seen(row, headers.message_id or "", headers.header_hash)
