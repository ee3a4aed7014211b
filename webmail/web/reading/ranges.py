"""Bytes of which a browser asks for a piece, as it does for films and sounds (RFC 9110 section 14)."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def ranged_response(request: HttpRequest, raw: bytes, *, content_type: str) -> HttpResponse:
    """All bytes, or the one range that the request names: 200, 206 or 416. What cannot be read as one range is not heeded."""
    found = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if found is None or found[0] == "bytes=-" or "If-Range" in request.headers:
        response = HttpResponse(raw, content_type=content_type)
    else:
        start, end = _bounds(found[1], found[2], len(raw))
        if start >= end:
            response = HttpResponse(status=416, content_type=content_type)
            response.headers["Content-Range"] = f"bytes */{len(raw)}"
        else:
            response = HttpResponse(raw[start:end], status=206, content_type=content_type)
            response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(raw)}"
    response.headers["Accept-Ranges"] = "bytes"
    return response


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """From and to, the end not included; empty when there is nothing there."""
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size
