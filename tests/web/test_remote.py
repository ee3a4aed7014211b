"""Pictures from elsewhere: blocked until the reader says otherwise, served by us, and never when nobody may see them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.urls import reverse
from PIL import Image

from accounts.models import MailAccount, SenderRule, User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.protocols.http.server import Asked, Web, ok, says, web
from tests.protocols.loopback import Peer
from tests.web.pages import MARKER, body_of, client_of
from webmail.mime.safe_html.remote import RemoteRef
from webmail.store import blobs
from webmail.store.models import Email, EmailMailbox, FetchState, Mailbox, RemotePicture
from webmail.store.reading import pictures
from webmail.sync.pictures import fetch
from webmail.web.reading import content_links, held, remote_content
from webmail.web.reading.remote_content import Decision, bar_of, decide
from webmail.web.views import remote

pytestmark = pytest.mark.django_db

SENDER = "news@shop.example"


def encoded(kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 30, 40)).save(out, kind)
    return out.getvalue()


PNG = encoded()
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>"


def answer(peer: Peer, asked: Asked) -> None:
    found = {"/logo.png": ok(PNG, "Set-Cookie: a=b"), "/svg": ok(SVG, content_type="image/png")}
    found.get(asked.path, says("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"))(peer, asked)


@pytest.fixture
def upstream() -> Iterator[Web]:
    with web(answer) as running:
        yield running


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def account(alice: User) -> MailAccount:
    return make_account(alice)


@pytest.fixture
def inbox(account: MailAccount) -> Mailbox:
    return make_mailbox(account, "Inbox", role="inbox")


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


def newsletter(mailbox: Mailbox, *urls: str, sender: str = SENDER) -> Email:
    """A message with these pictures and two trackers."""
    pictures_of_it = "".join(f'<img src="{url}" alt="picture {number}" width="40">' for number, url in enumerate(urls))
    return make_email_from_bytes(
        mailbox,
        (
            f"From: Shop <{sender}>\r\nSubject: News\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>{pictures_of_it}"
            '<img src="https://x.list-manage.com/track/open.php?u=1" width="1" height="1">'
            '<img src="https://t.hubspotemail.net/e2t/o/abc" width="1" height="1">'
        ).encode(),
    )


def address_of(user: User, email: Email, number: int = 0, *, allowed: bool = True) -> str:
    return f"{content_links.content_path(user, email, once=allowed)}r/{number}"


def frame_of(page: str) -> str:
    """Where the frame of the message leads."""
    found = re.search(r'src="(/mail/c/[^"]+/body[^"]*)"', page)
    assert found is not None
    return found[1]


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "WAIT_S", 0.0)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, alice: User) -> None:
    """While a page waits, the worker runs."""

    async def run_worker(_seconds: float) -> None:
        await sync_to_async(fetch.fetch_pictures)(alice.pk)

    monkeypatch.setattr(held.asyncio, "sleep", run_worker)


# Served by us -----------------------------------------------------------------------------------------------------


@pytest.mark.req("R18")
@pytest.mark.req("R19")
@pytest.mark.usefixtures("worker")
def test_an_allowed_picture_is_fetched_by_a_worker_and_served_by_us(alice: User, inbox: Mailbox, upstream: Web) -> None:
    email = newsletter(inbox, upstream.url("/logo.png"))
    response = Client().get(address_of(alice, email))
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(response.content)).size == (8, 8)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert response.headers["Cache-Control"] == f"private, max-age={remote.KEPT_S}, immutable"
    assert not response.cookies
    assert [asked.path for asked in upstream.requests] == ["/logo.png"]
    assert Client().get(address_of(alice, email)).content == response.content
    assert len(upstream.requests) == 1, "the second look is served from what is here"


@pytest.mark.req("R18")
def test_no_page_asks_a_stranger_by_itself(
    alice: User, inbox: Mailbox, upstream: Web, client: Client, no_wait: None
) -> None:
    email = newsletter(inbox, upstream.url("/logo.png"))
    client.get(reverse("message", args=[email.public_id]))
    client.post(reverse("remote_rule", args=[email.public_id]), {"show": "sender"}, follow=True)
    response = Client().get(address_of(alice, email))
    assert (response.status_code, response.content) == (504, b"")
    assert response.headers["Cache-Control"] == "no-store, private"
    assert upstream.requests == []
    assert RemotePicture.objects.get().state == FetchState.WANTED


@pytest.mark.usefixtures("no_wait")
def test_the_first_picture_asks_for_all_of_the_message_and_for_no_tracker(alice: User, inbox: Mailbox) -> None:
    urls = [f"https://pictures.example/{number}.png" for number in range(4)]
    Client().get(address_of(alice, newsletter(inbox, *urls), 2))
    assert sorted(RemotePicture.objects.values_list("url", flat=True)) == urls
    assert set(RemotePicture.objects.values_list("user", flat=True)) == {alice.pk}


@pytest.mark.req("R17")
@pytest.mark.usefixtures("worker")
def test_trackers_are_never_served(alice: User, inbox: Mailbox, upstream: Web) -> None:
    email = newsletter(inbox, upstream.url("/logo.png"))
    for number in (1, 2):
        assert Client().get(address_of(alice, email, number)).status_code == 404
    assert Client().get(address_of(alice, email, 3)).status_code == 404
    assert not RemotePicture.objects.exists()


@pytest.mark.req("R19")
@pytest.mark.usefixtures("worker")
def test_a_refused_picture_is_nothing_and_nobody_keeps_that(alice: User, inbox: Mailbox, upstream: Web) -> None:
    email = newsletter(inbox, upstream.url("/svg"), upstream.url("/gone"))
    for number in (0, 1):
        response = Client().get(address_of(alice, email, number))
        assert (response.status_code, response.content) == (404, b"")
        assert response.headers["Cache-Control"] == "no-store, private"


@pytest.mark.usefixtures("worker")
def test_bytes_that_were_lost_are_fetched_again(
    alice: User, inbox: Mailbox, upstream: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = newsletter(inbox, upstream.url("/logo.png"))
    assert Client().get(address_of(alice, email)).status_code == 200

    def damaged(_blob: object) -> bytes:
        raise blobs.BlobDamaged("damaged")

    with monkeypatch.context() as patch:
        patch.setattr(blobs, "read_blob", damaged)
        assert Client().get(address_of(alice, email)).status_code == 404
    assert Client().get(address_of(alice, email)).status_code == 200
    assert len(upstream.requests) == 2


# Who may see it ---------------------------------------------------------------------------------------------------


@pytest.mark.req("R18")
@pytest.mark.usefixtures("worker")
def test_the_key_is_of_one_person_one_message_and_one_permission(alice: User, inbox: Mailbox, upstream: Web) -> None:
    email, other = newsletter(inbox, upstream.url("/logo.png")), newsletter(inbox, upstream.url("/logo.png?2"))
    allowed, blocked = address_of(alice, email), address_of(alice, email, allowed=False)
    assert allowed != blocked
    assert Client().get(blocked).status_code == 404
    assert Client().get(allowed.replace(email.public_id, other.public_id)).status_code == 404
    key = allowed.split("/")[3]
    assert Client().get(allowed.replace(key, key[:-2] + ("aa" if key[-2:] != "aa" else "bb"))).status_code == 404
    assert address_of(alice, other) != allowed
    assert upstream.requests == []
    assert Client().get(allowed).status_code == 200
    alice.is_active = False
    alice.save()
    assert Client().get(allowed).status_code == 404


@pytest.mark.usefixtures("worker")
def test_in_junk_nothing_is_served_even_with_a_key(
    alice: User, inbox: Mailbox, account: MailAccount, upstream: Web
) -> None:
    email = newsletter(inbox, upstream.url("/logo.png"))
    junk = make_mailbox(account, "Junk", role="junk")
    EmailMailbox.objects.filter(email=email).update(mailbox=junk)
    assert Client().get(address_of(alice, email)).status_code == 404
    assert upstream.requests == []


@pytest.mark.req("R20")
@pytest.mark.usefixtures("no_wait")
def test_what_another_person_has_loaded_is_not_here_for_me(alice: User, inbox: Mailbox, upstream: Web) -> None:
    url = upstream.url("/logo.png")
    bob = make_user("bob")
    theirs = newsletter(make_mailbox(make_account(bob), "Inbox", role="inbox"), url)
    mine = newsletter(inbox, url)
    Client().get(address_of(bob, theirs))
    fetch.fetch_pictures(bob.pk)
    assert Client().get(address_of(bob, theirs)).status_code == 200
    assert Client().get(address_of(alice, mine)).status_code == 504, "alice waits for a worker like the first of all"


@pytest.mark.req("R3")
@pytest.mark.usefixtures("worker")
def test_with_a_second_host_pictures_come_from_it(alice: User, inbox: Mailbox, upstream: Web, settings: Any) -> None:
    settings.CONTENT_URL = "https://content.example.org"
    settings.ALLOWED_HOSTS = ["testserver", "content.example.org"]
    address = address_of(alice, newsletter(inbox, upstream.url("/logo.png")))
    assert address.startswith("https://content.example.org/mail/c/")
    path = address.removeprefix("https://content.example.org")
    response = Client().get(path, headers={"host": "content.example.org"}, secure=True)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "image/png")
    assert not response.cookies


def test_a_picture_is_shown_by_get_alone(alice: User, inbox: Mailbox) -> None:
    address = address_of(alice, newsletter(inbox, "https://pictures.example/a.png"))
    assert Client().post(address).status_code == 405
    assert not RemotePicture.objects.exists()


def test_a_message_without_pictures_has_none(alice: User, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, b"Subject: x\r\n\r\nHello\r\n")
    assert Client().get(address_of(alice, email)).status_code == 404
    assert Client().get(address_of(alice, email, 99_999)).status_code == 404


# The bar and the choice -------------------------------------------------------------------------------------------


@pytest.mark.req("R17")
def test_by_default_pictures_are_blocked_counted_and_trackers_named(
    client: Client, inbox: Mailbox, upstream: Web
) -> None:
    email = newsletter(inbox, upstream.url("/logo.png"), upstream.url("/other.png"), upstream.url("/third.png"))
    page = body_of(client.get(reverse("message", args=[email.public_id])))
    assert "3 pictures and 2 trackers blocked: Mailchimp, HubSpot." in page
    assert all(text in page for text in ("Show pictures", "Always from this sender", "From shop.example"))
    document = client.get(frame_of(page)).content.decode()
    assert "r/0" not in document
    assert str(upstream.server.port) not in document
    assert upstream.requests == []


@pytest.mark.usefixtures("worker")
def test_once_without_scripts_shows_the_pictures_of_this_message_now(
    client: Client, inbox: Mailbox, upstream: Web
) -> None:
    email = newsletter(inbox, upstream.url("/logo.png"))
    answer = client.post(reverse("remote_rule", args=[email.public_id]), {"show": "once"})
    assert answer.status_code == 303
    page = body_of(client.get(answer["Location"]))
    assert "2 trackers blocked: Mailchimp, HubSpot." in page
    assert "Show pictures" not in page
    frame = frame_of(page)
    document = client.get(frame).content.decode()
    assert 'src="r/0"' in document
    assert "list-manage" not in document
    assert Client().get(f"{frame.rpartition('/')[0]}/r/0").status_code == 200
    assert not SenderRule.objects.exists()
    again = body_of(client.get(reverse("message", args=[email.public_id])))
    assert "1 picture and 2 trackers blocked" in again


@pytest.mark.parametrize(("choice", "value"), [("sender", SENDER), ("domain", "shop.example")])
def test_a_rule_shows_the_pictures_of_later_messages_too_and_can_be_taken_back(
    client: Client, alice: User, inbox: Mailbox, choice: str, value: str
) -> None:
    first, second = newsletter(inbox, "https://p.example/1.png"), newsletter(inbox, "https://p.example/2.png")
    answer = client.post(reverse("remote_rule", args=[first.public_id]), {"show": choice}, follow=True)
    assert f"Pictures from this {choice} are shown." in body_of(answer)
    assert SenderRule.objects.get(user=alice).value == value
    page = body_of(client.get(reverse("message", args=[second.public_id])))
    assert "2 trackers blocked: Mailchimp, HubSpot." in page
    assert 'src="r/0"' in client.get(frame_of(page)).content.decode()
    client.post(reverse("remote_rule", args=[second.public_id]), {"show": "none"})
    assert not SenderRule.objects.exists()
    assert "1 picture and 2 trackers blocked" in body_of(client.get(reverse("message", args=[second.public_id])))


def test_with_scripts_only_the_content_is_asked_for_anew(client: Client, inbox: Mailbox) -> None:
    email = newsletter(inbox, "https://p.example/1.png")
    headers = {"HX-Request": "true"}
    address = reverse("remote_rule", args=[email.public_id])
    answer = client.post(address, {"show": "once"}, headers=headers)
    assert answer.status_code == 303
    assert answer["Location"].startswith(reverse("message_content", args=[email.public_id]))
    content = body_of(client.get(answer["Location"], headers=headers))
    assert "<html" not in content
    assert "2 trackers blocked" in content


@pytest.mark.parametrize("posted", [{}, {"show": ""}, {"show": "everything"}, {"show": MARKER}])
def test_any_other_choice_allows_nothing(client: Client, inbox: Mailbox, posted: dict[str, str]) -> None:
    email = newsletter(inbox, "https://p.example/1.png")
    answer = client.post(reverse("remote_rule", args=[email.public_id]), posted)
    assert answer["Location"] == reverse("message", args=[email.public_id])
    assert not SenderRule.objects.exists()


def test_the_choice_is_posted_and_never_made_by_an_address(client: Client, inbox: Mailbox) -> None:
    email = newsletter(inbox, "https://p.example/1.png")
    assert client.get(reverse("remote_rule", args=[email.public_id])).status_code == 405
    page = body_of(client.get(reverse("message", args=[email.public_id]), {"pictures": "1"}))
    assert "Show pictures" in page


def test_a_word_that_allows_once_is_for_one_person_one_message_and_ten_minutes(
    alice: User, inbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    email, other = newsletter(inbox, "https://p.example/1.png"), newsletter(inbox, "https://p.example/2.png")
    word = remote_content.grant(alice, email)
    assert remote_content.is_granted(alice, email, word)
    assert not remote_content.is_granted(alice, other, word)
    assert not remote_content.is_granted(make_user("bob"), email, word)
    assert not remote_content.is_granted(alice, email, word[:-1])
    assert not remote_content.is_granted(alice, email, "")
    monkeypatch.setattr(remote_content, "GRANT_S", -1)
    assert not remote_content.is_granted(alice, email, word)


@pytest.mark.req("R9")
def test_hostile_senders_are_text_in_the_bar(client: Client, inbox: Mailbox) -> None:
    email = newsletter(inbox, "https://p.example/1.png")
    Email.objects.filter(pk=email.pk).update(addresses={"from": [["x", f"a@{MARKER}.example"]]})
    content = client.get(reverse("message", args=[email.public_id])).content.decode()
    assert MARKER not in content


# Whether ----------------------------------------------------------------------------------------------------------


def rule(user: User, value: str) -> None:
    SenderRule.objects.create(user=user, kind=SenderRule.Kind.PICTURES, value=value)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "ask"),
        ({"once": True}, "once"),
        ({"rule": SENDER}, "sender"),
        ({"rule": "shop.example"}, "domain"),
        ({"rule": "example"}, "ask"),
        ({"rule": "p.example"}, "ask"),
        ({"rule": SENDER, "is_forged": True}, "forged"),
        ({"rule": "shop.example", "is_forged": True}, "forged"),
        ({"is_forged": True, "once": True}, "once"),
        ({"remote_pictures": "always"}, "always"),
        ({"remote_pictures": "always", "in_junk": True}, "junk"),
        ({"rule": SENDER, "in_junk": True}, "junk"),
        ({"once": True, "in_junk": True}, "junk"),
        ({"remote_pictures": "always", "is_protected": True}, "protected"),
        ({"once": True, "is_protected": True}, "protected"),
    ],
)
def test_whether_pictures_are_shown(alice: User, inbox: Mailbox, given: dict[str, Any], reason: str) -> None:
    alice.remote_pictures = given.pop("remote_pictures", "ask")
    if "rule" in given:
        rule(alice, given.pop("rule"))
    rule(make_user("bob"), SENDER)
    decision = decide(alice, newsletter(inbox), **{"in_junk": False, **given})
    assert decision.reason == reason
    assert decision.shows == (reason in {"once", "sender", "domain", "always"})


@pytest.mark.parametrize(
    "senders",
    [
        [],
        [["Shop", ""]],
        [["Shop", SENDER], ["Other", "x@other.example"]],
        [["Shop", "shop.example"]],
        [["Shop", "@shop.example"]],
        [["Shop", f"{SENDER}\u202e"]],
    ],
)
def test_a_message_from_nobody_in_particular_has_no_rule(alice: User, inbox: Mailbox, senders: list[list[str]]) -> None:
    rule(alice, SENDER)
    rule(alice, "shop.example")
    email = newsletter(inbox)
    email.addresses = {"from": senders}
    assert decide(alice, email, in_junk=False).reason == "ask"
    remote_content.set_rule(alice, SenderRule.Kind.PICTURES, email, "sender")
    assert SenderRule.objects.count() == 2


def test_case_does_not_matter(alice: User, inbox: Mailbox) -> None:
    email = newsletter(inbox, sender="News@Shop.EXAMPLE")
    remote_content.set_rule(alice, SenderRule.Kind.PICTURES, email, "sender")
    remote_content.set_rule(alice, SenderRule.Kind.PICTURES, email, "sender")
    assert SenderRule.objects.get().value == SENDER
    assert decide(alice, newsletter(inbox), in_junk=False).reason == "sender"


def refs(pictures_count: int, *trackers: str) -> list[RemoteRef]:
    plain = [RemoteRef(f"https://p.example/{number}", "picture") for number in range(pictures_count)]
    return [*plain, *(RemoteRef(f"https://t.example/{n}", "picture", name) for n, name in enumerate(trackers))]


@pytest.mark.parametrize(
    ("decision", "remote_refs", "text"),
    [
        (Decision("ask"), refs(1), "1 picture blocked."),
        (Decision("ask"), refs(3, "Mailchimp", "HubSpot"), "3 pictures and 2 trackers blocked: Mailchimp, HubSpot."),
        (Decision("ask"), refs(0, ""), "1 tracker blocked."),
        (Decision("ask"), refs(2, "", "Braze", "Braze"), "2 pictures and 3 trackers blocked: Braze."),
        (Decision("ask"), refs(0, *"ABCDEF"), "6 trackers blocked: A, B, C, D and 2 more."),
        (Decision("always"), refs(3, "Mailchimp"), "1 tracker blocked: Mailchimp."),
        (
            Decision("sender"),
            refs(3, "Mailchimp"),
            "1 tracker blocked: Mailchimp. Pictures from this sender are shown.",
        ),
        (Decision("domain", is_fresh=True), refs(3), "Pictures from this domain are shown."),
        (Decision("junk"), refs(1), "1 picture blocked. In Junk nothing is loaded from elsewhere."),
    ],
)
def test_what_the_bar_says(inbox: Mailbox, decision: Decision, remote_refs: list[RemoteRef], text: str) -> None:
    bar = bar_of(newsletter(inbox), decision, remote_refs)
    assert bar is not None
    assert bar.text == text


@pytest.mark.parametrize(
    ("decision", "remote_refs"),
    [
        (Decision("ask"), refs(0)),
        (Decision("always"), refs(3)),
        (Decision("once", is_fresh=True), refs(3)),
        (Decision("sender"), refs(3)),
    ],
)
def test_where_there_is_nothing_to_say_there_is_no_bar(
    inbox: Mailbox, decision: Decision, remote_refs: list[RemoteRef]
) -> None:
    assert bar_of(newsletter(inbox), decision, remote_refs) is None


@pytest.mark.parametrize(
    ("reason", "may_show", "may_trust", "may_undo"),
    [
        ("ask", True, True, False),
        ("forged", True, False, False),
        ("junk", False, False, False),
        ("protected", False, False, False),
        ("sender", False, False, True),
        ("domain", False, False, True),
        ("always", False, False, False),
    ],
)
def test_what_the_bar_offers(inbox: Mailbox, reason: Any, may_show: bool, may_trust: bool, may_undo: bool) -> None:
    bar = bar_of(newsletter(inbox), Decision(reason), refs(1, "Mailchimp"))
    assert bar is not None
    assert (bar.may_show, bar.may_trust, bar.may_undo) == (may_show, may_trust, may_undo)


def test_with_trackers_alone_there_is_nothing_to_show(inbox: Mailbox) -> None:
    bar = bar_of(newsletter(inbox), Decision("ask"), refs(0, "Mailchimp"))
    assert bar is not None
    assert not bar.may_show


def test_pictures_of_a_worker_that_is_slower_than_the_page_are_there_at_the_next_look(
    alice: User, inbox: Mailbox, upstream: Web, no_wait: None
) -> None:
    email = newsletter(inbox, upstream.url("/logo.png"))
    assert Client().get(address_of(alice, email)).status_code == 504
    fetch.fetch_pictures(alice.pk)
    assert pictures.people_who_wait() == []
    assert Client().get(address_of(alice, email)).status_code == 200
