"""Queries that are not understood: the place and the words of the fault, and nothing is guessed (ux section 7)."""

from __future__ import annotations

import pytest

from tests.store.search_mailbox import BERLIN, NOW, SearchWorld, search_world  # noqa: F401 - a fixture
from webmail.store.search.parse import MAX_DEPTH, MAX_TERMS, QueryFault, parse_query
from webmail.store.search.run import search_emails

# Query, position, end, words of the fault.
FAULTS = [
    ("a befor:2026", 2, 8, "befor: is no operator. Did you mean before:?"),
    ("form:anna", 0, 5, "Did you mean from:?"),
    ("qwertz:1", 0, 7, "Put it in quotes"),
    ("größe:5", 0, 6, "größe: is no operator"),
    ('a "open', 2, 3, "The quotation that begins here is not closed."),
    ('from:"anna', 5, 6, "not closed"),
    ("a (b OR c", 2, 3, "The bracket opened here is not closed."),
    ("{a b", 0, 1, "The bracket opened here is not closed."),
    ("(a} b)", 0, 1, "The bracket opened here is not closed."),
    ("from:(anna", 5, 6, "The bracket opened here is not closed."),
    ("a) b", 1, 2, "No bracket was opened"),
    ("a }", 2, 3, "No bracket was opened"),
    ("()", 0, 2, "nothing in these brackets"),
    ("a ( & )", 2, 7, "nothing in these brackets"),
    ("from:", 0, 5, "from: needs a person, an address or @domain."),
    ("from: anna", 0, 5, "No blank may stand behind the colon."),
    ("OR a", 0, 2, "OR needs something"),
    ("a OR", 2, 4, "OR needs something"),
    ("a AND", 2, 5, "AND needs something"),
    ("a AND OR b", 2, 5, "AND needs something"),
    ("a NOT", 2, 5, "NOT needs something"),
    ("AROUND 5 b", 0, 6, "AROUND needs something"),
    ("a AROUND b", 2, 8, "AROUND needs a number of words from 1 to 50"),
    ("a AROUND 99 b", 2, 8, "AROUND needs a number"),
    ("a AROUND 5", 2, 8, "AROUND needs something"),
    ("(a b) AROUND 5 c", 6, 12, "AROUND stands between two words or phrases."),
    ("is:unred", 3, 8, "Did you mean is:unread?"),
    ("has:wings", 4, 9, "is not known. There are: attachment, link"),
    ("mentions:anna", 9, 13, "There are: me"),
    ("larger:big", 7, 10, "larger: needs a size such as 5M or 100K."),
    ("x before:never", 9, 14, "before: needs a date"),
    ("on:2026-13", 3, 10, "on: needs a date"),
    ("after:2026-02-30", 6, 16, "after: needs a date"),
    ("older_than:5x", 11, 13, "older_than: needs an age"),
    ("category:social", 0, 9, "only with a priority inbox"),
    ("from:(in:inbox)", 6, 9, "Inside of from:( ) there can be no other operator."),
    ('subject:"%"', 0, 11, "nothing to search for"),
    ("& !", 0, 3, "nothing to search for"),
    ("x" * 1_001, 1_000, 1_001, "1000 characters at most"),
]
# Faults that only the mail at hand can tell.
NAMES = [
    ("in:Needs action", 3, 8, 'A name with blanks needs quotes: in:"Needs action".'),
    ("x in:needs action -y", 5, 10, 'in:"Needs action"'),
    ("in:nowhere", 3, 10, "There is no mailbox “nowhere”."),
    ("label:long trip", 6, 10, "needs quotes"),
    ("label:none", 6, 10, "There is no label “none”."),
    ("account:mars", 8, 12, "There is no account “mars”."),
]


@pytest.mark.parametrize(("query", "position", "end", "words"), FAULTS)
def test_a_fault_is_told_at_its_place(query: str, position: int, end: int, words: str) -> None:
    with pytest.raises(QueryFault) as fault:
        parse_query(query)
    assert (fault.value.position, fault.value.end) == (position, end)
    assert words in str(fault.value)


def test_names_that_are_not_there_are_faults(search_world: SearchWorld) -> None:  # noqa: F811 - the fixture
    for query, position, end, words in NAMES:
        with pytest.raises(QueryFault) as fault:
            search_emails(search_world.alice, parse_query(query), zone=BERLIN, now=NOW)
        assert (fault.value.position, fault.value.end) == (position, end), query
        assert words in str(fault.value)


@pytest.mark.parametrize(
    "query",
    ["http://example.org/x", "https:x", "mailto:anna", "10:30", "12:5pm", "C:\\x", '"befor:2026"', "f(x)"],
)
def test_what_only_looks_like_an_operator_is_plain_words(query: str) -> None:
    assert parse_query(query) is not None


def test_size_and_depth_of_a_query_are_bounded() -> None:
    for query in (
        "(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1),
        "-" * (MAX_DEPTH + 1) + "a",
        "ab " * (MAX_TERMS + 1),
    ):
        with pytest.raises(QueryFault, match="at most"):
            parse_query(query)
    assert parse_query("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH) is not None
