"""The toast of a message that was sent: it counts down while the message can be taken back, then follows it to its end."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from webmail.outbox.models import Submission
from webmail.outbox.queue.undo import undo_deadline
from webmail.web.flash import SECONDS, Act, Link, Toast
from webmail.web.sending.lines import leaves_at, without_lead
from webmail.web.sending.sending import Entry, entry_of, short_people_of

_SENT = frozenset({"sent", "delivered", "read", "slow", "no_copy"})
_UNDER_WAY = frozenset({"undo", "queued", "sending"})


def toast_of(submission: Submission, *, note: str = "", back: str = "") -> Toast:
    """As it is now. `note` is said behind it; `back` is where the composer leads after undo."""
    entry = entry_of(submission)
    people = short_people_of(submission)
    view = Link(_("View"), reverse("outbox_item", args=[submission.public_id]))
    undo = Act(_("Undo"), reverse("outbox_act", args=[submission.public_id]), {"act": "cancel", "compose_back": back})
    follow = reverse("outbox_toast", args=[submission.public_id])
    if entry.stage == "undo" and entry.seconds_left:
        deadline = undo_deadline(submission)
        text = _("Sending to %(people)s in %(seconds)s s.") % {"people": _plain(people), "seconds": SECONDS}
        until = deadline.isoformat() if deadline else ""
        return Toast(_with(text, note), act=undo, link=view, follow=follow, until=until)
    if entry.stage in _UNDER_WAY:
        return Toast(_with(_("Sending to %(people)s …") % {"people": _plain(people)}, note), link=view, follow=follow)
    if entry.stage == "scheduled":
        return Toast(_with(leaves_at(submission), note), act=undo, link=view, is_sticky=bool(note))
    if entry.stage in _SENT:
        return Toast(_with(_("Sent to %(people)s.") % {"people": _plain(people)}, note), link=view)
    if entry.stage == "cancelled":
        return Toast(_("Taken back. It is not sent."), link=view)
    return _trouble(entry, people, view)


def _trouble(entry: Entry, people: str, view: Link) -> Toast:
    kind = "danger" if entry.stage in {"failed", "came_back"} else "warn"
    text = f"{_plain(people)}: {entry.lines[0] if entry.lines else entry.state}"
    if entry.stage == "failed":
        why = without_lead(entry.submission.last_reply, "Not sent")
        text = _with(_("Not sent to %(people)s.") % {"people": _plain(people)}, why)
    return Toast(text, kind=kind, link=view, is_sticky=True)


def _with(text: str, note: str) -> str:
    return f"{text} {note}".strip()


def _plain(people: str) -> str:
    """A name cannot bring a countdown of its own."""
    return people.replace(SECONDS, "")
