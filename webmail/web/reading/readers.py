"""Who may read one message's content: who holds the key in the address."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.http import HttpRequest, HttpResponse

from webmail.web.reading.content_links import Opened, open_content

P = ParamSpec("P")


def for_reader(
    view: Callable[Concatenate[HttpRequest, Opened, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, str, str, str, P], HttpResponse]:
    """Give the view what the key in the path opens."""

    @wraps(view)
    def wrapper(
        request: HttpRequest, key: str, email_id: str, inner: str, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponse:
        return view(request, open_content(key, email_id, inner), *args, **kwargs)

    # Django passes them by name, which a Callable type cannot say.
    return cast("Callable[Concatenate[HttpRequest, str, str, str, P], HttpResponse]", wrapper)
