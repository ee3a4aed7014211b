"""Which viewer shows a file: the first that accepts it."""

from __future__ import annotations

from webmail.mime.readable import ReadableFile
from webmail.web.viewers import archives, calendars, contacts, media, nothing, pages, pictures, texts
from webmail.web.viewers.viewer import Viewer

NOTHING = nothing.VIEWER
VIEWERS = (
    pictures.VIEWER,
    pages.VIEWER,
    media.VIEWER,
    calendars.VIEWER,
    contacts.VIEWER,
    texts.VIEWER,
    archives.VIEWER,
    NOTHING,
)


def viewer_of(file: ReadableFile) -> Viewer:
    """The viewer of this file; `NOTHING` where it cannot be shown."""
    return next(viewer for viewer in VIEWERS if viewer.accepts(file))


def can_view(file: ReadableFile) -> bool:
    """Whether there is more to see than a name and a size."""
    return file.kind == "message" or viewer_of(file) is not NOTHING
