"""The API itself: its resources put together."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from webmail.api import problems
from webmail.api.document import Api
from webmail.api.problems import Problem
from webmail.api.resources import (
    accounts,
    blobs,
    drafts,
    identities,
    mailboxes,
    me,
    message_content,
    messages,
    operations,
    search,
    submissions,
    sync,
    threads,
    tokens,
)

DESCRIPTION = """Mail for programs: the same mail, ids and credentials as the pages.

Writes answer at once with the new state; the mail server is told afterwards, and `X-Operation-Id` names the operation that
does it. Lists are paged by opaque cursors. Errors are problem documents (RFC 9457). Live events are at `/events`.
"""


class JsonParser(Parser):
    """JSON bodies only, of the type they are said to be."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Raises `Problem`."""
        if request.content_type != "application/json":
            raise Problem("unsupported-media-type")
        try:
            return json.loads(request.body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise Problem("bad-request", "The body is no JSON.") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


api = Api(
    title="Pillarbox",
    version="1",
    description=DESCRIPTION,
    docs_url=None,
    urls_namespace="api",
    parser=JsonParser(),
)
problems.install(api)
for noun in (
    me, accounts, mailboxes, threads, messages, message_content, search, drafts, submissions, identities, blobs, sync,
    operations, tokens,
):  # fmt: skip
    api.add_router("", noun.router)
