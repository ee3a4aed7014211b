"""The rows: every server nobody here wrote, and Dovecot without this and that. One list of tests runs on all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from accounts.models import AccountState, MailAccount
from tests.factories import make_account, make_user
from tests.servers.courier import CourierServer
from tests.servers.cyrus import CyrusServer
from tests.servers.dovecot import DovecotServer, MailUser
from tests.servers.mailutils import MailutilsServer
from tests.servers.private import PrivateServer
from tests.servers.process import ServerUnavailable
from tests.sync_servers.foreign import Foreign, Held, State
from webmail.store import consistency
from webmail.store.models import Email, EmailKeyword, Mailbox, Placement
from webmail.sync import passes
from webmail.sync.actions.replay import replay_account
from webmail.sync.connections import close_kept_sessions

Server = DovecotServer | PrivateServer

_DOVECOT = (
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE NAMESPACE LITERAL+ CHILDREN UNSELECT LIST-EXTENDED LIST-STATUS "
    "SPECIAL-USE ESEARCH SORT THREAD=REFERENCES NOTIFY UIDPLUS MOVE CONDSTORE QRESYNC"
)


def _without(*hidden: str) -> Callable[[], Server]:
    """A Dovecot that does not name these; it would still understand them, so absence itself is tested at the fake."""
    return lambda: DovecotServer(imap_capability=" ".join(word for word in _DOVECOT.split() if word not in hidden))


IMAP_ROWS: dict[str, Callable[[], Server]] = {
    "dovecot": DovecotServer,
    "dovecot-without-qresync": _without("QRESYNC"),
    "dovecot-without-condstore": _without("QRESYNC", "CONDSTORE"),
    "dovecot-without-move": _without("MOVE"),
    "dovecot-without-uidplus": _without("UIDPLUS"),
    "dovecot-without-special-use": _without("SPECIAL-USE", "LIST-STATUS", "LIST-EXTENDED"),
    "cyrus": CyrusServer,
    "courier": CourierServer,
    "mailutils": MailutilsServer,
}
POP3_ROWS = ("dovecot", "cyrus", "courier", "mailutils")
# What decides which branch is taken (sync section 5).
DECIDING = (
    "QRESYNC CONDSTORE OBJECTID ENABLE ESEARCH MOVE UIDPLUS LIST-EXTENDED LIST-STATUS SPECIAL-USE NOTIFY IDLE NAMESPACE"
)


class Rows:
    """The servers of a test process: each is started when first asked for, and ends with the process."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._running: dict[str, Server] = {}
        self._missing: dict[str, str] = {}

    def server(self, row: str) -> Server:
        """The server of a row; skips, naming what is missing, where it cannot run."""
        if row in self._missing:
            pytest.skip(self._missing[row])
        if row not in self._running:
            try:
                made = IMAP_ROWS[row]()
                self._stack.callback(made.close)
                made.start()
            except ServerUnavailable as error:
                self._missing[row] = f"{row}: {error}"
                pytest.skip(self._missing[row])
            self._running[row] = made
        return self._running[row]


@pytest.fixture(scope="session")
def rows(session_servers: ExitStack) -> Rows:
    """All rows of this test process."""
    return Rows(session_servers)


@pytest.fixture(autouse=True)
def _log_out() -> Iterator[None]:
    yield
    close_kept_sessions()


@dataclass
class Stage:
    """One person's account at a server, another program of the same person, and what they hold."""

    row: str
    server: Server
    person: MailUser
    account: MailAccount
    other: Foreign

    def sync(self, times: int = 2) -> None:
        """Passes: what is missing in the first is believed in the second."""
        for _ in range(times):
            passes.sync_account(self.account.pk)
        self.account.refresh_from_db()
        assert self.account.state == AccountState.OK, self.account.state_reason
        assert self.account.state_reason == ""
        self.rest()

    def rest(self) -> None:
        """Log out where another program's changes would be written only after that (Mailutils)."""
        if self.row == "mailutils":
            close_kept_sessions()

    def replay(self) -> None:
        """Tell the server what was done here."""
        replay_account(self.account.pk)
        self.rest()

    def mailbox(self, name: str) -> Mailbox:
        """The row of a mailbox, by the name people say."""
        return Mailbox.objects.get(account=self.account, remote_name=self.other.remote(name))

    def emails(self, name: str) -> list[Email]:
        """What is shown in a mailbox, oldest first."""
        rows = Email.objects.filter(mailbox_rows__mailbox=self.mailbox(name))
        return list(rows.order_by("placements__uid", "pk").distinct())

    def ids(self, name: str) -> dict[str, str]:
        """Subject to id of what is shown in a mailbox."""
        return {email.subject: email.public_id for email in self.emails(name)}

    def assert_in_step(self) -> None:
        """Y95: what we hold is what the server holds, and the store is sound."""
        assert local_state(self.account) == self.other.state()
        assert shown_keywords(self.account) == told_keywords(self.account)
        assert consistency.check_account(self.account.pk) == []


def local_state(account: MailAccount) -> State:
    """What we hold of the server, by the name on the wire and UID."""
    boxes = Mailbox.objects.filter(account=account, source=Mailbox.Source.REMOTE, is_selectable=True)
    found: State = {name: {} for name in boxes.exclude(remote_name="").values_list("remote_name", flat=True)}
    for row in Placement.objects.filter(mailbox__account=account).select_related("mailbox", "email__blob"):
        assert row.email is not None
        sha256 = row.email.blob.sha256 if row.email.blob is not None else ""
        found[row.mailbox.remote_name][row.uid or 0] = Held(frozenset(row.keywords.split()), sha256)
    return found


def _single(account: MailAccount) -> dict[int, Placement]:
    """The placement of each Email that has one only: its keywords must be those the server told of it."""
    by_email: dict[int, list[Placement]] = {}
    for row in Placement.objects.filter(mailbox__account=account, email__isnull=False):
        by_email.setdefault(row.email_id or 0, []).append(row)
    return {pk: found[0] for pk, found in by_email.items() if len(found) == 1}


def told_keywords(account: MailAccount) -> dict[int, set[str]]:
    return {pk: set(row.keywords.split()) for pk, row in _single(account).items()}


def shown_keywords(account: MailAccount) -> dict[int, set[str]]:
    """Without those that the server cannot hold (Y65)."""
    found: dict[int, set[str]] = {pk: set() for pk in _single(account)}
    rows = EmailKeyword.objects.filter(email__in=list(found), is_local_only=False)
    for pk, keyword in rows.values_list("email", "keyword"):
        found[pk].add(keyword)
    return found


def _stage(rows: Rows, row: str) -> Stage:
    server = rows.server(row)
    person = server.new_user()
    account = make_account(
        make_user(),
        address=person.address,
        incoming_port=server.imap_port,
        incoming_username=person.name,
        password=person.password,
    )
    other = Foreign(server.imap_port, person.name, person.password)
    seen = [word for word in DECIDING.split() if other.offers(word)]
    print(f"{row}: offers {' '.join(seen)}; prefix {other.prefix!r}, delimiter {other.delimiter!r}")
    return Stage(row, server, person, account, other)


@pytest.fixture(params=list(IMAP_ROWS))
def stage(request: pytest.FixtureRequest, rows: Rows, db: None) -> Iterator[Stage]:
    """A new person's account at each server in turn. The capabilities really seen are in the captured output."""
    made = _stage(rows, request.param)
    with made.other:
        yield made
        close_kept_sessions()


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
