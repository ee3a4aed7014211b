"""Namespaces, rights, XLIST and the names that suggest a role."""

import pytest

from tests.protocols.imap.scripted import on
from tests.protocols.imap.talking import talking
from tests.protocols.loopback import Peer
from webmail.protocols.errors import PermanentlyRefused
from webmail.protocols.imap import roles
from webmail.protocols.imap.fetch_reader import Response
from webmail.protocols.imap.mailbox_list import read_rights_line, read_status_line
from webmail.protocols.imap.namespaces import Namespaces, read_namespaces
from webmail.protocols.imap.roles import guess_role

CYRUS = b'* NAMESPACE (("INBOX." ".")) (("user." ".")) (("" "."))'


@pytest.mark.req("Y19")
@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        (CYRUS, b"inbox", ""),
        (CYRUS, b"INBOX.Sent", ""),
        (CYRUS, b"user.ben.Sent", "other"),
        (CYRUS, b"news", "shared"),
        (b'* NAMESPACE (("" "/")) NIL (("Shared/" "/"))', b"Shared", "shared"),
        (b'* NAMESPACE (("" "/")) NIL (("Shared/" "/"))', b"Shared2", ""),
        (b'* NAMESPACE (("" NIL)) NIL (("" NIL))', b"Work", ""),
        (b"* NAMESPACE NIL NIL NIL", b"Work", ""),
    ],
)
def test_every_name_lies_in_one_namespace(text: bytes, name: bytes, kind: str) -> None:
    spaces = read_namespaces(Response(text))
    assert spaces is not None
    assert spaces.of(name).kind == kind


@pytest.mark.req("Y19")
def test_the_top_of_a_prefix_needs_its_delimiter() -> None:
    spaces = read_namespaces(Response(b'* NAMESPACE (("InBox." ".") ("~x" "/")("#mh/" "/")) NIL NIL'))
    assert spaces is not None
    assert [(space.prefix, space.top) for space in spaces.everything] == [
        (b"INBOX.", b"INBOX"),
        (b"~x", b""),
        (b"#mh/", b"#mh"),
    ]
    assert read_namespaces(Response(b"* NAMESPACE ((")) is None
    assert Namespaces().personal.prefix == b""


@pytest.mark.req("Y19")
def test_rights_are_letters_in_order() -> None:
    assert read_rights_line(Response(b'* MYRIGHTS "a b" wslr"')) == (b"a b", "lrsw")
    assert read_rights_line(Response(b"* MYRIGHTS")) is None


@pytest.mark.req("Y23")
@pytest.mark.parametrize(
    ("item", "mailbox_id"),
    [
        (b"(F2212ea87-6097-4256)", "F2212ea87-6097-4256"),
        (b'("M_1")', "M_1"),
        (b"(" + b"a" * 255 + b")", "a" * 255),
        (b"(" + b"a" * 256 + b")", None),
        (b"(~freed~)", None),
        (b"(\xff\xfe)", None),
        (b'("two words")', None),
        (b'("")', None),
        (b"()", None),
        (b"M1", None),
        (b"NIL", None),
        (b"((M1))", None),
    ],
)
def test_a_mailbox_id_is_one_by_its_grammar_or_none(item: bytes, mailbox_id: str | None) -> None:
    line = b"* STATUS Work (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7 MAILBOXID " + item + b")"
    found = read_status_line(Response(line))
    assert found is not None
    name, status = found
    assert (name, status.messages, status.uidnext, status.uidvalidity) == (b"Work", 3, 9, 7)
    assert status.mailbox_id == mailbox_id


@pytest.mark.req("Y20")
def test_xlist_states_roles_and_its_inbox_is_inbox() -> None:
    lines = (
        b'* XLIST (\\HasNoChildren \\Inbox) "/" "Posteingang"\r\n* XLIST (\\AllMail) "/" "[Gmail]/Alle"\r\n'
        b'* XLIST (\\Spam) "/" "[Gmail]/X"\r\n* XLIST (\\Starred) "/" "[Gmail]/Y"\r\n'
    )

    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        return on(b"XLIST", lines)(peer, tag, command)

    with talking(answer, capabilities=b"IMAP4rev1 XLIST") as (session, _):
        found = {box.raw_name: box.role for box in session.list_mailboxes()}
    assert found == {b"INBOX": "inbox", b"[Gmail]/Alle": "all", b"[Gmail]/X": "junk", b"[Gmail]/Y": "flagged"}


@pytest.mark.req("Y17")
def test_an_extended_list_that_is_offered_and_refused_is_asked_plainly() -> None:
    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        return any(
            reply(peer, tag, command)
            for reply in (
                on(b'LIST "" "*" RETURN', b"", end=b"BAD what"),
                on(b"LIST", b'* LIST () "/" INBOX\r\n'),
                on(b"STATUS", b"* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)\r\n"),
            )
        )

    with talking(answer, capabilities=b"IMAP4rev1 LIST-EXTENDED LIST-STATUS") as (session, _):
        assert [(box.name, box.role) for box in session.list_mailboxes()] == [("INBOX", "inbox")]


@pytest.mark.req("Y20")
@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Изпратени", "sent"), ("Posláno", None), ("Kukë", "trash"), ("Saadetud", "sent"), ("Juodraščiai", "drafts"),
        ("Nosūtītie", "sent"), ("Paperera", "trash"), ("ارسال شده", "sent"), ("ถังขยะ", "trash"), ("Thư rác", "junk"),
        ("Terkirim", "sent"), ("휴지통", "trash"), ("垃圾郵件", "junk"), ("Work/Sent invoices", None), ("My Sent", None),
    ],
)  # fmt: skip
def test_names_of_many_languages_suggest_a_role(name: str, role: str | None) -> None:
    assert guess_role(name, "/") == role


@pytest.mark.req("Y20")
def test_no_name_stands_for_two_roles() -> None:
    roles_of: dict[str, set[str]] = {}
    for role, lines in roles._NAMES.items():
        for name in ",".join(lines).split(","):
            roles_of.setdefault(name.strip(), set()).add(role)
    assert {name: found for name, found in roles_of.items() if len(found) > 1} == {}


@pytest.mark.req("Y17")
def test_a_single_status_asks_for_no_mailbox_id() -> None:
    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        return any(
            reply(peer, tag, command)
            for reply in (
                on(b"MAILBOXID", b'* STATUS Work (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7 MAILBOXID (fr)eed("))\r\n'),
                on(b"STATUS", b"* STATUS Work (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7)\r\n"),
            )
        )

    with talking(answer, capabilities=b"IMAP4rev1 OBJECTID CONDSTORE") as (session, _):
        found = session.status(b"Work")
    assert (found.messages, found.uidnext, found.uidvalidity, found.mailbox_id) == (3, 9, 7, None)


@pytest.mark.req("Y37")
def test_an_unreadable_status_is_refused() -> None:
    with (
        talking(on(b"STATUS", b"* STATUS Work (MESSAGES x)\r\n"), capabilities=b"IMAP4rev1 OBJECTID") as (session, _),
        pytest.raises(PermanentlyRefused, match="no usable status"),
    ):
        session.status(b"Work")
