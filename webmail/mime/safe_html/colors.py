"""Colours of a mail in the dark: what each becomes on a dark page (ux section 9, "Dark mode").

Every colour is changed alone, without knowing what it lies on, and yet text that could be read stays so: a background is
either kept, being so dark (`MAX_KEPT`) that only lighter text was readable on it, or made darker than `MAX_MAPPED`; a text is
never made darker, and never left darker than `MIN_TEXT`, which has a contrast of 4.5:1 on anything mapped (WCAG 2.1, 1.4.3).
So no pair falls below 4.5:1 that was above. The hue is kept throughout; lightness is that of OKLCH.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import atan2, cos, hypot, sin
from typing import Final, Literal

from tinycss2.color4 import parse_color as parse_name

Role = Literal["text", "background", "border"]

CONTRAST: Final = 4.5
# Relative luminance. Black has 4.5:1 on a background from 0.175 on: whatever is lighter than this must become dark.
MAX_KEPT: Final = 0.17
MAX_MAPPED: Final = 0.0225  # of a neutral with the OKLCH lightness 0.28
MIN_TEXT: Final = CONTRAST * (MAX_MAPPED + 0.05) - 0.05 + 0.002  # a little more, for rounding to whole bytes
WHITE_BECOMES: Final = (0x1A, 0x1D, 0x23)  # the surface of the application's dark theme: paper does not show on it
_SURFACE_HUE: Final = (0.0, -0.011)  # a and b of OKLab: greys are tinted like the surface

LIGHT: Final = 0.6  # OKLCH lightness from which a background or border is one of light paper
INVISIBLE_ALPHA: Final = 0.1
_NEUTRAL_CHROMA: Final = 0.03

_Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Color:
    """sRGB and opacity, each 0 to 1."""

    red: float
    green: float
    blue: float
    alpha: float = 1.0

    @property
    def rgb(self) -> _Rgb:
        return self.red, self.green, self.blue

    def css(self) -> str:
        """`#rrggbb`, or with eight digits where it is not opaque."""
        parts = [*self.rgb, self.alpha] if self.alpha < 1 else self.rgb
        return "#" + "".join(f"{round(max(0.0, min(1.0, part)) * 255):02x}" for part in parts)


def color_from_hex(digits: str) -> Color | None:
    """The digits of a CSS hash: 3, 4, 6 or 8 of them (CSS Color 4, 5.2)."""
    if len(digits) in {3, 4}:
        digits = "".join(digit * 2 for digit in digits)
    if len(digits) not in {6, 8}:
        return None
    red, green, blue, alpha = (int((digits + "ff")[index : index + 2], 16) / 255 for index in (0, 2, 4, 6))
    return Color(red, green, blue, alpha)


@lru_cache(maxsize=512)
def color_from_name(name: str) -> Color | None:
    """A named colour or `transparent`; None for anything else, `currentcolor` included."""
    found = parse_name(name) if name.isascii() and name.isalpha() else None
    return Color(*found) if found is not None and found != "currentcolor" else None


def legacy_color(value: str) -> Color | None:
    """The colour that an attribute such as bgcolor means (HTML 2.3.6, "rules for parsing a legacy color value")."""
    text = value.strip("\t\n\f\r ")
    if not text or text.lower() == "transparent":
        return None
    named = color_from_name(text.lower())
    if named is not None:
        return named
    if len(text) == 4 and text[0] == "#" and all(each in "0123456789abcdefABCDEF" for each in text[1:]):
        return color_from_hex(text[1:])
    text = "".join("00" if ord(each) > 0xFFFF else each for each in text)[:128].removeprefix("#")
    digits = "".join(each if each in "0123456789abcdefABCDEF" else "0" for each in text) or "0"
    digits += "0" * (-len(digits) % 3)
    size = len(digits) // 3
    parts = [digits[start : start + size][-8:] for start in (0, size, 2 * size)]
    while len(parts[0]) > 2 and all(part[0] == "0" for part in parts):
        parts = [part[1:] for part in parts]
    red, green, blue = (int(part[:2], 16) / 255 for part in parts)
    return Color(red, green, blue)


def luminance(rgb: _Rgb) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.1)."""
    red, green, blue = map(_linear, rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: _Rgb, other: _Rgb) -> float:
    """Contrast ratio of two opaque colours, 1 to 21 (WCAG 2.1)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@lru_cache(maxsize=4_096)
def adapt(color: Color, role: Role) -> Color:
    """What `color` becomes on a dark page; an equal one where it stays."""
    if color.alpha < INVISIBLE_ALPHA:
        return color
    if role == "text":
        return _adapt_text(color)
    return _adapt_background(color) if role == "background" else _adapt_border(color)


def _adapt_text(color: Color) -> Color:
    if luminance(color.rgb) * color.alpha >= MIN_TEXT:
        return color
    # Half-transparent dark text was meant for white paper; what it looks like there is what is made lighter.
    solid = _over(color, 1.0) if luminance(color.rgb) < MIN_TEXT else _over(color, 0.0)
    if luminance(solid) >= MIN_TEXT:
        return Color(*solid)
    lightness, a, b = _to_oklab(solid)
    target = 0.94 - 0.28 * min(1.0, lightness / 0.66) ** 1.5
    return _in_gamut(max(target, lightness), a, b, max_chroma=0.16, low=MIN_TEXT)


def _adapt_background(color: Color) -> Color:
    if luminance(color.rgb) <= MAX_KEPT:
        return color
    lightness, a, b = _to_oklab(color.rgb)
    if lightness > 0.985:
        red, green, blue = (each / 255 for each in WHITE_BECOMES)
        return Color(red, green, blue, color.alpha)
    # A page a little darker than its paper stays darker than it; what stands out by its tone becomes the lightest.
    target = 0.2 + 0.08 * min(1.0, max(0.0, (0.985 - lightness) / (0.985 - LIGHT)))
    if hypot(a, b) < _NEUTRAL_CHROMA / 2:
        a, b = _SURFACE_HUE
    return _in_gamut(target, a, b, max_chroma=0.07, high=MAX_MAPPED, alpha=color.alpha)


def _adapt_border(color: Color) -> Color:
    """Lines stay lines: light ones become dark, black ones light. A coloured one may fill a button: as its background."""
    lightness, a, b = _to_oklab(color.rgb)
    if hypot(a, b) >= _NEUTRAL_CHROMA:
        return _adapt_background(color)
    if LIGHT >= lightness >= 0.35:
        return color
    if lightness > 0.985:
        return _adapt_background(color)
    target = 0.34 if lightness > LIGHT else 0.62
    return _in_gamut(target, *_SURFACE_HUE, max_chroma=0.02, alpha=color.alpha)


def _over(color: Color, paper: float) -> _Rgb:
    red, green, blue = (part * color.alpha + paper * (1 - color.alpha) for part in color.rgb)
    return red, green, blue


def _linear(part: float) -> float:
    part = max(0.0, min(1.0, part))
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _gamma(part: float) -> float:
    return part * 12.92 if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055


def _to_oklab(rgb: _Rgb) -> _Rgb:
    red, green, blue = map(_linear, rgb)
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def _from_oklab(lightness: float, a: float, b: float) -> _Rgb:
    """Linear light, possibly outside of 0 to 1."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _in_gamut(
    lightness: float, a: float, b: float, *, max_chroma: float, low: float = 0.0, high: float = 1.0, alpha: float = 1.0
) -> Color:
    """The colour of that hue nearest to `lightness` whose luminance is between `low` and `high` once rounded."""
    chroma, hue = min(max_chroma, hypot(a, b)), atan2(b, a)
    for _ in range(60):
        parts = _from_oklab(lightness, chroma * cos(hue), chroma * sin(hue))
        if min(parts) < -0.0005 or max(parts) > 1.0005:
            chroma *= 0.92
            continue
        red, green, blue = (round(_gamma(max(0.0, min(1.0, part))) * 255) / 255 for part in parts)
        found = luminance((red, green, blue))
        if low <= found <= high:
            return Color(red, green, blue, alpha)
        lightness += 0.008 if found < low else -0.008
    grey = 0.62 if low else 0.1  # not reached: every hue has a tone in between
    return Color(grey, grey, grey, alpha)
