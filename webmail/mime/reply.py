"""What a reply or a forwarded message starts from: recipients, subject, threading fields and quoted text.

Pure values: the composer shows them, the user changes them, and `compose.build_message` writes the result. Quoted text is plain
text in every case, so nothing of a hostile mail's HTML reaches an editor from here (security R6). What is encrypted is never
quoted, nor what stands inside an encrypted part: a reply must not carry it to somebody who asks for it (R16).
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from webmail.mime.addresses import Address, format_address, unique_emails
from webmail.mime.body import decompose
from webmail.mime.compose import Attachment
from webmail.mime.filenames import safe_filename
from webmail.mime.headers import ListHeaders
from webmail.mime.html_text import html_to_text
from webmail.mime.parameters import parse_parameters
from webmail.mime.part import Message, Part
from webmail.mime.plain_text import unflow

# RFC 5322 3.6.4 lets the list grow; the first id names the thread, the last ones the place in it.
MAX_REFERENCES: Final = 50
# Longer quotes are cut: nobody reads them, and the original is one click away.
MAX_QUOTED_CHARS: Final = 200_000
# Of one part looked at for it, octets: HTML takes several for a character of text.
_MAX_SOURCE_BYTES: Final = 2_000_000

ATTRIBUTION: Final = "On {date} at {time}, {name} wrote:"
ATTRIBUTION_WITHOUT_DATE: Final = "{name} wrote:"
FORWARD_MARK: Final = "---------- Forwarded message ----------"

# What programs in other languages put in front, also as `Re[2]:`, `Re^2:` and `RE(3):`. Single letters are left alone: they are
# more often words.
_COUNT: Final = r"(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})?"
_REPLY_MARK: Final = re.compile(
    rf"(?:re|aw|antw|sv|vs|odp|ynt|res|rif|ref|atb|回复|回覆|答复|返信|отв){_COUNT}\s*[:：]\s*", re.IGNORECASE
)
_FORWARD_MARK: Final = re.compile(
    rf"(?:fwd?|wg|tr|vl|vb|doorst|enc|rv|pd|ilt|转发|轉寄|転送|пер){_COUNT}\s*[:：]\s*", re.IGNORECASE
)
_SEALED: Final = frozenset(
    {"multipart/encrypted", "application/pgp-encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"}
)
# To the end where the end mark is missing: half a ciphertext is one too.
_PGP_MESSAGE: Final = re.compile(
    r"-----BEGIN PGP MESSAGE-----(?:[^-]++|-(?!----END PGP MESSAGE-----))*+(?:-----END PGP MESSAGE-----)?+"
)
_LIST_TAG: Final = re.compile(r"\[[^\[\]]{1,40}\]\s*")
_MESSAGE_ID: Final = re.compile(r"[!-;=?-~]{1,250}")
_CONTENT_ID: Final = re.compile(r"[!-;=?-~]{1,300}")
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_CHARSET: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,60}")
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class ReplySeed:
    """The start of a new message. Message ids are without angle brackets; `quoted_text` has LF line ends."""

    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    quoted_text: str
    attachments: tuple[Attachment, ...] = ()


def reply_composition(
    original: Message,
    *,
    own_addresses: Collection[str],
    reply_all: bool,
    zone: tzinfo | None = None,
    attribution: str = ATTRIBUTION,
) -> ReplySeed:
    """Return what a reply to `original` starts from.

    `own_addresses`: all addresses of the user, compared without case. `zone`: in which the attribution tells the time, else the
    sender's. `attribution`: with the places {date}, {time} and {name}, for translations.
    """
    headers = original.list_headers
    to, cc = _recipients(headers, own_addresses, reply_all=reply_all)
    return ReplySeed(
        to=to,
        cc=cc,
        subject=_mark_subject(headers.subject, "Re:", _REPLY_MARK),
        in_reply_to=_valid_ids((headers.message_id or "",)),
        references=_references(headers),
        quoted_text=f"{_attribute(headers, zone, attribution)}\n{quote_text(_quotable_text(original))}\n",
    )


def forward_composition(original: Message, *, zone: tzinfo | None = None) -> ReplySeed:
    """Return what forwarding `original` inline starts from: a summary of its header, its text and its attachments.

    No recipients and no In-Reply-To (it answers nobody); References keep it beside the original in the user's own threads.
    """
    headers = original.list_headers
    summary = [FORWARD_MARK, f"From: {_join(headers.from_)}"]
    if headers.sent_at:
        date, time = _date_and_time(headers.sent_at, zone)
        summary.append(f"Date: {date} at {time}")
    summary.append(f"Subject: {headers.subject}")
    summary.extend(f"{name}: {_join(found)}" for name, found in (("To", headers.to), ("Cc", headers.cc)) if found)
    return ReplySeed(
        to=(),
        cc=(),
        subject=_mark_subject(headers.subject, "Fwd:", _FORWARD_MARK),
        in_reply_to=(),
        references=_references(headers),
        quoted_text="\n".join([*summary, "", _quotable_text(original), ""]),
        attachments=carried_attachments(original),
    )


def body_text(message: Message) -> str:
    """The text people read in `message`: its plain text (unflowed), or its HTML as text; at most `MAX_QUOTED_CHARS`."""
    texts = [_part_text(part) for part in decompose(message.root).text_body if part.type in {"text/plain", "text/html"}]
    return "\n".join(text.rstrip() for text in texts)[:MAX_QUOTED_CHARS].rstrip()


def _quotable_text(message: Message) -> str:
    """`body_text` without anything encrypted: parts of an encrypted container, and OpenPGP messages written into a text."""
    sealed = {id(part) for container in message.root.walk() if container.type in _SEALED for part in container.walk()}
    shown = [part for part in decompose(message.root).text_body if id(part) not in sealed]
    texts = (_PGP_MESSAGE.sub("", _part_text(part)) for part in shown if part.type in {"text/plain", "text/html"})
    return "\n".join(text.rstrip() for text in texts)[:MAX_QUOTED_CHARS].rstrip()


def quote_text(text: str) -> str:
    """Put "> " before each line; what was quoted already gets a bare ">" more (RFC 3676 4.5)."""
    return "\n".join(f">{line}" if line.startswith(">") or not line else f"> {line}" for line in text.split("\n"))


def carried_attachments(message: Message) -> tuple[Attachment, ...]:
    """The files of `message` for a forwarded one: its attachments and the media shown between its texts."""
    body = decompose(message.root)
    shown = dict.fromkeys((*body.text_body, *body.html_body))
    media = [part for part in shown if part.type not in {"text/plain", "text/html"}]
    return tuple(_carry(part) for part in dict.fromkeys((*media, *body.attachments)))


def _carry(part: Part) -> Attachment:
    kind = part.type if _TYPE.fullmatch(part.type) else "application/octet-stream"
    name = safe_filename(part.name, type=kind)
    if kind.startswith("text/") and part.charset and _CHARSET.fullmatch(part.charset):
        kind = f"{kind}; charset={part.charset}"
    cid = part.cid if part.cid and _CONTENT_ID.fullmatch(part.cid) else None
    # Not inline: the forwarded text has no HTML that would show it.
    return Attachment(name, kind, part.decoded(), cid)


def _recipients(
    headers: ListHeaders, own_addresses: Collection[str], *, reply_all: bool
) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    """To and Cc of the reply.

    | original | To | Cc with reply-all |
    |---|---|---|
    | written by others | Reply-To, else From | its To and Cc without own addresses |
    | written by me | its To | its Cc without own addresses |
    | only me everywhere | its To, else From | nobody |
    """
    own = {address.strip().casefold() for address in own_addresses}
    is_mine = bool(headers.from_) and not _others(headers.from_, own)
    if is_mine:
        to = _others(headers.to, own) or _usable(headers.to) or _usable(headers.from_)
        copied: Iterable[Address] = headers.cc
    else:
        to = _others(headers.reply_to, own) or _usable(headers.from_) or _usable(headers.sender)
        copied = (*headers.to, *headers.cc)
    if not reply_all:
        return to, ()
    taken = own | {address.email.casefold() for address in to}
    return to, _others(copied, taken)


def _usable(addresses: Iterable[Address]) -> tuple[Address, ...]:
    return tuple(unique_emails(tuple(address for address in addresses if "@" in address.email)))


def _others(addresses: Iterable[Address], excluded: Collection[str]) -> tuple[Address, ...]:
    return tuple(address for address in _usable(addresses) if address.email.casefold() not in excluded)


def _mark_subject(subject: str, mark: str, known: re.Pattern[str]) -> str:
    """`mark` once in front of the subject; the same kind of mark is taken away from its start and from behind a list's tag."""
    rest = _strip_marks(subject.strip(), known)
    tag = _LIST_TAG.match(rest)
    if tag:
        rest = tag.group() + _strip_marks(rest[tag.end() :], known)
    return f"{mark} {rest}".rstrip()


def _strip_marks(text: str, known: re.Pattern[str]) -> str:
    start = 0
    while found := known.match(text, start):
        start = found.end()
    return text[start:]


def _references(headers: ListHeaders) -> tuple[str, ...]:
    """RFC 5322 3.6.4: the parent's references (or its single In-Reply-To), then the parent itself."""
    parents = headers.references or (headers.in_reply_to if len(headers.in_reply_to) == 1 else ())
    own_id = headers.message_id or ""
    ids = tuple(dict.fromkeys(_valid_ids((*(one for one in parents if one != own_id), own_id))))
    return ids if len(ids) <= MAX_REFERENCES else (ids[0], *ids[-(MAX_REFERENCES - 1) :])


def _valid_ids(ids: Iterable[str]) -> tuple[str, ...]:
    """Those that a header of ours can carry: the ids come from a stranger's mail (R31)."""
    return tuple(one for one in ids if _MESSAGE_ID.fullmatch(one))


def _attribute(headers: ListHeaders, zone: tzinfo | None, attribution: str) -> str:
    sender = headers.from_[0] if headers.from_ else Address("", "")
    name = sender.name or sender.email or "Somebody"
    if headers.sent_at is None:
        return ATTRIBUTION_WITHOUT_DATE.format(name=name)
    date, time = _date_and_time(headers.sent_at, zone)
    return attribution.format(date=date, time=time, name=name)


def _date_and_time(moment: datetime, zone: tzinfo | None) -> tuple[str, str]:
    local = moment.astimezone(zone) if zone else moment
    date = f"{_WEEKDAYS[local.weekday()]}, {local.day} {_MONTHS[local.month - 1]} {local.year}"
    return date, f"{local:%H:%M}"


def _part_text(part: Part) -> str:
    text, _ = part.text(max_bytes=_MAX_SOURCE_BYTES)
    if part.type == "text/html":
        return html_to_text(text)
    content_type = parse_parameters(part.headers.get_first("content-type"))
    if (content_type.text("format") or "").lower() == "flowed":
        return unflow(text, (content_type.text("delsp") or "").lower() == "yes")
    return text


def _join(addresses: Iterable[Address]) -> str:
    return ", ".join(map(format_address, addresses))
