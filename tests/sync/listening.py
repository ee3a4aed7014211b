"""A watch whose wake-ups are kept, pumped by the test, and the accounts it listens to."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests import factories
from tests.demo.conftest import make_mail
from tests.fakes.imap import FakeImapServer
from webmail.store.models import Mailbox
from webmail.sync.watching.watch import Watch
from webmail.sync.watching.watch_polling import Polls

PASSWORD = "alice-password"


class Listening:
    """A watch whose wake-ups are kept, pumped by the test."""

    def __init__(self, **options: Any) -> None:
        self.woken: list[tuple[str, int]] = []
        options.setdefault("polls", Polls(find_users=lambda: ()))
        self.watch = Watch(wake=lambda task, row_id: self.woken.append((task, row_id)), **options)

    def until(self, is_true: Callable[[], object], *, timeout_s: float = 10.0) -> None:
        """Pump until it is true. Raises `TimeoutError`."""
        until = time.monotonic() + timeout_s
        while not is_true():
            if time.monotonic() > until:
                raise TimeoutError(f"woken so far: {self.woken}")
            self.watch.pump(timeout_s=0.05)

    def until_listening(self, count: int = 1) -> None:
        """Until so many accounts are listened to and the wake-ups of the beginning are over."""
        self.until(lambda: self.watch.figures()["listening"] == count)
        self.until(lambda: not self.watch.pump(timeout_s=0.3))
        self.woken.clear()


def make_inbox(port: int, *, user: str = "alice@pillarbox.test", password: str = PASSWORD, **settings: Any) -> Mailbox:
    """The inbox of an account of a user of its own."""
    owner = factories.make_user(f"owner{port}")
    account = factories.make_account(owner, incoming_port=port, incoming_username=user, password=password, **settings)
    return factories.make_mailbox(account, "INBOX", role="inbox")


def deliver(server: FakeImapServer, number: int = 1, *, mailbox: str = "INBOX") -> None:
    """New mail at the server."""
    server.store.append(server.user, mailbox, make_mail(number))
