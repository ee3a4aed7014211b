"""The message a report is about, as far as the report returns it: its header, whole, cut off, or within the report's text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from webmail.mime.addresses import parse_addresses
from webmail.mime.headers import Headers, parse_header_block, parse_message_ids
from webmail.mime.part import Part
from webmail.mime.reports.emails import tidy_email
from webmail.mime.reports.wording import clean_words

# Other names under which a returned message, or its header, comes.
RETURNED_TYPES: Final = frozenset(
    {
        "message/rfc822",
        "message/global",
        "message/rfc822-headers",
        "message/global-headers",
        "text/rfc822-headers",
        "text/rfc822-header",
        "text/rfc822",
        "message/partial",
    }
)
_MAX_HEADER_BYTES: Final = 128 * 1024
_FOR: Final = re.compile(r"\sfor\s+<?([^\s<>;]{3,320})>?\s*(?:;|\(|$)")
_MAX_RECEIVED: Final = 30


@dataclass(frozen=True, slots=True)
class Returned:
    """What is known of the message a report is about; `recipients` as its own fields name them."""

    message_id: str = ""
    subject: str = ""
    recipients: tuple[str, ...] = ()
    handed_to: tuple[str, ...] = ()


NOTHING: Final = Returned()


def read_part(part: Part) -> Returned:
    """The returned message of a part of one of RETURNED_TYPES."""
    return read_headers(parse_header_block(part.start(_MAX_HEADER_BYTES).lstrip(b"\r\n")))


def read_lines(lines: Sequence[str]) -> Returned:
    """The returned message from the lines behind "this is a copy of your message"; quotation marks are taken off."""
    start = next((index for index, line in enumerate(lines) if line.strip()), len(lines))
    block: list[str] = []
    for line in lines[start : start + 1_000]:
        bare = line.removeprefix("> ").removeprefix(">")
        if not bare.strip():
            break
        block.append(bare)
    raw = "\n".join(block).encode("utf-8", "replace")[:_MAX_HEADER_BYTES]
    return read_headers(parse_header_block(raw))


def read_headers(headers: Headers) -> Returned:
    """What the header of the returned message says."""
    ids = parse_message_ids(headers.get("message-id") or b"")
    named = [
        tidy_email(address.email)
        for field in ("to", "cc")
        for address in parse_addresses(headers.get(field) or b"")[:200]
    ]
    handed = [
        tidy_email(found.group(1))
        for value in headers.get_all("received")[:_MAX_RECEIVED]
        if (found := _FOR.search(value[:4_000].decode("latin-1").replace("\r", " ").replace("\n", " ")))
    ]
    return Returned(
        ids[0] if ids else "",
        clean_words(headers.get_text("subject"), max_chars=500),
        tuple(dict.fromkeys(email for email in named if email)),
        tuple(dict.fromkeys(email for email in handed if email)),
    )
