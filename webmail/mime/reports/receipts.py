"""Read receipts that came: message disposition notifications, RFC 8098, with the words of RFC 2298.

Sieve's `reject` (RFC 5429 2.1.2) writes its refusal in the same form; that is a failure of delivery and no receipt.
"""

import re
from dataclasses import replace
from typing import Final

from webmail.mime.headers import Headers, decode_text, parse_message_ids
from webmail.mime.part import Message
from webmail.mime.reports.emails import tidy_email
from webmail.mime.reports.explanation import Explanation
from webmail.mime.reports.fields import field_content, field_groups, recipient_email
from webmail.mime.reports.reasons import find_code, find_reason
from webmail.mime.reports.values import DELIVERY, FAILED, RECEIPT, RECEIPT_ACTIONS, Report, ReportedRecipient
from webmail.mime.reports.wording import clean_words

_TYPES: Final = frozenset({"message/disposition-notification", "message/global-disposition-notification"})
_DISPOSITION: Final = re.compile(
    r"\s*(?P<mode>manual-action|automatic-action)?[^;]{0,80};\s*(?P<kind>[a-z]{1,30})", re.IGNORECASE
)
_REJECTED: Final = re.compile(
    r"\b(?:rejected|refused|not delivered|not accept\w{0,3}|could not be delivered)\b", re.IGNORECASE
)


def read_receipt(message: Message, explanation: Explanation) -> Report | None:
    """The receipt of a message with a disposition notification; None without one that names who it is from."""
    for part in message.root.walk():
        if part.type not in _TYPES:
            continue
        groups = field_groups(field_content(part))
        if groups:
            return _read(message, groups[0], explanation)
    return None


def _read(message: Message, fields: Headers, explanation: Explanation) -> Report | None:
    email = recipient_email(fields.get("original-recipient")) or recipient_email(fields.get("final-recipient"))
    if not email:
        email = tidy_email(message.list_headers.from_[0].email) if message.list_headers.from_ else ""
    if not email:
        return None
    ids = parse_message_ids(fields.get("original-message-id") or b"")
    disposition = decode_text((fields.get("disposition") or b"")[:1_000])
    found = _DISPOSITION.match(disposition)
    kind = found["kind"].lower() if found else ""
    report = Report(
        RECEIPT,
        (ReportedRecipient(email, kind if kind in RECEIPT_ACTIONS else "processed"),),
        message_id=ids[0] if ids else explanation.returned.message_id or _answered_id(message),
        subject=explanation.returned.subject,
    )
    return _as_rejection(message, explanation, report) if _is_rejection(message, explanation, kind) else report


def _answered_id(message: Message) -> str:
    ids = message.list_headers.in_reply_to or message.list_headers.references
    return ids[-1] if ids else ""


def _is_rejection(message: Message, explanation: Explanation, kind: str) -> bool:
    """Whether the message was thrown away unread because a rule said so."""
    submitted = (message.headers.get("auto-submitted") or b"").lower()
    said = " ".join(explanation.lines[:50])
    return kind in ("deleted", "") and (b"rejected" in submitted or _REJECTED.search(said) is not None)


def _as_rejection(message: Message, explanation: Explanation, report: Report) -> Report:
    said = " ".join(line for line in explanation.lines[:50] if line)
    code = find_code(said)
    recipient = ReportedRecipient(
        report.recipients[0].email, FAILED, code, clean_words(said), find_reason(code, clean_words(said))
    )
    return replace(report, kind=DELIVERY, recipients=(recipient,))
