"""How an operation of the API is declared: one decorator for its route, its scope and its documentation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.http import HttpResponse
from ninja import Router

from webmail.api.auth import Needs

View = TypeVar("View", bound=Callable[..., HttpResponse])

# Keys of `openapi_extra` that `webmail.api.document` reads and takes out.
SCOPE_KEY, PROBLEMS_KEY, HEADERS_KEY = "x-scope", "x-problems", "x-headers"
SENDS_KEY, TAKES_KEY = "x-sends-bytes", "x-takes-bytes"
PUBLIC = object()


def operation(
    router: Router,
    method: str,
    path: str,
    *,
    scope: object,
    answers: Mapping[int, Any],
    problems: Sequence[str] = (),
    headers: Sequence[str] = (),
    sends_bytes: bool = False,
    takes_bytes: bool = False,
) -> Callable[[View], View]:
    """Register a view. Its name is the operation's id, its docstring the summary (first line) and description.

    `scope`: one of `tokens.SCOPES`, None for any credential, or PUBLIC. `answers`: the model of each status, None for no
    content. `problems`: codes it may answer besides those every operation may. `headers`: request headers it reads.
    `sends_bytes`: 200 and 206 are a download. `takes_bytes`: the body is the content of a file.
    """

    def declare(view: View) -> View:
        summary, _, description = inspect.cleandoc(view.__doc__ or "").partition("\n")
        extra = {
            SCOPE_KEY: "public" if scope is PUBLIC else scope,
            PROBLEMS_KEY: list(problems),
            HEADERS_KEY: list(headers),
            SENDS_KEY: sends_bytes,
            TAKES_KEY: takes_bytes,
        }
        router.add_api_operation(
            path,
            [method],
            view,
            auth=None if scope is PUBLIC else Needs(scope if isinstance(scope, str) else None),
            response=dict(answers) or {200: None},
            operation_id=_camel_case(view.__name__),
            summary=summary.rstrip("."),
            description=description.strip() or summary,
            by_alias=True,
            openapi_extra=extra,
        )
        return view

    return declare


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
