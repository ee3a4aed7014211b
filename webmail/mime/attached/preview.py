"""What can be shown of an attached file inside the app, as plain values: text, events, cards, the list of an archive,
the sizes of pages.

Run in a limited child, since libraries read what strangers wrote. Pictures, films and pages are not here: they are served or drawn
as files of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import TypeAdapter

from webmail.mime.attached.archives import Listing, list_zip
from webmail.mime.attached.cards import Card, read_cards
from webmail.mime.attached.drawing import Refused, page_sizes
from webmail.mime.attached.invitations import Invitation, read_calendar
from webmail.mime.attached.kinds import FileFacts, Kind, describe_file
from webmail.mime.attached.opened import open_part
from webmail.mime.charsets import decode_bytes
from webmail.mime.limited.answer import Answer
from webmail.mime.part import Part

MAX_TEXT_BYTES: Final = 400_000  # of a text, shown; a page with more becomes slow


@dataclass(frozen=True, slots=True)
class Preview:
    """What is known of one file. Only what its kind has is filled. `is_cut`: there is more than is shown."""

    facts: FileFacts
    text: str = ""
    is_cut: bool = False
    events: tuple[Invitation, ...] = ()
    cards: tuple[Card, ...] = ()
    listing: Listing | None = None
    pages: tuple[tuple[int, int], ...] = ()  # (width, height) in pixels of the pages that are drawn
    pages_total: int = 0
    refused: str = ""  # why there are none: "password", "damaged"


_as_json: Final = TypeAdapter(Preview)


def preview_job(raw: bytes, options: Mapping[str, Any]) -> Answer:
    """The `Preview` of a part as JSON (`load_preview`). Options as of `open_part`. Raises `NoSuchPart`."""
    return Answer(_as_json.dump_python(preview_part(open_part(raw, options)), mode="json"))


def load_preview(meta: Any) -> Preview:
    """The `Preview` of an `Answer.meta`."""
    return _as_json.validate_python(meta)


def preview_part(part: Part) -> Preview:
    """What can be shown of this part. Never raises."""
    facts = describe_file(part)
    fill = _FILLERS.get(facts.kind)
    found = Preview(facts)
    return fill(part, found) if fill else found


def _with_text(part: Part, found: Preview) -> Preview:
    head = part.start(MAX_TEXT_BYTES + 1)
    text, _ = decode_bytes(head[:MAX_TEXT_BYTES], part.charset)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return replace(found, text=text, is_cut=len(head) > MAX_TEXT_BYTES)


def _with_events(part: Part, found: Preview) -> Preview:
    events = read_calendar(part)
    return replace(found, events=events) if events else _with_text(part, found)


def _with_cards(part: Part, found: Preview) -> Preview:
    cards = read_cards(part)
    return replace(found, cards=cards) if cards else _with_text(part, found)


def _with_listing(part: Part, found: Preview) -> Preview:
    return replace(found, listing=list_zip(part.decoded())) if found.facts.found_type == "application/zip" else found


def _with_pages(part: Part, found: Preview) -> Preview:
    try:
        pages, total = page_sizes(part.decoded())
    except Refused as refused:
        return replace(found, refused=str(refused))
    return replace(found, pages=pages, pages_total=total)


_FILLERS: Final[dict[Kind, Callable[[Part, Preview], Preview]]] = {
    "text": _with_text,
    "calendar": _with_events,
    "vcard": _with_cards,
    "archive": _with_listing,
    "pdf": _with_pages,
}
