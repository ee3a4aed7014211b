"""Hits in the texts of a list: `<mark>` around the words, everything else escaped."""

from __future__ import annotations

from markupsafe import Markup, escape

from webmail.mime.hits import Hits


def mark_hits(text: str, hits: Hits) -> Markup:
    """The text as HTML with its hits marked; the text itself is as it was."""
    pieces = Markup("")
    at = 0
    for begin, end in hits.places(text):
        pieces += escape(text[at:begin]) + Markup('<mark class="pb-hit">%s</mark>') % text[begin:end]
        at = end
    return pieces + escape(text[at:])
