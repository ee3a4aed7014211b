"""When a message was written, by the clock of the place it was written at."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from webmail.web.text import full_date


def is_elsewhere(written_at: str) -> bool:
    """Whether the clock of its sender shows another time than the reader's. `written_at`: ISO 8601 with offset, "" if unknown."""
    moment = _moment(written_at)
    return moment is not None and moment.utcoffset() != timezone.localtime(moment).utcoffset()


def written_date(written_at: str) -> str:
    """The whole date as its sender's clock showed it; "" if unknown."""
    moment = _moment(written_at)
    return "" if moment is None else full_date(moment, zone=moment.tzinfo)


def _moment(written_at: str) -> datetime | None:
    moment = datetime.fromisoformat(written_at) if written_at else None
    return moment if moment is not None and moment.tzinfo is not None else None
