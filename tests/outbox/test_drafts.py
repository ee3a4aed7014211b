"""Drafts: begun from nothing or from a message, saved without losing a word, filled with files."""

import threading

import pytest
from django.db import connection

from accounts import services
from accounts.models import Identity
from tests.factories import make_mailbox
from tests.outbox.letters import make_raw, make_sender, put_email
from webmail.outbox.errors import AttachmentTooLarge, DraftConflict, DraftGone, DraftNotHere, OriginalNotHere
from webmail.outbox.models import Draft, DraftAttachment
from webmail.outbox.writing import drafts, room
from webmail.outbox.writing.adoption import adopt_email
from webmail.outbox.writing.drafts import DraftFields
from webmail.outbox.writing.messages import MAX_FILES_BYTES
from webmail.outbox.writing.senders import move_draft
from webmail.store import blobs

pytestmark = pytest.mark.django_db

WITH_FILE = (
    b"From: Bob Builder <bob@example.org>\r\nTo: alice@pillarbox.test\r\nSubject: Plans\r\n"
    b"Date: Mon, 03 Mar 2025 10:00:00 +0000\r\nMessage-ID: <plans@example.org>\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nsee the file\r\n"
    b'--b\r\nContent-Type: application/pdf; name="plan.pdf"\r\nContent-Disposition: attachment; filename="plan.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQ=\r\n--b--\r\n"
)


def add_identity(account, email, **fields):
    identity = Identity(account=account, name="Alice", email=email, **fields)
    services.save_identity(identity)
    return identity


def test_new_draft_has_the_signature_of_the_default_identity():
    account = make_sender()
    identity = Identity.objects.get(account=account)
    identity.signature_text = "Alice\nExample Ltd"
    services.save_identity(identity)

    draft = drafts.create_draft(account)

    assert draft.identity == identity
    assert draft.text == "\n\n-- \nAlice\nExample Ltd\n"
    assert draft.message_id.endswith("@example.org")
    assert draft.revision == 1


def test_reply_is_seeded_from_the_original():
    account = make_sender()
    original = put_email(
        make_mailbox(account), make_raw(Subject="Budget", Message_ID="<one@example.org>", text="Numbers?")
    )

    draft = drafts.create_draft(account, original=original, mode="reply")

    assert draft.to == "Bob Builder <bob@example.org>"
    assert draft.subject == "Re: Budget"
    assert draft.in_reply_to == ["one@example.org"]
    assert draft.references == ["one@example.org"]
    assert "> Numbers?" in draft.text
    assert (draft.original, draft.is_forward) == (original, False)


def test_reply_to_all_leaves_out_every_own_address():
    user = make_sender().user
    account = make_sender(user)
    other = make_sender(user)
    raw = make_raw(To=f"{account.address}, {other.address}, carol@example.org", Cc="dave@example.org")
    original = put_email(make_mailbox(account), raw)

    draft = drafts.create_draft(account, original=original, mode="reply_all")

    assert draft.to == "Bob Builder <bob@example.org>"
    assert draft.cc == "carol@example.org, dave@example.org"


def test_answer_comes_from_the_address_the_original_was_delivered_to():
    account = make_sender()
    alias = add_identity(account, "sales@pillarbox.test")
    mailbox = make_mailbox(account)
    addressed = put_email(mailbox, make_raw(To="SALES@pillarbox.test"))
    delivered = put_email(mailbox, make_raw(To="list@example.org", Delivered_To="sales@pillarbox.test"))
    neither = put_email(mailbox, make_raw(To="list@example.org"))

    chosen = [
        drafts.create_draft(account, original=original, mode="reply").identity
        for original in (addressed, delivered, neither)
    ]

    assert chosen == [alias, alias, Identity.objects.get(account=account, is_default=True)]


def test_forward_carries_the_attachments_as_blobs():
    account = make_sender()
    original = put_email(make_mailbox(account), WITH_FILE)

    draft = drafts.create_draft(account, original=original, mode="forward")

    file = draft.attachments.get()
    assert (file.name, file.type) == ("plan.pdf", "application/pdf")
    assert blobs.read_blob(file.blob) == b"%PDF-1.4"
    assert blobs.get_blob_for(account.pk, file.blob.sha256) == file.blob
    assert draft.subject == "Fwd: Plans"
    assert draft.is_forward
    assert "see the file" in draft.text


def test_message_without_bytes_can_be_answered_but_not_forwarded():
    account = make_sender()
    raw = make_raw(Subject="Häuser", Message_ID="<far@example.org>", Reply_To="desk@example.org")
    original = put_email(make_mailbox(account), raw, has_bytes=False)

    draft = drafts.create_draft(account, original=original, mode="reply")

    assert (draft.to, draft.subject) == ("desk@example.org", "Re: Häuser")
    assert draft.in_reply_to == ["far@example.org"]
    assert draft.text == ""
    with pytest.raises(OriginalNotHere):
        drafts.create_draft(account, original=original, mode="forward")


def test_save_writes_what_is_given_and_counts_the_revision():
    draft = drafts.create_draft(make_sender())

    saved = drafts.save_draft(draft, fields=DraftFields(to="bob@example.org", text="Hi"), expected_revision=1)
    saved = drafts.save_draft(saved, fields=DraftFields(subject="Later"), expected_revision=2)

    assert (saved.to, saved.text, saved.subject, saved.revision) == ("bob@example.org", "Hi", "Later", 3)


@pytest.mark.req("R77")
def test_second_window_cannot_overwrite_unseen():
    draft = drafts.create_draft(make_sender())
    drafts.save_draft(draft, fields=DraftFields(text="first window"), expected_revision=1)
    mine = DraftFields(text="second window")

    with pytest.raises(DraftConflict) as caught:
        drafts.save_draft(draft, fields=mine, expected_revision=1)

    assert caught.value.current.text == "first window"
    assert caught.value.current.revision == 2
    fork = drafts.fork_draft(draft, fields=mine)
    assert set(Draft.objects.values_list("text", flat=True)) == {"first window", "second window"}
    assert fork.message_id != draft.message_id


def test_save_of_a_discarded_draft_says_that_it_is_gone():
    draft = drafts.create_draft(make_sender())
    assert drafts.discard_draft(draft) is True
    assert drafts.discard_draft(draft) is False
    with pytest.raises(DraftGone):
        drafts.save_draft(draft, fields=DraftFields(text="x"), expected_revision=None)


def test_attachments_are_added_and_removed():
    draft = drafts.create_draft(make_sender())

    added = drafts.add_attachment(draft, name="note.txt", type="text/plain", raw=b"hello")

    assert room.files_size(draft) == 5
    assert drafts.remove_attachment(draft, added.public_id) is True
    assert drafts.remove_attachment(draft, added.public_id) is False
    assert not DraftAttachment.objects.filter(draft=draft).exists()


def test_too_large_attachment_is_refused_with_figures():
    draft = drafts.create_draft(make_sender())
    drafts.add_attachment(draft, name="a.bin", type="", raw=b"x" * 5_000_000)

    with pytest.raises(AttachmentTooLarge) as caught:
        drafts.add_attachment(draft, name="b.bin", type="", raw=bytes(MAX_FILES_BYTES - 4_000_000))

    assert str(caught.value) == (
        "With this file the attachments have 26 MB; a message can carry 25 MB. Remove a file or send a link."
    )
    assert draft.attachments.count() == 1


def test_identity_of_another_account_is_never_chosen():
    user = make_sender().user
    mine, other = make_sender(user), make_sender(user)
    original = put_email(make_mailbox(mine), make_raw(To=other.address))
    draft = drafts.create_draft(mine, original=original, mode="reply")
    assert draft.identity.account == mine


# Drafts of other programs -------------------------------------------------------------------------------------------

FOREIGN = (
    b"From: Sales <sales@pillarbox.test>\r\nTo: Bob <bob@example.org>, carol@example.org\r\nCc: dave@example.org\r\n"
    b"Bcc: eve@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <begun@other.example>\r\n"
    b"In-Reply-To: <question@example.org>\r\nReferences: <first@example.org> <question@example.org>\r\n"
    b"Disposition-Notification-To: <sales@pillarbox.test>\r\nX-Mozilla-Draft-Info: internal/draft\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b'--b\r\nContent-Type: multipart/alternative; boundary="a"\r\n\r\n'
    b"--a\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSo=20far=\r\n.\r\n"
    b"--a\r\nContent-Type: text/html\r\n\r\n<p>So far.</p><script>alert(1)</script>\r\n--a--\r\n"
    b'--b\r\nContent-Type: application/pdf; name="plan.pdf"\r\nContent-Disposition: attachment; filename="../plan.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQ=\r\n--b--\r\n"
)


@pytest.mark.req("R78")
def test_draft_of_another_program_is_taken_over_whole():
    account = make_sender()
    alias = add_identity(account, "sales@pillarbox.test")
    question = put_email(make_mailbox(account), make_raw(Message_ID="<question@example.org>"))
    email = put_email(make_mailbox(account, "Drafts", role="drafts"), FOREIGN)

    draft = adopt_email(email)

    assert draft.identity == alias
    assert (draft.to, draft.cc, draft.bcc) == (
        "Bob <bob@example.org>, carol@example.org",
        "dave@example.org",
        "eve@example.org",
    )
    assert (draft.subject, draft.text.strip(), draft.html) == ("Grüße", "So far.", "")
    assert draft.in_reply_to == ["question@example.org"]
    assert draft.references == ["first@example.org", "question@example.org"]
    assert (draft.original, draft.is_forward, draft.wants_receipt) == (question, False, True)
    assert draft.message_id != "begun@other.example"
    assert draft.filed_revision == 0
    file = draft.attachments.get()
    assert "/" not in file.name
    assert (file.type, blobs.read_blob(file.blob)) == ("application/pdf", b"%PDF-1.4")


def test_foreign_draft_that_is_not_here_whole_is_not_taken_over_in_part():
    account = make_sender()
    email = put_email(make_mailbox(account, "Drafts", role="drafts"), FOREIGN, has_bytes=False)
    with pytest.raises(DraftNotHere, match="still being fetched"):
        adopt_email(email)
    assert not Draft.objects.exists()


@pytest.mark.req("R46")
@pytest.mark.parametrize(
    "raw", [b"", b"\r\n", b"Subject: x", b"To: ,,;\xff\r\n\r\n\x00\xff", b"Content-Type: multipart/mixed\r\n\r\n--"]
)
def test_broken_draft_of_another_program_opens_all_the_same(raw):
    account = make_sender()
    email = put_email(make_mailbox(account, "Drafts", role="drafts"), raw + b"\r\n")
    assert adopt_email(email).account == account


@pytest.mark.req("R77")
def test_second_version_keeps_what_was_asked_for():
    draft = drafts.create_draft(make_sender())
    asked = DraftFields(wants_receipt=True, wants_delivery_report=True, requires_tls=True)
    drafts.save_draft(draft, fields=asked, expected_revision=1)
    fork = drafts.fork_draft(draft, fields=DraftFields(text="mine"))
    assert (fork.wants_receipt, fork.wants_delivery_report, fork.requires_tls) == (True, True, True)
    other = make_sender(draft.account.user)
    moved = move_draft(fork, identity=Identity.objects.get(account=other), expected_revision=fork.revision)
    assert (moved.wants_receipt, moved.wants_delivery_report, moved.requires_tls) == (True, True, True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R77")
@pytest.mark.fault("F12")
def test_windows_that_save_one_draft_at_once_never_overwrite_each_other_unseen():
    draft = drafts.create_draft(make_sender())
    accepted: list[tuple[int, str]] = []
    kept: list[str] = []

    def save_often(window: int) -> None:
        try:
            known = drafts.get_current(draft)
            for number in range(40):
                text = f"{window}:{number}"
                try:
                    saved = drafts.save_draft(known, fields=DraftFields(text=text), expected_revision=known.revision)
                    accepted.append((known.revision + 1, text))
                    known = saved
                except DraftConflict as conflict:
                    kept.append(drafts.fork_draft(draft, fields=DraftFields(text=text)).text)
                    known = conflict.current
        finally:
            connection.close()

    threads = [threading.Thread(target=save_often, args=(window,)) for window in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    revisions = [revision for revision, _ in accepted]
    assert sorted(revisions) == list(range(2, len(revisions) + 2))  # each revision was written by one window
    current = drafts.get_current(draft)
    assert (current.revision, current.text) == max(accepted)
    assert len(accepted) + len(kept) == 200
    assert sorted(Draft.objects.exclude(pk=draft.pk).values_list("text", flat=True)) == sorted(kept)
