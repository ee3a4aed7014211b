"""Bytes, content-addressed: packs on disk by default, objects in an S3 bucket when grown.

Why packs: a synced file for each of 20,000 messages costs 22 s, an append to a pack with one fsync per batch 0.4 s (design
section 5). A writer owns its pack, so writers never wait for each other; a row points to bytes only after their fsync, so a
torn tail is garbage that nobody sees. Paths come from our own random names and hashes, never from mail (security R23).
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from webmail.store.errors import BlobDamaged, BlobMissing, StorageFull
from webmail.store.models import Blob, BlobLink
from webmail.store.sql import chunks

PACK_SIZE_BYTES = 64 * 1024 * 1024  # a full pack is closed; small enough to compact in one go
LOW_SPACE_BYTES = 1_000_000_000  # reliability R88: stop before the disk is full
LOW_SPACE_SHARE = 0.05
UPLOAD_LIFETIME = timedelta(hours=24)  # jmap S14 asks for an hour at least


class BlobStore(Protocol):
    """Where bytes go. `write` returns after they are durable."""

    def write(self, items: Sequence[tuple[str, bytes]]) -> list[tuple[str, int]]:
        """Store (sha256, bytes) pairs; returns (pack, offset) for each. Raises `StorageFull`."""

    def read(self, sha256: str, pack: str, offset: int, size: int) -> bytes:
        """Raises `BlobMissing`."""


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

    def write(self, items: Sequence[tuple[str, bytes]]) -> list[tuple[str, int]]:
        check_space(self.root)
        places = []
        pack: _OpenPack | None = None
        try:
            for _, raw in items:
                pack = pack or self._take()
                places.append((pack.name, pack.size))
                _write_all(pack.descriptor, raw)
                pack.size += len(raw)
                if pack.size >= PACK_SIZE_BYTES:
                    _close(pack)
                    pack = None
            if pack is not None:
                os.fsync(pack.descriptor)
                self._give_back(pack)
        except OSError as error:
            # What the tail holds is unknown now: the pack is left behind, rows point only to what was synced before.
            if pack is not None:
                os.close(pack.descriptor)
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise StorageFull("the disk is full") from error
            raise
        return places

    def read(self, sha256: str, pack: str, offset: int, size: int) -> bytes:
        try:
            with (self.root / pack[:2] / pack).open("rb") as file:
                file.seek(offset)
                raw = file.read(size)
        except FileNotFoundError as error:
            raise BlobMissing(f"pack {pack} is missing") from error
        if len(raw) != size:
            raise BlobMissing(f"pack {pack} ends before the blob does")
        return raw

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
        _sync_directory(directory)
        _sync_directory(self.root)
        return _OpenPack(name, descriptor, 0)


class S3Store:
    """One object per blob in a bucket, by way of django-storages."""

    def __init__(self, bucket: str, prefix: str) -> None:
        from storages.backends.s3 import S3Storage

        self._storage = S3Storage(bucket_name=bucket, location=prefix, file_overwrite=True, default_acl=None)

    def write(self, items: Sequence[tuple[str, bytes]]) -> list[tuple[str, int]]:
        from django.core.files.base import ContentFile

        for sha256, raw in items:
            self._storage.save(self._key(sha256), ContentFile(raw))
        return [("", 0)] * len(items)

    def read(self, sha256: str, pack: str, offset: int, size: int) -> bytes:
        try:
            with self._storage.open(self._key(sha256), "rb") as file:
                return bytes(file.read())
        except FileNotFoundError as error:
            raise BlobMissing(f"object {sha256} is missing") from error

    @staticmethod
    def _key(sha256: str) -> str:
        return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


@lru_cache(maxsize=4)
def blob_store(url: str) -> BlobStore:
    """The store that BLOB_URL names: file:///directory or s3://bucket/prefix."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return PackStore(Path(parts.path))
    if parts.scheme == "s3":
        return S3Store(parts.netloc, parts.path.strip("/"))
    raise ValueError(f"BLOB_URL must begin with file:// or s3://, not {parts.scheme}://")


def check_space(root: Path) -> None:
    """Raises `StorageFull` when less than 1 GB and less than 5 % of the disk are left (reliability R88)."""
    root.mkdir(parents=True, exist_ok=True)
    disk = os.statvfs(root)
    free = disk.f_bavail * disk.f_frsize
    if free < LOW_SPACE_BYTES and free < disk.f_blocks * disk.f_frsize * LOW_SPACE_SHARE:
        raise StorageFull("the disk is nearly full")


def put_blobs(raws: Sequence[bytes]) -> list[Blob]:
    """Store many byte strings durably with one sync, each content once; returns their rows in the same order.

    Call it outside of a transaction: the bytes must be safe before a row says so. Raises `StorageFull`.
    """
    hashes = [hashlib.sha256(raw).hexdigest() for raw in raws]
    known = _find(hashes)
    new = {sha256: raw for sha256, raw in zip(hashes, raws, strict=True) if sha256 not in known}
    if new:
        places = blob_store(settings.BLOB_URL).write(list(new.items()))
        Blob.objects.bulk_create(
            (
                Blob(sha256=sha256, size_bytes=len(raw), pack=pack, offset=offset)
                for (sha256, raw), (pack, offset) in zip(new.items(), places, strict=True)
            ),
            ignore_conflicts=True,  # another worker stored the same bytes meanwhile: its row is as good
        )
        known |= _find(new)
    return [known[sha256] for sha256 in hashes]


def put_blob(raw: bytes) -> Blob:
    """Store one byte string durably."""
    return put_blobs([raw])[0]


def read_blob(blob: Blob) -> bytes:
    """The bytes, checked against their hash. Raises `BlobMissing` or `BlobDamaged`."""
    raw = blob_store(settings.BLOB_URL).read(blob.sha256, blob.pack, blob.offset, blob.size_bytes)
    if hashlib.sha256(raw).hexdigest() != blob.sha256:
        raise BlobDamaged(f"blob {blob.sha256} is damaged")
    return raw


def link_blobs(account_id: int, blob_ids: Iterable[int], *, kind: str = BlobLink.Kind.MESSAGE) -> None:
    """Let the account read these blobs; uploads for a day, messages for good."""
    expires_at: datetime | None = timezone.now() + UPLOAD_LIFETIME if kind == BlobLink.Kind.UPLOAD else None
    BlobLink.objects.bulk_create(
        (
            BlobLink(account_id=account_id, blob_id=blob_id, kind=kind, expires_at=expires_at)
            for blob_id in set(blob_ids)
        ),
        update_conflicts=True,
        unique_fields=["account", "blob", "kind"],
        update_fields=["expires_at"],
    )


def upload_blob(account_id: int, raw: bytes) -> Blob:
    """Store bytes that a client sent up, readable by this account for a day."""
    blob = put_blob(raw)
    link_blobs(account_id, [blob.pk], kind=BlobLink.Kind.UPLOAD)
    return blob


def get_blob_for(account_id: int, sha256: str) -> Blob | None:
    """The blob when this account may read it. Knowing a hash is no right (jmap S14)."""
    links = BlobLink.objects.filter(account_id=account_id, blob__sha256=sha256).select_related("blob")
    for link in links:
        if link.expires_at is None or link.expires_at > timezone.now():
            return link.blob
    return None


def _find(hashes: Iterable[str]) -> dict[str, Blob]:
    return {blob.sha256: blob for chunk in chunks(hashes) for blob in Blob.objects.filter(sha256__in=chunk)}


def _close(pack: _OpenPack) -> None:
    os.fsync(pack.descriptor)
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
