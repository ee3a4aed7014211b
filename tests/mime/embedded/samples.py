"""Small files of the formats that hold others, written here byte by byte from their specifications."""

import binascii
import struct

MESSAGE_INTERFACE = b"\x07\x03\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"


def uuencode(name: str, content: bytes) -> bytes:
    lines = [binascii.b2a_uu(content[start : start + 45]) for start in range(0, len(content), 45)]
    return b"begin 644 " + name.encode() + b"\n" + b"".join(lines) + b"`\nend\n"


def yencode(name: str, content: bytes, *, part: str = "") -> bytes:
    data = b"".join(
        b"=" + bytes([(byte + 42 + 64) % 256]) if (byte + 42) % 256 in b"\0\n\r=" else bytes([(byte + 42) % 256])
        for byte in content
    )
    first = f"=ybegin {part}line=128 size={len(content)} name={name}\r\n".encode()
    return first + data + f"\r\n=yend size={len(content)}\r\n".encode()


def attribute(level: int, identity: int, value: bytes) -> bytes:
    return struct.pack("<BHHI", level, identity, 6, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def properties(*pairs: tuple[int, int, bytes]) -> bytes:
    """MAPI properties: type, id, value; strings and binaries get their count and length."""
    out = struct.pack("<I", len(pairs))
    for kind, identity, value in pairs:
        out += struct.pack("<HH", kind, identity)
        if kind in (0x0D, 0x1E, 0x1F, 0x102):
            out += struct.pack("<II", 1, len(value))
        out += value + b"\0" * (-len(value) % 4)
    return out


def tnef(*attributes: bytes) -> bytes:
    return b"\x78\x9f\x3e\x22\x01\x00" + b"".join(attributes)


def tnef_file(name: str, content: bytes, *, kind: str = "", cid: str = "") -> bytes:
    pairs = [(0x1F, 0x3707, (name + "\0").encode("utf-16-le")), (0x102, 0x3701, content)]
    if kind:
        pairs.append((0x1E, 0x370E, kind.encode() + b"\0"))
    if cid:
        pairs.append((0x1F, 0x3712, (cid + "\0").encode("utf-16-le")))
    return attribute(2, 0x9002, b"\0" * 14) + attribute(2, 0x9005, properties(*pairs))


def stored_rtf(rtf: bytes) -> bytes:
    return struct.pack("<II4sI", len(rtf) + 12, len(rtf), b"MELA", 0) + rtf


def message_with(kind: str, content: bytes, *, text: bytes = b"", name: str = "") -> bytes:
    header = f"Content-Type: {kind}{f'; name={name}' if name else ''}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return (
        b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n"
        + text
        + b"\r\n--x\r\n"
        + header.encode()
        + binascii.b2a_base64(content)
        + b"\r\n--x--\r\n"
    )
