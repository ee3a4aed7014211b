"""vCards: who they are of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webmail.mime.readable import ReadableFile
from webmail.web.viewers.viewer import Shown, Viewer


def _accepts(file: ReadableFile) -> bool:
    return file.kind == "vcard"


def _context(shown: Shown) -> Mapping[str, Any]:
    preview = shown.preview()
    return {"cards": preview.cards, "text": preview.text}


VIEWER = Viewer("viewers/_contacts.html", _accepts, _context)
