"""Pages go out compressed. A list of 50 rows has 150 KB in itself and 15 KB on the wire.

What lies in a page beside a secret could be guessed from lengths if somebody could have it fetched again and again (BREACH): other
sites cannot, since cookies are SameSite; CSRF tokens are masked anew in each answer; and a random name in the head of the stream
makes lengths differ by themselves, as Django's own middleware does it. That one is not used because it works anew each time.
"""

from __future__ import annotations

import re
import secrets
import struct
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

LEAST_BYTES = 1_000
LEVEL = 4  # of 9: half the time of the usual 6 for a twentieth more
MAX_NAME = 100  # random bytes
MAX_KEPT_BYTES = 2_000_000
_TYPES = ("text/html", "text/plain", "application/json", "text/css", "image/svg+xml")
_WANTED = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0{0,3})?\s*(?:,|$))")
_HEAD = b"\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\xff"  # RFC 1952: deflate, with a name, no time, unknown system


@sync_and_async_middleware
def compressed_pages(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Compress what is text and long enough, for who accepts gzip. Streams and files are left alone."""
    if iscoroutinefunction(get_response):

        async def respond_async(request: HttpRequest) -> Any:
            return _finish(request, await get_response(request))

        return respond_async

    def respond(request: HttpRequest) -> Any:
        return _finish(request, get_response(request))

    return respond


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if response.streaming or response.has_header("Content-Encoding"):
        return response
    body: bytes = response.content  # type: ignore[attr-defined]
    if len(body) < LEAST_BYTES or not response.headers.get("Content-Type", "").startswith(_TYPES):
        return response
    patch_vary_headers(response, ("Accept-Encoding",))
    if not _WANTED.search(request.headers.get("Accept-Encoding", "")):
        return response
    # What has an ETag will be asked for again as it is.
    deflated = _kept.deflate(body) if response.has_header("ETag") else _deflate(body)
    response.content = packed = _pack(body, deflated)  # type: ignore[attr-defined]
    response.headers["Content-Length"] = str(len(packed))
    response.headers["Content-Encoding"] = "gzip"
    return response


def _deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def _pack(body: bytes, deflated: bytes) -> bytes:
    name = b"a" * secrets.randbelow(MAX_NAME) + b"\x00"
    return b"".join((_HEAD, name, deflated, struct.pack("<LL", zlib.crc32(body), len(body) & 0xFFFFFFFF)))


class _Kept:
    """Compressed windows of lists, those asked for least go first."""

    def __init__(self) -> None:
        self._found: OrderedDict[bytes, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def deflate(self, body: bytes) -> bytes:
        key = blake2b(body, digest_size=16).digest()
        with self._lock:
            found = self._found.get(key)
            if found is not None:
                self._found.move_to_end(key)
                return found
        made = _deflate(body)
        with self._lock:
            if key not in self._found:
                self._found[key] = made
                self._size += len(made)
            while self._size > MAX_KEPT_BYTES and len(self._found) > 1:
                _key, gone = self._found.popitem(last=False)
                self._size -= len(gone)
        return made


_kept = _Kept()
