"""Web and mail addresses in plain text, as links written from pieces (security R10).

Only http, https and mailto ever become links, also for names without a scheme (`www.example.org`, `anna@example.org`). The
address goes into `href` as it is shown; nothing is decoded or completed beyond the scheme.
"""

import re
from html import escape
from typing import Final

MAX_URL_CHARS: Final = 2_000
# 253 characters of a name, and a local part and a scheme in front of it.
_MAX_LABELS: Final = 12

# No quotes, angle brackets or backslashes; no control, bidi or other invisible characters; no East Asian punctuation, which ends a
# sentence without a space behind it.
_NO_URL: Final = (
    r"\s<>\"'`{}|\\^\x00-\x1f\x7f-\xa0\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3000-\u3003\u3008-\u3011"
    r"\u3014-\u301f\ufe00-\ufe0f\ufe30-\ufe4f\ufeff\uff01\uff08\uff09\uff0c\uff0e\uff1a\uff1b\uff1f\uff3b\uff3d\uff5b-\uff5d\uff61-"
    r"\uff64\ufff9-\uffff«»‹›“”„‘‚"
)
_URL_CHARS: Final = rf"[^{_NO_URL}]"
# Ends in letters or in Punycode: not in a number, so that a version or a file ("a@1.2") is no address.
_DOMAIN: Final = rf"(?:[\w-]{{1,63}}\.){{1,{_MAX_LABELS}}}(?:xn--[a-z0-9-]{{2,59}}|[^\W\d_]{{2,24}})(?![\w@-])"
_LINK: Final = re.compile(
    rf"(?<![\w@.-])(?:https?://(?=[\w\[]){_URL_CHARS}{{1,{MAX_URL_CHARS}}}"
    rf"|www\.(?=[\w-]{{1,63}}\.[\w-]){_URL_CHARS}{{1,{MAX_URL_CHARS}}}"
    rf"|mailto:[\w.!#$%&*+/=?^-]{{1,64}}@{_URL_CHARS}{{1,400}}"
    rf"|[\w.!#$%&*+=?^-]{{1,64}}@{_DOMAIN})",
    re.IGNORECASE,
)
_HOST: Final = re.compile(r"(?:[a-z]{4,6}:)?(?://)?([^/?#:@]*)", re.IGNORECASE)
# A name and right behind it, without a space, the text around it: "https://example.comをご覧". No top-level domain mixes both.
_RUN_ON: Final = re.compile(r"([A-Za-z0-9-]{2,63})[^\x00-\x7f]")
_CLOSERS: Final = {")": "(", "]": "["}
_TRAILING: Final = ".,;:!?*_~…"


def write_line(line: str) -> str:
    """`line` as HTML: its text escaped, its addresses as links that open apart from the mail."""
    out = []
    position = 0
    for found in _LINK.finditer(line):
        shown = _trim(found.group())
        out.append(escape(line[position : found.start()]))
        out.append(_write_link(shown))
        position = found.start() + len(shown)
    out.append(escape(line[position:]))
    return "".join(out)


def _write_link(shown: str) -> str:
    start = shown[:8].lower()
    if start.startswith(("http://", "https://", "mailto:")):
        target = shown
    else:
        target = f"https://{shown}" if start.startswith("www.") else f"mailto:{shown}"
    return f'<a href="{escape(target)}" target="_blank" rel="noopener noreferrer nofollow">{escape(shown)}</a>'


def _trim(url: str) -> str:
    """Leave out the punctuation of the sentence around a link, and a bracket that was opened before it."""
    url = _without_run_on(url)
    counts = {closer: url.count(closer) - url.count(opener) for closer, opener in _CLOSERS.items()}
    end = len(url)
    while end:
        last = url[end - 1]
        if counts.get(last, 0) > 0:
            counts[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return url[:end]


def _without_run_on(url: str) -> str:
    if url.isascii() or url[:7].lower() == "mailto:":
        return url
    host = _HOST.match(url)
    if host is None:
        return url
    label_start = host.start(1) + host[1].rfind(".") + 1
    run_on = _RUN_ON.match(url, label_start, host.end(1))
    return url[: run_on.end(1)] if run_on and host[1].rfind(".") > 0 else url
