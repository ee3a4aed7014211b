"""The store: counters, change announcements and what survives a restart."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.demo.conftest import make_mail
from webmail.demo.errors import MailboxExists, MailboxProtected, NoSuchMailbox, UnknownUser
from webmail.demo.store import DemoStore

USER = "alice@pillarbox.test"


@pytest.fixture
def store() -> DemoStore:
    made = DemoStore()
    made.add_user(USER, "secret")
    return made


def test_uids_rise_and_are_never_given_twice(store: DemoStore) -> None:
    assert [store.append(USER, "INBOX", make_mail(number)) for number in range(3)] == [1, 2, 3]
    store.expunge(USER, "INBOX", [3])
    assert store.append(USER, "INBOX", make_mail(4)) == 4


def test_modseq_rises_only_where_something_changed(store: DemoStore) -> None:
    store.append(USER, "INBOX", make_mail(1))
    before = store.mailbox(USER).highest_modseq
    store.change_flags(USER, "INBOX", [1, 77], add=["\\seen"])
    assert store.mailbox(USER).messages[1].modseq == before + 1
    store.change_flags(USER, "INBOX", [1], add=["\\Seen"])
    assert store.mailbox(USER).highest_modseq == before + 1


def test_no_two_mailboxes_share_a_uidvalidity(store: DemoStore) -> None:
    store.create_mailbox(USER, "A/B/C")
    values = [mailbox.uidvalidity for mailbox in store.user(USER).mailboxes.values()]
    assert len(set(values)) == len(values)


def test_a_mailbox_that_is_made_again_has_another_uidvalidity(store: DemoStore) -> None:
    first = store.create_mailbox(USER, "Work").uidvalidity
    store.delete_mailbox(USER, "Work")
    assert store.create_mailbox(USER, "Work").uidvalidity != first


def test_refusals_are_named(store: DemoStore) -> None:
    with pytest.raises(MailboxExists):
        store.create_mailbox(USER, "inbox")
    with pytest.raises(MailboxProtected):
        store.delete_mailbox(USER, "INBOX")
    with pytest.raises(NoSuchMailbox):
        store.append(USER, "Nowhere", b"")
    with pytest.raises(UnknownUser):
        store.mailbox("bob@pillarbox.test")


def test_listeners_hear_a_batch_once_and_can_stop(store: DemoStore) -> None:
    heard: list[str] = []
    stop = store.listen(heard.append)
    with store.batch(USER):
        store.append(USER, "INBOX", make_mail(1))
        store.append(USER, "Sent", make_mail(2))
    assert heard == [USER]
    stop()
    store.append(USER, "INBOX", make_mail(3))
    assert heard == [USER]


def test_many_threads_append_without_losing_anything(store: DemoStore) -> None:
    def work() -> None:
        for number in range(50):
            store.append(USER, "INBOX", make_mail(number))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(store.mailbox(USER).messages) == list(range(1, 201))


def test_everything_is_found_again_after_a_restart(tmp_path: Path) -> None:
    store = DemoStore(tmp_path)
    store.add_user(USER, "secret")
    date = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)
    store.append(USER, "INBOX", make_mail(1), flags=["\\Seen", "$Work"], internal_date=date)
    store.append(USER, "INBOX", make_mail(2))
    store.expunge(USER, "INBOX", [2])
    store.create_mailbox(USER, "Überblick")
    store.set_subscribed(USER, "Überblick", on=False)
    store.note_once("answered", "x")

    again = DemoStore(tmp_path)
    assert again.user(USER) == store.user(USER)
    assert again.mailbox(USER).messages[1].raw == make_mail(1)
    assert not again.note_once("answered", "x")
    assert again.create_mailbox(USER, "Fresh").uidvalidity == store.create_mailbox(USER, "Fresh").uidvalidity


def test_files_of_removed_messages_go_at_the_next_start(tmp_path: Path) -> None:
    store = DemoStore(tmp_path)
    store.add_user(USER, "secret")
    store.append(USER, "INBOX", make_mail(1))
    store.expunge(USER, "INBOX", [1])
    DemoStore(tmp_path)
    assert list((tmp_path / "messages").iterdir()) == []
