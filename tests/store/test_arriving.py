"""How much of a large message has come: counted while it comes, forgotten when it is here."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import make_account, make_email, make_mailbox, make_user
from webmail.store.models import BodyProgress, Email
from webmail.store.reading.arriving import LARGE_BYTES, MOVING, arriving, counted

pytestmark = [pytest.mark.django_db, pytest.mark.req("Y94")]


SIZE = LARGE_BYTES + 10_000


@pytest.fixture
def email() -> Email:
    return make_email(make_mailbox(make_account(make_user()), "Inbox"), size_bytes=SIZE)


def test_pieces_are_counted_while_they_pass_and_forgotten_at_the_end(email: Email) -> None:
    seen = []
    passed = []
    for piece in counted(email.pk, [b"x" * 4_000, b"y" * 6_000]):
        passed.append(piece)
        coming = arriving(email)
        assert coming is not None
        seen.append((coming.received_bytes, coming.size_bytes, coming.is_moving))
    assert seen == [(4_000, SIZE, True), (10_000, SIZE, True)]
    assert b"".join(passed) == b"x" * 4_000 + b"y" * 6_000
    assert arriving(email) is None


def test_a_fetch_that_breaks_begins_to_count_anew(email: Email) -> None:
    pieces = counted(email.pk, [b"x" * 4_000, b"y" * 6_000])
    next(pieces)
    pieces.close()
    again = counted(email.pk, [b"z" * 100])
    next(again)
    coming = arriving(email)
    assert coming is not None
    assert coming.received_bytes == 100


def test_what_has_not_moved_for_long_stands(email: Email) -> None:
    BodyProgress.objects.create(
        email=email, received_bytes=5, updated_at=timezone.now() - MOVING - timedelta(seconds=1)
    )
    coming = arriving(email)
    assert coming is not None
    assert not coming.is_moving


def test_more_than_was_announced_is_no_more_than_all(email: Email) -> None:
    BodyProgress.objects.create(email=email, received_bytes=SIZE + 2)
    coming = arriving(email)
    assert coming is not None
    assert coming.size_bytes == SIZE + 2
