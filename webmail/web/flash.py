"""What a page says once after something was done: a toast with a way back. Kept by Django's messages until it is shown.

Code below this layer calls `django.contrib.messages` and gets a toast of plain text; pages add an action or a link.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone

SECONDS = "{seconds}"
_KINDS = {messages.ERROR: "danger", messages.WARNING: "warn"}
_LEVELS = {"danger": messages.ERROR, "warn": messages.WARNING, "info": messages.INFO}


@dataclass(frozen=True)
class Act:
    """A button of a toast: a form that is posted. `fields` are hidden inputs; `swaps`: the answer renews the list."""

    label: str
    action: str
    fields: Mapping[str, str] = field(default_factory=dict)
    swaps: bool = False


@dataclass(frozen=True)
class Link:
    """A link of a toast."""

    label: str
    address: str


@dataclass(frozen=True)
class Toast:
    """One line of text, perhaps with an act (Undo) and a link (View). `kind`: info, warn or danger.

    One that is about something under way has `follow`, the address that answers with the toast as it is by then, and
    stays until that says so. `{seconds}` in its text counts down to `until`, a time of the server's (ISO).
    """

    text: str
    kind: str = "info"
    act: Act | None = None
    link: Link | None = None
    follow: str = ""
    until: str = ""
    is_sticky: bool = False  # stays until it is closed

    @property
    def seconds_left(self) -> float:
        """Until `until`; 0 without one or when it is over."""
        if not self.until:
            return 0.0
        return max(0.0, (datetime.fromisoformat(self.until) - timezone.now()).total_seconds())

    @property
    def parts(self) -> tuple[str, str]:
        """What stands before and behind the seconds; all of it and nothing when there are none."""
        before, _mark, after = self.text.partition(SECONDS)
        return before, after

    @property
    def has_seconds(self) -> bool:
        return SECONDS in self.text


def add(request: HttpRequest, toast: Toast) -> None:
    """Show this toast on the next page or fragment that is rendered."""
    extra = {name: value for name, value in asdict(toast).items() if name not in {"text", "kind"} and value}
    messages.add_message(request, _LEVELS[toast.kind], toast.text, extra_tags=json.dumps(extra))


def take(request: HttpRequest) -> list[Toast]:
    """All toasts that wait; they are not shown again.

    A page that renews itself in the background takes none: they are for the page that the person is led to next, perhaps
    in another window.
    """
    if not hasattr(request, "_messages") or (request.method == "GET" and "HX-Request" in request.headers):
        return []
    found = []
    for message in messages.get_messages(request):
        extra = _extra(message.extra_tags)
        found.append(
            Toast(
                text=str(message.message),
                kind=_KINDS.get(message.level, "info"),
                act=Act(**extra["act"]) if extra.get("act") else None,
                link=Link(**extra["link"]) if extra.get("link") else None,
                follow=extra.get("follow", ""),
                until=extra.get("until", ""),
                is_sticky=extra.get("is_sticky", False),
            )
        )
    return found


def _extra(tags: str | None) -> dict[str, Any]:
    """The parts of a toast of ours; messages of other code carry words there, or nothing."""
    if not tags or not tags.startswith("{"):
        return {}
    extra: dict[str, Any] = json.loads(tags)
    return extra
