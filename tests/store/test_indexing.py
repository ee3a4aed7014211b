"""Parsing fetched bytes: what is found, and messages that make the parser fail or the process die."""

import pytest

from tests.factories import make_account, make_email, make_mailbox, make_user
from webmail.mime.limited.answer import Answer, JobFailed, LimitExceeded
from webmail.store import blobs, consistency, emails, indexing, signals
from webmail.store.models import Blob, Email, Placement, SearchDocument

pytestmark = pytest.mark.django_db

RAW = b"From: ben@example.net\r\nSubject: Hi\r\n\r\nThe harbour plan %d.\r\n"


@pytest.fixture
def account():
    return make_account(make_user())


def stored(account, count: int) -> list[Email]:
    mailbox = make_mailbox(account, role="inbox")
    found = [make_email(mailbox) for _ in range(count)]
    rows = blobs.put_blobs([RAW % number for number in range(count)])
    emails.attach_blobs(account.pk, [(email.pk, blob.pk) for email, blob in zip(found, rows, strict=True)])
    return found


def fails_at(monkeypatch, marker: bytes, error: BaseException) -> list[bytes]:
    """The child that gets a message with this marker does not answer."""
    seen: list[bytes] = []
    original = indexing.run_limited

    def run(job: str, raw: bytes, options: object) -> Answer:
        seen.append(raw)
        if marker in raw:
            raise error
        return original(job, raw, options)

    monkeypatch.setattr(indexing, "run_limited", run)
    return seen


@pytest.mark.req("R42")
def test_preview_and_search_text_are_stored(account):
    stored(account, 3)

    indexing.index_account(account.pk)

    assert set(Email.objects.values_list("preview", flat=True)) == {f"The harbour plan {n}." for n in range(3)}
    assert SearchDocument.objects.filter(body__contains="harbour").count() == 3
    assert consistency.check_account(account.pk) == []


@pytest.mark.req("R42")
def test_message_that_raises_is_given_up_after_three_tries_and_stops_no_other(account, monkeypatch):
    stored(account, 3)
    seen = fails_at(monkeypatch, b"plan 1", LimitExceeded("time"))

    indexing.index_account(account.pk)

    bad = Email.objects.get(body_error=indexing.UNREADABLE)
    assert bad.is_indexed
    assert Email.objects.filter(is_indexed=True, body_error="").count() == 2
    assert sum(b"plan 1" in raw for raw in seen) == indexing.MAX_TRIES


@pytest.mark.req("R42")
def test_message_that_kills_the_process_is_isolated(account, monkeypatch):
    class Killed(BaseException):
        pass

    stored(account, 3)
    seen = fails_at(monkeypatch, b"plan 1", Killed())
    deaths = 0
    while True:
        try:
            indexing.index_account(account.pk)
            break
        except Killed:
            deaths += 1

    assert deaths == indexing.MAX_TRIES
    assert Email.objects.filter(is_indexed=True).count() == 3
    assert Email.objects.filter(body_error=indexing.UNREADABLE).count() == 1
    assert len(seen) < 12


@pytest.mark.req("Y91")
def test_lost_bytes_of_a_message_with_a_server_are_fetched_again(account):
    stored(account, 1)
    Blob.objects.update(pack="f" * 32)

    indexing.index_account(account.pk)

    email = Email.objects.get()
    assert email.blob is None
    assert email.body_error == ""
    assert email.body_wanted_at is not None
    assert blobs.lost_blobs().count() == 1
    assert blobs.read_blob(blobs.put_blob(RAW % 0)) == RAW % 0
    assert blobs.lost_blobs().count() == 0


@pytest.mark.req("Y91")
def test_lost_bytes_that_no_server_has_are_told(account):
    stored(account, 1)
    Blob.objects.update(pack="f" * 32)
    Placement.objects.all().delete()

    indexing.index_account(account.pk)

    assert Email.objects.get().body_error == indexing.DAMAGED


@pytest.fixture
def told():
    """What listeners are told: (email id, what it reports, whether the message counted as read by then)."""
    heard = []

    def listen(email, report, **_):
        is_read = Email.objects.get(pk=email.pk).is_indexed
        heard.append((email.pk, report, is_read))

    signals.body_read.connect(listen)
    yield heard
    signals.body_read.disconnect(listen)


def test_listeners_are_told_of_each_message_before_it_counts_as_read(account, told):
    found = stored(account, 3)

    indexing.index_account(account.pk)
    indexing.index_account(account.pk)

    assert sorted(told) == sorted((email.pk, None, False) for email in found)


def test_listeners_are_not_told_of_what_could_not_be_read(account, told, monkeypatch):
    stored(account, 3)
    fails_at(monkeypatch, b"plan 1", JobFailed("RuntimeError"))

    indexing.index_account(account.pk)

    assert len(told) == 2


def test_listener_that_is_interrupted_is_told_again(account):
    class Killed(BaseException):
        pass

    stored(account, 1)
    heard = []

    def listen(email, **_):
        heard.append(email.pk)
        if len(heard) == 1:
            raise Killed

    signals.body_read.connect(listen)
    try:
        with pytest.raises(Killed):
            indexing.index_account(account.pk)
        indexing.index_account(account.pk)
    finally:
        signals.body_read.disconnect(listen)

    assert len(heard) == 2
    assert Email.objects.get().is_indexed
