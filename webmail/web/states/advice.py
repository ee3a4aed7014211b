"""What a test of servers reports, in the reader's language. The row holds English messages of the catalogues and their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from django.utils.translation import gettext as _


def step_words(step: Mapping[str, Any], part: Literal["title", "advice"]) -> str:
    """`title` says what happened, `advice` what to do; empty where there is none. `step`: of `ConnectionTest.report`."""
    words = step.get("words")
    if not words:  # written before reports kept them
        return str(step.get(part) or "")
    return _(words[part]) % words["values"] if words[part] else ""
