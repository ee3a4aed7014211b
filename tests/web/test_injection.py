"""Hostile text in every field that mail pages show: it is text, everywhere (security R9)."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AccountState, MailAccount, User
from tests.factories import make_account, make_email, make_email_from_bytes, make_headers, make_mailbox, make_user
from tests.web.pages import MARKER, client_of
from webmail.mime.addresses import Address
from webmail.outbox.writing import drafts
from webmail.store.models import Email, Mailbox

pytestmark = [pytest.mark.django_db, pytest.mark.req("R9")]

ATTRIBUTE = '" onmouseover="alert(1)" x="'
RAW = (
    "From: {name} <ben@example.net>\r\nTo: {name} <box@example.org>\r\nCc: {name} <carl@example.net>\r\nReply-To: {name} <x@example.net>\r\n"
    "Subject: {subject}\r\nMessage-ID: <{subject}@x>\r\nList-Id: {subject} <{subject}>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{subject}\r\n> {subject}\r\nhttps://x.test/{subject}\r\n--b\r\n"
    'Content-Type: {subject}/x; name="{file}"\r\nContent-Disposition: attachment; filename="{file}"\r\n\r\nx\r\n--b--\r\n'
)


@pytest.fixture
def alice() -> User:
    return make_user(name="alice")


@pytest.fixture
def client(alice: User) -> Client:
    User.objects.update(name=MARKER)
    return client_of(alice)


@pytest.fixture(params=[MARKER, ATTRIBUTE], ids=["element", "attribute"])
def hostile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def inbox(alice: User, hostile: str) -> Mailbox:
    account = make_account(alice, name=hostile)
    make_account(alice, name=hostile)  # with two accounts lists name them
    for role in ("archive", "trash", "junk", "drafts", "sent"):
        make_mailbox(account, f"{role} {hostile}".replace("/", ""), role=role)
    make_mailbox(account, hostile.replace("/", ""))
    MailAccount.objects.update(state=AccountState.FAILING, state_reason=hostile, incoming_host=hostile)
    MailAccount.objects.filter(pk=account.pk).update(address=f"{hostile}@x")
    return make_mailbox(account, "Inbox", role="inbox")


def check(response: Any, hostile: str) -> str:
    page = response.content.decode()
    assert "<script>alert" not in page
    # Each quote that would end an attribute is written as a reference.
    assert 'onmouseover="alert' not in page
    return str(page)


def hostile_mail(inbox: Mailbox, hostile: str) -> Email:
    raw = RAW.format(subject=hostile, name='"' + hostile.replace('"', '\\"') + '"', file=hostile.replace('"', '\\"'))
    return make_email_from_bytes(inbox, raw.encode())


def test_every_page_that_a_message_leads_to(client: Client, inbox: Mailbox, hostile: str) -> None:
    email = hostile_mail(inbox, hostile)
    page = check(client.get(reverse("message", args=[email.public_id])), hostile)
    links = {unescape(link) for link in re.findall(r'(?:href|src)="(/mail/[^"]+)"', page) if email.public_id in link}
    assert len(links) >= 4
    for link in sorted(links):
        response = client.get(link)
        # What is no page of ours is in a sandbox, as the bytes that came.
        if (
            not response.streaming
            and "sandbox" not in response.headers["Content-Security-Policy"]
            and response.status_code == 200
        ):
            check(response, hostile)


def test_settings_name_accounts_and_mailboxes_as_text(client: Client, inbox: Mailbox, hostile: str) -> None:
    Mailbox.objects.update(trouble=hostile)
    for account in MailAccount.objects.all():
        for name in ("account_settings", "mailbox_settings", "account_sending", "account_fetching", "account_delete"):
            check(client.get(reverse(name, args=[account.public_id])), hostile)
    check(client.get(reverse("settings")), hostile)


def test_lists(client: Client, inbox: Mailbox, hostile: str) -> None:
    email = hostile_mail(inbox, hostile)
    Email.objects.update(preview=hostile)
    address = reverse("mailbox", args=[inbox.account.public_id, inbox.public_id])
    for path in ("/mail/inbox", "/mail/unread", address, "/mail/search?q=alert"):
        page = check(client.get(path), hostile)
        assert email.thread.public_id in page
        for target in ("list", "more"):
            check(client.get(path, headers={"HX-Request": "true", "HX-Target": target}), hostile)


def test_conversations(client: Client, inbox: Mailbox, hostile: str) -> None:
    email = hostile_mail(inbox, hostile)
    for path in (
        f"/mail/inbox?t={email.thread.public_id}",
        reverse("thread", args=[email.thread.public_id]),
        reverse("message", args=[email.public_id]),
    ):
        page = check(client.get(path), hostile)
        assert "attached__file" in page
    for path in (reverse("message_content", args=[email.public_id]), f"/mail/inbox?t={email.thread.public_id}"):
        check(client.get(path, headers={"HX-Request": "true", "HX-Target": "reading"}), hostile)


def test_faults_that_a_server_worded(client: Client, inbox: Mailbox, hostile: str) -> None:
    email = make_email(inbox, headers=make_headers(subject=hostile, from_name=hostile, to=(Address(hostile, "a@x"),)))
    Email.objects.update(body_error=hostile)
    check(client.get(f"/mail/inbox?t={email.thread.public_id}"), hostile)


def test_an_awaited_body_names_the_server(client: Client, inbox: Mailbox, hostile: str) -> None:
    email = make_email(inbox, headers=make_headers(subject=hostile))
    for polls in (0, 10, 100):
        address = f"{reverse('message_content', args=[email.public_id])}?polls={polls}"
        check(client.get(address, headers={"HX-Request": "true"}), hostile)


def test_drafts_and_sent_mail(client: Client, inbox: Mailbox, hostile: str) -> None:
    draft = drafts.create_draft(inbox.account)
    fields = drafts.DraftFields(subject=hostile, to=hostile, text=hostile)
    drafts.save_draft(draft, fields=fields, expected_revision=None)
    headers = make_headers(subject=hostile, to=(Address(hostile, "a@x"), Address(hostile, "b@x")))
    make_email(Mailbox.objects.get(account=inbox.account, role="sent"), headers=headers)
    for path in ("/mail/drafts", "/mail/sent"):
        check(client.get(path), hostile)


def test_acts_and_their_toasts(client: Client, inbox: Mailbox, hostile: str) -> None:
    email = hostile_mail(inbox, hostile)
    target = Mailbox.objects.get(account=inbox.account, role="", name=hostile.replace("/", ""))
    data = {"do": f"move:{target.public_id}", "ids": [email.thread.public_id], "list": "/mail/inbox"}
    check(client.post(reverse("act"), data, headers={"HX-Request": "true"}), hostile)
    for do, ids, source in ((hostile, [hostile], hostile), ("delete", [hostile], f"/mail/search?q={hostile}")):
        data = {"do": do, "ids": ids, "list": source, "open": hostile, "rows": hostile}
        check(client.post(reverse("act"), data, follow=True), hostile)
        check(client.post(reverse("act"), data, headers={"HX-Request": "true"}), hostile)


def test_the_question_before_deleting_for_good(client: Client, inbox: Mailbox, hostile: str) -> None:
    trash = Mailbox.objects.get(account=inbox.account, role="trash")
    email = hostile_mail(trash, hostile)
    data = {"do": "delete", "ids": [email.thread.public_id], "list": hostile, "open": hostile, "rows": hostile}
    assert "for good" in check(client.post(reverse("act"), data), hostile)


def test_addresses_that_lead_nowhere(client: Client, inbox: Mailbox, hostile: str) -> None:
    for path in (
        f"/{hostile}",
        f"/mail/inbox?t={hostile}",
        f"/mail/inbox?after={hostile}",
        f"/mail/search?in={hostile}",
    ):
        check(client.get(path), hostile)
