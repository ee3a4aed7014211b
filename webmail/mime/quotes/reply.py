"""What is new in a message: its text without what it quotes."""

from webmail.mime.quotes.kinds import Kind
from webmail.mime.quotes.structure import read_structure
from webmail.mime.quotes.text import LINE_END, read_lines


def new_text(text: str, *, keeps_signature: bool = False) -> str:
    """The lines of a plain text body that its sender wrote, without blank lines around them; "" if there are none.

    Left out are quotations wherever they stand, their attributions, signatures (unless `keeps_signature`), the footers of lists and
    companies, and what is forwarded, unless nothing else is there. Line ends become LF.
    """
    kinds = read_structure(read_lines(text)).kinds
    lines = LINE_END.split(text)
    kept = {Kind.OWN, Kind.SIGNATURE} if keeps_signature else {Kind.OWN}
    if Kind.OWN not in kinds:
        kept = {Kind.FORWARDED}
        if Kind.FORWARDED not in kinds:
            return ""
    out: list[str] = []
    for line, kind in zip(lines, kinds, strict=True):
        if kind in kept:
            out.append(line)
        elif out and out[-1]:
            out.append("")
    return "\n".join(out).strip()
