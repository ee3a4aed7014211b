"""Previews, and HTML as text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.mime.limits import MAX_PREVIEW_CHARS
from webmail.mime.parse import parse_message
from webmail.mime.preview import html_to_text, make_preview, preview_of_text


@pytest.mark.parametrize(
    ("text", "preview"),
    [
        ("Hello\n\n   world  \tagain", "Hello world again"),
        ("> old\n> older\n\nMy answer\n-- \nAnna", "My answer"),
        ("My answer\n\nOn Monday, Bob <b@c> wrote:\n> old", "My answer"),
        ("My answer\n\nOn Monday, 1 January 2021, Bob Very Long Name\n<b@c> wrote:\n> old", "My answer"),
        ("Antwort\n\nAm 1.1.2021 schrieb Bob:\n> alt", "Antwort"),
        ("My answer\n\n-----Original Message-----\nFrom: Bob\nold", "My answer"),
        ("My answer\n\nFrom: Bob <b@c>\nSent: Monday\nTo: me\n\nold", "My answer"),
        ("---------- Forwarded message ----------\nFrom: Bob\nnews", "From: Bob news"),
        ("> only\n> quoted", "only quoted"),
        ("-- \nAnna", "-- Anna"),
        ("=====\nTitle\n=====", "Title"),
        ("Sale\u200c \u200c \u200c\u00ad\u034f \u200b\ufeff now", "Sale now"),
        ("family 👨\u200d👩\u200d👧 here", "family 👨\u200d👩\u200d👧 here"),
        ("", ""),
    ],
)
def test_preview_is_what_the_sender_wrote(text: str, preview: str) -> None:
    assert preview_of_text(text) == preview


@given(st.text(max_size=2_000))
def test_preview_is_short_and_clean(text: str) -> None:
    preview = preview_of_text(text)
    assert len(preview) <= MAX_PREVIEW_CHARS
    assert not any(c < " " or "\ud800" <= c <= "\udfff" for c in preview)


def test_preview_of_a_long_text_ends_at_a_word() -> None:
    preview = preview_of_text("word " * 1_000)
    assert 200 < len(preview) <= MAX_PREVIEW_CHARS
    assert preview.endswith("word")


def test_preview_comes_from_html_where_there_is_no_plain_text() -> None:
    raw = b"Content-Type: text/html\r\n\r\n<style>p{}</style><p>Big <b>sale</b></p><blockquote>old</blockquote>"
    assert make_preview(parse_message(raw)) == "Big sale"


def test_preview_of_an_empty_plain_twin_comes_from_html() -> None:
    raw = (
        b"Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n\r\n \r\n--x\r\n"
        b"Content-Type: text/html\r\n\r\n<p>Only here\r\n--x--"
    )
    assert make_preview(parse_message(raw)) == "Only here"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>one</p><p>two<br>three</p>", "one\n\ntwo\nthree"),
        ("<div>a</div>b<div>c</div>", "a\nb\nc"),
        ("a  \n b&nbsp;&amp;&lt;c", "a b &<c"),
        ("<ul><li>x<li>y</ul>", "- x\n- y"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc"),
        ("x<script>alert('<p>')</script><STYLE>p{}</style><title>t</title>y", "xy"),
        ("x<!-- <p>hidden -->y<!--[if mso]>z<![endif]-->", "xy"),
        ("<blockquote>q<br>r<blockquote>s</blockquote></blockquote>t", "> q\n> r\n>\n>> s\n\nt"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ('<a title="x > y">z</a>', "z"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<img alt='Big &amp; sale' src=x>", "Big & sale"),
        ("&#99999999999999999999;&#x110000;&#0;", "\ufffd\ufffd\ufffd"),
        ("<p", ""),
        ("a<!--", "a"),
        ("", ""),
    ],
)
def test_html_becomes_text(source: str, text: str) -> None:
    assert html_to_text(source) == text


@given(st.one_of(st.text(max_size=500), st.text(alphabet="<>/!-\"'= &#;apbr", max_size=200)))
def test_html_to_text_never_raises(source: str) -> None:
    html_to_text(source)


@pytest.mark.req("R44")
@pytest.mark.parametrize(
    "piece",
    [
        "<div>",
        "<font a=1><p>",
        '<a "',
        "<a '\"",
        "<",
        "<!--",
        "</",
        "<p ",
        "<blockquote>a",
        "<pre>\n",
        "&#9",
        "<img alt",
        "<script>",
        "<b><p></b>",
    ],
)
def test_html_of_a_megabyte_takes_two_seconds_at_most(piece: str) -> None:
    hostile = (piece * 1_000_000)[:1_000_000]
    started = time.process_time()
    html_to_text(hostile)
    assert time.process_time() - started < 2


@pytest.mark.req("R43")
def test_html_that_would_blow_up_as_a_tree_does_not() -> None:
    hostile = "".join(f"<font a={i}><p>" for i in range(50_000))
    assert html_to_text(hostile) == ""
