"""From POP3 to IMAP, the part that follows the first listing (decision 17): see `store.protocol_change`.

What a person marked while the account was POP3 is told to the server as Actions, as if it were done now. It must not change
anything on the server by itself.
"""

from __future__ import annotations

from collections import defaultdict

import structlog

from webmail.journal import entries
from webmail.journal.models import Action
from webmail.store import changes, protocol_change
from webmail.store.leases import HeldLease
from webmail.store.models import Mailbox, Role
from webmail.sync.actions import replay

log = structlog.get_logger(__name__)


def begin(account_id: int) -> None:
    """The account is about to be IMAP: what is open ends as it does under POP3, then its mailboxes change.

    Call it in the transaction that changes the protocol, before the account's row says IMAP.
    """
    replay.replay_account(account_id)
    protocol_change.begin_imap(account_id)


def settle(account_id: int, lease: HeldLease) -> None:
    """INBOX was looked at: once it is listed completely, let go of what POP3 left. Safe to repeat; mostly there is nothing."""
    inbox = Mailbox.objects.filter(account_id=account_id, role=Role.INBOX).first()
    if inbox is None or not inbox.is_backfilled or not protocol_change.is_changing(inbox.pk):
        return
    with changes.recording(account_id) as record:
        lease.check()
        missing = protocol_change.finish(record, inbox)
        by_words: dict[frozenset[str], list[int]] = defaultdict(list)
        for email_id, words in missing.items():
            by_words[words].append(email_id)
        for words, email_ids in by_words.items():
            added = sorted(words)
            entries.append_action(
                account_id,
                Action.Kind.KEYWORDS,
                user=None,
                emails=[(email_id, None, {"added": added, "removed": []}) for email_id in email_ids],
                arguments={"add": added, "remove": []},
            )
    log.info("sync.protocol_changed", account=account_id, told=len(missing))
