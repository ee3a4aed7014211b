"""Who really sent a message, as the page says it: calm where all is well, clear where it is not (R15; features 111, 112)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import MailAccount, User
from tests.factories import make_account, make_email, make_email_from_bytes, make_headers, make_mailbox, make_user
from tests.mime.authenticity.letters import claims_of, letter
from tests.web.pages import body_of, client_of
from webmail import dispatch
from webmail.mime.authenticity.own import CheckedSignature, OwnCheck, dump_check
from webmail.outbox.models import Draft, KnownRecipient
from webmail.store.models import Email, FetchState, Mailbox, SenderCheck
from webmail.store.reading.sender_checks import want_check
from webmail.web.reading.authenticity import SenderNotice, acquaintance_of, sender_notice
from webmail.web.rows import own_addresses

pytestmark = [pytest.mark.django_db, pytest.mark.req("R15")]

FROM = "From: Ben <ben@example.org>"
SIGNED = "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=sel; h=from; bh=x; b=y"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def account(alice: User) -> MailAccount:
    return make_account(alice, incoming_host="imap.gmail.com")


@pytest.fixture
def inbox(account: MailAccount) -> Mailbox:
    return make_mailbox(account, "Inbox", role="inbox")


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the tasks that workers are woken for."""
    tasks: list[str] = []
    monkeypatch.setattr(dispatch, "_send_task", lambda task, row_ids: tasks.append(task))
    monkeypatch.setattr(dispatch, "_quiet_until", 0.0)
    return tasks


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


def notice_of(user: User, inbox: Mailbox, *fields: str) -> SenderNotice:
    notice = look(user, make_email_from_bytes(inbox, letter(*fields)), *fields)
    assert notice is not None
    return notice


def look(user: User, email: Email, *fields: str) -> SenderNotice | None:
    return sender_notice(user, email, claims_of(*fields), own=own_addresses(user))


def stated(results: str, server: str = "mx.google.com") -> str:
    return f"Authentication-Results: {server}; {results}"


# --- The quiet line and the bar ---


def test_a_confirmed_sender_is_one_quiet_line(alice: User, inbox: Mailbox) -> None:
    notice = notice_of(alice, inbox, stated("dkim=pass header.d=example.org; dmarc=pass header.from=example.org"), FROM)
    assert (notice.line, notice.icon) == ("example.org confirmed", "shield-check")
    assert (notice.warning, notice.cautions) == ("", ())
    assert [fact.label for fact in notice.facts] == ["DKIM", "DMARC"]
    assert notice.facts[0].words == "Signed by example.org, and not changed since. (according to mx.google.com)"


def test_a_refuted_sender_is_a_bar_that_says_why(alice: User, inbox: Mailbox) -> None:
    notice = notice_of(alice, inbox, stated("dmarc=fail (p=REJECT) header.from=example.org"), FROM)
    assert notice.level == "failed"
    assert "says it is from example.org" in notice.warning
    assert "did not confirm it" in notice.warning


def test_a_forged_result_never_confirms(alice: User, inbox: Mailbox) -> None:
    real = stated("dmarc=fail (p=REJECT) header.from=example.org")
    below = stated("dmarc=pass header.from=example.org")
    foreign = stated("dmarc=pass header.from=example.org", server="mx.google.com.evil.test")
    assert notice_of(alice, inbox, real, below, FROM).level == "failed"
    assert notice_of(alice, inbox, foreign, FROM).level == "unknown"
    assert notice_of(alice, inbox, foreign, FROM).line == "Not confirmed"


def test_who_sent_it_instead_is_named(alice: User, inbox: Mailbox) -> None:
    notice = notice_of(alice, inbox, stated("dkim=pass header.d=mailer.example.net"), FROM)
    assert notice.line == "Not confirmed, sent through example.net"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ((FROM, "Reply-To: x@evil.example.net"), "Answers go to another address: x@evil.example.net."),
        (
            ('From: "service@paypal.com" <x@evil.example.net>',),
            "The name shows another address, service@paypal.com. It was sent from x@evil.example.net.",
        ),
        (("From: x@paypa1.com",), "The address looks like paypal, but is another: paypa1.com."),
        (("From: a@example.org, b@example.net",), "It names several senders: a@example.org, b@example.net."),
        (("From: undisclosed:;",), "It names no address that sent it."),
        (
            ("From: =?utf-8?B?QeKArmI=?= <a@example.org>",),
            "The sender's name holds characters that are not seen.",
        ),
    ],
)
def test_each_reason_for_care_is_a_sentence_with_its_why(
    alice: User, inbox: Mailbox, fields: tuple[str, ...], sentence: str
) -> None:
    assert any(caution.startswith(sentence) for caution in notice_of(alice, inbox, *fields).cautions)


def test_the_real_address_is_always_told(alice: User, inbox: Mailbox) -> None:
    notice = notice_of(alice, inbox, 'From: "service@paypal.com" <x@evil.example.net>')
    assert notice.addresses == ("x@evil.example.net",)


# --- Whose word counts ---


def test_the_owner_may_say_whose_word_counts(alice: User, account: MailAccount, inbox: Mailbox) -> None:
    fields = (stated("dmarc=pass header.from=example.org", server="mx.small-host.org"), FROM)
    assert notice_of(alice, inbox, *fields).level == "unknown"
    MailAccount.objects.filter(pk=account.pk).update(authserv_ids="mx.small-host.org")
    inbox.account.refresh_from_db()
    assert notice_of(alice, inbox, *fields).level == "verified"


def test_a_server_that_is_not_known_needs_our_own_check_to_confirm(
    alice: User, account: MailAccount, inbox: Mailbox
) -> None:
    MailAccount.objects.filter(pk=account.pk).update(incoming_host="imap.small-host.org")
    fields = (stated("dmarc=pass header.from=example.org", server="mx.small-host.org"), SIGNED, FROM)
    email = make_email_from_bytes(inbox, letter(*fields))
    before = look(alice, email, *fields)
    assert before is not None
    assert (before.level, before.may_check) == ("unverified", True)
    found = OwnCheck((CheckedSignature("example.org", "sel", "pass"),))
    SenderCheck.objects.create(email=email, state=FetchState.DONE, results=dump_check(found))
    after = look(alice, email, *fields)
    assert after is not None
    assert (after.level, after.may_check) == ("verified", False)
    assert any(fact.words.endswith("(checked here)") for fact in after.facts)


# --- Newcomers and oneself ---


def recent(email: Email) -> Email:
    Email.objects.filter(pk=email.pk).update(received_at=timezone.now() - timedelta(hours=1))
    return Email.objects.select_related("account").get(pk=email.pk)


def is_new(user: User, email: Email) -> bool:
    notice = look(user, email, FROM)
    assert notice is not None
    return "You have no earlier message from ben@example.org." in notice.notes


def test_somebody_who_never_wrote_before_is_told(alice: User, inbox: Mailbox) -> None:
    email = recent(make_email_from_bytes(inbox, letter(FROM)))
    assert is_new(alice, email)


def test_a_newcomer_is_a_quiet_note_and_in_the_bar_only_with_a_reason_for_care(alice: User, inbox: Mailbox) -> None:
    fields = (FROM, "Reply-To: x@evil.example.net")
    notice = look(alice, recent(make_email_from_bytes(inbox, letter(*fields))), *fields)
    assert notice is not None
    assert notice.notes == ()
    assert [caution.split(" ")[0] for caution in notice.cautions] == ["Answers", "You"]


def test_answers_that_go_to_the_list_are_no_reason_for_care(alice: User, inbox: Mailbox) -> None:
    listed = (FROM, "Reply-To: talk@lists.example.net", "List-Id: <talk.lists.example.net>")
    notice = notice_of(alice, inbox, *listed)
    assert (notice.cautions, notice.notes) == ((), ("Answers go to the list: talk@lists.example.net.",))


def test_an_earlier_message_a_letter_to_them_or_age_ends_that(alice: User, inbox: Mailbox) -> None:
    email = recent(make_email_from_bytes(inbox, letter(FROM)))
    old = Email.objects.select_related("account").get(pk=make_email(inbox, headers=make_headers(from_="x@y.test")).pk)
    assert not is_new(alice, old)
    known = KnownRecipient.objects.create(user=alice, email="ben@example.org")
    assert not is_new(alice, email)
    known.delete()
    make_email(inbox, headers=make_headers(from_="BEN@Example.org"))
    assert not is_new(alice, email)


def test_a_page_of_messages_costs_few_queries(
    alice: User, inbox: Mailbox, django_assert_max_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    emails = [recent(make_email(inbox, headers=make_headers(from_="ben@example.org"))) for _ in range(20)]
    own = own_addresses(alice)
    with django_assert_max_num_queries(3):
        known = acquaintance_of(alice, emails, own=own)
        notices = [sender_notice(alice, email, claims_of(FROM), own=own, known=known) for email in emails]
    assert known.newcomers == {emails[0].pk}
    assert len(notices) == 20


def test_others_mail_and_names_that_only_contain_the_address_do_not_make_it_known(alice: User, inbox: Mailbox) -> None:
    email = recent(make_email_from_bytes(inbox, letter(FROM)))
    bob = make_user("bob")
    make_email(make_mailbox(make_account(bob), "Inbox"), headers=make_headers(from_="ben@example.org"))
    make_email(inbox, headers=make_headers(from_="ruben@example.org"))
    make_email(inbox, headers=make_headers(from_="x@evil.test", from_name="ben@example.org"))
    assert is_new(alice, email)


def test_a_message_from_oneself_is_only_believed_where_one_puts_it_oneself(
    alice: User, account: MailAccount, inbox: Mailbox
) -> None:
    field = f"From: {account.address}"
    sent = make_email_from_bytes(make_mailbox(account, "Sent", role="sent"), letter(field))
    assert look(alice, sent, field) is None
    notice = look(alice, make_email_from_bytes(inbox, letter(field)), field)
    assert notice is not None
    assert notice.line == "Not confirmed"


# --- The fragment ---


def sender_page(client: Client, email: Email, **query: str) -> str:
    response = client.get(reverse("message_sender", args=[email.public_id]), query, headers=HTMX)
    assert response.status_code == 200
    return body_of(response)


def test_looking_at_a_message_begins_no_check(client: Client, inbox: Mailbox, woken: list[str]) -> None:
    email = make_email_from_bytes(inbox, letter(SIGNED, FROM))
    page = sender_page(client, email)
    client.get(reverse("message", args=[email.public_id]))
    assert "Sender not checked" in page
    assert "Check now" in page
    assert not SenderCheck.objects.exists()
    assert "verify.email" not in woken


def test_a_check_is_asked_for_by_a_button_and_the_page_looks_again(
    client: Client, inbox: Mailbox, woken: list[str], django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    email = make_email_from_bytes(inbox, letter(SIGNED, FROM))
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        response = client.post(reverse("message_sender", args=[email.public_id]), headers=HTMX)
    assert woken == ["verify.email"]
    assert "Checking who sent this" in body_of(response)
    assert 'hx-trigger="load delay:1s"' in body_of(response)
    found = OwnCheck((CheckedSignature("example.org", "sel", "pass"),))
    SenderCheck.objects.update(state=FetchState.DONE, results=dump_check(found))
    page = sender_page(client, email, polls="1")
    assert "example.org confirmed" in page
    assert "hx-trigger" not in page


def test_the_page_does_not_look_for_ever(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, letter(SIGNED, FROM))
    want_check(email)
    assert "hx-trigger" in sender_page(client, email, polls="3")
    assert "hx-trigger" not in sender_page(client, email, polls="29")
    assert "hx-trigger" in sender_page(client, email, polls="x")


def test_without_scripts_the_button_leads_back_to_the_message(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, letter(SIGNED, FROM))
    response = client.post(reverse("message_sender", args=[email.public_id]))
    assert response.headers["Location"] == reverse("message", args=[email.public_id])
    assert SenderCheck.objects.get().email_id == email.pk


@pytest.mark.req("R9")
def test_hostile_claims_are_text(client: Client, inbox: Mailbox) -> None:
    raw = letter(
        'Authentication-Results: mx.google.com; dkim=pass header.d=example.org; spf=fail smtp.mailfrom="<script>1</script>"',
        'From: "<script>alert(1)</script> a@b.example" <"<img src=x>"@evil.example.net>',
        "Reply-To: \"<b>\" <'onload=x'@other.example.com>",
    )
    response = client.get(reverse("message_sender", args=[make_email_from_bytes(inbox, raw).public_id]), headers=HTMX)
    page = response.content.decode()
    for tag in ("<script", "<img", "<b>"):
        assert tag not in page


# --- Everywhere: what hides or turns text is left out ---


TURNED = "=?utf-8?B?" + base64.b64encode("Anna \u202emoc.knab\u202c \u200b\u2066x".encode()).decode() + "?="


def test_no_page_shows_characters_that_hide_or_turn_text(client: Client, inbox: Mailbox) -> None:
    fields = (f"From: {TURNED} <x@example.net>", f"To: {TURNED} <y@example.net>")
    raw = letter(*fields).replace(b"Subject: Hello", f"Subject: {TURNED}".encode())
    email = make_email_from_bytes(inbox, raw)
    for address in (
        reverse("inbox"),
        reverse("message", args=[email.public_id]),
        reverse("thread", args=[email.thread.public_id]),
        reverse("search") + "?q=Anna",
    ):
        page = client.get(address).content.decode()
        assert "Anna" in page
        assert not set("\u202e\u202c\u200b\u2066") & set(page), address


@pytest.mark.usefixtures("account")
def test_what_a_person_types_is_kept_as_it_is(client: Client) -> None:
    client.post(reverse("compose_new"))
    draft = Draft.objects.get()
    Draft.objects.filter(pk=draft.pk).update(text="\u2067\u05d0\u2069 <b>")
    page = client.get(reverse("compose", args=[draft.public_id])).content.decode()
    assert "\u2067\u05d0\u2069 &lt;b&gt;" in page
