"""What must be known of a pattern beyond its own text. Each line names file and variable (or function) and says why.

A line that nothing needs any more fails the test, as does a pattern that needs one and has none.
"""

from dataclasses import dataclass

MATCH = frozenset({"match"})
FULLMATCH = frozenset({"fullmatch"})


@dataclass(frozen=True, slots=True)
class Known:
    """`uses`: how it meets text, where the sources do not show it; empty: as they show. `max_chars`: of what it meets, 0: no limit."""

    why: str
    uses: frozenset[str] = frozenset()
    max_chars: int = 0


REPORT_LINE = 500  # reports.explanation.MAX_LINE_CHARS
REPORT_TEXT = 50_000  # reports.bounces
PATH = 2_000  # web.middleware.MAX_PATH_CHARS
HTML_TAGS = "what it is given are the attributes of one tag, which whole attributes fill: none is looked for in vain"

KNOWN: dict[str, Known] = {
    "webmail/mime/addresses.py:_FAST": Known("a loop that ends where it does not match", MATCH),
    "webmail/mime/addresses.py:_QUOTED": Known("not tried again once a closing quote is missing", MATCH),
    "webmail/mime/headers.py:_FIELD": Known("matched at the beginnings of lines", MATCH),
    "webmail/mime/parse.py:_DELIMITER_END": Known("matched behind a delimiter, which holds a line end", MATCH),
    "webmail/mime/html_text.py:_TAG": Known("not tried again after fifty failures", MATCH),
    "webmail/mime/quotes/containers.py:_ATTRIBUTE": Known(HTML_TAGS, MATCH),
    "webmail/mime/safe_html/notices.py:_ATTRIBUTE": Known(HTML_TAGS, MATCH),
    "webmail/mime/safe_html/bound.py:_ATTRIBUTE_PATTERN": Known(HTML_TAGS, MATCH),
    "webmail/mime/quotes/markup.py:_TOKEN": Known("reads what bound_html wrote, where each tag is complete", MATCH),
    "webmail/mime/reports/layouts.py:_row": Known(
        "bounces.py matches it at the beginning of a line", MATCH, REPORT_LINE
    ),
    "webmail/mime/reports/bounces.py:_SENDER": Known("a line", max_chars=REPORT_LINE),
    "webmail/mime/reports/layouts.py:ABOUT_MAIL": Known("the beginning of a text", max_chars=8_000),
    "webmail/mime/reports/layouts.py:FAILURE": Known("a line, or the beginning of a text", max_chars=REPORT_TEXT),
    "webmail/mime/plain_links.py:_RUN_ON": Known("an address, which was cut", max_chars=2_000),
    "webmail/mime/trackers.py:pattern": Known("recognise() matches it; the address was cut", MATCH, 2_000),
    "webmail/mime/trackers.py:_PATHS": Known("recognise() matches it; the address was cut", MATCH, 2_000),
    "webmail/urls.py": Known("a longer path has been refused", FULLMATCH, PATH),
    "webmail/demo/imap_syntax.py:_ATOM": Known("a command with something else is refused", MATCH),
    "webmail/demo/imap_syntax.py:_QUOTED": Known("a command with something else is refused", MATCH),
    "webmail/demo/imap_mailboxes.py:_pattern_matcher": Known(
        "names of mailboxes of the demo, and what its own user lists", FULLMATCH, 400
    ),
}

# Function that puts a pattern together at run time: an example of what it makes, or None where that happens on import.
COMPOSED: dict[str, tuple[str, ...] | None] = {
    "webmail/mime/parse.py:find_delimiter": (r"\n--a+(--)?[ \t]*+(?=\r?\n|\Z)", r"\n--\-\-\-(--)?[ \t]*+(?=\r?\n|\Z)"),
    "webmail/mime/safe_html/bound.py:_enter_hidden": (r"(?i:</script)",),
    "webmail/mime/hits.py:_in_run": ("東京都|東京|京",),  # words of a query, escaped, as alternatives
    "webmail/mime/reports/layouts.py:_row": None,
    "webmail/mime/trackers.py:_compiled_hosts": None,
    "webmail/demo/imap_mailboxes.py:_pattern_matcher": (r"[^/]*a[^/]*b", ".*a.*b"),
    "webmail/demo/imap_mailboxes.py:matches": (r"[^/]*a[^/]*b", ".*a.*b"),
    "webmail/demo/imap_structure.py:split_multipart": (r"(?:\A|\r?\n)--a(--)?[ \t]*(?=\r?\n|\Z)",),
}
