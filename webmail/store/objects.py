"""Bytes as objects of an S3 bucket, one for each blob, by way of django-storages. Knows objects, not rows."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Sequence

from webmail.store.errors import BlobMissing
from webmail.store.packs import Place, Streamed

SPOOL_BYTES = 8 * 1024 * 1024  # of a stream in memory; more waits in a temporary file


class S3Store:
    """One object per blob, named by its hash: its place says nothing."""

    def __init__(self, bucket: str, prefix: str) -> None:
        from storages.backends.s3 import S3Storage

        self._storage = S3Storage(bucket_name=bucket, location=prefix, file_overwrite=True, default_acl=None)

    def write(self, items: Sequence[tuple[str, bytes]]) -> list[Place]:
        """Store (sha256, bytes) pairs."""
        from django.core.files.base import ContentFile

        for sha256, raw in items:
            self._storage.save(self._key(sha256), ContentFile(raw))
        return [("", 0)] * len(items)

    def write_stream(self, pieces: Iterable[bytes]) -> Streamed:
        """Store one byte string given in pieces; its name is known only at the end, so it waits in a file till then."""
        from django.core.files import File

        digest, size = hashlib.sha256(), 0
        with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                spool.write(piece)
            spool.seek(0)
            self._storage.save(self._key(digest.hexdigest()), File(spool))
        return Streamed(digest.hexdigest(), size, ("", 0))

    def discard(self, streamed: Streamed) -> None:
        """Nothing: an object of this name is what the known row points to."""

    def read(self, sha256: str, pack: str, offset: int, size: int) -> bytes:
        """The object. Raises `BlobMissing`."""
        try:
            with self._storage.open(self._key(sha256), "rb") as file:
                return bytes(file.read())
        except FileNotFoundError as error:
            raise BlobMissing(f"object {sha256} is missing") from error

    def delete(self, sha256: str) -> None:
        """Remove the object; no error when there is none."""
        self._storage.delete(self._key(sha256))

    @staticmethod
    def _key(sha256: str) -> str:
        return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"
