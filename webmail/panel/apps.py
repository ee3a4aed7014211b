"""Django application: the operator's panel under /admin/. It also brings the system checks of the settings and
the figures of sync for Prometheus.
"""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib import admin


class PanelConfig(AppConfig):
    name = "webmail.panel"
    label = "panel"

    def ready(self) -> None:
        """Make the panel's site the one `admin.site` names, and register checks and figures."""
        from webmail.panel import metrics
        from webmail.panel.site import panel_site
        from webmail.settings.checks import register_checks

        # As Unfold puts its own site there. What packages registered with that one before is not shown any more.
        admin.site = admin.sites.site = panel_site
        register_checks()
        metrics.register()
