"""Which plain texts need letters of one width."""

import pytest

from webmail.mime.fixed_width import needs_fixed_width

FIXED = {
    "table with borders": "+-----+-----+\n| a   | b   |\n+-----+-----+\n| 1   | 2   |\n+-----+-----+",
    "table with bars": "| name | size |\n|------|------|\n| a    | 1    |",
    "columns": "Name       Size\nfirst.txt    12\nsecond.txt  345\nthird.txt    67",
    "columns with tabs": "Name\tSize\nfirst\t12\nsecond\t345",
    "labels": "Name:     Anna\nAddress:  Lane 1\nPhone:    123",
    "quoted columns": "> Name       Size\n> first.txt    12\n> second.txt  345\n> third.txt    67",
    "box": "┌────┐\n│ hi │\n└────┘",
    "patch": "Fix it\n\ndiff --git a/x.py b/x.py\n@@ -1,2 +1,2 @@\n-a\n+b",
    "code": "def f(x):\n    if x:\n        return g(x);\n    for y in x:\n        print(y);\n",
    "c": "#include <stdio.h>\nint main(void) {\n    int i;\n    for (i = 0; i < 3; i++) {\n        go();\n    }\n}",
    "mark below a word": "the broken word is here\n           ^^^^",
    "log": "\n".join(f"2026-03-02 14:0{n}:00 started" for n in range(5)),
}
PROSE = {
    "letter": "Hello Anna,\n\nthank you for the letter.  It came on Monday.  All is well.\nSee you.  Bye.\n\nBen",
    "list": "- one thing\n- another thing\n- and a third",
    "indented quote": "He said:\n\n    be careful\n    and be quick\n\nand left.",
    "rule": "Title\n=====\n\nText\n-----\nmore",
    "quotation": "> one\n> two\n>> three",
    "url": "See https://example.org/a?b=1;c=2 and https://example.org/{x}",
    "nothing": "",
    "one gap": "a   b\nc\nd   e",
    "if in prose": "if you come (or not), tell me;\nfor us it is fine.",
}


@pytest.mark.parametrize("kind", FIXED)
def test_what_stands_under_each_other_needs_one_width(kind: str) -> None:
    assert needs_fixed_width(FIXED[kind])


@pytest.mark.parametrize("kind", PROSE)
def test_prose_does_not(kind: str) -> None:
    assert not needs_fixed_width(PROSE[kind])


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    assert not needs_fixed_width("word\n" * 3_000 + FIXED["box"])
