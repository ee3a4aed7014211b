"""Bytes by their hash: durable, checked, private."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from tests import factories
from webmail.store import blobs, packs
from webmail.store.errors import BlobDamaged, BlobMissing, StorageFull
from webmail.store.models import Blob, BlobLink

pytestmark = pytest.mark.django_db


def pack_path(blob: Blob) -> Path:
    return Path(settings.BLOB_URL.removeprefix("file://")) / blob.pack[:2] / blob.pack


def test_what_is_put_is_read_back() -> None:
    raws = [b"one", b"two" * 1_000, b"", b"one"]
    stored = blobs.put_blobs(raws)
    assert [blobs.read_blob(blob) for blob in stored] == raws
    assert stored[0] == stored[3]
    assert stored[0].sha256 == hashlib.sha256(b"one").hexdigest()


def test_the_same_content_is_stored_once() -> None:
    first, second = blobs.put_blob(b"again"), blobs.put_blob(b"again")
    assert first.pk == second.pk
    assert Blob.objects.count() == 1


def test_a_changed_byte_is_noticed() -> None:
    blob = blobs.put_blob(b"precious")
    with pack_path(blob).open("r+b") as file:
        file.seek(blob.offset)
        file.write(b"P")
    with pytest.raises(BlobDamaged):
        blobs.read_blob(blob)


def test_a_lost_pack_is_noticed() -> None:
    blob = Blob.objects.create(sha256="0" * 64, size_bytes=3, pack="f" * 32)
    with pytest.raises(BlobMissing):
        blobs.read_blob(blob)


@pytest.mark.req("R88")
def test_a_full_disk_acknowledges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        f_bavail, f_frsize, f_blocks = 1, 4096, 10**9

    monkeypatch.setattr(packs.os, "statvfs", lambda _: Full())
    with pytest.raises(StorageFull):
        blobs.put_blob(b"no room")
    assert not Blob.objects.exists()


@pytest.mark.req("R88")
def test_a_write_that_fails_half_way_leaves_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    real = packs.os.write
    calls = []

    def fail_second(descriptor: int, data: Any) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr(packs.os, "write", fail_second)
    with pytest.raises(StorageFull):
        blobs.put_blobs([b"first", b"second"])
    monkeypatch.undo()
    assert not Blob.objects.exists()
    assert blobs.read_blob(blobs.put_blob(b"first")) == b"first"


@pytest.mark.req("S14")
def test_only_a_linked_account_may_read() -> None:
    alice, bob = factories.make_account(factories.make_user()), factories.make_account(factories.make_user("bob"))
    blob = blobs.upload_blob(alice.pk, b"mine")
    assert blobs.get_blob_for(alice.pk, blob.sha256) == blob
    assert blobs.get_blob_for(bob.pk, blob.sha256) is None


@pytest.mark.req("S14")
def test_an_upload_ends_and_a_message_does_not() -> None:
    account = factories.make_account(factories.make_user())
    blob = blobs.upload_blob(account.pk, b"draft")
    BlobLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert blobs.get_blob_for(account.pk, blob.sha256) is None
    blobs.link_blobs(account.pk, [blob.pk])
    assert blobs.get_blob_for(account.pk, blob.sha256) == blob
