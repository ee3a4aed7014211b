"""What bytes are, by themselves: the first of them say more than a name or a Content-Type that a stranger wrote.

Only what decides about showing and warning is told apart here; `puremagic` names the rest. Nothing is opened or unpacked.
"""

from __future__ import annotations

import re
from typing import Final

import puremagic

HEAD_BYTES: Final = 4_096  # of a file, all that is looked at
RASTER_TYPES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp")
PROGRAM_TYPE: Final = "application/x-executable"
SCRIPT_TYPE: Final = "text/x-script"  # text that names the program which runs it
OLE_TYPE: Final = "application/x-ole-storage"  # Word, Excel, PowerPoint of before 2007, Outlook messages, installers

# (offset, bytes, media type): the first that fits. Longer ones stand before their own beginnings.
_MAGIC: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"\0\0\1\0", "image/vnd.microsoft.icon"),
    (0, b"\x7fELF", PROGRAM_TYPE),
    (0, b"\xfe\xed\xfa\xce", PROGRAM_TYPE),
    (0, b"\xfe\xed\xfa\xcf", PROGRAM_TYPE),
    (0, b"\xce\xfa\xed\xfe", PROGRAM_TYPE),
    (0, b"\xcf\xfa\xed\xfe", PROGRAM_TYPE),
    (0, b"\xca\xfe\xba\xbe", PROGRAM_TYPE),  # Java, or Mach-O for several processors
    (0, b"\x4c\0\0\0\x01\x14\x02\0", PROGRAM_TYPE),  # a Windows shortcut
    (0, b"dex\n", PROGRAM_TYPE),
    (0, b"#!AMR", "audio/amr"),
    (0, b"#!", SCRIPT_TYPE),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE_TYPE),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"MSCF", "application/vnd.ms-cab-compressed"),
    (257, b"ustar", "application/x-tar"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"MThd", "audio/midi"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\0\0\1\xba", "video/mpeg"),
    (0, b"\0\0\1\xb3", "video/mpeg"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
)  # fmt: skip
_MPEG_AUDIO: Final = re.compile(rb"\xff[\xfa\xfb\xf2\xf3\xe2\xe3\xf9\xf1]")
_MARKUP: Final = (
    (b"<svg", "image/svg+xml"),
    (b"<!doctype html", "text/html"),
    (b"<html", "text/html"),
    (b"<head", "text/html"),
    (b"<body", "text/html"),
    (b"<script", "text/html"),
    (b"<iframe", "text/html"),
    (b"<hta:application", PROGRAM_TYPE),
    (b"begin:vcalendar", "text/calendar"),
    (b"begin:vcard", "text/vcard"),
)
_ZIP_NAMES: Final = (
    (b"AndroidManifest.xml", PROGRAM_TYPE),
    (b"META-INF/MANIFEST.MF", PROGRAM_TYPE),
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
_ODF: Final = re.compile(rb"mimetype(application/(?:vnd\.oasis\.opendocument\.[a-z-]{1,40}|epub\+zip))")
_ISO_BRANDS: Final = {
    b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heic",
    b"M4A ": "audio/mp4", b"M4B ": "audio/mp4", b"qt  ": "video/quicktime", b"3gp4": "video/3gpp", b"3gp5": "video/3gpp",
}  # fmt: skip
_ZIP_ENCRYPTED: Final = 0x0001  # APPNOTE 4.4.4, bit 0
_RAR4_ENCRYPTED: Final = 0x0080  # of the main header: the names are hidden as well
_CONTROLS: Final = bytes({*range(32)} - {9, 10, 12, 13, 27})  # escape starts the shifts of ISO 2022


def found_type(head: bytes) -> str:
    """The media type of a file by its first `HEAD_BYTES`, "" when they say nothing; "text/plain" for any plain text."""
    by_magic = next((kind for at, magic, kind in _MAGIC if head.startswith(magic, at)), "")
    return by_magic or _container_type(head) or _text_type(head) or _named_elsewhere(head)


def is_encrypted_archive(head: bytes) -> bool:
    """Whether an archive shows by its first bytes that it wants a password: what nobody can look into before it is opened."""
    if head.startswith(b"PK\3\4"):
        return bool(int.from_bytes(head[6:8], "little") & _ZIP_ENCRYPTED)
    if head.startswith(b"Rar!\x1a\x07\x00"):
        return bool(int.from_bytes(head[10:12], "little") & _RAR4_ENCRYPTED)
    # RAR 5: the header after the signature is of type 4, "archive encryption" (CRC32, then size and type as short numbers).
    return head.startswith(b"Rar!\x1a\x07\x01\x00") and head[13:14] == b"\x04"


def is_text(head: bytes) -> bool:
    """Whether the bytes look like text in some charset: no control characters, or UTF-16 with its mark."""
    return bool(head) and (head.startswith((b"\xff\xfe", b"\xfe\xff")) or head.translate(None, _CONTROLS) == head)


def _container_type(head: bytes) -> str:
    """Files whose type stands inside of a common frame."""
    if head.startswith((b"PK\3\4", b"PK\5\6", b"PK\7\x08")):
        return _zip_type(head)
    if head.startswith(b"RIFF"):
        riff = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
        return riff.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _ISO_BRANDS.get(head[8:12], "video/mp4")
    if head.startswith(b"OggS"):
        return "video/ogg" if b"theora" in head[:256] else "audio/ogg"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in head[:256] else "video/x-matroska"
    if head.startswith(b"MZ") and not is_text(head):
        return PROGRAM_TYPE
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0" and len(head) > 26:
        return "image/bmp"
    if b"%PDF-" in head[:1024]:  # readers look that far for it
        return "application/pdf"
    return "audio/mpeg" if _MPEG_AUDIO.match(head) and not is_text(head) else ""


def _zip_type(head: bytes) -> str:
    odf = _ODF.search(head[:200])
    if odf:
        return odf[1].decode("ascii")
    return next((kind for name, kind in _ZIP_NAMES if name in head), "application/zip")


def _text_type(head: bytes) -> str:
    if not is_text(head):
        return ""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1024].lower()
    if start.startswith((b"<?xml", b"<!--", b"<!doctype svg")):
        return next((kind for tag, kind in _MARKUP if tag.startswith(b"<") and tag in start), "text/xml")
    return next((kind for tag, kind in _MARKUP if start.startswith(tag)), "text/plain")


def _named_elsewhere(head: bytes) -> str:
    try:
        found = puremagic.magic_string(head[:HEAD_BYTES])
    except (puremagic.PureError, ValueError):
        return ""
    return next((match.mime_type for match in found if match.mime_type and len(match.byte_match) >= 4), "")
