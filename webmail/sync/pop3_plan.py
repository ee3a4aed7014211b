"""What a POP3 listing means for the mail we have: facts in, decisions out. No rows, no network, no clock (sync 3.12).

A *key* is what a placement is found by: the server's UIDL, or something computed where that is absent or not unique. Computed
parts begin with DEL, which no UIDL holds.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

_MARK = "\x7f"
_MAX_PLAIN = 190  # characters of a UIDL stored as it is, so that a twin's mark still fits into the column
_KEPT_OF_LONG = 120
_BATCH = 100  # messages between two commits, and of one fsync
_BATCH_BYTES = 32_000_000
_FEW = 5  # known messages; a listing that knows fewer of them proves nothing about renumbering


@dataclass(frozen=True)
class Message:
    """A message of this session's listing."""

    number: int
    key: str
    size_bytes: int


@dataclass(frozen=True)
class Place:
    """A placement as stored. `size_bytes` 0: not known. `is_gone`: not on the server at the last look."""

    key: str
    size_bytes: int
    is_gone: bool = False


@dataclass(frozen=True)
class Decisions:
    """What to do with a listing. Numbers are those of the session, newest first."""

    retrieve: tuple[int, ...] = ()
    compare: tuple[int, ...] = ()  # of doubled UIDLs: retrieve, and tell by content which are new
    verify: tuple[int, ...] = ()  # known, but of another size: is it the same message? (Y86)
    back: tuple[str, ...] = ()  # keys of what was missing and is there again
    gone: tuple[str, ...] = ()  # keys of what is no longer on the server
    is_renumbered: bool = (
        False  # nothing known is in the listing: no new mail, new names (Y86). Nothing may be deleted.
    )


def key_of_uidl(uidl: str) -> str:
    """The key of a message whose UIDL is the only one of its kind."""
    if len(uidl) <= _MAX_PLAIN:
        return uidl
    return uidl[:_KEPT_OF_LONG] + hashlib.sha256(uidl.encode()).hexdigest()


def key_of_header(header: bytes, size_bytes: int) -> str:
    """Without UIDL: hash of the header, and the size (Y87)."""
    return f"{_MARK}h{hashlib.sha256(header).hexdigest()[:40]}:{size_bytes}"


def key_of_content(sha256: str) -> str:
    """Without UIDL and TOP: the hash of the whole message (Y87)."""
    return f"{_MARK}b{sha256}"


def key_of_twin(key: str, sha256: str, taken: Collection[str]) -> str:
    """A free key for one more message under a UIDL that another has already."""
    twin = f"{key}{_MARK}{sha256[:32]}"
    number = 2
    free = twin
    while free in taken:
        free = f"{twin}-{number}"
        number += 1
    return free


def listed_key(key: str) -> str:
    """The key as listings have it: a twin's without its mark."""
    head, _, _ = key.rpartition(_MARK)
    return head or key


# | in the listing | known                       | do                                                         |
# |----------------|-----------------------------|------------------------------------------------------------|
# | once           | no                          | retrieve                                                   |
# | once           | yes, of this size           | nothing; it is back if it was gone                         |
# | once           | yes, of another size        | verify, since the name may have been given again (Y86)     |
# | several times  | as many                     | nothing                                                    |
# | several times  | fewer                       | compare by content; all of them are kept (Y86)             |
# | no             | yes                         | keep the Email, mark as gone (Y85)                         |
# | none known     | five or more                | renumbered: find them again by content, delete nothing     |
def plan_listing(listed: Sequence[Message], known: Sequence[Place]) -> Decisions:
    """By the table above."""
    groups: dict[str, list[Message]] = defaultdict(list)
    for message in sorted(listed, key=lambda item: -item.number):
        groups[message.key].append(message)
    rows: dict[str, list[Place]] = defaultdict(list)
    for place in known:
        rows[listed_key(place.key)].append(place)
    retrieve: list[int] = []
    compare: list[int] = []
    verify: list[int] = []
    back: list[str] = []
    for key, messages in groups.items():
        numbers = [message.number for message in messages]
        places = rows.get(key, [])
        if not places:
            (retrieve if len(numbers) == 1 else compare).extend(numbers)
            continue
        if len(numbers) > len(places):
            compare += numbers
        elif len(numbers) == len(places) == 1 and places[0].size_bytes not in (0, messages[0].size_bytes):
            verify += numbers
        back += [place.key for place in places if place.is_gone]
    alive = [place for place in known if not place.is_gone]
    gone = tuple(place.key for place in alive if listed_key(place.key) not in groups)
    return Decisions(
        retrieve=tuple(sorted(retrieve, reverse=True)),
        compare=tuple(sorted(compare, reverse=True)),
        verify=tuple(sorted(verify, reverse=True)),
        back=tuple(back),
        gone=gone,
        is_renumbered=bool(groups) and len(alive) >= _FEW and len(gone) == len(alive),
    )


def batches(numbers: Sequence[int], sizes: Mapping[int, int]) -> list[list[int]]:
    """Numbers as batches that fit into memory, in the order given."""
    found: list[list[int]] = []
    total = 0
    for number in numbers:
        size = sizes.get(number, 0)
        if not found or len(found[-1]) >= _BATCH or total + size > _BATCH_BYTES:
            found.append([])
            total = 0
        found[-1].append(number)
        total += size
    return found
