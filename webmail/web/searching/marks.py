"""Hits in the texts of a list: `<mark>` around the words, everything else escaped. And the words in an address, so that an opened
message shows them too."""

from __future__ import annotations

from markupsafe import Markup, escape

from webmail.mime.hidden_characters import neutralise
from webmail.mime.hits import Hit, Hits
from webmail.mime.search_text import fold

MAX_WORDS, MAX_WORD_CHARS = 16, 40
_EXACT, _STEMS = "=", "~"  # behind a word; folded words have neither


def mark_hits(text: str, hits: Hits) -> Markup:
    """The text as HTML with its hits marked; the text itself is as it was, but for characters that hide or turn (R15)."""
    text = neutralise(text)  # markup is not looked at when it is put into a page
    pieces = Markup("")
    at = 0
    for begin, end in hits.places(text):
        pieces += escape(text[at:begin]) + Markup('<mark class="pb-hit">%s</mark>') % text[begin:end]
        at = end
    return pieces + escape(text[at:])


def write_hits(hits: Hits) -> str:
    """The first words as they stand in an address: separated by blanks, with a sign behind those of a special kind."""
    kept = [hit for hit in hits.words if len(hit.word) <= MAX_WORD_CHARS][:MAX_WORDS]
    return " ".join(f"{hit.word}{_EXACT if hit.is_exact else _STEMS if hit.has_stems else ''}" for hit in kept)


def read_hits(text: str) -> Hits:
    """The words of an address, whoever wrote it: few, short, and folded."""
    found: dict[Hit, None] = {}
    for word in text[: MAX_WORDS * (MAX_WORD_CHARS + 2)].split()[:MAX_WORDS]:
        plain = fold(word.rstrip(_EXACT + _STEMS))
        if 0 < len(plain) <= MAX_WORD_CHARS:
            found[Hit(plain, is_exact=word.endswith(_EXACT), has_stems=word.endswith(_STEMS))] = None
    return Hits(tuple(found))
