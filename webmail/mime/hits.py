"""Marking what a search found: words in a text or in cleaned HTML. Folded for comparison; what is shown is as it was written.

Pure and linear. The result for HTML is the cleaner's output with `<mark class="pb-hit">` around words between its tags, and
nothing else changed: inside of tags, comments and raw elements nothing is touched.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from webmail.mime.search_text import fold
from webmail.mime.search_words import WRITTEN_WORD, is_run, stem, stems_to_ask, words_of

MARK_BEGIN, MARK_END = '<mark class="pb-hit">', "</mark>"
MAX_HTML_CHARS = 2_000_000  # longer documents are shown without marks
_LEAD_CHARS = 60  # shown in front of the first hit

# A tag or a comment, as the cleaner writes them: well-formed.
_MARKUP = re.compile(r"<!--(?:[^-]++|-(?!->))*+(?:-->)?|<[^>]*+>?")
_NAME = re.compile(r"<(/?)([A-Za-z]{1,10})(?![A-Za-z0-9-])")
_RAW = frozenset({"style", "script", "title", "textarea"})
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


@dataclass(frozen=True, slots=True)
class Hit:
    """One folded word to mark. Unless `is_exact`, words that begin with it count too, and with `has_stems` forms of it."""

    word: str
    is_exact: bool = False
    has_stems: bool = False


@dataclass(frozen=True)
class Hits:
    """The words of a search. False when there is nothing to mark."""

    words: tuple[Hit, ...] = ()
    _exact: frozenset[str] = field(init=False)
    _open: tuple[str, ...] = field(init=False)
    _runs: tuple[str, ...] = field(init=False)
    _stems: frozenset[tuple[str, str]] = field(init=False)
    _known: dict[str, bool] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        plain = [hit for hit in self.words if not is_run(hit.word)]
        object.__setattr__(self, "_exact", frozenset(hit.word for hit in plain))
        begun = (hit.word for hit in plain if not hit.is_exact and len(hit.word) > 1)
        object.__setattr__(self, "_open", tuple(begun))
        object.__setattr__(self, "_runs", tuple(hit.word for hit in self.words if is_run(hit.word)))
        stems = (one for hit in plain if hit.has_stems for one in stems_to_ask(hit.word))
        object.__setattr__(self, "_stems", frozenset(stems))
        object.__setattr__(self, "_known", {})

    def __bool__(self) -> bool:
        return bool(self.words)

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Begin and end of each word to mark, in order, never one over another."""
        for found in WRITTEN_WORD.finditer(text):
            written = found.group()
            known = self._known.get(written)
            if known is None:
                known = self._known[written] = self._is_hit(written)
            if not known:
                continue
            folded = fold(written)
            if self._runs and is_run(folded):
                yield from self._in_run(folded, written, found.start())
            else:
                yield found.span()

    def _is_hit(self, written: str) -> bool:
        return any(self._is_word(word) for word in words_of(fold(written)))

    def _is_word(self, word: str) -> bool:
        if is_run(word):
            return any(run in word for run in self._runs)
        if word in self._exact or word.startswith(self._open):
            return True
        return any(stem(word, code) == one for code, one in self._stems)

    def _in_run(self, folded: str, written: str, start: int) -> Iterator[tuple[int, int]]:
        if len(folded) != len(written):  # half-width forms: their places differ
            yield start, start + len(written)
            return
        pattern = "|".join(map(re.escape, sorted(self._runs, key=len, reverse=True)))
        for found in re.finditer(pattern, folded):
            yield start + found.start(), start + found.end()


def mark_in_html(source: str, hits: Hits) -> str:
    """Cleaned HTML with its hits marked."""
    if not hits or len(source) > MAX_HTML_CHARS:
        return source
    pieces: list[str] = []
    at = 0
    raw = ""  # the element we are in whose content is no text
    for markup in _MARKUP.finditer(source):
        text, tag = source[at : markup.start()], markup.group()
        pieces += [text if raw else _mark_escaped(text, hits), tag]
        at = markup.end()
        name = _NAME.match(tag)
        if name is not None and raw in {"", name[2].lower()} and name[2].lower() in _RAW:
            raw = "" if name[1] else name[2].lower()
    pieces.append(source[at:] if raw else _mark_escaped(source[at:], hits))
    return "".join(pieces)


def _mark_escaped(text: str, hits: Hits) -> str:
    """Text between tags. A word with a character reference in it is compared as it reads, and marked with the reference."""
    if not text.strip():
        return text
    if "&" not in text:
        return _marked(text, list(hits.places(text)))
    plain: list[str] = []
    starts: list[int] = []  # of each plain character in the source
    at = 0
    for entity in _ENTITY.finditer(text):
        plain.append(text[at : entity.start()])
        starts.extend(range(at, entity.start()))
        # Of a reference to more than one character only the first is looked at; none of those is a letter.
        plain.append((html.unescape(entity.group()) or " ")[:1])
        starts.append(entity.start())
        at = entity.end()
    plain.append(text[at:])
    starts.extend(range(at, len(text) + 1))
    return _marked(text, [(starts[begin], starts[end]) for begin, end in hits.places("".join(plain))])


def _marked(text: str, places: list[tuple[int, int]]) -> str:
    pieces: list[str] = []
    at = 0
    for begin, end in places:
        pieces += [text[at:begin], MARK_BEGIN, text[begin:end], MARK_END]
        at = end
    pieces.append(text[at:])
    return "".join(pieces)


def snippet_around(text: str, hits: Hits, *, max_chars: int = 256) -> str:
    """A piece of the text with its first hit near the beginning; "" when there is no hit in it."""
    first = next(hits.places(text), None) if hits else None
    if first is None:
        return ""
    begin = first[0]
    if begin <= _LEAD_CHARS:
        return text[:max_chars]
    start = begin - _LEAD_CHARS
    blank = text.find(" ", start, begin)
    return "…" + text[blank + 1 if blank >= 0 else start :][:max_chars]
