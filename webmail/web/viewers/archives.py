"""Zip files: the names and sizes of what is in them. Nothing is unpacked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webmail.mime.readable import ReadableFile
from webmail.web.viewers.viewer import CannotShow, Shown, Viewer


def _accepts(file: ReadableFile) -> bool:
    return file.kind == "archive" and file.found_type == "application/zip"


def _context(shown: Shown) -> Mapping[str, Any]:
    listing = shown.preview().listing
    if listing is None:
        raise CannotShow
    return {"listing": listing}


VIEWER = Viewer("viewers/_archive.html", _accepts, _context)
