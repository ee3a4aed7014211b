"""What is in a zip file, by its own directory: names and sizes. Nothing is unpacked. Run in a limited child (security R24)."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Final

from webmail.mime.attached.blocks import bounded_text

MAX_ENTRIES: Final = 500
MAX_NAME: Final = 300  # characters
_ENCRYPTED: Final = 0x0001  # APPNOTE 4.4.4, bit 0


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """One file in an archive. `name`: with its folders, for reading only, never a path of ours."""

    name: str
    size_bytes: int
    is_encrypted: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """The first `MAX_ENTRIES` files; `total`: how many there are, folders not counted."""

    entries: tuple[ArchiveEntry, ...] = ()
    total: int = 0
    total_bytes: int = 0


def list_zip(content: bytes) -> Listing | None:
    """The listing; None when it is no zip file that can be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [entry for entry in archive.infolist() if not entry.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeError):
        return None
    return Listing(
        entries=tuple(
            ArchiveEntry(
                bounded_text(entry.filename, MAX_NAME, is_one_line=True) or "?",
                entry.file_size,
                bool(entry.flag_bits & _ENCRYPTED),
            )
            for entry in files[:MAX_ENTRIES]
        ),
        total=len(files),
        total_bytes=sum(entry.file_size for entry in files),
    )
