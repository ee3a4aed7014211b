"""Drafts, their files, submissions, uploads."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, NaiveDatetime, model_validator

from webmail.api.schemas.base import Id, Input, Output, Text

MAX_TEXT_CHARS = 1_000_000
Recipients = Annotated[Text, Field(max_length=100_000, description="as people type them, separated by commas")]
Body = Annotated[Text, Field(max_length=MAX_TEXT_CHARS)]
Subject = Annotated[Text, Field(max_length=2_000)]


Seconds = Annotated[int, Field(ge=0, le=60 * 24 * 3600)]


class OptionsOut(Output):
    """What is asked for with a message: to be told when it was read (RFC 8098) and what became of it (RFC 3461), and that
    it travels under TLS or not at all (RFC 8689)."""

    wants_receipt: bool
    wants_delivery_report: bool
    requires_tls: bool


class OptionsIn(Input):
    """Not sent: as the draft says, or not wanted."""

    wants_receipt: bool | None = None
    wants_delivery_report: bool | None = None
    requires_tls: bool | None = None

    def options(self) -> dict[str, Any]:
        """Those that were given."""
        given = {name: getattr(self, name) for name in OptionsIn.model_fields}
        return {name: value for name, value in given.items() if value is not None}


class DraftAttachmentOut(Output):
    id: str
    blob_id: str
    name: str
    type: str
    size_bytes: int
    cid: str
    is_inline: bool


class DraftOut(OptionsOut):
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


class DraftFieldsIn(OptionsIn):
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
    wants_receipt: bool = False
    wants_delivery_report: bool = False
    requires_tls: bool = False


class FileIn(Input):
    """A file that was uploaded before."""

    blob_id: Id
    name: Annotated[Text, Field(max_length=255)] = ""
    type: Annotated[Text, Field(max_length=127)] = "application/octet-stream"


class InlineFileIn(FileIn):
    """`cid`: how the HTML names it, without angle brackets."""

    cid: Annotated[Text, Field(max_length=255)] = ""
    is_inline: bool = False


class WhenIn(Input):
    """A time to leave: `send_at`; or `send_at_local`, a local time without an offset, in the zone `send_at_zone`, which
    stays what it is when the zone's rules change; or in `hold_for_s` seconds."""

    send_at: AwareDatetime | None = None
    send_at_local: NaiveDatetime | None = None
    send_at_zone: Annotated[Text, Field(max_length=64, description="IANA name, such as Europe/Berlin")] | None = None
    hold_for_s: Seconds | None = None

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if sum(one is not None for one in (self.send_at, self.send_at_local, self.hold_for_s)) > 1:
            raise ValueError("only one of send_at, send_at_local and hold_for_s can be given")
        if (self.send_at_local is None) != (self.send_at_zone is None):
            raise ValueError("send_at_local and send_at_zone go together")
        return self


class RescheduleIn(WhenIn):
    """The new time."""

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        if self.send_at is None and self.send_at_local is None and self.hold_for_s is None:
            raise ValueError("one of send_at, send_at_local and hold_for_s must be given")
        return self


class SendIn(WhenIn, OptionsIn):
    """When to send, without a time after the user's undo window, and what is asked for with it."""


class ResolveIn(Input):
    """`sent`: true when it has left; false to send it again, which may be for the second time."""

    sent: bool


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
    """`reply`: the server's answer to this recipient. `report`: what became of it behind that server (RFC 3464), with the
    status code of RFC 3463 and the words of whoever reports. Replies and words are untrusted text. `read_at`: when a read
    receipt came."""

    email: str
    status: Literal["waiting", "accepted", "refused"]
    reply: str
    report: Literal["", "delivered", "relayed", "expanded", "delayed", "failed"]
    report_code: str
    report_text: str
    report_at: datetime | None
    read_at: datetime | None


class ReportRecipientOut(Output):
    email: str
    action: str
    code: str
    text: str


class ReportOut(Output):
    """A message that came back about this one; `message_id` is its id in this API."""

    kind: Literal["delivery", "receipt", "complaint"]
    message_id: str
    recipients: list[ReportRecipientOut]
    at: datetime


class EventOut(Output):
    at: datetime
    phase: str
    text: str


class SubmissionOut(OptionsOut):
    """A message on its way. `undo_status` as in RFC 8621 section 7.

    `held_for` tells why it waits with nothing wrong: `undo` until `undo_until`, `schedule` until `send_at`, `limit` until
    about then, `restore` until somebody lets it go. `send_at_local` and `send_at_zone`: what was chosen. `next_try_at`: of a
    delayed one. `events` and `reports` only when asked for alone.
    """

    id: str
    account_id: str
    identity_id: str | None
    kind: Literal["message", "receipt"]
    phase: Literal[
        "held", "queued", "claimed", "in_data", "dot_sent", "accepted", "done", "retry", "failed", "unconfirmed", "cancelled"
    ]  # fmt: skip
    held_for: Literal["", "undo", "schedule", "limit", "restore"]
    undo_status: Literal["pending", "final", "canceled"]
    undo_until: datetime | None
    subject: str
    mail_from: str
    message_id: str
    size_bytes: int
    send_at: datetime
    send_at_local: str
    send_at_zone: str
    attempts: int
    next_try_at: datetime | None
    last_reply: str
    recipients: list[RecipientOut]
    created_at: datetime
    accepted_at: datetime | None
    events: list[EventOut] | None = None
    reports: list[ReportOut] | None = None


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


class UploadStateOut(Output):
    """A file that comes in pieces: the next one begins at `offset_bytes` and has at most `piece_bytes`.

    `blob_id` is there once everything has arrived.
    """

    id: str
    type: str
    size_bytes: int
    offset_bytes: int
    piece_bytes: int
    blob_id: str | None = None
    expires_at: datetime
