"""The inside of a message for the API: sanitised body, files, headers.

A message whose bytes are not here yet is asked for and answered by 202; nothing here waits or dials out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.http import HttpResponse
from django.urls import reverse

from webmail.api.answers import answer
from webmail.api.auth import ApiRequest
from webmail.api.problems import Problem
from webmail.api.schemas.base import FetchingOut
from webmail.api.schemas.messages import AttachmentOut, BodyOut, HeaderListOut, HeaderOut
from webmail.mime.body import BodyParts, decompose
from webmail.mime.filenames import safe_filename
from webmail.mime.headers import decode_text
from webmail.mime.parameters import parse_parameters
from webmail.mime.part import Message, Part
from webmail.mime.plain_text import plain_text_to_html, unflow
from webmail.mime.reply import body_text
from webmail.mime.safe_html.sanitize import sanitize
from webmail.store import contents, emails
from webmail.store.models import Email

MAX_HTML_CHARS = (
    2_000_000  # of all HTML parts of one message together: sanitising is the dearest thing a request can ask
)
RETRY_AFTER_S = "1"


def fetching(request: ApiRequest, email: Email, *, whole: bool = False) -> HttpResponse | None:
    """None when the text is here, or with `whole` all bytes. Else they are asked for, and the answer is 202, or 502 when
    they cannot be had."""
    if email.blob_id is not None or (contents.is_readable(email) and not whole):
        return None
    if email.body_error:
        raise Problem("body-unavailable", email.body_error)
    emails.want_body(email.pk)
    return answer(request, FetchingOut(), status=202, headers={"Retry-After": RETRY_AFTER_S})


def read_message(email: Email) -> Message:
    """The message taken apart. Its bytes must be here. Raises `BlobMissing`, `BlobDamaged`, `MessageTooLargeError`."""
    try:
        return contents.read_message(email)
    except contents.NotHere as error:
        raise Problem("body-not-here", headers={"Retry-After": RETRY_AFTER_S}) from error


def read_raw(email: Email) -> bytes:
    """The bytes, which must be here."""
    try:
        return contents.read_raw(email)
    except contents.NotHere as error:
        raise Problem("body-not-here", headers={"Retry-After": RETRY_AFTER_S}) from error


def body_of(email: Email) -> BodyOut:
    """What to show of a message whose bytes are here."""
    message = read_message(email)
    parts = decompose(message.root)
    hrefs = _part_addresses(email, message)
    html = _Html({part.cid: hrefs[part.part_id] for part in message.root.walk() if part.cid and part.part_id})
    shown = html.of(parts.html_body)
    return BodyOut(
        text=body_text(message),
        html=shown,
        blocked_remote=html.blocked_remote,
        is_truncated=html.is_truncated,
        attachments=_attachments(parts, hrefs),
    )


def headers_of(email: Email) -> HeaderListOut:
    """All header fields of a message whose bytes are here, in order."""
    return HeaderListOut(
        headers=[HeaderOut(name=name, value=decode_text(value)) for name, value in read_message(email).headers]
    )


class _Html:
    """The HTML parts of one message as one fragment."""

    def __init__(self, cid_urls: Mapping[str, str]) -> None:
        self.blocked_remote = 0
        self.is_truncated = False
        self._cid_urls = cid_urls
        self._budget = MAX_HTML_CHARS

    def of(self, parts: Sequence[Part]) -> str | None:
        """None when there is no HTML among the parts."""
        if all(part.type != "text/html" for part in parts):
            return None
        return "\n".join(filter(None, map(self._part, parts)))

    def _part(self, part: Part) -> str:
        if part.type not in {"text/html", "text/plain"}:
            return ""
        text = part.text()[0]
        self.is_truncated |= len(text) > self._budget
        text = text[: self._budget]
        self._budget -= len(text)
        if part.type == "text/plain":
            return plain_text_to_html(_flowing(part, text))
        cleaned = sanitize(text, cid_urls=self._cid_urls)
        self.blocked_remote += cleaned.blocked_remote
        self.is_truncated |= cleaned.is_truncated
        return cleaned.html


def _flowing(part: Part, text: str) -> str:
    content_type = parse_parameters(part.headers.get_first("content-type"))
    if (content_type.text("format") or "").lower() == "flowed":
        return unflow(text, (content_type.text("delsp") or "").lower() == "yes")
    return text


def _part_addresses(email: Email, message: Message) -> dict[str, str]:
    ids = [part.part_id for part in message.root.walk() if part.part_id]
    return {
        part_id: reverse("api:get_part", args=[email.account.public_id, email.public_id, part_id]) for part_id in ids
    }


def _attachments(parts: BodyParts, hrefs: Mapping[str, str]) -> list[AttachmentOut]:
    media = [part for part in (*parts.text_body, *parts.html_body) if part.type not in {"text/plain", "text/html"}]
    return [
        AttachmentOut(
            part_id=part.part_id or "",
            name=safe_filename(part.name, type=part.type),
            type=part.type,
            size_bytes=part.size_bytes,
            cid=part.cid,
            is_inline=part in media or part.disposition == "inline",
            href=hrefs[part.part_id or ""],
        )
        for part in dict.fromkeys((*parts.attachments, *media))
    ]
