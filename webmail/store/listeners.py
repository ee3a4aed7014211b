"""What the store does when accounts tell of a new account or a changed identity."""

from __future__ import annotations

from typing import Any

from accounts import signals
from accounts.models import Identity, MailAccount
from webmail.store import changes, mailboxes


def connect() -> None:
    """Called once, when Django is ready."""
    signals.account_created.connect(_account_created)
    signals.identity_changed.connect(_identity_changed)


def _account_created(account: MailAccount, **_: Any) -> None:
    changes.start_clock(account.pk)
    if account.is_pop3:
        mailboxes.create_local_mailboxes(account)


def _identity_changed(identity: Identity, destroyed: bool, **_: Any) -> None:  # noqa: FBT001 - a signal's argument
    with changes.recording(identity.account_id) as record:
        if destroyed:
            gone = changes.DestroyedObject(identity.public_id, identity.created_modseq)
            record.destroyed(changes.IDENTITY, [gone])
            return
        if not identity.created_modseq:
            number = record.take(changes.IDENTITY)[0]
            identity.created_modseq = identity.updated_modseq = number
            identity.save(update_fields=["created_modseq", "updated_modseq"])
        else:
            record.touch(changes.IDENTITY, [identity.pk])
