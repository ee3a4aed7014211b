"""alice with mail in two accounts, bob and charlie with their own, and clients that speak for them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts import tokens
from accounts.models import MailAccount, User
from tests import factories
from webmail.store import consistency
from webmail.store.models import Mailbox

RAW = (
    b"From: Ben <ben@example.net>\r\nTo: alice@pillarbox.test\r\nSubject: Lunch\r\nMessage-ID: <lunch@example.net>\r\n"
    b"Date: Tue, 3 Mar 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b'<p onclick="x()">Soup at noon?</p><script>alert(1)</script><img src="https://tracker.example/x.gif">\r\n'
    b'--b\r\nContent-Type: text/plain; name="menu.txt"\r\nContent-Disposition: attachment; filename="menu.txt"\r\n\r\n'
    b"0123456789\r\n--b--\r\n"
)


@dataclass
class Api:
    """A client with a credential. JSON in, response out; `expect` is the status that must come."""

    headers: dict[str, str] = field(default_factory=dict)
    client: Client = field(default_factory=Client)

    def call(
        self, method: str, path: str, body: Any = None, *, expect: int | None = None, raw: bytes = b"", **headers: str
    ) -> HttpResponse:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        content_type = sent.pop("Content-Type", "application/json")
        data = raw if body is None else json.dumps(body)
        response = self.client.generic(
            method,
            path if path.startswith("/") else f"/api/v1/{path}",
            data,
            content_type,
            headers={**self.headers, **sent},
        )
        if expect is not None:
            assert response.status_code == expect, response.content
        return response

    def get(self, path: str, *, expect: int = 200, **headers: str) -> Any:
        return self.call("GET", path, expect=expect, **headers).json()

    def post(self, path: str, body: Any = None, *, expect: int = 200, **headers: str) -> Any:
        return self.call("POST", path, {} if body is None else body, expect=expect, **headers).json()


def speaking_for(
    user: User, *, scopes: tuple[str, ...] = ("mail", "accounts.write", "tokens.write"), **options: Any
) -> Api:
    """A client with a fresh token."""
    made = tokens.create_token(user, name="test", scopes=scopes, **options)
    return Api({"Authorization": f"Bearer {made.secret}"})


def basic(login: str, secret: str) -> dict[str, str]:
    """The header of Basic authentication."""
    return {"Authorization": f"Basic {base64.b64encode(f'{login}:{secret}'.encode()).decode()}"}


@dataclass
class World:
    """alice with an IMAP account and a POP3 account."""

    alice: User
    bob: User
    charlie: User
    account: MailAccount
    second: MailAccount
    inbox: Mailbox
    archive: Mailbox
    trash: Mailbox
    api: Api

    @property
    def home(self) -> str:
        return f"accounts/{self.account.public_id}"


@pytest.fixture
def world(db: None) -> Iterator[World]:
    """Every invariant of the store must hold when the test is over."""
    alice, bob = factories.make_user("alice"), factories.make_user("bob")
    charlie = factories.make_user("charlie", is_staff=True, is_superuser=True)
    account = factories.make_account(alice)
    second = factories.make_account(alice, protocol="pop3")
    for other in (bob, charlie):
        factories.make_mailbox(factories.make_account(other), "Inbox", role="inbox")
    yield World(
        alice,
        bob,
        charlie,
        account,
        second,
        factories.make_mailbox(account, "Inbox", role="inbox"),
        factories.make_mailbox(account, "Archive", role="archive"),
        factories.make_mailbox(account, "Trash", role="trash"),
        speaking_for(alice),
    )
    assert consistency.check_account(account.pk) == []
    assert consistency.check_account(second.pk) == []
