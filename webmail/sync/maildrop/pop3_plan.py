"""What a POP3 listing means for the mail we have: facts in, decisions out. No rows, no network, no clock (sync 3.12).

A *key* is what a placement is found by: the server's UIDL, or something computed where that is absent or not unique. Computed
parts begin with DEL, which no key of a UIDL holds. A *stamp* is the number kept beside the key: what else the server said of
the message at the last look.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

_MARK = "\x7f"
_PENDING = f"{_MARK}?"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MAX_PLAIN = 190  # characters of a UIDL stored as it is, so that a twin's mark still fits into the column
_KEPT_OF_LONG = 120
_BATCH = 100  # messages between two commits, and of one fsync
_BATCH_BYTES = 32_000_000
_FEW = 5  # known messages; a listing that knows fewer of them proves nothing about renumbering
_SIZE_BITS, _CHECK_BITS = 31, 32  # of a stamp; together they fit into a positive BIGINT

# Fields that servers add, change or leave out by command: they say nothing about which message it is.
_VOLATILE = re.compile(
    rb"^(?:status|x-status|x-uidl|x-keywords|x-mozilla-status2?|content-length|lines)[ \t]*:.*\n(?:[ \t].*\n)*",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class Message:
    """A message of this session's listing. `size_bytes` 0: LIST did not tell."""

    number: int
    key: str
    size_bytes: int


@dataclass(frozen=True)
class Place:
    """A placement as stored. `size_bytes` 0: LIST never told. `is_gone`: not on the server at the last look."""

    key: str
    size_bytes: int
    is_gone: bool = False


@dataclass(frozen=True)
class Decisions:
    """What to do with a listing. Numbers are those of the session, newest first."""

    retrieve: tuple[int, ...] = ()
    compare: tuple[int, ...] = ()  # of doubled UIDLs: retrieve, and tell by content which are new
    verify: tuple[int, ...] = ()  # known, but of another size: is it the same message? (Y86)
    known: Mapping[int, str] = field(
        default_factory=dict
    )  # number to the key of its placement, where there is no doubt
    back: tuple[str, ...] = ()  # keys of what was missing and is there again
    gone: tuple[str, ...] = ()  # keys of what is no longer on the server
    # Nothing known is in the listing: no new mail, new names (Y86). Nothing may be deleted.
    is_renumbered: bool = False


# Keys -----------------------------------------------------------------------------------------------------------------


def key_of_uidl(uidl: str) -> str:
    """The key of a message whose UIDL is the only one of its kind. A name that is long or holds control characters is
    replaced by its hash, with what can be shown of it in front."""
    if len(uidl) <= _MAX_PLAIN and not _CONTROL.search(uidl):
        return uidl
    return _CONTROL.sub("?", uidl[:_KEPT_OF_LONG]) + hashlib.sha256(uidl.encode()).hexdigest()


def key_of_header(header: bytes, size_bytes: int) -> str:
    """Without UIDL: hash of the header, and the size (Y87)."""
    return f"{_MARK}h{_digest(header).hex()[:40]}:{size_bytes}"


def key_of_content(sha256: str, size_bytes: int) -> str:
    """Without UIDL and TOP: the hash of the whole message, and the size that LIST tells (Y87)."""
    return f"{_MARK}b{sha256}:{size_bytes}"


def pending_key(number: int) -> str:
    """For a message that gets its key when its bytes are here."""
    return f"{_PENDING}{number}"


def is_pending(key: str) -> bool:
    """Whether the message has no key yet."""
    return key.startswith(_PENDING)


def is_computed(key: str) -> bool:
    """Whether the key is of a server without UIDL, and so holds hash and size itself."""
    return key.startswith(_MARK)


def computed_size(key: str) -> int:
    """The size in a computed key."""
    size = listed_key(key).rpartition(":")[2]
    return int(size) if size.isdecimal() else 0


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


# Stamps ---------------------------------------------------------------------------------------------------------------


def stamp_of(size_bytes: int, header: bytes) -> int:
    """What a message under a UIDL is checked by: the size that LIST told, and 32 bits over its header (Y86)."""
    check = int.from_bytes(_digest(header)[: _CHECK_BITS // 8], "big")
    return min(size_bytes, (1 << _SIZE_BITS) - 1) << _CHECK_BITS | check


def stamped_size(stamp: int | None) -> int:
    """The size in a stamp; 0: there is none."""
    return (stamp or 0) >> _CHECK_BITS


def is_same_header(stamp: int, header: bytes) -> bool:
    """Whether the stamp was made from this header, whatever the sizes."""
    return (stamp ^ stamp_of(0, header)) & ((1 << _CHECK_BITS) - 1) == 0


def header_of(raw: bytes) -> bytes:
    """The header of a message, as TOP gives it but for the blank line."""
    end = raw.find(b"\r\n\r\n")
    return raw if end < 0 else raw[: end + 2]


def _digest(header: bytes) -> bytes:
    block = header.rstrip(b"\r\n") + b"\n"
    return hashlib.sha256(_VOLATILE.sub(b"", block)).digest()


# The listing ----------------------------------------------------------------------------------------------------------


# | in the listing | known                       | do                                                         |
# |----------------|-----------------------------|------------------------------------------------------------|
# | once           | no                          | retrieve                                                   |
# | once           | yes, of this size           | nothing; it is back if it was gone                         |
# | once           | yes, of another size        | verify, since the name may have been given again (Y86)     |
# | several times  | as many, of these sizes     | nothing                                                    |
# | several times  | fewer, or of other sizes    | compare by content; all of them are kept (Y86)             |
# | no             | yes                         | keep the Email, mark as gone (Y85)                         |
# | none known     | five or more                | renumbered: find them again by content, delete nothing     |
def plan_listing(listed: Sequence[Message], known: Sequence[Place]) -> Decisions:
    """By the table above."""
    groups: dict[str, list[Message]] = defaultdict(list)
    for message in listed:
        groups[message.key].append(message)
    rows: dict[str, list[Place]] = defaultdict(list)
    for place in known:
        rows[listed_key(place.key)].append(place)
    work = _Work()
    for key, messages in groups.items():
        work.add(messages, rows.get(key, []))
    alive = [place for place in known if not place.is_gone]
    gone = tuple(place.key for place in alive if listed_key(place.key) not in groups)
    return Decisions(
        retrieve=tuple(sorted(work.retrieve, reverse=True)),
        compare=tuple(sorted(work.compare, reverse=True)),
        verify=tuple(sorted(work.verify, reverse=True)),
        known=work.known,
        back=tuple(work.back),
        gone=gone,
        is_renumbered=bool(groups) and len(alive) >= _FEW and len(gone) == len(alive),
    )


@dataclass
class _Work:
    retrieve: list[int] = field(default_factory=list)
    compare: list[int] = field(default_factory=list)
    verify: list[int] = field(default_factory=list)
    known: dict[int, str] = field(default_factory=dict)
    back: list[str] = field(default_factory=list)

    def add(self, messages: Sequence[Message], places: Sequence[Place]) -> None:
        """The messages of one name, and the placements that bear it."""
        if not places:
            (self.retrieve if len(messages) == 1 else self.compare).extend(message.number for message in messages)
        elif len(messages) == 1:
            self._add_single(messages[0], places)
        elif _has_more(messages, [place for place in places if not place.is_gone]):
            self.compare += [message.number for message in messages]

    def _add_single(self, message: Message, places: Sequence[Place]) -> None:
        # Beside it may be placements of the past under the same name: of others that are gone, or of a vanished twin.
        place = min(places, key=lambda item: (item.is_gone, not _fits(message, item), item.key != message.key))
        if not _fits(message, place):
            self.verify.append(message.number)
        elif place.is_gone:
            self.back.append(place.key)
        if sum(1 for item in places if not item.is_gone) <= 1:
            self.known[message.number] = place.key


def _has_more(messages: Sequence[Message], alive: Sequence[Place]) -> bool:
    """Whether one of the messages must be new: there are more of them, or one is of a size that none of ours has."""
    sizes = Counter(place.size_bytes for place in alive)
    unknown = sizes.pop(0, 0)
    left = Counter(message.size_bytes for message in messages if message.size_bytes) - sizes
    return len(messages) > len(alive) or left.total() > unknown


def _fits(message: Message, place: Place) -> bool:
    return message.size_bytes in {0, place.size_bytes}


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
