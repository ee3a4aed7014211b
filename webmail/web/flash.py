"""What a page says once after something was done: a toast with a way back. Kept by Django's messages until it is shown.

Code below this layer calls `django.contrib.messages` and gets a toast of plain text; pages add an action or a link.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpRequest

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
    """One line of text, perhaps with an act (Undo) and a link (View). `kind`: info, warn or danger."""

    text: str
    kind: str = "info"
    act: Act | None = None
    link: Link | None = None


def add(request: HttpRequest, toast: Toast) -> None:
    """Show this toast on the next page or fragment that is rendered."""
    extra = {"act": asdict(toast.act) if toast.act else None, "link": asdict(toast.link) if toast.link else None}
    messages.add_message(request, _LEVELS[toast.kind], toast.text, extra_tags=json.dumps(extra))


def take(request: HttpRequest) -> list[Toast]:
    """All toasts that wait; they are not shown again."""
    if not hasattr(request, "_messages"):
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
            )
        )
    return found


def _extra(tags: str | None) -> dict[str, Any]:
    """The parts of a toast of ours; messages of other code carry words there, or nothing."""
    if not tags or not tags.startswith("{"):
        return {}
    extra: dict[str, Any] = json.loads(tags)
    return extra
