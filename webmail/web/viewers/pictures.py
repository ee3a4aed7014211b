"""Pictures: those that browsers draw, as they are; others as a picture that a worker makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webmail.mime.attached.drawing import DRAWN_TYPES
from webmail.mime.attached.kinds import RASTER_TYPES
from webmail.mime.readable import ReadableFile
from webmail.web.viewers.viewer import Shown, Viewer


def _accepts(file: ReadableFile) -> bool:
    return file.found_type in RASTER_TYPES or (file.kind == "image" and file.found_type in DRAWN_TYPES)


def _context(shown: Shown) -> Mapping[str, Any]:
    return {"is_drawn": shown.file.found_type not in RASTER_TYPES, "address": shown.bytes_address}


VIEWER = Viewer("viewers/_picture.html", _accepts, _context)
