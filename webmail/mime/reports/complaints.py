"""Complaints: feedback reports of RFC 5965, and the form in which Outlook.com sends them. They are no bounces."""

from typing import Final

from webmail.mime.headers import Headers, decode_text
from webmail.mime.part import Message
from webmail.mime.reports.emails import tidy_email
from webmail.mime.reports.explanation import Explanation
from webmail.mime.reports.fields import decode_xtext, field_content, field_groups, typed_value
from webmail.mime.reports.returned import RETURNED_TYPES
from webmail.mime.reports.values import COMPLAINT, MAX_RECIPIENTS, Report, ReportedRecipient
from webmail.mime.reports.wording import clean_words

_TYPE: Final = "message/feedback-report"
# RFC 5965 3.2 and 3.3.
_RECIPIENT_FIELDS: Final = ("original-rcpt-to", "removal-recipient")
_OUTLOOK_FIELD: Final = "x-hmxmroriginalrecipient"


def read_complaint(message: Message, explanation: Explanation) -> Report | None:
    """The complaint of a message; None if it is none."""
    for part in message.root.walk():
        if part.type == _TYPE:
            groups = field_groups(field_content(part))
            return _read(groups[0] if groups else Headers(), explanation)
        if part.type in RETURNED_TYPES and part.parser is not None:
            nested = field_groups(field_content(part)[:64_000])
            if nested and _OUTLOOK_FIELD in nested[0]:
                return _report(nested[0].get_all(_OUTLOOK_FIELD), Headers(), explanation)
            return None
    return None


def _read(fields: Headers, explanation: Explanation) -> Report:
    values = tuple(value for name in _RECIPIENT_FIELDS for value in fields.get_all(name))
    return _report(values, fields, explanation)


def _report(values: tuple[bytes, ...], fields: Headers, explanation: Explanation) -> Report:
    emails = dict.fromkeys(tidy_email(decode_text(value[:2_000])) for value in values[:MAX_RECIPIENTS])
    kind = clean_words(decode_text((fields.get("feedback-type") or b"")[:200]), max_chars=60)
    return Report(
        COMPLAINT,
        tuple(ReportedRecipient(email, "", text=kind) for email in emails if email),
        message_id=explanation.returned.message_id,
        envelope_id=decode_xtext(decode_text((fields.get("original-envelope-id") or b"")[:1_000])),
        subject=explanation.returned.subject,
        reporting_mta=clean_words(typed_value(fields.get("reporting-mta"))[1], max_chars=255),
    )
