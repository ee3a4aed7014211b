"""The first sync of a large mailbox on every server, killed in the middle, and bytes of the worst kind."""

import imaplib
import os
from pathlib import Path

import pytest
from django.utils import timezone

from tests.servers.private import PrivateServer
from tests.sync_servers.conftest import Stage, letter
from tests.sync_servers.foreign import Refused
from webmail.store import blobs
from webmail.store.models import Email, Lease
from webmail.sync import passes
from webmail.sync.connections import close_kept_sessions
from webmail.sync.mailbox import imap

pytestmark = [pytest.mark.django_db, pytest.mark.live, pytest.mark.req("Y95")]

# `make faults` takes 2,000.
MANY = int(os.environ.get("PILLARBOX_FIRST_SYNC_MESSAGES", "600"))
CORPUS_FILES = 12
LARGEST_BYTES = 60_000


class Killed(BaseException):
    """Stands for the end of the process: nothing of ours catches it."""


@pytest.mark.slow
@pytest.mark.req("Y31")
@pytest.mark.req("Y83")
def test_many_messages_in_slices_with_an_end_in_the_middle(stage, monkeypatch):
    fill_many(stage, MANY)
    store = imap.placements.store_list_data

    def store_until_killed(*arguments, **options):
        stored = store(*arguments, **options)
        if Email.objects.count() > MANY // 3:
            raise Killed
        return stored

    monkeypatch.setattr(imap.placements, "store_list_data", store_until_killed)
    with pytest.raises(Killed):
        passes.sync_account(stage.account.pk)
    monkeypatch.undo()
    before = Email.objects.count()
    assert 0 < before < MANY
    close_kept_sessions()
    Lease.objects.update(owner="", expires_at=timezone.now())

    for _ in range(30):
        passes.sync_account(stage.account.pk)
        if Email.objects.exclude(blob=None).count() == MANY:
            break
    stage.sync(1)

    assert stage.mailbox("INBOX").is_backfilled
    assert stage.mailbox("INBOX").total_emails == MANY
    stage.assert_in_step()


def fill_many(stage: Stage, count: int) -> None:
    """Behind the server's back where mail lies in a Maildir; else with one APPEND."""
    letters = [letter(number) for number in range(1, count + 1)]
    if isinstance(stage.server, PrivateServer):
        stage.server.deliver_many(stage.person.name, letters)
        return
    for raw in letters:
        stage.server.deliver(stage.person.name, raw)


def strange_messages(shared: Path) -> list[bytes]:
    """8-bit headers, no header at all, a header of 100 KB, NUL, and files of the corpus."""
    made = [
        b"Subject: gr\xfc\xdfe \xe2\x82\xac\r\n\r\n\xff\xfe 8 bit\r\n",
        b"\r\nno header\r\n",
        b"Subject: huge\r\nX-Huge: " + b"\r\n ".join([b"y" * 900] * 110) + b"\r\n\r\nbody\r\n",
        b"Subject: nul\r\n\r\nbefore\x00after\r\n",
        b"Subject: no body\r\n\r\n",
        b"Subject: long line\r\n\r\n" + b"z" * 20_000 + b"\r\n",
    ]
    found = sorted((shared / "corpus" / "malformed-mime").rglob("*.eml"))
    found += sorted((shared / "corpus" / "charsets").rglob("*.eml"))
    small = [path for path in found if path.stat().st_size < LARGEST_BYTES]
    chosen = small[:: max(1, len(small) // CORPUS_FILES)][:CORPUS_FILES]
    return made + [path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for path in chosen]


@pytest.mark.corpus
def test_bytes_of_the_worst_kind_come_as_the_server_gives_them(stage, shared):
    taken = 0
    for raw in strange_messages(shared):
        try:
            stage.server.deliver(stage.person.name, raw)
            taken += 1
        except (Refused, RuntimeError, imaplib.IMAP4.error) as error:
            print(f"{stage.row}: refuses a message of {len(raw)} bytes: {error}")
    assert taken >= 10

    stage.sync()

    assert stage.mailbox("INBOX").total_emails == taken
    stage.assert_in_step()
    assert all(blobs.read_blob(email.blob) is not None for email in Email.objects.select_related("blob"))
