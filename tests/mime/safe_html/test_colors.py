"""Colours in the dark: what was readable stays readable, and hues stay what they are."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.mime.safe_html.colors import (
    CONTRAST,
    MAX_MAPPED,
    WHITE_BECOMES,
    Color,
    adapt,
    color_from_hex,
    color_from_name,
    contrast,
    legacy_color,
    luminance,
)

STEPS = [step / 8 for step in range(9)]
GRID = [Color(*parts) for parts in product(STEPS, repeat=3)]
PARTS = st.integers(0, 255).map(lambda part: part / 255)
COLORS = st.builds(Color, PARTS, PARTS, PARTS)


def test_every_pair_of_a_grid_that_could_be_read_can_be_read_in_the_dark() -> None:
    texts = [(luminance(color.rgb), luminance(adapt(color, "text").rgb)) for color in GRID]
    backgrounds = [(luminance(color.rgb), luminance(adapt(color, "background").rgb)) for color in GRID]
    checked = 0
    for (text, dark_text), (back, dark_back) in product(texts, backgrounds):
        if ratio(text, back) >= CONTRAST:
            checked += 1
            assert ratio(dark_text, dark_back) >= CONTRAST
    assert checked > 50_000


def ratio(one: float, other: float) -> float:
    low, high = sorted((one, other))
    return (high + 0.05) / (low + 0.05)


@given(COLORS, COLORS)
def test_any_pair_that_could_be_read_can_be_read_in_the_dark(text: Color, background: Color) -> None:
    before = contrast(text.rgb, background.rgb)
    after = contrast(adapt(text, "text").rgb, adapt(background, "background").rgb)
    assert before < CONTRAST or after >= CONTRAST


@given(COLORS)
def test_text_can_be_read_on_the_paper_of_the_dark_page(text: Color) -> None:
    paper = tuple(part / 255 for part in WHITE_BECOMES)
    assert contrast(adapt(text, "text").rgb, (paper[0], paper[1], paper[2])) >= CONTRAST


@given(COLORS, st.sampled_from(["text", "background", "border"]))
def test_what_was_adapted_needs_nothing_more(color: Color, role: str) -> None:
    once = adapt(color, "text") if role == "text" else adapt(color, "background")
    again = adapt(once, "text") if role == "text" else adapt(once, "background")
    assert once == again


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("#ffffff", "#1a1d23"),
        ("#f4f4f7", "#15171c"),
        ("#3869d4", "#3869d4"),
        ("#000000", "#000000"),
        ("#22bc66", "#032c13"),
    ],
)
def test_light_backgrounds_become_dark_and_others_stay(before: str, after: str) -> None:
    color = color_from_hex(before[1:])
    assert color is not None
    assert adapt(color, "background").css() == after


@pytest.mark.parametrize(
    ("before", "after"),
    [("#000000", "#ebebeb"), ("#333333", "#cccccc"), ("#ffffff", "#ffffff"), ("#9a9ea6", "#9a9ea6")],
)
def test_dark_text_becomes_light_and_other_text_stays(before: str, after: str) -> None:
    color = color_from_hex(before[1:])
    assert color is not None
    assert adapt(color, "text").css() == after


def test_mapped_backgrounds_are_between_018_and_028_in_lightness() -> None:
    greys = [adapt(Color(part, part, part), "background") for part in (0.55, 0.7, 0.8, 0.9, 0.95, 1.0)]
    assert all(0.18**3 - 0.002 <= luminance(grey.rgb) <= MAX_MAPPED for grey in greys)


@pytest.mark.parametrize("name", ["red", "orange", "yellow", "lime", "teal", "navy", "purple", "hotpink"])
def test_hues_are_kept(name: str) -> None:
    color = color_from_name(name)
    assert color is not None
    for role in ("text", "background"):
        adapted = adapt(color, "text") if role == "text" else adapt(color, "background")
        strongest = max(range(3), key=lambda part: color.rgb[part])
        assert adapted.rgb[strongest] >= max(adapted.rgb) - 0.08


def test_see_through_colours_stay_see_through_and_invisible_ones_stay() -> None:
    assert adapt(Color(1, 1, 1, 0.5), "background").alpha == 0.5
    assert adapt(Color(0, 0, 0, 0), "text") == Color(0, 0, 0, 0)
    shade = adapt(Color(0, 0, 0, 0.6), "text")
    assert shade.alpha == 1
    assert contrast(shade.rgb, (0x1A / 255, 0x1D / 255, 0x23 / 255)) >= CONTRAST


def test_lines_stay_visible() -> None:
    paper = (0x1A / 255, 0x1D / 255, 0x23 / 255)
    for before in (Color(0.92, 0.92, 0.93), Color(0, 0, 0), Color(0.2, 0.2, 0.2)):
        assert contrast(adapt(before, "border").rgb, paper) > 1.3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("#fff", "#ffffff"), ("#336699", "#336699"), ("336699", "#336699"), ("red", "#ff0000"), (" Red ", "#ff0000"),
        ("chucknorris", "#c00000"), ("#ff", "#0f0f00"), ("transparent", None), ("", None), ("#zzz", "#000000"), ("fff", "#0f0f0f"),
        ("#1234567890abcdef", "#1278cd"),
    ],
)  # fmt: skip
def test_colours_of_attributes_mean_what_browsers_take_them_for(value: str, expected: str | None) -> None:
    found = legacy_color(value)
    assert (found.css() if found else None) == expected
