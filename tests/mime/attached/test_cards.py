"""vCards as plain values."""

from __future__ import annotations

import pytest

from tests.attached_files import CARD
from webmail.mime.attached import cards
from webmail.mime.attached.cards import Card, read_cards, read_cards_text
from webmail.mime.parse import parse_message


def test_a_card_says_what_it_has_and_no_picture() -> None:
    root = parse_message(b"Content-Type: text/vcard\r\n\r\n" + CARD).root
    assert read_cards(root) == (
        Card(
            name="Dora <img src=x>",
            organization="Example, Sales",
            emails=("dora@example.net",),
            phones=("+49 30 1",),
            addresses=("Main Street 1, Berlin, 10115, Germany",),
            note="Met in May",
        ),
    )


def test_old_cards_in_quoted_printable_are_read() -> None:
    text = (
        "BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=B6rg\n"
        "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=B6rg M=C3=\n=BCller\nTEL;HOME:123\nEND:VCARD\n"
    )
    (found,) = read_cards_text(text)
    assert "ller" in found.name
    assert found.phones == ("123",)


def test_the_parts_of_a_name_serve_where_there_is_no_whole_one() -> None:
    (found,) = read_cards_text("BEGIN:VCARD\nVERSION:3.0\nN:Meier;Eva;;Dr.;\nEND:VCARD\n")
    assert found.name == "Dr. Eva Meier"


def test_a_broken_card_does_not_take_the_others_with_it() -> None:
    found = read_cards_text("BEGIN:VCARD\n;;;\nEND:VCARD\nBEGIN:VCARD\nVERSION:3.0\nFN:Eva\nEND:VCARD\n")
    assert [card.name for card in found] == ["Eva"]


def test_texts_and_numbers_of_cards_are_bounded() -> None:
    long = f"BEGIN:VCARD\nVERSION:3.0\nFN:{'x' * 5_000}\nNOTE:{'n' * 9_000}\nEND:VCARD\n"
    found = read_cards_text(long + "BEGIN:VCARD\nVERSION:3.0\nFN:Eva\nEND:VCARD\n" * 200)
    assert len(found) == cards.MAX_CARDS
    assert len(found[0].name) == cards.MAX_LINE
    assert len(found[0].note) == cards.MAX_NOTE


@pytest.mark.req("R44")
@pytest.mark.parametrize(
    "text",
    [
        "BEGIN:VCARD\n" * 20_000,
        "BEGIN:VCARD\nVERSION:3.0\nFN:" + "\\" * 60_000 + "\nEND:VCARD\n",
        "BEGIN:VCARD\nVERSION:3.0\nTEL" + ";TYPE=" * 9_000 + ":1\nEND:VCARD\n",
        "BEGIN:VCARD\nVERSION:2.1\nFN;QUOTED-PRINTABLE:" + "=\n" * 30_000 + "END:VCARD\n",
        'BEGIN:VCARD\nVERSION:3.0\nTEL;TYPE="' + "a" * 60_000 + "\nEND:VCARD\n",
        "BEGIN:VCARD\nVERSION:3.0\n" + "a.b.c.d-" * 8_000 + ":x\nEND:VCARD\n",
        "BEGIN:VCARD\nVERSION:3.0\nN:" + ";" * 60_000 + "\nEND:VCARD\n",
    ],
    ids=range(7),
)
def test_hostile_cards_are_read_within_the_limits_of_the_child(text: str) -> None:
    from webmail.mime.limited.children import run_limited

    raw = b"Content-Type: text/vcard\r\n\r\n" + text.encode()
    answer = run_limited("preview", raw, {"part_id": "1"})  # raises LimitExceeded after two seconds of CPU
    assert answer.meta["facts"]["kind"] == "vcard"
