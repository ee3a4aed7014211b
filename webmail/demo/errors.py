"""What the demo store refuses, named by cause. The servers translate each into their protocol's answer."""

from __future__ import annotations


class StoreError(Exception):
    """Base of every refusal of the demo store."""


class UnknownUser(StoreError):
    """No user has this address."""


class NoSuchMailbox(StoreError):
    """The user has no mailbox of this name. IMAP answers NONEXISTENT, or TRYCREATE for COPY, MOVE and APPEND."""


class MailboxExists(StoreError):
    """A mailbox of this name is there already."""


class MailboxProtected(StoreError):
    """INBOX can be neither deleted nor created anew (RFC 3501 6.3.4)."""
