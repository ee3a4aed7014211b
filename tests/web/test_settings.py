"""Settings of accounts: their list, servers, identities, removing one; app passwords."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import credentials, tokens
from accounts.models import ApiCredential, ConnectionTest, Identity, MailAccount, User
from tests.factories import make_account, make_email, make_email_from_bytes, make_mailbox, make_user
from tests.web.pages import MARKER, body_of, client_of
from webmail.outbox.writing import drafts
from webmail.store.models import Email, Mailbox

pytestmark = pytest.mark.django_db

RAW = b"From: ben@example.net\r\nSubject: Hi\r\nMessage-ID: <hi@example.net>\r\n\r\nHi\r\n"


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def account(alice: User) -> MailAccount:
    return make_account(alice, address="box@example.org")


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


def test_every_account_is_listed_with_its_state(client: Client, account: MailAccount) -> None:
    MailAccount.objects.update(state="auth_failed")
    page = body_of(client.get(reverse("settings")))
    assert "box@example.org" in page
    assert "refuses the password" in page


def test_without_accounts_the_page_says_what_to_do(client: Client) -> None:
    assert "No mailbox is connected yet" in body_of(client.get(reverse("settings")))


def test_name_and_colour_of_an_account_are_saved(client: Client, account: MailAccount) -> None:
    address = reverse("account_settings", args=[account.public_id])
    shown = ["inbox", "unread", "sent"]
    assert client.post(address, {"name": "Work", "color": "3", "shown_in": shown})["Location"] == address
    account.refresh_from_db()
    assert (account.name, account.color, account.is_unified) == ("Work", 3, True)
    assert account.left_out_of == ["starred", "drafts", "all"]
    assert body_of(client.get(address)).count('name="color"') == 8
    assert client.post(address, {"name": "", "color": "9"}).status_code == 422


def test_an_account_is_paused_resumed_and_checked(client: Client, account: MailAccount) -> None:
    address = reverse("account_act", args=[account.public_id])
    client.post(address, {"act": "pause"})
    account.refresh_from_db()
    assert account.state == "paused"
    page = body_of(client.get(reverse("account_settings", args=[account.public_id])))
    assert "This account is paused" in page
    client.post(address, {"act": "resume"})
    account.refresh_from_db()
    assert account.state == "new"
    before = account.next_sync_at
    client.post(address, {"act": "sync"})
    account.refresh_from_db()
    assert account.next_sync_at > before


def test_changed_servers_are_tested_and_an_empty_password_keeps_the_stored_one(
    client: Client, account: MailAccount
) -> None:
    address = reverse("account_servers", args=[account.public_id])
    page = body_of(client.get(address))
    assert 'value="127.0.0.1"' in page
    assert "secret" not in page
    fields = {
        "incoming_protocol": "imap",
        "incoming_host": "127.0.0.1",
        "incoming_port": "1143",
        "incoming_security": "plain",
        "incoming_username": "box@example.org",
        "outgoing_host": "",
        "outgoing_security": "plain",
        "password": "",
    }
    answer = client.post(address, fields)
    test = ConnectionTest.objects.get()
    assert answer["Location"] == reverse("connect_wait", args=[test.public_id])
    assert (test.purpose, test.account, test.settings["incoming_port"]) == ("verify", account, 1143)
    assert credentials.open_for_test(test)[0] == ""
    account.refresh_from_db()
    assert account.incoming_port == 143
    ConnectionTest.objects.update(status="failed", report=[])
    assert f"{address}?from={test.public_id}" in body_of(client.get(answer["Location"]))
    assert 'value="1143"' in body_of(client.get(f"{address}?from={test.public_id}"))


def test_an_identity_is_added_changed_and_deleted_but_the_last_one_stays(client: Client, account: MailAccount) -> None:
    new = {"name": "Alice\r\nBcc: x", "email": "sales@example.org", "signature_text": "Bye", "is_default": "on"}
    client.post(reverse("identity_new", args=[account.public_id]), new)
    added = Identity.objects.get(email="sales@example.org")
    assert (added.is_default, added.name, added.signature_text) == (True, "Alice Bcc: x", "Bye")
    first = Identity.objects.exclude(pk=added.pk).get()
    assert not first.is_default
    client.post(reverse("identity", args=[added.public_id]), {"name": "Sales", "email": "sales@example.org"})
    added.refresh_from_db()
    assert (added.name, added.is_default) == ("Sales", True)
    client.post(reverse("identity_delete", args=[added.public_id]))
    client.post(reverse("identity_delete", args=[first.public_id]))
    assert list(Identity.objects.all()) == [first]


def test_an_app_password_is_shown_once_and_revoked(client: Client, alice: User) -> None:
    address = reverse("settings_passwords")
    page = body_of(client.post(address, {"name": "Laptop", "scopes": ["mail"]}))
    found = re.search(r"pbx_[0-9a-f]{40}", page)
    assert found is not None
    assert tokens.verify_secret(found[0]) is not None
    page = body_of(client.get(address))
    assert found[0] not in page
    assert "Laptop" in page
    client.post(reverse("app_password_revoke", args=[ApiCredential.objects.get().pk]))
    assert tokens.verify_secret(found[0]) is None
    assert "Laptop is revoked" in body_of(client.get(address))


def test_only_administrators_make_passwords_for_operating(client: Client) -> None:
    assert client.post(reverse("settings_passwords"), {"name": "x", "scopes": ["admin"]}).status_code == 422
    assert not ApiCredential.objects.exists()


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_an_account_is_removed_with_all_that_is_held_of_it(client: Client, alice: User, protocol: str) -> None:
    account = make_account(alice, protocol=protocol)
    inbox = account.mailboxes.filter(role="inbox").first() or make_mailbox(account, role="inbox")
    parent = make_mailbox(account, "Plans")
    child = make_mailbox(account, "Old", parent=parent)
    make_email_from_bytes(inbox, RAW)
    make_email(child)
    drafts.create_draft(account)
    address = reverse("account_delete", args=[account.public_id])
    page = body_of(client.get(address))
    assert "1 draft is lost" in page
    assert MailAccount.objects.filter(pk=account.pk).exists()
    assert client.post(address)["Location"] == reverse("settings")
    assert not MailAccount.objects.filter(pk=account.pk).exists()
    assert not Email.objects.exists()
    assert not Mailbox.objects.exists()


def addresses(account: MailAccount, mailbox: Mailbox) -> list[str]:
    identity = Identity.objects.get(account=account)
    by_account = (
        "account_settings",
        "account_act",
        "account_servers",
        "identity_new",
        "mailbox_settings",
        "account_delete",
    )
    return [
        *(reverse(name, args=[account.public_id]) for name in by_account),
        *(reverse(name, args=[identity.public_id]) for name in ("identity", "identity_delete")),
        *(reverse(name, args=[mailbox.public_id]) for name in ("mailbox_edit", "mailbox_delete")),
    ]


@pytest.mark.req("R56")
def test_settings_of_others_are_not_there(account: MailAccount) -> None:
    mailbox = make_mailbox(account, "Plans")
    secret = tokens.create_token(account.user, name="Laptop", scopes=["mail"])
    bob, nobody = client_of(make_user("bob")), Client()
    revoke = reverse("app_password_revoke", args=[secret.credential.pk])
    for address in [*addresses(account, mailbox), revoke]:
        assert bob.post(address, {"name": "Taken", "email": "x@example.org"}).status_code == 404, address
        assert nobody.post(address)["Location"].startswith(reverse("account_login")), address
    assert "Plans" not in body_of(bob.get(reverse("settings")))
    assert tokens.verify_secret(secret.secret) is not None
    assert Mailbox.objects.filter(pk=mailbox.pk, name="Plans").exists()


@pytest.mark.req("R9")
def test_names_and_the_words_of_servers_are_escaped(client: Client, account: MailAccount, alice: User) -> None:
    mailbox = make_mailbox(account, MARKER.replace("/", ""), remote_name="X")
    MailAccount.objects.update(name=MARKER, state="failing", state_reason=MARKER)
    Identity.objects.update(name=MARKER, signature_text=f"</textarea>{MARKER}")
    tokens.create_token(alice, name=MARKER, scopes=["mail"])
    pages = [*addresses(account, mailbox), reverse("settings"), reverse("settings_passwords")]
    for address in pages:
        answer: Any = client.get(address)
        if answer.status_code == 405:
            continue
        page = answer.content.decode()
        assert answer.status_code == 200, address
        assert "<script>alert" not in page, address
