"""Rows of drawings: made once, shared by all who hold the message, gone when nobody looks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.attached_files import message_with, pdf, png
from tests.factories import make_account, make_email, make_email_from_bytes, make_mailbox, make_user
from webmail.mime.limited.answer import Limits
from webmail.store import collection, contents
from webmail.store.models import Blob, Drawing, Email, FetchState
from webmail.store.reading import drawings

pytestmark = pytest.mark.django_db

THUMBNAIL, PAGE = Drawing.Kind.THUMBNAIL, Drawing.Kind.PAGE


@pytest.fixture
def email() -> Email:
    inbox = make_mailbox(make_account(make_user()), "Inbox", role="inbox")
    return make_email_from_bytes(
        inbox, message_with(("a.png", "image/png", png()), ("b.pdf", "application/pdf", pdf(1)))
    )


def want(email: Email, part_id: str = "2", kind: Drawing.Kind = THUMBNAIL) -> Drawing:
    return drawings.want_drawing(email, part_id, kind=kind)


def test_two_people_with_the_same_message_share_a_drawing(email: Email) -> None:
    other = make_email_from_bytes(
        make_mailbox(make_account(make_user("bob")), "Inbox", role="inbox"),
        message_with(("a.png", "image/png", png()), ("b.pdf", "application/pdf", pdf(1))),
    )
    first = want(email)
    if other.blob_id == email.blob_id:
        assert want(other).pk == first.pk
    drawings.make_drawing(first.pk)
    assert Drawing.objects.get(pk=first.pk).state == FetchState.DONE


def test_drawing_twice_changes_nothing(email: Email) -> None:
    drawing = want(email)
    drawings.make_drawing(drawing.pk)
    before = Drawing.objects.values().get(pk=drawing.pk)
    drawings.make_drawing(drawing.pk)
    assert Drawing.objects.values().get(pk=drawing.pk) == before
    assert before["width"] == 40


def test_a_drawing_whose_message_has_gone_is_forgotten_and_may_be_asked_for_again(email: Email) -> None:
    drawing = want(email)
    Drawing.objects.filter(pk=drawing.pk).update(email=None)
    drawings.make_drawing(drawing.pk)
    assert not Drawing.objects.exists()


def test_a_row_that_lost_its_message_takes_the_next_one_that_asks(email: Email) -> None:
    drawing = want(email)
    Drawing.objects.filter(pk=drawing.pk).update(email=None)
    want(email)
    drawings.make_drawing(drawing.pk)
    assert Drawing.objects.get().state == FetchState.DONE


def test_bytes_that_are_not_here_cannot_be_drawn() -> None:
    inbox = make_mailbox(make_account(make_user()), "Inbox", role="inbox")
    with pytest.raises(contents.NotHere):
        want(make_email(inbox))


@pytest.mark.req("R24")
def test_a_job_over_its_limit_is_refused_for_good(email: Email, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawings, "DRAWING", Limits(cpu_s=0.0001, memory_bytes=512_000_000, wall_s=30.0))
    drawing = want(email, "3", PAGE)
    drawings.make_drawing(drawing.pk)
    row = Drawing.objects.get()
    assert (row.state, row.reason) == (FetchState.REFUSED, "time")
    assert drawings.wanted_drawings() == []


def test_old_drawings_go_and_their_bytes_after_them(email: Email) -> None:
    drawing = want(email)
    drawings.make_drawing(drawing.pk)
    long_ago = timezone.now() - drawings.KEPT - timedelta(days=1)
    blob_id = Drawing.objects.get().blob_id
    Blob.objects.filter(pk=blob_id).update(created_at=long_ago)
    assert collection.collect_blobs() == 0  # a drawing keeps its bytes
    Drawing.objects.update(done_at=long_ago)
    assert drawings.remove_old_drawings() == 1
    collection.collect_blobs()
    assert not Blob.objects.filter(pk=blob_id).exists()


def test_looking_at_a_drawing_keeps_it(email: Email) -> None:
    drawing = want(email)
    drawings.make_drawing(drawing.pk)
    Drawing.objects.update(done_at=timezone.now() - drawings.KEPT - timedelta(days=1))
    want(email)
    assert drawings.remove_old_drawings() == 0


def test_the_email_may_be_deleted_and_the_drawing_stays(email: Email) -> None:
    drawing = want(email)
    drawings.make_drawing(drawing.pk)
    Drawing.objects.update(email=None)
    assert drawings.finished(drawing.pk) is not None
