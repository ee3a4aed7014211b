"""What has no preview: what it is, and the way to save it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webmail.mime.readable import ReadableFile
from webmail.web.viewers.viewer import Shown, Viewer


def _accepts(_file: ReadableFile) -> bool:
    return True


def _context(_shown: Shown) -> Mapping[str, Any]:
    return {}


VIEWER = Viewer("viewers/_nothing.html", _accepts, _context)
