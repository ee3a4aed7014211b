"""What views are given: a request of a signed-in person, with what htmx says of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails

from accounts.models import User

P = ParamSpec("P")
R = TypeVar("R", bound=HttpResponseBase)


class UserRequest(HttpRequest):
    """A request whose `user` is signed in and active."""

    user: User
    htmx: HtmxDetails


def signed_in(
    view: Callable[Concatenate[UserRequest, P], R],
) -> Callable[Concatenate[HttpRequest, P], R | HttpResponse]:
    """Only for signed-in people; others are led to the sign-in page and come back. A fragment is refused with 401: the page it is
    for keeps what was typed and shows the way to sign in over it (static/js/live/session.js)."""

    @wraps(view)
    def wrapper(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> R | HttpResponse:
        if not request.user.is_authenticated:
            return _lead_to_login(request)
        response = view(cast(UserRequest, request), *args, **kwargs)
        # The same address is a page or a fragment.
        patch_vary_headers(response, ("HX-Request", "HX-Target"))
        return response

    return wrapper


def _lead_to_login(request: HttpRequest) -> HttpResponse:
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    if htmx:
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
    return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")


def wants_fragment(request: HttpRequest, target: str) -> bool:
    """Whether htmx asks for the element with this id alone. Going back in history asks for whole pages."""
    htmx: Any = request.htmx  # type: ignore[attr-defined]
    return bool(htmx) and not htmx.history_restore_request and htmx.target == target
