"""The colours of the style sheets keep their contrast (ux section 2 and 10: WCAG 2.2, 1.4.3 and 1.4.11), in both themes, and nothing
outside tokens.css holds a colour of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSS = Path(__file__).resolve().parents[2] / "static" / "css"
THEMES = ("light", "dark")
TEXT = 4.5
EDGE = 3.0
LABELS = 8
ACCOUNTS = 8
GROUNDS = ("bg", "surface", "raised", "hover", "selected")
STATED = {  # ratios that ux.md section 2 gives, rounded there to two digits: (token, ground, light, dark)
    ("text", "surface", 16.88, 14.02),
    ("text", "selected", 14.12, 10.13),
    ("text-2", "bg", 7.49, 9.46),
    ("text-3", "surface", 5.44, 6.27),
    ("text-3", "selected", 4.55, 4.53),
    ("accent", "surface", 6.22, 7.70),
    ("on-accent", "accent", 6.22, 8.23),
    ("on-accent", "accent-hover", 7.95, 9.91),
    ("control", "surface", 4.26, 5.05),
    ("control", "selected", 3.56, 3.65),
    ("danger", "danger-bg", 5.75, 7.61),
    ("warn", "warn-bg", 6.22, 8.25),
    ("success", "ok-bg", 5.99, 7.49),
    ("on-danger", "danger", 6.57, 9.01),
    ("star", "surface", 4.18, 9.54),
    ("text", "mark", 13.09, 6.01),
    ("on-toast", "toast", 15.75, 14.02),
    ("toast-action", "toast", 8.24, 5.86),
}

Colours = dict[str, str]


def read_tokens() -> dict[str, Colours]:
    """For each theme the plain colours by token."""
    source = (CSS / "tokens.css").read_text()
    pairs = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", source)
    return {"light": {name: light for name, light, _ in pairs}, "dark": {name: dark for name, _, dark in pairs}}


TOKENS = read_tokens()


def without_comments(sheet: Path) -> str:
    return re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it, 0 to 1."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """From 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def ratio(theme: str, token: str, ground: str) -> float:
    return contrast(TOKENS[theme][token], TOKENS[theme][ground])


def test_the_computation_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_the_ratios_are_those_the_design_states() -> None:
    for token, ground, light, dark in STATED:
        assert ratio("light", token, ground) == pytest.approx(light, abs=0.02), (token, ground)
        assert ratio("dark", token, ground) == pytest.approx(dark, abs=0.02), (token, ground)


@pytest.mark.parametrize("theme", THEMES)
def test_text_is_readable_on_every_ground_it_stands_on(theme: str) -> None:
    texts = ("text", "text-2", "text-3", "accent", "danger", "success", "warn")
    faint = {(token, ground) for token in texts for ground in GROUNDS if ratio(theme, token, ground) < TEXT}
    assert faint == set()
    assert all(
        ratio(theme, token, ground) >= TEXT
        for token in ("text", "text-2", "text-3")
        for ground in ("field", "nav-hover")
    )
    assert all(
        ratio(theme, token, ground) >= TEXT
        for token in ("text", "text-2")
        for ground in ("warn-bg", "danger-bg", "ok-bg")
    )


@pytest.mark.parametrize("theme", THEMES)
def test_edges_of_controls_and_marks_can_be_seen(theme: str) -> None:
    for token in ("control", "focus", "star"):
        assert all(ratio(theme, token, ground) >= EDGE for ground in GROUNDS), token


@pytest.mark.parametrize("theme", THEMES)
def test_labels_and_accounts_are_readable_in_all_their_colours(theme: str) -> None:
    """ux section 2: labels at least 7.18 in the light and 7.64 in the dark, accounts 5.26 and 7.70."""
    least_label, least_account = {"light": (7.18, 5.26), "dark": (7.64, 7.70)}[theme]
    for number in range(LABELS):
        assert ratio(theme, f"label-{number}", f"label-{number}-bg") >= least_label - 0.01, number
    for number in range(ACCOUNTS):
        assert ratio(theme, f"account-{number}", "surface") >= least_account - 0.01, number
        assert ratio(theme, f"account-{number}", "bg") >= least_account - 0.01, number


def test_row_heights_are_those_of_the_design() -> None:
    """ux section 2: beside what is read, over the whole width, on phones."""
    source = (CSS / "tokens.css").read_text()
    full, rest = source.split("@media (min-width: 1100px)")
    beside, phone = rest.split("@media (max-width: 719px)")
    heights = [re.findall(r"--row: (\d+)px", part) for part in (full, beside, phone)]
    assert heights == [["40", "28", "34", "48"], ["52", "32", "44", "76"], ["76", "56", "64", "88"]]


def test_colours_stand_in_the_tokens_only() -> None:
    strays = []
    for sheet in sorted(CSS.glob("*.css")):
        text = without_comments(sheet)
        if sheet.name != "tokens.css":
            strays += [
                (sheet.name, found)
                for found in re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[^{}]*;)|\brgba?\(|\bhsla?\(|\boklch\(", text)
            ]
    assert strays == []


def test_sides_are_logical_so_that_pages_mirror() -> None:
    """Right-to-left languages: no margin, padding, border or place names left or right.

    A swipe is physical, and so is the room beside a text that runs in its own direction: rows.css says so.
    """
    physical = re.compile(
        r"(?:margin|padding|border)-(?:left|right)\b|(?<![\w-])(?:left|right)\s*:|text-align:\s*(?:left|right)|float:\s*(?:left|right)"
    )
    strays = [
        (sheet.name, line.strip())
        for sheet in sorted(CSS.glob("*.css"))
        for line in without_comments(sheet).splitlines()
        if physical.search(line) and not line.startswith(".swipe--") and "--beside-text" not in line
    ]
    assert strays == []
