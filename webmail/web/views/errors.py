"""Pages for what went wrong: what happened, what it means for the mail, what to do."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400."""
    return _page(
        request,
        400,
        _("This request cannot be read"),
        _("Nothing was changed. Go back, reload the page and try again."),
    )


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403."""
    return _page(
        request,
        403,
        _("You may not do this"),
        _("Nothing was changed. If you think you should, ask your administrator."),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: what is another person's is told in the same words as what never was."""
    return _page(
        request,
        404,
        _("There is nothing here"),
        _("The message may have been moved or deleted by another app, or the address is not complete."),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """500. It must not ask the database, which may be what failed."""
    if request.method == "POST":
        detail = _(
            "It is not certain that this was done. Go back, what you typed is still there, and try again in a moment: "
            "a message is never sent twice by that. The fault has been written to the log."
        )
        return _page(request, 500, _("This did not work"), detail)
    detail = _(
        "Your mail is safe: it is stored before it is shown. Try again in a moment; the fault has been written to the log."
    )
    return _page(request, 500, _("This page could not be made"), detail)


def _page(request: HttpRequest, status: int, title: str, detail: str) -> HttpResponse:
    return render(request, "error.html", {"title": title, "detail": detail, "status": status}, status=status)
