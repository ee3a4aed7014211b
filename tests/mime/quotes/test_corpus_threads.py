"""Replies of many mail programs in the mail corpus beside the project: folded as expected, mailing lists left open.

The corpus belongs to others and is read in place; without it these tests skip. Expected texts stand beside the messages; each miss
has its reason here.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mime.quotes.wrappers import folded_parts, is_well_nested, remove_wrappers, shown_text
from webmail.mime.body import decompose
from webmail.mime.html_text import html_to_text
from webmail.mime.parse import parse_message
from webmail.mime.part import Message
from webmail.mime.plain_text import plain_text_to_html
from webmail.mime.preview import make_preview
from webmail.mime.quotes.fold import fold_quotes
from webmail.mime.quotes.reply import new_text
from webmail.mime.quotes.signature import split_signature
from webmail.mime.reply import body_text
from webmail.mime.safe_html.bound import bound_html

CORPUS = Path(__file__).parents[3].parent / "shared" / "corpus"
TALON = CORPUS / "threads/talon/tests/fixtures"

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the mail corpus (../shared/corpus) is not on this machine"),
]

# The reply in all of html_replies, and in standard_replies where no *_reply_text stands beside.
HTML_REPLY = "Hi. I am fine.\n\nThanks,\nAlex"
PLAIN_REPLY = "Hello"


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def parts_of(message: Message, kind: str) -> list[str]:
    return [part.text()[0] for part in message.root.walk() if part.type == kind]


def folded(html: str) -> str:
    return fold_quotes(bound_html(html).html)


def reply_text(path: Path) -> str:
    beside = path.with_name(f"{path.stem}_reply_text")
    return beside.read_text().strip() if beside.exists() else PLAIN_REPLY


def test_the_new_text_of_all_plain_replies_is_the_expected_one() -> None:
    paths = sorted((TALON / "standard_replies").glob("*.eml"))
    found = {
        path.name: new_text(text, keeps_signature=True) == reply_text(path)
        for path in paths
        for text in parts_of(parse_message(path.read_bytes()), "text/plain")
    }
    assert len(found) == 12
    assert [name for name, is_right in found.items() if not is_right] == []


def test_previews_of_replies_show_what_is_new() -> None:
    for path in sorted((TALON / "standard_replies").glob("*.eml")):
        assert make_preview(parse_message(path.read_bytes())) == PLAIN_REPLY, path.name


def test_plain_replies_fold_unless_the_answer_stands_below() -> None:
    open_ones = {
        path.name
        for path in sorted((TALON / "standard_replies").glob("*.eml"))
        if "<details" not in plain_text_to_html(body_text(parse_message(path.read_bytes())))
    }
    assert open_ones == {"thunderbird.eml"}  # answered below the quotation


def test_html_replies_show_only_the_expected_text() -> None:
    shown = {
        path.name: shown_text(folded(path.read_text())) for path in sorted((TALON / "html_replies").glob("*.html"))
    }
    assert len(shown) == 9
    misses = {name: text for name, text in shown.items() if squeezed(text) != squeezed(HTML_REPLY)}
    # 8 of 9. Yandex writes the attribution into the paragraph of the answer, where no wrapper can stand: it stays readable above the
    # folded quotation.
    assert set(misses) == {"yandex_ru.html"}
    assert misses["yandex_ru.html"].startswith(HTML_REPLY)
    assert "How are you?" not in misses["yandex_ru.html"]


def test_the_new_text_of_all_html_replies_is_the_expected_one() -> None:
    for path in sorted((TALON / "html_replies").glob("*.html")):
        assert squeezed(new_text(html_to_text(path.read_text()))) == squeezed(HTML_REPLY), path.name


def test_html_twins_of_standard_replies_show_only_the_reply() -> None:
    shown = {
        path.name: shown_text(folded(html))
        for path in sorted((TALON / "standard_replies").glob("*.eml"))
        for html in parts_of(parse_message(path.read_bytes()), "text/html")
    }
    # Two twins do not say what the plain text says: another sentence, and a link instead of its address.
    assert shown.pop("outlook.eml") == "Allo! Follow up MIME!"
    assert squeezed(shown.pop("sparrow.eml")) == "Hello--xxxSentwithSparrow"
    assert {name: squeezed(text) for name, text in shown.items()} == dict.fromkeys(shown, PLAIN_REPLY)
    assert len(shown) == 5


@pytest.mark.parametrize(
    ("name", "shown"), [("OLK_SRC_BODY_SECTION.html", "Reply"), ("reply-separated-by-hr.html", "Hi\nthere\nBob")]
)
def test_html_with_other_cues_folds(name: str, shown: str) -> None:
    html = (TALON / name).read_text()
    assert shown_text(folded(html)) == shown
    assert new_text(html_to_text(html)) == shown


def test_a_quotation_that_shares_its_block_with_the_answer_folds() -> None:
    message = parse_message((TALON / "reply-quotations-share-block.eml").read_bytes())
    (plain,), (html,) = parts_of(message, "text/plain"), parts_of(message, "text/html")
    assert "From" not in new_text(plain)
    assert new_text(plain).endswith("Joe XXX")
    shown = shown_text(folded(html))
    assert "From" not in shown
    assert "New Booking Inquiry" not in shown
    assert shown.startswith("Hi Katharine.")


def test_signatures_are_the_expected_ones() -> None:
    bodies = sorted((TALON / "signature/emails/stripped").glob("*_body"))
    misses = {}
    for path in bodies:
        name = path.name.removesuffix("_body")
        sender, expected = (path.with_name(f"{name}_{what}").read_text().strip() for what in ("sender", "signature"))
        _, found = split_signature(path.read_text(), sender=sender)
        if found.strip() != expected:
            misses[name] = found
    assert len(bodies) == 6
    assert misses == {}


@pytest.mark.parametrize(
    ("name", "sender"), [("102682_R_S", "John Doe <doe@example.com>"), ("johndoeexamplecom_body", "john@example.com")]
)
def test_marked_signatures_are_found(name: str, sender: str) -> None:
    lines = (TALON / "signature/emails/P" / name).read_text().split("\n")
    expected = [line.removeprefix("#sig#").strip() for line in lines if line.startswith("#sig#")]
    text = "\n".join(line.removeprefix("#sig#") for line in lines if not line.startswith("#reply#"))
    _, found = split_signature(text, sender=sender)
    assert [line.strip() for line in found.strip().split("\n")] == expected


def list_messages() -> Iterator[Message]:
    for path in sorted((CORPUS / "threads").rglob("*mbox*")):
        if path.is_file():
            for raw in re.split(rb"(?m)^(?=From )", path.read_bytes()):
                if raw.strip():
                    yield parse_message(raw)


def test_mailing_lists_answer_below_and_between_so_they_stay_open() -> None:
    messages = list(list_messages())
    assert len(messages) >= 50
    folding = [one.list_headers.subject for one in messages if "<details" in plain_text_to_html(body_text(one))]
    # One of all is answered above its quotation.
    assert set(folding) == {"Re: test na rejects cleanup na delivery"}


@pytest.mark.parametrize(
    ("subject", "first", "last"),
    [
        ("Re: RH 8.0 boot floppy", "ia cu incredere", "ftpinstall (path catre distributie)"),
        ("Re: Din windows ma pot, din LINUX NU ma pot conecta (la ZAPP)", "pl2303.o ?", "apoi merge"),
        ("Din windows ma pot, din LINUX NU ma pot conecta (la ZAPP)", "Buna Ziua tuturor,", "Va multumesc"),
    ],
)
def test_the_new_text_of_a_list_message_has_no_quotation_and_no_footer(subject: str, first: str, last: str) -> None:
    message = next(one for one in list_messages() if one.list_headers.subject == subject)
    text = new_text(body_text(message))
    assert text.startswith(first)
    assert text.endswith(last)


def corpus_html() -> Iterator[tuple[str, str]]:
    for folder in ("templates", "threads", "malformed-mime"):
        for path in sorted((CORPUS / folder).rglob("*.html")):
            yield path.as_posix(), path.read_text(errors="replace")
    for folder in ("malformed-mime", "threads", "bounces", "charsets", "crypto", "tnef"):
        for path in sorted((CORPUS / folder).rglob("*")):
            if path.is_file() and path.suffix not in {".html", ".json", ".plist"}:
                body = decompose(parse_message(path.read_bytes()).root)
                for part in body.html_body[:20]:
                    if part.type == "text/html":
                        yield path.as_posix(), part.text()[0]


def attack_html() -> Iterator[tuple[str, str]]:
    for path in sorted((CORPUS / "xss").rglob("vectors.json")):
        for vector in json.loads(path.read_text()):
            quoted = f"<p>Hi</p>{vector['html']}<blockquote type=cite>{vector['html']}</blockquote>{vector['html']}"
            yield f"{path.as_posix()} {vector['id']}", quoted


def check_wrapping(place: str, html: str) -> None:
    bounded = bound_html(html).html
    result = fold_quotes(bounded)
    if result is bounded:
        return
    assert remove_wrappers(result) == bounded, place
    if bound_html(bounded).html == bounded:
        assert bound_html(result).html == result, place
    if is_well_nested(bounded):
        assert is_well_nested(result), place


@pytest.mark.req("R4")
def test_folding_adds_nothing_but_wrappers_to_any_message() -> None:
    count = 0
    for place, html in corpus_html():
        check_wrapping(place, html)
        count += 1
    assert count > 400


@pytest.mark.req("R4")
def test_folding_adds_nothing_but_wrappers_to_any_attack() -> None:
    count = 0
    for place, html in attack_html():
        check_wrapping(place, html)
        count += 1
    assert count > 2_000


def test_no_newsletter_or_receipt_folds() -> None:
    for path in sorted((CORPUS / "templates").rglob("*.html")):
        assert folded_parts(folded(path.read_text(errors="replace"))) == [], path.as_posix()
    for path in sorted((CORPUS / "templates").rglob("*.txt")):
        assert "<details" not in plain_text_to_html(path.read_text(errors="replace")), path.as_posix()
