"""A row of a list in words, for people who hear it: "unread, Alice and Bob, 5 messages, Budget, …, yesterday 14:10, account Work"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webmail.web import regions
from webmail.web.text import list_date

if TYPE_CHECKING:
    from webmail.web.rows import Row


def spoken(row: Row) -> str:
    """The accessible name of a row (ux section 10): everything that is seen, and the whole of what is cut."""
    parts = [
        _("unread") if row.is_unread else "",
        _("starred") if row.is_starred else "",
        _together([name.text for name in row.people if name.text != "…"]),
        ngettext("%(count)d message", "%(count)d messages", row.count) % {"count": row.count} if row.count > 1 else "",
        row.subject,
        *(chip.name for chip in row.chips),
        row.snippet,
        _("with attachment") if row.has_attachment else "",
        _("answered") if row.is_answered else "",
        _("forwarded") if row.is_forwarded else "",
        _("muted") if row.is_muted else "",
        _("did not reach everybody") if row.is_undelivered else "",
        spoken_date(row.at),
        _("account %(name)s") % {"name": row.account.name or row.account.address} if row.account else "",
    ]
    return ", ".join(part for part in parts if part)


def _together(names: Sequence[str]) -> str:
    if len(names) < 2:
        return names[0] if names else ""
    return _("%(first)s and %(last)s") % {"first": ", ".join(names[:-1]), "last": names[-1]}


def spoken_date(moment: datetime) -> str:
    """ "today 14:10", "yesterday 14:10", else as it is written."""
    days = (timezone.localdate() - timezone.localtime(moment).date()).days
    if days not in (0, 1):
        return list_date(moment)
    clock = regions.written(timezone.localtime(moment), "clock")
    return _("today %(time)s") % {"time": clock} if days == 0 else _("yesterday %(time)s") % {"time": clock}
