"""Which Email is this? By EMAILID, by Gmail's message id, by fingerprint, and by the bytes when nothing else can tell."""

from datetime import UTC, datetime

import pytest

from tests.fakes.imap import FakeImapServer
from tests.sync.conftest import assert_in_step, fill, inbox_of, letter, sync
from webmail.store.models import Blob, Email, EmailMailbox, Placement

pytestmark = pytest.mark.django_db
DATE = datetime(2026, 3, 3, 10, tzinfo=UTC)


@pytest.fixture
def gmail():
    with FakeImapServer(also={"X-GM-EXT-1"}) as server:
        server.store.create_mailbox(server.user, "[Gmail]/All Mail", special_use="\\All")
        yield server


@pytest.fixture
def objectid():
    with FakeImapServer(also={"OBJECTID"}) as server:
        yield server


def put(server, mailbox, raw):
    return server.store.append(server.user, mailbox, raw, internal_date=DATE)


@pytest.mark.req("Y55")
def test_a_message_under_many_labels_is_stored_once(gmail, connect):
    for number in range(5):
        put(gmail, "INBOX", letter(number))
        put(gmail, "[Gmail]/All Mail", letter(number))

    account = sync(connect(gmail))

    assert Email.objects.filter(account=account).count() == 5
    assert Blob.objects.count() == 5
    assert EmailMailbox.objects.count() == 10
    assert all(len(remote_id) > 10 for remote_id in Email.objects.values_list("remote_email_id", flat=True))
    assert_in_step(account, gmail)


@pytest.mark.req("Y55")
def test_a_label_set_elsewhere_is_a_second_place_of_the_same_email(gmail, connect):
    gmail.store.create_mailbox(gmail.user, "Receipts")
    put(gmail, "[Gmail]/All Mail", letter(1))
    account = sync(connect(gmail))
    before = Email.objects.get()
    put(gmail, "Receipts", letter(1))

    sync(account)

    assert Email.objects.get() == before
    assert set(before.mailbox_rows.values_list("mailbox__name", flat=True)) == {"All Mail", "Receipts"}
    assert_in_step(account, gmail)


@pytest.mark.req("Y55")
@pytest.mark.parametrize("at_once", [True, False])
def test_one_emailid_twice_in_a_mailbox_is_one_email(objectid, connect, at_once):
    put(objectid, "INBOX", letter(1))
    account = connect(objectid)
    if not at_once:
        sync(account)
    objectid.store.copy(objectid.user, "INBOX", [1], "INBOX")

    sync(account)

    assert Email.objects.count() == 1
    assert EmailMailbox.objects.count() == 1
    assert Placement.objects.count() == 2
    assert inbox_of(account).total_emails == 1
    assert_in_step(account, objectid)


@pytest.mark.req("Y55")
def test_an_emailid_that_another_message_bears_hides_nothing(objectid, connect):
    put(objectid, "INBOX", letter(1))
    account = sync(connect(objectid))
    put(objectid, "Archive", letter(2, body="Another one, and longer"))
    Email.objects.update(remote_email_id=_emailid_of(objectid, "Archive", 1))

    sync(account)

    assert Email.objects.count() == 2
    assert Placement.objects.filter(mailbox__role="archive").get().email.subject == "Letter 2"


def _emailid_of(server, mailbox, uid):
    with server.store.lock:
        return f"E{server.store.mailbox(server.user, mailbox).messages[uid].content_id[:32]}"


@pytest.mark.req("Y57")
def test_without_message_id_the_bytes_decide_that_two_are_two(server, connect):
    headers = {"Message-ID": "", "Subject": "Backup finished"}
    put(server, "INBOX", letter(1, body="All good", **headers))
    put(server, "Archive", letter(1, body="All evil", **headers))
    account = sync(connect(server))
    sync(account)

    assert Email.objects.filter(account=account).count() == 2
    assert_in_step(account, server)


@pytest.mark.req("Y57")
def test_without_message_id_the_bytes_prove_that_a_copy_is_a_copy(server, connect):
    raw = letter(1, **{"Message-ID": ""})
    put(server, "INBOX", raw)
    account = sync(connect(server))
    put(server, "Archive", raw)

    sync(account)

    assert Email.objects.filter(account=account).count() == 1
    assert_in_step(account, server)


@pytest.mark.req("Y49", "Y57")
def test_one_of_two_twins_moved_elsewhere_keeps_its_id(connect):
    with FakeImapServer() as server:
        for _ in range(2):
            put(server, "INBOX", letter(1))
        fill(server, 10, first=10)
        account = sync(connect(server))
        moved = Placement.objects.get(uid=2).email
        stays = Placement.objects.get(uid=1).email
        server.store.move(server.user, "INBOX", [2], "Archive")

        sync(account)

        assert Email.objects.filter(subject="Letter 1").count() == 2
        assert Placement.objects.get(mailbox__role="inbox", uid=1).email == stays
        assert Placement.objects.get(mailbox__role="archive").email == moved
        assert_in_step(account, server)


@pytest.mark.req("Y51", "Y57")
def test_relinking_does_not_mistake_one_emailid_for_another(objectid, connect):
    for body in ("one", "two"):
        put(objectid, "INBOX", letter(1, body=body, **{"Message-ID": ""}))
    account = sync(connect(objectid))
    before = {row.email.remote_email_id: row.email_id for row in Placement.objects.select_related("email")}
    objectid.flip_uidvalidity()

    sync(account, passes_made=2)

    after = {row.email.remote_email_id: row.email_id for row in Placement.objects.select_related("email")}
    assert after == before
    assert_in_step(account, objectid)
