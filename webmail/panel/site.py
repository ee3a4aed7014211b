"""The panel's site: who may enter, what its pages may load, and the way around.

Only what is registered here by name is shown, so a package that registers its models for Django's admin adds nothing. There
is no sign-in of its own: the one form of the site, with its limits, serves operators too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse, reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

# Unfold needs eval (Alpine's expressions stand in attributes) and inline styles (its colours). No script of the page itself
# and none of another host runs: a `<script>` or `onerror` that came through in a name would still be dead.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

_NAVIGATION: tuple[Mapping[str, Any], ...] = (
    {
        "title": None,
        "items": [{"title": _("Condition"), "icon": "monitor_heart", "link": reverse_lazy("admin:index")}],
    },
    {
        "title": _("People"),
        "separator": True,
        "items": [
            {"title": _("Users"), "icon": "person", "link": reverse_lazy("admin:accounts_user_changelist")},
            {
                "title": _("Mail accounts"),
                "icon": "alternate_email",
                "link": reverse_lazy("admin:accounts_mailaccount_changelist"),
            },
            {
                "title": _("Mail domains"),
                "icon": "domain",
                "link": reverse_lazy("admin:accounts_maildomain_changelist"),
            },
        ],
    },
    {
        "title": _("Mail"),
        "separator": True,
        "items": [
            {"title": _("Mailboxes"), "icon": "inbox", "link": reverse_lazy("admin:store_mailbox_changelist")},
            {
                "title": _("Submissions"),
                "icon": "send",
                "link": reverse_lazy("admin:outbox_submission_changelist"),
            },
            {
                "title": _("Actions"),
                "icon": "sync_alt",
                "link": reverse_lazy("admin:journal_action_changelist"),
            },
        ],
    },
    {
        "title": _("Operation"),
        "separator": True,
        "items": [
            {"title": _("Processes"), "icon": "memory", "link": reverse_lazy("admin:store_heartbeat_changelist")},
            {"title": _("Leases"), "icon": "lock_clock", "link": reverse_lazy("admin:store_lease_changelist")},
            {"title": _("Busy hosts"), "icon": "speed", "link": reverse_lazy("admin:store_hostgate_changelist")},
            {"title": _("Audit log"), "icon": "history", "link": reverse_lazy("admin:accounts_auditevent_changelist")},
        ],
    },
)


class PanelSite(UnfoldAdminSite):  # type: ignore[misc]
    """Administrators (`User.is_staff`) see and do everything here; there are no finer permissions."""

    index_title = _("Condition")
    index_template = "admin/dashboard.html"

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:  # noqa: FBT001, FBT002 - Django's
        """As Django's, but who is signed in without being an administrator is refused instead of asked to sign in."""
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def respond(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            self._refuse_others(request)
            response: HttpResponse = guarded(request, *args, **kwargs)
            response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
            # With no-referrer browsers send `Origin: null` for a form, which the CSRF check cannot tell from a stranger's.
            response.headers.setdefault("Referrer-Policy", "same-origin")
            return response

        return respond

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The site's own sign-in page, then back to where one wanted to go."""
        self._refuse_others(request)
        wanted = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}):
            wanted = reverse("admin:index")
        if self.has_permission(request):
            return HttpResponseRedirect(wanted)
        return redirect_to_login(wanted, settings.LOGIN_URL)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Sign out, and back to the site's own sign-in page."""
        super().logout(request, extra_context)
        return redirect_to_login(reverse("admin:index"), settings.LOGIN_URL)

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """The way around. Unfold writes into the items, so each page gets its own."""
        return [
            {**group, "items": self._get_navigation_items(request, [dict(item) for item in group["items"]])}
            for group in _NAVIGATION
        ]

    def _refuse_others(self, request: HttpRequest) -> None:
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied("only administrators may enter the panel")


panel_site = PanelSite()
