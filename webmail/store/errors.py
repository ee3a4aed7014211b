"""What can go wrong in the store, named by cause."""

from __future__ import annotations


class StoreError(Exception):
    """Base of everything the store raises on purpose."""


class BlobMissing(StoreError):
    """The bytes are not where the row says. Report it (`check_store`), fetch the message again."""


class BlobDamaged(StoreError):
    """The bytes do not have the hash they are named by. Report it, fetch the message again."""


class StorageFull(StoreError):
    """No room for more. Nothing was acknowledged; sync pauses and sends are refused until there is (reliability R88)."""


class MailboxNameTaken(StoreError):
    """A mailbox of that name is there already under the same parent. `existing_id` is its public id."""

    def __init__(self, existing_id: str) -> None:
        super().__init__("a mailbox of that name exists already")
        self.existing_id = existing_id


class BadMailboxName(StoreError):
    """Empty, too long, or with control characters or the server's delimiter in it."""


class MailboxNotEmpty(StoreError):
    """It still holds messages or other mailboxes."""


class LeaseLost(StoreError):
    """Another worker owns the lease now. Stop writing at once (sync Y82)."""


class CannotCalculateChanges(StoreError):
    """The state is unknown or too old: the client must read everything anew (RFC 8620 section 5.2)."""
