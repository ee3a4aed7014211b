"""Bytes for download: ranges (RFC 9110 section 14), and headers that keep hostile content inert.

Nothing here may be rendered by a browser as a page of ours: only a few harmless types are named, everything is an attachment,
and the content sits in a sandbox of its own.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified

from webmail.api.answers import names_etag
from webmail.api.problems import Problem
from webmail.mime.filenames import content_disposition

MAX_RANGES = 10  # more are answered with the whole: RFC 9110 14.2 allows that, and it is cheaper than an attack
# Types a browser shows without running anything; all others are octets.
_NAMED_TYPES = frozenset(
    {
        "application/pdf", "image/gif", "image/jpeg", "image/png", "image/webp", "message/rfc822", "text/calendar",
        "text/csv", "text/plain",
    }
)  # fmt: skip
_RANGE = re.compile(r"(\d{0,18})-(\d{0,18})")


def download(request: HttpRequest, raw: bytes, *, name: str | None, type: str, etag: str) -> HttpResponse:  # noqa: A002
    """The bytes, or the ranges asked for: 200, 206, 304 or 416. `type`: as the sender says; `etag`: of the content."""
    tag = f'"{etag}"'
    if names_etag(request.headers.get("If-None-Match", ""), tag):
        return HttpResponseNotModified(headers={"ETag": tag})
    content_type = type if type in _NAMED_TYPES else "application/octet-stream"
    ranges = _ranges(request, len(raw), tag)
    if not ranges:
        response = HttpResponse(raw, content_type=content_type)
    elif len(ranges) == 1:
        start, end = ranges[0]
        response = HttpResponse(raw[start:end], status=206, content_type=content_type)
        response["Content-Range"] = f"bytes {start}-{end - 1}/{len(raw)}"
    else:
        response = _multipart(raw, ranges, content_type)
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = tag
    response["Content-Disposition"] = content_disposition("attachment", name)
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _ranges(request: HttpRequest, size: int, tag: str) -> list[tuple[int, int]]:
    """The ranges to send as (start, end); none: everything. Raises `Problem` when none of them can be satisfied."""
    unit, _, listed = request.headers.get("Range", "").partition("=")
    condition = request.headers.get("If-Range")
    if unit.strip() != "bytes" or (condition is not None and condition != tag):
        return []
    parts = [part.strip() for part in listed.split(",")]
    found = [_RANGE.fullmatch(part) for part in parts]
    if len(parts) > MAX_RANGES or any(one is None or one.group() == "-" for one in found):
        return []  # what cannot be read is ignored (RFC 9110 14.2)
    bounds = [_bounds(one[1], one[2], size) for one in found if one is not None]
    satisfied = [bound for bound in bounds if bound[0] < bound[1]]
    if not satisfied:
        raise Problem("range-not-satisfiable", headers={"Content-Range": f"bytes */{size}"})
    # Overlapping ranges could ask for a multiple of the content.
    return satisfied if sum(end - start for start, end in satisfied) <= size else []


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size


def _multipart(raw: bytes, ranges: Sequence[tuple[int, int]], content_type: str) -> HttpResponse:
    boundary = secrets.token_hex(16)
    pieces = []
    for start, end in ranges:
        head = (
            f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: bytes {start}-{end - 1}/{len(raw)}\r\n\r\n"
        )
        pieces += [head.encode(), raw[start:end], b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return HttpResponse(b"".join(pieces), status=206, content_type=f"multipart/byteranges; boundary={boundary}")
