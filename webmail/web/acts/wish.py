"""What a button says: a verb, perhaps a target, and the rows it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from django.http import QueryDict

MAX_ROWS = 1_000


@dataclass(frozen=True)
class Wish:
    """`is_all`: everything that matches the list but for the rows in `but`; `row_ids` is empty then."""

    verb: str
    target_id: str = ""
    row_ids: tuple[str, ...] = field(default=())
    is_all: bool = False
    but: tuple[str, ...] = field(default=())

    @property
    def means_something(self) -> bool:
        return self.is_all or bool(self.row_ids)


def read_wish(data: QueryDict) -> Wish:
    """From the fields of a form: `do` is "archive", "move:m1…" for the checked rows, "archive t1…" for one row."""
    what, _space, one = data.get("do", "").partition(" ")
    verb, _colon, target_id = what.partition(":")
    if target_id == "new":  # of a form without scripts, with the name in a field of its own
        target_id = f"new={quote(data.get('name', ''))}"
    if data.get("all") == "1" and not one:
        return Wish(verb, target_id, is_all=True, but=_ids(data.getlist("but")))
    return Wish(verb, target_id, _ids([one] if one else data.getlist("ids")))


def _ids(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))[:MAX_ROWS]
