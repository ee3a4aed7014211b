"""What words and people of a query ask of the index.

A plain word finds words that begin with it, and, by its stem, other forms of it in the language of the mail: "invoices" finds
"invoice", "invo" finds "invoice", "Rechnungen" finds "Rechnung". It does not find what stands in the middle of another word: people
who look for "art" do not want "party". A single letter or figure finds itself alone, `+word` and words in quotes find that form alone, always
without regard to case and accents. Scripts without blanks are found anywhere in the text. A word with signs in it,
such as "e-mail" or an address, is looked for as its parts in that order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q

from webmail.mime.search_terms import (
    BCC,
    CC,
    DELIVERED,
    EXTENSION,
    FILE,
    FROM,
    HEADER,
    KIND,
    LIST,
    OUTSIDE,
    STEM,
    SUBJECT,
    SUBJECT_STEM,
    TO,
    clean,
    word_terms,
)
from webmail.mime.search_text import fold
from webmail.mime.search_words import grams, is_run, stems_to_ask, words_of
from webmail.store.search.fulltext import Exact, Expression, Prefix, all_of, any_of
from webmail.store.search.index import Document
from webmail.store.search.tree import Form, Term

MIN_PREFIX_CHARS = 2
_COLUMNS = {"people": 1, "subject": 2, "body": 3, "files": 4}  # of a Document
# Which marks and columns an operator for texts looks at.
_TEXT_MARKS = {"": ("", OUTSIDE), "subject": (SUBJECT,), "body": ("",)}
_STEM_MARKS = {"": (STEM, SUBJECT_STEM), "subject": (SUBJECT_STEM,), "body": (STEM,)}
_TEXT_COLUMNS = {"": tuple(_COLUMNS), "subject": ("subject",), "body": ("body",)}
_PEOPLE_MARKS = {
    "from": (FROM,), "to": (TO,), "cc": (CC,), "bcc": (BCC,), "deliveredto": (DELIVERED,), "with": (FROM, TO, CC, BCC),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class InText:
    """A check that the index cannot make: a piece of a stream of words stands in one of the columns."""

    piece: str
    columns: tuple[str, ...]

    def condition(self) -> Q:
        """For the database."""
        found = Q()
        for column in self.columns:
            found |= Q(**{f"search_document__{column}__contains": self.piece})
        return found

    def holds(self, document: Document) -> bool:
        """For a document that is not in the database."""
        return any(self.piece in str(document[_COLUMNS[column]]) for column in self.columns)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the index is asked, and what the text itself must show besides."""

    expression: Expression
    check: InText | None = None


def text(term: Term) -> Asked:
    """A word or phrase, anywhere or in one part (`term.operator`: "", "subject", "body")."""
    words = words_of(fold(term.value))
    marks, columns = _TEXT_MARKS[term.operator], _TEXT_COLUMNS[term.operator]
    if term.form is Form.WORD and len(words) == 1 and not is_run(words[0]):
        return Asked(_word(words[0], marks, _STEM_MARKS[term.operator]))
    is_open = term.form is Form.WORD
    parts = [_part(word, marks, is_open=is_open and word is words[-1]) for word in words]
    needs_check = len(words) > 1 or (is_run(words[0]) and len(words[0]) > len("二字"))
    return Asked(all_of(parts), InText(_piece(words, is_open=is_open), columns) if needs_check else None)


def _word(word: str, marks: Iterable[str], stem_marks: Iterable[str]) -> Expression:
    whole: list[Expression] = [
        Exact(mark + word) if len(word) < MIN_PREFIX_CHARS else Prefix(mark + word) for mark in marks
    ]
    stems = stems_to_ask(word)
    return any_of([*whole, *(Exact(f"{mark}{code}{stem}") for mark in stem_marks for code, stem in stems)])


def _part(word: str, marks: Iterable[str], *, is_open: bool) -> Expression:
    if not is_run(word):
        is_begun = is_open and len(word) >= MIN_PREFIX_CHARS
        return any_of(Prefix(mark + word) if is_begun else Exact(mark + word) for mark in marks)
    if len(word) == 1:
        return any_of(Prefix(mark + word) for mark in marks)
    return all_of(any_of(Exact(mark + gram) for mark in marks) for gram in grams(word)[:-1])


def _piece(words: Sequence[str], *, is_open: bool) -> str:
    begin = "" if is_run(words[0]) else " "
    end = "" if is_run(words[-1]) or is_open else " "
    return f"{begin}{' '.join(words)}{end}"


def person(operator: str, value: str, form: Form) -> Expression | None:
    """A name, an address or @domain in headers; None when there is nothing to look for."""
    folded = fold(value).strip().strip("<>")
    marks = _PEOPLE_MARKS[operator]
    if folded.startswith("@"):
        domain = clean(folded.rstrip("."))
        return any_of(Exact(mark + domain) for mark in marks) if len(domain) > 1 else None
    if "@" in folded.strip("@"):
        kind = Prefix if form is Form.WORD else Exact
        return any_of(kind(mark + clean(folded)) for mark in marks)
    words = words_of(folded)
    if not words:
        return None
    if form is Form.PHRASE and len(words) > 1:
        name = "_".join(words)
        # The whole name, or one that goes on: "Anna B" finds "Anna B Carter" and not "Anna Burger".
        return any_of(one for mark in marks for one in (Exact(mark + name), Prefix(f"{mark}{name}_")))
    is_open = form is Form.WORD
    return any_of(all_of(_part(word, (mark,), is_open=is_open) for word in words) for mark in marks)


def file_name(value: str, form: Form) -> Expression | None:
    """Words of an attachment's name, its ending, or a kind of file."""
    folded = fold(value).strip()
    words = words_of(folded)
    if not words:
        return None
    named = all_of(_part(word, (FILE,), is_open=form is Form.WORD) for word in words)
    if len(words) > 1 and "." not in folded[:1]:
        return named
    ending = folded.lstrip(".")
    kinds: list[Expression] = [Exact(EXTENSION + clean(ending))]
    return any_of(kinds if folded.startswith(".") else [named, *kinds])


def kind_of_file(kind: str) -> Expression:
    """`has:pdf` and its like, a key of `KINDS`; "link" too."""
    return Exact(KIND + kind)


def mailing_list(value: str) -> Expression | None:
    """A List-Id, or words of it."""
    folded = fold(value).strip().strip("<>")
    words = words_of(folded)
    if not words:
        return None
    # The list's description stands in the header alone.
    named = all_of(_part(word, (LIST, f"{HEADER}list-id="), is_open=True) for word in words)
    return any_of([Prefix(LIST + clean(folded)), named])


def header(value: str) -> Expression | None:
    """`X-Name=words`: the header with all of the words; `X-Name`: the header is there."""
    name, sign, wanted = fold(value).partition("=")
    name = clean(name.strip())
    words = words_of(wanted)
    if not sign or not words:
        return Exact(HEADER + name)
    return all_of(
        Exact(one) if index + 1 < len(words) else Prefix(one) for index, one in enumerate(_header_terms(name, words))
    )


def _header_terms(name: str, words: Sequence[str]) -> list[str]:
    return word_terms(words, f"{HEADER}{name}=")
