"""What a message reports: the one entrance to this package for mail that came.

The order of the questions is the order of certainty: fields that machines write, then text. Whoever calls this for every
message asks `may_be_report` first, which looks at the header alone.
"""

import re
from dataclasses import replace
from typing import Final

from webmail.mime.headers import parse_message_ids
from webmail.mime.limits import MessageTooLargeError
from webmail.mime.parameters import parse_parameters
from webmail.mime.part import Message, Part
from webmail.mime.reports.bounces import read_bounce
from webmail.mime.reports.complaints import read_complaint
from webmail.mime.reports.delivery_status import StatusFields, read_recipients, read_status_fields
from webmail.mime.reports.explanation import Explanation, read_explanation
from webmail.mime.reports.reasons import better_code
from webmail.mime.reports.receipts import read_receipt
from webmail.mime.reports.signs import has_report_type, is_from_robot, is_strong, may_be_report
from webmail.mime.reports.values import DELAYED, DELIVERY, FAILED, Report, ReportedRecipient

__all__ = ["may_be_report", "read_report"]

# Types of multipart/report that are about no message (RFC 8460 3).
_OTHER_TYPES: Final = frozenset({"tlsrpt"})
_ID_IN_TEXT: Final = re.compile(r"\s*(?:original )?message-id\s*[:=]\s*(<[^<>\s]{1,900}>)", re.IGNORECASE)
# A report wrapped into another message, by a gateway that adds a text of its own.
_MAX_WRAPPED_BYTES: Final = 5_000_000


def read_report(message: Message) -> Report | None:
    """What a message reports about mail that was sent before; None for any other message.

    A delivery report may name nobody: `recipients` is empty if the server tells that it gave a message back, but not for
    whom. Everything in it comes from strangers and is as true as they are. Never raises; a message of 5 MB takes far less
    than a second.
    """
    if not may_be_report(message.headers) or _is_other_report(message):
        return None
    if (wrapped := _wrapped(message)) is not None:
        message = wrapped
    explanation = read_explanation(message)
    return (
        read_complaint(message, explanation)
        or read_receipt(message, explanation)
        or _read_delivery(message, explanation)
    )


def _is_other_report(message: Message) -> bool:
    """Whether it is a report about something else, such as TLS."""
    if message.root.type != "multipart/report":
        return False
    content_type = parse_parameters(message.headers.get_first("content-type"))
    return (content_type.first("report-type") or "").lower() in _OTHER_TYPES


def _read_delivery(message: Message, explanation: Explanation) -> Report | None:
    fields = read_status_fields(message) if _may_have_fields(message) else None
    recipients = read_recipients(fields, explanation.returned) if fields else ()
    if recipients:
        return _report(message, explanation, _with_words(recipients, message, explanation), fields)
    bounced = read_bounce(message, explanation)
    if bounced is None or (not bounced and not is_strong(message.headers) and not _names_message(explanation)):
        return None
    return _report(message, explanation, bounced, fields)


def _with_words(
    recipients: tuple[ReportedRecipient, ...], message: Message, explanation: Explanation
) -> tuple[ReportedRecipient, ...]:
    """`recipients`, those without a reason completed by what the text says about them."""
    if all(one.reason or one.action not in (FAILED, DELAYED) for one in recipients):
        return recipients
    told = read_bounce(message, explanation) or ()
    by_email = {one.email.lower(): one for one in told}
    only = told[0] if len(told) == len(recipients) == 1 else None
    return tuple(_complete(one, by_email.get(one.email.lower(), only)) for one in recipients)


def _complete(recipient: ReportedRecipient, told: ReportedRecipient | None) -> ReportedRecipient:
    if told is None or recipient.reason or recipient.action not in (FAILED, DELAYED):
        return recipient
    return replace(
        recipient,
        code=better_code(recipient.code, told.code),
        text=recipient.text or told.text,
        reason=told.reason,
    )


def _may_have_fields(message: Message) -> bool:
    """Whether the fields of a delivery report count: a person who sends one on as a file does not report anything."""
    return has_report_type(message.headers) or is_strong(message.headers)


def _names_message(explanation: Explanation) -> bool:
    return bool(explanation.returned.message_id or explanation.returned.subject)


def _report(
    message: Message, explanation: Explanation, recipients: tuple[ReportedRecipient, ...], fields: StatusFields | None
) -> Report:
    return Report(
        DELIVERY,
        recipients,
        message_id=explanation.returned.message_id or _id_elsewhere(message, explanation),
        envelope_id=fields.envelope_id if fields else "",
        subject=explanation.returned.subject,
        reporting_mta=fields.reporting_mta if fields else "",
    )


def _id_elsewhere(message: Message, explanation: Explanation) -> str:
    """The id of the message in the text, or in the fields with which the report answers it."""
    for line in explanation.lines:
        if (found := _ID_IN_TEXT.match(line)) and (ids := parse_message_ids(found.group(1))):
            return ids[0]
    for name in ("in-reply-to", "references"):
        if ids := parse_message_ids(message.headers.get(name) or b""):
            return ids[-1]
    return ""


def _wrapped(message: Message) -> Message | None:
    """The report that a gateway put first into a message of its own, to add a text; None in any other message."""
    if message.root.type != "multipart/mixed" or not is_from_robot(message.headers):
        return None
    first: Part | None = next((part for part in message.root.walk() if not part.is_multipart), None)
    if first is None or first.parser is None or len(first.source) > _MAX_WRAPPED_BYTES:
        return None
    try:
        inner = first.nested()
    except MessageTooLargeError:
        return None
    return inner if has_report_type(inner.headers) else None
