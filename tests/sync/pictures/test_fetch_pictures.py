"""A worker fetches what a person's pages wait for: drawn anew or refused, each once, whatever the other side does (R18, R19)."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from PIL import Image

from accounts.models import User
from tests.factories import make_user
from tests.mime.test_pictures import png_of_size
from tests.protocols.http.server import Asked, Web, leads_to, ok, says, web
from tests.protocols.loopback import Peer
from webmail.protocols.http.fetch import MAX_BYTES
from webmail.store import blobs, leases
from webmail.store.errors import StorageFull
from webmail.store.models import FetchState, Lease, RemotePicture
from webmail.store.reading import pictures
from webmail.sync.pictures import fetch
from webmail.workers import schedule, tasks, waiting

pytestmark = pytest.mark.django_db


def encoded(kind: str = "PNG", size: tuple[int, int] = (8, 8)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 40)).save(out, kind)
    return out.getvalue()


ANSWERS = {
    "/logo.png": ok(encoded()),
    "/photo.jpg": ok(encoded("JPEG"), "Set-Cookie: reader=7"),
    "/svg": ok(b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", content_type="image/png"),
    "/html": ok(b"<!doctype html><script>1</script>", content_type="image/png"),
    "/wrong": ok(encoded(), content_type="text/html"),
    "/large": says(f"HTTP/1.1 200 OK\r\nContent-Length: {MAX_BYTES + 1}\r\n\r\n"),
    "/huge": ok(png_of_size(6_000, 4_000)),
    "/loop": leads_to("/loop"),
    "/inside": leads_to("http://10.0.0.1/"),
    "/broken": ok(encoded()[:40]),
    "/packed": ok(encoded(), "Content-Encoding: gzip"),
}
MISSING = says("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")


def answer(peer: Peer, asked: Asked) -> None:
    """What the stranger's server has, by path."""
    ANSWERS.get(asked.path, MISSING)(peer, asked)


@pytest.fixture
def upstream() -> Iterator[Web]:
    with web(answer) as running:
        yield running


@pytest.fixture
def alice() -> User:
    return make_user()


def fetched(user: User, *urls: str) -> dict[str, RemotePicture]:
    pictures.want_pictures(user.pk, urls)
    fetch.fetch_pictures(user.pk)
    return {picture.url: picture for picture in RemotePicture.objects.filter(user=user).select_related("blob")}


@pytest.mark.req("R18")
@pytest.mark.req("R19")
def test_what_is_kept_is_a_picture_of_our_own_making(alice: User, upstream: Web) -> None:
    urls = [
        upstream.url("/logo.png?reader=7"),
        upstream.url("/logo.png"),
        upstream.url("/photo.jpg"),
        upstream.url("/wrong"),
    ]
    rows = fetched(alice, *urls)
    for url, media_type in zip(urls[1:], ("image/png", "image/jpeg", "image/png"), strict=True):
        row = rows[url]
        assert (row.state, row.type) == (FetchState.DONE, media_type), row.reason
        assert row.blob is not None
        drawn = blobs.read_blob(row.blob)
        assert Image.open(io.BytesIO(drawn)).size == (8, 8)
    assert rows[urls[0]].state == FetchState.REFUSED, "the path with a query is another one there"


@pytest.mark.req("R19")
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/svg", "not a picture"),
        ("/html", "not a picture"),
        ("/large", "too large"),
        ("/huge", "more than 20 million pixels"),
        ("/loop", "too many redirects"),
        ("/inside", "address not allowed"),
        ("/broken", "damaged"),
        ("/packed", "still encoded"),
        ("/missing", "status refused"),
    ],
)
def test_each_refusal_is_kept_with_its_reason_in_our_words(alice: User, upstream: Web, path: str, reason: str) -> None:
    row = fetched(alice, upstream.url(path))[upstream.url(path)]
    assert row.state == FetchState.REFUSED
    assert reason in row.reason
    assert "127.0.0.1" not in row.reason
    assert row.blob is None
    assert row.done_at is not None


@pytest.mark.req("R19")
def test_a_picture_that_comes_too_slowly_is_refused(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(peer: Peer, _: Asked) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        peer.drip(encoded(), every_s=0.05)

    reach = fetch.reach_of_pictures()
    monkeypatch.setattr(
        fetch, "reach_of_pictures", lambda: fetch.Reach(allow_networks=reach.allow_networks, max_seconds=0.3)
    )
    with web(slow) as upstream:
        assert fetched(alice, upstream.url("/"))[upstream.url("/")].reason == "deadline exceeded"


@pytest.mark.req("R26")
@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/logo.png", "http://localhost:{port}/logo.png"])
def test_networks_for_mail_servers_are_no_networks_for_pictures(
    alice: User, upstream: Web, settings: pytest.FixtureRequest, url: str
) -> None:
    settings.PICTURE_NETWORKS = ()  # type: ignore[attr-defined]
    asked = url.format(port=upstream.server.port)
    assert fetched(alice, asked)[asked].reason == "address not allowed"
    assert upstream.requests == []
    assert settings.ALLOW_NETWORKS, "mail servers on loopback are allowed in tests"  # type: ignore[attr-defined]


@pytest.mark.req("R18")
def test_every_picture_is_asked_for_once_and_without_a_trace_of_the_reader(alice: User, upstream: Web) -> None:
    urls = [upstream.url("/photo.jpg"), *(upstream.url(f"/missing/{number}") for number in range(9))]
    fetched(alice, *urls)
    fetch.fetch_pictures(alice.pk)
    assert sorted(asked.path for asked in upstream.requests) == sorted(
        url.split(str(upstream.server.port))[1] for url in urls
    )
    for asked in upstream.requests:
        assert sorted(asked.names) == ["accept", "accept-encoding", "connection", "host", "user-agent"]
        assert "alice" not in str(asked.headers)


@pytest.mark.req("R20")
def test_each_person_has_pictures_fetched_for_themselves(alice: User, upstream: Web) -> None:
    bob = make_user("bob")
    url = upstream.url("/logo.png")
    fetched(alice, url)
    assert fetched(bob, url)[url].state == FetchState.DONE
    assert len(upstream.requests) == 2


def test_several_are_fetched_at_a_time(alice: User) -> None:
    together = threading.Barrier(3, timeout=10)

    def slow(peer: Peer, asked: Asked) -> None:
        together.wait()
        ok(encoded())(peer, asked)

    with web(slow) as upstream:
        rows = fetched(alice, *(upstream.url(f"/{number}") for number in range(3)))
        assert {row.state for row in rows.values()} == {FetchState.DONE}


def test_a_second_worker_leaves_it_to_the_first(alice: User, upstream: Web) -> None:
    pictures.want_pictures(alice.pk, [upstream.url("/logo.png")])
    with leases.leased(f"pictures:{alice.pk}", owner="the first", seconds=60) as lease:
        assert lease is not None
        fetch.fetch_pictures(alice.pk)
        assert upstream.requests == []
    fetch.fetch_pictures(alice.pk)
    assert len(upstream.requests) == 1


def test_what_a_dead_worker_left_is_taken_up_when_its_lease_has_ended(alice: User, upstream: Web) -> None:
    url = upstream.url("/logo.png")
    pictures.want_pictures(alice.pk, [url])
    assert leases.take_lease(f"pictures:{alice.pk}", owner="the dead", seconds=60) is not None
    fetch.fetch_pictures(alice.pk)
    assert upstream.requests == []
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert fetched(alice, url)[url].state == FetchState.DONE
    assert len(upstream.requests) == 1


def test_a_wish_that_comes_while_pictures_are_fetched_is_not_left_behind(alice: User) -> None:
    def another(peer: Peer, asked: Asked) -> None:
        ok(encoded())(peer, asked)

    with web(another) as upstream:
        first, second = upstream.url("/first"), upstream.url("/second")
        pictures.want_pictures(alice.pk, [first])
        keep = fetch._keep

        def keep_and_wish(picture_id: int, outcome: fetch.Outcome) -> None:
            keep(picture_id, outcome)
            if len(upstream.requests) == 1:
                pictures.want_pictures(alice.pk, [second])

        patch = pytest.MonkeyPatch()
        with patch.context() as context:
            context.setattr(fetch, "_keep", keep_and_wish)
            fetch.fetch_pictures(alice.pk)
    assert RemotePicture.objects.get(url=second).state == FetchState.DONE


def test_what_is_wrong_with_us_is_no_endless_loop_and_keeps_no_other_picture(
    alice: User, upstream: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = fetch.run_limited

    def fail_for_jpeg(job: str, raw: bytes, **options: object) -> object:
        if raw.startswith(b"\xff\xd8"):
            raise RuntimeError("a mistake of ours")
        return draw(job, raw, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(fetch, "run_limited", fail_for_jpeg)
    rows = fetched(alice, upstream.url("/logo.png"), upstream.url("/photo.jpg"))
    assert rows[upstream.url("/logo.png")].state == FetchState.DONE
    assert (rows[upstream.url("/photo.jpg")].state, rows[upstream.url("/photo.jpg")].reason) == (
        FetchState.REFUSED,
        "failed",
    )


def test_a_full_disk_loses_no_wish(alice: User, upstream: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_raw: bytes) -> object:
        raise StorageFull("no room")

    with monkeypatch.context() as patch:
        patch.setattr(blobs, "put_blob", full)
        pictures.want_pictures(alice.pk, [upstream.url("/logo.png")])
        with pytest.raises(StorageFull):
            fetch.fetch_pictures(alice.pk)
    assert pictures.people_who_wait() == [alice.pk]
    fetch.fetch_pictures(alice.pk)
    assert pictures.people_who_wait() == []


def test_the_worker_knows_the_task_finds_lost_wishes_and_forgets_old_ones(alice: User) -> None:
    pictures.want_pictures(alice.pk, ["https://example.org/x.png"])
    assert tasks.BODIES[pictures.TASK] is fetch.fetch_pictures
    assert list(waiting.FINDERS[pictures.TASK]()) == [alice.pk]
    assert any(step.run is pictures.remove_old_pictures for step in schedule.steps())
