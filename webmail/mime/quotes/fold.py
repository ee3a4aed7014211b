"""Wrap what is quoted at the end of an HTML message in `<details>`, and its signature in a `<div>`.

Text to text, on the output of `safe_html.bound.bound_html` and before cleaning: wrappers are added, nothing else is touched, and a
wrapper begins and ends only where the same elements are open, so the result is as well nested as the input.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Final

from webmail.mime.quotes.kinds import Kind
from webmail.mime.quotes.markup import Chain, Page, PlacedLine, read_page
from webmail.mime.quotes.structure import read_structure

FOLD_END: Final = "</details>"
SIGNATURE_START: Final = '<div class="pb-signature">'
SIGNATURE_END: Final = "</div>"
# A quotation whose pieces lie in more elements than this stays open.
_MAX_PIECES: Final = 8


def fold_start(label: str) -> str:
    """The start of a fold. `label`: what it is called ("Show quoted text"), for those who point at it or do not see it."""
    named = "" if label == "…" else f' title="{escape(label)}" aria-label="{escape(label)}"'
    return f'<details class="pb-quoted"><summary{named}>…</summary>'


def fold_quotes(bounded: str, *, label: str = "…") -> str:
    """Fold the quotations at the end of `bounded` and mark signatures; `bounded` itself if there are none.

    Removing the wrappers gives `bounded` back byte for byte. Linear time; never raises.
    """
    page = read_page(bounded)
    structure = read_structure(page.lines)
    added: list[tuple[int, int, str]] = []
    for start, end in structure.folds:
        pieces = list(_pieces(page, start, end))
        if len(pieces) > _MAX_PIECES:
            continue
        for piece in pieces:
            if Kind.QUOTED in structure.kinds[piece.first : piece.last + 1]:
                added += ((piece.start, 1, fold_start(label)), (piece.end, 0, FOLD_END))
    for start, end in _signature_runs(structure.kinds):
        pieces = list(_pieces(page, start, end))
        if len(pieces) == 1:
            added += ((pieces[0].start, 1, SIGNATURE_START), (pieces[0].end, 0, SIGNATURE_END))
    return _insert(bounded, added)


def _insert(text: str, added: list[tuple[int, int, str]]) -> str:
    if not added:
        return text
    out: list[str] = []
    position = 0
    for offset, _, markup in sorted(added, key=lambda one: one[:2]):
        out += (text[position:offset], markup)
        position = offset
    out.append(text[position:])
    return "".join(out)


def _signature_runs(kinds: list[Kind]) -> Iterator[tuple[int, int]]:
    start = -1
    for at, kind in enumerate((*kinds, Kind.OWN)):
        if kind is Kind.SIGNATURE:
            start = at if start < 0 else start
        elif kind is not Kind.BLANK and start >= 0:
            yield start, at
            start = -1


@dataclass(frozen=True)
class _Piece:
    """A stretch of the text between two places where the same elements are open, and the lines in it (first, last)."""

    start: int
    end: int
    first: int
    last: int


def _pieces(page: Page, start: int, end: int) -> Iterator[_Piece]:
    """The fewest stretches that hold the lines from `start` to before `end`, without any other visible thing.

    Where no wrapper can begin (in a paragraph that has own text as well) the line is left out.
    """
    lines = page.lines
    seen = [at for at in range(start, end) if not lines[at].is_blank]
    if not seen:
        return
    last = seen[-1]
    limit = next((line.start for line in lines[last + 1 :] if not line.is_blank), page.size)
    ends = _places_between(page, lines[last], limit)
    index = 0
    while index < len(seen):
        piece = _piece_at(lines, seen[index], last, ends)
        if piece is None:
            index += 1
            continue
        reached = index
        while reached + 1 < len(seen) and lines[seen[reached + 1]].start < piece.end:
            reached += 1
        yield _Piece(piece.start, piece.end, seen[index], seen[reached])
        index = reached + 1


def _places_between(page: Page, last: PlacedLine, limit: int) -> dict[int, int]:
    """An offset behind `last` at which each chain of open elements stands, before anything else is visible.

    The first one, since what is empty there parts the quotation from what follows; the last one where nothing follows.
    """
    ends: dict[int, int] = {id(last.end_chain): last.end}
    first = bisect_right(page.places, last.end, key=lambda place: place[0])
    for at in range(first, len(page.places)):
        offset, chain = page.places[at]
        if offset > limit:
            break
        if limit == page.size:
            ends[id(chain)] = offset
        else:
            ends.setdefault(id(chain), offset)
    return ends


def _piece_at(lines: list[PlacedLine], at: int, last: int, ends: dict[int, int]) -> _Piece | None:
    levels = [(start, chain) for start, chain in _levels(lines[at]) if chain.can_hold]
    for start, chain in reversed(levels):
        if id(chain) in ends:
            return _Piece(start, ends[id(chain)], at, last)
    for start, chain in reversed(levels):
        if start < chain.end < lines[last].end:
            return _Piece(start, chain.end, at, last)
    return None


def _levels(line: PlacedLine) -> Iterator[tuple[int, Chain]]:
    """Where a wrapper of this line may begin, innermost first: in front of each element in which nothing is seen before it."""
    chain = line.chain
    if chain is None:
        return
    yield line.start, chain
    while chain.parent is not None and chain.seen == line.seen:
        yield chain.start, chain.parent
        chain = chain.parent
