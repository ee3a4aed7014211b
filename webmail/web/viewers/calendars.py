"""Calendar files: what each event says, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webmail.mime.readable import ReadableFile
from webmail.web.viewers.viewer import Shown, Viewer


def _accepts(file: ReadableFile) -> bool:
    return file.kind == "calendar"


def _context(shown: Shown) -> Mapping[str, Any]:
    preview = shown.preview()
    return {"events": preview.events, "text": preview.text}


VIEWER = Viewer("viewers/_calendar.html", _accepts, _context)
