"""What a viewer is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from webmail.mime.attached.preview import Preview, load_preview
from webmail.mime.limited.answer import JobFailed, LimitExceeded
from webmail.mime.limited.children import run_limited
from webmail.mime.readable import ReadableFile
from webmail.store import contents
from webmail.store.errors import BlobDamaged, BlobMissing
from webmail.store.models import Email


class CannotShow(Exception):
    """The file cannot be shown within the limits; there is still its download."""


@dataclass(frozen=True)
class Shown:
    """A file that somebody looks at. `path`: below which its bytes are, with a slash; `nested`: messages around it."""

    email: Email
    file: ReadableFile
    path: str
    nested: tuple[str, ...] = ()

    @property
    def bytes_address(self) -> str:
        return f"{self.path}p/{self.file.part_id}"

    def preview(self) -> Preview:
        """What a child reads out of the file. Raises `CannotShow`."""
        try:
            raw, is_skeleton = contents.read_whole_or_skeleton(self.email)
            options = {"part_id": self.file.part_id, "nested": list(self.nested), "is_skeleton": is_skeleton}
            return load_preview(run_limited("preview", raw, options).meta)
        except (LimitExceeded, JobFailed, contents.NotHere, BlobMissing, BlobDamaged) as error:
            raise CannotShow from error


@dataclass(frozen=True)
class Viewer:
    """A way to show files. `template`: a fragment below templates/web; `context`: what it needs, may raise `CannotShow`."""

    template: str
    accepts: Callable[[ReadableFile], bool]
    context: Callable[[Shown], Mapping[str, Any]]
