"""Sounds and films: the browser's own player in a sandboxed frame (`views.parts.content_media`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webmail.mime.readable import ReadableFile
from webmail.web.reading.players import PLAYED_TYPES
from webmail.web.viewers.viewer import Shown, Viewer


def _accepts(file: ReadableFile) -> bool:
    return file.found_type in PLAYED_TYPES


def _context(shown: Shown) -> Mapping[str, Any]:
    return {"address": f"{shown.path}v/{shown.file.part_id}", "is_audio": shown.file.found_type.startswith("audio/")}


VIEWER = Viewer("viewers/_media.html", _accepts, _context)
