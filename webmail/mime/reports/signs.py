"""What in a header tells that a message may be a report: a cheap look, so that ordinary mail costs nothing.

It may let ordinary mail through, and never says what a report is; `read` looks at the rest.
"""

import re
from collections.abc import Iterator
from typing import Final

from webmail.mime.addresses import parse_addresses
from webmail.mime.headers import Headers, decode_text

# Local parts from which servers, and hardly any people, write. Compared without "-", "_" and ".".
_ROBOTS: Final = re.compile(
    r"(?:mailer|maildelivery|delivery|mail)(?:daemon|system|subsystem|service)|mdaemon|postmaster|postmast|imss|ndr|bounces?"
    r"|mailerror|mailadmin|microsoftexchange\w{1,40}|\w{0,20}smtpmailservice|\w{0,20}smtpgateways?|maileradmin|errors?|sysadmin"
)
_ROBOT_NAMES: Final = re.compile(
    r"mail(?:er)?[ -]?deliver|mailer-daemon|delivery (?:sub)?system|postmaster|system administrator|mail administrator"
    r"|microsoft outlook|jetmail system|undeliver",
    re.IGNORECASE,
)
_JUNCTURE: Final = re.compile(r"[-_.\\ ]")

# Subjects of reports; at the start, or a reply to one would be taken for it.
_SUBJECTS: Final = re.compile(
    r"\W{0,4}(?:\[postmaster\] )?(?:"
    r"undeliver(?:able|ed)|non[- ]?deliver(?:y|able)|not delivered|returned? (?:mail|to sender|message)|return(?:ed)? receipt"
    r"|(?:e-?mail |message |mail |network )?delivery[ -](?:status|failure|failed|problem|notification|error|warning|delay|report)"
    r"|(?:e?-?mail|message)s? (?:delivery|could not|cannot|failure|not delivered|failed|error|system error|status|delayed"
    r"|undeliverable|you sent)|mail failed|permanent delivery failure|failure (?:notice|notification|delivery|message)"
    r"|failed (?:mail|delivery)|processing error|rejected|automatically rejected|warning\b|delayed\b|(?:your )?mess?age to\b.{0,320}could not"
    r"|your message (?:to|could|was|has|did|cannot)\b|(?:mail )?system error|postmaster notify|error sending|your mail\b|read(?: receipt)?:|gelesen\b|lu ?:"
    r"|letto ?:|leído ?:|disposition notification|message status|unzustellbar|nicht zustellbar|onbestelbaar|non remis"
    r"|non distribuable|impossibile|mancato recapito|no se puede entregar|no entregado|non recapitabil|niet bezorgd|olevererbart"
    r"|недоставлен|не доставлен|ваше сообщение не доставлено|退信|系统退信|無法傳遞|无法|配信|メール(?:配信|エラー|送信)"
    r"|반송|unable to deliver|non-delivery|abuse report|complaint about|e?mail feedback|you \S{3,320} are not member"
    r")",
    re.IGNORECASE,
)
_SUBJECT_ANYWHERE: Final = re.compile(
    r"delivery failed|failure notice|returning message to sender|not delivered|undeliverable|could not be delivered"
    r"|mail delivery fail|delivery failure|не доставлено|user unknown",
    re.IGNORECASE,
)
_REPLY: Final = re.compile(
    r"\s{0,4}(?:(?:re|aw|fw|fwd|wg|sv|antw|tr|rv|odp)\s{0,4}(?:\[\d{1,3}\])?:|auto(?:matic|matische)?[ -]?(?:reply|response|antwort)"
    r"|out of (?:the )?office|abwesen|vacation|réponse automatique|respuesta automática)",
    re.IGNORECASE,
)
_REPORT_TYPE: Final = re.compile(
    rb"multipart/report|report-type|(?:delivery-status|disposition-notification|feedback-report)\b", re.IGNORECASE
)
_FAILED_HEADERS: Final = ("x-failed-recipients", "x-failed-recipient", "x-ms-exchange-message-is-ndr", "x-dsncontext")
_MAX_LOOK: Final = 2_000


def may_be_report(headers: Headers) -> bool:
    """Whether a message with this header is worth reading as a report; False for nearly all mail people write."""
    return (
        has_report_type(headers)
        or has_null_sender(headers)
        or names_failed_recipients(headers)
        or b"auto-" in (headers.get("auto-submitted") or b"").lower()
        or is_from_robot(headers)
        or has_report_subject(headers)
    )


def is_strong(headers: Headers) -> bool:
    """Whether the header by itself makes a report likely: the null sender, a daemon, failed recipients, a report type."""
    return (
        has_report_type(headers)
        or names_failed_recipients(headers)
        or is_from_robot(headers)
        or (has_null_sender(headers) and has_report_subject(headers))
    )


def has_report_type(headers: Headers) -> bool:
    """Whether Content-Type names a report (RFC 6522)."""
    return _REPORT_TYPE.search((headers.get_first("content-type") or b"")[:_MAX_LOOK]) is not None


def has_null_sender(headers: Headers) -> bool:
    """Whether the envelope had the null sender (RFC 5321 4.5.5), or a daemon's name alone as old servers write it."""
    for value in headers.get_all("return-path"):
        text = decode_text(value[:_MAX_LOOK]).strip().strip("<>").strip().lower()
        if not text or text.partition("@")[0] == "mailer-daemon":
            return True
    return False


def names_failed_recipients(headers: Headers) -> bool:
    """Whether a field exists that only a report has."""
    return any(name in headers for name in _FAILED_HEADERS)


def is_from_robot(headers: Headers) -> bool:
    """Whether From or Sender is an address, or a name, that servers use for reports."""
    return any(
        _ROBOTS.fullmatch(_JUNCTURE.sub("", local).lower()) or _ROBOT_NAMES.search(name)
        for local, name in _senders(headers)
    )


def _senders(headers: Headers) -> Iterator[tuple[str, str]]:
    for field in ("from", "sender"):
        value = headers.get(field)
        if value is not None:
            yield from _names_in(value[:_MAX_LOOK])


def _names_in(value: bytes) -> Iterator[tuple[str, str]]:
    for address in parse_addresses(value)[:3]:
        local = (address.email or address.name).partition("@")[0].strip('"<>')
        yield local, address.name[:200]


def has_report_subject(headers: Headers) -> bool:
    """Whether the subject is one of reports; not when it is an answer to one."""
    subject = decode_text((headers.get("subject") or b"")[:_MAX_LOOK])[:500]
    if _REPLY.match(subject):
        return "non remis" in subject.lower()
    return _SUBJECTS.match(subject) is not None or _SUBJECT_ANYWHERE.search(subject) is not None
