"""Words near each other: the index knows who has both, the texts tell how far apart they stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from webmail.mime.search_text import fold
from webmail.mime.search_words import is_run, stem, stems_to_ask, words_of
from webmail.store.models import SearchDocument
from webmail.store.search import fulltext
from webmail.store.search.index import Document
from webmail.store.search.tree import Around, Form, Term
from webmail.store.sql import chunks

MAX_TEXTS = 20_000  # read for one search
_SUBJECT, _BODY = 2, 3  # of a Document


def emails_around(node: Around, expression: fulltext.Expression, waiting: Iterable[Document]) -> list[int]:
    """Ids of Emails that hold both terms of the node near each other, in subject or in text. `expression` finds the candidates,
    `waiting` are documents outside of the database."""
    operator = node.left.operator
    found = []
    for chunk in chunks(fulltext.hits(expression, limit=MAX_TEXTS)):
        rows = SearchDocument.objects.filter(email_id__in=chunk).values_list("email_id", "subject", "body")
        found += [pk for pk, subject, body in rows.iterator() if _is_near(node, _parts(operator, [subject, body]))]
    found += [one[0] for one in waiting if _is_near(node, _parts(operator, [str(one[_SUBJECT]), str(one[_BODY])]))]
    return found


def _parts(operator: str, texts: Sequence[str]) -> Sequence[str]:
    subject, body = texts
    return {"subject": [subject], "body": [body]}.get(operator, [subject, body])


def _is_near(node: Around, texts: Iterable[str]) -> bool:
    left, right = _Seeker(node.left), _Seeker(node.right)
    return any(_has_pair(left.places(words), right.places(words), node.distance) for words in map(str.split, texts))


def _has_pair(left: Sequence[tuple[int, int]], right: Sequence[tuple[int, int]], distance: int) -> bool:
    """Whether a place of each has at most `distance` words between. Both in order; linear."""
    at = other = 0
    while at < len(left) and other < len(right):
        (begin, end), (other_begin, other_end) = left[at], right[other]
        gap = other_begin - end if other_begin >= begin else begin - other_end
        if 0 <= gap <= distance:
            return True
        if begin <= other_begin:
            at += 1
        else:
            other += 1
    return False


class _Seeker:
    """Finds one term in a list of words."""

    def __init__(self, term: Term) -> None:
        self._words = words_of(fold(term.value))
        self._is_open = term.form is Form.WORD
        last = self._words[-1]
        self._stems = stems_to_ask(last) if self._is_open and len(self._words) == 1 else []

    def places(self, words: Sequence[str]) -> list[tuple[int, int]]:
        """(number of its first word, number behind its last) in order."""
        size = len(self._words)
        return [(at, at + size) for at in range(len(words) - size + 1) if self._stands(words, at)]

    def _stands(self, words: Sequence[str], at: int) -> bool:
        *first, last = self._words
        if any(words[at + index] != word for index, word in enumerate(first)):
            return False
        word = words[at + len(first)]
        if is_run(last):
            return last in word
        if word == last or (self._is_open and len(last) > 1 and word.startswith(last)):
            return True
        return any(stem(word, code) == one for code, one in self._stems)
