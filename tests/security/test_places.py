"""Every hostile text where no message body is: names, faults that servers word, searches, drafts, toasts, the outbox, the panel."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

import pytest
from django.contrib import messages
from django.contrib.messages.storage.session import SessionStorage
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from accounts.models import AccountState, Identity, MailAccount, User
from tests.factories import make_account, make_email, make_headers, make_item, make_mailbox, make_user
from tests.outbox.letters import submit
from tests.security import letters
from tests.security.conftest import OpenWatch
from tests.security.lane import chosen
from tests.security.listeners import Listeners
from tests.security.reading import Tour
from tests.security.stage import conversations, deliver
from tests.security.vectors import Vector
from tests.security.watch import tell
from tests.web.browser.conftest import Site
from webmail.mime.addresses import Address
from webmail.outbox.models import Draft, Phase, Submission, SubmissionEvent, SubmissionRecipient
from webmail.outbox.writing import drafts
from webmail.store import ingest
from webmail.store.models import Email, EmailKeyword, Mailbox

pytestmark = [pytest.mark.browser, pytest.mark.corpus, pytest.mark.timeout(600), pytest.mark.req("R9")]

ROWS = 40  # hostile rows on one page
ACCOUNTS = 80
PER_MESSAGE = 10  # texts in one plain message, recipients in one report
QUERY_CHARS = 1_000


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    account = make_account(alice)
    for role in ("drafts", "sent", "trash", "junk", "archive"):
        make_mailbox(account, role.title(), role=role)
    return make_mailbox(account, "Inbox", role="inbox")


@pytest.fixture
def vectors(own: list[Vector], public: list[Vector]) -> list[Vector]:
    return [*own, *chosen(public)]


@pytest.fixture
def tour(alice: User, site: Site, open_watch: OpenWatch, listeners: Listeners) -> Iterator[Tour]:
    """A look at pages; when the test ends, nothing may have happened."""
    watch = open_watch(site.address, alice)
    found = Tour(watch, watch.new_page())
    yield found
    found.page.close()
    assert watch.seen == [], tell(watch.seen)
    assert (listeners.names, listeners.connections) == ([], [])
    print(f"{found.pages} pages, {len(found.bodies)} frames")


def groups(found: Sequence[Vector], size: int) -> Iterator[list[Vector]]:
    for at in range(0, len(found), size):
        yield list(found[at : at + size])


def thread(email: Email) -> str:
    return reverse("thread", args=[email.thread.public_id])


@pytest.mark.req("R10")
def test_plain_text(vectors: list[Vector], inbox: Mailbox, tour: Tour) -> None:
    raws = [letters.text_only(some, number=at) for at, some in enumerate(groups(vectors, PER_MESSAGE))]
    for group in conversations(deliver(inbox, raws)):
        tour.visit(thread(group[0]))


def test_delivery_reports(vectors: list[Vector], inbox: Mailbox, tour: Tour) -> None:
    raws = [letters.report(some, number=at) for at, some in enumerate(groups(vectors, PER_MESSAGE))]
    for group in conversations(deliver(inbox, raws)):
        tour.visit(thread(group[0]))
    assert tour.page.locator(".came-back__line").count() > 0


def test_faults_that_servers_word_and_stored_fields(vectors: list[Vector], inbox: Mailbox, tour: Tour) -> None:
    items = [
        make_item(
            inbox,
            headers=make_headers(
                subject=one.line, from_name=one.line, from_=one.line[:250], to=(Address(one.line, one.line[:250]),)
            ),
        )
        for one in vectors
    ]
    ids = ingest.ingest_emails(inbox.account_id, items)
    found = Email.objects.in_bulk(ids)
    for pk, one in zip(ids, vectors, strict=True):
        Email.objects.filter(pk=pk).update(
            body_error=one.line[:200],
            preview=one.line[:256],
            list_id=one.line[:255],
            message_id=one.line[:998],
            subject=one.html.replace("\0", ""),
        )
        for keyword in (one.line[:255], "$forwarded"):
            EmailKeyword.objects.create(email_id=pk, keyword=keyword)
    tour.walk("/mail/inbox", following="#more a")
    for group in conversations([found[pk] for pk in ids]):
        tour.visit(thread(group[0]))


def test_names_of_accounts_and_mailboxes_and_what_servers_say_of_them(
    vectors: list[Vector], alice: User, inbox: Mailbox, tour: Tour
) -> None:
    accounts = [make_account(alice) for _ in range(ACCOUNTS)]
    rows = [make_mailbox(account, "Inbox", role="inbox") for account in accounts]
    for some in groups(vectors, ACCOUNTS):
        for account, mailbox, one in zip(accounts, rows, some, strict=False):
            line = one.line
            MailAccount.objects.filter(pk=account.pk).update(
                name=line[:100], address=f"{line[:240]} {account.pk}", incoming_host=line[:253], incoming_username=line[:254], outgoing_host=line[:253],
                outgoing_username=line[:254], state=AccountState.FAILING, state_reason=line[:600],
            )  # fmt: skip
            Mailbox.objects.filter(pk=mailbox.pk).update(name=line[:255], role="", trouble=line[:600])
            Identity.objects.filter(account=account).update(name=line[:200], signature_text=line)
        User.objects.filter(pk=alice.pk).update(name=some[0].line[:100])
        tour.visit("/mail/inbox")
        tour.visit("/settings/")
        first = accounts[0].public_id
        for name in ("account_settings", "mailbox_settings", "account_sending", "account_fetching"):
            tour.visit(reverse(name, args=[first]))
        tour.visit(reverse("mailbox", args=[first, rows[0].public_id]))


def test_searches(vectors: list[Vector], inbox: Mailbox, tour: Tour) -> None:
    # As they are, most cannot be understood, which a page says as well; as phrases they are searched for.
    for texts in ([one.line for one in vectors], [phrase(one) for one in vectors]):
        for query in queries(texts):
            tour.visit(f"/mail/search?{urlencode({'q': query})}", statuses=(200, 422))
    assert tour.page.locator(".search-chip").count() > 0


def phrase(vector: Vector) -> str:
    return '"' + vector.line[:100].replace('"', "'").replace("\\", "/") + '"'


def queries(texts: Sequence[str]) -> Iterator[str]:
    """The texts in as few searches as hold them."""
    query = ""
    for text in texts:
        if query and len(query) + len(text) >= QUERY_CHARS:
            yield query
            query = ""
        query = f"{query} {text}"[:QUERY_CHARS].strip()
    yield query


def test_drafts_and_what_the_browser_kept_of_them(
    vectors: list[Vector], alice: User, inbox: Mailbox, tour: Tour
) -> None:
    draft = drafts.create_draft(inbox.account)
    written = [Draft(account=draft.account, identity=draft.identity, message_id=f"{at}@x") for at in range(ROWS)]
    written = list(Draft.objects.bulk_create(written))
    for some in groups(vectors, ROWS):
        for row, one in zip(written, some, strict=False):
            text = one.html.replace("\0", "")
            Draft.objects.filter(pk=row.pk).update(to=one.line, cc=one.line, bcc=one.line, subject=text, text=text)
        tour.visit("/mail/drafts")
        tour.visit(reverse("compose", args=[written[0].public_id]))
        kept = {
            f"draft:{alice.pk}:{draft.public_id}:{at}": {
                "at": 1, "revision": 9, "to": one.line, "cc": one.line, "bcc": "", "subject": one.html, "text": f"{at} {one.html}", "identity": "",
            }
            for at, one in enumerate(some)
        }  # fmt: skip
        tour.page.evaluate(
            """kept => { for (const [key, copy] of Object.entries(kept)) localStorage.setItem(key, JSON.stringify({ ...copy, at: Date.now() })); }""",
            kept,
        )
        tour.visit(reverse("compose", args=[draft.public_id]))
        assert tour.page.locator("[data-bars] [data-text]").count() >= len(some) - 1
        tour.page.evaluate("localStorage.clear()")


def test_toasts(vectors: list[Vector], inbox: Mailbox, tour: Tour, settings: Any) -> None:
    settings.MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
    key = next(one["value"] for one in tour.page.context.cookies() if one["name"] == settings.SESSION_COOKIE_NAME)
    for some in groups(vectors, ROWS):
        session = import_module(settings.SESSION_ENGINE).SessionStore(key)
        request = HttpRequest()
        request.session = session
        storage = SessionStorage(request)
        for one in some:
            extra = {
                "act": {"label": one.line, "action": "/mail/undo", "fields": {"a": one.line}},
                "link": {"label": one.line, "address": "/mail/inbox"},
            }
            storage.add(messages.INFO, one.line, extra_tags=json.dumps(extra))
        session[SessionStorage.session_key] = storage.serialize_messages(storage._queued_messages)
        session.save()
        tour.visit("/mail/inbox")
        assert tour.page.locator(".toast").count() == 1


def test_the_outbox(vectors: list[Vector], alice: User, inbox: Mailbox, tour: Tour) -> None:
    rows = [submit(inbox.account) for _ in range(ROWS)]
    for some in groups(vectors, ROWS):
        for row, one in zip(rows, some, strict=False):
            line = one.line
            Submission.objects.filter(pk=row.pk).update(
                phase=Phase.FAILED,
                subject=line,
                last_reply=line[:600],
                server=line[:253],
                mail_from=line[:320],
                created_at=timezone.now(),
            )
            SubmissionRecipient.objects.filter(submission=row).update(
                email=line[:320], status="refused", reply=line[:600], report_text=line[:600]
            )
            SubmissionEvent.objects.filter(submission=row).update(text=line[:600])
        tour.visit("/outbox")
        tour.visit(reverse("outbox_item", args=[rows[0].public_id]))


def test_the_panel_of_the_operator(
    vectors: list[Vector], alice: User, inbox: Mailbox, site: Site, open_watch: OpenWatch, listeners: Listeners
) -> None:
    """It is Django's own, under no policy of ours: only what happens is looked at."""
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    accounts = [make_account(alice) for _ in range(ROWS)]
    watch = open_watch(site.address, User.objects.get(pk=alice.pk))
    page = watch.new_page()
    names = ("accounts_mailaccount", "store_mailbox", "accounts_user")
    visited = 0
    for some in groups(vectors, ROWS):
        for account, one in zip(accounts, some, strict=False):
            line = one.line
            MailAccount.objects.filter(pk=account.pk).update(
                name=line[:100],
                address=f"{line[:240]} {account.pk}",  # each is there once
                incoming_host=line[:253],
                state=AccountState.FAILING,
                state_reason=line[:600],
            )
        Mailbox.objects.filter(pk=inbox.pk).update(name=some[-1].line[:255], trouble=some[-1].line[:600])
        User.objects.filter(pk=alice.pk).update(name=some[-1].line[:100])
        for address in ("/admin/", *(reverse(f"admin:{name}_changelist") for name in names)):
            response = page.goto(address, wait_until="load")
            assert response is not None
            assert response.status == 200
            assert page.url.endswith(address)
            visited += 1
    page.close()
    assert watch.seen == [], tell(watch.seen)
    assert (listeners.names, listeners.connections) == ([], [])
    print(f"{visited} pages")


def test_the_look_finds_a_text_on_the_page_that_it_was_put_on(alice: User, inbox: Mailbox, tour: Tour) -> None:
    """The look itself is real: a text of ours is found on the page that it was put on."""
    make_email(inbox, headers=make_headers(subject="<b>shown as it is</b>"))
    tour.visit("/mail/inbox")
    assert tour.page.locator(".row__subject", has_text="<b>shown as it is</b>").count() == 1
