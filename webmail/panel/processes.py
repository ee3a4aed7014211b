"""Processes, leases and busy hosts: who is alive, who works on what, and which servers want fewer connections. Leases and
processes are to read only.
"""

from __future__ import annotations

import json

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from webmail.panel import cells
from webmail.panel.filters import ProcessLife
from webmail.panel.health import SILENT_AFTER
from webmail.panel.listing import Listing, carry_out
from webmail.panel.site import panel_site
from webmail.store.models import Heartbeat, HostGate, Lease


@admin.register(Heartbeat, site=panel_site)
class HeartbeatPages(Listing):
    """Every process that says it is alive."""

    list_display = ("name", "kind", "life", "started", "seen", "figures")
    list_filter = (ProcessLife, "kind")
    search_fields = ("name", "host")
    ordering = ("kind", "name")
    fields = ("name", "kind", "host", "pid", "life", "started", "seen", "figures")
    readonly_fields = ("life", "started", "seen", "figures")

    @admin.display(description=_("life"), ordering="seen_at")
    def life(self, beat: Heartbeat) -> SafeString:
        if beat.seen_at >= timezone.now() - SILENT_AFTER:
            return cells.label(_("alive"), "success")
        return cells.label(_("silent"), "danger")

    @admin.display(description=_("started"), ordering="started_at")
    def started(self, beat: Heartbeat) -> SafeString:
        return cells.moment(beat.started_at)

    @admin.display(description=_("last heard of"), ordering="seen_at")
    def seen(self, beat: Heartbeat) -> SafeString:
        return cells.moment(beat.seen_at)

    @admin.display(description=_("figures"))
    def figures(self, beat: Heartbeat) -> str:
        if not isinstance(beat.detail, dict) or not beat.detail:
            return cells.EMPTY
        return ", ".join(f"{name}: {json.dumps(value)}" for name, value in beat.detail.items())


@admin.register(Lease, site=panel_site)
class LeasePages(Listing):
    """The right to work on something, which ends by itself."""

    list_display = ("name", "condition", "owner", "fencing", "expires")
    search_fields = ("name", "owner")
    ordering = ("name",)
    fields = ("name", "condition", "owner", "fencing", "expires")
    readonly_fields = ("condition", "expires")

    @admin.display(description=_("condition"), ordering="owner")
    def condition(self, lease: Lease) -> SafeString:
        if not lease.owner:
            return cells.label(_("free"))
        if lease.expires_at < timezone.now():
            return cells.label(_("expired"), "warning")
        return cells.label(_("held"), "success")

    @admin.display(description=_("until"), ordering="expires_at")
    def expires(self, lease: Lease) -> SafeString:
        return cells.moment(lease.expires_at if lease.owner else None)


@admin.register(HostGate, site=panel_site)
class HostGatePages(Listing):
    """Servers that said we hold too many connections. The limit ends by itself; who knows better may end it now."""

    list_display = ("host", "condition", "connections", "ends", "said")
    search_fields = ("host",)
    ordering = ("-until",)
    actions = ("remove",)
    fields = ("host", "condition", "connections", "ends", "reason")
    readonly_fields = ("condition", "connections", "ends")

    @admin.action(description=_("Remove the limit"))
    def remove(self, request: HttpRequest, rows: QuerySet[HostGate]) -> None:
        """Workers notice within seconds."""

        def act(gate: HostGate) -> bool:
            return HostGate.objects.filter(pk=gate.pk).delete()[0] > 0

        carry_out(
            request,
            rows,
            act,
            event="gate.removed",
            subject=lambda gate: str(gate.host),
            done="removed.",
            refused="gone already.",
        )

    @admin.display(description=_("condition"), ordering="until")
    def condition(self, gate: HostGate) -> SafeString:
        if gate.until > timezone.now():
            return cells.label(_("limited"), "warning")
        return cells.label(_("recovering"), "success")

    @admin.display(description=_("connections of a process"), ordering="limit")
    def connections(self, gate: HostGate) -> int:
        return gate.limit

    @admin.display(description=_("until"), ordering="until")
    def ends(self, gate: HostGate) -> SafeString:
        return cells.moment(gate.until)

    @admin.display(description=_("reason"))
    def said(self, gate: HostGate) -> SafeString:
        return cells.short(gate.reason)
