"""Read receipts that others ask for: answered as the person has chosen, once, and never to lists."""

import pytest

from accounts.models import ReceiptPolicy
from tests.factories import make_email_from_bytes, make_mailbox
from tests.outbox.letters import make_raw, make_sender
from webmail.mime.addresses import Address
from webmail.mime.parse import parse_message
from webmail.mime.reports.read import read_report
from webmail.mime.reports.receipt_wishes import ReceiptRequest, receipt_wanted
from webmail.outbox.models import Kind, Phase, Submission
from webmail.outbox.queue import known
from webmail.outbox.returned import receipts
from webmail.outbox.returned.receipts import NoReceiptWanted, ReceiptWish
from webmail.store import blobs, contents
from webmail.store.emails import keywords_of

pytestmark = pytest.mark.django_db

BOB = "bob@example.org"
ASKS = {"Disposition_Notification_To": f"Bob <{BOB}>", "Return_Path": f"<{BOB}>"}


@pytest.fixture
def account():
    return make_sender()


def get(account, *, role="inbox", **headers):
    box = make_mailbox(account, role.title(), role=role)
    return make_email_from_bytes(box, make_raw(**{**ASKS, **headers}))


def choose(account, policy):
    account.user.receipts = policy
    account.user.save()


def wish(email, *, keywords=()):
    user = email.account.user
    return receipts.wish_of(user, email, receipt_wanted(contents.read_message(email)), keywords=keywords)


def send(email, *, by_itself=False):
    user, words = email.account.user, keywords_of([email.pk])[email.pk]
    return receipts.send_receipt(user, email, contents.read_message(email), keywords=words, by_itself=by_itself)


def knows_bob(account):
    known.remember(account.user, [Address("Bob", BOB), Address("Eve", "eve@example.net")])


def test_the_person_is_asked_unless_they_said_otherwise(account):
    assert wish(get(account)) == ReceiptWish(BOB, is_automatic=False)


def test_never_shows_and_sends_nothing(account):
    choose(account, ReceiptPolicy.NEVER)
    email = get(account)
    assert wish(email) is None
    with pytest.raises(NoReceiptWanted):
        send(email)


@pytest.mark.parametrize(
    ("headers", "is_known", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"Return_Path": "<tracker@example.net>"}, True, False),
        ({"Disposition_Notification_To": "eve@example.net", "Return_Path": "<eve@example.net>"}, True, False),
    ],
)
def test_only_people_whom_the_user_has_written_to_get_one_unasked(account, headers, is_known, expected):
    choose(account, ReceiptPolicy.CONTACTS)
    if is_known:
        knows_bob(account)
    email = get(account, **headers)
    assert wish(email).is_automatic is expected
    if expected:
        assert send(email, by_itself=True).kind == Kind.RECEIPT
    else:
        with pytest.raises(NoReceiptWanted):
            send(email, by_itself=True)
        assert not Submission.objects.exists()


def test_ask_means_that_none_leaves_by_itself(account):
    knows_bob(account)
    with pytest.raises(NoReceiptWanted):
        send(get(account), by_itself=True)


@pytest.mark.parametrize(
    "headers",
    [
        {"List_Id": "Friends <friends.example.org>"},
        {"List_Unsubscribe": "<mailto:leave@example.org>"},
        {"Precedence": "bulk"},
        {"Auto_Submitted": "auto-generated"},
    ],
)
@pytest.mark.parametrize("policy", ReceiptPolicy)
def test_lists_and_machines_never_get_one(account, policy, headers):
    choose(account, policy)
    knows_bob(account)
    email = get(account, **headers)
    assert wish(email) is None
    for by_itself in (True, False):
        with pytest.raises(NoReceiptWanted):
            send(email, by_itself=by_itself)


def test_mail_of_a_list_is_not_answered_even_where_a_request_was_seen_in_it(account):
    email = get(account, List_Id="<friends.example.org>")
    request = ReceiptRequest(BOB, needs_consent=False)
    assert receipts.wish_of(account.user, email, request, keywords=()) is None


@pytest.mark.parametrize("role", ["junk", "trash", "sent", "drafts"])
def test_none_leaves_out_of_mailboxes_where_nothing_is_answered(account, role):
    assert wish(get(account, role=role)) is None


def test_our_own_mail_is_not_answered(account):
    own = account.address
    email = get(account, Disposition_Notification_To=own, Return_Path=f"<{own}>", From=own)
    assert wish(email) is None


def test_what_was_answered_anywhere_is_not_asked_again(account):
    email = get(account)
    assert wish(email, keywords=["$mdnsent"]) is None
    receipts.remember_answer(email)
    assert receipts.ANSWERED in keywords_of([email.pk])[email.pk]


def test_mail_that_asks_for_nothing_costs_no_query(account, django_assert_num_queries):
    email = get(account)
    with django_assert_num_queries(0):
        assert receipts.wish_of(account.user, email, None, keywords=()) is None


def test_receipt_says_who_opened_what_and_has_an_empty_return_path(account):
    email = get(account, To=account.address)

    submission = send(email)

    assert (submission.mail_from, submission.kind, submission.phase) == ("", Kind.RECEIPT, Phase.QUEUED)
    assert submission.idempotency_key == f"receipt:{email.public_id}"
    assert [row.email for row in submission.recipients.all()] == [BOB]
    message = parse_message(blobs.read_blob(submission.blob))
    report = read_report(message)
    assert (report.kind, report.message_id) == ("receipt", email.message_id)
    assert [(one.email, one.action) for one in report.recipients] == [(account.address, "displayed")]
    assert message.list_headers.from_[0].email == account.address


def test_receipt_is_sent_once(account):
    email = get(account)
    first = send(email)
    assert wish(email) is None
    assert send(email) == first
    assert Submission.objects.get() == first


def test_account_that_cannot_send_is_not_asked(account):
    type(account).objects.filter(pk=account.pk).update(outgoing_host="")
    email = get(account)
    email.account.refresh_from_db()
    assert wish(email) is None
