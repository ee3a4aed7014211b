"""What is said about files, events and cards, in words and signs. Values in, words out; nothing here is hostile but the values."""

from __future__ import annotations

from datetime import date

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webmail.mime.attached.invitations import Attendee, Invitation, Moment, Recurrence
from webmail.web import regions

_ICONS = {
    "image": "file-image",
    "pdf": "file-text",
    "text": "file-text",
    "audio": "file-audio",
    "video": "file-video",
    "calendar": "calendar",
    "vcard": "contact",
    "message": "mail",
    "archive": "file-archive",
    "document": "file-text",
    "sheet": "file-spreadsheet",
    "slides": "monitor",
    "program": "settings",
}
TAIL_CHARS = 12  # of a name, that stay to be seen when its middle is left out: an extension and a bit of the name
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def file_icon(kind: str) -> str:
    """The icon of a kind of file."""
    return _ICONS.get(kind, "file")


def split_name(name: str) -> tuple[str, str]:
    """A file name as its beginning, which may be cut, and its end, which is always shown."""
    return (name[:-TAIL_CHARS], name[-TAIL_CHARS:]) if len(name) > 2 * TAIL_CHARS else ("", name)


def file_warning(warning: str) -> str:
    """What there is to know before opening a file; "" when nothing."""
    return {
        "mismatch": _("Not what it seems: its content is of another kind than its name says."),
        "double-extension": _("Its name ends like a document, but it is a program."),
        "program": _("A program: it can do anything on your computer when you open it."),
        "encrypted-archive": _("Locked with a password, so that nobody could check what is in it."),
    }.get(warning, "")


def short_warning(warning: str) -> str:
    """The same as a word for a chip."""
    return {
        "mismatch": _("Not what it seems"),
        "double-extension": _("Program in disguise"),
        "program": _("Program"),
        "encrypted-archive": _("Locked"),
    }.get(warning, "")


def event_title(event: Invitation) -> str:
    """What the message with this event is: an invitation, an answer, a cancellation."""
    if event.method == "cancel" or event.status == "cancelled":
        return _("Cancelled event") if event.kind == "event" else _("Cancelled task")
    if event.method == "reply":
        return _answer_title(event.attendees[0] if len(event.attendees) == 1 else None)
    if event.method == "counter":
        return _("Another time is proposed")
    if event.method == "request":
        return _("Invitation")
    return _("Event") if event.kind == "event" else _("Task")


def _answer_title(who: Attendee | None) -> str:
    if who is None:
        return _("Answer to an invitation")
    words = {
        "accepted": _("%(who)s will come"),
        "declined": _("%(who)s will not come"),
        "tentative": _("%(who)s may come"),
        "delegated": _("%(who)s sends somebody else"),
    }
    return words.get(who.answer, _("%(who)s has answered")) % {"who": who.name or who.address}


def event_when(event: Invitation) -> str:
    """When it is, in the reader's zone; with the sender's own clock beside it when that is another."""
    start, end = event.start, event.end
    if start is None:
        return _("Until %(end)s") % {"end": _whole(end)} if end is not None else ""
    if end is None or (end.day, end.clock) == (start.day, start.clock):
        words = _whole(start)
    elif start.clock and _local(end)[0] == _local(start)[0]:
        words = f"{_whole(start)}–{_local(end)[1]}"
    else:
        words = _("%(start)s to %(end)s") % {"start": _whole(start), "end": _whole(end)}
    return f"{words} {_elsewhere(start)}".strip()


def _local(moment: Moment) -> tuple[str, str]:
    """Day and clock in the reader's zone."""
    if moment.at is None:
        return _day(moment), moment.clock
    local = timezone.localtime(moment.at)
    return _day(Moment(local.date())), regions.written(local, "clock")


def _day(moment: Moment) -> str:
    return regions.written(moment.day, "full")


def _whole(moment: Moment) -> str:
    day, clock = _local(moment)
    return f"{day}, {clock}" if clock else day


def _elsewhere(start: Moment) -> str:
    """The sender's own clock, where it shows another time."""
    if not start.zone or _local(start) == (_day(start), start.clock):
        return ""
    return _("(%(clock)s in %(zone)s)") % {"clock": start.clock, "zone": start.zone.replace("_", " ")}


def repeats(rule: Recurrence) -> str:
    """How often an event comes again, in a sentence."""
    words = _every(rule.frequency, rule.interval)
    days = [_weekday(_DAYS.index(day[-2:])) for day in rule.days if day[-2:] in _DAYS]
    if days and rule.frequency in {"weekly", "daily"}:
        words = _("%(every)s on %(days)s") % {"every": words, "days": ", ".join(days)}
    if rule.count:
        times = ngettext("%(count)d time", "%(count)d times", rule.count) % {"count": rule.count}
        words = f"{words}, {times}"
    if rule.until:
        words = _("%(rule)s, until %(day)s") % {"rule": words, "day": _day(Moment(rule.until))}
    return _("%(rule)s, with exceptions") % {"rule": words} if rule.is_partial else words


def _weekday(number: int) -> str:
    return regions.written(date(2024, 1, 1 + number), "short_weekday")  # the first was a Monday


def _every(frequency: str, interval: int) -> str:
    if interval == 1:
        return {
            "daily": _("Every day"),
            "weekly": _("Every week"),
            "monthly": _("Every month"),
            "yearly": _("Every year"),
        }.get(frequency, _("Repeatedly"))
    words = {
        "daily": ngettext("Every %(count)d day", "Every %(count)d days", interval),
        "weekly": ngettext("Every %(count)d week", "Every %(count)d weeks", interval),
        "monthly": ngettext("Every %(count)d month", "Every %(count)d months", interval),
        "yearly": ngettext("Every %(count)d year", "Every %(count)d years", interval),
    }
    return words[frequency] % {"count": interval} if frequency in words else _("Repeatedly")


def answer_word(answer: str) -> str:
    """What somebody invited has answered."""
    return {
        "accepted": _("accepted"),
        "declined": _("declined"),
        "tentative": _("maybe"),
        "delegated": _("sends somebody else"),
        "needs-action": _("no answer yet"),
    }.get(answer, "")
