"""Accounts at the fake and the live servers, and what the judges of sync compare."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection

from accounts.models import MailAccount
from tests.factories import make_account, make_user
from tests.fakes.imap import FakeImapServer
from tests.fakes.pop3 import FakePop3Server
from webmail.protocols.imap.flags import keywords_of_flags
from webmail.store import consistency
from webmail.store.models import Email, EmailKeyword, Mailbox, Placement
from webmail.sync import passes
from webmail.sync.connections import close_kept_sessions
from webmail.sync.content import budget

# With and without each extension that picks another branch of the plan (sync section 5).
SERVERS: dict[str, dict[str, Any]] = {
    "qresync": {},
    "objectid": {"also": {"OBJECTID"}},
    "condstore": {"without": {"QRESYNC"}},
    "plain": {"without": {"QRESYNC", "CONDSTORE", "ESEARCH", "LIST-STATUS", "LIST-EXTENDED", "SPECIAL-USE", "ENABLE"}},
}


@pytest.fixture(autouse=True)
def _log_out() -> Iterator[None]:
    yield
    close_kept_sessions()
    budget._counts.moved.clear()  # ids of accounts come again in the next test


@pytest.fixture(params=list(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[FakeImapServer]:
    """The fake server in all its variants."""
    with FakeImapServer(**SERVERS[request.param]) as running:
        yield running


@pytest.fixture
def full_server() -> Iterator[FakeImapServer]:
    """The fake server with everything on."""
    with FakeImapServer() as running:
        yield running


@pytest.fixture
def pop3_server() -> Iterator[FakePop3Server]:
    with FakePop3Server() as running:
        yield running


@pytest.fixture
def connect(db: None) -> Callable[..., MailAccount]:
    """Connects an account of alice to a fake server."""

    def make(server: FakeImapServer | FakePop3Server, **settings: Any) -> MailAccount:
        protocol = "pop3" if isinstance(server, FakePop3Server) else "imap"
        fields = {
            "incoming_host": server.host,
            "incoming_port": server.port,
            "incoming_username": server.user,
            "password": server.password,
            **settings,
        }
        return make_account(make_user(), protocol=protocol, **fields)

    return make


def letter(number: int, *, body: str = "Hello", **headers: str) -> bytes:
    """A small message; each number is another one."""
    fields = {
        "From": "Ben <ben@example.net>",
        "To": "alice@pillarbox.test",
        "Subject": f"Letter {number}",
        "Date": "Tue, 3 Mar 2026 10:00:00 +0000",
        "Message-ID": f"<{number}@example.net>",
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"{head}\r\n{body} {number}\r\n".encode()


def fill(server: FakeImapServer, count: int, *, mailbox: str = "INBOX", first: int = 1, **fields: Any) -> list[int]:
    """Put letters into a mailbox of the fake; returns their UIDs."""
    return [
        server.store.append(server.user, mailbox, letter(number), **fields) for number in range(first, first + count)
    ]


def sync(account: MailAccount, *, passes_made: int = 1) -> MailAccount:
    """Passes over the account; returns it as it is now."""
    for _ in range(passes_made):
        passes.sync_account(account.pk)
    account.refresh_from_db()
    return account


def inbox_of(account: MailAccount) -> Mailbox:
    return Mailbox.objects.get(account=account, role="inbox")


def ids_in(mailbox: Mailbox) -> dict[str, str]:
    """Subject to public id of what people see in the mailbox."""
    return dict(Email.objects.filter(mailbox_rows__mailbox=mailbox).values_list("subject", "public_id"))


def keywords_of(email: Email) -> set[str]:
    return set(EmailKeyword.objects.filter(email=email).values_list("keyword", flat=True))


State = dict[str, dict[int, tuple[frozenset[str], str]]]


def remote_state(server: FakeImapServer) -> State:
    """What the fake holds: mailbox to UID to (keywords, sha256)."""
    with server.store.lock:
        return {
            name: {
                uid: (
                    keywords_of_flags(tuple(flag.encode() for flag in message.flags))[0],
                    hashlib.sha256(message.raw).hexdigest(),
                )
                for uid, message in box.messages.items()
            }
            for name, box in server.store.user(server.user).mailboxes.items()
            if box.is_selectable
        }


def local_state(account: MailAccount) -> State:
    """What we hold, by what people see: an Email's keywords, and bytes by placement. For equal messages in several mailboxes,
    which are one Email here, the keywords of each place, when the Email has all that they agree on and nothing else."""
    found: State = {
        name: {}
        for name in Mailbox.objects.filter(account=account, is_selectable=True).values_list("remote_name", flat=True)
    }
    rows = list(Placement.objects.filter(mailbox__account=account).select_related("mailbox", "email__blob"))
    told: dict[int, list[frozenset[str]]] = defaultdict(list)
    for row in rows:
        told[row.email_id].append(frozenset(row.keywords.split()))
    for row in rows:
        blob, words, places = row.email.blob, frozenset(keywords_of(row.email)), told[row.email_id]
        if len(places) > 1 and frozenset.intersection(*places) <= words <= frozenset.union(*places):
            words = frozenset(row.keywords.split())
        found[row.mailbox.remote_name][row.uid or 0] = (words, blob.sha256 if blob is not None else "")
    return found


def assert_in_step(account: MailAccount, server: FakeImapServer) -> None:
    """I5 and Y95: the local set is the server's, and the store is sound."""
    assert local_state(account) == remote_state(server)
    assert consistency.check_account(account.pk) == []


@dataclass
class Statements:
    """SQL that was run."""

    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        (self.reads if sql.lstrip().upper().startswith(("SELECT", "SAVEPOINT", "RELEASE")) else self.writes).append(sql)
        return execute(sql, params, many, context)


@pytest.fixture
def statements() -> Iterator[Statements]:
    """Records what is sent to the database from the moment it is entered."""
    recorded = Statements()
    with connection.execute_wrapper(recorded):
        yield recorded
