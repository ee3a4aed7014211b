"""The frame around a message holds whatever is in it: headers, an opaque origin, links that open a tab, and no paint outside (R2, R8)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from django.urls import reverse
from PIL import Image, ImageChops, ImageDraw
from playwright.sync_api import Page

from accounts.models import User
from tests.factories import make_account, make_mailbox, make_user
from tests.security import letters
from tests.security.conftest import OpenWatch
from tests.security.lane import IS_FULL, chosen
from tests.security.listeners import Listeners
from tests.security.reading import FRAME, TOKENS, Tour
from tests.security.stage import conversations, deliver
from tests.security.vectors import Vector
from tests.security.watch import tell
from tests.web.browser.conftest import Site
from tests.web.pages import client_of
from webmail.store.models import Email, Mailbox

pytestmark = pytest.mark.browser

# What tries to paint where it should not; of the rest a few.
OVERLAY_WORDS = ("position", "margin", "transform", "z-index", "inset", "9999")
MAX_FRAME_PX = 20_000
ROUNDING = 4
SETTLE_MS = 1_000
LINK = '<p><a href="https://link.example/page">a link</a> <a href="https://self.example/" target="_self">another</a> <a href="https://top.example/" target="_top">a third</a></p>'


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    return make_mailbox(make_account(alice), "Inbox", role="inbox")


@pytest.fixture
def tour(alice: User, site: Site, open_watch: OpenWatch) -> Iterator[Tour]:
    watch = open_watch(site.address, alice)
    found = Tour(watch, watch.new_page())
    yield found
    found.page.close()


def put(inbox: Mailbox, *vectors: Vector) -> list[Email]:
    return deliver(inbox, [letters.html_only(one, number=at) for at, one in enumerate(vectors)])


def outside(page: Page) -> Image.Image:
    """The page with the inside of its frame blacked out."""
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide"))).convert("RGB")
    draw = ImageDraw.Draw(picture)
    box = page.locator(FRAME).bounding_box()
    assert box is not None
    draw.rectangle((box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]), fill=(0, 0, 0))
    return picture


def painted_outside(before: Image.Image, after: Image.Image) -> bool:
    """Whether a pixel differs by more than the compositor rounds when it draws the same twice (2 of 255 were seen)."""
    return (
        ImageChops.difference(before, after).point(lambda value: 255 if value > ROUNDING else 0).getbbox() is not None
    )


@pytest.mark.req("R8")
@pytest.mark.timeout(600)
def test_no_message_paints_outside_of_its_frame(own: list[Vector], inbox: Mailbox, tour: Tour) -> None:
    wanted = [one for one in own if any(word in one.html for word in OVERLAY_WORDS)]
    assert len(wanted) >= 10
    _assert_inside(wanted, inbox, tour)


@pytest.mark.req("R8")
@pytest.mark.corpus
@pytest.mark.timeout(900)
def test_no_public_text_paints_outside_of_the_frame(public: list[Vector], inbox: Mailbox, tour: Tour) -> None:
    wanted = [one for one in chosen(public) if "style" in one.html.lower()][: 120 if IS_FULL else 8]
    _assert_inside(wanted, inbox, tour)


def _assert_inside(wanted: list[Vector], inbox: Mailbox, tour: Tour) -> None:
    shown = 0
    for email, one in zip(put(inbox, *wanted), wanted, strict=True):
        tour.visit(f"/mail/m/{email.public_id}")
        page = tour.page
        if page.locator(FRAME).count() == 0:
            continue  # nothing of it is left to be shown
        box = page.locator(FRAME).bounding_box()
        assert box is not None
        assert box["height"] <= MAX_FRAME_PX
        after = outside(page)
        # The same page with an empty frame: its address is kept, only what the frame shows goes.
        page.locator(FRAME).evaluate(
            "frame => new Promise(done => { frame.onload = done; frame.removeAttribute('src'); frame.src = 'about:blank'; })"
        )
        assert not painted_outside(outside(page), after), one.id
        shown += 1
    print(f"{shown} messages, each looked at twice")
    assert shown > len(wanted) // 2
    assert tour.watch.seen == [], tell(tour.watch.seen)


@pytest.mark.req("R8")
def test_the_look_at_the_paint_sees_what_is_painted_outside(own: list[Vector], inbox: Mailbox, tour: Tour) -> None:
    email = put(inbox, Vector("plain", "<p>Hello</p>"))[0]
    login_box = next(one for one in own if one.id == "own-login_box")
    tour.visit(f"/mail/m/{email.public_id}")
    before = outside(tour.page)
    assert not painted_outside(before, outside(tour.page))
    # As if the message stood in our own document; its style is set by script, which the policy of the page allows nobody else.
    tour.page.evaluate(
        """html => { const body = new DOMParser().parseFromString(html, "text/html").body; const node = body.firstElementChild;
        document.body.append(node); node.style.cssText = node.getAttribute("style"); }""",
        login_box.html,
    )
    assert painted_outside(before, outside(tour.page))


@pytest.mark.req("R2")
def test_every_body_of_ours_comes_with_the_headers_that_hold_it(
    own: list[Vector], alice: User, inbox: Mailbox, site: Site, tour: Tour
) -> None:
    for group in conversations(put(inbox, *own)):
        tour.visit(reverse("thread", args=[group[0].thread.public_id]))
    assert len(tour.bodies) > 0.8 * len(own)
    for address in tour.bodies:
        response = client_of(alice).get(address.removeprefix(site.address))
        policy = dict(
            part.strip().partition(" ")[::2] for part in response.headers["Content-Security-Policy"].split(";")
        )
        images = policy.pop("img-src").split()
        assert policy.pop("frame-ancestors")
        assert policy == {
            "sandbox": TOKENS,
            "default-src": "'none'",
            "style-src": "'unsafe-inline'",
            "form-action": "'none'",
            "base-uri": "'none'",
        }
        # Pictures come from this message's own addresses alone.
        foreign = [
            one for one in images if one not in {"data:", "'none'"} and not (one.endswith("/") and "/mail/" in one)
        ]
        assert foreign == []
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.req("R2")
def test_the_twin_that_measures_a_frame_may_run_one_script_of_ours_and_nothing_else(
    own: list[Vector], alice: User, inbox: Mailbox, site: Site, tour: Tour
) -> None:
    tour.visit(f"/mail/m/{put(inbox, own[0])[0].public_id}")
    assert len(tour.twins) == 1
    response = client_of(alice).get(tour.twins[0].removeprefix(site.address))
    policy = dict(part.strip().partition(" ")[::2] for part in response.headers["Content-Security-Policy"].split(";"))
    assert policy["sandbox"] == "allow-scripts"
    assert re.fullmatch(r"'sha256-[A-Za-z0-9+/=]{44}'", policy["script-src"])
    assert policy["default-src"] == policy["form-action"] == policy["base-uri"] == "'none'"
    assert response.content.count(b"<script") == 1


@pytest.mark.req("R2")
def test_a_body_opened_in_a_tab_is_just_as_inert(
    own: list[Vector], inbox: Mailbox, tour: Tour, listeners: Listeners
) -> None:
    for group in conversations(put(inbox, *own)):
        tour.visit(reverse("thread", args=[group[0].thread.public_id]))
    for address in tour.bodies:
        tour.page.goto(address, wait_until="load")
        tour.watch.look_at(tour.page, is_page=False)
        assert tour.page.url == address
        assert tour.page.evaluate("window.origin") == "null"
    assert len(tour.bodies) > 0.8 * len(own)
    assert tour.watch.seen == [], tell(tour.watch.seen)
    assert (listeners.names, listeners.connections) == ([], [])


@pytest.mark.req("R2")
def test_scripts_in_a_body_are_stopped_by_sandbox_and_policy_alone(inbox: Mailbox, tour: Tour) -> None:
    """The second wall: a document of ours that a script did get into, in the frame and in a tab, with our own headers."""
    email = put(inbox, Vector("plain", "<p>Hello</p>"))[0]
    frame = tour.visit(f"/mail/m/{email.public_id}")[0]
    address = frame.url

    def infect(route: object) -> None:
        answer = route.fetch()  # type: ignore[attr-defined]
        hostile = '<script>PWNED()</script><img src="https://wall.example/PWNED" onerror="PWNED()"><meta http-equiv="refresh" content="0;url=https://wall.example/">'
        route.fulfill(response=answer, body=answer.text().replace("</body>", f"{hostile}</body>"))  # type: ignore[attr-defined]

    tour.page.route(re.compile(r"/body(?:\?|$)"), infect)
    tour.page.reload(wait_until="load")
    tour.page.wait_for_timeout(SETTLE_MS)  # the frame, and the twin in which a script of ours may run
    tour.page.goto(address, wait_until="load")
    kinds = {seen.kind for seen in tour.watch.seen}
    assert "blocked" in kinds
    assert not kinds & {"script", "dialog", "popup"}, tell(tour.watch.seen)


@pytest.mark.req("R2")
def test_links_of_a_message_open_a_tab_that_knows_nothing_of_us(inbox: Mailbox, tour: Tour) -> None:
    email = put(inbox, Vector("links", LINK))[0]
    frame = tour.visit(f"/mail/m/{email.public_id}")[0]
    reading = tour.page.url
    tour.page.context.route(
        "https://*.example/**", lambda route: route.fulfill(content_type="text/html", body="<p>elsewhere</p>")
    )
    for words, host in (("a link", "link.example"), ("another", "self.example"), ("a third", "top.example")):
        with tour.page.context.expect_page() as opened:
            frame.get_by_text(words, exact=True).click()
        tab = opened.value
        tab.wait_for_load_state("load")
        tab.wait_for_url(f"https://{host}/**")
        # A tab like any other, which the sandbox of the frame does not follow; it learns nothing of where it was opened.
        assert tab.evaluate("[window.opener, document.referrer, window.origin]") == [None, "", f"https://{host}"]
        tab.close()
    assert tour.page.url == reading
