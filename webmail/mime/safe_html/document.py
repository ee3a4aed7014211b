"""The document in which a body is served: complete HTML, and the headers that keep it inert (security R2).

The body must come from `sanitize` or `plain_text_to_html`; it is put in as it is. This module knows no requests or URLs.
"""

import re
from collections.abc import Iterable
from html import escape
from typing import Final, Literal

from webmail.mime.safe_html.measuring import SANDBOX, SCRIPT, SCRIPT_SOURCE

# R2. Restrictions of the iframe and of this header add up, so both carry the same two tokens: with a bare `sandbox` here,
# links with target=_blank do not open in Chromium.
CONTENT_SECURITY_POLICY: Final = (
    "sandbox {sandbox}; default-src 'none'; img-src {image_sources}; style-src 'unsafe-inline';"
    " frame-ancestors {frame_ancestors}; form-action 'none'; base-uri 'none'{more}"
)
IFRAME_SANDBOX: Final = "allow-popups allow-popups-to-escape-sandbox"

_SOURCE: Final = re.compile(
    r"'(?:none|self)'|data:|https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~/%-]*)?|[A-Za-z0-9.-]+"
)

Scheme = Literal["auto", "light", "dark"]

# Newsletters cut pictures into the cells of tables. Only with a doctype of their time ("almost standards") do these meet without a
# gap, and in nothing else it makes a difference (HTML 13.2.6.4.1; Quirks Mode 3.6). Nothing is fetched from there.
DOCTYPE: Final = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">'

# Defaults, before what the mail says and without weight against it. A mail with a body element has the margins of a browser
# round it, which it takes away as it would there; anything else gets some air from us.
BASE_CSS: Final = """
:root {
  --text: light-dark(#1a1d23, #e8eaee); --quiet: light-dark(#57606a, #9aa4af); --line: light-dark(#c9d1d9, #444c56);
  --back: light-dark(#ffffff, #1a1d23); --link: light-dark(#0a58ca, #82b1ff); --plate: light-dark(#eef0f4, #262a33);
}
:where(html[data-scheme=auto]) { color-scheme: light dark; }
:where(html[data-scheme=light]) { color-scheme: only light; }
:where(html[data-scheme=dark]) { color-scheme: only dark; }
html { background-color: var(--back); color: var(--text); -webkit-text-size-adjust: 100%; }
body { margin: 0; font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: break-word; }
.pb-body { display: flow-root; }
:where(.pb-body:not(:has(> .pb-mail))) { padding: 12px 16px; }
:where(.pb-mail) { margin: 12px 16px; font-size: 16px; line-height: normal; }
:where(.pb-body a:any-link) { color: var(--link); }
:where(.pb-body img:not(td img)) { max-width: 100%; }
:where(.pb-body img[width][height]:not(td img)) { height: auto; }
:where(.pb-body pre) { white-space: pre-wrap; }
:where(.pb-body blockquote) {
  margin: 0.5em 0; padding-left: 0.9em; border-left: 2px solid var(--line); color: var(--quiet);
}
"""

# What holds whatever the mail says: its selectors reach no further than into `.pb-body`, and these stand behind them.
LATE_CSS: Final = """
.pb-body img:not([src]) {
  display: inline-block; position: relative; overflow: hidden; border-radius: 4px; background: var(--plate);
  color: var(--quiet); font: 13px/1.4 system-ui, sans-serif;
}
/* Over the sign of a broken picture. */
.pb-body img:not([src])::before {
  content: attr(alt); position: absolute; inset: -1px; padding: 4px 8px; overflow: hidden; background: var(--plate);
}
.pb-body img:not([src]):is([width="0"], [width="1"], [height="0"], [height="1"]),
.pb-body img:not([src]):is([width="0"], [width="1"], [height="0"], [height="1"])::before { background: none; content: none; }
.pb-body details.pb-quoted > summary {
  display: inline-block; margin: 4px 0; padding: 0 10px 4px; border-radius: 8px; background: var(--plate);
  color: var(--quiet); font: 700 15px/1 system-ui, sans-serif; list-style: none; cursor: pointer;
}
.pb-body details.pb-quoted > summary::-webkit-details-marker { display: none; }
.pb-body details.pb-quoted > summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
:where(.pb-body .pb-signature) { color: var(--quiet); }
@media screen and (max-width: 640px) {
  body { overflow-wrap: anywhere; }
  :where(.pb-body:not(:has(> .pb-mail))) { padding: 8px; }
  :where(.pb-mail) { margin: 8px; }
  .pb-body table { max-width: 100% !important; min-width: 0 !important; }
  .pb-body :is(td, th) { min-width: 0 !important; }
  /* Not in percent: in the cell of a table that would not keep the picture from widening the table. */
  .pb-body img { max-width: calc(100vw - 32px) !important; }
  .pb-body img[src][width] { height: auto !important; }
}
@media print {
  html { color-scheme: only light !important; background-color: #ffffff !important; }
  .pb-body { font-size: 11pt; }
  .pb-body a[href^="http"]::after {
    content: " (" attr(href) ")"; color: #57606a; font-size: 80%; text-decoration: none; overflow-wrap: anywhere;
  }
  .pb-body details.pb-quoted > summary { display: none; }
  .pb-body details.pb-quoted::details-content { content-visibility: visible; display: block; block-size: auto; }
  .pb-body img { max-width: 100%; break-inside: avoid; }
}
"""

# For `plain_text_to_html`: lines as the sender broke them, at most 72 characters wide.
PLAIN_TEXT_CSS: Final = """
.plain { max-width: 72ch; }
.plain .text { white-space: pre-wrap; tab-size: 8; unicode-bidi: plaintext; }
.plain .signature { margin-top: 1em; color: var(--quiet); }
"""


def message_document(
    body_html: str, *, title: str, css: str = "", scheme: Scheme = "auto", own_css: str = "", measures: bool = False
) -> str:
    """Return a complete HTML document around a cleaned body, which lies in `<div class="pb-body">`, as high as the mail.

    `css` is `SafeHtml.css`, after ours for plain text if there is any; `own_css` is ours and has the last word. `scheme`: light or dark for certain, or as the
    device. `measures`: the document of a frame's twin. Raises `ValueError` for a style sheet that could end its element.
    `title` is hostile text and escaped (R9).
    """
    if "<" in css or "<" in own_css:
        raise ValueError("a style sheet of ours holds no markup")
    return (
        f'{DOCTYPE}\n<html data-scheme="{escape(scheme)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{escape(title)}</title><style>{BASE_CSS}{css}{LATE_CSS}{own_css}</style></head>\n"
        f'<body><div class="pb-body">{body_html}</div>{f"<script>{SCRIPT}</script>" if measures else ""}</body></html>\n'
    )


def document_headers(
    *, image_sources: Iterable[str], frame_ancestors: Iterable[str], measures: bool = False
) -> dict[str, str]:
    """The response headers of R2 for one body; `measures`: for the twin of its frame, which may run our script and no more.

    Both are CSP sources (origins, URL prefixes, `data:`, `'self'`); empty means `'none'`. Raises `ValueError` for a source
    that could add a directive.
    """
    policy = CONTENT_SECURITY_POLICY.format(
        sandbox=SANDBOX if measures else IFRAME_SANDBOX,
        image_sources=_join_sources(image_sources),
        frame_ancestors=_join_sources(frame_ancestors),
        more=f"; script-src {SCRIPT_SOURCE}" if measures else "",
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
