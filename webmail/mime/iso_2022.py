"""Seven-bit Japanese and Chinese where Python's codecs give up: the vendors' characters, and ISO-2022-CN."""

import re

_SHIFTED = re.compile(rb"\x0e([^\x0f\r\n]*+)\x0f?")
_DESIGNATION = re.compile(rb"\x1b\$[)*+][AGEHIJKLM]")


def decode_iso_2022_jp(raw: bytes) -> tuple[str, bool]:
    """ISO-2022-JP as mail programs of Windows write it: NEC and IBM characters, half-width katakana.

    `raw` is ASCII. The flag tells of U+FFFD in the text.
    """
    for codec in ("iso2022_jp_ext", "iso2022_jp_2004"):
        try:
            return raw.decode(codec), False
        except (UnicodeError, ValueError):
            continue
    out: list[str] = []
    has_problem = False
    mode = b"(B"
    for index, segment in enumerate(raw.split(b"\x1b")):
        if index:
            width = 3 if segment[:2] == b"$(" else 2
            mode, body = segment[:width], segment[width:]
        else:
            body = segment
        if mode in (b"$B", b"$@"):
            text = _jis_to_shift_jis(body).decode("cp932", "replace")
        elif mode == b"(I":
            text = bytes(byte | 0x80 for byte in body).decode("cp932", "replace")
        else:
            text = body.decode("ascii", "replace")
        has_problem = has_problem or "\ufffd" in text or mode[:1] not in (b"(", b"$")
        out.append(text)
    return "".join(out), has_problem


def _jis_to_shift_jis(pairs: bytes) -> bytes:
    """Two-byte JIS X 0208 codes to Shift JIS, whose Windows table knows the vendors' rows; line ends pass through."""
    out = bytearray()
    position = 0
    while position < len(pairs):
        first = pairs[position]
        if first < 0x21 or position + 1 >= len(pairs):
            out.append(first if first < 0x21 else 0x3F)
            position += 1
            continue
        second = pairs[position + 1]
        lead = (first - 0x21) // 2 + 0x81
        out.append(lead if lead <= 0x9F else lead + 0x40)
        if first % 2:
            out.append(second + (0x1F if second < 0x60 else 0x20))
        else:
            out.append(min(second + 0x7E, 0xFF))
        position += 2
    return bytes(out)


def decode_iso_2022_cn(raw: bytes) -> tuple[str, bool]:
    """ISO-2022-CN (RFC 1922) as far as it is GB 2312, which is all that mail in it uses."""
    eight_bit = _SHIFTED.sub(lambda found: bytes(byte | 0x80 for byte in found.group(1)), _DESIGNATION.sub(b"", raw))
    text = eight_bit.translate(None, b"\x0e\x0f").decode("gb18030", "replace")
    return text, "\ufffd" in text
