"""All files of some messages as one zip file, written while it is sent: nothing is held but the part that is on its way.

The files are stored as they are, not compressed: most of them are, and a zip file of ours is never a bomb (security R24). Names
are those of the cards, made unique without regard to case; there are no folders, so that none can lead anywhere (R22).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from asgiref.sync import sync_to_async
from zipstream import ZIP_STORED, ZipStream

from webmail.mime.part import Message
from webmail.mime.readable import ReadableFile
from webmail.store import contents
from webmail.store.models import Email

MAX_MEMBERS = 1_000
MAX_TOTAL_BYTES = 1_000_000_000
MAX_RATIO = 100  # of what is in it to what the messages weigh
MAX_NAME_BYTES = 240


class TooMuch(Exception):
    """What was asked for is over a limit. `limit`: "members", "total" or "ratio"."""

    def __init__(self, limit: str) -> None:
        super().__init__(f"over the limit of {limit}")
        self.limit = limit


@dataclass(frozen=True)
class Member:
    """One file of the zip file to be."""

    name: str
    email: Email
    file: ReadableFile


def plan_members(found: Iterable[tuple[Email, Sequence[ReadableFile]]]) -> list[Member]:
    """The files under unique names. Raises `TooMuch` before anything is read."""
    pairs = [(email, file) for email, files in found for file in files]
    total = sum(file.size_bytes for _, file in pairs)
    weight = sum(email.size_bytes for email in {email.pk: email for email, _ in pairs}.values())
    if len(pairs) > MAX_MEMBERS:
        raise TooMuch("members")
    if total > MAX_TOTAL_BYTES:
        raise TooMuch("total")
    if total > max(weight, 1) * MAX_RATIO:
        raise TooMuch("ratio")
    taken: set[str] = set()
    return [Member(_unique(file.name, taken), email, file) for email, file in pairs]


def zip_pieces(members: Sequence[Member]) -> Iterator[bytes]:
    """The zip file piece by piece. Asks no database but when stored bytes turn out to be damaged.

    Raises what `contents.read_message` raises, and `TooMuch` when the files are larger than they were said to be.
    """
    archive = ZipStream(compress_type=ZIP_STORED)
    read = lru_cache(maxsize=1)(contents.read_message)  # files of one message stand behind each other
    for member in members:
        archive.add(_content(member, read), member.name)
    sent = 0
    for piece in archive:
        sent += len(piece)
        if sent > MAX_TOTAL_BYTES * 1.1:
            raise TooMuch("total")
        yield piece


async def stream(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces for an asynchronous server: each is made in a thread, when the one before has been sent."""
    step = sync_to_async(lambda: next(pieces, None), thread_sensitive=False)
    while (piece := await step()) is not None:
        yield piece


def _content(member: Member, read: Callable[[Email], Message]) -> Iterator[bytes]:
    part = read(member.email).part(member.file.part_id)
    yield part.decoded() if part is not None else b""


def _unique(name: str, taken: set[str]) -> str:
    """The name, with a number before its extension when it is taken: "plan (2).pdf"."""
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    number, tried = 1, name
    while tried.casefold() in taken:
        number += 1
        tried = f"{stem} ({number}){dot}{extension}"
    taken.add(tried.casefold())
    return tried
