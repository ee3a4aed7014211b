"""What came back, on the message that was sent and on the one that reports it; and the wish for a read receipt."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import MailAccount, ReceiptPolicy, User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.outbox.letters import make_raw
from tests.outbox.returned_mail import DAEMON, complaint, delivery_report, read_receipt, receive, sent
from tests.web.pages import MARKER, body_of, client_of
from webmail.journal.models import Action
from webmail.mime.addresses import Address
from webmail.outbox.models import Draft, Kind, Submission, SubmissionRecipient
from webmail.outbox.queue import known
from webmail.store.emails import keywords_of
from webmail.store.models import Email, Mailbox

pytestmark = pytest.mark.django_db

BOB, CAROL = "bob@example.org", "carol@example.org"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def account(alice: User) -> MailAccount:
    return make_account(alice, address="alice@example.org")


def copy_of(submission: Submission) -> Email:
    """The copy in Sent."""
    account = submission.account
    box = Mailbox.objects.filter(account=account, role="sent").first() or make_mailbox(account, "Sent", role="sent")
    raw = make_raw(From=account.address, To=BOB, Subject=submission.subject, Message_ID=f"<{submission.message_id}>")
    return make_email_from_bytes(box, raw, keywords=("$seen",))


def page_of(client: Client, email: Email) -> str:
    return body_of(client.get(reverse("message", args=[email.public_id])))


# On the sent message


def test_a_sent_message_says_who_did_not_get_it_and_why(client: Client, account: MailAccount) -> None:
    submission = sent(account, to=f"{BOB}, {CAROL}")
    copy = copy_of(submission)
    bounce = receive(account, delivery_report(message_id=submission.message_id))

    page = page_of(client, copy)

    assert "This message did not reach everybody" in page
    assert re.search(r"bob@example\.org</bdi>: <span[^>]*>came back", page)
    assert re.search(r"carol@example\.org</bdi>: <span[^>]*>taken by the server", page)
    assert "User unknown" in page
    assert f"Reported by {DAEMON}." in page
    assert reverse("message", args=[bounce.public_id]) in page
    assert reverse("outbox_item", args=[submission.public_id]) in page
    assert "Write again" in page


def test_a_message_refused_by_our_own_server_is_told_too(client: Client, account: MailAccount) -> None:
    submission = sent(account)
    SubmissionRecipient.objects.filter(submission=submission).update(status="refused", reply="550 5.7.1 Blocked")
    page = page_of(client, copy_of(submission))
    assert "This message did not arrive" in page
    assert "550 5.7.1 Blocked" in page


def test_nothing_is_shown_where_there_is_nothing_to_tell(client: Client, account: MailAccount) -> None:
    assert "came-back" not in page_of(client, copy_of(sent(account)))


def test_what_was_asked_for_is_answered(client: Client, account: MailAccount) -> None:
    submission = sent(account)
    Submission.objects.filter(pk=submission.pk).update(wants_receipt=True)
    copy = copy_of(submission)
    assert "taken by the server" in page_of(client, copy)
    receive(account, read_receipt(message_id=submission.message_id))
    page = page_of(client, copy)
    assert re.search(r"bob@example\.org</bdi>: <span[^>]*>opened it", page)
    assert "Write again" not in page


def test_a_message_opened_in_place_shows_it_as_well(client: Client, account: MailAccount) -> None:
    submission = sent(account)
    copy = copy_of(submission)
    receive(account, delivery_report(action="delayed", message_id=submission.message_id))
    content = client.get(reverse("message_content", args=[copy.public_id]), headers=HTMX).content.decode()
    assert "This message is delayed on the way" in content


def test_the_list_of_sent_mail_marks_what_did_not_arrive(client: Client, account: MailAccount) -> None:
    submission = sent(account)
    copy_of(submission)
    other = copy_of(sent(account, subject="Arrived"))
    assert "did not reach everybody" not in body_of(client.get(reverse("sent")))
    receive(account, delivery_report(message_id=submission.message_id))
    page = body_of(client.get(reverse("sent")))
    assert page.count('class="row__failed"') == 1
    row = page.split(f'id="row-{other.thread.public_id}"')[1].split('role="listitem"')[0]
    assert "row__failed" not in row


# On the report


def test_a_report_says_which_message_it_is_about_and_leads_there(client: Client, account: MailAccount) -> None:
    submission = sent(account)
    copy = copy_of(submission)
    bounce = receive(account, delivery_report(message_id=submission.message_id))

    page = page_of(client, bounce)

    assert "Your message “Hello” did not reach bob@example.org" in page
    assert f"Reported by {DAEMON}." in page
    assert reverse("message", args=[copy.public_id]) in page
    assert "Write again" in page


@pytest.mark.parametrize(
    ("action", "title"),
    [
        ("delayed", "Your message “Hello” is delayed on the way"),
        ("delivered", "A delivery report for your message “Hello”"),
    ],
)
def test_other_reports_have_other_words(client: Client, account: MailAccount, action: str, title: str) -> None:
    submission = sent(account)
    page = page_of(client, receive(account, delivery_report(action=action, message_id=submission.message_id)))
    assert title in page
    assert "Write again" not in page


def test_a_report_about_nothing_we_know_is_not_believed(client: Client, account: MailAccount) -> None:
    page = page_of(client, receive(account, delivery_report(message_id="made-up@example.net")))
    assert "A report about a message that is not here" in page
    assert "or made up" in page
    assert "did not arrive" not in page.split("message__text")[0].split("came-back")[1]
    assert "Write again" not in page


def test_a_complaint_is_told_on_both_messages(client: Client, account: MailAccount) -> None:
    submission = sent(account)
    copy = copy_of(submission)
    report = receive(account, complaint(message_id=submission.message_id))
    assert "Somebody who got it marked it as unwanted." in page_of(client, copy)
    assert "Somebody marked your message “Hello” as unwanted" in page_of(client, report)


@pytest.mark.req("R9")
def test_words_of_strangers_stay_text(client: Client, account: MailAccount) -> None:
    submission = sent(account, subject=f"Hi {MARKER}")
    copy = copy_of(submission)
    raw = delivery_report(
        text=f"550 5.1.1 {MARKER}", message_id=submission.message_id, sender='"<img src=x>"@mx.example.net'
    )
    bounce = receive(account, raw)
    other = receive(
        account, delivery_report(recipient='"<script>alert(1)</script>"@example.org', message_id="x@y", text=MARKER)
    )
    for email in (copy, bounce, other):
        page = client.get(reverse("message", args=[email.public_id])).content.decode()
        assert "came-back" in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page


@pytest.mark.req("R56")
def test_a_report_tells_bob_nothing_of_alices_message(account: MailAccount) -> None:
    submission = sent(account, subject="ALICES-SECRET")
    copy_of(submission)
    bob = make_user("bob")
    theirs = make_account(bob)
    bounce = receive(theirs, delivery_report(message_id=submission.message_id, envelope_id=submission.public_id))
    page = page_of(client_of(bob), bounce)
    assert "A report about a message that is not here" in page
    assert "ALICES-SECRET" not in page
    assert submission.public_id not in page


def test_writing_again_opens_a_draft(client: Client, account: MailAccount) -> None:
    submission = sent(account, to=f"{BOB}, {CAROL}", text="precious")
    receive(account, delivery_report(message_id=submission.message_id))
    response = client.post(reverse("outbox_act", args=[submission.public_id]), {"act": "again"})
    draft = Draft.objects.get()
    assert response.headers["Location"].startswith(reverse("compose", args=[draft.public_id]))
    assert (draft.to, draft.text) == (BOB, "precious")


def test_a_message_whose_text_is_not_kept_cannot_be_written_again(client: Client, account: MailAccount) -> None:
    submission = sent(account)
    receive(account, delivery_report(message_id=submission.message_id))
    Submission.objects.filter(pk=submission.pk).update(draft_snapshot={})
    assert "Write again" not in page_of(client, copy_of(submission))
    response = client.post(reverse("outbox_act", args=[submission.public_id]), {"act": "again"}, follow=True)
    assert "The text of this message is not kept here any more." in body_of(response)
    assert not Draft.objects.exists()


# Read receipts


def asking(account: MailAccount, **headers: str) -> Email:
    box = Mailbox.objects.filter(account=account, role="inbox").first() or make_mailbox(account, role="inbox")
    wish = {"Disposition_Notification_To": BOB, "Return_Path": f"<{BOB}>", **headers}
    return make_email_from_bytes(box, make_raw(**wish))


def answer(client: Client, email: Email, act: str, **extra: object) -> str:
    response = client.post(reverse("receipt", args=[email.public_id]), {"do": act}, headers=HTMX)
    return body_of(response)


def test_a_person_is_asked_and_nothing_is_sent_by_looking(client: Client, account: MailAccount) -> None:
    email = asking(account)
    page = page_of(client, email)
    assert f"{BOB} asks to be told that you have opened this message." in page
    assert not Submission.objects.exists()
    assert "$mdnsent" not in keywords_of([email.pk])[email.pk]


def test_a_receipt_is_sent_once_and_the_answer_is_kept_for_other_programs(client: Client, account: MailAccount) -> None:
    email = asking(account)
    assert "The sender is told" in answer(client, email, "send")
    assert "The sender is told" in answer(client, email, "send")
    submission = Submission.objects.get()
    assert (submission.kind, submission.mail_from) == (Kind.RECEIPT, "")
    assert "$mdnsent" in keywords_of([email.pk])[email.pk]
    assert Action.objects.get(kind=Action.Kind.KEYWORDS).arguments["add"] == ["$mdnsent"]
    assert "asks to be told" not in page_of(client, email)


def test_a_refusal_is_kept_and_sends_nothing(client: Client, account: MailAccount) -> None:
    email = asking(account)
    assert "No receipt is sent." in answer(client, email, "refuse")
    assert not Submission.objects.exists()
    assert "$mdnsent" in keywords_of([email.pk])[email.pk]
    assert "asks to be told" not in page_of(client, email)


def test_a_refusal_is_kept_where_the_mailbox_takes_no_marks(client: Client, account: MailAccount) -> None:
    email = asking(account)
    Mailbox.objects.filter(account=account).update(is_read_only=True)
    answer(client, email, "refuse")
    assert "asks to be told" not in page_of(client, email)
    assert not Action.objects.exists()


def test_never_shows_nothing(client: Client, account: MailAccount, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(receipts=ReceiptPolicy.NEVER)
    email = asking(account)
    assert "asks to be told" not in page_of(client, email)
    assert "does not ask for a receipt" in answer(client, email, "send")
    assert not Submission.objects.exists()


def test_for_people_written_to_the_shown_page_posts_it_by_itself(
    client: Client, account: MailAccount, alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(receipts=ReceiptPolicy.CONTACTS)
    known.remember(alice, [Address("", BOB)])
    email = asking(account)
    page = page_of(client, email)
    assert 'hx-trigger="load, submit"' in page
    assert not Submission.objects.exists()
    assert "The sender is told" in answer(client, email, "by_itself")
    assert Submission.objects.get().kind == Kind.RECEIPT


def test_strangers_are_asked_about_and_cannot_be_answered_by_themselves(
    client: Client, account: MailAccount, alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(receipts=ReceiptPolicy.CONTACTS)
    email = asking(account)
    page = page_of(client, email)
    assert "asks to be told" in page
    assert 'hx-trigger="load, submit"' not in page
    answer(client, email, "by_itself")
    assert not Submission.objects.exists()


def test_lists_are_not_asked_about(client: Client, account: MailAccount) -> None:
    page = page_of(client, asking(account, List_Id="<friends.example.org>"))
    assert "asks to be told" not in page


def test_any_other_answer_sends_nothing(client: Client, account: MailAccount) -> None:
    email = asking(account)
    for act in ("", "delete"):
        client.post(reverse("receipt", args=[email.public_id]), {"do": act})
    assert client.get(reverse("receipt", args=[email.public_id])).status_code == 405
    assert not Submission.objects.exists()
    assert f"{BOB} asks to be told" in page_of(client, email)


def test_without_scripts_the_answer_leads_back_to_the_message(client: Client, account: MailAccount) -> None:
    email = asking(account)
    response = client.post(reverse("receipt", args=[email.public_id]), {"do": "send"}, follow=True)
    assert response.redirect_chain[0][0] == reverse("message", args=[email.public_id])
    assert "The sender is told" in body_of(response)


def test_an_address_of_a_stranger_stays_text(client: Client, account: MailAccount) -> None:
    email = asking(account, Disposition_Notification_To='"<b>x</b>"@example.org')
    assert "<b>x</b>" not in client.get(reverse("message", args=[email.public_id])).content.decode()


def test_the_timeline_tells_what_came_back_once(client: Client, account: MailAccount) -> None:
    submission = sent(account)
    bounce = receive(account, delivery_report(message_id=submission.message_id))
    page = body_of(client.get(reverse("outbox_item", args=[submission.public_id])))
    timeline = page.split("What happened")[1]
    assert timeline.count("User unknown") == 1
    assert reverse("message", args=[bounce.public_id]) in timeline
