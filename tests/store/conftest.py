"""An account with the usual mailboxes, and the invariants after every test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from accounts.models import MailAccount, User
from tests import factories
from webmail.store import consistency
from webmail.store.models import Mailbox


@dataclass
class World:
    """alice with one IMAP account."""

    alice: User
    account: MailAccount
    inbox: Mailbox
    archive: Mailbox
    trash: Mailbox


@pytest.fixture
def world(db: None) -> Iterator[World]:
    """Every invariant of the store must hold when the test is over."""
    alice = factories.make_user()
    account = factories.make_account(alice)
    yield World(
        alice,
        account,
        factories.make_mailbox(account, "Inbox", role="inbox"),
        factories.make_mailbox(account, "Archive", role="archive"),
        factories.make_mailbox(account, "Trash", role="trash"),
    )
    assert consistency.check_account(account.pk) == []
