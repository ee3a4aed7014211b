"""Every hostile text in every place of a message, through the pages that people read: nothing runs, nothing leaves."""

from __future__ import annotations

import re

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories import make_account, make_mailbox, make_user
from tests.security import letters
from tests.security.conftest import OpenWatch
from tests.security.lane import SLICES, chosen, slice_of
from tests.security.listeners import Listeners
from tests.security.reading import Tour
from tests.security.stage import conversations, deliver
from tests.security.stand import Stand, batches
from tests.security.vectors import Vector
from tests.security.watch import tell
from tests.web.browser.conftest import Site
from tests.web.pages import client_of
from webmail.store.models import Mailbox

pytestmark = [
    pytest.mark.browser,
    pytest.mark.corpus,
    pytest.mark.timeout(900),
    *(pytest.mark.req(number) for number in ("R1", "R2", "R5", "R7", "R9", "R10", "R11", "R13", "R17")),
]

BATCH = 40


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    return make_mailbox(make_account(alice), "Inbox", role="inbox")


def thread(email: object) -> str:
    return reverse("thread", args=[email.thread.public_id])  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", range(SLICES))
def test_nothing_in_any_place_of_a_message_runs_or_leaves(
    number: int,
    own: list[Vector],
    public: list[Vector],
    alice: User,
    inbox: Mailbox,
    site: Site,
    stand: Stand,
    open_watch: OpenWatch,
    listeners: Listeners,
) -> None:
    vectors = slice_of([*own, *chosen(public)], number)
    found = deliver(inbox, [letters.everywhere(one, number=at) for at, one in enumerate(vectors)])
    watch = open_watch(site.address, alice)
    tour = Tour(watch, watch.new_page())
    tour.walk("/mail/inbox", following="#more a")
    for group in conversations(found):
        tour.visit(thread(group[0]))

    assert watch.seen == [], tell(watch.seen)
    assert (listeners.names, listeners.connections) == ([], [])
    # The watch saw what it was to see: a frame for nearly each message (some texts leave nothing to show).
    assert len(tour.bodies) > 0.8 * len(vectors)
    print(f"slice {number}: {len(vectors)} texts, {tour.pages} pages, {len(tour.bodies)} frames")
    # The cleaner alone is enough: the served bytes in a document without sandbox and policy.
    bare = open_watch(stand.address)
    show_bare(client_of(alice), tour.bodies, site, stand, bare)
    assert bare.seen == [], tell(bare.seen)
    assert (listeners.names, listeners.connections) == ([], [])


def show_bare(client: Client, addresses: list[str], site: Site, stand: Stand, watch: object) -> None:
    """The documents behind these addresses, side by side and without any protection."""
    for some in batches(addresses, BATCH):
        documents = {str(at): client.get(address.removeprefix(site.address)).content for at, address in enumerate(some)}
        assert all(b"<body" in one for one in documents.values())
        page = watch.new_page()  # type: ignore[attr-defined]
        stand.show(page, documents, {})
        assert len(page.main_frame.child_frames) == len(documents)
        page.close()


@pytest.mark.req("R21")
def test_whatever_a_message_links_to_is_inert(
    own: list[Vector], alice: User, inbox: Mailbox, site: Site, open_watch: OpenWatch, listeners: Listeners
) -> None:
    found = deliver(inbox, [letters.everywhere(one, number=at) for at, one in enumerate(own)])
    watch = open_watch(site.address, alice)
    tour = Tour(watch, watch.new_page())
    links: dict[str, None] = {}
    for group in conversations(found):
        tour.visit(thread(group[0]))
        links |= dict.fromkeys(tour.page.evaluate(LINKS))
    assert len(links) > 8 * len(own)
    client = client_of(alice)
    opened = 0
    for at, link in enumerate(links):
        response = client.get(link)
        assert response.status_code in {200, 302}, link
        if response.status_code == 200 and not is_held(response):
            pytest.fail(f"{link}: {response.headers}")
        is_shown = response.status_code == 200 and not response.headers.get("Content-Disposition", "").startswith("attachment")
        if is_shown and at % EVERY == 0:
            tour.page.goto(link, wait_until="load")
            watch.look_at(tour.page, is_page="sandbox" not in response.headers["Content-Security-Policy"], where=link)
            opened += 1
    assert opened > 10
    assert watch.seen == [], tell(watch.seen)
    assert (listeners.names, listeners.connections) == ([], [])
    print(f"{len(links)} links, {opened} opened")


# Every address of ours that stands in the reading pane.
LINKS = """() => [...document.querySelectorAll(".message a[href], .message img[src], .message iframe[src], .message embed[src], .message object[data]")]
    .map(node => new URL(node.href || node.src || node.data, location.href)).filter(url => url.origin === location.origin).map(url => url.pathname + url.search)"""
EVERY = 7  # one in so many is opened in the browser


def is_held(response: HttpResponse) -> bool:
    """Ours, under our policy for pages; or a stranger's, in a sandbox and of a type that no browser takes for a document."""
    policy = response.headers["Content-Security-Policy"]
    if response.headers["X-Content-Type-Options"] != "nosniff":
        return False
    if "sandbox" in policy:
        kind = response.headers["Content-Type"].partition(";")[0]
        is_body = "allow-popups" in policy and kind == "text/html"
        return "default-src 'none'" in policy and "allow-scripts" not in policy and (is_body or not re.search("html|xml|svg|script", kind))
    return "script-src" in policy and "unsafe" not in policy
