"""What runs inside the site's own Django to measure lists: a large mailbox made with synthetic mail, and requests to the ASGI
application that uvicorn serves, without a network between."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests.bench.inside_opening import LOGIN_BACKEND, get
from tests.factories import make_account, make_mailbox, make_user
from webmail.mime.addresses import Address
from webmail.mime.headers import ListHeaders
from webmail.store.ingest import NewEmail, Place, ingest_emails
from webmail.store.models import EmailMailbox, Mailbox

BATCH = 2_000
ROUNDS = 30
_WORDS = [
    "budget",
    "plan",
    "review",
    "invoice",
    "minutes",
    "report",
    "draft",
    "offer",
    "travel",
    "letter",
    "order",
    "meeting",
    "notes",
    "figures",
    "spring",
]
_NAMES = [
    "Alice",
    "Ben",
    "Carla",
    "Dan",
    "Ella",
    "Finn",
    "Gina",
    "Hugo",
    "Ida",
    "Jon",
    "Kara",
    "Liam",
    "Mona",
    "Nils",
    "Olga",
    "Piet",
]


def fill(mailbox: Mailbox, count: int, *, seed: int = 7) -> float:
    """Synthetic messages through `ingest_emails`, a third of them answers; returns CPU seconds."""
    begin = time.process_time()
    items = list(_items(mailbox, count, seed))
    made = time.process_time() - begin
    begin = time.process_time()
    for start in range(0, count, BATCH):
        ingest_emails(mailbox.account_id, items[start : start + BATCH])
    return time.process_time() - begin if made else 0.0


def _items(mailbox: Mailbox, count: int, seed: int) -> Iterator[NewEmail]:
    chance = random.Random(seed)
    run, now = uuid.uuid4().hex, datetime.now(UTC)
    subjects: list[str] = []
    for number in range(count):
        answered = chance.randrange(max(number - 3_000, 0), number) if number and chance.random() < 0.33 else None
        subject = (
            f"{chance.choice(_WORDS)} {chance.choice(_WORDS)} {number}" if answered is None else subjects[answered]
        )
        subjects.append(subject)
        name = chance.choice(_NAMES)
        headers = ListHeaders(
            from_=(Address(f"{name} Example", f"{name.lower()}{number % 97}@example.org"),),
            to=(Address("", mailbox.account.address),),
            subject=subject if answered is None else f"Re: {subject}",
            sent_at=now - timedelta(minutes=7 * (count - number)),
            message_id=f"{number}.{run}@example.org",
            in_reply_to=() if answered is None else (f"{answered}.{run}@example.org",),
            header_hash=f"{number}.{run}",
        )
        keywords = [] if chance.random() < 0.08 else ["$seen"]
        keywords += ["$flagged"] if chance.random() < 0.01 else []
        yield NewEmail(
            headers=headers,
            received_at=now - timedelta(minutes=7 * (count - number)),
            size_bytes=chance.randrange(2_000, 90_000),
            place=Place(mailbox.pk, uidvalidity=1, uid=number + 1),
            keywords=keywords,
            has_attachment=chance.random() < 0.15,
            preview="Thank you for the figures. I have read them twice and would like to talk about the second page.",
            is_indexed=True,
        )


def lists(count: int) -> dict[str, Any]:
    """Milliseconds and queries of list requests in a mailbox of `count` messages, beside two small accounts."""
    user = make_user(f"bench-{uuid.uuid4().hex[:12]}")
    large = make_mailbox(make_account(user), "Inbox", role="inbox")
    cpu_s = fill(large, count)
    for seed in (8, 9):
        fill(make_mailbox(make_account(user), "Inbox", role="inbox"), count // 100, seed=seed)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    large.refresh_from_db()
    client = Client()
    client.force_login(user, backend=LOGIN_BACKEND)
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    found: dict[str, Any] = {"messages per CPU-second": round(count / cpu_s), "rows": large.total_threads}
    for name, (target, headers) in _requests(user, large).items():
        found[name] = asyncio.run(_measure(target, cookie, headers)) | {"queries": _queries(client, target, headers)}
    return found


_ROWS = {"HX-Request": "true", "HX-Target": "rows"}
_PANE = {"HX-Request": "true", "HX-Target": "reading"}


def _requests(user: User, large: Mailbox) -> dict[str, tuple[str, dict[str, str]]]:
    box = f"/mail/a/{large.account.public_id}/m/{large.public_id}"
    middle = large.total_threads // 2
    rows = EmailMailbox.objects.filter(mailbox=large, is_newest=True).order_by("-received_at")
    thread = rows[middle].thread.public_id
    return {
        "whole page": (box, {}),
        "window": (f"{box}?at=0&n=50", _ROWS),
        "window at the middle": (f"{box}?at={middle}&n=50", _ROWS),
        "window with counts": (f"{box}?at=0&n=50&with=counts", _ROWS),
        "conversation": (f"{box}?t={thread}", _PANE),
        "all Inboxes": ("/mail/inbox?at=0&n=50", _ROWS),
        "all Inboxes, middle": (f"/mail/inbox?at={middle}&n=50", _ROWS),
        "Unread": ("/mail/unread?at=0&n=50", _ROWS),
        "Unread, middle": (f"/mail/unread?at={count_of_unread(large) // 2}&n=50", _ROWS),
        "Starred": ("/mail/starred?at=0&n=50", _ROWS),
        "All mail, middle": (f"/mail/all?at={middle}&n=50", _ROWS),
        **{
            f"by {sort}, middle": (f"{box}?at={middle}&n=50&sort={sort}", _ROWS)
            for sort in ("sender", "-subject", "size")
        },
    }


def count_of_unread(mailbox: Mailbox) -> int:
    """Conversations of the mailbox with something unread."""
    return mailbox.unread_threads


async def _measure(target: str, cookie: str, headers: dict[str, str]) -> dict[str, float]:
    sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    first_ms, _ = await get(target, cookie, sent)
    times = [(await get(target, cookie, sent))[0] for _ in range(ROUNDS)]
    return {
        "p50": round(statistics.median(times), 1),
        "p95": round(sorted(times)[int(len(times) * 0.95)], 1),
        "first": round(first_ms, 1),
    }


def _queries(client: Client, target: str, headers: dict[str, str]) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(target, headers=headers).status_code == 200
    return len(captured)
