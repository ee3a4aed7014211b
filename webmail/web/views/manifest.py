"""/manifest.webmanifest: what a browser needs to install the pages as an app (W3C Web Application Manifest)."""

from __future__ import annotations

from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language, get_language_bidi
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

# The background and accent of the light theme: an installed app has one of each.
BACKGROUND, THEME = "#f7f8fa", "#2456d6"
ICONS = (
    ("favicon.svg", "any", "image/svg+xml", "any"),
    ("icon-192.png", "192x192", "image/png", "any"),
    ("icon-512.png", "512x512", "image/png", "any"),
    ("icon-maskable-512.png", "512x512", "image/png", "maskable"),
)
WRITE = "#write"  # a page that is opened with it begins a message (static/js/live/installed.js)


@require_safe
def manifest(request: HttpRequest) -> JsonResponse:
    """The same for everybody but for its language; nothing of anybody's is in it."""
    found = {
        "id": "/",
        "name": "Pillarbox",
        "short_name": "Pillarbox",
        "description": _("Read and send your mail."),
        "lang": get_language() or "en",
        "dir": "rtl" if get_language_bidi() else "ltr",
        "start_url": reverse("home"),
        "scope": "/",
        "display": "standalone",
        "background_color": BACKGROUND,
        "theme_color": THEME,
        "categories": ["productivity", "communication"],
        "icons": [
            {"src": staticfiles_storage.url(name), "sizes": sizes, "type": kind, "purpose": purpose}
            for name, sizes, kind, purpose in ICONS
        ],
        "shortcuts": [
            {"name": _("Write"), "url": f"{reverse('inbox')}{WRITE}"},
            {"name": _("Inbox"), "url": reverse("inbox")},
            {"name": _("Search"), "url": reverse("search")},
        ],
    }
    response = JsonResponse(found, content_type="application/manifest+json")
    patch_vary_headers(response, ("Accept-Language", "Cookie"))
    return response
