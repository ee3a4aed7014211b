"""Drafts, their files, submissions, uploads."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from webmail.api.schemas.base import Id, Input, Output, Text

MAX_TEXT_CHARS = 1_000_000
Recipients = Annotated[Text, Field(max_length=100_000, description="as people type them, separated by commas")]
Body = Annotated[Text, Field(max_length=MAX_TEXT_CHARS)]
Subject = Annotated[Text, Field(max_length=2_000)]


class DraftAttachmentOut(Output):
    id: str
    blob_id: str
    name: str
    type: str
    size_bytes: int
    cid: str
    is_inline: bool


class DraftOut(Output):
    """A message being written. Its id stays from save to save; `revision` counts them."""

    id: str
    account_id: str
    identity_id: str | None
    to: str
    cc: str
    bcc: str
    subject: str
    text: str
    html: str
    in_reply_to: list[str]
    references: list[str]
    original_id: str | None
    is_forward: bool
    revision: int
    attachments: list[DraftAttachmentOut]
    created_at: datetime
    updated_at: datetime


class DraftListOut(Output):
    """Newest first."""

    drafts: list[DraftOut]


class DraftFieldsIn(Input):
    """What a save writes; a field that is not sent stays as it is."""

    identity_id: Id | None = None
    to: Recipients | None = None
    cc: Recipients | None = None
    bcc: Recipients | None = None
    subject: Subject | None = None
    text: Body | None = None
    html: Body | None = None


class DraftIn(DraftFieldsIn):
    """A new draft: empty, or begun from the message `original_id` with recipients, subject and quotation."""

    original_id: Id | None = None
    mode: Literal["new", "reply", "reply_all", "forward"] = "new"

    @model_validator(mode="after")
    def _mode_fits(self) -> DraftIn:
        if (self.mode == "new") != (self.original_id is None):
            raise ValueError("mode and original_id go together")
        return self


class DraftReplaceIn(Input):
    """The whole draft; what is not sent becomes empty."""

    identity_id: Id | None = None
    to: Recipients = ""
    cc: Recipients = ""
    bcc: Recipients = ""
    subject: Subject = ""
    text: Body = ""
    html: Body = ""


class FileIn(Input):
    """A file that was uploaded before."""

    blob_id: Id
    name: Annotated[Text, Field(max_length=255)] = ""
    type: Annotated[Text, Field(max_length=127)] = "application/octet-stream"


class InlineFileIn(FileIn):
    """`cid`: how the HTML names it, without angle brackets."""

    cid: Annotated[Text, Field(max_length=255)] = ""
    is_inline: bool = False


class SendIn(Input):
    """When to send: at once but for the undo window, after `hold_for_s` seconds, or at `send_at`."""

    send_at: AwareDatetime | None = None
    hold_for_s: Annotated[int, Field(ge=0, le=60 * 24 * 3600)] | None = None

    @model_validator(mode="after")
    def _one_time(self) -> SendIn:
        if self.send_at is not None and self.hold_for_s is not None:
            raise ValueError("only one of send_at and hold_for_s can be given")
        return self


class OutgoingIn(Input):
    """A message given inline."""

    identity_id: Id | None = None
    to: Recipients = ""
    cc: Recipients = ""
    bcc: Recipients = ""
    subject: Subject = ""
    text: Body = ""
    html: Body = ""
    in_reply_to: Annotated[list[Text], Field(max_length=10)] = []
    references: Annotated[list[Text], Field(max_length=100)] = []
    attachments: Annotated[list[InlineFileIn], Field(max_length=100)] = []


class SubmissionIn(SendIn):
    """What to send: a draft, or a message given inline."""

    draft_id: Id | None = None
    message: OutgoingIn | None = None

    @model_validator(mode="after")
    def _one_source(self) -> SubmissionIn:
        if (self.draft_id is None) == (self.message is None):
            raise ValueError("exactly one of draft_id and message must be given")
        return self


class RecipientOut(Output):
    """`reply`: the server's answer to this recipient, untrusted text."""

    email: str
    status: Literal["waiting", "accepted", "refused"]
    reply: str


class EventOut(Output):
    at: datetime
    phase: str
    text: str


class SubmissionOut(Output):
    """A message on its way. `undo_status` as in RFC 8621 section 7; `events` only when asked for alone."""

    id: str
    account_id: str
    identity_id: str | None
    phase: Literal[
        "held", "queued", "claimed", "in_data", "dot_sent", "accepted", "done", "retry", "failed", "unconfirmed", "cancelled"
    ]  # fmt: skip
    undo_status: Literal["pending", "final", "canceled"]
    subject: str
    mail_from: str
    message_id: str
    size_bytes: int
    send_at: datetime
    attempts: int
    last_reply: str
    recipients: list[RecipientOut]
    created_at: datetime
    accepted_at: datetime | None
    events: list[EventOut] | None = None


class SubmissionListOut(Output):
    """Newest first."""

    submissions: list[SubmissionOut]
    next: str | None


class CancelledOut(SubmissionOut):
    """`draft_id`: the draft that has come back."""

    draft_id: str | None


class UploadOut(Output):
    """Readable until `expires_at`, and longer once a draft or message uses it."""

    blob_id: str
    type: str
    size_bytes: int
    expires_at: datetime
