"""Real newsletters and receipts: their words are there, and what makes them look as they do."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
import tinycss2
from selectolax.lexbor import LexborHTMLParser

from tests.mime.safe_html.safety import assert_safe_result
from webmail.mime.safe_html.sanitize import SafeHtml, sanitize

# The properties that carry a layout, and how large a share of their declarations must survive.
MAIN = {
    "color", "background-color", "padding", "font-size", "font-family", "font-weight", "width", "text-align", "line-height", "border-radius",
    "border-top", "border-bottom", "max-width", "display", "text-decoration", "padding-top", "padding-bottom", "box-shadow",
}  # fmt: skip
SHARE = 0.97
_PLACEHOLDER = re.compile(r"\{\{\{?[^}]{0,80}\}\}\}?")
_ADDRESS = re.compile(r"https?://\S+|\S+@\S+")
_WORD = re.compile(r"[A-Za-z]{2,}")


def templates(shared: Path) -> list[Path]:
    folder = shared / "corpus" / "templates"
    found = sorted(folder.glob("postmark/**/content.html")) + sorted(folder.glob("leemunroe/*.html"))
    assert len(found) >= 35
    return found


def clean(path: Path) -> SafeHtml:
    return sanitize(path.read_text(), cid_urls={})


def declarations(nodes: Iterable[object]) -> Counter[str]:
    """How often each property is declared."""
    return Counter(node.lower_name for node in nodes if getattr(node, "type", "") == "declaration")  # type: ignore[attr-defined]


def of_attributes(html: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for node in LexborHTMLParser(html).css("[style]"):
        found += declarations(tinycss2.parse_blocks_contents(node.attributes["style"] or ""))
    return found


def of_sheet(css: str) -> Counter[str]:
    found: Counter[str] = Counter()
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    for rule in rules:
        if rule.type == "at-rule" and rule.lower_at_keyword == "media":
            found += of_sheet(tinycss2.serialize(rule.content))
        elif rule.type == "qualified-rule":
            found += declarations(tinycss2.parse_blocks_contents(rule.content))
    return found


@pytest.mark.corpus
def test_every_word_of_the_plain_twin_is_shown(shared: Path) -> None:
    twins = sorted((shared / "corpus" / "templates" / "postmark").glob("**/content.txt"))
    assert len(twins) >= 30
    for twin in twins:
        body = LexborHTMLParser(clean(twin.with_suffix(".html")).html).body
        assert body is not None
        shown = Counter(map(str.lower, _WORD.findall(body.text(separator=" "))))
        text = _ADDRESS.sub(" ", _PLACEHOLDER.sub(" ", twin.read_text()))
        wanted = Counter(map(str.lower, _WORD.findall(text)))
        missing = sorted(set(wanted) - set(shown))
        assert len(missing) <= 0.03 * len(wanted), (str(twin), missing)


@pytest.mark.corpus
def test_nearly_all_declarations_of_the_main_properties_survive(shared: Path) -> None:
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for path in templates(shared):
        source = path.read_text()
        cleaned = clean(path)
        assert_safe_result(cleaned)
        assert not cleaned.is_truncated
        before += of_attributes(source)
        after += of_attributes(cleaned.html)
        for sheet in LexborHTMLParser(source).css("style"):
            before += of_sheet(sheet.text())
        after += of_sheet(cleaned.css)
    for name in sorted(MAIN):
        assert before[name] > 0, name
        assert after[name] >= SHARE * before[name], (name, before[name], after[name])


@pytest.mark.corpus
def test_every_responsive_rule_of_the_templates_is_there(shared: Path) -> None:
    for path in templates(shared):
        asked = re.findall(r"@media[^{]*\((max-width:\s*[0-9]+px)\)", path.read_text())
        kept = clean(path).css
        for query in asked:
            assert f"({query.replace(' ', '')})" in kept, path


@pytest.mark.corpus
def test_templates_with_their_own_dark_keep_it(shared: Path) -> None:
    for path in templates(shared):
        cleaned = clean(path)
        assert cleaned.has_own_dark == ("prefers-color-scheme: dark" in path.read_text()), path
        assert ("data-scheme=dark" in cleaned.css) == cleaned.has_own_dark
        assert ("light-dark(" in cleaned.css + cleaned.html) != cleaned.has_own_dark
