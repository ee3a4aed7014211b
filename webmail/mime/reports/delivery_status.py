"""Delivery reports with machine-readable fields: RFC 3464, RFC 6533, and what servers make of them.

Programs label the part with another type, put the fields into the text, leave out blank lines or invent actions; the fields
count wherever they are. A part that is empty or names nobody leaves the question to `bounces`.
"""

import re
from collections.abc import Iterator
from typing import Final

from webmail.mime.headers import Headers, decode_text
from webmail.mime.part import Message, Part
from webmail.mime.reports.emails import find_emails
from webmail.mime.reports.fields import decode_xtext, field_content, field_groups, recipient_email, typed_value
from webmail.mime.reports.reasons import better_code, find_reason
from webmail.mime.reports.returned import RETURNED_TYPES, Returned
from webmail.mime.reports.values import (
    ACTIONS,
    DELAYED,
    DELIVERED,
    FAILED,
    MAX_RECIPIENTS,
    ReportedRecipient,
)
from webmail.mime.reports.wording import clean_words

_STATUS_TYPES: Final = frozenset(
    {"message/delivery-status", "message/global-delivery-status", "text/delivery-status", "application/delivery-status"}
)
# Fields in a part of another type count if these stand at the beginning of lines.
_FINAL: Final = re.compile(rb"^final-recipient[ \t]*+:", re.IGNORECASE | re.MULTILINE)
_ACTION_OR_STATUS: Final = re.compile(rb"^(?:action|status)[ \t]*+:", re.IGNORECASE | re.MULTILINE)
_FIRST_FIELD: Final = re.compile(
    rb"^(?:reporting-mta|original-envelope-id|final-recipient|original-recipient)[ \t]*+:", re.IGNORECASE | re.MULTILINE
)
_LOOKED_AT: Final = 512 * 1024
_WORD: Final = re.compile(r"[a-z-]+")
_SYNONYMS: Final = {
    "failure": FAILED,
    "fail": FAILED,
    "error": FAILED,
    "rejected": FAILED,
    "undeliverable": FAILED,
    "bounced": FAILED,
    "expired": FAILED,
    "delay": DELAYED,
    "deferred": DELAYED,
    "warning": DELAYED,
    "success": DELIVERED,
    "deliverable": DELIVERED,
}
_CLASS_ACTIONS: Final = {"2": DELIVERED, "4": DELAYED, "5": FAILED}


class StatusFields:
    """The groups of a delivery report: what holds for the message, and one group per recipient."""

    def __init__(self, groups: tuple[Headers, ...]) -> None:
        self.recipient_groups = tuple(group for group in groups if _names_recipient(group))
        own = [group for group in groups if "reporting-mta" in group or "original-envelope-id" in group]
        self.message_group = own[0] if own else Headers()

    @property
    def envelope_id(self) -> str:
        """The ENVID given to MAIL FROM (RFC 3464 2.2.1), decoded."""
        return decode_xtext(decode_text((self.message_group.get("original-envelope-id") or b"")[:1_000]))

    @property
    def reporting_mta(self) -> str:
        """The name of the reporting server (RFC 3464 2.2.2)."""
        return clean_words(typed_value(self.message_group.get("reporting-mta"))[1], max_chars=255)


def read_status_fields(message: Message) -> StatusFields | None:
    """The fields of the first part that has some; None if there is none."""
    for content in _candidates(message):
        fields = StatusFields(field_groups(content))
        if fields.recipient_groups:
            return fields
    return None


def _candidates(message: Message) -> Iterator[bytes]:
    parts = [part for part in message.root.walk() if not part.is_multipart][:20]
    yield from (field_content(part) for part in parts if part.type in _STATUS_TYPES)
    for part in parts:
        if part.type not in _STATUS_TYPES and part.type not in RETURNED_TYPES and not _is_file(part):
            content = part.start(_LOOKED_AT)
            if _FINAL.search(content) and _ACTION_OR_STATUS.search(content) and (first := _FIRST_FIELD.search(content)):
                yield content[first.start() :]


def _is_file(part: Part) -> bool:
    return not part.type.startswith(("text/", "message/")) and part.encoding not in ("", "7bit", "8bit")


def _names_recipient(group: Headers) -> bool:
    return "final-recipient" in group or "original-recipient" in group


def read_recipients(fields: StatusFields, returned: Returned) -> tuple[ReportedRecipient, ...]:
    """The recipients of a delivery report, each address once: what is final outweighs what is not."""
    found: dict[str, ReportedRecipient] = {}
    for group in fields.recipient_groups:
        recipient = _read_recipient(group, returned)
        if recipient is None:
            continue
        key = recipient.email.lower()
        if key not in found or (found[key].action == DELAYED and recipient.action != DELAYED):
            found[key] = recipient
        if len(found) >= MAX_RECIPIENTS:
            break
    return tuple(found.values())


def _read_recipient(group: Headers, returned: Returned) -> ReportedRecipient | None:
    email = (
        recipient_email(group.get("original-recipient"))
        or recipient_email(group.get("final-recipient"))
        or recipient_email(group.get("x-actual-recipient"))
        or _complete(group, returned)
    )
    if not email:
        return None
    status = clean_words(decode_text((group.get("status") or b"")[:4_000]))
    said = clean_words(typed_value(group.get("diagnostic-code"))[1])
    text = said or status.partition(" ")[2].strip("()")
    code = better_code(status, said)
    action = _action(group, code)
    reason = find_reason(code, text) if action in (FAILED, DELAYED) else ""
    return ReportedRecipient(email, action, code, text, reason)


def _complete(group: Headers, returned: Returned) -> str:
    """The address of a recipient that is no Internet address: a local name, a pipe, a file, an X.400 name."""
    value = typed_value(group.get("final-recipient"))[1]
    if mentioned := find_emails(value):
        return mentioned[0]
    local = value.strip("<> ").lower()
    same = [email for email in returned.recipients if local and email.partition("@")[0].lower() == local]
    if same:
        return same[0]
    return returned.recipients[0] if len(returned.recipients) == 1 else ""


def _action(group: Headers, code: str) -> str:
    text = decode_text((group.get("action") or b"")[:200]).lower()
    word = found.group() if (found := _WORD.search(text)) else ""
    if word in ACTIONS:
        return word
    return _SYNONYMS.get(word) or _CLASS_ACTIONS.get(code[:1], FAILED)
