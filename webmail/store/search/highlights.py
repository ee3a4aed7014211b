"""Which words of a query to mark where a hit is shown, and where a text is cut so that a hit can be seen in it. Rows are asked only
for the beginnings of texts."""

from __future__ import annotations

from collections.abc import Collection

from webmail.mime.hits import Hit, Hits
from webmail.mime.search_text import fold
from webmail.mime.search_words import words_of
from webmail.store.models import SearchDocument
from webmail.store.search.operators import PEOPLE, TEXTS
from webmail.store.search.tree import Form, Node, wanted_terms

_MARKED = TEXTS | PEOPLE | {"filename"}


def highlights(query: Node | None) -> Hits:
    """The words that a hit has because it was asked for them; those of what must not be there are none."""
    found: dict[Hit, None] = {}
    for term in wanted_terms(query):
        if term.operator not in _MARKED or term.value.lower() == "me":
            continue
        words = words_of(fold(term.value))
        for index, word in enumerate(words):
            # Of "e-mail" and of "a phrase" all but an open last word must stand as they are.
            is_open = term.form is Form.WORD and index + 1 == len(words)
            found[Hit(word, is_exact=not is_open, has_stems=is_open and len(words) == 1)] = None
    return Hits(tuple(found))


def beginnings(email_ids: Collection[int]) -> dict[int, str]:
    """How the texts of Emails begin, as they were written; without those that have none here. One query."""
    rows = SearchDocument.objects.filter(email_id__in=email_ids).exclude(beginning="")
    return dict(rows.values_list("email_id", "beginning"))
