"""Bytes nobody refers to: rows, packs, and what a crash leaves."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from tests import factories
from webmail.outbox.models import Submission
from webmail.outbox.queue import control, submit
from webmail.outbox.writing import drafts
from webmail.store import blobs, collection, packs
from webmail.store.models import Blob, BlobLink

pytestmark = [pytest.mark.django_db, pytest.mark.req("Y92")]


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, settings) -> None:
    settings.BLOB_URL = f"file://{tmp_path}/packs"


def age(*, rows: bool = True) -> None:
    """Let two days pass for rows and packs, and end the writers."""
    store = blobs.blob_store(settings.BLOB_URL)
    assert isinstance(store, packs.PackStore)
    while store._idle:
        os.close(store._idle.pop().descriptor)
    old = time.time() - 2 * 86_400
    for path in files():
        os.utime(path, (old, old))
    if rows:
        Blob.objects.update(created_at=timezone.now() - timedelta(days=2))


def files() -> list[Path]:
    return [path for path in Path(settings.BLOB_URL.removeprefix("file://")).glob("*/*") if path.is_file()]


def kept_email(raw: bytes) -> Blob:
    mailbox = factories.make_mailbox(factories.make_account(factories.make_user()), role="inbox")
    factories.make_email_from_bytes(mailbox, raw)
    return Blob.objects.get(size_bytes=len(raw))


def test_what_nothing_refers_to_goes_and_what_an_email_has_stays() -> None:
    kept = kept_email(b"Subject: kept\r\n\r\nkept\r\n")
    blobs.put_blob(b"nobody's")
    assert collection.collect_blobs() == 0
    age()

    assert collection.collect_blobs() == 1
    assert Blob.objects.get() == kept


def test_bytes_given_out_again_are_safe_from_the_collector() -> None:
    blobs.put_blob(b"again")
    age()
    blobs.put_blob(b"again")
    assert collection.collect_blobs() == 0


def test_an_upload_that_may_still_be_used_stays() -> None:
    account = factories.make_account(factories.make_user())
    blobs.upload_blob(account.pk, b"upload")
    age()
    assert collection.collect_blobs() == 0


@pytest.mark.req("R78")
def test_files_of_a_draft_that_may_come_back_stay_until_its_submission_is_gone() -> None:
    account = factories.make_account(factories.make_user())
    draft = drafts.create_draft(account)
    drafts.add_attachment(draft, name="a.txt", type="text/plain", raw=b"file of the draft")
    draft = drafts.save_draft(draft, fields=drafts.DraftFields(to="ben@example.net"), expected_revision=None)
    submission = submit.submit_draft(draft, user=account.user, idempotency_key="k")
    file = Blob.objects.get(size_bytes=len(b"file of the draft"))
    BlobLink.objects.filter(blob=file).delete()
    age()
    assert not collection.unreferenced().exclude(pk=file.pk).exists()
    assert collection.collect_blobs() == 0  # named in the snapshot alone

    came_back = control.cancel(submission)
    assert came_back is not None
    assert blobs.read_blob(came_back.attachments.get().blob) == b"file of the draft"
    age()
    assert collection.collect_blobs() == 0  # the draft has it

    drafts.discard_draft(came_back)
    Submission.objects.all().delete()
    age()
    assert collection.collect_blobs() == 2  # the file, and the message it was in
    assert not Blob.objects.exists()


def test_a_mostly_dead_pack_is_rewritten_and_old_places_can_be_read_for_a_while() -> None:
    raw = b"Subject: kept\r\n\r\nkept\r\n"
    blobs.put_blobs([b"dead" * 1_000])
    kept = kept_email(raw)
    age()
    collection.collect_blobs()

    assert collection.compact_packs() == 1

    moved = Blob.objects.get()
    assert moved.pack != kept.pack
    assert blobs.read_blob(kept) == blobs.read_blob(moved) == raw
    age()
    assert collection.compact_packs() == 1
    assert [path.name for path in files()] == [moved.pack]
    assert blobs.read_blob(kept) == raw  # the row is read once more


def test_a_kill_between_copy_and_rows_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = b"Subject: kept\r\n\r\nkept\r\n"
    blobs.put_blobs([b"dead" * 1_000])
    kept = kept_email(raw)
    age()
    collection.collect_blobs()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(packs.PackStore, "keep_a_while", killed)
    with pytest.raises(KeyboardInterrupt):
        collection.compact_packs()
    monkeypatch.setattr(packs.PackStore, "keep_a_while", lambda *_: None)
    assert blobs.read_blob(Blob.objects.get(pk=kept.pk)) == raw


def test_a_pack_with_a_writer_is_left_alone() -> None:
    blobs.put_blob(b"x" * 100)
    Blob.objects.all().delete()
    old = time.time() - 2 * 86_400
    for path in files():
        os.utime(path, (old, old))

    assert collection.compact_packs() == 0
    age()
    assert collection.compact_packs() == 1
    assert files() == []


@pytest.mark.req("Y91")
def test_a_torn_tail_is_seen_by_nobody() -> None:
    first = blobs.put_blob(b"first")
    path = files()[0]
    age(rows=False)
    with path.open("ab") as file:
        file.write(b"garbage of a killed writer")

    second = blobs.put_blob(b"second")

    assert second.pack != first.pack
    assert [blobs.read_blob(first), blobs.read_blob(second)] == [b"first", b"second"]


def test_a_very_large_body_has_a_file_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "OWN_FILE_BYTES", 1_000)
    small, large = blobs.put_blobs([b"s", b"l" * 2_000])
    assert small.pack != large.pack
    assert blobs.read_blob(large) == b"l" * 2_000


@pytest.mark.req("Y94")
def test_a_stream_that_breaks_leaves_nothing() -> None:
    def pieces():
        yield b"one"
        raise ValueError("cut")

    with pytest.raises(ValueError, match="cut"):
        blobs.put_stream(pieces())
    assert files() == []
    assert blobs.read_blob(blobs.put_stream(iter([b"one", b"two"]))) == b"onetwo"
