"""A message as a person reads it: body, files and what there is to say about them. Made in a child, from hostile bytes.

The result names no person, no session and no address of the installation, so it is the same for everybody and can be kept:
references inside the HTML are relative to the document it is served as (`p/2` a part, `r/0` a remote picture, `l/0` a link
that is warned about). Nothing edits the HTML afterwards (security R4), but that hits of a search are marked between its tags.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final

from pydantic import TypeAdapter

from webmail.mime.addresses import parse_addresses
from webmail.mime.attached import kinds
from webmail.mime.attached.cards import Card, read_cards
from webmail.mime.attached.invitations import Invitation, read_invitation
from webmail.mime.attached.kinds import RASTER_TYPES, describe_file
from webmail.mime.authenticity.claims import SenderClaims, read_claims
from webmail.mime.body import BodyParts, decompose
from webmail.mime.content_defects import find_defects
from webmail.mime.filenames import safe_filename
from webmail.mime.html_text import html_to_text
from webmail.mime.limited.answer import Answer
from webmail.mime.opened import open_message
from webmail.mime.parameters import parse_parameters
from webmail.mime.part import Message, Part
from webmail.mime.partial import Partial, find_partial
from webmail.mime.plain_text import needs_fixed_width, plain_text_to_html, unflow
from webmail.mime.protection import Protection, find_protection
from webmail.mime.reports.receipt_wishes import ReceiptRequest, receipt_wanted
from webmail.mime.safe_html.remote import RemoteRef, WarnedLink
from webmail.mime.safe_html.sanitize import QUOTE_LABEL, sanitize
from webmail.mime.search_terms import DELIVERED_TO_FIELDS

# Raise it with every change of what is written here or by the cleaner: kept forms are made anew.
FORM_VERSION: Final = 3
PART_PREFIX: Final = "p/"
MAX_PLAIN_CHARS: Final = 400_000  # beyond this a page becomes slow; the rest is in the source
MAX_PLAIN_BYTES: Final = 4 * MAX_PLAIN_CHARS
# Read of one part: the cleaner cuts at less, but comments and styles do not count there.
MAX_HTML_BYTES: Final = 8_000_000
MAX_SHOWN_BYTES: Final = 2_000_000  # of all texts of a message; what goes beyond is listed as files
MAX_COUNTED_BYTES: Final = 1_000_000  # of one text: more of it is not shown
MIN_COUNTED_BYTES: Final = 4_000  # a part costs so much however short it is
MAX_DELIVERED: Final = 3  # addresses a message was delivered to
MAX_BLOCKS: Final = 3  # invitations and cards that are shown with a message


@dataclass(frozen=True, slots=True)
class ReadableFile:
    """A file of a message. `found_type`: what its bytes are, "" if they do not say. `is_here`: the bytes need not be fetched."""

    part_id: str
    name: str
    type: str
    size_bytes: int
    kind: kinds.Kind
    found_type: str = ""
    warning: kinds.Warning = ""
    cid: str | None = None
    is_here: bool = True


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above a message within a message. Addresses are (name, email); `sent_at` is ISO 8601, "" if unknown."""

    subject: str = ""
    from_: tuple[tuple[str, str], ...] = ()
    to: tuple[tuple[str, str], ...] = ()
    cc: tuple[tuple[str, str], ...] = ()
    sent_at: str = ""
    delivered_to: tuple[str, ...] = ()  # the addresses that servers noted on the way; an alias shows here


@dataclass(frozen=True, slots=True)
class Readable:
    """What a message shows. `html`: the body for a frame, with `css`; `text`: the body for the page. One of the two is empty.

    `drawn`: pictures that stand in the HTML; `pictures`: those shown below a plain text; `files`: all others.
    """

    claims: SenderClaims
    head: Head = Head()
    html: str = ""
    css: str = ""
    text: str = ""
    is_fixed_width: bool = False
    has_html: bool = False  # `text` is what a message with an HTML body says in plain text
    drawn: tuple[ReadableFile, ...] = ()
    pictures: tuple[ReadableFile, ...] = ()
    files: tuple[ReadableFile, ...] = ()
    remote: tuple[RemoteRef, ...] = ()
    links: tuple[WarnedLink, ...] = ()
    invitations: tuple[Invitation, ...] = ()
    cards: tuple[Card, ...] = ()
    protection: Protection | None = None
    partial: Partial | None = None
    receipt: ReceiptRequest | None = None  # the sender asks to be told that it was read
    defects: tuple[str, ...] = ()
    is_truncated: bool = False
    lacks_pictures: bool = False  # pictures that the text shows are still on the server

    @property
    def blocked_remote(self) -> int:
        """How many pictures and trackers from elsewhere the HTML would load if it were let."""
        return len(self.remote)

    @property
    def has_quotes(self) -> bool:
        """Whether the frame's document can show more than it does at first."""
        return '<details class="pb-quoted">' in self.html


@dataclass(slots=True)
class _Body:
    """The body in the making."""

    cid_urls: Mapping[str, str]
    options: Mapping[str, Any]
    html: list[str] = field(default_factory=list)
    css: list[str] = field(default_factory=list)
    remote: list[RemoteRef] = field(default_factory=list)
    links: list[WarnedLink] = field(default_factory=list)
    others: list[Part] = field(default_factory=list)
    is_truncated: bool = False


def make_readable(message: Message, options: Mapping[str, Any]) -> Readable:
    """The readable form of a parsed message. Options: "shows_remote", "strips_tracking", "part_prefix", "as_text"."""
    body = decompose(message.root)
    about = _about(message, body)
    has_html = any(part.type == "text/html" for part in body.html_body)
    if has_html and not options.get("as_text"):
        return _from_html(message, body, options, about)
    return _from_text(message, body, {**about, "has_html": has_html})


def _about(message: Message, body: BodyParts) -> dict[str, Any]:
    """What is said about a message whatever its body is."""
    headers = message.list_headers
    parts = [part for part in message.root.walk() if part.part_id and part.part_id not in message.left_out]
    invitations = [read_invitation(part) for part in [one for one in parts if one.type == "text/calendar"][:MAX_BLOCKS]]
    vcards = [part for part in body.attachments if part.type in {"text/vcard", "text/x-vcard"}][:MAX_BLOCKS]
    cards = [read_cards(part, most=MAX_BLOCKS) for part in vcards]
    return {
        "claims": read_claims(message),
        "head": Head(
            subject=headers.subject,
            from_=_pairs(headers.from_),
            to=_pairs(headers.to),
            cc=_pairs(headers.cc),
            sent_at=headers.sent_at.isoformat() if headers.sent_at else "",
            delivered_to=_delivered_to(message),
        ),
        "invitations": tuple(dict.fromkeys(one for one in invitations if one is not None)),
        "cards": tuple(card for found in cards for card in found)[:MAX_BLOCKS],
        "protection": find_protection(message),
        "partial": find_partial(message),
        "receipt": receipt_wanted(message),
        "defects": find_defects(message),
    }


def _delivered_to(message: Message) -> tuple[str, ...]:
    noted = [raw for name in DELIVERED_TO_FIELDS for raw in message.headers.get_all(name)[:MAX_DELIVERED]]
    found = [one.email.strip() for raw in noted for one in parse_addresses(raw)[:1]]
    return tuple(dict.fromkeys(email for email in found if email))[:MAX_DELIVERED]


def _pairs(addresses: Iterable[Any]) -> tuple[tuple[str, str], ...]:
    return tuple((address.name, address.email) for address in addresses)


def _from_html(message: Message, body: BodyParts, options: Mapping[str, Any], about: Mapping[str, Any]) -> Readable:
    parts = tuple(dict.fromkeys((*body.html_body, *body.attachments)))
    prefix = options.get("part_prefix") or PART_PREFIX
    rasters = [part for part in parts if part.part_id and part.type in RASTER_TYPES]
    found = _Body({part.cid: f"{prefix}{part.part_id}" for part in rasters if part.cid}, options)
    shown, rest = _that_fit(body.html_body)
    for part in shown:
        _add_part(found, part, prefix)
    found.others += rest
    found.is_truncated |= bool(rest)
    html, css = "\n".join(found.html), "\n".join(filter(None, found.css))
    # Asked of what was written: a picture that the text does not show is a file.
    written = f"{html}\n{css}"
    drawn = [part for part in rasters if any(f"{escape(prefix)}{part.part_id}{end}" in written for end in ('"', ")"))]
    files = [part for part in (*found.others, *body.attachments) if part not in drawn]
    return Readable(
        **about,
        html=html,
        css=css,
        drawn=_files(drawn, message),
        files=_files(dict.fromkeys(files), message),
        remote=tuple(found.remote),
        links=tuple(found.links),
        is_truncated=found.is_truncated,
        lacks_pictures=any(part.part_id in message.left_out for part in drawn),
    )


def _add_part(found: _Body, part: Part, prefix: str) -> None:
    if part.type == "text/html":
        safe = sanitize(
            part.text(max_bytes=MAX_HTML_BYTES)[0],
            cid_urls=found.cid_urls,
            shows_remote=bool(found.options.get("shows_remote")),
            strips_tracking=bool(found.options.get("strips_tracking")),
            first_remote=len(found.remote),
            first_link=len(found.links),
        )
        found.html.append(safe.html)
        found.css.append(safe.css)
        found.remote += safe.remote
        found.links += safe.links
        found.is_truncated |= safe.is_truncated
    elif part.type.startswith("text/"):
        found.html.append(plain_text_to_html(_plain_text(part)[:MAX_PLAIN_CHARS], label=QUOTE_LABEL))
    elif part.type in RASTER_TYPES and part.part_id:
        found.html.append(f'<p><img src="{escape(prefix)}{escape(part.part_id)}" alt=""></p>')
    else:
        found.others.append(part)


def _from_text(message: Message, body: BodyParts, about: Mapping[str, Any]) -> Readable:
    shown, rest = _that_fit([part for part in body.text_body if part.type.startswith("text/")])
    pictures = list(dict.fromkeys(part for part in body.text_body if part.type in RASTER_TYPES))
    others = [part for part in body.text_body if part not in shown and part not in pictures]
    pieces = [_plain_text(part) for part in shown]
    return Readable(
        **about,
        text="".join(
            plain_text_to_html(piece[:MAX_PLAIN_CHARS], label=QUOTE_LABEL, sender=_sender(about["head"]))
            for piece in pieces
        ),
        is_fixed_width=any(map(needs_fixed_width, pieces)),
        pictures=_files(pictures, message),
        files=_files((part for part in dict.fromkeys((*others, *body.attachments)) if part not in pictures), message),
        is_truncated=bool(rest) or any(len(piece) > MAX_PLAIN_CHARS for piece in pieces),
        lacks_pictures=any(part.part_id in message.left_out for part in pictures),
    )


def _that_fit(parts: Iterable[Part]) -> tuple[list[Part], list[Part]]:
    """The parts whose texts are shown, and those that are too much for one message (R43)."""
    shown: list[Part] = []
    rest: list[Part] = []
    room = MAX_SHOWN_BYTES
    for part in parts:
        if part.type.startswith("text/"):
            room -= max(MIN_COUNTED_BYTES, min(len(part.source), MAX_COUNTED_BYTES))
        (shown if room >= 0 else rest).append(part)
    return shown, rest


def _sender(head: Head) -> str:
    """Who wrote, for recognising a signature."""
    return " ".join(head.from_[0]) if head.from_ else ""


def _plain_text(part: Part) -> str:
    if part.type == "text/html":
        return html_to_text(part.text(max_bytes=MAX_HTML_BYTES)[0])
    text = part.text(max_bytes=MAX_PLAIN_BYTES)[0]
    content_type = parse_parameters(part.headers.get_first("content-type"))
    if (content_type.text("format") or "").lower() == "flowed":
        return unflow(text, (content_type.text("delsp") or "").lower() == "yes")
    return text


def _files(parts: Iterable[Part], message: Message) -> tuple[ReadableFile, ...]:
    return tuple(_file(part, message) for part in parts if part.part_id)


def _file(part: Part, message: Message) -> ReadableFile:
    facts = describe_file(part)
    return ReadableFile(
        part_id=part.part_id or "",
        name=safe_filename(part.name, type=part.type),
        type=part.type,
        size_bytes=part.size_bytes,
        kind=facts.kind,
        found_type=facts.found_type,
        warning=facts.warning,
        cid=part.cid,
        is_here=part.part_id not in message.left_out,
    )


_READABLE: Final = TypeAdapter(Readable)


def readable_job(raw: bytes, options: Mapping[str, Any]) -> Answer:
    """The job "readable": `options` as `open_message` and `make_readable` take them; the data is JSON for `load_readable`."""
    return Answer(data=_READABLE.dump_json(make_readable(open_message(raw, options), options)))


def load_readable(data: bytes) -> Readable:
    """A kept form, or what the child said. Raises ValueError for one of another make."""
    return _READABLE.validate_json(data)


@dataclass(frozen=True, slots=True)
class FormOptions:
    """How a form is made. `part_prefix`: what stands before a part's id where the HTML refers to it; `as_text`: in plain
    text whatever the message has."""

    shows_remote: bool = False
    strips_tracking: bool = False
    nested: Sequence[str] = ()
    part_prefix: str = PART_PREFIX
    as_text: bool = False

    @property
    def key(self) -> str:
        """How it was made, as its kept row says it; at most 64 characters."""
        flags = ("r" if self.shows_remote else "", "s" if self.strips_tracking else "", "t" if self.as_text else "")
        prefix = self.part_prefix if self.part_prefix != PART_PREFIX else ""
        key = "".join((*flags, *(f":{part_id}" for part_id in self.nested), f"|{prefix}" if prefix else ""))
        return key if len(key) <= 64 else hashlib.sha256(key.encode()).hexdigest()

    def as_job_options(self) -> dict[str, Any]:
        """For the child."""
        return {
            "shows_remote": self.shows_remote,
            "strips_tracking": self.strips_tracking,
            "nested": list(self.nested),
            "part_prefix": self.part_prefix,
            "as_text": self.as_text,
        }
