"""NOTIFY (RFC 5465) at the fake server: all mailboxes by one connection, and back to IDLE when it is not to be had."""

from collections.abc import Iterator

import pytest

from tests import factories
from tests.fakes.imap import FakeImapServer
from tests.sync.listening import Listening, deliver, make_inbox
from webmail.demo.imap_session import ImapConfig
from webmail.protocols.imap import listening as protocol
from webmail.sync.watching import watch
from webmail.sync.watching.watch_polling import Polls

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def imap() -> Iterator[FakeImapServer]:
    with FakeImapServer(also={"NOTIFY"}) as server:
        yield server


@pytest.fixture
def listening() -> Iterator[Listening]:
    made = Listening()
    yield made
    made.watch.close(timeout_s=5)


@pytest.mark.req("Y76")
def test_every_mailbox_is_told_by_one_connection(listening, imap):
    inbox = make_inbox(imap.port)
    archive = factories.make_mailbox(inbox.account, "Archive")
    listening.watch.refresh()
    listening.until_listening()
    assert listening.watch.figures()["notify"] == 1

    deliver(imap, 1, mailbox="Archive")
    listening.until(lambda: ("sync.mailbox", archive.pk) in listening.woken, timeout_s=2.0)
    deliver(imap, 2)
    listening.until(lambda: ("sync.mailbox", inbox.pk) in listening.woken, timeout_s=2.0)
    imap.store.change_flags(imap.user, "Archive", [1], add=["\\Seen"])
    listening.until(lambda: listening.woken.count(("sync.mailbox", archive.pk)) == 2, timeout_s=2.0)

    assert imap.connection_count == 1
    assert {task for task, _ in listening.woken} == {"sync.mailbox"}


@pytest.mark.req("Y76")
def test_events_of_one_mailbox_in_a_burst_are_one_wake_up(listening, imap):
    inbox = make_inbox(imap.port)
    archive = factories.make_mailbox(inbox.account, "Archive")
    listening.watch.refresh()
    listening.until_listening()

    for number in range(5):
        deliver(imap, number, mailbox="Archive")
    listening.until(lambda: listening.woken)
    listening.until(lambda: not listening.watch.pump(timeout_s=0.3))

    assert listening.woken == [("sync.mailbox", archive.pk)]


@pytest.mark.req("Y76")
@pytest.mark.parametrize("change", ["create", "rename", "delete", "unsubscribe", "unknown"])
def test_changes_of_the_list_of_mailboxes_wake_discovery(listening, imap, change):
    inbox = make_inbox(imap.port)
    imap.store.create_mailbox(imap.user, "Work")
    listening.watch.refresh()
    listening.until_listening()

    match change:
        case "create":
            imap.store.create_mailbox(imap.user, "New")
        case "rename":
            imap.store.rename_mailbox(imap.user, "Work", "Play")
        case "delete":
            imap.store.delete_mailbox(imap.user, "Work")
        case "unsubscribe":
            imap.store.set_subscribed(imap.user, "Work", on=False)
        case _:
            deliver(imap, mailbox="Work")  # nothing is known of it here yet

    listening.until(lambda: ("sync.account", inbox.account_id) in listening.woken, timeout_s=2.0)


@pytest.mark.req("Y76")
def test_after_an_overflow_everything_is_looked_at_and_idle_goes_on():
    with FakeImapServer(also={"NOTIFY"}, config=ImapConfig(notify_limit=2)) as imap:
        listening = Listening()
        inbox = make_inbox(imap.port)
        try:
            listening.watch.refresh()
            listening.until_listening()
            with imap.store.batch(imap.user):
                for name in ("Archive", "Sent", "Drafts"):
                    deliver(imap, mailbox=name)

            listening.until(lambda: ("sync.account", inbox.account_id) in listening.woken)
            listening.until_listening()
            assert listening.watch.figures()["idle"] == 1
            deliver(imap)
            listening.until(lambda: ("sync.mailbox", inbox.pk) in listening.woken, timeout_s=2.0)
        finally:
            listening.watch.close(timeout_s=5)


@pytest.mark.req("Y77")
@pytest.mark.parametrize("status", [b"NO not now", b"BAD unknown command"])
def test_server_that_refuses_notify_is_listened_to_by_idle(listening, imap, status):
    imap.faults.answer("NOTIFY", b"", status, times=None)
    inbox = make_inbox(imap.port)
    listening.watch.refresh()
    listening.until_listening()
    assert listening.watch.figures()["idle"] == 1

    deliver(imap)

    listening.until(lambda: ("sync.mailbox", inbox.pk) in listening.woken, timeout_s=2.0)
    assert imap.connection_count == 1


@pytest.mark.req("Y76")
def test_server_that_knows_fewer_events_is_asked_for_those(listening, imap):
    imap.faults.answer("NOTIFY", b"", b"NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName)] unknown")
    inbox = make_inbox(imap.port)
    archive = factories.make_mailbox(inbox.account, "Archive")
    listening.watch.refresh()
    listening.until_listening()
    assert listening.watch.figures()["notify"] == 1

    deliver(imap, mailbox="Archive")

    listening.until(lambda: ("sync.mailbox", archive.pk) in listening.woken, timeout_s=2.0)


@pytest.mark.req("Y79")
def test_account_with_notify_is_not_polled_for_other_mailboxes(imap):
    inbox = make_inbox(imap.port)
    clock = [0.0]
    polls = Polls(find_users=lambda: {inbox.account.user_id}, clock=lambda: clock[0])
    listening = Listening(polls=polls)
    try:
        listening.watch.refresh()
        listening.until_listening()
        clock[0] += 3600
        listening.watch.refresh()
        assert listening.woken == []
    finally:
        listening.watch.close(timeout_s=5)


@pytest.mark.req("Y77")
def test_server_that_hangs_up_at_notify_is_listened_to_by_idle(listening, imap, monkeypatch):
    monkeypatch.setattr(watch, "FIRST_RETRY_S", 0.05)
    imap.faults.cut("NOTIFY", times=None)
    make_inbox(imap.port)

    listening.watch.refresh()
    listening.until_listening()

    assert listening.watch.figures()["idle"] == 1
    assert imap.faults.commands.count("NOTIFY") == 1


@pytest.mark.req("Y77")
def test_server_that_never_answers_notify_is_listened_to_by_idle(listening, imap, monkeypatch):
    monkeypatch.setattr(watch, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(protocol, "BEGIN_S", 0.3)
    imap.faults.change_answer("NOTIFY", lambda data: b"", times=None)
    make_inbox(imap.port)

    listening.watch.refresh()
    listening.until_listening()

    assert listening.watch.figures() | {"notify": 0, "polled": 0, "idle": 1} == listening.watch.figures()
