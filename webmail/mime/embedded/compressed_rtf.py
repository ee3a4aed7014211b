"""Compressed RTF, as TNEF holds the body of a message ([MS-OXRTFCP]). Bounded, raises nothing."""

import struct
from typing import Final

# What all bodies in one winmail.dat take in RTF, octets: more is not unpacked.
MAX_RTF_BYTES: Final = 1_000_000

_COMPRESSED: Final = b"LZFu"
_STORED: Final = b"MELA"
_HEADER: Final = struct.Struct("<II4sI")
_WINDOW: Final = 4_096
# The dictionary that both sides begin with (2.1.2.1).
_START: Final = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans "
    b"SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)


def decompress_rtf(data: bytes, max_bytes: int = MAX_RTF_BYTES) -> bytes:
    """The RTF, as far as it can be read, at most `max_bytes`; b"" when it is none."""
    if len(data) < _HEADER.size:
        return b""
    _, raw_size, kind, _ = _HEADER.unpack_from(data)
    size = min(raw_size, max_bytes)
    if kind == _STORED:
        return data[_HEADER.size : _HEADER.size + size]
    if kind != _COMPRESSED:
        return data[:max_bytes] if data.startswith(b"{\\rtf") else b""
    return _unpack(data, _HEADER.size, size)


def _unpack(data: bytes, position: int, size: int) -> bytes:
    out = bytearray(_START)
    end = len(_START) + size
    try:
        while len(out) < end:
            flags = data[position]
            position += 1
            for bit in range(8):
                if not flags >> bit & 1:
                    out.append(data[position])
                    position += 1
                    continue
                token = data[position] << 8 | data[position + 1]
                position += 2
                offset, length = token >> 4, (token & 15) + 2
                write = len(out) % _WINDOW
                if offset == write:
                    return bytes(out[len(_START) : end])
                _copy(out, (write - offset) % _WINDOW, length)
    except IndexError:
        pass
    return bytes(out[len(_START) : end])


def _copy(out: bytearray, distance: int, length: int) -> None:
    start = len(out) - distance
    if start < 0:
        # Before the beginning of the dictionary, where there are zeros.
        out += bytes(length)
    elif distance >= length:
        out += out[start : start + length]
    else:
        piece = bytes(out[start:])
        out += (piece * (length // distance + 1))[:length]
