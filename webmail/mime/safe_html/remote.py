"""What a mail refers to outside of itself: pictures elsewhere, and links that deserve a question.

Both are numbered in the order they are met; our document names them by number only (`r/3`, `l/0`), relative to itself.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

MAX_REMOTE: Final = 2_000
MAX_WARNED: Final = 1_000

Kind = Literal["picture", "background"]


@dataclass(frozen=True, slots=True)
class RemoteRef:
    """A picture elsewhere. `tracker`: the name of a known tracker, "" for a tracking pixel of nobody known, None for a picture."""

    url: str
    kind: Kind
    tracker: str | None = None


@dataclass(frozen=True, slots=True)
class WarnedLink:
    """A link that leads elsewhere than it seems to. `shown`: the host it seems to lead to, `reason`: as in `LinkWarning`."""

    url: str
    shown: str
    reason: str


class RemoteRefs:
    """Collects the remote pictures of one piece of HTML. Numbers do not depend on whether pictures are shown."""

    def __init__(self, *, first: int, is_shown: bool) -> None:
        self._first = first
        self._is_shown = is_shown
        self._numbers: dict[tuple[str, bool], int] = {}
        self._refs: list[RemoteRef] = []

    @property
    def refs(self) -> tuple[RemoteRef, ...]:
        return tuple(self._refs)

    def refer(self, url: str, kind: Kind, tracker: str | None = None) -> str | None:
        """How the picture is named in our document: None while pictures are not shown, and always for what only tracks."""
        key = (url, tracker is not None)
        number = self._numbers.get(key)
        if number is None:
            if len(self._refs) >= MAX_REMOTE:
                return None
            number = self._numbers[key] = self._first + len(self._refs)
            self._refs.append(RemoteRef(url, kind, tracker))
        elif tracker and not self._refs[number - self._first].tracker:
            self._refs[number - self._first] = replace(self._refs[number - self._first], tracker=tracker)
        return f"r/{number}" if self._is_shown and tracker is None else None


class WarnedLinks:
    """Collects the links that are warned about."""

    def __init__(self, *, first: int) -> None:
        self._first = first
        self._numbers: dict[WarnedLink, int] = {}

    @property
    def links(self) -> tuple[WarnedLink, ...]:
        return tuple(self._numbers)

    def refer(self, link: WarnedLink) -> str | None:
        """How the page that warns is named; None when there are too many to tell."""
        if link not in self._numbers and len(self._numbers) >= MAX_WARNED:
            return None
        number = self._numbers.setdefault(link, self._first + len(self._numbers))
        return f"l/{number}"
