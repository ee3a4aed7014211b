"""What the stage of a submission means for the person who sent it, in plain words. Rows in, words out."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import AccountState
from webmail.outbox.models import Phase, Report, Submission, SubmissionRecipient
from webmail.outbox.queue import schedule
from webmail.web.text import full_date, when

_Status = SubmissionRecipient.Status
MAX_PEOPLE = 3


def joined(names: Sequence[str]) -> str:
    """ "Ann, Ben and 2 more"."""
    if len(names) > MAX_PEOPLE:
        shown = ", ".join(names[: MAX_PEOPLE - 1])
        return _("%(people)s and %(count)s more") % {"people": shown, "count": len(names) - MAX_PEOPLE + 1}
    return ", ".join(names)


def lines_of(submission: Submission, stage: str, recipients: Sequence[SubmissionRecipient]) -> tuple[str, ...]:
    """Plain words first; the last may quote a server. `stage` is a key of `sending.STAGES`."""
    write = _LINES.get(stage)
    return tuple(line for line in write(submission, recipients) if line) if write else ()


def _scheduled(submission: Submission, _recipients: Sequence[SubmissionRecipient]) -> tuple[str, ...]:
    return (leaves_at(submission),)


def leaves_at(submission: Submission) -> str:
    """ "Leaves tomorrow at 08:00.", with the time there when it was chosen in another zone."""
    text = _("Leaves %(when)s.") % {"when": when(submission.send_at)}
    if submission.send_zone and submission.send_zone != timezone.get_current_timezone_name():
        there = submission.send_wall[11:16]
        text += " " + _("It is %(time)s then in %(zone)s.") % {"time": there, "zone": zone_words(submission.send_zone)}
    return text


def zone_words(zone: str) -> str:
    """ "Europe/Berlin" stays; "America/New_York" loses its underscore."""
    return zone.replace("_", " ")


def _limit(submission: Submission, _recipients: Sequence[SubmissionRecipient]) -> tuple[str, ...]:
    if submission.last_reply:
        return (submission.last_reply,)
    text = _("As many messages as may be sent in a day have left. This one leaves at about %(when)s by itself.")
    return (text % {"when": full_date(submission.send_at)},)


def _restore(_submission: Submission, _recipients: Sequence[SubmissionRecipient]) -> tuple[str, ...]:
    return (
        _("Pillarbox was set back to a backup in which this message was still waiting. It may have been sent since: "
          "look in Sent, or ask the recipient, before you send it."),
    )  # fmt: skip


def _queued(submission: Submission, _recipients: Sequence[SubmissionRecipient]) -> tuple[str, ...]:
    return (_("Leaves as soon as it is its turn."),)


def _stopped(submission: Submission, _recipients: Sequence[SubmissionRecipient]) -> tuple[str, ...]:
    account = submission.account
    if account.state == AccountState.PAUSED:
        return (_("Waits because %(account)s is paused.") % {"account": account.name},)
    text = _("Waits because %(host)s refuses the password of %(account)s.")
    return (text % {"host": account.outgoing_host or account.incoming_host, "account": account.name},)


def _sending(submission: Submission, _recipients: Sequence[SubmissionRecipient]) -> tuple[str, ...]:
    if submission.phase == Phase.DOT_SENT:
        return (_("Handed over; the server's word is awaited."),)
    host = submission.server or submission.account.outgoing_host
    return (_("Being handed to %(host)s.") % {"host": host},)


def _retry(submission: Submission, _recipients: Sequence[SubmissionRecipient]) -> tuple[str, ...]:
    if submission.next_try_at <= timezone.now():
        text = _("Not sent yet. Tried again now.")
    else:
        text = _("Not sent yet. Next try %(when)s.") % {"when": when(submission.next_try_at, today="")}
    if submission.first_try_at is not None:
        until = submission.first_try_at + schedule.GIVE_UP_AFTER
        text += " " + _("If none succeeds, it comes back to your drafts %(until)s.") % {"until": when(until)}
    return (text, without_lead(submission.last_reply, "Not sent yet"))


def without_lead(text: str, lead: str) -> str:
    """What stands behind a first sentence that only says what a heading says already."""
    if not text.startswith((f"{lead}.", f"{lead};", f"{lead}:")):
        return text
    if text.startswith(f"{lead}:"):
        rest = text.removeprefix(f"{lead}:").strip()
        return rest[:1].upper() + rest[1:]
    return text.partition(". ")[2]


def _doubt(submission: Submission, _recipients: Sequence[SubmissionRecipient]) -> tuple[str, ...]:
    text = _("The message was handed over, but the server's answer was not heard: it may have left. Pillarbox never "
             "sends twice by itself. It looks in Sent for the message; next %(when)s.")  # fmt: skip
    return (text % {"when": when(submission.next_try_at, today="")},)


def _failed(submission: Submission, _recipients: Sequence[SubmissionRecipient]) -> tuple[str, ...]:
    return (submission.last_reply or _("Not sent. The message is back in your drafts."),)


def _partly(_submission: Submission, recipients: Sequence[SubmissionRecipient]) -> tuple[str, ...]:
    refused = [one for one in recipients if one.status == _Status.REFUSED]
    text = ngettext("The server refused one recipient: %(people)s.",
                    "The server refused %(count)s recipients: %(people)s.", len(refused))  # fmt: skip
    words = {"count": len(refused), "people": joined([one.email for one in refused])}
    others = _("The others have it.")
    if any(one.report == Report.FAILED for one in recipients):
        others = _("To others it could not be delivered; see the list.")
    return (f"{text % words} {others}", refused[0].reply if refused else "")


def _came_back(_submission: Submission, recipients: Sequence[SubmissionRecipient]) -> tuple[str, ...]:
    back = [one for one in recipients if one.report == Report.FAILED]
    text = _("It could not be delivered to %(people)s.") % {"people": joined([one.email for one in back])}
    return (text, back[0].report_text if back else "")


def _no_copy(submission: Submission, _recipients: Sequence[SubmissionRecipient]) -> tuple[str, ...]:
    return (
        _("Sent. The copy for Sent could not be filed yet; it is kept here and tried again %(when)s.")
        % {"when": when(submission.next_try_at)},
        submission.last_reply,
    )


def _slow(_submission: Submission, recipients: Sequence[SubmissionRecipient]) -> tuple[str, ...]:
    late = [one for one in recipients if one.report == Report.DELAYED]
    return (_("Sent, and delayed on the way to %(people)s.") % {"people": joined([one.email for one in late])},)


_LINES = {
    "scheduled": _scheduled,
    "limit": _limit,
    "restore": _restore,
    "queued": _queued,
    "stopped": _stopped,
    "sending": _sending,
    "retry": _retry,
    "delayed": _retry,
    "doubt": _doubt,
    "failed": _failed,
    "partly": _partly,
    "came_back": _came_back,
    "no_copy": _no_copy,
    "slow": _slow,
}
