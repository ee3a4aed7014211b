"""What a child can do: the name of each job and where its function is. Functions are pure: bytes and options in, `Answer` out."""

from __future__ import annotations

from typing import Final

JOBS: Final[dict[str, str]] = {
    "readable": "webmail.mime.readable:readable_job",
    "digest": "webmail.mime.digest:digest_job",
    "signatures": "webmail.mime.authenticity.signatures:verify_job",
    "preview": "webmail.mime.attached.preview:preview_job",
    "thumbnail": "webmail.mime.attached.drawing:thumbnail_job",
    "pdf-page": "webmail.mime.attached.drawing:page_job",
    "picture": "webmail.mime.pictures:picture_job",
}
