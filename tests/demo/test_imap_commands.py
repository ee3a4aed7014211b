"""Every group of IMAP commands, driven by IMAPClient, imaplib and raw lines."""

from __future__ import annotations

import base64
import imaplib
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

from tests.demo.conftest import fill, make_mail
from tests.demo.raw_client import RawImap
from tests.fakes.imap import FakeImapServer
from webmail.demo.mime_builder import alternative, binary_part, build_message, message_part, mixed, text_part

Connect = Callable[[FakeImapServer], IMAPClient]


def test_login_with_a_wrong_password_is_refused_with_its_code(imap: FakeImapServer) -> None:
    with RawImap(imap.port) as client:
        assert client.command(f'LOGIN "{imap.user}" "wrong"')[-1].startswith(b"t1 NO [AUTHENTICATIONFAILED]")
        assert b"BAD" in client.command("SELECT INBOX")[-1]


def test_imapclient_reports_a_failed_login(imap: FakeImapServer) -> None:
    client = IMAPClient(imap.host, imap.port, ssl=False)
    with pytest.raises(LoginError):
        client.login(imap.user, "wrong")
    client.shutdown()


def test_authenticate_plain_works_with_and_without_initial_response(imap: FakeImapServer) -> None:
    token = base64.b64encode(f"\0{imap.user}\0{imap.password}".encode())
    with RawImap(imap.port) as client:
        assert b" OK " in client.command(b"AUTHENTICATE PLAIN " + token)[-1]
    with RawImap(imap.port) as client:
        tag = client.send("AUTHENTICATE PLAIN")
        assert client.read_line().startswith(b"+ ")
        client.send_raw(token + b"\r\n")
        assert client.read_answer(tag)[-1].startswith(tag + b" OK")


def test_list_gives_special_use_status_and_subscription_in_one_answer(raw: RawImap) -> None:
    lines = raw.command(
        'LIST "" "*" RETURN (SUBSCRIBED SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))'
    )
    assert b'* LIST (\\HasNoChildren \\Sent \\Subscribed) "/" "Sent"' in lines
    assert any(line.startswith(b'* STATUS "INBOX" (MESSAGES 3 UIDNEXT 4 UIDVALIDITY ') for line in lines)
    assert sum(line.startswith(b"* STATUS") for line in lines) == sum(line.startswith(b"* LIST") for line in lines)


def test_list_wildcards_stop_or_do_not_stop_at_the_delimiter(raw: RawImap, imap: FakeImapServer) -> None:
    imap.store.create_mailbox(imap.user, "Work/2026/March")
    assert [line.rsplit(b" ", 1)[1] for line in raw.command('LIST "" "Work/%"')[:-1]] == [b'"Work/2026"']
    assert len(raw.command('LIST "" "Work*"')) == 4
    assert raw.command('LIST "" ""')[0] == b'* LIST (\\Noselect) "/" ""'


def test_mailboxes_are_created_renamed_subscribed_and_deleted(imap: FakeImapServer, connect: Connect) -> None:
    client = connect(imap)
    client.create_folder("Übersicht & Plan/März")
    assert "Übersicht & Plan" in [name for _, _, name in client.list_folders()]
    client.rename_folder("Übersicht & Plan", "Plan")
    assert "Plan/März" in [name for _, _, name in client.list_folders()]
    client.unsubscribe_folder("Plan/März")
    assert "Plan/März" not in [name for _, _, name in client.list_sub_folders()]
    client.delete_folder("Plan")
    flags = {name: flags for flags, _, name in client.list_folders()}
    assert b"\\Noselect" in flags["Plan"]
    with pytest.raises(IMAPClientError, match="ALREADYEXISTS"):
        client.create_folder("Sent")
    with pytest.raises(IMAPClientError, match="CANNOT"):
        client.delete_folder("INBOX")


def test_a_name_that_is_not_modified_utf7_is_bad(raw: RawImap) -> None:
    assert b" BAD " in raw.command('SELECT "&AAAA"')[-1] or b" NO " in raw.command('SELECT "&AAAA"')[-1]
    assert b" BAD " in raw.command('CREATE "Entw\xfcrfe"'.encode("latin-1"))[-1]


def test_select_tells_all_counters(raw: RawImap, imap: FakeImapServer) -> None:
    mailbox = imap.store.mailbox(imap.user)
    text = b"\n".join(raw.command("SELECT INBOX"))
    assert b"* 3 EXISTS" in text
    assert b"[UIDVALIDITY %d]" % mailbox.uidvalidity in text
    assert b"[UIDNEXT 4]" in text
    assert b"[HIGHESTMODSEQ %d]" % mailbox.highest_modseq in text
    assert b"\\*)]" in text
    assert b"[READ-WRITE]" in text


def test_examine_changes_nothing(imap: FakeImapServer, connect: Connect) -> None:
    client = connect(imap)
    client.select_folder("INBOX", readonly=True)
    client.fetch([1], ["BODY[]"])
    with pytest.raises(IMAPClientError):
        client.add_flags([1], ["\\Seen"])
    assert imap.store.mailbox(imap.user).messages[1].flags == frozenset()


def test_fetch_gives_every_plain_item(imap: FakeImapServer, connect: Connect) -> None:
    client = connect(imap)
    date = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
    raw = make_mail(9, subject="=?utf-8?Q?Gr=C3=BC=C3=9Fe?=")
    uid = imap.store.append(imap.user, "INBOX", raw, flags=["\\Seen", "$Work"], internal_date=date)
    client.select_folder("INBOX")
    client.normalise_times = False
    found = client.fetch([uid], ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODYSTRUCTURE", "BODY.PEEK[]"])[
        uid
    ]
    assert found[b"FLAGS"] == (b"$Work", b"\\Seen")
    assert found[b"INTERNALDATE"] == date
    assert found[b"RFC822.SIZE"] == len(raw)
    assert found[b"ENVELOPE"].subject == b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?="
    assert found[b"ENVELOPE"].from_[0].host == b"example.org"
    assert found[b"ENVELOPE"].message_id == b"<9@example.org>"
    assert found[b"BODYSTRUCTURE"][:2] == (b"TEXT", b"PLAIN")
    assert found[b"BODY[]"] == raw


def nested_mail() -> bytes:
    picture = binary_part(b"\x89PNG...", "image/png", filename="Grüße.png")
    inner = build_message([("Subject", "Inner"), ("From", "x@example.org")], mixed(text_part("deep\n"), picture))
    body = alternative(text_part("plain\n", encoding="7bit"), text_part("<p>rich</p>\n", subtype="html"))
    return build_message([("Subject", "Outer"), ("From", "y@example.org")], mixed(body, message_part(inner)))


def test_body_sections_are_the_exact_bytes(imap: FakeImapServer, raw: RawImap) -> None:
    message = nested_mail()
    imap.store.append(imap.user, "Archive", message)
    raw.command("SELECT Archive")

    def section(name: str) -> bytes:
        line = raw.command(f"UID FETCH 1 (BODY.PEEK[{name}])")[0]
        return line.partition(b"}\r\n")[2].removesuffix(b")")

    assert section("") == message
    assert section("HEADER") + section("TEXT") == message
    assert section("1.1") == b"plain\r\n"
    assert section("1.2") == b"<p>rich</p>\r\n"
    assert b"text/html" in section("1.2.MIME")
    assert section("2.HEADER").startswith(b"Subject: Inner\r\n")
    assert section("2.1") == b"deep\r\n"
    assert base64.b64decode(section("2.2")) == b"\x89PNG..."
    assert section("HEADER.FIELDS (SUBJECT)") == b"Subject: Outer\r\n\r\n"
    assert b"Subject" not in section("HEADER.FIELDS.NOT (SUBJECT)")
    assert b"BODY[9] NIL" in raw.command("UID FETCH 1 (BODY.PEEK[9])")[0]
    assert b"BODY[]<4>" in (line := raw.command("UID FETCH 1 (BODY.PEEK[]<4.10>)")[0])
    assert message[4:14] in line


def test_bodystructure_shows_parts_names_and_nested_envelope(imap: FakeImapServer, connect: Connect) -> None:
    imap.store.append(imap.user, "Archive", nested_mail())
    client = connect(imap)
    client.select_folder("Archive")
    parts, subtype = client.fetch([1], ["BODYSTRUCTURE"])[1][b"BODYSTRUCTURE"][:2]
    assert subtype == b"MIXED"
    assert parts[0][1] == b"ALTERNATIVE"
    nested = parts[1]
    assert nested[:2] == (b"MESSAGE", b"RFC822")
    assert nested[7][1] == b"Inner"
    assert b"filename*" in str(nested[8]).encode()


def test_reading_a_body_sets_seen_and_peeking_does_not(imap: FakeImapServer, connect: Connect) -> None:
    client = connect(imap)
    client.select_folder("INBOX")
    client.fetch([1], ["BODY.PEEK[TEXT]"])
    assert client.fetch([1], ["FLAGS"])[1][b"FLAGS"] == ()
    assert b"\\Seen" in client.fetch([1], ["BODY[TEXT]"])[1][b"FLAGS"]


def test_store_adds_removes_and_replaces_flags(imap: FakeImapServer, connect: Connect) -> None:
    client = connect(imap)
    client.select_folder("INBOX")
    assert client.add_flags([1], ["\\Seen", "$Later"])[1] == (b"$Later", b"\\Seen")
    assert client.remove_flags([1], ["\\Seen"])[1] == (b"$Later",)
    assert client.set_flags([1], ["\\Flagged"])[1] == (b"\\Flagged",)
    client.add_flags([1], ["\\Seen"], silent=True)
    assert imap.store.mailbox(imap.user).messages[1].flags == {"\\Flagged", "\\Seen"}


def test_unchangedsince_refuses_what_changed_meanwhile(raw: RawImap, imap: FakeImapServer) -> None:
    raw.command("SELECT INBOX (CONDSTORE)")
    before = imap.store.mailbox(imap.user).highest_modseq
    imap.store.change_flags(imap.user, "INBOX", [2], add=["\\Flagged"])
    lines = raw.command(f"UID STORE 1:2 (UNCHANGEDSINCE {before}) +FLAGS.SILENT (\\Seen)")
    assert b"[MODIFIED 2]" in lines[-1]
    messages = imap.store.mailbox(imap.user).messages
    assert "\\Seen" in messages[1].flags
    assert "\\Seen" not in messages[2].flags
    assert lines[0] == b"* 1 FETCH (UID 1 MODSEQ (%d))" % messages[1].modseq


@pytest.mark.parametrize(
    ("keys", "uids"),
    [
        ("ALL", [1, 2, 3]),
        ("UID 2:*", [2, 3]),
        ("1", [1]),
        ("SEEN", [2]),
        ("UNSEEN NOT UID 3", [1]),
        ("HEADER Message-ID 3@example.org", [3]),
        ("SUBJECT letter", [1, 2, 3]),
        ("OR (UID 1) (UID 3)", [1, 3]),
        ("TEXT bob", [1, 2, 3]),
        ("BODY bob", []),
        ("SINCE 1-Jan-2026", [1, 2, 3]),
        ("SENTBEFORE 1-Feb-2026", []),
        ("SENTON 2-Feb-2026", [1, 2, 3]),
        ("KEYWORD $Work", [2]),
        ("LARGER 1000", []),
    ],
)
def test_search_keys(imap: FakeImapServer, connect: Connect, keys: str, uids: list[int]) -> None:
    imap.store.change_flags(imap.user, "INBOX", [2], add=["\\Seen", "$Work"])
    client = connect(imap)
    client.select_folder("INBOX")
    assert client.search(keys) == uids


def test_search_return_answers_with_a_compact_set(raw: RawImap) -> None:
    raw.command("SELECT INBOX")
    assert raw.command("UID SEARCH RETURN (ALL COUNT) ALL")[0] == b'* ESEARCH (TAG "t3") UID ALL 1:3 COUNT 3'
    assert raw.command("UID SEARCH RETURN (ALL) UID 99")[0] == b'* ESEARCH (TAG "t4") UID'


def test_copy_and_move_name_the_new_uids(imap: FakeImapServer, raw: RawImap) -> None:
    raw.command("SELECT INBOX")
    target = imap.store.mailbox(imap.user, "Archive").uidvalidity
    assert b"[COPYUID %d 1:2 1:2]" % target in raw.command("UID COPY 1:2 Archive")[-1]
    lines = raw.command("UID MOVE 3 Archive")
    assert b"[COPYUID %d 3 3]" % target in lines[0]
    assert lines[1] == b"* 3 EXPUNGE"
    assert b"[TRYCREATE]" in raw.command("UID MOVE 1 Nowhere")[-1]


def test_append_with_imaplib_keeps_flags_and_date(imap: FakeImapServer) -> None:
    client = imaplib.IMAP4(imap.host, imap.port)
    client.login(imap.user, imap.password)
    status, answer = client.append("Drafts", "(\\Draft)", '"02-Feb-2026 08:00:00 +0100"', make_mail(5))
    client.logout()
    assert status == "OK"
    assert b"APPENDUID" in answer[0]
    message = imap.store.mailbox(imap.user, "Drafts").messages[1]
    assert message.raw == make_mail(5)
    assert message.flags == {"\\Draft"}
    assert message.internal_date == datetime(2026, 2, 2, 7, tzinfo=UTC)


def test_append_takes_a_literal_that_does_not_wait(imap: FakeImapServer, raw: RawImap) -> None:
    mail = make_mail(6)
    lines = raw.command(b"APPEND Sent (\\Seen) {%d+}\r\n%b" % (len(mail), mail))
    assert len(lines) == 1
    assert b"[APPENDUID " in lines[0]
    assert imap.store.mailbox(imap.user, "Sent").messages[1].raw == mail


def test_append_to_a_missing_mailbox_asks_to_create_it(imap: FakeImapServer, connect: Connect) -> None:
    with pytest.raises(IMAPClientError, match="TRYCREATE"):
        connect(imap).append("Nowhere", make_mail(7))


def test_uid_expunge_spares_what_others_marked(imap: FakeImapServer, connect: Connect) -> None:
    imap.store.change_flags(imap.user, "INBOX", [1, 3], add=["\\Deleted"])
    client = connect(imap)
    client.select_folder("INBOX")
    client.uid_expunge([3])
    assert list(imap.store.mailbox(imap.user).messages) == [1, 2]


def test_close_expunges_and_unselect_does_not(imap: FakeImapServer, raw: RawImap) -> None:
    imap.store.change_flags(imap.user, "INBOX", [1], add=["\\Deleted"])
    raw.command("SELECT INBOX")
    raw.command("UNSELECT")
    assert 1 in imap.store.mailbox(imap.user).messages
    raw.command("SELECT INBOX")
    raw.command("CLOSE")
    assert 1 not in imap.store.mailbox(imap.user).messages


def test_changes_of_others_are_told_with_noop_but_not_during_fetch(imap: FakeImapServer, raw: RawImap) -> None:
    raw.command("SELECT INBOX")
    imap.store.expunge(imap.user, "INBOX", [1])
    imap.store.append(imap.user, "INBOX", make_mail(4))
    imap.store.change_flags(imap.user, "INBOX", [2], add=["\\Seen"])
    assert not any(b"EXPUNGE" in line for line in raw.command("FETCH 2 (UID)"))
    lines = raw.command("NOOP")
    assert b"* 1 EXPUNGE" in lines
    assert raw.command("UID SEARCH ALL")[0] == b"* SEARCH 2 3 4"


def test_a_flag_change_is_told_once(imap: FakeImapServer, raw: RawImap) -> None:
    raw.command("SELECT INBOX")
    imap.store.change_flags(imap.user, "INBOX", [2], add=["\\Seen"])
    assert raw.command("NOOP")[0] == b"* 2 FETCH (FLAGS (\\Seen))"
    assert len(raw.command("NOOP")) == 1
    raw.command("UID STORE 1 +FLAGS.SILENT (\\Flagged)")
    assert len(raw.command("NOOP")) == 1


def test_idle_tells_news_at_once(imap: FakeImapServer, connect: Connect) -> None:
    client = connect(imap)
    client.select_folder("INBOX")
    client.idle()
    imap.store.append(imap.user, "INBOX", make_mail(4))
    assert (4, b"EXISTS") in client.idle_check(timeout=5)
    imap.store.expunge(imap.user, "INBOX", [1])
    assert (1, b"EXPUNGE") in client.idle_check(timeout=5)
    client.idle_done()
    assert client.search() == [2, 3, 4]


def test_qresync_reports_what_vanished_and_changed(imap: FakeImapServer, raw: RawImap) -> None:
    raw.command("ENABLE QRESYNC")
    mailbox = imap.store.mailbox(imap.user)
    known = mailbox.highest_modseq
    imap.store.expunge(imap.user, "INBOX", [2])
    imap.store.change_flags(imap.user, "INBOX", [3], add=["\\Seen"])
    lines = raw.command(f"SELECT INBOX (QRESYNC ({mailbox.uidvalidity} {known}))")
    assert b"* VANISHED (EARLIER) 2" in lines
    assert b"* 2 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (%d))" % mailbox.messages[3].modseq in lines
    lines = raw.command(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {known} VANISHED)")
    assert lines[0] == b"* VANISHED (EARLIER) 2"
    assert len(lines) == 3
    imap.store.expunge(imap.user, "INBOX", [1])
    assert b"* VANISHED 1" in raw.command("NOOP")


def test_changedsince_over_a_range_works_with_the_locked_imapclient(imap: FakeImapServer, connect: Connect) -> None:
    client = connect(imap)
    known = client.select_folder("INBOX")[b"HIGHESTMODSEQ"]
    imap.store.change_flags(imap.user, "INBOX", [2], add=["\\Seen"])
    found = client.fetch("1:*", ["FLAGS"], modifiers=[f"CHANGEDSINCE {known}"])
    assert list(found) == [2]
    assert found[2][b"MODSEQ"] == (imap.store.mailbox(imap.user).messages[2].modseq,)


def test_namespace_id_and_logout(imap: FakeImapServer, connect: Connect) -> None:
    client = connect(imap)
    assert client.namespace().personal == (("", "/"),)
    assert client.id_({"name": "test"})[0][0] == b"name"
    assert client.logout() == b"Logging out"


@pytest.mark.parametrize(
    "line", [b"", b"t1", b"t1 FETCH 1 (", b"t1 NOSUCH", b"t1 UID FETCH x FLAGS", b"t1 FETCH " + b"(" * 500]
)
def test_nonsense_is_bad_and_the_connection_lives_on(imap: FakeImapServer, line: bytes) -> None:
    with RawImap(imap.port) as client:
        client.send_raw(line + b"\r\n")
        assert b" BAD " in client.read_line()
        assert b" OK " in client.command("NOOP")[-1]


def test_an_endless_literal_ends_the_connection(imap: FakeImapServer, raw: RawImap) -> None:
    raw.send_raw(b"x APPEND INBOX {3000000000}\r\n")
    assert raw.read_line().startswith(b"* BYE")
    assert raw.read_line() == b""


def test_bodies_of_many_messages_arrive_whole(imap: FakeImapServer, connect: Connect) -> None:
    fill(imap, 50, "Archive")
    client = connect(imap)
    client.select_folder("Archive")
    found = client.fetch("1:*", ["BODY.PEEK[]"])
    assert [found[uid][b"BODY[]"] for uid in range(1, 51)] == [make_mail(uid) for uid in range(1, 51)]
