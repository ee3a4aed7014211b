"""Why a draft or a submission is refused before anything changed. Each message is fit to be shown as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from webmail.outbox.models import Draft


def in_megabytes(size_bytes: int) -> str:
    """A size for people, in the decimal megabytes that mail servers state: "0.4 MB", "41 MB"."""
    megabytes = size_bytes / 1_000_000
    return f"{megabytes:.0f} MB" if megabytes >= 10 else f"{megabytes:.1f} MB"


class OutboxError(Exception):
    """Base of everything the outbox raises on purpose; `str()` is plain words for people."""


class DraftConflict(OutboxError):
    """The draft was changed elsewhere since it was read. Nothing was written; both versions are still there.

    `current` is the draft as it is now: show both and ask (reliability R77).
    """

    def __init__(self, current: Draft) -> None:
        super().__init__(
            _(
                "This draft was changed in another window. Your text is still here: keep yours as a second draft, or take the other."
            )
        )
        self.current = current


class DraftGone(OutboxError):
    """The draft was sent or discarded elsewhere. Nothing was written."""

    def __init__(self) -> None:
        super().__init__(_("This draft is not here any more: it was sent or discarded in another window."))


class AttachmentTooLarge(OutboxError):
    """The files of a draft would pass the limit. Sizes in bytes; `total_bytes` includes the new file."""

    def __init__(self, *, size_bytes: int, total_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            _(
                "With this file the attachments have %(total)s; a message can carry %(limit)s. Remove a file or send a link."
            )
            % {"total": in_megabytes(total_bytes), "limit": in_megabytes(limit_bytes)}
        )
        self.size_bytes, self.total_bytes, self.limit_bytes = size_bytes, total_bytes, limit_bytes


class OriginalNotHere(OutboxError):
    """The message to forward has not been fetched yet. Ask for its body and try again."""

    def __init__(self) -> None:
        super().__init__(_("The message to forward is still being fetched from the server. Try again in a moment."))


class DraftNotHere(OriginalNotHere):
    """The draft of another program has not been fetched whole yet. Ask for its body and try again."""

    def __str__(self) -> str:
        return _("This draft is still being fetched from the server. Try again in a moment.")


class SubmissionRefused(OutboxError):
    """The message cannot be sent as it is. Nothing was stored; the draft is untouched."""


class NoRecipients(SubmissionRefused):
    """To, Cc and Bcc are all empty."""

    def __init__(self) -> None:
        super().__init__(_("Nobody to send to yet. Add at least one address."))


class BadRecipient(SubmissionRefused):
    """`address` is no address one can send to."""

    def __init__(self, address: str) -> None:
        super().__init__(
            _("“%(address)s” is not a complete e-mail address. Correct or remove it.") % {"address": address}
        )
        self.address = address


class TooManyRecipients(SubmissionRefused):
    """More than one message may have."""

    def __init__(self, *, count: int, limit: int) -> None:
        super().__init__(
            _("%(count)s recipients; one message can have %(limit)s. Send it in parts or use a mailing list.")
            % {"count": count, "limit": limit}
        )
        self.count, self.limit = count, limit


class CannotSend(SubmissionRefused):
    """The account has no server for outgoing mail, or no address to send from."""

    def __init__(self, address: str) -> None:
        super().__init__(
            _(
                "%(address)s has no server for outgoing mail. Add one in the account's settings or choose another sender."
            )
            % {"address": address}
        )


class MessageTooLarge(SubmissionRefused):
    """The finished message passes the limit. Sizes in bytes."""

    def __init__(self, *, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            _("The message has %(size)s; at most %(limit)s can be sent. Remove a file or send a link.")
            % {"size": in_megabytes(size_bytes), "limit": in_megabytes(limit_bytes)}
        )
        self.size_bytes, self.limit_bytes = size_bytes, limit_bytes


class BadContent(SubmissionRefused):
    """A header or a file name holds something that mail cannot carry."""


class BadSendTime(SubmissionRefused):
    """`send_at` lies too far ahead."""


class IdempotencyMismatch(SubmissionRefused):
    """The key was used before for another request (rest section 5: 422)."""

    def __init__(self) -> None:
        super().__init__("This idempotency key was used before for another message.")


class WrongOffset(OutboxError):
    """A piece does not go on where the upload stands. Send from `offset_bytes` on."""

    def __init__(self, offset_bytes: int) -> None:
        super().__init__(f"The upload stands at byte {offset_bytes}; go on from there.")
        self.offset_bytes = offset_bytes


class BadPiece(OutboxError):
    """A piece that is empty, larger than one may be, or goes beyond the end of the file."""


class UploadGone(OutboxError):
    """The upload was finished, cancelled, or left alone for too long."""

    def __init__(self) -> None:
        super().__init__(_("This upload is not here any more. Attach the file again."))
