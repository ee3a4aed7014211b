"""How much the files of a message may hold: our own limit, and that of the server which is to send it (RFC 1870).

It is asked before anything is uploaded, again when a file is added, and shown beside the button all the time.
"""

from __future__ import annotations

from django.db.models import Sum

from accounts.models import MailAccount
from webmail.outbox.errors import AttachmentTooLarge
from webmail.outbox.models import Draft, DraftAttachment
from webmail.outbox.writing.messages import MAX_FILES_BYTES

TEXT_BYTES = 100_000  # kept free for the header, the text and the marks between the parts
LINE_BYTES = 57  # of a file go into one line of base64: 76 characters and CRLF (RFC 2045 6.8)
ENCODED_LINE_BYTES = 78


def files_limit(account: MailAccount) -> int:
    """Bytes, counted as people see their files, that all files of one message of this account may have together."""
    offered = account.outgoing_offers.get("SIZE", "")
    size = int(offered) if str(offered).isdecimal() else 0
    if not size:  # not offered, never asked, or "0": no fixed limit (RFC 1870 4)
        return MAX_FILES_BYTES
    return min(MAX_FILES_BYTES, max(0, size - TEXT_BYTES) // ENCODED_LINE_BYTES * LINE_BYTES)


def files_size(draft: Draft) -> int:
    """The bytes of all files of a draft together."""
    total: int | None = DraftAttachment.objects.filter(draft=draft).aggregate(total=Sum("blob__size_bytes"))["total"]
    return total or 0


def check_room(account: MailAccount, size_bytes: int, *, draft: Draft | None = None) -> None:
    """Raises `AttachmentTooLarge` when a file of this size does not fit, beside what the draft has already."""
    total, limit = size_bytes + (files_size(draft) if draft else 0), files_limit(account)
    if total > limit:
        raise AttachmentTooLarge(size_bytes=size_bytes, total_bytes=total, limit_bytes=limit)
