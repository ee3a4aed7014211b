"""Clean the HTML of a mail: bound it, then one pass of nh3 over the parse tree, serialised once (security R4-R7, R13, R17).

The result makes a browser fetch nothing but what the caller serves: parts of the message (`cid_urls`) and, only if it asks for
them, remote pictures by number (`r/0`), never by their address. Do not edit the returned texts in any way: whatever must be
rewritten is rewritten in the callbacks of the pass (CVE-2024-42009).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import nh3

from webmail.mime.quotes.fold import fold_quotes
from webmail.mime.safe_html.attributes import AttributeFilter, Options
from webmail.mime.safe_html.bound import BoundedHtml, bound_html
from webmail.mime.safe_html.policy import ALLOWED_ATTRIBUTES, ALLOWED_TAGS, LINK_REL, LINK_TARGET
from webmail.mime.safe_html.remote import RemoteRef, RemoteRefs, WarnedLink, WarnedLinks
from webmail.mime.safe_html.sheets import MAX_SHEET_CHARS, StyleSheet, read_sheet, write_sheets

# What a fold is called by those who do not see it. The cleaned form is the same for everybody, so it is in one language.
QUOTE_LABEL: Final = "Show quoted text"

_TAGS: Final = set(ALLOWED_TAGS)
_ATTRIBUTES: Final = {tag: set(names) for tag, names in ALLOWED_ATTRIBUTES.items()}
_SCHEMES: Final = {"http", "https", "mailto", "cid", "data"}


@dataclass(frozen=True, slots=True)
class SafeHtml:
    """Cleaned HTML for the body of a document, exactly as serialised, and the style sheet that belongs to it.

    `remote`: the pictures elsewhere, `r/<number>` counted from `first_remote`; those of trackers are listed but never referred to.
    `links`: the links that deserve a question, `l/<number>` from `first_link`. `has_own_dark`: the sender says how it looks in the
    dark, so its colours are as written; else each has a second form for dark pages. `is_truncated`: a limit cut something, so that
    the page can offer the source.
    """

    html: str
    css: str = ""
    remote: tuple[RemoteRef, ...] = ()
    links: tuple[WarnedLink, ...] = ()
    has_own_dark: bool = False
    is_truncated: bool = False

    @property
    def blocked_remote(self) -> int:
        """How many pictures there are elsewhere."""
        return len(self.remote)

    @property
    def has_remote(self) -> bool:
        """There is at least one picture elsewhere."""
        return bool(self.remote)


def sanitize(
    html: str,
    *,
    cid_urls: Mapping[str, str],
    shows_remote: bool = False,
    strips_tracking: bool = False,
    first_remote: int = 0,
    first_link: int = 0,
) -> SafeHtml:
    """Clean `html` for display.

    `cid_urls` maps a Content-ID without angle brackets (RFC 2392) to the URL of ours that serves that part. `strips_tracking` takes
    what only tells who clicked out of links. Linear in the size of the input, which is cut at 1 MB. Never raises.
    """
    bounded = bound_html(html)
    sheets, is_cut = _read_sheets(bounded)
    has_own_dark = any(sheet.has_dark_rules for sheet in sheets)
    options = Options(
        cid_urls={cid.strip().strip("<>").lower(): url for cid, url in cid_urls.items()},
        adapts=not has_own_dark,
        remembers_text=not has_own_dark and _may_have_backgrounds(bounded, shows_remote=shows_remote),
        strips_tracking=strips_tracking,
    )
    remote = RemoteRefs(first=first_remote, is_shown=shows_remote)
    links = WarnedLinks(first=first_link)
    attributes = AttributeFilter(options, bounded.notices, remote=remote, links=links)
    attributes.note_canvas()
    css = write_sheets(sheets, attributes.look, has_body=bounded.notices.has_body)
    cleaner = nh3.Cleaner(
        tags=_TAGS,
        clean_content_tags={"script", "style"},
        attributes=_ATTRIBUTES,
        attribute_filter=attributes.filter,
        strip_comments=True,
        link_rel=LINK_REL,
        set_tag_attribute_values={"a": {"target": LINK_TARGET}},
        url_schemes=_SCHEMES,
    )
    cleaned = cleaner.clean(fold_quotes(bounded.html, label=QUOTE_LABEL))
    return SafeHtml(
        html=cleaned,
        css="\n".join(filter(None, [attributes.extra.write(), css])),
        remote=remote.refs,
        links=links.links,
        has_own_dark=has_own_dark,
        is_truncated=bounded.is_truncated or is_cut,
    )


def _read_sheets(bounded: BoundedHtml) -> tuple[list[StyleSheet], bool]:
    """The style sheets, as far as they are not too much together; whether something was left out."""
    sheets: list[StyleSheet] = []
    room = MAX_SHEET_CHARS
    for text, media in bounded.notices.styles:
        if len(text) > room:
            return sheets, True
        room -= len(text)
        sheets.append(read_sheet(text, media[:1_000]))
    return sheets, any(sheet.is_truncated for sheet in sheets)


def _may_have_backgrounds(bounded: BoundedHtml, *, shows_remote: bool) -> bool:
    """Whether a picture may lie behind text: then text must remember its colour. A miss costs contrast, nothing else."""
    texts = [bounded.html.lower(), *(text.lower() for text, _ in bounded.notices.styles)]
    has_pictures = shows_remote or any("cid:" in text or "data:image" in text for text in texts)
    return has_pictures and any("url(" in text or "background=" in text for text in texts)
