"""Two accounts of one person at two fakes, and the end of a process at a named point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from accounts.models import MailAccount
from tests.factories import make_mailbox, make_user
from tests.fakes.imap import FakeImapServer
from tests.outbox.letters import make_sender
from tests.sync.replay_rows import ROLES, replay_due
from webmail.demo.imap_session import ImapConfig
from webmail.journal.models import Action
from webmail.store import consistency
from webmail.store.models import Email, Mailbox
from webmail.sync import points
from webmail.sync.connections import account_session, close_kept_sessions


@dataclass
class Stage:
    """alice's two accounts, `here` to move from and `there` to move to."""

    here: FakeImapServer
    there: FakeImapServer
    inbox: Mailbox
    work: Mailbox

    @property
    def account(self) -> MailAccount:
        return MailAccount.objects.get(pk=self.inbox.account_id)

    def arrived(self) -> list[Email]:
        return list(Email.objects.filter(account_id=self.work.account_id).order_by("pk"))

    def raws_there(self) -> list[bytes]:
        box = self.there.store.mailbox(self.there.user, "Work")
        return [message.raw for message in box.messages.values()]


Start = Callable[..., Stage]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts both servers; `without` and `config` are the target's, `here_without` the source's."""
    running: list[FakeImapServer] = []
    accounts: list[MailAccount] = []

    def start_one(*without: str, here_without: tuple[str, ...] = (), config: ImapConfig | None = None) -> Stage:
        here = FakeImapServer(without=here_without).start()
        there = FakeImapServer(without=without, config=config).start()
        running.extend([here, there])
        there.store.create_mailbox(there.user, "Work")
        user = make_user("mover")
        for server in (here, there):
            login = {"incoming_username": server.user, "password": server.password}
            account = make_sender(user, incoming_port=server.port, **login)
            accounts.append(account)
        return Stage(here, there, remote(accounts[-2], "INBOX"), remote(accounts[-1], "Work"))

    yield start_one
    points.observer = None
    close_kept_sessions()
    for server in running:
        server.stop()
    for account in accounts:
        assert consistency.check_account(account.pk) == []


def remote(account: MailAccount, name: str) -> Mailbox:
    with account_session(account) as session:
        uidvalidity = session.select(name.encode()).uidvalidity
    return make_mailbox(account, name, role=ROLES.get(name, ""), uidvalidity=uidvalidity, uidnext=1)


def finish(account: MailAccount, *, tries: int = 8) -> None:
    """Replay until nothing is open, through crashes that are over."""
    for _ in range(tries):
        if not Action.objects.filter(account=account, status__in=Action.OPEN).exists():
            return
        replay_due(account)
    raise AssertionError(f"still open: {list(Action.objects.values('status', 'error'))}")


class Killed(BaseException):
    """The end of the process: nothing of ours catches it."""


def kill_at(point: str, number: int) -> None:
    left = [number]

    def observe(name: str) -> None:
        if name == point:
            left[0] -= 1
            if left[0] == 0:
                points.observer = None
                raise Killed

    points.observer = observe
