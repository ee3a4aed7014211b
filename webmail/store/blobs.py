"""Bytes, content-addressed: rows that point into packs on disk by default, to objects in an S3 bucket when grown.

A row is written only after its bytes are durable (reliability R88), and each reading compares them with their hash (sync Y91).
Bytes that were lost or damaged are marked, not forgotten: the next time the same content comes, it is written again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db.models import CharField, QuerySet, Value
from django.db.models.functions import Concat
from django.utils import timezone

from webmail.store.errors import BlobDamaged, BlobMissing
from webmail.store.models import Blob, BlobLink
from webmail.store.objects import S3Store
from webmail.store.packs import LOW_SPACE_BYTES, LOW_SPACE_SHARE, PackStore, Place, Streamed, check_space
from webmail.store.sql import chunks, insert_rows, to_column

__all__ = [
    "LOST", "LOW_SPACE_BYTES", "LOW_SPACE_SHARE", "BlobStore", "blob_store", "check_space", "get_blob_for", "link_blobs",
    "lost_blobs", "mark_lost", "put_blob", "put_blobs", "put_stream", "read_blob", "store_bytes",
    "upload_blob",
]  # fmt: skip

log = structlog.get_logger(__name__)

UPLOAD_LIFETIME = timedelta(hours=24)  # jmap S14 asks for an hour at least
# A known row that is given out again counts as new, so that the collector leaves it alone until it is referenced.
TOUCH_AFTER = timedelta(hours=1)
LOST = "lost:"  # in front of the pack of a row whose bytes could not be read; they are written again when they come


class BlobStore(Protocol):
    """Where bytes go. `write` and `write_stream` return after they are durable."""

    def write(self, items: Sequence[tuple[str, bytes]]) -> list[Place]:
        """Store (sha256, bytes) pairs; returns (pack, offset) for each. Raises `StorageFull`."""

    def write_stream(self, pieces: Iterable[bytes]) -> Streamed:
        """Store one byte string given in pieces. Raises `StorageFull`."""

    def discard(self, streamed: Streamed) -> None:
        """Take back a stream that turned out to be known."""

    def read(self, sha256: str, pack: str, offset: int, size: int) -> bytes:
        """Raises `BlobMissing`."""


@lru_cache(maxsize=4)
def blob_store(url: str) -> BlobStore:
    """The store that BLOB_URL names: file:///directory or s3://bucket/prefix."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return PackStore(Path(parts.path))
    if parts.scheme == "s3":
        return S3Store(parts.netloc, parts.path.strip("/"))
    raise ValueError(f"BLOB_URL must begin with file:// or s3://, not {parts.scheme}://")


# Writing --------------------------------------------------------------------------------------------------------------


def put_blobs(raws: Sequence[bytes]) -> list[Blob]:
    """Store many byte strings durably with one sync, each content once; returns their rows in the same order.

    Call it outside of a transaction: the bytes must be safe before a row says so. Raises `StorageFull`.
    """
    ids = store_bytes(raws)
    rows = {blob.pk: blob for chunk in chunks(ids) for blob in Blob.objects.filter(pk__in=chunk)}
    return [rows[pk] for pk in ids]


def store_bytes(raws: Sequence[bytes]) -> list[int]:
    """`put_blobs` for who needs only the ids of the rows: a first sync stores 20,000, and instances would take longer than
    the bytes."""
    hashes = [hashlib.sha256(raw).hexdigest() for raw in raws]
    known = _claim(hashes)
    new = {sha256: raw for sha256, raw in zip(hashes, raws, strict=True) if sha256 not in known}
    if new:
        places = _store_with_room().write(list(new.items()))
        sizes = {sha256: len(raw) for sha256, raw in new.items()}
        known |= _point(dict(zip(new, places, strict=True)), sizes)
    return [known[sha256] for sha256 in hashes]


def put_blob(raw: bytes) -> Blob:
    """Store one byte string durably."""
    return put_blobs([raw])[0]


def put_stream(pieces: Iterable[bytes]) -> Blob:
    """Store one long byte string piece by piece, durably, without holding it (sync Y94). Raises what `pieces` raises and
    `StorageFull`; then nothing was stored."""
    store = _store_with_room()
    streamed = store.write_stream(pieces)
    known = _claim([streamed.sha256])
    if known:
        store.discard(streamed)
    else:
        known = _point({streamed.sha256: streamed.place}, {streamed.sha256: streamed.size_bytes})
    return Blob.objects.get(pk=known[streamed.sha256])


def _store_with_room() -> BlobStore:
    store = blob_store(settings.BLOB_URL)
    if isinstance(store, PackStore):
        check_space(store.root)
    return store


def _claim(hashes: Iterable[str]) -> dict[str, int]:
    """The ids of rows that are there and whose bytes are not lost, by hash. Old ones are touched, and so safe from the
    collector."""
    wanted = set(hashes)
    known = _find(wanted)
    old = [row.pk for row in known.values() if row.created_at < timezone.now() - TOUCH_AFTER]
    touched = sum(Blob.objects.filter(pk__in=chunk).update(created_at=timezone.now()) for chunk in chunks(old))
    if touched != len(old):
        known = _find(wanted)  # the collector was quicker with some: they are written again
    return {sha256: row.pk for sha256, row in known.items() if not row.pack.startswith(LOST)}


def _point(places: Mapping[str, Place], sizes: Mapping[str, int]) -> dict[str, int]:
    """Rows for bytes that are durable now; their ids by hash. A row whose bytes were lost gets the new place."""
    now = to_column(datetime.now(UTC))
    rows = [(sha256, sizes[sha256], pack, offset, now) for sha256, (pack, offset) in places.items()]
    # Another worker may have stored the same bytes meanwhile: its row is as good.
    insert_rows(Blob, ("sha256", "size_bytes", "pack", "offset", "created_at"), rows, ignore_conflicts=True)
    found = _find(places)
    for sha256, row in found.items():
        if row.pack.startswith(LOST):
            pack, offset = places[sha256]
            Blob.objects.filter(pk=row.pk, pack__startswith=LOST).update(pack=pack, offset=offset)
            log.info("blobs.restored", blob=sha256)
    return {sha256: row.pk for sha256, row in found.items()}


# Reading --------------------------------------------------------------------------------------------------------------


def read_blob(blob: Blob) -> bytes:
    """The bytes, checked against their hash. Raises `BlobMissing` or `BlobDamaged`."""
    try:
        return _read(blob)
    except (BlobMissing, BlobDamaged):
        # The row may be an old reading: packs are rewritten (see `collection`).
        current = Blob.objects.filter(pk=blob.pk).first()
        if current is None or (current.pack, current.offset) == (blob.pack, blob.offset):
            raise
        return _read(current)


def _read(blob: Blob) -> bytes:
    pack = blob.pack.removeprefix(LOST)  # the disk that was away may be back
    raw = blob_store(settings.BLOB_URL).read(blob.sha256, pack, blob.offset, blob.size_bytes)
    if hashlib.sha256(raw).hexdigest() != blob.sha256:
        raise BlobDamaged(f"blob {blob.sha256} is damaged")
    return raw


def mark_lost(blob: Blob) -> None:
    """The bytes could not be read where the row says: whoever brings them again writes them anew. Safe to repeat."""
    Blob.objects.filter(pk=blob.pk, pack=blob.pack, offset=blob.offset).exclude(pack__startswith=LOST).update(
        pack=Concat(Value(LOST), "pack", output_field=CharField())
    )


def lost_blobs() -> QuerySet[Blob]:
    """The rows whose bytes were lost or damaged and did not come again: for the health page."""
    return Blob.objects.filter(pack__startswith=LOST)


# Who may read ---------------------------------------------------------------------------------------------------------


def link_blobs(account_id: int, blob_ids: Iterable[int], *, kind: str = BlobLink.Kind.MESSAGE) -> None:
    """Let the account read these blobs; uploads for a day, messages for good."""
    if kind == BlobLink.Kind.MESSAGE:
        rows = [(account_id, blob_id, kind, None) for blob_id in set(blob_ids)]
        insert_rows(BlobLink, ("account_id", "blob_id", "kind", "expires_at"), rows, ignore_conflicts=True)
        return
    expires_at = timezone.now() + UPLOAD_LIFETIME
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


class _Row(NamedTuple):
    pk: int
    pack: str
    created_at: datetime


def _find(hashes: Iterable[str]) -> dict[str, _Row]:
    return {
        sha256: _Row(pk, pack, created_at)
        for chunk in chunks(hashes)
        for sha256, pk, pack, created_at in Blob.objects.filter(sha256__in=chunk).values_list(
            "sha256", "pk", "pack", "created_at"
        )
    }
