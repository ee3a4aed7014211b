"""What mail may show: the elements and attributes that survive cleaning, and the elements that never do.

Only tables; `bound.py` and `sanitize.py` act on them. Never add svg, math, style or any raw-text element (security fact 1.1).
"""

from typing import Final

# HTML 13.2.4.3: these stay open across misnesting and are opened again by the parser.
FORMATTING: Final = frozenset(
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"]
)

TABLE_SECTIONS: Final = frozenset(["caption", "colgroup", "tbody", "tfoot", "thead"])
TABLE_PARTS: Final = TABLE_SECTIONS | frozenset(["col", "td", "th", "tr"])
HEADINGS: Final = frozenset(["h1", "h2", "h3", "h4", "h5", "h6"])

# HTML 13.2.6.4.7: a start tag of one of these closes an open <p>.
CLOSES_PARAGRAPH: Final = HEADINGS | frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "figcaption",
        "figure",
        "footer",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "ul",
    ]
)

# HTML 13.2.4.2 "special": an end tag of an ordinary element does not reach across one of these.
SPECIAL: Final = CLOSES_PARAGRAPH | TABLE_PARTS

VOID: Final = frozenset(["br", "col", "hr", "img", "wbr"])

_PHRASING: Final = frozenset(
    [
        "abbr",
        "acronym",
        "bdi",
        "bdo",
        "cite",
        "del",
        "dfn",
        "ins",
        "kbd",
        "mark",
        "q",
        "rp",
        "rt",
        "ruby",
        "samp",
        "span",
        "sub",
        "sup",
        "time",
        "var",
    ],
)

ALLOWED_TAGS: Final = FORMATTING | SPECIAL | VOID | _PHRASING

# Their content is not markup for a parser: removed with it (R5).
RAW_TEXT: Final = frozenset(["iframe", "noembed", "noframes", "script", "style", "textarea", "title", "xmp"])

# Their content is markup that a browser would not show as such: removed with it, nesting counted.
HIDDEN_CONTENT: Final = frozenset(["datalist", "math", "noscript", "select", "svg", "template", "xml"])

# HTML 13.2.6.5: inside svg or math one of these start tags ends the foreign content.
ENDS_FOREIGN: Final = (
    CLOSES_PARAGRAPH - {"article", "aside", "figure", "footer", "header", "main", "nav"}
) | frozenset(
    [
        "b",
        "big",
        "br",
        "code",
        "em",
        "font",
        "i",
        "img",
        "nobr",
        "s",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "tt",
        "u",
        "var",
    ]
)

_EVERYWHERE: Final = frozenset({"align", "class", "dir", "hidden", "id", "lang", "style", "title", "valign"})
_SIZED: Final = frozenset({"width", "height", "bgcolor", "background", "nowrap"})

# An attribute here still passes `attributes.py`, which looks at its value.
ALLOWED_ATTRIBUTES: Final[dict[str, frozenset[str]]] = {
    "*": _EVERYWHERE,
    "a": frozenset({"href", "target"}),
    "img": frozenset({"src", "alt", "width", "height", "border", "hspace", "vspace"}),
    "font": frozenset({"color", "face", "size"}),
    # Of these only what the body of the mail says has an effect.
    "div": frozenset({"bgcolor", "background", "text", "link"}),
    "hr": frozenset({"width", "size", "color", "noshade"}),
    "table": _SIZED | {"border", "cellpadding", "cellspacing", "role"},
    "tbody": frozenset({"bgcolor"}),
    "thead": frozenset({"bgcolor"}),
    "tfoot": frozenset({"bgcolor"}),
    "tr": _SIZED,
    "td": _SIZED | {"colspan", "rowspan"},
    "th": _SIZED | {"colspan", "rowspan", "scope"},
    "col": frozenset({"span", "width"}),
    "colgroup": frozenset({"span", "width"}),
    "ol": frozenset({"start", "type", "reversed"}),
    "ul": frozenset({"type"}),
    "li": frozenset({"type", "value"}),
    "details": frozenset({"open"}),
    "summary": frozenset({"aria-label"}),
}

LINK_REL: Final = "noopener noreferrer nofollow"
LINK_TARGET: Final = "_blank"
