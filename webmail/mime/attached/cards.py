"""What a vCard part says of people, as plain values (RFC 6350, and the older 2.1 and 3.0). Pictures, sounds and keys are left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import vobject

from webmail.mime.attached.blocks import bounded_text, find_blocks, part_text
from webmail.mime.part import Part

MAX_CARDS: Final = 50
MAX_VALUES: Final = 20  # e-mail addresses, telephone numbers and so on of one card
MAX_LINE: Final = 300
MAX_NOTE: Final = 2_000
_LEFT_OUT: Final = frozenset({"PHOTO", "LOGO", "SOUND", "KEY", "AGENT"})
_PARTS_OF_ADDRESS: Final = ("box", "extended", "street", "city", "region", "code", "country")


@dataclass(frozen=True, slots=True)
class Card:
    """One person or organisation. `phones` and `addresses` are lines of text, `emails` as they stand in the card."""

    name: str
    organization: str = ""
    title: str = ""
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    birthday: str = ""
    note: str = ""


def read_cards(part: Part, *, most: int = MAX_CARDS) -> tuple[Card, ...]:
    """The first `most` cards of a part. A card that cannot be read is left out. Never raises."""
    return read_cards_text(part_text(part), most=most)


def read_cards_text(text: str, *, most: int = MAX_CARDS) -> tuple[Card, ...]:
    """As `read_cards`, of text with LF line ends."""
    blocks = find_blocks(text, {"VCARD"}, most=most, without=_LEFT_OUT)
    return tuple(card for block in blocks.found if (card := _read(block.text)) is not None)


def _read(text: str) -> Card | None:
    try:
        component = vobject.readOne(text, ignoreUnreadable=True, allowQP=True)
        return _card(component.contents)
    except Exception:  # noqa: BLE001 - the library raises all kinds of errors on what strangers write
        return None


def _card(contents: dict[str, list[Any]]) -> Card | None:
    card = Card(
        name=_first(contents, "fn") or _written_name(contents),
        organization=_first(contents, "org"),
        title=_first(contents, "title") or _first(contents, "role"),
        emails=_all(contents, "email"),
        phones=_all(contents, "tel"),
        addresses=_all(contents, "adr"),
        urls=_all(contents, "url"),
        birthday=_first(contents, "bday"),
        note=bounded_text(_value(contents["note"][0]), MAX_NOTE) if contents.get("note") else "",
    )
    return card if card != Card(name="") else None


def _written_name(contents: dict[str, list[Any]]) -> str:
    """The parts of N in the order people say them, where a card has no FN."""
    if not contents.get("n"):
        return ""
    name = contents["n"][0].value
    parts = (getattr(name, part, "") for part in ("prefix", "given", "additional", "family", "suffix"))
    return bounded_text(" ".join(filter(None, map(_joined, parts))), MAX_LINE, is_one_line=True)


def _first(contents: dict[str, list[Any]], name: str) -> str:
    return next(iter(_all(contents, name)), "")


def _all(contents: dict[str, list[Any]], name: str) -> tuple[str, ...]:
    lines = (bounded_text(_value(line), MAX_LINE, is_one_line=True) for line in contents.get(name, ())[:MAX_VALUES])
    return tuple(dict.fromkeys(filter(None, lines)))


def _value(line: Any) -> str:
    value = line.value
    if all(hasattr(value, part) for part in ("street", "city")):
        return ", ".join(filter(None, (_joined(getattr(value, part)) for part in _PARTS_OF_ADDRESS)))
    return _joined(value).removeprefix("tel:").removeprefix("mailto:")


def _joined(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(str(piece) for piece in value if piece)
    return str(value or "")
