"""The document in which a body is served: complete HTML, and the headers that keep it inert (security R2).

The body must come from `sanitize` or `plain_text_to_html`; it is put in as it is. This module knows no requests or URLs.
"""

import re
from collections.abc import Iterable
from html import escape
from typing import Final

# R2. Restrictions of the iframe and of this header add up, so both carry the same two tokens: with a bare `sandbox` here,
# links with target=_blank do not open in Chromium.
CONTENT_SECURITY_POLICY: Final = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src {image_sources};"
    " style-src 'unsafe-inline'; frame-ancestors {frame_ancestors}; form-action 'none'; base-uri 'none'"
)
IFRAME_SANDBOX: Final = "allow-popups allow-popups-to-escape-sandbox"

_SOURCE: Final = re.compile(
    r"'(?:none|self)'|data:|https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~/%-]*)?|[A-Za-z0-9.-]+"
)

BASE_CSS: Final = """
:root { color-scheme: light dark; --text: #1f2328; --quiet: #57606a; --line: #c9d1d9; --back: #ffffff; --link: #0a58ca; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e2e5e9; --quiet: #9aa4af; --line: #444c56; --back: #16191d; --link: #82b1ff; }
}
html { background: var(--back); color: var(--text); overflow-wrap: anywhere; -webkit-text-size-adjust: 100%; }
body { margin: 0; padding: 12px 16px; font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
a { color: var(--link); }
img { max-width: 100%; height: auto; }
pre { white-space: pre-wrap; }
blockquote { margin: 0.5em 0; padding-left: 0.9em; border-left: 2px solid var(--line); color: var(--quiet); }
"""

# For `plain_text_to_html`: lines as the sender broke them, at most 72 characters wide.
PLAIN_TEXT_CSS: Final = """
.plain { max-width: 72ch; }
.plain .text { white-space: pre-wrap; tab-size: 8; unicode-bidi: plaintext; }
.plain .signature { margin-top: 1em; color: var(--quiet); }
"""

# For `sanitize`: senders pick dark text for white paper, so paper stays white until a dark version is worked out.
HTML_CSS: Final = """
:root { color-scheme: only light; --text: #1f2328; --quiet: #57606a; --line: #c9d1d9; --back: #ffffff; --link: #0a58ca; }
"""


def message_document(body_html: str, *, title: str, css: str) -> str:
    """Return a complete HTML document around a cleaned body.

    `css` is ours (`PLAIN_TEXT_CSS`, `HTML_CSS`), added behind `BASE_CSS`; raises `ValueError` if it could end the style
    element. `title` is hostile text and escaped (R9).
    """
    if "<" in css:
        raise ValueError("a style sheet of ours holds no markup")
    return (
        '<!doctype html>\n<html><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{escape(title)}</title><style>{BASE_CSS}{css}</style></head>\n<body>{body_html}</body></html>\n"
    )


def document_headers(*, image_sources: Iterable[str], frame_ancestors: Iterable[str]) -> dict[str, str]:
    """The response headers of R2 for one body.

    Both are CSP sources (origins, URL prefixes, `data:`, `'self'`); empty means `'none'`. Raises `ValueError` for a source
    that could add a directive.
    """
    policy = CONTENT_SECURITY_POLICY.format(
        image_sources=_join_sources(image_sources), frame_ancestors=_join_sources(frame_ancestors)
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }


def _join_sources(sources: Iterable[str]) -> str:
    listed = list(sources)
    for source in listed:
        if not _SOURCE.fullmatch(source):
            raise ValueError(f"not a CSP source: {source!r}")
    return " ".join(listed) or "'none'"
