"""What changed, and what the mail server must still be told."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from webmail.api.schemas.accounts import IdentityOut, MailboxOut
from webmail.api.schemas.base import Output
from webmail.api.schemas.messages import MessageOut, ThreadOut
from webmail.api.schemas.sending import SubmissionOut


class TypeChangesOut(Output):
    """The ids of one type; each is in one list only. `only_counts`: of mailboxes nothing but the counters changed."""

    created: list[str]
    updated: list[str]
    destroyed: list[str]
    only_counts: bool = False


class ObjectsOut(Output):
    """The created and updated objects, on `include=objects`."""

    messages: list[MessageOut] = []
    mailboxes: list[MailboxOut] = []
    threads: list[ThreadOut] = []
    identities: list[IdentityOut] = []
    submissions: list[SubmissionOut] = []


class SyncPageOut(Output):
    """`cursor` goes into the next request; `has_more`: ask again at once."""

    account_id: str
    changes: dict[str, TypeChangesOut]
    objects: ObjectsOut | None = None
    cursor: str
    has_more: bool


class OperationOut(Output):
    """An act on the mail server. A permanent refusal is undone here, and `error` says why.

    `total` messages, of which `done_count` are carried out. `stopped`: at the user's wish; what was not carried out is undone.
    """

    id: str
    account_id: str
    kind: Literal[
        "keywords", "move", "copy", "destroy", "transfer", "create_mailbox", "rename_mailbox", "delete_mailbox"
    ]
    status: Literal["queued", "running", "done", "failed", "stopped"]
    total: int
    done_count: int
    attempts: int
    error: str
    created_at: datetime
    done_at: datetime | None


class OperationListOut(Output):
    """Newest first."""

    operations: list[OperationOut]
    next: str | None
