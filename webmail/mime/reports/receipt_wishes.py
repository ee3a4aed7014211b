"""Whether a message asks for a read receipt, and what must be asked before one is sent (RFC 8098 2.1).

A receipt tells a stranger that an address is read, and when; so everything that looks like a list or a machine gets none.
"""

import re
from dataclasses import dataclass
from typing import Final

from webmail.mime.addresses import is_valid_email, parse_addresses
from webmail.mime.headers import Headers, decode_text
from webmail.mime.part import Message
from webmail.mime.reports.emails import tidy_email

_FIELD: Final = "disposition-notification-to"
_LIST_FIELDS: Final = ("list-id", "list-post", "list-unsubscribe", "list-help", "mailing-list", "x-mailing-list")
_BULK: Final = frozenset({"bulk", "list", "junk"})
_REQUIRED_OPTION: Final = re.compile(r"=\s*required\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReceiptRequest:
    """Who asks for a receipt. `needs_consent`: none may be sent without asking the user about this one message."""

    address: str
    needs_consent: bool


def receipt_wanted(message: Message) -> ReceiptRequest | None:
    """The request for a receipt in this message; None if there is none that may be answered.

    None for lists, bulk mail, automatic mail and reports, for several or broken addresses, and where a required option is
    not understood (RFC 8098 2.2). Consent is needed where the address is not the one in Return-Path, or that is missing.
    """
    headers = message.headers
    values = headers.get_all(_FIELD)
    if len(values) != 1 or _is_automatic(headers) or _demands_more(headers):
        return None
    asked = parse_addresses(values[0])
    if len(asked) != 1 or not is_valid_email(asked[0].email):
        return None
    address = asked[0].email
    return ReceiptRequest(address, needs_consent=not _is_same(address, _return_path(headers)))


def _is_automatic(headers: Headers) -> bool:
    """Whether a list, a machine or a report wrote the message (RFC 8098 2.1: no receipt for a receipt)."""
    submitted = decode_text((headers.get("auto-submitted") or b"")[:200]).partition(";")[0].strip().lower()
    precedence = decode_text((headers.get("precedence") or b"")[:200]).strip().lower()
    content_type = (headers.get_first("content-type") or b"")[:200].lower()
    return (
        submitted not in ("", "no")
        or precedence in _BULK
        or any(name in headers for name in _LIST_FIELDS)
        or b"multipart/report" in content_type
        or _has_null_return_path(headers)
    )


def _demands_more(headers: Headers) -> bool:
    options = decode_text((headers.get("disposition-notification-options") or b"")[:4_000])
    return _REQUIRED_OPTION.search(options) is not None


def _has_null_return_path(headers: Headers) -> bool:
    value = headers.get_first("return-path")
    return value is not None and b"".join(value.split()) == b"<>"


def _return_path(headers: Headers) -> str:
    """The address of the topmost Return-Path, which the last server wrote; "" if there is none."""
    value = headers.get_first("return-path")
    return tidy_email(decode_text(value[:2_000])) if value is not None else ""


def _is_same(one: str, other: str) -> bool:
    """RFC 8098 2.1: local parts are compared with regard to case, domains without."""
    local, _, domain = one.rpartition("@")
    other_local, _, other_domain = other.rpartition("@")
    return bool(local) and local == other_local and domain.lower() == other_domain.lower()
