"""Marking hits in texts and in cleaned HTML: folded to compare, shown as written (ux section 7)."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.mime.hits import Hit, Hits, mark_in_html, snippet_around

OPEN = Hits((Hit("invoices", has_stems=True), Hit("mull")))
_MARKS = re.compile(r'<mark class="pb-hit">|</mark>')


def marked(text: str, hits: Hits) -> list[str]:
    """The words that would be marked."""
    return [text[begin:end] for begin, end in hits.places(text)]


@pytest.mark.parametrize(
    ("text", "hits", "found"),
    [
        ("One invoice, two INVOICES", OPEN, ["invoice", "INVOICES"]),
        ("Jürgen Müller", OPEN, ["Müller"]),
        ("e\u0301cole École", Hits((Hit("ecole"),)), ["e\u0301cole", "École"]),
        ("invoice invoices", Hits((Hit("invoice", is_exact=True),)), ["invoice"]),
        ("明日の会議は", Hits((Hit("会議"),)), ["会議"]),
        ("party art", Hits((Hit("art"),)), ["art"]),
        ("a an", Hits((Hit("a"),)), ["a"]),
        ("Häuser", Hits((Hit("hauser", has_stems=True),)), ["Häuser"]),
        ("nothing", Hits(), []),
    ],
)
def test_words_are_marked_as_search_finds_them(text: str, hits: Hits, found: list[str]) -> None:
    assert marked(text, hits) == found


def test_html_is_marked_between_its_tags_alone() -> None:
    source = '<p title="invoice">An <b>invoice</b> <!-- invoice --><style>invoice{}</style><a href="/invoice">x</a></p>'
    assert mark_in_html(source, OPEN) == source.replace("<b>invoice", '<b><mark class="pb-hit">invoice</mark>')


def test_character_references_stay_whole() -> None:
    assert mark_in_html("&lt;M&uuml;ller&gt; &amp;", OPEN) == '&lt;<mark class="pb-hit">M&uuml;ller</mark>&gt; &amp;'


@given(
    st.lists(
        st.sampled_from(
            [
                "<p>",
                "</p>",
                "<br>",
                "invoice",
                " ",
                "müller",
                "&amp;",
                "&#252;",
                "<",
                ">",
                "&",
                "<!--",
                "-->",
                "会議",
                "<style>",
            ]
        )
    )
)
def test_nothing_but_marks_is_added(pieces: list[str]) -> None:
    source = "".join(pieces)
    assert _MARKS.sub("", mark_in_html(source, OPEN)) == source


@pytest.mark.parametrize("piece", ["<", "<!--", "<!-", "&", "&#", "<style>", "a<b ", "-", "&amp;", "invoice "])
def test_marking_is_linear(piece: str) -> None:
    started = time.process_time()
    mark_in_html(piece * (200_000 // len(piece)), OPEN)
    assert time.process_time() - started < 2


def test_a_snippet_is_cut_around_the_first_hit() -> None:
    text = "word " * 100 + "the invoice is here " + "more " * 100
    found = snippet_around(text, OPEN, max_chars=120)
    assert found.startswith("…word")
    assert "invoice is here" in found
    assert len(found) <= 121
    assert snippet_around("An invoice.", OPEN) == "An invoice."
    assert snippet_around("none of it", OPEN) == ""
