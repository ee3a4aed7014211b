"""The reading pane: what is open, what is folded, what counts as read, bodies that are not here yet."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import MailAccount, User
from tests.factories import make_account, make_email, make_email_from_bytes, make_headers, make_mailbox, make_user
from tests.web.pages import body_of, client_of
from webmail.journal.models import Action
from webmail.store.models import Email, Mailbox

pytestmark = pytest.mark.django_db

PLAIN = b"From: Ben <ben@example.net>\r\nTo: Box <box@example.org>\r\nSubject: Plan\r\nMessage-ID: <1@x>\r\n\r\nShall we <meet>?\r\n> quoted\r\n"


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def account(alice: User) -> MailAccount:
    return make_account(alice)


@pytest.fixture
def inbox(account: MailAccount) -> Mailbox:
    return make_mailbox(account, "Inbox", role="inbox")


def in_list(email: Email) -> str:
    return f"/mail/inbox?t={email.thread.public_id}"


def test_a_plain_message_is_read_in_the_page(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, PLAIN)
    page = client.get(in_list(email)).content.decode()
    assert "Shall we &lt;meet&gt;?" in page
    assert '<blockquote class="quote" data-level="1">' in page
    assert "&lt;ben@example.net&gt;" in page
    assert "<iframe" not in page


def test_an_html_message_is_read_in_a_frame_of_its_own(client: Client, inbox: Mailbox) -> None:
    raw = b"From: ben@example.net\r\nSubject: x\r\nContent-Type: text/html\r\n\r\n<b>bold</b><img src='https://t.test/x.png'>\r\n"
    email = make_email_from_bytes(inbox, raw)
    page = client.get(in_list(email)).content.decode()
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert re.search(rf'src="/mail/c/[-.\w]+/{email.public_id}/body\?scheme=auto&amp;fold=1"', page)
    assert "<b>bold</b>" not in page
    assert "1 picture blocked." in page


def test_opening_marks_as_read_and_tells_the_server(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, PLAIN)
    client.get(in_list(email))
    email.refresh_from_db()
    inbox.refresh_from_db()
    assert not email.is_unread
    assert inbox.unread_emails == 0
    assert Action.objects.get().arguments == {"add": ["$seen"], "remove": []}
    client.get(in_list(email))
    assert Action.objects.count() == 1


@pytest.mark.req("R55")
@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Purpose": "prefetch"}])
def test_another_sites_link_or_a_prefetch_marks_nothing(
    client: Client, inbox: Mailbox, headers: dict[str, str]
) -> None:
    email = make_email_from_bytes(inbox, PLAIN)
    assert client.get(in_list(email), headers=headers).status_code == 200
    email.refresh_from_db()
    assert email.is_unread


def test_read_messages_of_a_conversation_are_folded_and_the_last_is_open(client: Client, inbox: Mailbox) -> None:
    raw = "From: Ben <ben@example.net>\r\nSubject: Re: Plan\r\nMessage-ID: <{n}@x>\r\nReferences: <1@x>\r\n\r\ntext number {n}\r\n"
    make_email_from_bytes(inbox, PLAIN, keywords=("$seen",), minutes=1)
    for number in (2, 3):
        email = make_email_from_bytes(inbox, raw.format(n=number).encode(), keywords=("$seen",), minutes=number)
    page = client.get(in_list(email)).content.decode()
    assert page.count('class="message"') == 3
    assert page.count('class="message__text"') == 1
    assert "text number 3" in page
    folded = Email.objects.get(message_id="2@x")
    assert f'hx-get="/mail/m/{folded.public_id}/content"' in page
    content = client.get(f"/mail/m/{folded.public_id}/content", headers={"HX-Request": "true"}).content.decode()
    assert "text number 2" in content
    assert "<html" not in content


def test_a_long_run_of_read_messages_becomes_one_line(client: Client, inbox: Mailbox) -> None:
    for number in range(8):
        headers = make_headers(subject="Plan", message_id=f"{number}@x", in_reply_to=["0@x"] if number else [])
        email = make_email(inbox, headers=headers, minutes=number, keywords=("$seen",))
    page = body_of(client.get(in_list(email)))
    assert "5 earlier messages" in page


def test_a_conversation_costs_few_queries_however_long(
    client: Client, inbox: Mailbox, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        headers = make_headers(subject="Plan", message_id=f"{number}@x", in_reply_to=["0@x"] if number else [])
        email = make_email(inbox, headers=headers, minutes=number, keywords=("$seen",))
    pane = {"HX-Request": "true", "HX-Target": "reading"}
    with django_assert_max_num_queries(17):
        client.get(in_list(email), headers=pane)


def test_a_body_that_is_not_here_is_asked_for_and_waited_for(
    client: Client, inbox: Mailbox, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    woken: list[tuple[str, int]] = []
    monkeypatch.setattr("webmail.store.emails.dispatch.wake", lambda name, *ids: woken.append((name, *ids)))
    email = make_email(inbox)
    page = client.get(in_list(email)).content.decode()
    email.refresh_from_db()
    assert email.body_wanted_at is not None
    assert ("sync.body", email.pk) in woken
    assert f"/mail/m/{email.public_id}/content?polls=0" in page
    again = client.get(f"/mail/m/{email.public_id}/content?polls=5", headers={"HX-Request": "true"}).content.decode()
    assert "content?polls=6" in again
    assert "Still fetching it" in again
    late = client.get(f"/mail/m/{email.public_id}/content?polls=99", headers={"HX-Request": "true"}).content.decode()
    assert "hx-get" not in late
    assert "Try again" in late
    wanted_at = email.body_wanted_at
    email.refresh_from_db()
    assert email.body_wanted_at == wanted_at


def test_a_body_that_cannot_be_had_says_why(client: Client, inbox: Mailbox) -> None:
    email = make_email(inbox)
    Email.objects.update(body_error="The server no longer has this message.", body_wanted_at=timezone.now())
    assert "The server no longer has this message." in body_of(client.get(in_list(email)))


def test_a_damaged_copy_is_told_and_the_rest_of_the_page_works(client: Client, inbox: Mailbox) -> None:
    here = make_mailbox(inbox.account, "Only here", source=Mailbox.Source.LOCAL)
    email = make_email_from_bytes(here, PLAIN + b"Damaged.\r\n")
    assert email.blob is not None
    email.blob.pack = "0" * 32
    email.blob.save()
    response = client.get(in_list(email))
    assert response.status_code == 200
    assert "is damaged" in body_of(response)


@pytest.mark.req("Y91")
def test_a_damaged_copy_of_what_the_server_has_is_fetched_again(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, PLAIN + b"Fetched again.\r\n")
    assert email.blob is not None
    email.blob.pack = "0" * 32
    email.blob.save()
    response = client.get(in_list(email))
    assert response.status_code == 200
    assert "is damaged" not in body_of(response)
    email.refresh_from_db()
    assert email.blob is None
    assert email.body_wanted_at is not None


@pytest.mark.req("R15")
def test_a_name_that_holds_another_address_is_not_shown(client: Client, inbox: Mailbox) -> None:
    raw = b'From: "bank@example.com" <eve@evil.example>\r\nSubject: x\r\n\r\nHello\r\n'
    email = make_email_from_bytes(inbox, raw)
    page = client.get(in_list(email)).content.decode()
    line = page[page.index('class="message__name"') :]
    line = line[: line.index("</strong>")]
    assert "bank@example.com" not in line
    assert "eve@evil.example" in line


def test_attachments_are_cards_with_name_and_size(client: Client, inbox: Mailbox) -> None:
    raw = (
        b"From: ben@example.net\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\n\r\nSee the file.\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=plan.pdf\r\n\r\n"
        + b"x" * 2_500
        + b"\r\n--b--\r\n"
    )
    email = make_email_from_bytes(inbox, raw)
    page = client.get(in_list(email)).content.decode()
    assert "plan.pdf" in page
    assert "2.5 KB" in page
    assert f'href="/mail/m/{email.public_id}/p/2"' in page


def test_a_thread_and_a_message_have_addresses_of_their_own(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, PLAIN)
    for address in (reverse("thread", args=[email.thread.public_id]), reverse("message", args=[email.public_id])):
        page = client.get(address).content.decode()
        assert "Shall we" in page
        assert 'id="rows"' in page  # the list it lies in is beside it


def test_a_message_in_no_mailbox_is_not_found(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, PLAIN)
    email.mailbox_rows.all().delete()
    assert client.get(reverse("thread", args=[email.thread.public_id])).status_code == 404
    assert client.get(reverse("message", args=[email.public_id])).status_code == 404


def test_answering_is_a_form_that_works_without_scripts(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, PLAIN)
    page = client.get(in_list(email)).content.decode()
    assert f'<form class="answer" id="answer" method="post" action="{reverse("compose_new")}">' in page
    response = client.post(reverse("compose_new"), {"email": email.public_id, "mode": "reply"})
    assert response.status_code == 302


@pytest.mark.req("R56")
def test_bob_gets_404_for_alices_conversation_in_any_form(inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, PLAIN)
    bob = client_of(make_user("bob"))
    for address in (
        in_list(email),
        f"/mail/inbox?t={email.public_id}",
        reverse("thread", args=[email.thread.public_id]),
        reverse("message", args=[email.public_id]),
        reverse("message_content", args=[email.public_id]),
    ):
        for headers in ({}, {"HX-Request": "true", "HX-Target": "reading"}):
            assert bob.get(address, headers=headers).status_code in {404, 302}
            response = bob.get(address, headers=headers, follow=True)
            assert response.status_code == 404
            assert "Shall we" not in body_of(response)
            assert email.subject not in body_of(response)
    email.refresh_from_db()
    assert email.is_unread
