"""The content of a message for reading: parsed, cleaned, taken apart into what is shown and what is attached.

HTML never enters our document: it is served as its own (`message_document`) and shown in a sandboxed frame. Plain text is
written from escaped pieces and may stand in the page. Nothing here edits what the cleaner returned (security R4).
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from threading import Lock

from django.utils.translation import gettext as _
from markupsafe import Markup

from accounts.models import User
from webmail.mime.body import decompose
from webmail.mime.filenames import safe_filename
from webmail.mime.limits import MessageTooLargeError
from webmail.mime.parameters import parse_parameters
from webmail.mime.part import Message, Part
from webmail.mime.plain_text import plain_text_to_html, unflow
from webmail.mime.reports.receipt_wishes import ReceiptRequest, receipt_wanted
from webmail.mime.safe_html.document import HTML_CSS, PLAIN_TEXT_CSS, message_document
from webmail.mime.safe_html.sanitize import sanitize
from webmail.store import contents
from webmail.store.errors import BlobDamaged, BlobMissing
from webmail.store.models import Email
from webmail.web.content_links import LIFETIME_S, part_address

# What browsers draw from our own bytes without running anything (security R21); SVG is not among them.
RASTER_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp")
MAX_PLAIN_CHARS = 400_000  # beyond this a page becomes slow; the rest is in the source
CACHED_BODIES = 24  # the page and its frame ask for the same body one after the other
MAX_CACHED_CHARS = 2_000_000

# On a phone, tables and pictures give up the widths that their senders fixed (ux section 5).
# A picture that is not loaded is a quiet box with its description, not a broken sign.
BODY_CSS = """
img:not([src]) {
  display: inline-block; overflow: hidden; border-radius: 4px; background: #eef0f4; color: #626a79;
  font: 13px/1.4 system-ui, sans-serif;
}
@media (max-width: 640px) {
  body { padding: 8px; }
  table { width: 100% !important; min-width: 0 !important; }
  td, th { width: auto !important; min-width: 0 !important; }
  /* Not in percent: in a table's cell that would not keep the picture from widening the table. */
  img { max-width: calc(100vw - 80px) !important; }
}
"""

_TAGS = re.compile(r"<[^>]{0,4000}>")
_LINE_ENDS = re.compile(r"<(?:br|/p|/div|/li|/tr|/h[1-6])\b", re.IGNORECASE)
_BIG = re.compile(r"<(?:img|table)\b", re.IGNORECASE)
CHARS_PER_LINE = 90
FRAME_STEPS = (4, 8, 12, 18, 26)  # lines; beyond the last one a frame takes the height there is


class ContentUnreadable(Exception):
    """The bytes cannot be shown; the message says why, for people."""


@dataclass(frozen=True)
class AttachedFile:
    """A file of a message, for its card."""

    part_id: str
    name: str
    type: str
    size_bytes: int
    can_show: bool  # a browser may show it instead of saving it

    @property
    def icon(self) -> str:
        kind = self.type.partition("/")[0]
        if kind in {"image", "audio", "video"}:
            return f"file-{kind}"
        return next((name for needle, name in _FILE_ICONS if needle in self.type), "file")


_FILE_ICONS = (
    ("sheet", "file-spreadsheet"),
    ("excel", "file-spreadsheet"),
    ("csv", "file-spreadsheet"),
    ("zip", "file-archive"),
    ("compressed", "file-archive"),
    ("calendar", "calendar"),
    ("vcard", "contact"),
    ("rfc822", "mail"),
    ("pdf", "file-text"),
    ("text/", "file-text"),
    ("word", "file-text"),
    ("document", "file-text"),
)


@dataclass(frozen=True)
class Content:
    """What a message shows. `html`: the body for a frame; `text`: the body for the page. One of the two is empty."""

    html: str
    text: Markup
    pictures: tuple[AttachedFile, ...]  # shown below a plain text
    files: tuple[AttachedFile, ...]
    blocked_remote: int = 0
    is_truncated: bool = False
    lacks_pictures: bool = False  # pictures that the text shows are still on the server
    receipt: ReceiptRequest | None = None  # the sender asks to be told that it was read
    frame_lines: int = 0  # about how many lines the frame has; 0: as high as there is room


def read_content(user: User, email: Email) -> Content:
    """The content of an Email whose bytes are here. Raises `ContentUnreadable`."""
    # The half of a link's life is part of the key: no cached body holds links that have ended.
    key = (user.pk, email.public_id, email.blob_id or -(email.text_blob_id or 0), int(time.time() // (LIFETIME_S / 2)))
    known = _cache.get(key)
    if known is None:
        known = _read(user, email)
        _cache.put(key, known)
    return known


def parse_email(email: Email) -> Message:
    """The parsed message of an Email whose bytes are here. Raises `ContentUnreadable`."""
    try:
        return contents.read_message(email)
    except contents.NotHere as error:
        raise ContentUnreadable(_("This message has not been fetched from the server yet.")) from error
    except (BlobMissing, BlobDamaged) as error:
        raise ContentUnreadable(
            _("The stored copy of this message is damaged. The administrator can see that and have it fetched again.")
        ) from error
    except MessageTooLargeError as error:
        raise ContentUnreadable(_("This message is too large to be shown. You can download it.")) from error


def body_document(email: Email, content: Content) -> str:
    """The complete document of an HTML body, for its own response."""
    return message_document(content.html, title=email.subject, css=HTML_CSS + PLAIN_TEXT_CSS + BODY_CSS)


def _read(user: User, email: Email) -> Content:
    message = parse_email(email)
    return replace(_content_of(user, email, message), receipt=receipt_wanted(message))


def _content_of(user: User, email: Email, message: Message) -> Content:
    body = decompose(message.root)
    if any(part.type == "text/html" for part in body.html_body):
        found = _html_content(user, email, body.html_body, body.attachments)
        ids = {file.part_id for file in found.files}
        drawn = {part.part_id for part in (*body.html_body, *body.attachments) if part.type in RASTER_TYPES}
        return replace(found, lacks_pictures=bool((drawn - ids) & message.left_out))
    shown = [part for part in body.text_body if part.type.startswith("text/")]
    pictures = [part for part in body.text_body if part.type in RASTER_TYPES]
    others = [part for part in body.text_body if part not in shown and part not in pictures]
    pieces = [_plain_text(part) for part in shown]
    text = "".join(plain_text_to_html(piece[:MAX_PLAIN_CHARS]) for piece in pieces)
    return Content(
        html="",
        text=Markup(text),  # noqa: S704 - written by plain_text_to_html from escaped pieces
        pictures=_files(pictures),
        files=_files([*others, *body.attachments]),
        is_truncated=any(len(piece) > MAX_PLAIN_CHARS for piece in pieces),
        lacks_pictures=any(part.part_id in message.left_out for part in pictures),
    )


def _html_content(user: User, email: Email, shown: Sequence[Part], attached: Sequence[Part]) -> Content:
    cid_urls = {
        part.cid: part_address(user, email, part.part_id, inline=True)
        for part in (*shown, *attached)
        if part.cid and part.part_id and part.type in RASTER_TYPES
    }
    pieces: list[str] = []
    others: list[Part] = []
    blocked = 0
    is_truncated = False
    for part in shown:
        if part.type == "text/html":
            safe = sanitize(part.text()[0], cid_urls=cid_urls)
            pieces.append(safe.html)
            blocked += safe.blocked_remote
            is_truncated |= safe.is_truncated
        elif part.type.startswith("text/"):
            pieces.append(plain_text_to_html(_plain_text(part)[:MAX_PLAIN_CHARS]))
        elif part.type in RASTER_TYPES and part.part_id:
            pieces.append(f'<p><img src="{escape(part_address(user, email, part.part_id, inline=True))}" alt=""></p>')
        else:
            others.append(part)
    html = "\n".join(pieces)
    used = {part.cid for part in attached if part.part_id and f"/{part.part_id}?k=" in html}
    files = [part for part in (*others, *attached) if not part.cid or part.cid not in used]
    return Content(
        html=html,
        text=Markup(""),
        pictures=(),
        files=_files(files),
        blocked_remote=blocked,
        is_truncated=is_truncated,
        frame_lines=_frame_lines(html),
    )


def _frame_lines(html: str) -> int:
    """A guess from the length of the text, since an opaque frame cannot be measured; 0 where a guess is worth nothing."""
    if _BIG.search(html):
        return 0
    breaks = len(_LINE_ENDS.findall(html))
    lines = breaks + len(_TAGS.sub("", html)) // CHARS_PER_LINE + 1
    return next((step for step in FRAME_STEPS if lines <= step), 0)


def _plain_text(part: Part) -> str:
    text = part.text()[0]
    content_type = parse_parameters(part.headers.get_first("content-type"))
    if (content_type.text("format") or "").lower() == "flowed":
        return unflow(text, (content_type.text("delsp") or "").lower() == "yes")
    return text


def _files(parts: Iterable[Part]) -> tuple[AttachedFile, ...]:
    return tuple(
        AttachedFile(
            part_id=part.part_id,
            name=safe_filename(part.name, type=part.type),
            type=part.type,
            size_bytes=part.size_bytes,
            can_show=part.type in RASTER_TYPES or part.type == "text/plain",
        )
        for part in parts
        if part.part_id
    )


_Key = tuple[int, str, int, int]


class _Cache:
    """The last bodies of this process, in memory only."""

    def __init__(self) -> None:
        self._held: OrderedDict[_Key, Content] = OrderedDict()
        self._lock = Lock()

    def get(self, key: _Key) -> Content | None:
        with self._lock:
            return self._held.get(key)

    def put(self, key: _Key, content: Content) -> None:
        if len(content.html) + len(content.text) > MAX_CACHED_CHARS:
            return
        with self._lock:
            self._held[key] = content
            while len(self._held) > CACHED_BODIES:
                self._held.popitem(last=False)


_cache = _Cache()
