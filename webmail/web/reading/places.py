"""Where a part is in a message, as addresses spell it: the ids of the messages around it and its own, "2/1.3"."""

from __future__ import annotations

from collections.abc import Sequence


def place_of(part_id: str, nested: Sequence[str] = ()) -> str:
    """The place of a part; `nested`: ids of the messages within messages around it, outermost first."""
    return "/".join((*nested, part_id))


def split_place(place: str) -> tuple[tuple[str, ...], str]:
    """The ids of the messages around it, and its own."""
    *nested, part_id = place.split("/")
    return tuple(nested), part_id
