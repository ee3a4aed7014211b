"""Folding and the search text of a message."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.mime.limits import MAX_SEARCH_BYTES
from webmail.mime.parse import parse_message
from webmail.mime.search_text import body_search_text, fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Größe", "GROSSE"),
        ("Žluťoučký kůň", "zlutoucky kun"),
        ("Łódź", "lodz"),
        ("Smørrebrød", "smorrebrod"),
        ("ﬁle", "file"),
        ("ＡＢＣ", "abc"),
        ("İstanbul", "istanbul"),
        ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
        ("ёлка", "елка"),
        ("e\u0301te\u0301", "été"),
        ("soft\u00adhyphen", "softhyphen"),
        ("don’t", "don't"),
        ("ｶﾞ", "ガ"),
    ],
)
def test_people_find_what_they_type(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_marks_that_make_another_word_stay() -> None:
    assert fold("が") != fold("か")
    assert fold("कि") != fold("क")


@given(st.text(max_size=200))
def test_folding_twice_changes_nothing(text: str) -> None:
    once = fold(text)
    assert fold(once) == once
    once.encode("utf-8")


@pytest.mark.req("R44")
def test_folding_marks_in_disorder_is_linear() -> None:
    started = time.process_time()
    fold("\u0301\u0323" * 250_000)
    assert time.process_time() - started < 1


def test_search_text_has_body_and_attachment_names() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>Caf&eacute;\r\n--x\r\n"
        b"Content-Type: application/pdf; name=Report.PDF\r\n\r\nsecret bytes\r\n--x--"
    )
    assert body_search_text(parse_message(raw)) == "report.pdf cafe"


def test_a_short_plain_twin_does_not_hide_the_html() -> None:
    raw = (
        b"Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n\r\nSee the HTML.\r\n--x\r\n"
        b"Content-Type: text/html\r\n\r\n<p>needle</p>\r\n--x--"
    )
    assert "needle" in body_search_text(parse_message(raw))


def test_search_text_is_capped_in_bytes() -> None:
    text = body_search_text(
        parse_message(b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "漢字 ".encode() * 200_000)
    )
    assert MAX_SEARCH_BYTES - 4 <= len(text.encode()) <= MAX_SEARCH_BYTES
