"""NOTIFY of the demo server: what RFC 5465 says it tells, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.demo.conftest import fill, make_mail
from tests.demo.raw_client import RawImap
from tests.fakes.imap import FakeImapServer
from webmail.demo.imap_session import ImapConfig

EVERYTHING = (
    "NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange)) "
    "(PERSONAL (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))"
)


@pytest.fixture
def server() -> Iterator[FakeImapServer]:
    with FakeImapServer(also={"NOTIFY"}) as running:
        fill(running, 2)
        yield running


@pytest.fixture
def client(server: FakeImapServer) -> Iterator[RawImap]:
    with RawImap(server.port).login(server.user, server.password) as connected:
        connected.command("SELECT INBOX")
        yield connected


def test_changes_of_other_mailboxes_are_told_as_status(server: FakeImapServer, client: RawImap) -> None:
    assert b" OK " in client.command(EVERYTHING)[-1]
    uid = server.store.append(server.user, "Archive", make_mail(1))
    assert client.command("NOOP")[0].startswith(b'* STATUS "Archive" (MESSAGES 1 UIDNEXT 2 ')
    server.store.change_flags(server.user, "Archive", [uid], add=["\\Seen"])
    assert client.command("NOOP")[0].startswith(b'* STATUS "Archive" (MESSAGES 1 ')
    server.store.expunge(server.user, "Archive", [uid])
    assert client.command("NOOP")[0].startswith(b'* STATUS "Archive" (MESSAGES 0 ')
    assert len(client.command("NOOP")) == 1


def test_the_list_of_mailboxes_is_told(server: FakeImapServer, client: RawImap) -> None:
    client.command(EVERYTHING)
    server.store.create_mailbox(server.user, "Work")
    assert client.command("NOOP")[0] == b'* LIST () "/" "Work"'
    server.store.rename_mailbox(server.user, "Work", "Play")
    assert client.command("NOOP")[0] == b'* LIST () "/" "Play" ("OLDNAME" ("Work"))'
    server.store.set_subscribed(server.user, "Play", on=False)
    assert client.command("NOOP")[0] == b'* LIST () "/" "Play"'
    server.store.delete_mailbox(server.user, "Play")
    assert client.command("NOOP")[0] == b'* LIST (\\NonExistent) "/" "Play"'


def test_changes_are_told_in_idle(server: FakeImapServer, client: RawImap) -> None:
    client.command(EVERYTHING)
    tag = client.send("IDLE")
    assert client.read_line().startswith(b"+")
    server.store.append(server.user, "Archive", make_mail(1))
    assert client.read_line().startswith(b'* STATUS "Archive"')
    server.store.append(server.user, "INBOX", make_mail(2))
    assert client.read_line() == b"* 3 EXISTS\r\n"
    client.send_raw(b"DONE\r\n")
    assert b" OK " in client.read_answer(tag)[-1]


def test_selected_mailbox_is_silent_in_idle_when_it_was_not_asked_for(server: FakeImapServer, client: RawImap) -> None:
    client.command("NOTIFY SET (PERSONAL (MessageNew MessageExpunge))")
    client.send("IDLE")
    client.read_line()
    server.store.append(server.user, "INBOX", make_mail(2))
    server.store.append(server.user, "Archive", make_mail(1))
    assert client.read_line().startswith(b'* STATUS "Archive"')


@pytest.mark.parametrize(
    ("group", "told"),
    [
        ("(INBOXES (MessageNew MessageExpunge))", []),
        ("(MAILBOXES Archive (MessageNew MessageExpunge))", [b'"Archive"']),
        ("(MAILBOXES (Archive Sent) (MessageNew MessageExpunge))", [b'"Sent"', b'"Archive"']),
        ("(SUBTREE Archive (MessageNew MessageExpunge))", [b'"Archive"', b'"Archive/2026"']),
        ("(SUBTREE Archive NONE) (SUBSCRIBED (MessageNew MessageExpunge))", [b'"Sent"']),
        ("(PERSONAL (MailboxName))", []),
    ],
)
def test_only_the_mailboxes_of_the_groups_are_told(
    server: FakeImapServer, client: RawImap, group: str, told: list[bytes]
) -> None:
    server.store.create_mailbox(server.user, "Archive/2026")
    client.command(f"NOTIFY SET {group}")
    for name in ("Archive", "Archive/2026", "Sent"):
        server.store.append(server.user, name, make_mail(1))
    assert sorted(line.split()[2] for line in client.command("NOOP")[:-1]) == sorted(told)


def test_status_at_the_beginning_and_none_at_the_end(server: FakeImapServer, client: RawImap) -> None:
    lines = client.command("NOTIFY SET STATUS (MAILBOXES Archive (MessageNew MessageExpunge))")
    assert [line.split()[2] for line in lines[:-1]] == [b'"Archive"']
    assert b" OK " in client.command("NOTIFY NONE")[-1]
    server.store.append(server.user, "Archive", make_mail(1))
    assert len(client.command("NOOP")) == 1


def test_too_many_changes_at_once_end_it() -> None:
    server = FakeImapServer(also={"NOTIFY"}, config=ImapConfig(notify_limit=2))
    with server, RawImap(server.port).login(server.user, server.password) as client:
        client.command(EVERYTHING)
        with server.store.batch(server.user):
            for name in ("Archive", "Sent", "Drafts"):
                server.store.append(server.user, name, make_mail(1))
        assert client.command("NOOP")[0].startswith(b"* OK [NOTIFICATIONOVERFLOW]")
        server.store.append(server.user, "Archive", make_mail(2))
        assert len(client.command("NOOP")) == 1


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("NOTIFY SET (PERSONAL (MessageNew))", b" BAD "),
        ("NOTIFY SET (PERSONAL (FlagChange))", b" BAD "),
        ("NOTIFY SET (SELECTED (MailboxName))", b" BAD "),
        ("NOTIFY SET (EVERYWHERE (MailboxName))", b" BAD "),
        ("NOTIFY SET", b" BAD "),
        ("NOTIFY", b" BAD "),
        ("NOTIFY SET (PERSONAL (Weather))", b" NO [BADEVENT (MessageNew "),
    ],
)
def test_what_it_does_not_understand_is_refused(client: RawImap, command: str, answer: bytes) -> None:
    assert answer in client.command(command)[-1]


def test_it_is_absent_unless_it_was_asked_for() -> None:
    with FakeImapServer() as server, RawImap(server.port).login(server.user, server.password) as client:
        assert b"NOTIFY" not in client.command("CAPABILITY")[0]
        assert b" BAD " in client.command(EVERYTHING)[-1]
