"""What a job gives back, and the limits it runs under. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Answer:
    """`meta`: anything JSON can hold; `data`: bytes that go with it."""

    meta: Any = None
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one job: seconds of CPU, bytes of memory on top of what an idle child has, seconds on the clock."""

    cpu_s: float
    memory_bytes: int
    wall_s: float


# Security section 3, "parse child".
READING: Final = Limits(cpu_s=2.0, memory_bytes=256_000_000, wall_s=20.0)
# A picture of 20 million pixels is 80 MB as RGBA, and drawing it anew needs it twice.
DRAWING: Final = Limits(cpu_s=10.0, memory_bytes=512_000_000, wall_s=30.0)


class LimitExceeded(Exception):
    """A job was ended. `what`: "time" or "memory"."""

    def __init__(self, what: str) -> None:
        super().__init__(f"more {what} than a message may take")
        self.what = what


class JobFailed(Exception):
    """A job raised; the text names the error's type and holds nothing of the message."""
