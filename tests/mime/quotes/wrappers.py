"""What folding added to a text, seen by a reader of its own that knows only tags."""

import re

from webmail.mime.html_text import html_to_text

# HTML 13.2.5.32 and on: a quote begins a value only right behind "=".
_TAG = re.compile(
    r"""<(/?)([a-z][^ \t\n\f\r/>]*)"""
    r"""((?:[ \t\n\f\r/]+|[^ \t\n\f\r/>][^ \t\n\f\r/>=]*(?:[ \t\n\f\r]*=[ \t\n\f\r]*"""
    r"""(?:"[^"]*"|'[^']*'|[^ \t\n\f\r>"'][^ \t\n\f\r>]*|(?=>)))?)*)>""",
    re.IGNORECASE,
)
_OPENING = re.compile(r'<details class="pb-quoted"><summary[^>]*>…</summary>|<div class="pb-signature">')
_VOID = {"br", "hr", "img", "wbr", "col"}


def wrapper_spans(folded: str) -> list[tuple[int, int, int, int]]:
    """(start, end of the opening, start, end of the closing) of each wrapper; wrappers of one kind are never in each other."""
    spans = []
    for opening in _OPENING.finditer(folded):
        name = "details" if opening.group().startswith("<details") else "div"
        depth = 1
        for tag in _TAG.finditer(folded, opening.end()):
            if tag[2].lower() == name:
                depth += -1 if tag[1] else 1
            if not depth:
                spans.append((opening.start(), opening.end(), tag.start(), tag.end()))
                break
        else:
            raise AssertionError("a wrapper is not closed")
    return spans


def remove_wrappers(folded: str) -> str:
    """The text as it was."""
    cuts = sorted(cut for span in wrapper_spans(folded) for cut in (span[:2], span[2:]))
    out, position = [], 0
    for start, end in cuts:
        out.append(folded[position:start])
        position = end
    return "".join(out) + folded[position:]


def folded_parts(folded: str) -> list[str]:
    """The text in each fold."""
    return [
        folded[start:end] for _, start, end, _ in wrapper_spans(folded) if folded[start - 10 : start] == "</summary>"
    ]


def shown_text(folded: str) -> str:
    """The text outside of the folds."""
    out, position = [], 0
    for start, opened, _, end in wrapper_spans(folded):
        if folded[opened - 10 : opened] == "</summary>":
            out.append(folded[position:start])
            position = end
    return html_to_text("".join(out) + folded[position:])


def is_well_nested(html: str) -> bool:
    """Whether each end tag closes the element that was opened last. Elements still open at the end are fine."""
    stack: list[str] = []
    for tag in _TAG.finditer(html):
        name = tag[2].lower()
        if tag[1]:
            if not stack or stack.pop() != name:
                return False
        elif name not in _VOID:
            stack.append(name)
    return True
