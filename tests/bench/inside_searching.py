"""What runs inside the site's own Django to measure search: a mailbox of made-up mail, and queries of every kind over it."""

from __future__ import annotations

import random
import statistics
import time
import uuid
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import MailAccount, User
from tests import factories
from webmail.mime.addresses import Address
from webmail.store import ingest
from webmail.store.models import Mailbox
from webmail.store.queries import orders
from webmail.store.queries.windows import Order, of_selection
from webmail.store.search.parse import parse_query
from webmail.store.search.run import search_emails

BATCH = 1_000
BODY_WORDS = 180
VOCABULARY = 30_000
SMALL = [
    "the",
    "and",
    "of",
    "to",
    "is",
    "in",
    "that",
    "for",
    "you",
    "with",
    "this",
    "have",
    "are",
    "be",
    "not",
    "will",
    "your",
    "from",
    "we",
    "our",
    "was",
    "please",
]
# Name -> query. "meeting" stands in 30 of 100 messages, "zanzibar" in 20 of all, "harbour" in 1 of 100.
QUERIES = {
    "rare word": "zanzibar",
    "word in 1 %": "harbour",
    "word in 30 %": "meeting",
    "stem of it": "meetings",
    "two words": "meeting harbour",
    "two common words": "meeting budget",
    "prefix": "meet",
    "phrase": '"meeting harbour"',
    "either": "zanzibar OR harbour",
    "without": "meeting -budget",
    "person": "from:anna",
    "domain": "from:@shop.example",
    "state": "is:unread meeting",
    "flag": "is:starred",
    "attachment": "has:pdf",
    "size and date": "larger:50K after:2025-06",
    "header": "header:x-mailer=apple",
    "nested": "(from:anna OR to:ben) (harbour OR zanzibar) -is:unread",
}


def fill(messages: int, accounts: int) -> User:
    """A person with so many messages, dealt to so many accounts."""
    user = factories.make_user(f"search-{uuid.uuid4().hex[:10]}")
    boxes = [
        factories.make_mailbox(
            factories.make_account(user, address=f"{uuid.uuid4().hex[:8]}@example.org"), role="inbox"
        )
        for _ in range(accounts)
    ]
    chance = random.Random(6)
    vocabulary = [_word(chance) for _ in range(VOCABULARY)]
    weights = [1 / (rank + 10) for rank in range(VOCABULARY)]
    for begin in range(0, messages, BATCH):
        box = boxes[begin // BATCH % accounts]
        numbers = range(begin, min(begin + BATCH, messages))
        words = iter(chance.choices(vocabulary, weights, k=BATCH * BODY_WORDS))
        items = [_message(chance, number, messages, box, words) for number in numbers]
        ingest.ingest_emails(box.account_id, items)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return user


def _word(chance: random.Random) -> str:
    return "".join(chance.choice("bdfgklmnprst") + chance.choice("aeiou") for _ in range(chance.randint(2, 4)))


def _message(chance: random.Random, number: int, total: int, box: Mailbox, words: Any) -> ingest.NewEmail:
    body = [next(words) for _ in range(BODY_WORDS - 30)] + chance.choices(SMALL, k=28)
    chance.shuffle(body)
    for share, word in ((0.3, "meeting"), (0.25, "budget"), (0.01, "harbour")):
        if chance.random() < share:
            body.insert(chance.randrange(20), word)
    if number % (max(total, 20) // 20) == 0:
        body.append("zanzibar")
    name = chance.choice(["Anna Berg", "Ben Carter", "Clara Diaz", "David Evans"]) if chance.random() < 0.2 else "News"
    address = f"{name.split()[0].lower()}{number % 50}@{'shop' if number % 5 else 'mail'}.example"
    headers = factories.make_headers(
        subject=f"{body[3]} {body[7]} {body[11]}".capitalize(),
        from_name=name,
        from_=address,
        to=(Address("Me", "me@example.org"), Address("Ben Carter", "ben@work.example")),
    )
    marks = ["Ⓗx-mailer", "Ⓗx-mailer=apple", "Ⓗx-mailer=mail"] if number % 3 == 0 else []
    marks += ["Ⓐreport", "Ⓐpdf", "Ⓧpdf", "Ⓚpdf"] if number % 12 == 0 else []
    keywords = [word for word, share in (("$seen", 0.9), ("$flagged", 0.03)) if chance.random() < share]
    return factories.make_item(
        box,
        headers=headers,
        # Newest first within a batch, as a first listing brings them.
        minutes=-chance.randrange(800 * 24 * 60),
        keywords=keywords,
        size_bytes=chance.randrange(1_000, 100_000),
        has_attachment=number % 12 == 0,
        search_text=" ".join(body),
        search_marks=" ".join(marks),
        is_indexed=True,
        uid=number + 1,
    )


def searching(messages: int, accounts: int, rounds: int) -> dict[str, Any]:
    """Milliseconds and database queries of the first page for each query, as a page asks: found, sorted, counted."""
    begin = time.process_time()
    user = fill(messages, accounts)
    filled_s = time.process_time() - begin
    return {"filled_s": filled_s, "queries": measure(user, rounds)}


def measure(user: User, rounds: int) -> dict[str, dict[str, float]]:
    """See `searching`."""
    ids = list(MailAccount.objects.filter(user=user).values_list("pk", flat=True))
    return {name: _measure(user, ids, query, rounds) for name, query in QUERIES.items()}


def _measure(user: User, ids: list[int], query: str, rounds: int) -> dict[str, float]:
    page_ms: list[float] = []
    whole_ms: list[float] = []
    found = asked = 0
    for _ in range(rounds):
        begin = time.perf_counter()
        with CaptureQueriesContext(connection) as captured:
            emails = search_emails(user, parse_query(query))
            list(emails.order_by("-received_at", "-id").values_list("id", "thread_id")[:50])
        asked = len(captured)
        page_ms.append((time.perf_counter() - begin) * 1_000)
        orders.forget_all()
        begin = time.perf_counter()
        emails = search_emails(user, parse_query(query))
        keys = of_selection(emails, name=query, account_ids=ids, threaded=True, order=Order())
        found = len(keys)
        whole_ms.append((time.perf_counter() - begin) * 1_000)
    return {
        "hits": found,
        "page_ms": statistics.median(page_ms),
        "whole_ms": statistics.median(whole_ms),
        "queries": asked,
    }
