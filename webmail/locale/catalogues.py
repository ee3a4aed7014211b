"""Catalogues of translations: found in the sources, brought up to date, made ready for pages and for scripts.

Two a language, `<language>/LC_MESSAGES/django.po` for what Python and templates say and `djangojs.po` for scripts. They are
the only thing that is kept; `.mo` files and `words.<language>.js` are made of them at set-up. Works without Django's settings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent
LANGUAGES: Final = ("ar", "de")
DOMAINS: Final = ("django", "djangojs")

_Words = dict[str, Any]
_PYTHON_WORDS: Final[_Words] = {
    "_": None, "gettext": None, "gettext_lazy": None, "gettext_noop": None, "ngettext": (1, 2), "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2), "pgettext_lazy": ((1, "c"), 2), "npgettext": ((1, "c"), 2, 3),
}  # fmt: skip
_SCRIPT_WORDS: Final[_Words] = {"t": None, "tn": (1, 2)}
_HEADER: Final = "# Words of Pillarbox. MIT licence, as all of it."
_MADE: Final = datetime(2026, 11, 24, tzinfo=UTC)
_IN_PANEL: Final = re.compile(r"""\{% trans(?:late)? "([^"]+)" """)  # in the few templates of Django's own language
_PLACEHOLDER: Final = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w+\}")


def found_messages(domain: str) -> Catalog:
    """What the sources say now."""
    catalog = Catalog(charset="utf-8")
    for path, method, words in _sources(domain):
        for line, text, comments, context in _extracted(path, method, words):
            catalog.add(
                text, locations=[(path.relative_to(ROOT).as_posix(), line)], auto_comments=comments, context=context
            )
    return catalog


def _sources(domain: str) -> Iterator[tuple[Path, str, _Words]]:
    if domain == "djangojs":
        yield from ((path, "javascript", dict(_SCRIPT_WORDS)) for path in sorted((ROOT / "static/js").rglob("*.js")))
        return
    for package in ("accounts", "webmail"):
        found = (path for path in (ROOT / package).rglob("*.py") if not {"migrations", "locale"} & set(path.parts))
        yield from ((path, "python", dict(_PYTHON_WORDS)) for path in sorted(found))
    for path in sorted((ROOT / "templates").rglob("*.html")):
        is_page = "web" in path.relative_to(ROOT / "templates").parts
        yield path, "jinja2" if is_page else "django", dict(_PYTHON_WORDS)


def _extracted(path: Path, method: str, words: _Words) -> Iterator[tuple[int, str, list[str], str | None]]:
    source = path.read_text(encoding="utf-8")
    if method == "django":
        for number, line in enumerate(source.splitlines(), 1):
            yield from ((number, text, [], None) for text in _IN_PANEL.findall(line))
        return
    options = {"trimmed": "false", "silent": "false", "extensions": "jinja2.ext.do"} if method == "jinja2" else {}
    if method == "jinja2":
        options |= {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true"}
    yield from extract(method, BytesIO(source.encode()), keywords=words, options=options)  # type: ignore[misc]


def read_catalogue(language: str, domain: str) -> Catalog:
    """The kept translations; an empty catalogue where there are none yet."""
    path = _path(language, domain, ".po")
    if not path.exists():
        return Catalog(locale=language, charset="utf-8", project="Pillarbox", fuzzy=False, header_comment=_HEADER)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=domain)


def update_all() -> None:
    """Bring every catalogue up to what the sources say: new messages come in empty, those nobody says any more go."""
    for domain in DOMAINS:
        template = found_messages(domain)
        for language in LANGUAGES:
            catalog = read_catalogue(language, domain)
            catalog.update(template, no_fuzzy_matching=True)
            catalog.obsolete.clear()
            catalog.creation_date = _MADE  # of the sources at the time: a change of nothing else is no change
            path = _path(language, domain, ".po")
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                write_po(file, catalog, width=120, sort_output=True, include_lineno=False, omit_header=False)


def compile_all(scripts: Path) -> None:
    """Write the `.mo` files beside the catalogues and `words.<language>.js` into the directory `scripts`."""
    for language in LANGUAGES:
        for domain in DOMAINS:
            if _path(language, domain, ".po").exists():
                with _path(language, domain, ".mo").open("wb") as file:
                    write_mo(file, read_catalogue(language, domain))
        (scripts / f"words.{language}.js").write_text(_script(read_catalogue(language, "djangojs")), encoding="utf-8")


def _script(catalog: Catalog) -> str:
    """What `static/js/words.js` reads: texts by the English one (the plural one where there are two), and which form to take."""
    texts: dict[str, str | list[str]] = {}
    for message in catalog:
        if message.id and message.string:
            forms = _forms(message)
            texts[_english(message)[-1]] = forms if isinstance(message.id, tuple) else forms[0]
    known = json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
    return f"window.pillarboxWords={{plural:(n)=>Number({catalog.plural_expr}),texts:{known}}};\n"


def faults(language: str, domain: str) -> list[str]:
    """What is wrong with a catalogue, a line each: missing or surplus messages, other placeholders, too few plural forms."""
    kept = read_catalogue(language, domain)
    found = {(message.id, message.context) for message in found_messages(domain) if message.id}
    known = {(message.id, message.context): message for message in kept if message.id}
    lines = [f"{language}: nobody says {key[0]!r}" for key in known.keys() - found]
    for key in sorted(found, key=str):
        message = known.get(key)
        if message is None or not _is_complete(message, kept.num_plurals):
            lines.append(f"{language}: no translation of {key[0]!r}")
        elif wrong := _wrong_placeholders(message):
            lines.append(f"{language}: {wrong} in {message.string!r}")
    return lines


def _is_complete(message: Message, forms: int) -> bool:
    given = _forms(message)
    return len(given) == (forms if isinstance(message.id, tuple) else 1) and all(given) and not message.fuzzy


def _wrong_placeholders(message: Message) -> str:
    """Placeholders that a translation has and its message does not, or the other way round; a plural form may leave out its number."""
    wanted = {one for text in _english(message) for one in _PLACEHOLDER.findall(text)}
    given = {one for text in _forms(message) for one in _PLACEHOLDER.findall(text)}
    wrong = given - wanted if isinstance(message.id, tuple) else given ^ wanted
    return f"other placeholders, {sorted(wrong)}," if wrong else ""


def _english(message: Message) -> list[str]:
    return [message.id] if isinstance(message.id, str) else list(message.id)


def _forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def _path(language: str, domain: str, suffix: str) -> Path:
    return HERE / language / "LC_MESSAGES" / f"{domain}{suffix}"
