"""Which remote pictures of a message are there to report that it was read, and whose they are (features 110).

Pure and linear. It names a service only by the address that the service reports openings at: a logo or a photo that the same
service stores for its customers is a picture like any other (the table is in `trackers_table`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from webmail.mime.trackers_table import AT_HOST, AT_PATH

UNNAMED: Final = ""
MAX_URL_CHARS: Final = 2_000  # what tells a service is at the beginning; the rest is only the reader's number
MAX_STYLE_CHARS: Final = 4_000
MAX_LABELS: Final = 10  # of a host name, from its end
PIXEL_PX: Final = 1  # at most so large in both directions: nobody sees it
PICTURE_PX: Final = 10  # said to be larger than this in both directions: it is meant to be seen

_NUMBER: Final = re.compile(r"\s*+(\d{1,6})(?:\.\d{0,6})?+\s*+(?:px)?+\s*+", re.IGNORECASE | re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]+")
_HIDING: Final = re.compile(
    r"(?:display:none|visibility:(?:hidden|collapse)|opacity:0?\.?0*|(?:max-)?(?:width|height):0[a-z]*)(?:!important)?"
)
_SHARE: Final = re.compile(r"(?:max-|min-)?width:[0-9.]{1,10}%(?:!important)?")
_SPACE: Final = re.compile(r"\s+")

Patterns = tuple[tuple[str, "re.Pattern[str]"], ...]


def _compiled_hosts() -> Mapping[str, Patterns]:
    """For each host name what its paths say; a `#` in the table stands for any number."""
    hosts: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for name, host_names, path in AT_HOST:
        pattern = re.compile(path, re.ASCII)
        for host in host_names.split():
            hosts.setdefault(host, []).append((name, pattern))
    return {host: tuple(patterns) for host, patterns in hosts.items()}


_HOSTS: Final = _compiled_hosts()
_PATHS: Final[Patterns] = tuple((name, re.compile(path, re.ASCII)) for name, path in AT_PATH)


def recognise(url: str, *, width: str, height: str, style: str) -> str | None:
    """The name of the tracker at `url`, `""` for a tracking pixel of nobody known, or None for a plain picture.

    `width`, `height` and `style` are the attributes of the element that refers to it as written in the mail, empty where
    they are missing. Linear; never raises.
    """
    host, target = _split(url)
    if not host:
        return None
    at_host = _patterns_of(host)
    for name, pattern in at_host:
        if pattern.match(target):
            return name
    size = _Size(width, height, style)
    if not size.is_picture:
        for name, pattern in _PATHS:
            if pattern.match(target):
                return name
    if size.is_pixel:
        return at_host[0][0] if at_host else UNNAMED
    return None


def _split(url: str) -> tuple[str, str]:
    """Host in lower case, and path with query; both empty for what is no web address."""
    url = url[:MAX_URL_CHARS].strip()
    if url.startswith("//"):
        url = f"https:{url}"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "", ""
    if parts.scheme not in {"http", "https"}:
        return "", ""
    query = f"?{parts.query}" if parts.query else ""
    return host.rstrip("."), f"{parts.path or '/'}{query}"


def _patterns_of(host: str) -> Patterns:
    """What the table knows of this host or the nearest domain above it."""
    labels = host.split(".")[-MAX_LABELS:]
    for start in range(len(labels) - 1):
        domain = ".".join(labels[start:])
        found = _HOSTS.get(domain) or _HOSTS.get(_DIGITS.sub("#", domain))
        if found:
            return found
    return ()


class _Size:
    """What the element says of its size, in pixels."""

    def __init__(self, width: str, height: str, style: str) -> None:
        self._attributes = (_pixels(width), _pixels(height))
        self._is_share = "%" in width[:20]
        self._declarations = [_SPACE.sub("", part) for part in style[:MAX_STYLE_CHARS].lower().split(";")]
        self._styled = (self._from_style("width"), self._from_style("height"))

    def _from_style(self, name: str) -> int | None:
        sizes = [
            _pixels(declaration[len(name) + 1 :].removesuffix("!important"))
            for declaration in self._declarations
            if declaration.startswith(f"{name}:")
        ]
        return sizes[-1] if sizes else None

    @property
    def is_picture(self) -> bool:
        """Whether it says itself that it is large enough to be looked at."""
        width, height = (_first(*pair) for pair in zip(self._styled, self._attributes, strict=True))
        return width is not None and height is not None and width > PICTURE_PX and height > PICTURE_PX

    @property
    def is_pixel(self) -> bool:
        """Whether nobody is meant to see it.

        What is hidden or zero by style only, while its attributes tell a real size, is a picture for phones that a media
        query shows. A picture of 1 by 20 is a spacer, and one of 600 by 1 a rule.
        """
        if any(size is not None and size > PIXEL_PX for size in self._attributes):
            return False
        width, height = (_first(*pair) for pair in zip(self._styled, self._attributes, strict=True))
        is_tiny = all(size is None or size <= PIXEL_PX for size in (width, height))
        if not is_tiny:
            return False
        says_size = width is not None  # alone it is enough; a height alone is a rule
        if self._stretches:
            return False
        return says_size or any(_HIDING.fullmatch(part) for part in self._declarations)

    @property
    def _stretches(self) -> bool:
        """Whether its width is a share of the page: a rule, however low, or a picture for phones."""
        return self._is_share or any(_SHARE.fullmatch(part) for part in self._declarations)


def _pixels(value: str) -> int | None:
    """A size in pixels. A share of the room ("100%") and anything else is none."""
    found = _NUMBER.fullmatch(value[:20])
    return int(found[1]) if found else None


def _first(preferred: int | None, other: int | None) -> int | None:
    return other if preferred is None else preferred
