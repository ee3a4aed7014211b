"""Packs: files that bytes are appended to, under one directory. Knows files, not rows (decision 0013).

Why packs: a synced file for each of 20,000 messages costs 22 s, an append to a pack with one fsync per batch 0.4 s (design
section 5). A writer owns its pack, so writers never wait for each other; a row points to bytes only after their fsync, so a
torn tail is garbage that nobody sees. Paths come from our own random names and hashes, never from mail (security R23).

A pack that may still be written to is locked (flock) for as long as its writer lives: `collection` rewrites and removes only
packs whose lock it gets. A killed writer's lock ends with it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from webmail.store.errors import BlobMissing, StorageFull

PACK_SIZE_BYTES = 64 * 1024 * 1024  # a full pack is closed; small enough to compact in one go
OWN_FILE_BYTES = 8 * 1024 * 1024  # a larger body has a pack of its own: it goes without a rewrite of others (Y92)
LOW_SPACE_BYTES = 1_000_000_000  # reliability R88: stop before the disk is full
LOW_SPACE_SHARE = 0.05
_NAME = re.compile(r"[0-9a-f]{32}")

Place = tuple[str, int]  # pack, offset


@dataclass(frozen=True)
class Streamed:
    """What a stream of pieces came to."""

    sha256: str
    size_bytes: int
    place: Place


@dataclass(frozen=True)
class PackFile:
    """A pack as it lies on the disk. `age_s`: since its last write or `keep_a_while`."""

    name: str
    size_bytes: int
    age_s: float


@dataclass
class _OpenPack:
    name: str
    descriptor: int
    size: int


class PackStore:
    """Append-only packs under one directory. A writer takes an open pack of the process, or begins one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._idle: list[_OpenPack] = []
        self._pid = os.getpid()
        self._lock = threading.Lock()

    # Writing ------------------------------------------------------------------------------------------------

    def write(self, items: Sequence[tuple[str, bytes]]) -> list[Place]:
        """Append (sha256, bytes) pairs, one fsync for each pack touched. Raises `StorageFull`, `OSError`."""
        places: list[Place] = []
        pack: _OpenPack | None = None
        try:
            for _, raw in items:
                if len(raw) > OWN_FILE_BYTES:
                    places.append((self._write_alone(raw), 0))
                    continue
                pack = pack or self._take()
                places.append((pack.name, pack.size))
                _write_all(pack.descriptor, raw)
                pack.size += len(raw)
                if pack.size >= PACK_SIZE_BYTES:
                    full, pack = pack, None
                    _close_synced(full)
            if pack is not None:
                os.fsync(pack.descriptor)
        except OSError as error:
            # What the tail holds is unknown now: the pack is left behind, rows point only to what was synced before.
            if pack is not None:
                os.close(pack.descriptor)
            raise _named(error) from error
        if pack is not None:
            self._give_back(pack)
        return places

    def write_stream(self, pieces: Iterable[bytes]) -> Streamed:
        """Store one long byte string given in pieces, in a pack of its own, hashed on the way; never held whole (Y94).

        Whatever `pieces` raises leaves no file behind. Raises `StorageFull`, `OSError`.
        """
        digest = hashlib.sha256()
        pack: _OpenPack | None = None
        try:
            pack = self._create()
            for piece in pieces:
                digest.update(piece)
                _write_all(pack.descriptor, piece)
                pack.size += len(piece)
            os.fsync(pack.descriptor)
        except BaseException as error:
            if pack is not None:
                self._path(pack.name).unlink(missing_ok=True)
            raise _named(error) from error
        finally:
            if pack is not None:
                os.close(pack.descriptor)
        return Streamed(digest.hexdigest(), pack.size, (pack.name, 0))

    def discard(self, streamed: Streamed) -> None:
        """Take back what `write_stream` has just written and no row points to."""
        self._path(streamed.place[0]).unlink(missing_ok=True)

    def _write_alone(self, raw: bytes) -> str:
        pack = self._create()
        try:
            _write_all(pack.descriptor, raw)
            os.fsync(pack.descriptor)
        finally:
            os.close(pack.descriptor)
        return pack.name

    # Reading ------------------------------------------------------------------------------------------------

    def read(self, sha256: str, pack: str, offset: int, size: int) -> bytes:
        """The bytes at a place, not compared with the hash. Raises `BlobMissing`."""
        if not _NAME.fullmatch(pack):
            raise BlobMissing(f"{pack!r} is no pack")
        try:
            with self._path(pack).open("rb", buffering=0) as file:
                file.seek(offset)
                raw = file.read(size)
                while len(raw) < size and (more := file.read(size - len(raw))):
                    raw += more
        except FileNotFoundError as error:
            raise BlobMissing(f"pack {pack} is missing") from error
        if len(raw) != size:
            raise BlobMissing(f"pack {pack} ends before the blob does")
        return raw

    # Looking after them -------------------------------------------------------------------------------------

    def packs(self) -> Iterator[PackFile]:
        """All packs there are, in no order. Files that are none of ours are left out."""
        now = time.time()
        for directory in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            for path in directory.iterdir():
                if _NAME.fullmatch(path.name):
                    try:
                        found = path.stat()
                    except FileNotFoundError:
                        continue
                    yield PackFile(path.name, found.st_size, now - found.st_mtime)

    @contextmanager
    def closed(self, name: str) -> Iterator[bool]:
        """Inside the block nobody writes to the pack; yields False when somebody may, or when it is gone."""
        try:
            descriptor = os.open(self._path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            yield False
            return
        try:
            yield _is_locked(descriptor)
        finally:
            os.close(descriptor)

    def keep_a_while(self, name: str) -> None:
        """The pack counts as new again: who read its place a moment ago can still go there."""
        try:
            os.utime(self._path(name))
        except FileNotFoundError:
            return

    def remove(self, name: str) -> None:
        """Delete a pack; call it inside `closed`."""
        self._path(name).unlink(missing_ok=True)

    # ---------------------------------------------------------------------------------------------------------

    def _path(self, name: str) -> Path:
        return self.root / name[:2] / name

    def _take(self) -> _OpenPack:
        with self._lock:
            if self._pid != os.getpid():  # after a fork the parent's packs are not ours to write
                self._idle, self._pid = [], os.getpid()
            if self._idle:
                return self._idle.pop()
        return self._create()

    def _give_back(self, pack: _OpenPack) -> None:
        with self._lock:
            self._idle.append(pack)

    def _create(self) -> _OpenPack:
        name = secrets.token_hex(16)
        directory = self.root / name[:2]
        directory.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(directory / name, flags, 0o600)
        try:
            _is_locked(descriptor)
            _sync_directory(directory)
            _sync_directory(self.root)
        except OSError:
            os.close(descriptor)
            raise
        return _OpenPack(name, descriptor, 0)


# Full, over quota, over the limit of a file, read-only since an error, or broken: whatever it is, nothing was stored.
_TAKES_NO_MORE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})


def check_space(root: Path) -> None:
    """Raises `StorageFull` when less than 1 GB and less than 5 % of the disk are left (reliability R88)."""
    root.mkdir(parents=True, exist_ok=True)
    disk = os.statvfs(root)
    free = disk.f_bavail * disk.f_frsize
    if free < LOW_SPACE_BYTES and free < disk.f_blocks * disk.f_frsize * LOW_SPACE_SHARE:
        raise StorageFull("the disk is nearly full")


def _is_locked(descriptor: int) -> bool:
    """Take the pack's lock; False when another has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _named(error: BaseException) -> BaseException:
    if isinstance(error, OSError) and error.errno in _TAKES_NO_MORE:
        return StorageFull("the disk is full")
    return error


def _close_synced(pack: _OpenPack) -> None:
    try:
        os.fsync(pack.descriptor)
    finally:
        os.close(pack.descriptor)


def _write_all(descriptor: int, raw: bytes) -> None:
    view = memoryview(raw)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
