"""What a calendar part says, as plain values: for the block above a message and the page of a calendar file (RFC 5545, 5546).

Tolerant: an event that the library refuses costs only itself, zones that are broken are left out. Nothing is looked up, and
whatever stands in the texts stays text (security R11).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import icalendar
from icalendar.error import BrokenCalendarProperty

from webmail.mime.attached.blocks import Block, bounded_text, find_blocks, part_text
from webmail.mime.parameters import parse_parameters
from webmail.mime.part import Part

MAX_EVENTS: Final = 50
MAX_ZONES: Final = 10
MAX_ATTENDEES: Final = 100
MAX_LINE: Final = 300  # of a summary, a place, a name, characters
MAX_DESCRIPTION: Final = 4_000
# Not shown, and large or markup.
_LEFT_OUT: Final = frozenset({"ATTACH", "X-ALT-DESC", "IMAGE", "STYLED-DESCRIPTION", "STRUCTURED-DATA"})
_COMPONENTS: Final = frozenset({"VEVENT", "VTODO"})
_METHODS: Final = frozenset({"request", "reply", "cancel", "publish", "add", "counter", "declinecounter", "refresh"})
_STATUSES: Final = frozenset({"confirmed", "tentative", "cancelled", "needs-action", "in-process", "completed"})
_ANSWERS: Final = frozenset({"accepted", "declined", "tentative", "needs-action", "delegated"})
_FREQUENCIES: Final = frozenset({"secondly", "minutely", "hourly", "daily", "weekly", "monthly", "yearly"})


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, or a time of day there. `clock`: "14:30", "" for whole days. `zone`: its name, "" for UTC and for times without.

    `at`: the same in UTC, None for whole days and for times without a zone, which mean the reader's own clock.
    """

    day: date
    clock: str = ""
    zone: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody invited. `answer`: "accepted", "declined", "tentative", "needs-action", "delegated" or ""."""

    name: str
    address: str
    answer: str
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule of repetition (RFC 5545 3.3.10). `days`: "MO", "-1FR". `is_partial`: the rule says more than this."""

    frequency: str
    interval: int = 1
    count: int | None = None
    until: date | None = None
    days: tuple[str, ...] = ()
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class Invitation:
    """One event or task. `kind`: "event" or "task". `method`: iTIP's, lower case, "" where the file has none.

    `end`: the last day of a whole-day event, or the end as it is; for a task when it is due. `status`: "confirmed",
    "tentative", "cancelled", a task's, or "". `more`: further events in the same file.
    """

    kind: str
    method: str
    summary: str
    start: Moment | None
    end: Moment | None
    location: str
    organizer: Attendee | None
    attendees: tuple[Attendee, ...]
    attendees_total: int
    recurrence: Recurrence | None
    description: str
    url: str
    status: str
    uid: str
    sequence: int = 0
    more: int = 0


def read_invitation(part: Part) -> Invitation | None:
    """The first event or task of a calendar part; None where there is none that can be read. Never raises."""
    return next(iter(read_calendar(part, most=1)), None)


def read_calendar(part: Part, *, most: int = MAX_EVENTS) -> tuple[Invitation, ...]:
    """The first `most` events and tasks of a calendar part. Never raises."""
    content_type = parse_parameters(part.headers.get_first("content-type"))
    return read_calendar_text(part_text(part), most=most, method=(content_type.text("method") or ""))


def read_calendar_text(text: str, *, most: int = MAX_EVENTS, method: str = "") -> tuple[Invitation, ...]:
    """As `read_calendar`, of text with LF line ends. `method`: as the Content-Type says, where the file says none."""
    events = find_blocks(text, _COMPONENTS, most=most, without=_LEFT_OUT)
    zones = find_blocks(text, {"VTIMEZONE"}, most=MAX_ZONES).found
    stated = (events.method or method).strip().lower()
    known = stated if stated in _METHODS else ""
    found = (_read(block, zones, known, more=events.total - 1) for block in events.found)
    return tuple(invitation for invitation in found if invitation is not None)


def _read(block: Block, zones: Sequence[Block], method: str, *, more: int) -> Invitation | None:
    """The component, with the zones it names, or without them where they are broken."""
    named = [zone for zone in zones if any(name in block.text for name in _zone_names(zone.text))]
    for tried in (named, ()) if named else ((),):
        text = "".join((*(zone.text for zone in tried), block.text))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                calendar = icalendar.Calendar.from_ical(f"BEGIN:VCALENDAR\r\n{text}END:VCALENDAR\r\n")
                component = next(iter(calendar.walk(block.name)), None)
                return _invitation(component, method, more=more) if component is not None else None
        except Exception:  # noqa: BLE001, S112 - the library raises all kinds of errors on what strangers write
            continue
    return None


def _zone_names(text: str) -> list[str]:
    return [line[5:].strip() for line in text.split("\r\n") if line[:5].upper() == "TZID:" and line[5:].strip()]


def _invitation(component: icalendar.Component, method: str, *, more: int) -> Invitation:
    attendees = _as_list(component.get("attendee"))
    organizer = _as_list(component.get("organizer"))
    status = _word(component.get("status"))
    start = _value(component, "dtstart")
    return Invitation(
        kind="task" if component.name == "VTODO" else "event",
        method=method,
        summary=_line(component.get("summary")),
        start=_moment(start),
        end=_end(component, start),
        location=_line(component.get("location")),
        organizer=_attendee(organizer[0]) if organizer else None,
        attendees=tuple(map(_attendee, attendees[:MAX_ATTENDEES])),
        attendees_total=len(attendees),
        recurrence=_recurrence(component.get("rrule")),
        description=bounded_text(_first(component.get("description")), MAX_DESCRIPTION),
        url=_url(component.get("url")),
        status=status if status in _STATUSES else "",
        uid=_line(component.get("uid")),
        sequence=_number(component.get("sequence")) or 0,
        more=more,
    )


# Values ---------------------------------------------------------------------------------------------------------------


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _first(value: Any) -> str:
    found = _as_list(value)
    return str(found[0]) if found else ""


def _line(value: Any) -> str:
    return bounded_text(_first(value), MAX_LINE, is_one_line=True)


def _word(value: Any) -> str:
    return _first(value).strip().lower()[:40]


def _url(value: Any) -> str:
    found = _line(value)
    return found if found.lower().startswith(("https://", "http://")) else ""


def _number(value: Any) -> int | None:
    found = _first(value)
    return int(found) if found.isascii() and found.isdecimal() and len(found) < 10 else None


def _attendee(value: Any) -> Attendee:
    parameters = _attribute(value, "params") or {}
    address = _line(value)
    if address[:7].lower() == "mailto:":
        address = address[7:]
    answer = _word(parameters.get("PARTSTAT"))
    return Attendee(
        name=_line(parameters.get("CN")),
        address=address,
        answer=answer if answer in _ANSWERS else "",
        is_optional=_word(parameters.get("ROLE")) in {"opt-participant", "non-participant"},
    )


def _attribute(value: Any, name: str) -> Any:
    """Of a value as the library gives it; None where the value is broken."""
    try:
        return getattr(value, name, None)
    except BrokenCalendarProperty:
        return None


def _value(component: icalendar.Component, name: str) -> date | timedelta | None:
    """A date, a time or a duration; None where there is none or it is broken."""
    found = next(iter(_as_list(component.get(name))), None)
    value = _attribute(found, "dt")
    return value if isinstance(value, date | timedelta) else None


def _end(component: icalendar.Component, start: date | timedelta | None) -> Moment | None:
    end = _value(component, "dtend") or _value(component, "due")
    length = _value(component, "duration")
    if end is None and isinstance(length, timedelta) and isinstance(start, date):
        try:
            end = start + length
        except OverflowError:
            return None
    if isinstance(end, date) and not isinstance(end, datetime) and isinstance(start, date) and end > _day(start):
        end -= timedelta(days=1)  # RFC 5545 3.6.1: the end is the first day that is not part of it
    return _moment(end)


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value


def _moment(value: date | timedelta | None) -> Moment | None:
    if not isinstance(value, date):
        return None
    if not isinstance(value, datetime):
        return Moment(value)
    clock = time(value.hour, value.minute).strftime("%H:%M")
    if value.tzinfo is None:
        return Moment(value.date(), clock)
    try:
        at = value.astimezone(UTC)
    except (OverflowError, ValueError):
        return Moment(value.date(), clock)
    zone = bounded_text(getattr(value.tzinfo, "key", "") or value.tzname() or "", 60, is_one_line=True)
    return Moment(value.date(), clock, "" if zone == "UTC" else zone, at)


def _recurrence(value: Any) -> Recurrence | None:
    rules = [rule for rule in _as_list(value) if isinstance(rule, dict)]
    if not rules:
        return None
    rule = {str(name).upper(): _as_list(found) for name, found in rules[0].items()}
    frequency = _word(rule.get("FREQ"))
    if frequency not in _FREQUENCIES:
        return None
    until = next(iter(rule.get("UNTIL", ())), None)
    return Recurrence(
        frequency=frequency,
        interval=_number(rule.get("INTERVAL")) or 1,
        count=_number(rule.get("COUNT")),
        until=_day(until) if isinstance(until, date) else None,
        days=tuple(_days(rule.get("BYDAY", ()))),
        is_partial=len(rules) > 1 or bool(set(rule) - {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST"}),
    )


def _days(values: Iterable[Any]) -> list[str]:
    return [bounded_text(value, 5, is_one_line=True).upper() for value in list(values)[:14]]
