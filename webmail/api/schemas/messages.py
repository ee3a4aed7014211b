"""Messages, conversations, their bodies, and acts on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import AliasChoices, Field, model_validator

from webmail.api.schemas.base import AddressOut, Id, Input, Output, Text

MAX_BATCH = 500


class AttachmentOut(Output):
    """A file of a message. `name` is safe to save under; `href` gives its bytes."""

    part_id: str
    name: str
    type: str
    size_bytes: int
    cid: str | None
    is_inline: bool
    href: str


class BodyOut(Output):
    """What to show. `html` is sanitised and null for plain text mail; remote content is taken out and counted."""

    text: str
    html: str | None
    blocked_remote: int
    is_truncated: bool
    attachments: list[AttachmentOut]


class MessageRowOut(Output):
    """A message as a list shows it. `preview` is empty until the body has come, or without the scope mail.read."""

    id: str
    account_id: str
    thread_id: str
    mailbox_ids: list[str]
    keywords: list[str]
    is_unread: bool
    from_: list[AddressOut] = Field(validation_alias=AliasChoices("from", "from_"), serialization_alias="from")
    to: list[AddressOut]
    cc: list[AddressOut]
    subject: str
    preview: str
    received_at: datetime
    size_bytes: int
    has_attachment: bool


class MessageOut(MessageRowOut):
    """A message whole. `is_complete`: its bytes are here; `body` only on `expand=body`."""

    bcc: list[AddressOut]
    reply_to: list[AddressOut]
    sender: list[AddressOut]
    sent_at: datetime | None
    message_id: str
    in_reply_to: list[str]
    references: list[str]
    list_id: str
    blob_id: str | None
    is_complete: bool
    body_error: str
    body: BodyOut | None = None


class MessageListOut(Output):
    """One page. `total` only on `count=true`."""

    messages: list[MessageRowOut]
    next: str | None
    prev: str | None
    total: int | None = None


class ThreadRowOut(Output):
    """A conversation as a list shows it; what is said of one message is said of its newest one there."""

    id: str
    account_id: str
    message_id: str
    mailbox_ids: list[str]
    people: list[AddressOut]
    subject: str
    preview: str
    received_at: datetime
    count: int
    is_unread: bool
    is_flagged: bool
    has_attachment: bool


class ThreadListOut(Output):
    threads: list[ThreadRowOut]
    next: str | None
    prev: str | None


class ThreadOut(Output):
    """A conversation, oldest message first; `messages` only on `expand=messages`."""

    id: str
    account_id: str
    message_ids: list[str]
    messages: list[MessageOut] | None = None


class HeaderOut(Output):
    """One field: its name as sent, its value decoded and unfolded."""

    name: str
    value: str


class HeaderListOut(Output):
    """All fields in order."""

    headers: list[HeaderOut]


class ChangeIn(Input):
    """What to add and what to take away."""

    add: Annotated[list[Text], Field(max_length=100)] = []
    remove: Annotated[list[Text], Field(max_length=100)] = []


WholeOrChange: TypeAlias = Annotated[list[Text], Field(max_length=100)] | ChangeIn


class MessageChangeIn(Input):
    """Each given as the whole list, or as what to add and remove. A message stays in one mailbox at least."""

    keywords: WholeOrChange | None = None
    mailbox_ids: WholeOrChange | None = None


class BatchFilterIn(Input):
    """All messages of the account that match: in one mailbox, or meeting a search query, or both."""

    mailbox_id: Id | None = None
    q: Annotated[Text, Field(max_length=1_000)] = ""

    @model_validator(mode="after")
    def _names_something(self) -> BatchFilterIn:
        if self.mailbox_id is None and not self.q.strip():
            raise ValueError("a filter needs mailbox_id or q")
        return self


class BatchIn(Input):
    """One act on many messages: those named by `ids`, or all that match `filter`.

    `keywords`: with `add` and `remove`. `move`: to `mailbox_id`, out of `source_mailbox_id` or all others. `copy`: to
    `mailbox_id` as well. It may be of another account: then the operation is a `transfer`. `trash`, `destroy`: no more arguments.
    """

    ids: Annotated[list[Id], Field(max_length=MAX_BATCH)] = []
    filter: BatchFilterIn | None = None
    action: Literal["keywords", "move", "copy", "trash", "destroy"]
    add: Annotated[list[Text], Field(max_length=100)] = []
    remove: Annotated[list[Text], Field(max_length=100)] = []
    mailbox_id: Id | None = None
    source_mailbox_id: Id | None = None

    @model_validator(mode="after")
    def _arguments_fit(self) -> BatchIn:
        if bool(self.ids) == (self.filter is not None):
            raise ValueError("name messages by ids or by a filter")
        if self.action in {"move", "copy"} and self.mailbox_id is None:
            raise ValueError(f"{self.action} needs mailbox_id")
        if self.action == "keywords" and not (self.add or self.remove):
            raise ValueError("keywords needs add or remove")
        return self


class BatchResultOut(Output):
    """What became of one id; `code` is null when it is done."""

    id: str
    code: str | None


class BatchOut(Output):
    """`results` is empty for a filter; the operations tell how many messages they are about and how far they are."""

    results: list[BatchResultOut]
    operation_ids: list[str]
