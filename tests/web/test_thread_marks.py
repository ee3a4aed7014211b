"""What stands beside a conversation: its labels and marks, where it was delivered to, and the hits of the search it was opened from."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.pages import body_of, client_of
from webmail.mime.hits import Hit, Hits
from webmail.store.labels import create_label
from webmail.store.models import EmailKeyword, Mailbox
from webmail.web.searching.marks import MAX_WORDS, read_hits, write_hits

pytestmark = pytest.mark.django_db

PLAIN = b"From: Ben <ben@example.net>\r\nDelivered-To: alias@example.org\r\nSubject: Plan\r\n\r\nThe harbours <b>harbour</b> & more\r\n"
HTML = b"From: Ben <ben@example.net>\r\nSubject: Page\r\nContent-Type: text/html\r\n\r\n<p title='harbour'>The <b>Harbour</b></p>\r\n"


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    account = make_account(alice)
    make_mailbox(account, "Trash", role="trash")
    return make_mailbox(account, "Inbox", role="inbox")


def marks_in(page: str) -> str:
    found = re.search(r'<form class="marks".*?</form>', page, re.DOTALL)
    assert found is not None
    return found.group()


def test_labels_and_marks_stand_beside_the_subject_and_are_taken_off_without_scripts(
    client: Client, alice: User, inbox: Mailbox
) -> None:
    label = create_label(alice, "Réunion")
    create_label(make_user("bob"), "Bobs own", keyword="bob")
    email = make_email_from_bytes(inbox, PLAIN, keywords=[label.keyword, "bob", "$muted", "$important"])
    address = f"/mail/inbox?t={email.thread.public_id}"
    marks = marks_in(body_of(client.get(address)))
    assert "Réunion" in marks
    assert "Muted" in marks
    assert "Important" in marks
    assert "Bobs own" not in marks
    fields = {"ids": email.thread.public_id, "open": email.thread.public_id, "list": "/mail/inbox"}
    for verb in (f"unlabel:{label.public_id}", "unmute", "unimportant"):
        assert f'value="{verb}"' in marks
        response = client.post(reverse("act"), {**fields, "do": verb})
        assert response.headers["Location"] == address
    assert (
        set(EmailKeyword.objects.values_list("keyword", flat=True)) & {label.keyword, "$muted", "$important"} == set()
    )
    assert "chip" not in marks_in(body_of(client.get(address)))


def test_an_alias_shows_where_a_message_was_delivered_to(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, PLAIN)
    page = body_of(client.get(f"/mail/inbox?t={email.public_id}"))
    assert "<dt>Delivered to</dt><dd><bdi>alias@example.org</bdi></dd>" in page
    other = make_email_from_bytes(inbox, HTML)
    assert "Delivered to" not in body_of(client.get(f"/mail/inbox?t={other.public_id}"))


def test_what_is_opened_from_a_search_shows_its_hits(client: Client, inbox: Mailbox) -> None:
    plain, html = make_email_from_bytes(inbox, PLAIN), make_email_from_bytes(inbox, HTML)
    page = client.get(f"/mail/search?q=harbour&t={plain.public_id}").content.decode()
    text = page[page.index('<div class="message__text') :]
    assert (
        'The <mark class="pb-hit">harbours</mark> &lt;b&gt;<mark class="pb-hit">harbour</mark>&lt;/b&gt; &amp; more'
        in text
    )
    # From a list there are none.
    page = client.get(f"/mail/inbox?t={plain.public_id}").content.decode()
    assert "pb-hit" not in page
    # The frame of an HTML body marks them between its tags alone.
    page = body_of(client.get(f"/mail/search?q=harbour&t={html.public_id}"))
    frame = re.search(r'src="([^"]+body\?[^"]+)"', page)
    assert frame is not None
    document = Client().get(frame[1]).content.decode()
    assert '<b><mark class="pb-hit">Harbour</mark></b>' in document
    assert document.count("<mark") == 1
    assert "mark.pb-hit {" in document
    assert "pb-hit" not in Client().get(re.sub(r"&hits=[^&]*", "", frame[1])).content.decode()


def test_words_in_an_address_are_few_short_and_only_words() -> None:
    hits = Hits((Hit("harbour", has_stems=True), Hit("plan", is_exact=True), Hit("be")))
    assert read_hits(write_hits(hits)) == hits
    hostile = read_hits(" ".join(['<script>"', "x" * 500, *(f"w{number}" for number in range(100))]))
    assert len(hostile.words) <= MAX_WORDS
    assert all(len(hit.word) <= 40 for hit in hostile.words)
    assert not read_hits(" = ~ ")


def test_trash_offers_to_be_emptied_and_other_lists_do_not(client: Client, inbox: Mailbox) -> None:
    trash = Mailbox.objects.get(role="trash")
    address = reverse("mailbox", args=[trash.account.public_id, trash.public_id])
    make_email_from_bytes(inbox, PLAIN)
    assert "Empty Trash now" not in body_of(client.get(address))
    make_email_from_bytes(trash, HTML)
    page = body_of(client.get(address))
    assert "Messages in Trash stay until you delete them." in page
    assert "Empty Trash now" in page
    assert 'value="restore"' in page
    assert "Empty Trash now" not in body_of(client.get("/mail/inbox"))
    asked = body_of(client.post(reverse("empty"), {"list": address}))
    assert "Delete the message in Trash for good?" in asked
