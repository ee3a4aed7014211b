"""What is asked for with a message: a read receipt, delivery reports, TLS; and messages that are finished already."""

import pytest

from accounts.models import Identity
from tests.outbox.letters import make_sender, submit
from webmail.mime.parse import parse_message
from webmail.outbox.errors import CannotSend
from webmail.outbox.models import Draft, Kind, Phase, Submission
from webmail.outbox.queue import control, delivery, moves
from webmail.outbox.queue.answers import Answer
from webmail.outbox.queue.submit import find_submission, submit_bytes, submit_draft
from webmail.outbox.writing import drafts
from webmail.outbox.writing.drafts import DraftFields
from webmail.store import blobs

pytestmark = pytest.mark.django_db

RECEIPT = b"From: alice@pillarbox.test\r\nTo: ben@example.net\r\nSubject: Read\r\nMessage-ID: <r1@example.org>\r\n\r\nRead.\r\n"


def wish_of(row):
    header = parse_message(blobs.read_blob(row.blob)).headers.get("disposition-notification-to")
    return str(header or "")


def test_receipt_is_asked_for_by_the_author_s_own_address():
    account = make_sender()
    Identity.objects.filter(account=account).update(name="Alice Ä", reply_to="elsewhere@example.org")
    row = submit(account, wants_receipt=True)
    assert row.wants_receipt is True
    assert account.address in wish_of(row)
    assert row.mail_from == account.address  # RFC 8098 2.1: any other return path would need the reader's consent
    assert wish_of(submit(account)) == ""


def test_reports_and_tls_are_asked_of_the_server_not_of_the_reader():
    row = submit(make_sender(), wants_delivery_report=True, requires_tls=True)
    assert (row.notify, row.requires_tls) == ("SUCCESS,FAILURE,DELAY", True)
    assert wish_of(row) == ""
    plain = submit(make_sender())
    assert (plain.notify, plain.requires_tls, plain.wants_receipt) == ("", False, False)


def test_draft_keeps_its_options_through_sending_and_back():
    account = make_sender()
    draft = drafts.create_draft(account)
    wanted = DraftFields(to="bob@example.org", wants_receipt=True, wants_delivery_report=True, requires_tls=True)
    draft = drafts.save_draft(draft, fields=wanted, expected_revision=draft.revision)

    row = submit_draft(draft, user=account.user, idempotency_key="one", options={"requires_tls": False})

    assert (row.wants_receipt, row.notify, row.requires_tls) == (True, "SUCCESS,FAILURE,DELAY", False)
    back = control.cancel(row)
    assert (back.wants_receipt, back.wants_delivery_report, back.requires_tls) == (True, True, False)


def test_draft_of_a_submission_from_before_the_options_comes_back():
    row = submit(make_sender())
    snapshot = {
        name: value
        for name, value in row.draft_snapshot.items()
        if name not in {"wants_receipt", "wants_delivery_report", "requires_tls"}
    }
    Submission.objects.filter(pk=row.pk).update(draft_snapshot=snapshot)
    assert control.cancel(row).wants_receipt is False


def submit_receipt(account, key="receipt"):
    identity = Identity.objects.get(account=account, is_default=True)
    return submit_bytes(
        RECEIPT,
        user=account.user,
        account=account,
        identity=identity,
        recipient="ben@bücher.example",
        idempotency_key=key,
    )


@pytest.mark.req("R63")
def test_receipt_goes_at_once_once_and_without_a_return_path():
    account = make_sender()
    row = submit_receipt(account)
    assert submit_receipt(account) == row == find_submission(account.user, "receipt")
    assert (row.kind, row.phase, row.mail_from) == (Kind.RECEIPT, Phase.QUEUED, "")
    assert (row.message_id, row.subject) == ("r1@example.org", "Read")
    assert row.recipients.get().email == "ben@xn--bcher-kva.example"
    assert blobs.read_blob(row.blob) == RECEIPT
    assert Submission.objects.filter(account=account).count() == 1


def test_receipt_that_fails_leaves_no_draft():
    account = make_sender()
    row = submit_receipt(account)
    claimed = delivery.claim(row.pk, "worker")
    assert delivery.mark_failed(claimed, reply=Answer(550, "no", "5.1.1")) == Phase.FAILED
    assert not Draft.objects.filter(account=account).exists()
    other = submit_receipt(account, "second")
    assert control.cancel(other) is None
    assert moves.reload(other).phase == Phase.CANCELLED


def test_receipt_needs_an_account_that_can_send():
    account = make_sender(outgoing_host="", outgoing_port=None)
    with pytest.raises(CannotSend):
        submit_receipt(account)
