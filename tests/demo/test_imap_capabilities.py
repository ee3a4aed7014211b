"""An ability that is switched off is absent from the list, from the answers and from the commands."""

from __future__ import annotations

import pytest

from tests.demo.conftest import fill
from tests.demo.raw_client import RawImap
from tests.fakes.imap import FakeImapServer
from webmail.demo.imap_session import ImapConfig


def start(server: FakeImapServer) -> RawImap:
    fill(server, 3)
    return RawImap(server.port).login(server.user, server.password)


def test_without_condstore_nothing_mentions_modseq() -> None:
    with FakeImapServer(without={"CONDSTORE", "QRESYNC"}) as server, start(server) as client:
        assert b"CONDSTORE" not in client.command("CAPABILITY")[0]
        assert not any(b"MODSEQ" in line for line in client.command("SELECT INBOX"))
        assert not any(b"MODSEQ" in line for line in client.command("UID STORE 1 +FLAGS (\\Seen)"))
        for command in (
            "SELECT INBOX (CONDSTORE)",
            "STATUS INBOX (HIGHESTMODSEQ)",
            "UID FETCH 1 (FLAGS) (CHANGEDSINCE 1)",
            "UID FETCH 1 (MODSEQ)",
            "UID SEARCH MODSEQ 1",
        ):
            client.command("SELECT INBOX")
            assert b" BAD " in client.command(command)[-1], command


def test_without_qresync_expunges_come_one_by_one() -> None:
    with FakeImapServer(without={"QRESYNC"}) as server, start(server) as client:
        assert client.command("ENABLE QRESYNC")[0].strip() == b"* ENABLED"
        client.command("SELECT INBOX")
        server.store.expunge(server.user, "INBOX", [1, 2])
        assert client.command("NOOP")[:2] == [b"* 1 EXPUNGE", b"* 1 EXPUNGE"]


def test_without_uidplus_no_uids_are_named() -> None:
    with FakeImapServer(without={"UIDPLUS"}) as server, start(server) as client:
        client.command("SELECT INBOX")
        assert b"COPYUID" not in client.command("UID COPY 1 Archive")[-1]
        assert not any(b"COPYUID" in line for line in client.command("UID MOVE 1 Archive"))
        assert b"APPENDUID" not in client.command(b"APPEND Archive {6+}\r\na: b\r\n")[-1]
        assert b" BAD " in client.command("UID EXPUNGE 2")[-1]


@pytest.mark.parametrize(
    ("capability", "command"),
    [
        ("MOVE", "UID MOVE 1 Archive"),
        ("IDLE", "IDLE"),
        ("UNSELECT", "UNSELECT"),
        ("NAMESPACE", "NAMESPACE"),
        ("ID", "ID NIL"),
        ("ENABLE", "ENABLE CONDSTORE"),
        ("ESEARCH", "UID SEARCH RETURN (ALL) ALL"),
        ("LIST-STATUS", 'LIST "" "*" RETURN (STATUS (MESSAGES))'),
        ("LIST-EXTENDED", 'LIST "" "*" RETURN (SUBSCRIBED)'),
    ],
)
def test_a_command_of_an_absent_capability_is_bad(capability: str, command: str) -> None:
    with FakeImapServer(without={capability}) as server, start(server) as client:
        client.command("SELECT INBOX")
        assert b" BAD " in client.command(command)[-1]


def test_without_special_use_no_mailbox_has_a_role() -> None:
    with FakeImapServer(without={"SPECIAL-USE"}) as server, start(server) as client:
        assert not any(b"\\Sent" in line for line in client.command('LIST "" "*"'))


def test_plain_rfc_3501_is_possible() -> None:
    with FakeImapServer(capabilities=()) as server, start(server) as client:
        assert client.command("CAPABILITY")[0] == b"* CAPABILITY IMAP4rev1 AUTH=PLAIN"
        client.command("SELECT INBOX")
        assert client.command("UID FETCH 1:* (FLAGS)")[0] == b"* 1 FETCH (UID 1 FLAGS ())"


def test_without_keywords_a_store_drops_them() -> None:
    with FakeImapServer(config=ImapConfig(allows_keywords=False)) as server, start(server) as client:
        assert not any(b"\\*" in line for line in client.command("SELECT INBOX"))
        client.command("UID STORE 1 +FLAGS (\\Seen $Label)")
        assert server.store.mailbox(server.user).messages[1].flags == {"\\Seen"}


def test_a_prefix_and_another_delimiter_look_like_courier() -> None:
    with FakeImapServer(config=ImapConfig(prefix="INBOX.", delimiter=".")) as server, start(server) as client:
        assert client.command("NAMESPACE")[0] == b'* NAMESPACE (("INBOX." ".")) NIL NIL'
        assert b" OK " in client.command("CREATE INBOX.Work.March")[-1]
        assert "Work/March" in server.store.user(server.user).mailboxes
        names = [line.rpartition(b' "." ')[2] for line in client.command('LIST "" "*"')[:-1]]
        assert b'"INBOX"' in names
        assert b'"INBOX.Work.March"' in names
        assert b"[CANNOT]" in client.command("CREATE Elsewhere")[-1]


def test_object_ids_are_offered_when_asked_for() -> None:
    with FakeImapServer(also={"OBJECTID"}) as server, start(server) as client:
        object_id = server.store.mailbox(server.user).object_id.encode()
        assert b"[MAILBOXID (" + object_id + b")]" in b"\n".join(client.command("SELECT INBOX"))
        client.command("UID COPY 1 Archive")
        here = client.command("UID FETCH 1 (EMAILID)")[0]
        client.command("SELECT Archive")
        assert here == client.command("UID FETCH 1 (EMAILID)")[0]
        client.command("RENAME Archive Attic")
        assert b"MAILBOXID (M" in client.command("STATUS Attic (MAILBOXID)")[0]
