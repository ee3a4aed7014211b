"""The style sheets of a mail, read and written anew by us: known selectors, known properties with known values, known media.

Nothing is copied: `selectors.py`, `media.py` and `css.py` each write what they understood. No at-rule but `@media` exists here:
no `@import` or `@font-face` (they fetch), no `@keyframes` (it animates what is allowed only once), no `@supports`.

`!important` is kept here, unlike in style attributes: newsletters that follow the width of the screen cannot do without, since
they must overrule their own attributes. It is harmless, as every value is one of the allow-list, every selector reaches only
into the mail's own body, and our own rules about that body do not rest on the cascade but on the frame (R7, R8).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import tinycss2

from webmail.mime.safe_html.css import MAX_BRACKETS, Declaration, Look, read_declarations, write_declarations
from webmail.mime.safe_html.extra_rules import PHONE
from webmail.mime.safe_html.media import ALWAYS, Media, Scheme, read_media
from webmail.mime.safe_html.selectors import BODY, VoidRule, write_selectors
from webmail.mime.safe_html.values import Token

MAX_SHEET_CHARS: Final = 120_000  # of all sheets of a message together
MAX_RULES: Final = 3_000
MAX_SELECTORS: Final = 8_000
MAX_MEDIA_DEPTH: Final = 3
MAX_CSS_CHARS: Final = 400_000
_STATES: Final = (":hover", ":active", ":focus", ":visited", ":link")
_MAX_REMEMBERED: Final = 30_000

# How the body of the document is found, in each scheme that a rule may ask for. Without weight of their own in the cascade.
_SCOPES: Final[Mapping[Scheme, tuple[tuple[str, str], ...]]] = {
    "": (("", ".pb-body"),),
    "light": (
        ("not print and (prefers-color-scheme:light)", "html[data-scheme=auto] .pb-body"),
        ("", "html[data-scheme=light] .pb-body"),
    ),
    "dark": (
        ("screen and (prefers-color-scheme:dark)", "html[data-scheme=auto] .pb-body"),
        ("screen", "html[data-scheme=dark] .pb-body"),
    ),
}


@dataclass(frozen=True, slots=True)
class StyleRule:
    """One rule: where it holds, which elements it is for, what it says."""

    media: Media
    selectors: tuple[str, ...]
    declarations: tuple[Declaration, ...]


@dataclass(frozen=True, slots=True)
class StyleSheet:
    """What is allowed of one sheet."""

    rules: tuple[StyleRule, ...] = ()
    is_truncated: bool = False

    @property
    def has_dark_rules(self) -> bool:
        """It says how the mail looks in the dark."""
        return any(
            rule.media.scheme == "dark" and any("color" in each.plain for each in rule.declarations)
            for rule in self.rules
        )


def read_sheet(text: str, media: str = "") -> StyleSheet:
    """Read the text of a `<style>` and its attribute `media`. Never raises; linear but for the caps."""
    if len(text) + len(media) <= _MAX_REMEMBERED:
        return _remembered_sheet(text, media)
    return _read_sheet(text[:MAX_SHEET_CHARS], media)


def write_sheets(sheets: Iterable[StyleSheet], look: Look, *, has_body: bool) -> str:
    """One sheet for our document. `has_body`: the mail's own body element is there as `.pb-mail`."""
    written: list[str] = []
    size = 0
    for sheet in sheets:
        for rule in sheet.rules:
            text = _write_rule(rule, look, has_body=has_body)
            size += len(text)
            if size > MAX_CSS_CHARS:
                return "\n".join(written)
            if text:
                written.append(text)
    return "\n".join(written)


def _write_rule(rule: StyleRule, look: Look, *, has_body: bool) -> str:
    block = write_declarations(rule.declarations, look, keeps_importance=True)
    if not block:
        return ""
    canvas = _canvas(rule, look)
    written = []
    for condition, scope in _SCOPES[rule.media.scheme]:
        body = f"div:where({scope} .pb-mail)" if has_body else f"div:where({scope})"
        selectors = ",".join(_place(selector, scope, body) for selector in rule.selectors)
        text = f"{selectors}{{{block}}}"
        if canvas:
            text += f"{scope.removesuffix('.pb-body').strip() or 'html'}{{{canvas}}}"
        if any(each.wide_px for each in rule.declarations) and rule.media.queries in {(), ("screen",)}:
            text += f"{PHONE}{{{selectors}{{max-width:100%!important;min-width:0!important}}}}"
        for query in (*reversed(rule.media.queries), condition):
            text = f"@media {query}{{{text}}}" if query else text
        written.append(text)
    return "\n".join(written)


def _canvas(rule: StyleRule, look: Look) -> str:
    """The colour of the body, which a browser paints beyond the body."""
    if BODY not in rule.selectors:
        return ""
    colors = [each for each in rule.declarations if each.plain.startswith("background-color:")]
    return write_declarations(colors[-1:], look, keeps_importance=True)


def _place(selector: str, scope: str, body: str) -> str:
    if selector.startswith(BODY):
        return body + selector[len(BODY) :]
    return f":where({scope}) {selector}"


@lru_cache(maxsize=96)
def _remembered_sheet(text: str, media: str) -> StyleSheet:
    return _read_sheet(text, media)


def _read_sheet(text: str, media: str) -> StyleSheet:
    if _is_nested_deeply(text) or _is_nested_deeply(media):
        return StyleSheet(is_truncated=True)
    reader = _Reader()
    asked = tinycss2.parse_component_value_list(media, skip_comments=True)
    for outer in read_media(asked) if media.strip() else (ALWAYS,):
        reader.read(tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True), outer)
    return StyleSheet(tuple(reader.rules), reader.is_full)


def _is_nested_deeply(text: str) -> bool:
    """tinycss2 goes down into brackets by calling itself."""
    depth = 0
    for character in text:
        if character in "([{":
            depth += 1
            if depth > MAX_BRACKETS:
                return True
        elif character in ")]}" and depth:
            depth -= 1
    return False


class _Reader:
    """Collects the rules of one sheet."""

    def __init__(self) -> None:
        self.rules: list[StyleRule] = []
        self.is_full = False
        self._selectors = 0

    def read(self, nodes: Iterable[Token], media: Media, *, depth: int = 0) -> None:
        """Take the rules at the top of a sheet, or inside of `depth` times `@media`."""
        for node in nodes:
            if len(self.rules) >= MAX_RULES or self._selectors >= MAX_SELECTORS:
                self.is_full = True
                return
            if node.type == "qualified-rule":
                self._take_rule(node, media)
            elif node.type == "at-rule" and node.content is not None and node.lower_at_keyword == "media":
                self._take_media(node, media, depth)

    def _take_media(self, node: Token, outer: Media, depth: int) -> None:
        for each in read_media(node.prelude) if depth < MAX_MEDIA_DEPTH else ():
            both = each.within(outer)
            if both is not None:
                rules = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
                self.read(rules, both, depth=depth + 1)

    def _take_rule(self, node: Token, media: Media) -> None:
        try:
            selectors = write_selectors(node.prelude)
        except VoidRule:
            return
        if not selectors:
            return
        block = tinycss2.parse_blocks_contents(node.content, skip_comments=True, skip_whitespace=True)
        declarations = read_declarations(block)
        if any(state in each for each in selectors for state in _STATES):
            # A picture that is fetched only then would tell the sender what the reader does.
            declarations = tuple(each for each in declarations if not each.url)
        if declarations:
            self._selectors += len(selectors)
            self.rules.append(StyleRule(media, selectors, declarations))


def forget() -> None:
    """Forget the sheets that were read: for measuring."""
    _remembered_sheet.cache_clear()
