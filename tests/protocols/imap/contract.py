"""What every IMAP session must do, real or fake. A test module imports all of it and gives the fixture `open_imap`:
a function that opens a new session of one fresh user each time it is called."""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from webmail.protocols.errors import BadArgument, PermanentlyRefused
from webmail.protocols.imap.session import ImapSession
from webmail.protocols.imap.types import IdleEvent

OpenImap = Callable[[], ImapSession]

AT = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
PLAIN = (
    b"From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: Hello %d\r\nX-Secret: never listed\r\n"
    b"Message-ID: <m%d@example.org>\r\nDate: Sat, 3 Feb 2024 04:05:06 +0000\r\n\r\nHi Bob.\r\n"
)
WITH_ATTACHMENT = (
    b"From: ann@example.org\r\nSubject: File\r\nMessage-ID: <file@example.org>\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSee file.\r\n'
    b'--b\r\nContent-Type: application/pdf; name="a.pdf"\r\nContent-Disposition: attachment; filename="a.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--b--\r\n"
)


def fill(session: ImapSession, count: int, *, mailbox: bytes = b"INBOX") -> list[int]:
    """Append `count` messages, select the mailbox and return all its UIDs."""
    for number in range(count):
        session.append(mailbox, PLAIN % (number, number), keywords=[], internal_date=AT)
    session.select(mailbox)
    return session.search_uids()


def keywords_of(session: ImapSession) -> dict[int, frozenset[str]]:
    delta = session.fetch_keywords(1, None, changed_since=None)
    return {row.uid: row.keywords for row in delta.changed}


def test_a_new_user_has_a_selectable_inbox(open_imap: OpenImap) -> None:
    with open_imap() as session:
        inbox = next(box for box in session.list_mailboxes() if box.name == "INBOX")
        assert inbox.role == "inbox"
        assert inbox.is_selectable
        assert inbox.status is not None
        assert inbox.status.messages == 0
        selected = session.select(inbox.raw_name)
        assert (selected.exists, selected.is_read_only, selected.can_create_keywords) == (0, False, True)
        assert selected.uidvalidity == inbox.status.uidvalidity
        assert session.search_uids() == []


@pytest.mark.req("Y17")
@pytest.mark.req("Y21")
def test_mailboxes_are_created_listed_subscribed_renamed_and_deleted(open_imap: OpenImap) -> None:
    with open_imap() as session:
        session.create_mailbox('Entwürfe & "Größe"')
        box = next(box for box in session.list_mailboxes() if box.name == 'Entwürfe & "Größe"')
        assert not box.is_subscribed
        session.subscribe(box.raw_name, True)
        delimiter = box.delimiter or "/"
        session.create_mailbox(f"日本語{delimiter}子")
        session.append(box.raw_name, PLAIN % (1, 1), keywords=[], internal_date=None)
        found = {box.name: box for box in session.list_mailboxes()}
        assert found[box.name].is_subscribed
        assert session.status(box.raw_name).messages == 1
        parent = found.get("日本語")
        session.rename_mailbox(parent.raw_name if parent else "日本語".encode(), "中文")
        assert f"中文{delimiter}子" in {box.name for box in session.list_mailboxes()}
        session.delete_mailbox(box.raw_name)
        assert box.name not in {box.name for box in session.list_mailboxes()}


@pytest.mark.req("Y73")
def test_a_missing_mailbox_is_refused_for_good_and_the_session_goes_on(open_imap: OpenImap) -> None:
    with open_imap() as session:
        with pytest.raises(PermanentlyRefused):
            session.select(b"Missing")
        with pytest.raises(PermanentlyRefused) as caught:
            session.append(b"Missing", PLAIN % (1, 1), keywords=[], internal_date=None)
        assert caught.value.code == "TRYCREATE"
        session.create_mailbox("Twice")
        with pytest.raises(PermanentlyRefused) as again:
            session.create_mailbox("Twice")
        assert again.value.code == "ALREADYEXISTS"
        session.noop()


@pytest.mark.req("Y29")
def test_list_data_says_what_a_list_shows(open_imap: OpenImap) -> None:
    with open_imap() as session:
        session.append(b"INBOX", WITH_ATTACHMENT, keywords=["$seen", "$forwarded", "work"], internal_date=AT)
        session.select(b"INBOX")
        (row,) = session.fetch_list_data(session.search_uids())
        assert row.keywords == {"$seen", "$forwarded", "work"}
        assert not row.is_deleted
        assert row.internal_date == AT
        assert row.size_bytes == len(WITH_ATTACHMENT)
        assert b"Message-ID: <file@example.org>" in row.header
        assert row.has_attachment
        assert (row.modseq is not None) is session.supports("CONDSTORE")


@pytest.mark.req("Y5")
@pytest.mark.req("Y14")
def test_batches_come_in_order_and_skip_what_is_gone(open_imap: OpenImap) -> None:
    with open_imap() as session:
        uids = fill(session, 7)
        batches = [uids[6:], [], [uids[0], 4_000_000], uids[1:6]]
        found = [[row.uid for row in rows] for rows in session.fetch_list_data_batches(batches)]
        assert found == [uids[6:], [], [uids[0]], uids[1:6]]
        (row,) = session.fetch_list_data([uids[3]])
        assert b"Subject: Hello 3" in row.header
        assert b"X-Secret" not in row.header


@pytest.mark.req("Y93")
def test_messages_are_read_whole_without_being_marked_as_read(open_imap: OpenImap) -> None:
    with open_imap() as session:
        uids = fill(session, 3)
        assert dict(session.fetch_messages([*uids, 4_000_000])) == {
            uid: PLAIN % (number, number) for number, uid in enumerate(uids)
        }
        assert session.fetch_message(uids[1], max_bytes=10_000) == PLAIN % (1, 1)
        assert session.fetch_message(4_000_000, max_bytes=10_000) is None
        with pytest.raises(PermanentlyRefused):
            session.fetch_message(uids[1], max_bytes=20)
        assert set(keywords_of(session).values()) == {frozenset()}


@pytest.mark.req("Y64")
def test_keywords_are_added_and_removed_and_others_stay(open_imap: OpenImap) -> None:
    with open_imap() as session:
        first, second = fill(session, 2)
        session.store_keywords([first, second, 4_000_000], add=["$seen", "work"], remove=[])
        session.store_keywords([second], add=["$flagged"], remove=["work"])
        assert keywords_of(session) == {first: {"$seen", "work"}, second: {"$seen", "$flagged"}}


@pytest.mark.req("Y11")
@pytest.mark.req("Y36")
def test_a_delta_holds_only_what_changed_where_the_server_counts_changes(open_imap: OpenImap) -> None:
    with open_imap() as session, open_imap() as other:
        first, second, third = fill(session, 3)
        before = session.select(b"INBOX").highestmodseq
        other.select(b"INBOX")
        other.store_keywords([second], add=["$flagged"], remove=[])
        other.mark_deleted([third])
        if session.supports("UIDPLUS"):
            other.expunge([third])
        if before is None:
            with pytest.raises(BadArgument):
                session.fetch_keywords(1, None, changed_since=1)
            assert keywords_of(session)[first] == frozenset()
            return
        delta = session.fetch_keywords(1, None, changed_since=before)
        changed = {row.uid: row for row in delta.changed}
        assert first not in changed
        assert changed[second].keywords == {"$flagged"}
        assert (changed[second].modseq or 0) > before
        assert list(delta.vanished) == ([third] if session.supports("QRESYNC") else [])


def test_keywords_of_a_range_are_of_that_range(open_imap: OpenImap) -> None:
    with open_imap() as session:
        uids = fill(session, 4)
        delta = session.fetch_keywords(uids[1], uids[2], changed_since=None)
        assert [row.uid for row in delta.changed] == uids[1:3]
        # RFC 3501: n:* names the last message even when n is beyond it; that one was not meant.
        assert session.fetch_keywords(uids[-1] + 1, None, changed_since=None).changed == []


@pytest.mark.req("Y72")
def test_append_tells_the_uid_and_the_message_id_finds_it(open_imap: OpenImap) -> None:
    with open_imap() as session:
        fill(session, 2)
        result = session.append(b"INBOX", WITH_ATTACHMENT, keywords=["$draft"], internal_date=None)
        session.select(b"INBOX")
        found = session.search_message_id("<file@example.org>")
        assert len(found) == 1
        assert (result is not None) or not session.supports("UIDPLUS")
        if result is not None:
            assert found == [result.uid]
        assert session.search_message_id("<file@example.org>", since_uid=found[0] + 1) == []
        assert session.search_message_id("<none@example.org>") == []


@pytest.mark.req("Y67")
@pytest.mark.req("Y68")
def test_a_move_keeps_content_and_keywords(open_imap: OpenImap) -> None:
    with open_imap() as session:
        uids = fill(session, 3)
        session.create_mailbox("Target")
        session.store_keywords(uids[:2], add=["$flagged", "work"], remove=[])
        if session.supports("MOVE"):
            result = session.move(uids[:2], b"Target")
        else:
            result = session.copy(uids[:2], b"Target")
            session.mark_deleted(uids[:2])
            if session.supports("UIDPLUS"):
                session.expunge(uids[:2])
        if session.supports("MOVE") or session.supports("UIDPLUS"):
            assert session.search_uids() == uids[2:]
        target = session.select(b"Target")
        arrived = session.search_uids()
        if session.supports("UIDPLUS"):
            assert result is not None
            assert (result.uidvalidity, list(result.uids.values())) == (target.uidvalidity, arrived)
            assert list(result.uids) == uids[:2]
        assert set(keywords_of(session).values()) == {frozenset({"$flagged", "work"})}
        assert [raw for _, raw in session.fetch_messages(arrived)] == [PLAIN % (0, 0), PLAIN % (1, 1)]


@pytest.mark.req("Y69")
def test_expunge_spares_what_others_marked(open_imap: OpenImap) -> None:
    with open_imap() as session, open_imap() as other:
        ours, theirs, _ = fill(session, 3)
        other.select(b"INBOX")
        other.mark_deleted([theirs])
        session.mark_deleted([ours])
        if not session.supports("UIDPLUS"):
            with pytest.raises(PermanentlyRefused):
                session.expunge([ours])
            assert len(session.search_uids()) == 3
            return
        session.expunge([ours])
        left = {row.uid: row.is_deleted for row in session.fetch_keywords(1, None, changed_since=None).changed}
        assert ours not in left
        assert left[theirs] is True


def test_a_mailbox_opened_for_reading_refuses_changes(open_imap: OpenImap) -> None:
    with open_imap() as session:
        (uid,) = fill(session, 1)
        assert session.select(b"INBOX", read_only=True).is_read_only
        with contextlib.suppress(PermanentlyRefused):  # some servers refuse, some ignore
            session.store_keywords([uid], add=["$seen"], remove=[])
        assert keywords_of(session) == {uid: frozenset()}


@pytest.mark.req("Y48")
@pytest.mark.req("Y76")
def test_idle_hears_of_new_mail(open_imap: OpenImap) -> None:
    with open_imap() as session, open_imap() as other:
        session.select(b"INBOX")
        assert session.idle(timeout_s=0.05) == []
        other.append(b"INBOX", PLAIN % (1, 1), keywords=[], internal_date=None)
        events: list[IdleEvent] = []
        for _ in range(20):
            events += session.idle(timeout_s=1)
            if any(event.kind == "exists" and event.number == 1 for event in events):
                break
        assert any(event.kind == "exists" and event.number == 1 for event in events)
        session.stop_idle()
        assert len(session.search_uids()) == 1


def test_what_is_new_is_remembered_when_it_came_with_another_command(open_imap: OpenImap) -> None:
    with open_imap() as session, open_imap() as other:
        session.select(b"INBOX")
        other.append(b"INBOX", PLAIN % (1, 1), keywords=[], internal_date=None)
        session.noop()
        assert ("exists", 1) in {(event.kind, event.number) for event in session.take_events()}
        assert session.take_events() == []


def test_a_closed_session_is_closed(open_imap: OpenImap) -> None:
    session = open_imap()
    assert session.bytes_read > 0
    assert not session.is_closed
    session.close()
    session.close()
    assert session.is_closed
