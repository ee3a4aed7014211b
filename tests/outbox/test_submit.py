"""From "Send" to a row: validated, frozen once, exactly one row whatever is repeated."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, connections
from django.utils import timezone

from accounts.models import Identity
from tests.outbox.letters import make_sender, submit
from webmail.mime.compose import without_bcc
from webmail.mime.parse import parse_message
from webmail.outbox.errors import (
    BadContent,
    BadRecipient,
    BadSendTime,
    CannotSend,
    DraftConflict,
    DraftGone,
    IdempotencyMismatch,
    MessageTooLarge,
    NoRecipients,
    TooManyRecipients,
)
from webmail.outbox.models import Draft, KnownRecipient, Phase, Submission, SubmissionRecipient
from webmail.outbox.queue.submit import find_submission, submit_draft
from webmail.outbox.queue.undo import HOLD_MARGIN_S
from webmail.outbox.writing import drafts, messages
from webmail.outbox.writing.drafts import DraftFields
from webmail.store import blobs, changes
from webmail.store.errors import StorageFull

pytestmark = pytest.mark.django_db


def make_draft(account=None, **fields):
    account = account or make_sender()
    draft = drafts.create_draft(account)
    values = {"to": "bob@example.org", "subject": "Hi", "text": "Hello", **fields}
    return drafts.save_draft(draft, fields=DraftFields(**values), expected_revision=1)


def send(draft, key="key", **options):
    return submit_draft(draft, user=draft.account.user, idempotency_key=key, **options)


@pytest.mark.req("R62")
def test_submission_holds_frozen_bytes_envelope_and_message_id():
    draft = make_draft(to="Bob <bob@example.org>, bob@EXAMPLE.org", cc="carol@example.org", bcc="eve@example.org")
    drafts.add_attachment(draft, name="a.txt", type="text/plain", raw=b"attached")

    submission = send(draft)

    message = parse_message(blobs.read_blob(submission.blob))
    assert message.list_headers.message_id == submission.message_id == draft.message_id
    assert [address.email for address in message.list_headers.bcc] == ["eve@example.org"]
    assert sorted(submission.recipients.values_list("email", flat=True)) == [
        "bob@example.org",
        "carol@example.org",
        "eve@example.org",
    ]
    assert submission.mail_from == draft.account.address
    assert b"a.txt" in blobs.read_blob(submission.blob)
    assert not Draft.objects.filter(pk=draft.pk).exists()
    assert blobs.get_blob_for(draft.account_id, submission.blob.sha256) == submission.blob
    assert changes.state_of(draft.account_id, changes.SUBMISSION) == submission.created_modseq > 0


@pytest.mark.req("R75")
def test_wire_bytes_have_no_bcc():
    submission = send(make_draft(bcc="eve@example.org"))
    stored = blobs.read_blob(submission.blob)
    assert b"eve@example.org" in stored
    assert b"eve@example.org" not in without_bcc(stored)


@pytest.mark.req("R73")
def test_undo_window_holds_the_message(settings):
    settings.UNDO_SEND_S = 10
    held = send(make_draft())
    assert held.phase == Phase.HELD
    assert timedelta(seconds=9) < held.send_at - timezone.now() <= timedelta(seconds=10 + HOLD_MARGIN_S)
    settings.UNDO_SEND_S = 0
    assert send(make_draft()).phase == Phase.QUEUED


@pytest.mark.req("R74")
def test_schedule_is_kept_and_bounded():
    later = timezone.now() + timedelta(days=3)
    submission = send(make_draft(), send_at=later)
    assert (submission.phase, submission.send_at, submission.next_try_at) == (Phase.HELD, later, later)
    with pytest.raises(BadSendTime, match="60 days"):
        send(make_draft(), send_at=timezone.now() + timedelta(days=61))


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"to": ""}, NoRecipients, "at least one address"),
        ({"to": "bob@example.org, carol@"}, BadRecipient, "carol@"),
        ({"to": "Dave"}, BadRecipient, "“Dave”"),
        ({"cc": "Eve <eve at example>"}, BadRecipient, "Eve"),
        ({"to": ", ".join(f"p{n}@example.org" for n in range(101))}, TooManyRecipients, "101 recipients"),
        ({"subject": "Hi\r\nBcc: eve@example.org"}, BadContent, "Subject"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name_and_stays_a_draft(fields, error, words):
    draft = make_draft(**fields)
    with pytest.raises(error, match=words):
        send(draft)
    assert Draft.objects.filter(pk=draft.pk).exists()
    assert not Submission.objects.filter(account=draft.account).exists()


def test_too_large_message_is_refused_with_figures(monkeypatch):
    monkeypatch.setattr(messages, "MAX_MESSAGE_BYTES", 2_000_000)
    draft = make_draft()
    drafts.add_attachment(draft, name="a.bin", type="", raw=bytes(2_000_000))
    with pytest.raises(MessageTooLarge, match=r"2\.7 MB; at most 2\.0 MB"):
        send(draft)


def test_account_without_a_server_for_outgoing_mail_is_named():
    draft = make_draft(make_sender(outgoing_host="", outgoing_port=None))
    with pytest.raises(CannotSend, match=draft.account.address):
        send(draft)


@pytest.mark.req("R88")
def test_full_disk_acknowledges_nothing(monkeypatch):
    draft = make_draft()

    def refuse(root):
        raise StorageFull("the disk is nearly full")

    monkeypatch.setattr(blobs, "check_space", refuse)
    with pytest.raises(StorageFull):
        send(draft)
    assert Draft.objects.filter(pk=draft.pk).exists()
    assert find_submission(draft.account.user, "key") is None


@pytest.mark.req("R88")
@pytest.mark.fault("F6")
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite can be told how large it may become")
def test_database_that_cannot_grow_acknowledges_nothing():
    account = make_sender()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0]}")
    try:
        with pytest.raises(StorageFull, match="no room left"):
            submit(account, key="key", text="long " * 1_000_000)
        assert find_submission(account.user, "key") is None
        assert not KnownRecipient.objects.filter(user=account.user).exists()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA max_page_count = 1073741823")
    assert submit(account, key="key", text="long " * 1_000_000).phase == Phase.QUEUED


@pytest.mark.req("R88")
@pytest.mark.parametrize(
    "words", ["database or disk is full", 'could not extend file "base/1": No space left on device']
)
def test_full_disk_of_the_database_is_said_plainly(monkeypatch, words):
    def refuse(*args, **options):
        raise OperationalError(words)

    draft = make_draft()
    with monkeypatch.context() as context:
        context.setattr(blobs, "link_blobs", refuse)
        with pytest.raises(StorageFull, match="was not sent"):
            send(draft)
        context.setattr(blobs, "link_blobs", lambda *args, **options: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            send(draft)
    assert Draft.objects.filter(pk=draft.pk).exists()
    assert not SubmissionRecipient.objects.exists()
    assert find_submission(draft.account.user, "key") is None


@pytest.mark.req("R62")
def test_accepting_takes_a_bounded_number_of_statements(django_assert_max_num_queries):
    account = make_sender()
    send(make_draft(account), "first")
    draft = make_draft(account, to="a@example.org, b@example.org", bcc="c@example.org", text="x" * 10_000)
    with django_assert_max_num_queries(30):
        send(draft, "second")
    with django_assert_max_num_queries(22):
        submit(account, to=", ".join(f"p{number}@example.org" for number in range(100)))


@pytest.mark.req("R63")
def test_repeat_with_the_same_key_gives_the_first_row():
    draft = make_draft()
    first = send(draft, request_hash="abc")
    assert send(draft, request_hash="abc") == first
    with pytest.raises(IdempotencyMismatch):
        send(draft, request_hash="other")
    account = draft.account
    assert submit(account, key="again") == submit(account, key="again")


@pytest.mark.req("R63")
def test_two_windows_with_different_keys_send_once():
    draft = make_draft()
    send(draft, "one")
    with pytest.raises(DraftGone):
        send(draft, "two")
    assert Submission.objects.filter(account=draft.account).count() == 1


@pytest.mark.req("R77")
def test_draft_changed_since_it_was_read_is_not_sent():
    draft = make_draft()
    drafts.save_draft(draft, fields=DraftFields(text="newer"), expected_revision=2)
    with pytest.raises(DraftConflict) as caught:
        send(draft)
    assert caught.value.current.text == "newer"
    assert send(caught.value.current).phase == Phase.HELD


def test_international_domain_is_written_in_ascii():
    submission = send(make_draft(to="bob@bücher.example"))
    assert submission.recipients.get().email == "bob@xn--bcher-kva.example"


def test_html_brings_its_text_along():
    submission = send(make_draft(text="", html="<p>Hello <b>Bob</b></p>"))
    raw = blobs.read_blob(submission.blob)
    assert b"multipart/alternative" in raw
    assert raw.count(b"Hello") == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("has_draft", [True, False])
@pytest.mark.req("R63")
@pytest.mark.fault("F12")
def test_fifty_at_once_make_one_submission(has_draft):
    draft = make_draft()
    account = draft.account
    gate = threading.Barrier(50)
    found, errors = [], []

    def press():
        try:
            gate.wait(20)
            found.append((send(draft) if has_draft else submit(account, key="key")).pk)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert len(found) == 50
    assert set(found) == {Submission.objects.get(account=account).pk}
    connection.close()


def test_identity_of_another_account_cannot_send():
    mine, other = make_sender(), make_sender()
    draft = make_draft(mine)
    draft.identity = Identity.objects.get(account=other)
    with pytest.raises(CannotSend):
        send(draft)
