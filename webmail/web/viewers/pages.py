"""PDF: page by page as pictures that a worker draws. The browser's own reader never sees the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webmail.mime.readable import ReadableFile
from webmail.web.viewers.viewer import CannotShow, Shown, Viewer


def _accepts(file: ReadableFile) -> bool:
    return file.kind == "pdf"


def _context(shown: Shown) -> Mapping[str, Any]:
    preview = shown.preview()
    if not preview.pages and preview.refused != "password":
        raise CannotShow
    return {
        "pages": [(number, width, height) for number, (width, height) in enumerate(preview.pages, start=1)],
        "pages_total": preview.pages_total,
        "is_locked": preview.refused == "password",
    }


VIEWER = Viewer("viewers/_pages.html", _accepts, _context)
