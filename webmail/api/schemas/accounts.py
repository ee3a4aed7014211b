"""Accounts, mailboxes, identities, tokens, and the user."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from webmail.api.schemas.base import Id, Input, Output, Text
from webmail.mime.addresses import is_valid_email


def _check_email(text: str) -> str:
    if not is_valid_email(text):
        raise ValueError("is no e-mail address")
    return text


EmailText = Annotated[Text, AfterValidator(_check_email)]


class SyncOut(Output):
    """How far the local copy has come, in messages: listed, and complete with their bytes."""

    total: int
    listed: int
    complete: int


class AccountOut(Output):
    """A connected mailbox. Secrets are never shown."""

    id: str
    name: str
    address: str
    protocol: Literal["imap", "pop3"]
    color: int
    is_unified: bool
    can_send: bool
    state: Literal["new", "ok", "failing", "auth_failed", "paused"]
    state_reason: str
    state_since: datetime
    last_sync_at: datetime | None
    sync: SyncOut


class AccountListOut(Output):
    accounts: list[AccountOut]


class VerificationOut(Output):
    """A test of the account's servers: one entry in `report` for each protocol step."""

    id: str
    status: Literal["pending", "running", "passed", "failed"]
    report: list[dict[str, Any]]
    created_at: datetime


class RightsOut(Output):
    """What may be done with a mailbox."""

    may_add: bool
    may_remove: bool
    may_rename: bool
    may_delete: bool
    may_create_child: bool


class MailboxOut(Output):
    """A mailbox; its id stays when it is renamed or moved. `role` is empty for one of the user's own."""

    id: str
    parent_id: str | None
    name: str
    role: str
    sort_order: int
    depth: int
    is_subscribed: bool
    is_selectable: bool
    total_messages: int
    unread_messages: int
    total_threads: int
    unread_threads: int
    rights: RightsOut


class MailboxListOut(Output):
    """Each parent stands before its children."""

    mailboxes: list[MailboxOut]


class MailboxIn(Input):
    name: Annotated[Text, Field(max_length=255)]
    parent_id: Id | None = None


class MailboxChangeIn(Input):
    """`parent_id` null: to the top."""

    name: Annotated[Text, Field(max_length=255)] | None = None
    parent_id: Id | None = None


class IdentityOut(Output):
    """An address to send from."""

    id: str
    name: str
    email: str
    reply_to: str
    signature_text: str
    signature_html: str
    is_default: bool


class IdentityListOut(Output):
    identities: list[IdentityOut]


class IdentityChangeIn(Input):
    name: Annotated[Text, Field(max_length=200)] | None = None
    email: Annotated[EmailText, Field(max_length=254)] | None = None
    reply_to: Annotated[EmailText, Field(max_length=254)] | Literal[""] | None = None
    signature_text: Annotated[Text, Field(max_length=10_000)] | None = None
    signature_html: Annotated[Text, Field(max_length=50_000)] | None = None
    is_default: bool | None = None


class IdentityIn(IdentityChangeIn):
    email: Annotated[EmailText, Field(max_length=254)]


class TokenOut(Output):
    """A credential. `hint`: its last characters; `account_ids` empty: all accounts."""

    id: str
    kind: Literal["app_password", "token"]
    name: str
    hint: str
    scopes: list[str]
    account_ids: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewTokenOut(TokenOut):
    """`secret` is shown this once."""

    secret: str


class TokenListOut(Output):
    tokens: list[TokenOut]


class TokenIn(Input):
    """`mail` stands for all scopes that a mail program needs."""

    name: Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1), Field(max_length=100)]
    kind: Literal["app_password", "token"] = "token"
    scopes: Annotated[list[Text], Field(min_length=1, max_length=50)]
    account_ids: Annotated[list[Id], Field(max_length=100)] = []
    expires_at: AwareDatetime | None = None


class LimitsOut(Output):
    """Sizes in bytes."""

    max_page_size: int
    max_batch_size: int
    max_upload_bytes: int
    max_recipients: int


class MeOut(Output):
    """The user, and what this credential may do. `account_ids` null: all accounts."""

    email: str
    name: str
    timezone: str
    scopes: list[str]
    account_ids: list[str] | None
    limits: LimitsOut
