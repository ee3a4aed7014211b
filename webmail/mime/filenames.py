"""File names of attachments: hostile text made safe to save, to zip and to put into a header (security R22).

A name never becomes a path of ours (blobs are found by hash, R23); this is for the person who downloads.
"""

import re
import unicodedata
from mimetypes import MimeTypes
from typing import Final
from urllib.parse import quote

# Most file systems allow 255 bytes; the rest is for " (1)" and for what a zip tool adds.
MAX_NAME_BYTES: Final = 200
# Longer ones are not extensions but part of the name.
_MAX_SUFFIX_BYTES: Final = 16
# What is looked at of a hostile name.
_MAX_INPUT_CHARS: Final = 4_000

_EXTENSIONS: Final = {
    "application/gzip": ".gz",
    "application/json": ".json",
    "application/msword": ".doc",
    "application/ms-tnef": ".dat",
    "application/pdf": ".pdf",
    "application/pgp-encrypted": ".asc",
    "application/pgp-signature": ".asc",
    "application/pkcs7-mime": ".p7m",
    "application/pkcs7-signature": ".p7s",
    "application/rtf": ".rtf",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/zip": ".zip",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "audio/wav": ".wav",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "image/tiff": ".tif",
    "image/webp": ".webp",
    "message/delivery-status": ".txt",
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
}

# What an extension says of the type. The table of the standard library alone, not that of the machine: the same everywhere.
_TYPES: Final = {
    **MimeTypes().types_map[True],
    **{
        extension: kind
        for kind, extension in _EXTENSIONS.items()
        if not kind.startswith(("message/", "application/pgp-"))
    },
    ".vcf": "text/vcard",
    ".rar": "application/vnd.rar",
    ".7z": "application/x-7z-compressed",
}

# Path separators everywhere, and what Windows forbids.
_FORBIDDEN: Final = re.compile(r'[/\\:*?"<>|\u2044\u2215\u29f5\u29f8\ufe68\uff0f\uff3c]')
_SPACES: Final = re.compile(r"\s+")
# Zero-width (non-)joiners are letters' business in Persian, Hindi and emoji; every other format character can only deceive.
_KEPT_FORMAT: Final = frozenset("\u200c\u200d")
_RESERVED: Final = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(?:\.|\Z)", re.IGNORECASE
)

_DISPOSITIONS: Final = frozenset({"attachment", "inline"})
# RFC 8187 3.2.1 attr-char, without those that `quote` always keeps.
_ATTR_CHARS: Final = "!#$&+^`|"


def safe_filename(name: str | None, *, type: str) -> str:  # noqa: A002 - the MIME name of it
    """Return a name that is safe on every system: one path component, at most `MAX_NAME_BYTES` of UTF-8, never empty.

    `type` (`text/plain`) gives an extension only where there is no name at all. Control and bidi characters go, runs of spaces
    become one (they push the real extension out of sight), all extensions stay.
    """
    cleaned = _SPACES.sub(" ", (name or "")[:_MAX_INPUT_CHARS])
    # What is invisible goes between two spaces or two letters that then meet: only after it are runs and NFC final.
    cleaned = unicodedata.normalize("NFC", "".join(filter(_is_visible, cleaned)))
    cleaned = _SPACES.sub(" ", cleaned)
    cleaned = _FORBIDDEN.sub("_", cleaned).strip(" .")
    if not cleaned.strip("_. "):
        return f"attachment{_EXTENSIONS.get(type.partition(';')[0].strip().lower(), '')}"
    if _RESERVED.match(cleaned):
        cleaned = f"_{cleaned}"
    return _shorten(cleaned)


def type_of_name(name: str) -> str:
    """The type that the extension of a file name tells, "application/octet-stream" if none; never one that has parts."""
    kind = _TYPES.get(f".{name[-20:].rpartition('.')[2].lower()}", "application/octet-stream")
    return "application/octet-stream" if kind.startswith(("message/", "multipart/")) else kind


def content_disposition(disposition: str, name: str | None) -> str:
    """The value of a Content-Disposition response header (RFC 6266): an ASCII name and, if it lost anything, RFC 8187's form.

    `disposition` is "attachment" or "inline", else `ValueError`. The name passes `safe_filename` first, so none can break out.
    """
    if disposition not in _DISPOSITIONS:
        raise ValueError("a disposition is attachment or inline")
    safe = safe_filename(name, type="application/octet-stream")
    folded = unicodedata.normalize("NFKD", safe)
    # RFC 6266 D: a percent sign in the plain form is read in different ways, so it is not used there.
    plain = "".join(c if " " <= c <= "~" and c != "%" else "_" for c in folded if not unicodedata.combining(c))
    # Again, because compatibility forms hide separators: U+2100 becomes "a/c".
    plain = safe_filename(plain, type="application/octet-stream").replace("…", "_")
    header = f'{disposition}; filename="{plain}"'
    return header if plain == safe else f"{header}; filename*=UTF-8''{quote(safe, safe=_ATTR_CHARS)}"


def _is_visible(character: str) -> bool:
    category = unicodedata.category(character)
    return category not in {"Cc", "Cf", "Cs", "Co", "Cn"} or character in _KEPT_FORMAT


def _shorten(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, suffixes = name, ""
    for _ in range(2):  # report.pdf.exe must still say .pdf.exe
        head, dot, suffix = stem.rpartition(".")
        if not head or not dot or len(suffix.encode()) > _MAX_SUFFIX_BYTES or " " in suffix:
            break
        stem, suffixes = head, f".{suffix}{suffixes}"
    room = MAX_NAME_BYTES - len(suffixes.encode()) - len("…".encode())
    return f"{stem.encode()[:room].decode(errors='ignore').rstrip(' .')}…{suffixes}"
