"""Pictures from elsewhere as rows: asked for, found again, each person's own, gone after a month (security R18, R20)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from tests.factories import make_user
from webmail import dispatch
from webmail.store import blobs
from webmail.store.collection import unreferenced
from webmail.store.models import Blob, FetchState, RemotePicture
from webmail.store.reading import pictures

pytestmark = pytest.mark.django_db

LOGO = "https://pictures.example.org/logo.png?reader=7"
HERO = "https://pictures.example.org/hero.jpg"


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[int, ...]]]:
    """Whom the store has woken."""
    found: list[tuple[str, tuple[int, ...]]] = []
    monkeypatch.setattr(dispatch, "wake", lambda task, *row_ids: found.append((task, row_ids)))
    return found


def row(user: User, url: str = LOGO) -> RemotePicture:
    return RemotePicture.objects.get(user=user, url_hash=pictures.url_hash(url))


def age(picture: RemotePicture, **by: int) -> None:
    RemotePicture.objects.filter(pk=picture.pk).update(done_at=timezone.now() - timedelta(**by))


def look(user: User, url: str = LOGO) -> pictures.Fetched | None:
    return pictures.finished(user.pk, pictures.url_hash(url))


def test_wishes_are_kept_once_and_wake_a_worker(alice: User, rung: list[tuple[str, tuple[int, ...]]]) -> None:
    pictures.want_pictures(alice.pk, [LOGO, HERO, LOGO])
    pictures.want_pictures(alice.pk, [LOGO])
    assert RemotePicture.objects.filter(user=alice).count() == 2
    assert rung == [(pictures.TASK, (alice.pk,))] * 2
    assert look(alice) is None


def test_what_is_here_wakes_nobody(alice: User, rung: list[tuple[str, tuple[int, ...]]]) -> None:
    pictures.want_pictures(alice.pk, [LOGO])
    pictures.finish(row(alice).pk, blobs.put_blob(b"drawn"), media_type="image/png")
    rung.clear()
    pictures.want_pictures(alice.pk, [LOGO])
    assert rung == []
    found = look(alice)
    assert found is not None
    assert found.type == "image/png"
    assert found.blob is not None
    assert blobs.read_blob(found.blob) == b"drawn"


@pytest.mark.req("R20")
def test_what_one_person_has_seen_is_no_answer_for_another(alice: User) -> None:
    bob = make_user("bob")
    pictures.want_pictures(alice.pk, [LOGO])
    pictures.finish(row(alice).pk, blobs.put_blob(b"drawn"), media_type="image/png")
    assert not pictures.is_asked_for(bob.pk, LOGO)
    pictures.want_pictures(bob.pk, [LOGO])
    assert look(bob) is None, "bob waits as long as if nobody had looked at it before"
    assert look(alice) is not None
    assert pictures.people_who_wait() == [bob.pk]


def test_what_was_refused_is_asked_for_again_after_a_while(alice: User) -> None:
    pictures.want_pictures(alice.pk, [LOGO])
    pictures.refuse(row(alice).pk, "damaged")
    assert look(alice) == pictures.Fetched()
    assert pictures.is_asked_for(alice.pk, LOGO)
    pictures.want_pictures(alice.pk, [LOGO])
    assert look(alice) is not None
    age(row(alice), minutes=11)
    assert not pictures.is_asked_for(alice.pk, LOGO)
    pictures.want_pictures(alice.pk, [LOGO])
    assert (row(alice).state, row(alice).reason) == (FetchState.WANTED, "")


def test_one_message_cannot_ask_for_thousands(alice: User) -> None:
    pictures.want_pictures(alice.pk, [f"https://example.org/{number}" for number in range(2_000)])
    assert RemotePicture.objects.count() == pictures.MAX_AT_ONCE


def test_what_was_wanted_last_is_fetched_first(alice: User) -> None:
    pictures.want_pictures(alice.pk, [HERO])
    RemotePicture.objects.update(wanted_at=timezone.now() - timedelta(hours=1))
    pictures.want_pictures(alice.pk, [LOGO])
    assert [picture.url for picture in pictures.wanted_of(alice.pk, 10)] == [LOGO, HERO]
    assert len(pictures.wanted_of(alice.pk, 1)) == 1


def test_an_end_is_written_once(alice: User) -> None:
    pictures.want_pictures(alice.pk, [LOGO])
    picture = row(alice)
    pictures.finish(picture.pk, blobs.put_blob(b"first"), media_type="image/png")
    pictures.refuse(picture.pk, "late")
    pictures.finish(picture.pk, blobs.put_blob(b"second"), media_type="image/gif")
    assert (row(alice).state, row(alice).type, row(alice).reason) == (FetchState.DONE, "image/png", "")


def test_lost_bytes_are_fetched_again(alice: User) -> None:
    pictures.want_pictures(alice.pk, [LOGO])
    pictures.forget(alice.pk, pictures.url_hash(LOGO))
    assert row(alice).state == FetchState.WANTED, "only what is here can be lost"
    pictures.finish(row(alice).pk, blobs.put_blob(b"drawn"), media_type="image/png")
    pictures.forget(alice.pk, pictures.url_hash(LOGO))
    assert not pictures.is_asked_for(alice.pk, LOGO)


def test_a_picture_goes_after_a_month_and_its_bytes_with_the_next_collection(alice: User) -> None:
    pictures.want_pictures(alice.pk, [LOGO, HERO])
    blob = blobs.put_blob(b"drawn")
    Blob.objects.update(created_at=timezone.now() - timedelta(days=40))
    pictures.finish(row(alice).pk, blob, media_type="image/png")
    age(row(alice), days=29)
    assert pictures.remove_old_pictures() == 0
    assert blob not in unreferenced(), "the row keeps the bytes"
    age(row(alice), days=31)
    assert pictures.remove_old_pictures() == 1
    assert pictures.remove_old_pictures() == 0
    assert blob in unreferenced()
    assert row(alice, HERO).state == FetchState.WANTED


def test_rows_go_with_the_person(alice: User) -> None:
    pictures.want_pictures(alice.pk, [LOGO])
    alice.delete()
    assert not RemotePicture.objects.exists()


def test_an_address_of_any_characters_can_be_wanted(alice: User) -> None:
    long = "https://example.org/\u202e" + "x" * 7_000
    pictures.want_pictures(alice.pk, ["https://example.org/\ud800", "https://example.org/\x00", long])
    assert [picture.url for picture in RemotePicture.objects.all()] == [long]
    assert look(alice, "https://example.org/\ud800") == pictures.Fetched()
