"""Mail accounts: their servers, their condition, and the acts that make a worker look at them.

Nothing here connects to a server. Servers are changed by their owner, whose password is tried first; a credential is not
shown in any form.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts import services
from accounts.credentials import CredentialError
from accounts.models import AccountState, ConnectionTest, Identity, MailAccount, OutgoingServer
from webmail.outbox.models import Submission
from webmail.panel import cells
from webmail.panel.filters import AccountTrouble
from webmail.panel.listing import Listing, ReadOnlyInline, carry_out
from webmail.panel.site import panel_site
from webmail.store.models import Mailbox, Traffic

# One word for lists; the state's own words are its title.
STATE_WORDS = {
    AccountState.NEW: _("new"),
    AccountState.OK: _("working"),
    AccountState.FAILING: _("failing"),
    AccountState.AUTH_FAILED: _("refused"),
    AccountState.PAUSED: _("paused"),
}
STATE_VARIANTS = {
    AccountState.NEW: "info",
    AccountState.OK: "success",
    AccountState.FAILING: "warning",
    AccountState.AUTH_FAILED: "danger",
    AccountState.PAUSED: "",
}


class IdentityInline(ReadOnlyInline):
    """The addresses the account writes from. Signatures are their owner's."""

    model = Identity
    fields = ("name", "email", "reply_to", "is_default")


class OutgoingServerInline(ReadOnlyInline):
    """Further servers to send with, in the order they are tried."""

    model = OutgoingServer
    fields = ("position", "host", "port", "security", "username", "trouble")


@admin.register(MailAccount, site=panel_site)
class MailAccountPages(Listing):
    """Condition of each account, and what can be done about it."""

    list_display = (
        *("address", "user_link", "state_word", "reason", "since", "last_sync", "next_try", "failures"),
        "traffic",
    )
    list_select_related = ("user",)
    list_filter = ("state", AccountTrouble, "incoming_protocol")
    search_fields = ("address", "user__email", "incoming_host", "outgoing_host")
    ordering = ("address",)
    actions = ("sync_now", "pause", "resume", "test_again")
    inlines = (IdentityInline, OutgoingServerInline)
    fieldsets = (
        (None, {"fields": ("address", "user_link", "name", "created_at")}),
        (
            _("Condition"),
            {
                "fields": (
                    "condition",
                    "state_reason",
                    "since",
                    "failures",
                    "last_sync",
                    "next_try",
                    "traffic",
                    "last_test",
                )
            },
        ),
        (_("Servers"), {"fields": ("incoming", "incoming_username", "outgoing", "outgoing_username", "offers")}),
        (_("Rules"), {"fields": ("leave_on_server", "leave_days", "sent_copy", "saves_sent_itself", "left_out_of")}),
        (_("More"), {"fields": ("mailboxes", "submissions")}),
    )
    readonly_fields = (
        *("user_link", "condition", "since", "last_sync", "next_try", "traffic", "last_test"),
        *("incoming", "outgoing", "offers", "mailboxes", "submissions"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[MailAccount]:
        """With what each moved today, as far as it is written."""
        today = Traffic.objects.filter(account=OuterRef("pk"), day=timezone.now().astimezone(UTC).date())
        rows: QuerySet[MailAccount] = super().get_queryset(request)
        return rows.annotate(
            down_today=Subquery(today.values("bytes_down")[:1]), up_today=Subquery(today.values("bytes_up")[:1])
        )

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """A user's page leads to their accounts."""
        return lookup == "user__id__exact" or bool(super().lookup_allowed(lookup, value, request))

    def acts_for(self, row: MailAccount) -> tuple[str, ...]:
        return ("resume",) if row.state == AccountState.PAUSED else ("sync_now", "test_again", "pause")

    @admin.action(description=_("Synchronise now"))
    def sync_now(self, request: HttpRequest, rows: QuerySet[MailAccount]) -> None:
        """Paused accounts are left alone; a refused one is tried once more with the password there is."""

        def act(account: MailAccount) -> bool:
            if account.state == AccountState.PAUSED:
                return False
            if account.state == AccountState.AUTH_FAILED:
                services.resume_account(account)
            else:
                services.request_sync(account)
            return True

        carry_out(
            request,
            rows,
            act,
            event="account.sync_asked",
            done="will be synchronised.",
            refused="paused: resume first.",
        )

    @admin.action(description=_("Pause"))
    def pause(self, request: HttpRequest, rows: QuerySet[MailAccount]) -> None:
        """Nothing is fetched or sent until it is resumed."""

        def act(account: MailAccount) -> bool:
            if account.state == AccountState.PAUSED:
                return False
            services.pause_account(account)
            return True

        carry_out(request, rows, act, event="account.paused", done="paused.", refused="paused already.")

    @admin.action(description=_("Resume"))
    def resume(self, request: HttpRequest, rows: QuerySet[MailAccount]) -> None:
        """Undo a pause."""

        def act(account: MailAccount) -> bool:
            if account.state != AccountState.PAUSED:
                return False
            services.resume_account(account)
            return True

        carry_out(request, rows, act, event="account.resumed", done="resumed.", refused="were not paused.")

    @admin.action(description=_("Test the connection again"))
    def test_again(self, request: HttpRequest, rows: QuerySet[MailAccount]) -> None:
        """A worker signs in at both servers with the stored password; the account's page shows the result."""

        def act(account: MailAccount) -> bool:
            if account.state == AccountState.PAUSED:  # a test that passes would let it run
                return False
            try:
                services.request_verification(account, user=account.user)
            except CredentialError:
                return False
            return True

        carry_out(
            request,
            rows,
            act,
            event="account.test_asked",
            done="will be tested; the result is shown on its page.",
            refused="cannot be tested: paused, or the stored password cannot be opened.",
        )

    @admin.display(description=_("user"), ordering="user__email")
    def user_link(self, account: MailAccount) -> SafeString:
        return cells.link(account.user)

    @admin.display(description=_("state"), ordering="state")
    def condition(self, account: MailAccount) -> SafeString:
        return cells.label(account.get_state_display(), STATE_VARIANTS[AccountState(account.state)])

    @admin.display(description=_("state"), ordering="state")
    def state_word(self, account: MailAccount) -> SafeString:
        state = AccountState(account.state)
        return cells.label(STATE_WORDS[state], STATE_VARIANTS[state], title=state.label)

    @admin.display(description=_("traffic today"), ordering="down_today")
    def traffic(self, account: Any) -> SafeString:
        """Down and up since midnight UTC, in whole; workers write it now and then."""
        if account.down_today is None:
            return format_html("{}", cells.EMPTY)
        down, up = filesizeformat(account.down_today), filesizeformat(account.up_today)
        return format_html('<span class="whitespace-nowrap">↓ {} ↑ {}</span>', down, up)

    @admin.display(description=_("since"), ordering="state_since")
    def since(self, account: MailAccount) -> SafeString:
        return cells.moment(account.state_since)

    @admin.display(description=_("last complete pass"), ordering="last_sync_at")
    def last_sync(self, account: MailAccount) -> SafeString:
        return cells.moment(account.last_sync_at)

    @admin.display(description=_("next try"), ordering="next_sync_at")
    def next_try(self, account: MailAccount) -> SafeString:
        return cells.moment(None if account.state == AccountState.PAUSED else account.next_sync_at)

    @admin.display(description=_("reason"))
    def reason(self, account: MailAccount) -> SafeString:
        return cells.short(account.state_reason)

    @admin.display(description=_("incoming mail"))
    def incoming(self, account: MailAccount) -> str:
        protocol = account.get_incoming_protocol_display()
        return f"{protocol} {account.incoming_host}:{account.incoming_port} ({account.get_incoming_security_display()})"

    @admin.display(description=_("outgoing mail"))
    def outgoing(self, account: MailAccount) -> str:
        if not account.can_send:
            return cells.EMPTY
        return f"SMTP {account.outgoing_host}:{account.outgoing_port} ({account.get_outgoing_security_display()})"

    @admin.display(description=_("offered by the outgoing server"))
    def offers(self, account: MailAccount) -> str:
        pairs = sorted(account.outgoing_offers.items())
        return ", ".join(f"{name} {value}".strip() for name, value in pairs) or cells.EMPTY

    @admin.display(description=_("last connection test"))
    def last_test(self, account: MailAccount) -> SafeString:
        tests = ConnectionTest.objects.filter(account=account).order_by("-id")
        test = tests.values("status", "created_at", "report").first()
        if test is None:
            return format_html("{}", cells.EMPTY)
        steps = format_html_join(
            "",
            "<br>{}: {} {} {}",
            (
                [str(step.get(key, "")) for key in ("step", "status", "title", "server_text")]
                for step in test["report"]
                if isinstance(step, dict)
            ),
        )
        return format_html(
            "{}, {}{}", ConnectionTest.Status(test["status"]).label, cells.moment(test["created_at"]), steps
        )

    @admin.display(description=_("mailboxes"))
    def mailboxes(self, account: MailAccount) -> SafeString:
        count = Mailbox.objects.filter(account=account).count()
        address = cells.list_of(Mailbox, f"account__id__exact={account.pk}")
        return format_html('<a href="{}" class="text-link">{}</a>', address, count)

    @admin.display(description=_("submissions"))
    def submissions(self, account: MailAccount) -> SafeString:
        address = cells.list_of(Submission, f"account__id__exact={account.pk}")
        return format_html('<a href="{}" class="text-link">{}</a>', address, _("show"))
