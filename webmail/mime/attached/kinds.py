"""What a part is for the person who got it: its kind, what its bytes really are, and whether there is reason for care.

    claimed by name or type | found in the bytes   | told
    ------------------------|----------------------|----------------------------
    a picture, a PDF ...    | a program, a web page| mismatch
    a picture               | a PDF, an archive    | mismatch
    octets, nothing         | anything harmless    | -
    .zip                    | a Word file          | - (it is both)
    report.pdf.exe          | anything             | double-extension
    setup.exe               | a program            | program
    .zip                    | an archive with lock | encrypted-archive

Cheap: only the first bytes of a part are decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from webmail.mime.attached.signatures import (
    HEAD_BYTES,
    OLE_TYPE,
    PROGRAM_TYPE,
    RASTER_TYPES,
    SCRIPT_TYPE,
    found_type,
    is_encrypted_archive,
)
from webmail.mime.part import Part

Kind = Literal[
    "image", "pdf", "text", "audio", "video", "calendar", "vcard", "message", "archive", "document", "sheet", "slides",
    "program", "other",
]  # fmt: skip
Warning = Literal["", "mismatch", "double-extension", "program", "encrypted-archive"]  # noqa: A001 - what it is


@dataclass(frozen=True, slots=True)
class FileFacts:
    """`found_type`: the media type of the bytes, "" when they say nothing. `warning`: "" where all is well."""

    kind: Kind
    found_type: str
    warning: Warning


def _by_extension(kind: Kind, extensions: str) -> dict[str, Kind]:
    return dict.fromkeys(extensions.split(), kind)


_EXTENSIONS: Final[dict[str, Kind]] = {
    **_by_extension("image", "png jpg jpeg jpe gif webp bmp tif tiff heic heif avif ico psd"),
    **_by_extension("pdf", "pdf"),
    **_by_extension("text", "txt text log md csv tsv json xml yaml yml ini conf html htm xhtml shtml svg css py c h cpp java"),
    **_by_extension("text", "rb go rs ts sql diff patch tex srt asc eml"),
    **_by_extension("audio", "mp3 ogg oga opus wav flac m4a aac amr wma mid midi aif aiff"),
    **_by_extension("video", "mp4 m4v mov webm mkv avi wmv mpg mpeg ogv 3gp flv"),
    **_by_extension("calendar", "ics ical"),
    **_by_extension("vcard", "vcf vcard"),
    **_by_extension("archive", "zip rar 7z gz tgz bz2 xz zst tar cab iso img"),
    **_by_extension("document", "doc docx docm dot dotx odt rtf pages epub"),
    **_by_extension("sheet", "xls xlsx xlsm xlsb ods numbers"),
    **_by_extension("slides", "ppt pptx pptm pps ppsx odp key"),
    # What Windows, macOS, Linux or Android run when it is opened.
    **_by_extension("program", "exe scr com pif bat cmd msi msp msix appx cpl dll sys vbs vbe js jse wsf wsh hta ps1 psm1"),
    **_by_extension("program", "lnk url scf reg inf chm xll gadget jar jnlp apk app dmg pkg deb rpm run sh command desktop"),
}  # fmt: skip
_TYPES: Final[dict[str, Kind]] = {
    "application/pdf": "pdf",
    "application/x-pdf": "pdf",
    "text/calendar": "calendar",
    "application/ics": "calendar",
    "text/vcard": "vcard",
    "text/x-vcard": "vcard",
    "text/directory": "vcard",
    "message/rfc822": "message",
    "message/global": "message",
    "image/svg+xml": "text",
    "application/json": "text",
    "application/xml": "text",
    "application/xhtml+xml": "text",
    "application/sql": "text",
    "application/rtf": "document",
    "text/rtf": "document",
    "application/msword": "document",
    "application/epub+zip": "document",
    "application/vnd.oasis.opendocument.text": "document",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "document",
    "application/vnd.ms-excel": "sheet",
    "application/vnd.oasis.opendocument.spreadsheet": "sheet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "sheet",
    "application/vnd.ms-powerpoint": "slides",
    "application/vnd.oasis.opendocument.presentation": "slides",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "slides",
    "application/zip": "archive",
    "application/x-zip-compressed": "archive",
    "application/gzip": "archive",
    "application/x-gzip": "archive",
    "application/x-tar": "archive",
    "application/x-bzip2": "archive",
    "application/x-xz": "archive",
    "application/zstd": "archive",
    "application/vnd.rar": "archive",
    "application/x-rar-compressed": "archive",
    "application/x-7z-compressed": "archive",
    "application/vnd.ms-cab-compressed": "archive",
    "application/ogg": "audio",
    "application/x-msdownload": "program",
    "application/x-msdos-program": "program",
    "application/vnd.android.package-archive": "program",
    "application/java-archive": "program",
    PROGRAM_TYPE: "program",
    SCRIPT_TYPE: "program",
}
_BY_MAIN_TYPE: Final[dict[str, Kind]] = {
    "image": "image",
    "audio": "audio",
    "video": "video",
    "text": "text",
    "message": "text",
}
_OFFICE: Final = frozenset({"document", "sheet", "slides"})
# Markup that runs scripts when a browser opens it as a page.
_ACTIVE: Final = frozenset({"text/html", "image/svg+xml"})
_DRAWN: Final = frozenset({"image", "pdf", "audio", "video"})  # what has bytes that say so


def describe_file(part: Part) -> FileFacts:
    """What the part is. Never raises; a part whose content was left out is described by its name and type alone."""
    head = part.start(HEAD_BYTES)
    found = found_type(head) if head else ""
    by_name = _kind_of_name(part.name or "")
    by_type = _kind_of_type(part.type)
    kind = _kind(part, found, by_name=by_name, by_type=by_type, has_bytes=bool(head))
    if kind == "text" and found == SCRIPT_TYPE:
        return FileFacts(kind, found, "")
    return FileFacts(kind, found, _warning(part, head, found, claims={by_name, by_type} - {None}))


def _kind(part: Part, found: str, *, by_name: Kind | None, by_type: Kind | None, has_bytes: bool) -> Kind:
    if part.parser is not None and by_type == "message":
        return "message"
    claimed = by_type if by_type not in {None, "text", "message"} else by_name or by_type
    if found == OLE_TYPE:
        return next((kind for kind in (by_name, by_type) if kind in _OFFICE or kind == "program"), None) or "document"
    if found == SCRIPT_TYPE and (by_name or by_type) == "text":
        return "text"
    if found == "text/plain":
        if by_name == "program":
            return "program"
        return claimed if claimed in {"calendar", "vcard"} else "text"
    certain = _kind_of_type(found) if found else None
    if certain == "archive" and claimed in _OFFICE:
        return claimed or "archive"
    if certain is not None:
        return certain
    if by_name == "program":
        return "program"
    # Bytes that do not say so are no picture, film, sound or PDF, whatever their name.
    if has_bytes and (claimed in _DRAWN or claimed is None):
        return "other"
    return claimed or "other"


def _warning(part: Part, head: bytes, found: str, *, claims: set[Kind | None]) -> Warning:
    extensions = _extensions(part.name or "")
    found_kind = _kind_of_type(found) if found else None
    if _is_mismatch(found, found_kind, claims - {"program"}, is_program_by_name="program" in claims):
        return "mismatch"
    if len(extensions) > 1 and _EXTENSIONS.get(extensions[-1]) == "program" and extensions[-2] in _EXTENSIONS:
        return "double-extension"
    if "program" in claims or found_kind == "program":
        return "program"
    return "encrypted-archive" if is_encrypted_archive(head) else ""


def _is_mismatch(found: str, kind: Kind | None, claims: set[Kind | None], *, is_program_by_name: bool) -> bool:
    if not claims or kind is None or is_program_by_name:
        return False  # who calls it a program hides nothing
    if kind == "program":
        # A script is text, and many a text file begins like one.
        return bool(claims - {"text", "message"})
    if found in _ACTIVE:
        return bool(claims & _DRAWN) and not (found == "image/svg+xml" and claims <= {"image", "text"})
    if kind in {"image", "pdf", "archive"}:
        return bool(claims & (_DRAWN - {kind}))
    return kind in {"audio", "video"} and bool(claims & {"image", "pdf"})


def _kind_of_type(media_type: str) -> Kind | None:
    if not media_type:
        return None
    known = _TYPES.get(media_type)
    return known or _BY_MAIN_TYPE.get(media_type.partition("/")[0])


def _kind_of_name(name: str) -> Kind | None:
    extensions = _extensions(name)
    return _EXTENSIONS.get(extensions[-1]) if extensions else None


def _extensions(name: str) -> list[str]:
    """Those of a name, lower case, spaces and dots at the end left away as Windows does."""
    return [piece.strip() for piece in name[-300:].lower().rstrip(". \t\r\n\0").split(".")[1:]]


__all__ = ["RASTER_TYPES", "FileFacts", "Kind", "Warning", "describe_file"]
