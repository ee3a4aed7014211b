"""Files in pieces as the page's script sends them, and the ways into a draft that scripts and forms use."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import MailAccount, User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.pages import MARKER, body_of, client_of
from webmail.outbox.models import Draft, FiledDraft, Upload
from webmail.outbox.writing import drafts, uploads
from webmail.store import blobs, emails
from webmail.store.models import Email, Mailbox

pytestmark = [pytest.mark.django_db, pytest.mark.req("R78")]


@pytest.fixture
def alice() -> User:
    user = make_user()
    account = make_account(user)
    for role in ("inbox", "drafts", "trash"):
        make_mailbox(account, role.title(), role=role)
    return user


@pytest.fixture
def draft(alice: User) -> Draft:
    return drafts.create_draft(alice.mail_accounts.get())


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


def begin(client: Client, draft: Draft, size: int | str, name: str = "a.txt") -> Any:
    return client.post(
        reverse("upload_begin", args=[draft.public_id]), {"name": name, "type": "text/plain", "size": size}
    )


def at(draft: Draft, upload_id: str) -> str:
    return reverse("upload", args=[draft.public_id, upload_id])


def send(client: Client, address: str, piece: bytes, header: str, *, method: str = "PATCH") -> Any:
    return client.generic(method, address, piece, "application/octet-stream", headers={"Content-Range": header})


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_pieces_become_a_file_of_the_draft(client: Client, draft: Draft, method: str) -> None:
    begun = begin(client, draft, 6)
    assert begun.status_code == 201
    address = at(draft, begun.json()["id"])
    assert begun.json()["piece_bytes"] == uploads.PIECE_BYTES
    assert send(client, address, b"abc", "bytes 0-2/6", method=method).json()["offset"] == 3
    assert client.get(address).json()["offset"] == 3
    assert client.head(address).status_code == 200
    assert send(client, address, b"def", "bytes 3-5/6", method=method).json()["is_done"] is True
    file = draft.attachments.get()
    assert (file.name, file.type, blobs.read_blob(file.blob)) == ("a.txt", "text/plain", b"abcdef")
    # A page that missed the last answer asks, and learns that the file is there.
    assert client.get(address).json() == {"id": begun.json()["id"], "offset": 6, "is_done": True}
    assert send(client, address, b"def", "bytes 3-5/6", method=method).json()["is_done"] is True
    assert draft.attachments.count() == 1


def test_empty_file_is_attached_at_once(client: Client, draft: Draft) -> None:
    begun = begin(client, draft, 0)
    assert (begun.status_code, begun.json()["is_done"]) == (201, True)
    assert draft.attachments.get().blob.size_bytes == 0


def test_piece_in_the_wrong_place_is_answered_with_the_right_one(client: Client, draft: Draft) -> None:
    address = at(draft, begin(client, draft, 9).json()["id"])
    send(client, address, b"abc", "bytes 0-2/9")
    wrong = send(client, address, b"ghi", "bytes 6-8/9")
    assert (wrong.status_code, wrong.json()["offset"]) == (409, 3)


@pytest.mark.parametrize(
    ("header", "piece"),
    [("", b"abc"), ("bytes 0-2/7", b"abc"), ("bytes 0-2/9", b"ab"), ("bytes 0-2/9", b"abcd"), ("bytes */9", b"")],
)
def test_piece_that_does_not_fit_its_range_is_refused(client: Client, draft: Draft, header: str, piece: bytes) -> None:
    address = at(draft, begin(client, draft, 9).json()["id"])
    refused = send(client, address, piece, header)
    assert refused.status_code == 400
    assert refused.json()["message"]
    assert Upload.objects.get().received_bytes == 0


def test_piece_is_never_read_beyond_what_one_may_have(
    client: Client, draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PIECE_BYTES", 10)
    address = at(draft, begin(client, draft, 1_000).json()["id"])
    assert send(client, address, bytes(1_000), "bytes 0-999/1000").status_code == 400


def test_too_large_a_file_is_refused_at_once_with_the_limit(client: Client, draft: Draft) -> None:
    refused = begin(client, draft, 25_000_001)
    assert refused.status_code == 413
    assert "25 MB" in refused.json()["message"]
    MailAccount.objects.update(outgoing_offers={"SIZE": "10000000"})
    assert "7.2 MB" in begin(client, draft, 9_000_000).json()["message"]
    assert "0 of 7.2 MB used" in body_of(client.get(reverse("compose", args=[draft.public_id])))
    assert begin(client, draft, "many").status_code == 400


def test_cancelled_and_unknown_uploads_are_gone(client: Client, draft: Draft) -> None:
    address = at(draft, begin(client, draft, 9).json()["id"])
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 410
    assert send(client, address, b"abc", "bytes 0-2/9").status_code == 410
    assert not Upload.objects.exists()


@pytest.mark.req("R25")
def test_upload_cannot_be_taken_to_another_draft_or_by_another_person(client: Client, draft: Draft) -> None:
    upload_id = begin(client, draft, 3).json()["id"]
    other = drafts.create_draft(draft.account)
    assert send(client, at(other, upload_id), b"abc", "bytes 0-2/3").status_code == 410
    bob = make_user("bob")
    own = drafts.create_draft(make_account(bob))
    for wrong in (own, draft):
        assert send(client_of(bob), at(wrong, upload_id), b"abc", "bytes 0-2/3").status_code == 410
    assert Upload.objects.get().received_bytes == 0
    assert not own.attachments.exists()


@pytest.mark.req("R55")
def test_pieces_need_the_token(alice: User, draft: Draft) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    upload = uploads.begin_upload(alice, draft.account, draft=draft, name="a", type="", size_bytes=3)
    address = at(draft, upload.public_id)
    assert send(strict, address, b"abc", "bytes 0-2/3").status_code == 403
    assert strict.delete(address).status_code == 403
    token = strict.get(reverse("draft_states")).json()["token"]
    sent = strict.generic(
        "PATCH", address, b"abc", "application/octet-stream",
        headers={"Content-Range": "bytes 0-2/3", "X-CSRFToken": token},
    )  # fmt: skip
    assert sent.json()["is_done"] is True


# Where a draft stands ------------------------------------------------------------------------------------------------


@pytest.mark.req("R77")
def test_refused_save_brings_the_other_version(client: Client, draft: Draft) -> None:
    identity = draft.identity.public_id
    drafts.save_draft(draft, fields=drafts.DraftFields(text=f"theirs {MARKER}"), expected_revision=1)
    fields = {"revision": "1", "identity": identity, "text": "mine"}
    answer = client.post(reverse("compose_save", args=[draft.public_id]), fields)
    assert answer.status_code == 409
    assert answer.json()["other"]["text"] == f"theirs {MARKER}"
    assert answer.json()["other"]["revision"] == 2


def test_states_tell_of_own_drafts_alone(client: Client, draft: Draft) -> None:
    foreign = drafts.create_draft(make_account(make_user("bob")))
    answer = client.get(reverse("draft_states"), {"draft": [draft.public_id, foreign.public_id, "dnever"]}).json()
    assert list(answer["drafts"]) == [draft.public_id]
    assert answer["owner"] == str(draft.account.user_id)


def test_text_whose_draft_is_gone_becomes_a_new_draft(client: Client, draft: Draft) -> None:
    drafts.discard_draft(draft)
    fields = {"identity": "inothing", "to": "ben@example.net", "subject": "Hi", "text": "kept\r\ntext"}
    answer = client.post(reverse("draft_keep"), fields)
    kept = Draft.objects.get()
    assert answer.headers["Location"] == reverse("compose", args=[kept.public_id])
    assert (kept.to, kept.subject, kept.text) == ("ben@example.net", "Hi", "kept\ntext")
    assert client.post(reverse("draft_keep"), {**fields, "subject": "x" * 1_000}).status_code == 422


# Drafts of other programs -----------------------------------------------------------------------------------------------

FOREIGN = (
    "From: Alice <{address}>\r\nTo: Ben <ben@example.net>\r\nBcc: eve@example.net\r\nSubject: Begun elsewhere\r\n"
    "Message-ID: <foreign@other.example>\r\n\r\nSo far.\r\n"
)


def put_foreign(user: User, raw: bytes | None = None, **fields: Any) -> Email:
    mailbox = Mailbox.objects.get(account__user=user, role="drafts")
    content = raw or FOREIGN.format(address=mailbox.account.address).encode()
    return make_email_from_bytes(mailbox, content, keywords=("$draft", "$seen"), **fields)


def roles_of(email: Email) -> list[str]:
    return sorted(Mailbox.objects.filter(email_rows__email=email).values_list("role", flat=True))


def test_draft_of_another_program_is_gone_on_with_here(client: Client, alice: User) -> None:
    email = put_foreign(alice)
    page = body_of(client.get(reverse("message", args=[email.public_id])))
    assert "Continue writing" in page
    assert "Reply to all" not in page.partition("<main")[2].partition("</main>")[0]

    answer = client.post(reverse("draft_continue", args=[email.public_id]))

    draft = Draft.objects.get()
    assert answer.headers["Location"].startswith(reverse("compose", args=[draft.public_id]))
    assert (draft.to, draft.bcc) == ("Ben <ben@example.net>", "eve@example.net")
    assert (draft.subject, draft.text.strip()) == ("Begun elsewhere", "So far.")
    assert roles_of(email) == ["trash"]


def test_copy_of_our_own_draft_leads_to_that_draft(client: Client, alice: User, draft: Draft) -> None:
    FiledDraft.objects.create(account=draft.account, draft=draft, message_id=draft.message_id)
    email = put_foreign(
        alice, f"X-Pillarbox-Draft: {draft.public_id}\r\nMessage-ID: <{draft.message_id}>\r\n\r\nold\r\n".encode()
    )
    answer = client.post(reverse("draft_continue", args=[email.public_id]))
    assert answer.headers["Location"] == reverse("compose", args=[draft.public_id])
    assert Draft.objects.count() == 1
    assert roles_of(email) == ["drafts"]


def test_received_mail_is_never_taken_for_a_draft(client: Client, alice: User) -> None:
    mailbox = Mailbox.objects.get(account__user=alice, role="inbox")
    email = make_email_from_bytes(mailbox, FOREIGN.format(address="ben@example.net").encode())
    client.post(reverse("draft_continue", args=[email.public_id]))
    assert not Draft.objects.exists()
    assert roles_of(email) == ["inbox"]


def test_draft_whose_bytes_are_not_here_is_fetched_first(client: Client, alice: User) -> None:
    email = put_foreign(alice)
    Email.objects.filter(pk=email.pk).update(blob=None)
    answer = client.post(reverse("draft_continue", args=[email.public_id]))
    assert answer.headers["Location"] == reverse("message", args=[email.public_id])
    assert "still being fetched" in body_of(client.get(answer.headers["Location"]))
    assert Email.objects.get(pk=email.pk).body_wanted_at is not None
    assert not Draft.objects.exists()
    assert emails.keywords_of([email.pk])[email.pk] >= {"$draft"}


@pytest.mark.parametrize("is_ours", [True, False])
def test_list_hides_copies_of_own_drafts_and_shows_what_was_written_elsewhere(
    client: Client, alice: User, draft: Draft, is_ours: bool
) -> None:
    draft = drafts.save_draft(draft, fields=drafts.DraftFields(subject="Written here"), expected_revision=None)
    FiledDraft.objects.create(account=draft.account, draft=draft, message_id=draft.message_id)
    mark = f"X-Pillarbox-Draft: {draft.public_id}\r\n" if is_ours else ""
    raw = f"{mark}Subject: In the mailbox\r\nMessage-ID: <{draft.message_id}>\r\n\r\nx\r\n".encode()
    email = put_foreign(alice, raw)
    Email.objects.filter(pk=email.pk).update(received_at=draft.updated_at.replace(year=draft.updated_at.year + 1))
    shown = body_of(client.get(reverse("drafts")))
    assert "Written here" in shown
    assert ("In the mailbox" in shown) is not is_ours
