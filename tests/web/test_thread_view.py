"""The thread view as a person likes it: the order of messages, plain text or HTML, bars above a text (ux section 4; features 23, 26)."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from accounts.models import ThreadOrder, User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.pages import client_of
from webmail.store.models import Email, Mailbox

pytestmark = pytest.mark.django_db

FIRST = b"From: ben@example.net\r\nSubject: Plan\r\nMessage-ID: <1@x>\r\nDate: Tue, 3 Mar 2026 09:10:00 -0500\r\n\r\nThe first words.\r\n"
SECOND = b"From: cleo@example.net\r\nSubject: Re: Plan\r\nMessage-ID: <2@x>\r\nIn-Reply-To: <1@x>\r\nReferences: <1@x>\r\n\r\nThe second words.\r\n"
BOTH = (
    b"From: ben@example.net\r\nSubject: Both\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nplain words\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>rich words</p>\r\n--b--\r\n"
)
ONLY_HTML = b"From: ben@example.net\r\nSubject: Rich\r\nContent-Type: text/html\r\n\r\n<h1>Title</h1><p>rich <b>words</b> alone</p>\r\n"


@pytest.fixture
def alice() -> User:
    return make_user(timezone="Europe/Berlin")


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    return make_mailbox(make_account(alice), "Inbox", role="inbox")


def page_of(client: Client, email: Email, query: str = "") -> str:
    return client.get(f"/mail/m/{email.public_id}{query}").content.decode()


def thread_of(client: Client, email: Email) -> str:
    page = client.get(f"/mail/t/{email.thread.public_id}").content.decode()
    return page[page.index('id="reading"') :]


def test_messages_stand_oldest_first_and_the_answer_below_them(client: Client, inbox: Mailbox) -> None:
    make_email_from_bytes(inbox, FIRST)
    email = make_email_from_bytes(inbox, SECOND)
    page = thread_of(client, email)
    assert page.index("The first words") < page.index("The second words") < page.index('class="answer"')


def test_a_person_may_have_the_newest_first_and_the_answer_above_it(
    client: Client, alice: User, inbox: Mailbox
) -> None:
    make_email_from_bytes(inbox, FIRST)
    email = make_email_from_bytes(inbox, SECOND)
    User.objects.filter(pk=alice.pk).update(thread_order=ThreadOrder.NEWEST)
    page = thread_of(client, email)
    assert page.index('class="answer"') < page.index("The second words") < page.index("The first words")
    answer = page[page.index('class="answer"') : page.index("The second words")]
    assert f'name="email" value="{email.public_id}"' in answer  # one answers the newest, wherever it stands


def test_each_message_is_an_article_that_names_its_sender(client: Client, inbox: Mailbox) -> None:
    make_email_from_bytes(inbox, FIRST)
    email = make_email_from_bytes(inbox, SECOND)
    page = thread_of(client, email)
    assert re.findall(r'<article class="letter" aria-label="([^"]+)"', page) == [
        "From ben@example.net",
        "From cleo@example.net",
    ]


def test_html_is_shown_and_plain_text_is_one_click_away(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, BOTH)
    page = page_of(client, email)
    assert "<iframe" in page
    assert "?form=text" in page
    page = page_of(client, email, "?form=text")
    assert "plain words" in page
    assert "<iframe" not in page
    assert "?form=html" in page


def test_who_prefers_plain_text_gets_it_and_may_switch(client: Client, alice: User, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, BOTH)
    User.objects.filter(pk=alice.pk).update(prefers_text=True)
    assert "plain words" in page_of(client, email)
    assert "<iframe" in page_of(client, email, "?form=html")


def test_a_message_that_has_only_html_reads_as_text_too(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, ONLY_HTML)
    page = page_of(client, email, "?form=text")
    assert "rich words alone" in page
    assert "<b>words</b>" not in page


def test_letters_of_one_width_are_a_choice_for_one_message(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, FIRST)
    assert "message__text--fixed" not in page_of(client, email)
    page = page_of(client, email, "?face=fixed")
    assert "message__text--fixed" in page
    assert "?face=reading" in page


def test_the_clock_of_the_sender_is_told_where_it_differs(client: Client, inbox: Mailbox) -> None:
    page = page_of(client, make_email_from_bytes(inbox, FIRST))
    assert "15:10 (UTC+01:00)" in page
    assert "09:10 (UTC-05:00)" in page
    same = FIRST.replace(b"09:10:00 -0500", b"15:10:00 +0100").replace(b"<1@x>", b"<3@x>")
    assert "where it was written" not in page_of(client, make_email_from_bytes(inbox, same))


def test_two_bars_stand_open_and_the_rest_behind_one_line(client: Client, inbox: Mailbox) -> None:
    calendar = "".join(
        f"--b\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:{n}\r\nDTSTART:2026030{n}T090000Z\r\n"
        f"SUMMARY:Meeting {n}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        for n in (1, 2, 3)
    )
    raw = (
        "From: ben@example.net\r\nSubject: Dates\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/plain\r\n\r\nSee the dates.\r\n{calendar}--b--\r\n"
    )
    page = page_of(client, make_email_from_bytes(inbox, raw.encode()))
    before, _mark, behind = page.partition('class="bars-more"')
    assert "Meeting 1" in before
    assert "Meeting 2" in before
    assert "Meeting 3" not in before
    assert "Meeting 3" in behind
