"""Plain text as HTML, and format=flowed."""

import html as html_module
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from webmail.mime.plain_text import MAX_QUOTE_LEVEL, plain_text_to_html, unflow


def links_of(text: str) -> list[tuple[str, str]]:
    tree = LexborHTMLParser(plain_text_to_html(text))
    return [(str(link.attributes["href"]), link.text()) for link in tree.css("a")]


def test_lines_stay_lines_and_markup_is_text() -> None:
    assert plain_text_to_html("a <b>\n  b & c\n") == (
        '<div class="plain"><div class="text">a &lt;b&gt;<br>  b &amp; c</div></div>'
    )


def test_empty_text_is_an_empty_block() -> None:
    assert plain_text_to_html("") == '<div class="plain"></div>'


def test_quotes_nest_by_level() -> None:
    html = plain_text_to_html("me\n> one\n>> two\n> > two again\n> one\nme")
    assert html == (
        '<div class="plain"><div class="text">me</div>'
        '<blockquote class="quote" data-level="1"><div class="text">one</div>'
        '<blockquote class="quote" data-level="2"><div class="text">two<br>two again</div></blockquote>'
        '<div class="text">one</div></blockquote>'
        '<div class="text">me</div></div>'
    )


def test_quote_depth_is_capped() -> None:
    html = plain_text_to_html(">" * 500 + " deep")
    assert html.count("<blockquote") == html.count("</blockquote>") == MAX_QUOTE_LEVEL


def test_signature_stands_apart_and_ends_at_a_quote() -> None:
    html = plain_text_to_html("Hi\n-- \nAlice\nPhone\n> quoted below\n> -- \n> Bob")
    assert '<div class="text">Hi</div><div class="text pb-signature">-- <br>Alice<br>Phone</div><details' in html
    assert html.count("pb-signature") == 1


@pytest.mark.parametrize("line", ["---", "-- x", "- -"])
def test_other_dashes_are_no_signature(line: str) -> None:
    assert "signature" not in plain_text_to_html(f"Hi\n{line}\nAlice")


def test_the_name_of_the_sender_helps_to_find_the_signature() -> None:
    text = "See you there.\n\nAlice Moor\n+44 20 1234567\n\nOn Monday, Bob <b@example.org> wrote:\n> old"
    assert "pb-signature" not in plain_text_to_html(text)
    html = plain_text_to_html(text, sender="Alice Moor")
    assert '<div class="text pb-signature">Alice Moor<br>+44 20 1234567</div><details' in html.replace(
        "<br></div>", "</div>"
    )


def test_a_quotation_at_the_end_folds_with_its_attribution() -> None:
    html = plain_text_to_html(
        "Hi\n\nOn Monday, Bob <b@example.org>\nwrote:\n\n> old\n>> older\n", label="Show quoted text"
    )
    assert html == (
        '<div class="plain"><div class="text">Hi</div>'
        '<details class="pb-quoted"><summary title="Show quoted text" aria-label="Show quoted text">…</summary>'
        '<div class="text">On Monday, Bob &lt;<a href="mailto:b@example.org" target="_blank" rel="noopener noreferrer nofollow">'
        "b@example.org</a>&gt;<br>wrote:<br></div>"
        '<blockquote class="quote" data-level="1"><div class="text">old</div>'
        '<blockquote class="quote" data-level="2"><div class="text">older</div></blockquote></blockquote></details></div>'
    )


@pytest.mark.parametrize(
    "rest",
    [
        "-----Original Message-----\nFrom: Bob\nSent: Monday\n\nold",
        "From: Bob <b@example.org>\nSent: Monday\nTo: Alice\nSubject: Plan\n\nold",
        "Von: Bob <b@example.org>\nGesendet: Montag\nAn: Alice\nBetreff: Plan\n\nold",
    ],
)
def test_an_answered_message_without_marks_folds(rest: str) -> None:
    html = plain_text_to_html(f"Hi\n\n{rest}")
    assert html.startswith(
        '<div class="plain"><div class="text">Hi</div><details class="pb-quoted"><summary>…</summary><div'
    )
    assert html.endswith("old</div></details></div>")


@pytest.mark.parametrize(
    "text",
    [
        "> old\n\nHi",
        "Bob wrote:\n> old",
        "FYI\n\n---------- Forwarded message ----------\nFrom: Bob\n\nnews",
        "From: Bob <b@example.org>\nSent: Monday\nTo: Alice\nSubject: Plan\n\nnews",
        "Hi\n> old\nanswer",
    ],
)
def test_bottom_posts_empty_replies_and_forwarded_mail_stay_open(text: str) -> None:
    assert "<details" not in plain_text_to_html(text)


def test_what_follows_a_folded_quotation_is_shown() -> None:
    html = plain_text_to_html("Hi\n> old\n-- \nAlice")
    assert html.endswith('</details><div class="text pb-signature">-- <br>Alice</div></div>')


@pytest.mark.parametrize(
    ("text", "links"),
    [
        (
            "see https://example.com/a?b=1&c=2#d now",
            [("https://example.com/a?b=1&c=2#d", "https://example.com/a?b=1&c=2#d")],
        ),
        ("HTTP://EXAMPLE.COM", [("HTTP://EXAMPLE.COM", "HTTP://EXAMPLE.COM")]),
        ("<https://example.com>", [("https://example.com", "https://example.com")]),
        ("(https://example.com/a_(b))", [("https://example.com/a_(b)", "https://example.com/a_(b)")]),
        ("https://example.com, https://example.org.", [("https://example.com",) * 2, ("https://example.org",) * 2]),
        ("mailto:a@example.com?subject=x", [("mailto:a@example.com?subject=x",) * 2]),
        ("write to alice@example.com.", [("mailto:alice@example.com", "alice@example.com")]),
        ("javascript:alert(1) data:text/html,x file:///etc vbscript:x ftp://x/", []),
        ("https:// http:/x mailto: @example.com a@b", []),
        ("xhttps://example.com", []),
        ("www.example.com/a is there", [("https://www.example.com/a", "www.example.com/a")]),
        ("www. and www.x and wwww.example.com", []),
        ("https://bücher.example/straße.", [("https://bücher.example/straße",) * 2]),
        ("https://例え.テスト/道、次", [("https://例え.テスト/道",) * 2]),
        ("https://example.comをご覧ください。", [("https://example.com",) * 2]),
        ("（https://example.com/a）。", [("https://example.com/a",) * 2]),
        ("«https://example.com/a»", [("https://example.com/a",) * 2]),
        ("„https://example.com/a“", [("https://example.com/a",) * 2]),
        ("https://example.com/a?!", [("https://example.com/a",) * 2]),
        ("https://example.com/a...", [("https://example.com/a",) * 2]),
        ("[https://example.com/a]", [("https://example.com/a",) * 2]),
        ("*https://example.com/a*", [("https://example.com/a",) * 2]),
        ("https://example.com/a_b_", [("https://example.com/a_b",) * 2]),
        ("https://example.com:8080/a;b", [("https://example.com:8080/a;b",) * 2]),
        ("müller@bücher.example", [("mailto:müller@bücher.example", "müller@bücher.example")]),
        ("a@xn--bcher-kva.xn--p1ai", [("mailto:a@xn--bcher-kva.xn--p1ai", "a@xn--bcher-kva.xn--p1ai")]),
        ("a@1.2 a@b.c3", []),
        ("JAVASCRIPT://example.com/%0aalert(1) data://example.com view-source:https", []),
        ("javascript:https://example.com", [("https://example.com",) * 2]),
        ("tel:+49301234567", []),
    ],
)
def test_web_and_mail_addresses_become_links(text: str, links: list[tuple[str, str]]) -> None:
    assert links_of(text) == links


@pytest.mark.req("R10")
@pytest.mark.parametrize(
    "text",
    [
        'https://example.com/"onmouseover="alert(1)',
        "https://example.com/'onmouseover='alert(1)",
        "https://example.com/<script>alert(1)</script>",
        "https://example.com/&quot;onmouseover=&quot;alert(1)",
        "https://example.com/&#34;&#62;&#60;script&#62;",
        "https://example.com/[link](javascript:alert(1))",
        "http://https://\"'><img src=x onerror=alert(1)>",
        'mailto:a@example.com"onclick="alert(1)',
        "##str_replacement_0## https://example.com ##str_replacement_1##",
        '> https://example.com/"><script>alert(1)</script>\n>> </blockquote><script>alert(1)</script>',
        "-- \n</div><script>alert(1)</script>",
        "https://example.com/\u202egpj.exe",
    ],
)
def test_crafted_text_stays_text(text: str) -> None:
    html = plain_text_to_html(text)
    tree = LexborHTMLParser(html)
    assert tree.body is not None
    assert {node.tag for node in tree.body.traverse()} <= {"body", "div", "a", "br", "blockquote", "details", "summary"}
    for node in tree.body.traverse():
        allowed = {
            "a": {"href", "target", "rel"},
            "div": {"class"},
            "blockquote": {"class", "data-level"},
            "details": {"class"},
        }
        assert set(node.attributes) <= allowed.get(str(node.tag), set())
    for href, shown in links_of(text):
        assert href.removeprefix("mailto:") == shown.removeprefix("mailto:")
        assert href.startswith(("https://", "http://", "mailto:"))
        assert "\u202e" not in href


@given(st.text(max_size=300))
def test_every_character_is_still_there(text: str) -> None:
    html = plain_text_to_html(text).replace("<summary>…</summary>", "")
    shown = html_module.unescape("".join(piece.partition(">")[2] for piece in html.split("<")))
    assert [c for c in shown if c != ">" and not c.isspace()] == [c for c in text if c != ">" and not c.isspace()]


@pytest.mark.req("R44")
@pytest.mark.parametrize(
    "piece",
    ["a.", "x@", "http://", "mailto:", "a", "(", "http://a(", "> ", "\n>", "@a.", "-", "http://x.....", "a@b.c."],
)
def test_adversarial_text_takes_linear_time(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    start = time.process_time()
    plain_text_to_html(text)
    unflow(text, False)
    assert time.process_time() - start < 5  # anything but linear takes minutes


@pytest.mark.parametrize(
    ("text", "delsp", "expected"),
    [
        ("one \ntwo\nthree", False, "one two\nthree"),
        ("one \r\ntwo", False, "one two"),
        ("日本 \n語", True, "日本語"),
        (" >not a quote\n From here", False, ">not a quote\nFrom here"),
        ("> a \n> b\n>> c \n>> d", False, "> a b\n>> c d"),
        ("> a \nb", False, "> a \nb"),
        ("text \n-- \nsig", False, "text \n-- \nsig"),
        ("> x \n> -- \n> sig", False, "> x \n> -- \n> sig"),
        ("", False, ""),
    ],
)
def test_flowed_text_is_joined(text: str, delsp: bool, expected: str) -> None:
    assert unflow(text, delsp) == expected
