"""Files in pieces: what has arrived stays, nothing is doubled, and nobody goes on with another's."""

from __future__ import annotations

import os
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import MailAccount
from tests.outbox.letters import make_sender
from webmail.outbox.errors import AttachmentTooLarge, BadPiece, DraftGone, UploadGone, WrongOffset
from webmail.outbox.models import Draft, DraftAttachment, Upload, UploadPiece
from webmail.outbox.writing import drafts, room, uploads
from webmail.outbox.writing.content_range import read_content_range
from webmail.outbox.writing.messages import MAX_FILES_BYTES
from webmail.store import blobs, collection
from webmail.store.models import Blob, BlobLink

pytestmark = [pytest.mark.django_db, pytest.mark.req("R78")]


@pytest.fixture
def account() -> MailAccount:
    return make_sender()


@pytest.fixture
def draft(account: MailAccount) -> Draft:
    return drafts.create_draft(account)


def begin(draft: Draft, size_bytes: int, name: str = "film.bin") -> Upload:
    return uploads.begin_upload(
        draft.account.user, draft.account, draft=draft, name=name, type="video/mp4", size_bytes=size_bytes
    )


def test_pieces_become_one_file_of_the_draft(draft: Draft) -> None:
    content = os.urandom(9_000)
    upload = begin(draft, 9_000)
    for start in (0, 4_000, 8_000):
        upload = uploads.append_piece(upload, start, content[start : start + 4_000])
    assert upload.received_bytes == 9_000

    file = uploads.finish_upload(upload)

    assert isinstance(file, DraftAttachment)
    assert (file.name, file.type, blobs.read_blob(file.blob)) == ("film.bin", "video/mp4", content)
    assert draft.attachments.get() == file
    assert uploads.find_attached(draft, upload.public_id) == file
    assert not Upload.objects.exists()
    assert not UploadPiece.objects.exists()


def test_last_piece_may_be_repeated_and_others_are_told_where_to_go_on(draft: Draft) -> None:
    upload = begin(draft, 9)
    uploads.append_piece(upload, 0, b"abc")
    uploads.append_piece(upload, 3, b"def")
    assert uploads.append_piece(upload, 3, b"def").received_bytes == 6
    for start, piece in ((0, b"abc"), (3, b"xyz"), (7, b"h"), (5, b"fgh")):
        with pytest.raises(WrongOffset) as caught:
            uploads.append_piece(upload, start, piece)
        assert caught.value.offset_bytes == 6
    file = uploads.finish_upload(uploads.append_piece(upload, 6, b"ghi"))
    assert isinstance(file, DraftAttachment)
    assert blobs.read_blob(file.blob) == b"abcdefghi"


def test_pieces_that_make_no_sense_are_refused(draft: Draft) -> None:
    upload = begin(draft, 5_000_000)
    for piece in (b"", bytes(uploads.PIECE_BYTES + 1)):
        with pytest.raises(BadPiece):
            uploads.append_piece(upload, 0, piece)
    with pytest.raises(BadPiece, match="beyond the end"):
        uploads.append_piece(begin(draft, 2), 0, b"abc")
    with pytest.raises(BadPiece):
        begin(draft, -1)
    assert not UploadPiece.objects.exists()


def test_what_cannot_fit_is_refused_before_anything_is_sent(draft: Draft) -> None:
    drafts.add_attachment(draft, name="a", type="", raw=bytes(4_000_000))
    with pytest.raises(AttachmentTooLarge, match="25 MB") as caught:
        begin(draft, MAX_FILES_BYTES - 3_999_999)
    assert caught.value.limit_bytes == MAX_FILES_BYTES
    assert not Upload.objects.exists()
    assert begin(draft, MAX_FILES_BYTES - 4_000_000).size_bytes == 21_000_000


def test_limit_of_the_sending_server_counts_with_the_growth_of_base64(draft: Draft) -> None:
    MailAccount.objects.filter(pk=draft.account_id).update(outgoing_offers={"SIZE": "10000000"})
    draft.account.refresh_from_db()
    limit = room.files_limit(draft.account)
    assert limit == (10_000_000 - room.TEXT_BYTES) // 78 * 57
    assert limit * 4 / 3 < 10_000_000
    with pytest.raises(AttachmentTooLarge, match=r"7\.2 MB"):
        begin(draft, limit + 1)
    assert begin(draft, limit)
    with pytest.raises(AttachmentTooLarge):
        drafts.add_attachment(draft, name="a", type="", raw=bytes(limit + 1))


@pytest.mark.parametrize("offers", [{}, {"SIZE": ""}, {"SIZE": "0"}, {"SIZE": "lots"}, {"SIZE": "99999999999"}])
def test_server_that_names_no_limit_leaves_ours(account: MailAccount, offers: dict[str, str]) -> None:
    account.outgoing_offers = offers
    assert room.files_limit(account) == MAX_FILES_BYTES


def test_two_files_that_fit_alone_do_not_pass_together(draft: Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webmail.outbox.writing.room.MAX_FILES_BYTES", 5)
    first, second = begin(draft, 3), begin(draft, 3)
    uploads.finish_upload(uploads.append_piece(first, 0, b"abc"))
    with pytest.raises(AttachmentTooLarge):
        uploads.finish_upload(uploads.append_piece(second, 0, b"abc"))
    assert draft.attachments.count() == 1
    assert uploads.find_upload(draft.account.user, second.public_id, to=draft) == second


@pytest.mark.req("R25")
def test_upload_is_bound_to_its_user_and_its_draft(draft: Draft, account: MailAccount) -> None:
    upload = begin(draft, 3)
    other = drafts.create_draft(account)
    stranger = make_sender()
    find = uploads.find_upload
    assert find(account.user, upload.public_id, to=draft) == upload
    assert find(account.user, upload.public_id, to=other) is None
    assert find(account.user, upload.public_id, to=account) is None
    assert find(stranger.user, upload.public_id, to=draft) is None
    own = uploads.begin_upload(account.user, account, name="", type="", size_bytes=3)
    assert find(account.user, own.public_id, to=account) == own
    assert find(account.user, own.public_id, to=draft) is None
    assert find(stranger.user, own.public_id, to=account) is None


def test_file_of_a_client_is_a_blob_that_a_repeat_finds_again(account: MailAccount) -> None:
    upload = uploads.begin_upload(account.user, account, name="", type="text/plain", size_bytes=6)
    uploads.append_piece(upload, 0, b"abc")
    upload = uploads.append_piece(upload, 3, b"def")
    blob = uploads.finish_upload(upload)
    assert isinstance(blob, Blob)
    assert blobs.read_blob(blob) == b"abcdef"
    assert uploads.finish_upload(upload) == blob
    assert blobs.get_blob_for(account.pk, blob.sha256) == blob
    assert UploadPiece.objects.get().blob == blob


def test_upload_without_all_its_bytes_cannot_be_finished(draft: Draft) -> None:
    upload = uploads.append_piece(begin(draft, 9), 0, b"abc")
    with pytest.raises(WrongOffset):
        uploads.finish_upload(upload)


def test_upload_ends_with_its_draft_and_when_it_is_cancelled(draft: Draft) -> None:
    upload = begin(draft, 3)
    assert uploads.cancel_upload(upload) is True
    assert uploads.cancel_upload(upload) is False
    with pytest.raises(UploadGone):
        uploads.append_piece(upload, 0, b"abc")
    other = uploads.append_piece(begin(draft, 3), 0, b"abc")
    drafts.discard_draft(draft)
    with pytest.raises((UploadGone, DraftGone)):
        uploads.finish_upload(other)
    assert not Upload.objects.exists()


def test_abandoned_uploads_go_after_a_day(draft: Draft) -> None:
    old, fresh = begin(draft, 3), begin(draft, 3)
    Upload.objects.filter(pk=old.pk).update(updated_at=timezone.now() - uploads.KEPT - timedelta(minutes=1))
    assert uploads.remove_abandoned() == 1
    assert uploads.remove_abandoned() == 0
    assert Upload.objects.get() == fresh


@pytest.mark.req("Y92")
def test_pieces_are_safe_from_the_collector_while_the_upload_lives_and_no_longer(draft: Draft) -> None:
    upload = uploads.append_piece(begin(draft, 9), 0, b"abc")
    later = timezone.now() - timedelta(days=2)
    Blob.objects.update(created_at=later)
    assert collection.collect_blobs() == 0

    for start in (3, 6):
        upload = uploads.append_piece(upload, start, bytes([start]) * 3)
    file = uploads.finish_upload(upload)
    assert isinstance(file, DraftAttachment)
    Blob.objects.update(created_at=later)
    BlobLink.objects.update(expires_at=later)
    assert collection.collect_blobs() == 3  # the pieces, not the file
    assert Blob.objects.get() == file.blob

    upload = uploads.append_piece(begin(draft, 9), 0, b"abc")
    uploads.cancel_upload(upload)
    Blob.objects.update(created_at=later)
    assert collection.collect_blobs() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault("F12")
def test_same_piece_sent_twice_at_once_is_kept_once_and_the_file_attached_once() -> None:
    draft = drafts.create_draft(make_sender())
    upload = begin(draft, 6)
    uploads.append_piece(upload, 0, b"abc")
    results: list[object] = []

    def carry() -> None:
        try:
            results.append(uploads.finish_upload(uploads.append_piece(upload, 3, b"def")))
        except UploadGone:
            results.append(None)  # the other has finished it
        finally:
            connection.close()

    threads = [threading.Thread(target=carry) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    file = draft.attachments.get()
    assert blobs.read_blob(file.blob) == b"abcdef"
    assert len(results) == 4
    assert file in results


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("bytes 0-3/10", (0, 4, 10)),
        (" bytes 9-9/10 ", (9, 10, 10)),
        ("bytes 4-3/10", None),
        ("bytes 0-10/10", None),
        ("bytes */10", None),
        ("bytes 0-3/*", None),
        ("bytes=0-3", None),
        ("items 0-3/10", None),
        ("bytes -1-3/10", None),
        ("bytes 0-3/10000000000000000", None),
        ("", None),
    ],
)
def test_content_range_is_read_strictly(header: str, found: tuple[int, int, int] | None) -> None:
    assert read_content_range(header) == found
