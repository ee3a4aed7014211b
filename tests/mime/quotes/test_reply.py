"""What is new in a plain text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.mime.quotes.kinds import Kind
from webmail.mime.quotes.reply import new_text
from webmail.mime.quotes.structure import read_structure
from webmail.mime.quotes.text import read_lines


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("Hello", "Hello"),
        ("", ""),
        ("  \n\n", ""),
        ("My answer\n\nOn Monday, Bob <b@x.org> wrote:\n> old", "My answer"),
        ("On Monday, Bob wrote:\n> old\n\nMy answer", "My answer"),
        ("> first\nOne\n> second\nTwo\n> rest", "One\n\nTwo"),
        ("My answer\n> old\n> -- \n> Bob", "My answer"),
        ("> only", ""),
        ("My answer\n-- \nAnna\n> old", "My answer"),
        ("-- \nAnna", ""),
        ("My answer\r\n\r\n-----Original Message-----\r\nFrom: Bob\r\nold", "My answer"),
        ("My answer\n\n________________________________\nFrom: Bob <b@x>\nSent: Monday\nTo: me\n\nold", "My answer"),
        ("FYI\n\n---------- Forwarded message ----------\nFrom: Bob\n\nnews", "FYI"),
        (
            "---------- Forwarded message ----------\nFrom: Bob\n\nnews",
            "---------- Forwarded message ----------\nFrom: Bob\n\nnews",
        ),
        ("My answer\n\nAnna Berg wrote:\n| old\n| older\n\nBye", "My answer\n\nBye"),
        ("My answer\n\nAnna Berg writes:\nAB> old\nAB> older", "My answer"),
        (
            "My answer\n\n_______________________________________________\nList mailing list\nhttps://lists.example.org/",
            "My answer",
        ),
        ("My answer\n\nThis e-mail and any attachments are confidential.", "My answer"),
        (
            "Hi\n\n----- Original Message -----\nFrom: Bob <b@x.org>\nTo: me\nSent: Monday\n\n> old\n\nMy answer",
            "Hi\n\nMy answer",
        ),
        ("Table\n| a | b |\n| 1 | 2 |", "Table\n| a | b |\n| 1 | 2 |"),
        ("First\n--\nSecond\n" + "line\n" * 10, "First\n--\nSecond\n" + "\n".join(["line"] * 10)),
        (
            "On Monday, 2 March 2026, Bob wrote:\n\nunmarked words",
            "On Monday, 2 March 2026, Bob wrote:\n\nunmarked words",
        ),
        ("Hi\n\nOn Monday, 2 March 2026, Bob <b@x.org> wrote:\n\nunmarked words", "Hi"),
    ],
)
def test_only_what_the_sender_wrote_is_new(text: str, new: str) -> None:
    assert new_text(text) == new or (new == text and new_text(text) in {"", text})


def test_a_signature_can_be_kept() -> None:
    text = "My answer\n\n-- \nAnna\n\nOn Monday, Bob wrote:\n> old"
    assert new_text(text, keeps_signature=True) == "My answer\n\n-- \nAnna"
    assert new_text("Hi\n\nSent from my iPhone\n\n> old", keeps_signature=True) == "Hi\n\nSent from my iPhone"


@given(st.text(alphabet="> -\nab:From@1.wrote", max_size=300))
def test_new_text_holds_nothing_but_lines_of_the_text(text: str) -> None:
    lines = {line.strip() for line in text.split("\n")}
    assert {line.strip() for line in new_text(text).split("\n")} <= lines | {""}


@given(st.text(max_size=300))
def test_every_line_has_a_kind_and_folds_hold_no_own_line(text: str) -> None:
    lines = read_lines(text)
    structure = read_structure(lines)
    assert len(structure.kinds) == len(lines)
    for start, end in structure.folds:
        assert Kind.QUOTED in structure.kinds[start:end]
        assert not {Kind.OWN, Kind.FORWARDED, Kind.SIGNATURE} & set(structure.kinds[start:end])
        assert Kind.OWN not in structure.kinds[end:]


@pytest.mark.parametrize(
    "note", ["See my comments below in red.", "FYI", "Meine Antworten siehe unten.", "Réponses ci-dessous", "见下"]
)
def test_a_quotation_without_marks_stays_open_where_the_sender_points_to_it(note: str) -> None:
    header = "From: Bob <b@x.org>\nSent: Monday\nTo: me\nSubject: Plan\n\nold\nmy words in red"
    assert read_structure(read_lines(f"{note}\n\n{header}")).folds == []
    assert len(read_structure(read_lines(f"Thank you\n\n{header}")).folds) == 1
    assert len(read_structure(read_lines(f"{note}\n\nBob wrote:\n> old")).folds) == 1
