"""Large messages: their text first, the rest by policy, within the day's budget."""

from __future__ import annotations

import base64
import os
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import MailAccount
from tests.sync.conftest import assert_in_step, fill, letter, sync
from webmail.mime.search_text import body_search_text
from webmail.store import blobs, consistency, contents
from webmail.store.models import Blob, Email, Traffic
from webmail.sync.connections import account_session
from webmail.sync.content import bodies, body_queue, budget, retention

pytestmark = pytest.mark.django_db


def with_file(number: int, *, size: int = 90_000) -> bytes:
    """A message with a text and a file of `size` bytes, as base64."""
    content = base64.encodebytes(os.urandom(size)).replace(b"\n", b"\r\n")
    head = letter(number, **{"MIME-Version": "1.0", "Content-Type": 'multipart/mixed; boundary="b1"'}).split(
        b"\r\n\r\n"
    )
    return (
        head[0] + b"\r\n\r\n--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nThe harbour plan\r\n"
        b'--b1\r\nContent-Type: application/pdf; name="plan.pdf"\r\nContent-Transfer-Encoding: base64\r\n'
        b'Content-Disposition: attachment; filename="plan.pdf"\r\n\r\n' + content + b"--b1--\r\n"
    )


def keeping(account: MailAccount, **policy: Any) -> MailAccount:
    MailAccount.objects.filter(pk=account.pk).update(**policy)
    account.refresh_from_db()
    return account


@pytest.mark.req("Y28")
def test_an_account_that_fetches_on_demand_holds_the_text_alone(full_server, connect):
    raw = with_file(1)
    full_server.store.append(full_server.user, "INBOX", raw)
    fill(full_server, 1, first=2)

    account = sync(keeping(connect(full_server), keep_bodies="on_demand"))

    email = Email.objects.get(subject="Letter 1")
    message = contents.read_message(email)
    assert email.blob is None
    assert message.left_out == {"2"}
    assert body_search_text(message) == "plan.pdf the harbour plan"
    assert message.part("2").name == "plan.pdf"
    assert abs(message.part("2").size_bytes - 90_000) < 100
    assert Email.objects.get(subject="Letter 2").blob is not None
    assert not bodies.has_missing(account)
    assert consistency.check_account(account.pk) == []

    bodies.fetch_body(email.pk)

    email.refresh_from_db()
    assert contents.read_raw(email) == raw


@pytest.mark.req("Y28")
def test_an_account_that_keeps_everything_ends_with_everything(full_server, connect):
    for number in range(3):
        full_server.store.append(full_server.user, "INBOX", with_file(number))

    account = sync(connect(full_server))

    assert not Email.objects.filter(blob=None).exists()
    assert not Email.objects.exclude(text_blob=None).exists()
    assert any(b"BODY.PEEK[HEADER]" in line for line in full_server.faults.lines)
    assert_in_step(account, full_server)


@pytest.mark.req("Y28")
def test_messages_of_one_shape_share_a_command(full_server, connect):
    for number in range(10):
        full_server.store.append(full_server.user, "INBOX", with_file(number))

    sync(keeping(connect(full_server), keep_bodies="on_demand"))

    assert sum(b"BODY.PEEK[HEADER]" in line for line in full_server.faults.lines) == 1


@pytest.mark.req("Y28")
def test_a_whole_message_past_its_time_is_released_and_its_text_stays(full_server, connect):
    full_server.store.append(full_server.user, "INBOX", with_file(1), internal_date=timezone.now() - timedelta(days=90))
    account = connect(full_server)
    sync(account)
    account.keep_bodies, account.keep_days = "recent", 30
    account.save()
    assert retention.release_old_bodies() == 0
    Blob.objects.update(created_at=timezone.now() - timedelta(days=8))

    assert retention.release_old_bodies() == 1

    email = Email.objects.get()
    assert email.blob is None
    assert "harbour" in body_search_text(contents.read_message(email))
    assert not bodies.has_missing(account)
    assert consistency.check_account(account.pk) == []


@pytest.mark.req("Y94")
def test_a_large_message_goes_to_the_store_in_pieces(full_server, connect, monkeypatch):
    monkeypatch.setattr(bodies, "STREAM_BYTES", 100_000)
    monkeypatch.setattr(bodies, "PIECE_BYTES", 30_000)
    raw = with_file(1, size=200_000)
    full_server.store.append(full_server.user, "INBOX", raw)

    sync(connect(full_server))

    assert contents.read_raw(Email.objects.get()) == raw
    assert any(b"BODY.PEEK[]<30000.30000>" in line for line in full_server.faults.lines)


@pytest.mark.req("R84")
def test_a_spent_day_stops_bodies_but_not_the_list_nor_what_is_opened(full_server, connect):
    fill(full_server, 3)
    account = keeping(connect(full_server), daily_byte_limit=1)
    Traffic.objects.create(account=account, day=budget.today(), bytes_down=5)

    account = sync(account)

    assert Email.objects.filter(blob=None).count() == 3
    assert "used up" in account.state_reason
    assert account.state == "ok"
    email = Email.objects.first()
    bodies.fetch_body(email.pk)
    email.refresh_from_db()
    assert email.blob is not None

    Traffic.objects.update(day=budget.today() - timedelta(days=1))
    budget._counts.moved.clear()
    account.daily_byte_limit = 10_000_000
    account.save()
    sync(account)
    assert not Email.objects.filter(blob=None).exists()


@pytest.mark.req("R84")
def test_bytes_are_counted_in_memory_and_written_when_they_are_many(full_server, connect):
    fill(full_server, 1)
    account = connect(full_server)
    with account_session(account) as session:
        session.noop()
    assert not Traffic.objects.exists()
    assert budget.bytes_down_today(account.pk) > 0

    budget.flush(account.pk)

    assert Traffic.objects.get().bytes_down > 0


@pytest.mark.req("Y28")
def test_small_messages_are_fetched_whole(full_server, connect, monkeypatch):
    monkeypatch.setattr(body_queue, "SMALL_BYTES", 1_000_000)
    full_server.store.append(full_server.user, "INBOX", with_file(1))

    sync(keeping(connect(full_server), keep_bodies="on_demand"))

    assert blobs.read_blob(Email.objects.get().blob).startswith(b"From: Ben")
