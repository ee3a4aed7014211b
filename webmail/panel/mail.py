"""Mailboxes, submissions and actions: how far the work on them came. Envelopes and figures, never the content of mail."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.models import AccountState
from webmail import dispatch
from webmail.journal import entries
from webmail.journal.actions import putting_back
from webmail.journal.errors import ActionRefused
from webmail.journal.models import Action
from webmail.outbox.models import (
    CANCELLABLE,
    CLAIMABLE,
    HeldFor,
    Phase,
    Submission,
    SubmissionEvent,
    SubmissionRecipient,
)
from webmail.outbox.queue import control, doubt
from webmail.panel import cells, health
from webmail.panel.filters import ActionTrouble, MailboxTrouble, SubmissionTrouble
from webmail.panel.listing import Listing, ReadOnlyInline, carry_out
from webmail.panel.site import panel_site
from webmail.store.models import Mailbox

# One word for lists; the phase's own words are its title.
PHASE_WORDS = {
    Phase.HELD: _("held"),
    Phase.QUEUED: _("queued"),
    Phase.CLAIMED: _("sending"),
    Phase.IN_DATA: _("in data"),
    Phase.DOT_SENT: _("dot sent"),
    Phase.ACCEPTED: _("sent"),
    Phase.DONE: _("done"),
    Phase.RETRY: _("delayed"),
    Phase.FAILED: _("failed"),
    Phase.UNCONFIRMED: _("unconfirmed"),
    Phase.CANCELLED: _("taken back"),
}
PHASE_VARIANTS = {
    Phase.ACCEPTED: "success",
    Phase.DONE: "success",
    Phase.RETRY: "warning",
    Phase.FAILED: "danger",
    Phase.UNCONFIRMED: "danger",
    Phase.CANCELLED: "",
}
STATUS_VARIANTS = {
    Action.Status.PENDING: "info",
    Action.Status.RUNNING: "info",
    Action.Status.FAILED: "danger",
    Action.Status.STOPPED: "info",
}
_STOPPED = (AccountState.PAUSED, AccountState.AUTH_FAILED)  # nothing is asked of their servers


class _OfAccount(Listing):
    """Rows of a mail account, whose page leads here."""

    list_select_related = ("account",)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup == "account__id__exact" or bool(super().lookup_allowed(lookup, value, request))

    @admin.display(description=_("account"), ordering="account__address")
    def account_link(self, row: Any) -> SafeString:
        return cells.link(row.account)


@admin.register(Mailbox, site=panel_site)
class MailboxPages(_OfAccount):
    """What we hold of each mailbox, and what the server last said of it."""

    list_display = (
        *("name", "account_link", "role", "condition", "reason", "progress", "synced"),
        *("total_emails", "unread_emails"),
    )
    list_filter = (MailboxTrouble, "role", "source")
    search_fields = ("name", "account__address")
    ordering = ("account_id", "sort_order", "name")
    actions = ("try_again",)
    readonly_fields = ("account_link", "progress", "synced", "missing", "condition", "parked", "compared")
    fieldsets = (
        (None, {"fields": ("name", "account_link", "parent", "role", "source", "is_subscribed", "is_selectable")}),
        (_("Copy"), {"fields": ("progress", "synced", "missing", "total_emails", "unread_emails")}),
        (_("Condition"), {"fields": ("condition", "trouble", "parked", "compared", "repairs")}),
        (
            _("Server"),
            {"fields": ("remote_name", "uidvalidity", "uidnext", "highestmodseq", "remote_total", "backfill_uid")},
        ),
    )

    def acts_for(self, row: Mailbox) -> tuple[str, ...]:
        return ("try_again",) if row.trouble else ()

    @admin.action(description=_("Try again now"))
    def try_again(self, request: HttpRequest, rows: QuerySet[Mailbox]) -> None:
        """A parked mailbox is looked at at once; when it fails again, it is left alone again."""

        def act(mailbox: Mailbox) -> bool:
            troubled = health.troubled(Mailbox.objects.filter(pk=mailbox.pk))
            if mailbox.account.state in _STOPPED or not troubled.update(parked_until=None):
                return False
            dispatch.wake("sync.mailbox", mailbox.pk)
            return True

        carry_out(
            request,
            rows.select_related("account"),
            act,
            event="mailbox.retry_asked",
            subject=lambda mailbox: f"{mailbox.account}: {mailbox}",
            done="will be tried at once.",
            refused="without trouble, or of an account that does not run.",
        )

    @admin.display(description=_("condition"), ordering="parked_until")
    def condition(self, mailbox: Mailbox) -> SafeString:
        if not mailbox.trouble:
            return cells.label(_("well"), "success")
        if mailbox.parked_until and mailbox.parked_until > timezone.now():
            return cells.label(_("parked"), "danger", title=_("left alone for a while"))
        return cells.label(_("in trouble"), "warning")

    @admin.display(description=_("left alone until"))
    def parked(self, mailbox: Mailbox) -> SafeString:
        return cells.moment(mailbox.parked_until)

    @admin.display(description=_("last full comparison"))
    def compared(self, mailbox: Mailbox) -> SafeString:
        return cells.moment(mailbox.reconciled_at)

    @admin.display(description=_("trouble"))
    def reason(self, mailbox: Mailbox) -> SafeString:
        return cells.short(mailbox.trouble)

    @admin.display(description=_("listed"))
    def progress(self, mailbox: Mailbox) -> SafeString:
        if mailbox.missing_since:
            return cells.label(_("gone from the server"), "warning")
        if mailbox.is_backfilled or not mailbox.is_selectable or (mailbox.account.is_pop3 and mailbox.synced_at):
            return cells.label(_("complete"), "success")
        return cells.label(f"{mailbox.total_emails} / {mailbox.remote_total}", "info")

    @admin.display(description=_("last look"), ordering="synced_at")
    def synced(self, mailbox: Mailbox) -> SafeString:
        return cells.moment(mailbox.synced_at)

    @admin.display(description=_("missing since"))
    def missing(self, mailbox: Mailbox) -> SafeString:
        return cells.moment(mailbox.missing_since)


class RecipientInline(ReadOnlyInline):
    """What the server answered for each recipient."""

    model = SubmissionRecipient
    verbose_name_plural = _("recipients")
    fields = ("email", "status", "reply", "reported", "read")
    readonly_fields = ("reported", "read")

    @admin.display(description=_("reported later"))
    def reported(self, recipient: SubmissionRecipient) -> str:
        words = (recipient.get_report_display(), recipient.report_code, recipient.report_text)
        return " ".join(str(word) for word in words if word) or cells.EMPTY

    @admin.display(description=_("read"))
    def read(self, recipient: SubmissionRecipient) -> SafeString:
        return cells.moment(recipient.read_at)


class EventInline(ReadOnlyInline):
    """The timeline."""

    model = SubmissionEvent
    verbose_name_plural = _("timeline")
    fields = ("when", "phase", "text")
    readonly_fields = ("when",)

    @admin.display(description=_("time"))
    def when(self, event: SubmissionEvent) -> str:
        return cells.exact(event.at)


@admin.register(Submission, site=panel_site)
class SubmissionPages(_OfAccount):
    """The send queue: phase, tries and replies. Subject and text are the sender's and not shown."""

    list_display = ("public_id", "account_link", "phase_word", "attempts", "created", "next_try", "reply")
    list_filter = (SubmissionTrouble, "phase", "held_for", "kind", "created_at")
    search_fields = ("public_id", "message_id", "mail_from", "account__address", "recipients__email", "server")
    ordering = ("-id",)
    actions = ("retry_now", "send_now", "take_back", "stop_trying", "mark_sent", "send_again")
    inlines = (RecipientInline, EventInline)
    fieldsets = (
        (None, {"fields": ("public_id", "account_link", "user", "kind", "mail_from", "message_id", "size_bytes")}),
        (
            _("Delivery"),
            {
                "fields": (
                    *("condition", "held_for", "server", "last_reply", "attempts", "send_at", "send_zone"),
                    *("first_try_at", "next_try", "told_delayed_at", "accepted_at"),
                )
            },
        ),
        (_("Asked for"), {"fields": ("notify", "wants_receipt", "requires_tls")}),
        (_("Work"), {"fields": ("lease_owner", "lease_until", "sent_copy_failures", "created_at")}),
    )
    readonly_fields = ("account_link", "condition", "next_try")

    def acts_for(self, row: Submission) -> tuple[str, ...]:
        acts: list[str] = []
        if row.phase in CLAIMABLE:
            acts.append("retry_now")
        if row.phase in CANCELLABLE:
            acts.append("take_back")
        if row.phase == Phase.HELD and row.held_for == HeldFor.RESTORE:
            acts.append("send_now")
        if row.phase == Phase.RETRY:
            acts.append("stop_trying")
        if row.phase == Phase.UNCONFIRMED:
            acts += ["mark_sent", "send_again"]
        return tuple(acts)

    @admin.action(description=_("Try now"))
    def retry_now(self, request: HttpRequest, rows: QuerySet[Submission]) -> None:
        """Queued and delayed ones are due at once."""
        carry_out(
            request,
            rows,
            control.retry_now,
            event="submission.retry_asked",
            done="will be tried at once.",
            refused="not waiting for a try.",
        )

    @admin.action(description=_("Let go (was held since a backup was restored)"))
    def send_now(self, request: HttpRequest, rows: QuerySet[Submission]) -> None:
        """For those that were not sent between the backup and its return; what the sender scheduled stays scheduled."""

        def act(submission: Submission) -> bool:
            return submission.held_for == HeldFor.RESTORE and control.send_now(submission)

        carry_out(
            request,
            rows,
            act,
            event="submission.released",
            done="will be sent.",
            refused="not held since a backup was restored.",
        )

    @admin.action(description=_("Take back (becomes a draft again)"))
    def take_back(self, request: HttpRequest, rows: QuerySet[Submission]) -> None:
        """In time only; the sender finds it among the drafts."""

        def act(submission: Submission) -> bool:
            if submission.phase not in CANCELLABLE:
                return False
            control.cancel(submission)
            # Made from a stored message it gives no draft back, so the phase tells whether it came in time.
            return Submission.objects.filter(pk=submission.pk, phase=Phase.CANCELLED).exists()

        carry_out(
            request,
            rows,
            act,
            event="submission.cancelled",
            done="taken back.",
            refused="too late to be taken back.",
        )

    @admin.action(description=_("Stop trying"))
    def stop_trying(self, request: HttpRequest, rows: QuerySet[Submission]) -> None:
        """No further try for the recipients a delayed one has not reached."""

        def act(submission: Submission) -> bool:
            return control.stop_trying(submission) is not None

        carry_out(request, rows, act, event="submission.stopped", done="given up.", refused="not waiting for a try.")

    @admin.action(description=_("It has arrived: mark as sent"))
    def mark_sent(self, request: HttpRequest, rows: QuerySet[Submission]) -> None:
        """For unconfirmed ones whose arrival somebody has seen, in the server's log for instance."""

        def act(submission: Submission) -> bool:
            return doubt.resolve_unconfirmed(submission, sent=True, text="Marked as sent by an administrator.")

        carry_out(request, rows, act, event="submission.marked_sent", done="marked as sent.", refused="not in doubt.")

    @admin.action(description=_("It has not arrived: send again"))
    def send_again(self, request: HttpRequest, rows: QuerySet[Submission]) -> None:
        """For unconfirmed ones; if it did arrive after all, recipients get it twice."""

        def act(submission: Submission) -> bool:
            text = "To be sent again, as an administrator asked."
            return doubt.resolve_unconfirmed(submission, sent=False, text=text)

        carry_out(request, rows, act, event="submission.resent", done="will be sent again.", refused="not in doubt.")

    @admin.display(description=_("phase"), ordering="phase")
    def phase_word(self, submission: Submission) -> SafeString:
        phase = Phase(submission.phase)
        return cells.label(PHASE_WORDS[phase], PHASE_VARIANTS.get(phase, "info"), title=phase.label)

    @admin.display(description=_("phase"))
    def condition(self, submission: Submission) -> SafeString:
        return cells.label(submission.get_phase_display(), PHASE_VARIANTS.get(Phase(submission.phase), "info"))

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, submission: Submission) -> SafeString:
        return cells.moment(submission.created_at)

    @admin.display(description=_("next try"), ordering="next_try_at")
    def next_try(self, submission: Submission) -> SafeString:
        return cells.moment(submission.next_try_at if submission.phase in CANCELLABLE else None)

    @admin.display(description=_("last reply"))
    def reply(self, submission: Submission) -> SafeString:
        return cells.short(submission.last_reply)


@admin.register(Action, site=panel_site)
class ActionPages(_OfAccount):
    """What servers must still be told, in order per account. They are not dropped here: the rows would stay changed."""

    list_display = (
        *("public_id", "account_link", "kind", "condition", "progress_made", "attempts"),
        *("created", "next_try", "reason"),
    )
    list_filter = (ActionTrouble, "status", "kind")
    search_fields = ("public_id", "account__address")
    ordering = ("-id",)
    actions = ("replay_now", "stop")
    fields = (
        "public_id",
        "account_link",
        "kind",
        "condition",
        "progress_made",
        "attempts",
        "next_try",
        "error",
        "created_at",
        "done_at",
    )
    readonly_fields = ("account_link", "condition", "progress_made", "next_try")

    def acts_for(self, row: Action) -> tuple[str, ...]:
        return ("replay_now", "stop") if row.status in Action.OPEN else ()

    @admin.action(description=_("Try now"))
    def replay_now(self, request: HttpRequest, rows: QuerySet[Action]) -> None:
        """All that the account has open is due at once: order is kept, so one alone could not go ahead."""

        def act(action: Action) -> bool:
            return action.status in Action.OPEN and entries.retry_now(action.account_id) > 0

        carry_out(
            request, rows, act, event="action.retry_asked", done="will be tried at once.", refused="already at an end."
        )

    @admin.action(description=_("Stop (what was not told yet is put back)"))
    def stop(self, request: HttpRequest, rows: QuerySet[Action]) -> None:
        """As the user could. What the server was told already stays."""

        def act(action: Action) -> bool:
            try:
                putting_back.stop_action(action)
            except ActionRefused:
                return False
            return True

        carry_out(
            request,
            rows,
            act,
            event="action.stopped",
            done="will be stopped.",
            refused="already at an end, or about a mailbox itself.",
        )

    @admin.display(description=_("done"))
    def progress_made(self, action: Action) -> str:
        return f"{action.done_count} / {action.total}" if action.total else cells.EMPTY

    @admin.display(description=_("status"), ordering="status")
    def condition(self, action: Action) -> SafeString:
        variant = STATUS_VARIANTS.get(Action.Status(action.status), "success")
        if action.status == Action.Status.PENDING and action.attempts:
            variant = "warning"
        return cells.label(action.get_status_display(), variant)

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, action: Action) -> SafeString:
        return cells.moment(action.created_at)

    @admin.display(description=_("next try"), ordering="next_try_at")
    def next_try(self, action: Action) -> SafeString:
        return cells.moment(action.next_try_at if action.status in Action.OPEN else None)

    @admin.display(description=_("error"))
    def reason(self, action: Action) -> SafeString:
        return cells.short(action.error)
