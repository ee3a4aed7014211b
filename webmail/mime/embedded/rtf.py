"""The RTF body of a TNEF message as what a person reads: the HTML it was made from ([MS-OXRTFEX]), or its text.

Own code because `striprtf` knows nothing of the HTML inside, and takes time in the square of the size of a font table.
One pass over tokens; groups deeper than any program writes cost nothing but their marks.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from webmail.mime.charsets import find_codec

_TOKEN: Final = re.compile(
    rb"\\([A-Za-z]{1,32}+)(-?[0-9]{1,9}+)? ?|\\'([0-9A-Fa-f]{2})|\\([^A-Za-z])|([{}])|[\r\n]++|([^\\{}\r\n]++)"
)
_HTML_MARK: Final = re.compile(rb"\\fromhtml1?(?![0-9A-Za-z])")
# How far the mark of encapsulated HTML may stand from the beginning (2.1.2: among the first ten tokens).
_MARK_BYTES: Final = 1_000
_MAX_DEPTH: Final = 1_000

_SYMBOLS: Final = {
    b"par": "\n", b"line": "\n", b"sect": "\n\n", b"page": "\n\n", b"row": "\n", b"tab": "\t", b"cell": "\t",
    b"nestcell": "\t", b"emdash": "\u2014", b"endash": "\u2013", b"emspace": "\u2003", b"enspace": "\u2002",
    b"qmspace": "\u2005", b"bullet": "\u2022", b"lquote": "\u2018", b"rquote": "\u2019", b"ldblquote": "\u201c",
    b"rdblquote": "\u201d", b"~": "\u00a0", b"_": "\u2011", b"-": "\u00ad", b"\n": "\n", b"\r": "\n", b"{": "{",
    b"}": "}", b"\\": "\\",
}  # fmt: skip
# Groups that hold no text of the body.
_HIDDEN: Final = frozenset(
    {b"colortbl", b"stylesheet", b"info", b"pict", b"object", b"objdata", b"header", b"headerl", b"headerr", b"headerf",
     b"footer", b"footerl", b"footerr", b"footerf", b"fldinst", b"listtable", b"listoverridetable", b"revtbl", b"rsidtbl",
     b"generator", b"themedata", b"datastore", b"latentstyles", b"filetbl", b"pntext", b"bkmkstart", b"bkmkend", b"xe",
     b"tc", b"mhtmltag", b"pgdsctbl"}
)  # fmt: skip
_FONT_CHARSETS: Final = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "cp950", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250", 254: "cp437",
    255: "cp850",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RtfBody:
    """`text`: with LF line ends; HTML if `is_html`."""

    text: str
    is_html: bool


@dataclass(frozen=True, slots=True)
class _State:
    """What a group inherits and gives back at its end. `skipped`: characters behind a \\u that stand for it."""

    is_hidden: bool = False
    is_tag: bool = False
    is_rtf_only: bool = False
    is_font_table: bool = False
    codec: str | None = None
    skipped: int = 1


def read_rtf(rtf: bytes) -> RtfBody:
    """The body. Text that cannot be decoded becomes U+FFFD; RTF that is none gives an empty text."""
    if not rtf.startswith(b"{\\rtf"):
        return RtfBody("", is_html=False)
    is_html = _HTML_MARK.search(rtf, 0, _MARK_BYTES) is not None
    return RtfBody(_Reader(is_html=is_html).read(rtf), is_html)


class _Reader:
    def __init__(self, *, is_html: bool) -> None:
        self.is_html = is_html
        self.state = _State()
        self.stack: list[_State] = []
        self.codec = "cp1252"
        self.fonts: dict[int, str] = {}
        self.font_in_table = 0
        self.out: list[str] = []
        # Neighbouring bytes of one character set: the halves of a character may be written in two ways.
        self.raw = bytearray()
        self.to_skip = 0
        self.is_starred = False

    def read(self, rtf: bytes) -> str:
        position = 0
        while (token := _TOKEN.match(rtf, position)) is not None:
            position = token.end()
            word, number, hexadecimal, symbol, brace, text = token.groups()
            if text is not None:
                self.add(text)
            elif hexadecimal is not None:
                self.add(bytes.fromhex(hexadecimal.decode("ascii")))
            elif word is not None:
                value = int(number) if number is not None else None
                if word == b"bin" and value is not None:
                    position += max(0, value)
                self.control(word, value)
            elif brace is not None:
                if not self.brace(brace):
                    break
            elif symbol is not None:
                self.control_symbol(symbol)
        self.flush()
        text_out = "".join(self.out)
        # Halves of a surrogate pair come one by one.
        return text_out.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "")

    def brace(self, brace: bytes) -> bool:
        """Whether the document goes on."""
        self.flush()
        self.to_skip = 0
        self.is_starred = False
        if brace == b"{":
            if len(self.stack) < _MAX_DEPTH:
                self.stack.append(self.state)
                return True
            return False
        if self.stack:
            self.state = self.stack.pop()
        return bool(self.stack)

    def control_symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self.is_starred = True
        elif symbol in _SYMBOLS:
            self.add_text(_SYMBOLS[symbol])

    def control(self, word: bytes, value: int | None) -> None:
        is_starred, self.is_starred = self.is_starred, False
        if word == b"htmltag" and is_starred:
            self.state = replace(self.state, is_tag=True, is_hidden=not self.is_html)
        elif word in _HIDDEN or (is_starred and word not in (b"shppict", b"nesttableprops")):
            self.state = replace(self.state, is_hidden=True)
        elif word == b"u":
            self.add_code(value)
        elif word in _SYMBOLS:
            self.add_text("\r\n" if self.is_html and word in (b"par", b"line") else _SYMBOLS[word])
        else:
            self.set_state(word, value)

    def set_state(self, word: bytes, value: int | None) -> None:
        match word:
            case b"htmlrtf":
                self.flush()
                self.state = replace(self.state, is_rtf_only=value != 0)
            case b"ansicpg":
                self.codec = find_codec(f"cp{value}") or (find_codec("utf-8") if value == 65001 else None) or self.codec
            case b"mac":
                self.codec = "mac_roman"
            case b"uc":
                self.state = replace(self.state, skipped=max(0, min(value or 0, 10)))
            case b"fonttbl":
                self.state = replace(self.state, is_font_table=True)
            case b"f" if self.state.is_font_table:
                self.font_in_table = value or 0
            case b"f":
                self.flush()
                self.state = replace(self.state, codec=self.fonts.get(value or 0))
            case b"plain":
                self.flush()
                self.state = replace(self.state, codec=None)
            case b"fcharset" if value in _FONT_CHARSETS and len(self.fonts) < 1_000:
                self.fonts[self.font_in_table] = _FONT_CHARSETS[value]
            case _:
                pass

    def is_shown(self) -> bool:
        state = self.state
        return not (state.is_hidden or state.is_font_table or (self.is_html and state.is_rtf_only and not state.is_tag))

    def add(self, raw: bytes) -> None:
        if self.to_skip:
            dropped = min(self.to_skip, len(raw))
            self.to_skip -= dropped
            raw = raw[dropped:]
        if raw and self.is_shown():
            self.raw += raw

    def add_text(self, text: str) -> None:
        self.flush()
        self.to_skip = 0
        if self.is_shown():
            self.out.append(text)

    def add_code(self, value: int | None) -> None:
        self.add_text(chr((value or 0) & 0xFFFF))
        self.to_skip = self.state.skipped

    def flush(self) -> None:
        if self.raw:
            self.out.append(bytes(self.raw).decode(self.state.codec or self.codec, "replace"))
            self.raw.clear()
