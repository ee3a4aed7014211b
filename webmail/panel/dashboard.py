"""The first page of the panel: what is wrong comes first, each finding leads to the rows it counts.

Unfold calls `dashboard` (settings UNFOLD) with the page's context.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import AccountState, MailAccount, User
from webmail.journal.models import Action
from webmail.outbox.models import HeldFor, Phase, Submission
from webmail.outbox.queries import QueueFigures, queue_figures
from webmail.panel import cells, health
from webmail.panel.site import panel_site
from webmail.store.models import Drawing, Heartbeat, HostGate, Mailbox, RemotePicture, SenderCheck

DANGER = "danger"
WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """Something an operator should look at. `address`: the list of exactly these rows, empty when there is none."""

    level: str  # DANGER: people's mail is held up or lost from sight; WARNING: it may become that
    title: str | Promise
    value: str
    address: str = ""


@dataclass(frozen=True)
class Figure:
    """A number that is neither good nor bad."""

    title: str | Promise
    value: int
    address: str


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The context with findings, figures, tables and the last errors."""
    if not panel_site.has_permission(request):
        return context
    accounts, submissions, journal = health.account_figures(), queue_figures(), health.journal_figures()
    processes, disks = health.process_figures(), health.disk_figures()
    findings = [
        *_of_accounts(accounts),
        *_of_submissions(submissions),
        *_of_journal(journal),
        *_of_mailboxes(),
        *_of_machine(processes, disks),
    ]
    context["findings"] = sorted(findings, key=lambda finding: finding.level != DANGER)
    context["figures"] = [
        Figure(_("Users"), User.objects.count(), cells.list_of(User)),
        Figure(_("Mail accounts"), accounts.total, cells.list_of(MailAccount)),
        Figure(_("Paused accounts"), accounts.paused, cells.list_of(MailAccount, "state__exact=paused")),
        Figure(_("Messages to be sent"), _waiting(submissions), cells.list_of(Submission, "only=waiting")),
    ]
    context["processes"] = _process_table(processes)
    context["listening"] = _listening_table()
    context["queues"] = _queue_table(submissions, journal)
    context["disks"] = _disk_table(disks)
    context["errors"] = _error_table()
    return context


def _of_accounts(figures: health.AccountFigures) -> Iterator[Finding]:
    if figures.refused:
        address = cells.list_of(MailAccount, f"state__exact={AccountState.AUTH_FAILED}")
        yield Finding(DANGER, _("Accounts whose password the server refuses"), str(figures.refused), address)
    if figures.failing:
        address = cells.list_of(MailAccount, f"state__exact={AccountState.FAILING}")
        yield Finding(WARNING, _("Accounts whose server does not answer properly"), str(figures.failing), address)
    if figures.late:
        address = cells.list_of(MailAccount, "only=late")
        yield Finding(WARNING, _("Accounts late by more than 15 minutes"), str(figures.late), address)


def _of_submissions(figures: QueueFigures) -> Iterator[Finding]:
    if figures.unconfirmed:
        address = cells.list_of(Submission, f"phase__exact={Phase.UNCONFIRMED}")
        yield Finding(DANGER, _("Messages of which nobody knows whether they left"), str(figures.unconfirmed), address)
    restored = Submission.objects.filter(phase=Phase.HELD, held_for=HeldFor.RESTORE).count()
    if restored:
        address = cells.list_of(Submission, "only=restored")
        yield Finding(DANGER, _("Messages held since a backup was restored"), str(restored), address)
    if came_back := health.recently_came_back(Submission.objects.all()).count():
        address = cells.list_of(Submission, "only=came_back")
        yield Finding(WARNING, _("Messages that came back in the last 7 days"), str(came_back), address)
    if failed := health.recently_failed(Submission.objects.all()).count():
        address = cells.list_of(Submission, "only=failed")
        yield Finding(WARNING, _("Messages not sent in the last 7 days"), str(failed), address)
    if figures.tried_often:
        address = cells.list_of(Submission, "only=tried_often")
        yield Finding(WARNING, _("Messages tried more than 3 times"), str(figures.tried_often), address)
    if figures.without_copy:
        address = cells.list_of(Submission, "only=without_copy")
        yield Finding(WARNING, _("Messages sent whose copy is not filed"), str(figures.without_copy), address)


def _of_journal(figures: health.JournalFigures) -> Iterator[Finding]:
    if figures.tried_often:
        address = cells.list_of(Action, "only=tried_often")
        yield Finding(WARNING, _("Actions tried more than 3 times"), str(figures.tried_often), address)
    if figures.failed:
        address = cells.list_of(Action, "only=failed")
        yield Finding(WARNING, _("Actions that a server refused in the last 7 days"), str(figures.failed), address)


def _of_mailboxes() -> Iterator[Finding]:
    if parked := health.parked(Mailbox.objects.all()).count():
        address = cells.list_of(Mailbox, "only=parked")
        yield Finding(WARNING, _("Mailboxes left alone because they fail"), str(parked), address)
    if gates := health.lowered_gates().count():
        yield Finding(WARNING, _("Servers that want fewer connections"), str(gates), cells.list_of(HostGate))


def _of_machine(processes: list[health.ProcessFigures], disks: list[health.DiskFigures]) -> Iterator[Finding]:
    missing = [process.kind for process in processes if process.is_missing and process.kind in health.PROCESS_KINDS]
    if missing:
        yield Finding(DANGER, _("Processes that are not running"), ", ".join(missing), cells.list_of(Heartbeat))
    for disk in disks:
        if disk.is_low:
            yield Finding(DANGER, _("The disk is nearly full"), filesizeformat(disk.free_bytes))


def _waiting(figures: QueueFigures) -> int:
    done = (Phase.ACCEPTED, Phase.DONE, Phase.FAILED, Phase.UNCONFIRMED, Phase.CANCELLED)
    return sum(count for phase, count in figures.by_phase.items() if phase not in done)


def _process_table(processes: list[health.ProcessFigures]) -> dict[str, Any]:
    rows = []
    for process in processes:
        state = cells.label(_("missing"), DANGER) if process.is_missing else cells.label(process.alive, "success")
        rows.append([process.kind, state, cells.moment(process.seen_at)])
    return {"headers": [_("Process"), _("Running"), _("Last heard of")], "rows": rows}


def _listening_table() -> dict[str, Any]:
    figures = health.watch_figures()
    words = {
        "listening": _("Accounts listened to"),
        "notify": _("of those, all mailboxes by NOTIFY"),
        "idle": _("of those, the inbox by IDLE"),
        "polled": _("Accounts asked now and then"),
        "shards": _("Shares of the accounts that are held"),
    }
    return {"headers": [_("New mail"), _("Count")], "rows": [[words[name], figures[name]] for name in words]}


def _queue_table(submissions: QueueFigures, journal: health.JournalFigures) -> dict[str, Any]:
    bodies, unindexed = health.wanted_bodies(), health.unindexed_emails()
    rows = [
        [_("Messages to be sent"), _waiting(submissions), cells.moment(submissions.oldest_due_at)],
        [_("Actions for servers"), journal.open, cells.moment(journal.oldest_at)],
        [_("Bodies somebody waits for"), bodies.length, cells.moment(bodies.oldest_at)],
        [_("Bodies to be fetched"), health.missing_bodies().length, cells.moment(None)],
        [_("Messages to be indexed"), unindexed.length, cells.moment(None)],
        *(
            [words, found.length, cells.moment(found.oldest_at)]
            for words, found in (
                (_("Remote pictures to be fetched"), health.awaited(RemotePicture.objects.all())),
                (_("Thumbnails and pages to be drawn"), health.awaited(Drawing.objects.all())),
                (_("Senders to be checked"), health.awaited(SenderCheck.objects.all())),
            )
        ),
        [_("Messages that could not be taken apart"), health.unreadable_emails(), cells.moment(None)],
    ]
    return {"headers": [_("Queue"), _("Waiting"), _("Oldest due")], "rows": rows}


def _disk_table(disks: list[health.DiskFigures]) -> dict[str, Any]:
    rows = []
    for disk in disks:
        free = f"{filesizeformat(disk.free_bytes)} / {filesizeformat(disk.total_bytes)}"
        rows.append(
            [
                disk.name,
                free,
                cells.label(_("nearly full"), DANGER) if disk.is_low else cells.label(_("enough"), "success"),
            ]
        )
    return {"headers": [_("Disk"), _("Free"), ""], "rows": rows}


def _error_table() -> dict[str, Any]:
    rows = [
        [cells.moment(error.at), cells.link(error.row), cells.short(error.text)] for error in health.recent_errors()
    ]
    return {"headers": [_("When"), _("What"), _("Error")], "rows": rows}
