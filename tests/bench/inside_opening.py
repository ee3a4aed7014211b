"""What runs inside the site's own Django to measure the opening of a message: the ASGI application that uvicorn serves, called
as uvicorn calls it, without a network between."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
import uuid
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.test import Client

from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from webmail.asgi import application
from webmail.mime.limited.children import warm_up
from webmail.store.models import Email

LOGIN_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
SIZE_BYTES = 50_000
_FRAME = re.compile(r'<iframe[^>]*?\ssrc="([^"]+)"')
_ROW = (
    '<tr><td style="padding:12px 24px;background-color:#f4f4f7;font-family:Arial,Helvetica,sans-serif;font-size:14px;color:#333">'
    '<a href="https://news.example.org/a/{0}?utm_source=mail&amp;utm_campaign={1}" style="color:#06c;text-decoration:none">'
    "Story {0} of issue {1}</a><p class=\"lead\" style=\"margin:0 0 8px;line-height:1.5\">The quick brown fox jumps over the lazy dog, "
    'and it did so again this week &mdash; for the {0}th time.</p><img src="https://img.example.org/{1}/{0}.png" width="280" '
    'height="120" alt="Picture {0}" style="display:block;border:0"></td></tr>\n'
)  # fmt: skip
_STYLE = (
    "<style>body{margin:0;background:#fff}.lead{color:#555}a:hover{color:#c00}"
    "@media (max-width:600px){.wrap{width:100%!important}td{padding:8px!important}}"
    "@media (prefers-color-scheme:dark){.wrap{background:#222}}</style>"
)


def newsletter(number: int) -> bytes:
    """A newsletter of 50 KB as senders make them; each number is another message."""
    rows, size = [], 0
    while size < SIZE_BYTES:
        rows.append(_ROW.format(len(rows), number))
        size += len(rows[-1])
    html = f'<html><head>{_STYLE}</head><body><table class="wrap" width="600" align="center">{"".join(rows)}</table></body></html>'
    head = (
        f"From: News <news@example.org>\r\nTo: me@example.org\r\nSubject: Issue {number}\r\nMessage-ID: <{uuid.uuid4()}@example.org>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    return (head + html).encode()


def opening(messages: int, rounds: int) -> dict[str, Any]:
    """Milliseconds of page and body: each message opened for the first time, then again and again."""
    user = make_user(f"bench-{uuid.uuid4().hex[:12]}")
    mailbox = make_mailbox(make_account(user), "Inbox", role="inbox")
    emails = [make_email_from_bytes(mailbox, newsletter(number)) for number in range(messages + 1)]
    client = Client()
    client.force_login(user, backend=LOGIN_BACKEND)
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    warm_up()
    return asyncio.run(_measure(emails, rounds, cookie))


async def _measure(emails: list[Email], rounds: int, cookie: str) -> dict[str, Any]:
    first, *others = emails
    await _open(first, cookie)  # imports and templates of the first page of a process
    cold = [await _open(email, cookie) for email in others]
    begin = time.process_time()
    warm = [await _open(email, cookie) for _ in range(rounds) for email in others]
    cpu_s = time.process_time() - begin
    whole = [await _open(email, cookie, is_click=False) for email in others]
    return {
        f"{name} {kind}": statistics.median(one[index] for one in times)
        for name, times in (("cold", cold), ("warm", warm))
        for index, kind in enumerate(("pane", "body"))
    } | {
        "cold p50": statistics.median(map(sum, cold)),
        "warm p50": statistics.median(map(sum, warm)),
        "warm p95": sorted(map(sum, warm))[int(len(warm) * 0.95)],
        "warm whole page": statistics.median(one[0] for one in whole),
        "openings": len(warm),
        "warm CPU": cpu_s * 1_000 / len(warm),
    }


async def _open(email: Email, cookie: str, *, is_click: bool = True) -> tuple[float, float]:
    """Milliseconds for the reading pane, as a click on a row asks for it, or the whole page, and for the document in its frame."""
    headers = [(b"hx-request", b"true"), (b"hx-target", b"reading")] if is_click else []
    page_ms, page = await get(f"/mail/m/{email.public_id}", cookie, headers)
    frame = _FRAME.search(page.decode())
    assert frame is not None, "the page has no frame"
    body_ms, body = await get(frame[1].replace("&amp;", "&"), cookie, [])
    assert b"Story 3 of issue" in body
    return page_ms, body_ms


async def get(target: str, cookie: str, headers: list[tuple[bytes, bytes]]) -> tuple[float, bytes]:
    """Milliseconds and body of one request to the application. Raises AssertionError unless it is answered with 200."""
    base, parts = urlsplit(settings.BASE_URL), urlsplit(target)
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": base.scheme or "http",
        "path": parts.path, "raw_path": parts.path.encode(), "query_string": parts.query.encode(), "root_path": "",
        "headers": [(b"host", base.netloc.encode()), (b"cookie", cookie.encode()), *headers], "client": ("127.0.0.1", 50_000),
        "server": (base.hostname, base.port or 80),
    }  # fmt: skip
    sent: list[dict[str, Any]] = []
    requested = False

    async def receive() -> dict[str, Any]:
        nonlocal requested
        if not requested:
            requested = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.sleep(3_600)  # the browser stays
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    begin = time.perf_counter()
    await application(scope, receive, send)
    spent_ms = (time.perf_counter() - begin) * 1_000
    status = sent[0]["status"]
    assert status == 200, f"{target}: {status} {dict(sent[0]['headers']).get(b'location', b'')!r}"
    return spent_ms, b"".join(message.get("body", b"") for message in sent[1:])
