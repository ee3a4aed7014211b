"""Text of every sort, HTML and SVG among it: its characters, never what they would do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webmail.mime.readable import ReadableFile
from webmail.web.viewers.viewer import Shown, Viewer


def _accepts(file: ReadableFile) -> bool:
    return file.kind == "text"


def _context(shown: Shown) -> Mapping[str, Any]:
    preview = shown.preview()
    return {"text": preview.text, "is_cut": preview.is_cut}


VIEWER = Viewer("viewers/_text.html", _accepts, _context)
