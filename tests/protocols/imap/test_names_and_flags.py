"""Mailbox names, roles, keywords, UID sets and response codes: bytes in, values out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.protocols.errors import (
    AuthenticationRefused,
    BadArgument,
    PermanentlyRefused,
    ServerMisbehaved,
    TemporarilyRefused,
)
from webmail.protocols.imap import uid_set
from webmail.protocols.imap.capabilities import parse_capabilities
from webmail.protocols.imap.flags import flag_list, flag_of_keyword, keywords_of_flags
from webmail.protocols.imap.response_codes import refusal, split_code
from webmail.protocols.imap.roles import guess_role
from webmail.protocols.imap.utf7 import BadMailboxName, decode_mailbox_name, decode_strictly, encode_mailbox_name

KEYWORDS = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='(){]%*"\\'), min_size=1, max_size=40
)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("Entwürfe", b"Entw&APw-rfe"),
        ("A & B", b"A &- B"),
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("😀", b"&2D3eAA-"),
    ],
)
def test_mailbox_names_are_modified_utf7_on_the_wire(name: str, raw: bytes) -> None:
    assert encode_mailbox_name(name) == raw
    assert decode_mailbox_name(raw) == name


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1))
def test_every_mailbox_name_survives_the_wire(name: str) -> None:
    import unicodedata

    raw = encode_mailbox_name(name)
    assert raw.isascii()
    assert decode_strictly(raw) == unicodedata.normalize("NFC", name)


@given(st.binary())
@pytest.mark.req("R37")
def test_no_bytes_break_the_decoding_of_a_name(raw: bytes) -> None:
    assert all(char.isprintable() or char == "\u3000" for char in decode_mailbox_name(raw))


@pytest.mark.req("Y27")
@pytest.mark.req("R37")
@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"Broken&", "Broken&"),
        (b"Broken&AB", "Broken&AB"),
        (b"&2D0-", "&2D0-"),  # half a character
        (b"caf\xe9", "caf\\xe9"),
        ("Entwürfe".encode(), "Entwürfe"),
        (b"&IC4-gpj.exe", "\\u202egpj.exe"),  # right-to-left override
    ],
)
def test_a_name_that_does_not_decode_is_shown_escaped(raw: bytes, shown: str) -> None:
    assert decode_mailbox_name(raw) == shown


def test_strict_decoding_names_what_is_wrong() -> None:
    with pytest.raises(BadMailboxName):
        decode_strictly(b"&AB")


@pytest.mark.req("R31")
@pytest.mark.parametrize("name", ["a\r\nA1 DELETE INBOX", "a\0", "", "\ud800"])
def test_a_name_the_wire_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(BadArgument):
        encode_mailbox_name(name)


@pytest.mark.req("Y20")
@pytest.mark.parametrize(
    ("name", "delimiter", "role"),
    [
        ("Sent Items", "/", "sent"),
        ("INBOX.Gesendet", ".", "sent"),
        ("Entwürfe", "/", "drafts"),
        ("Corbeille", "/", "trash"),
        ("correo no deseado", None, "junk"),
        ("Корзина", "/", "trash"),
        ("送信済みメール", "/", "sent"),
        ("已删除邮件", "/", "trash"),
        ("Archief", "/", "archive"),
        ("Koš", "/", "trash"),
        ("[Gmail]/All Mail", "/", "all"),
        ("inbox", "/", "inbox"),
        ("Work/Sent", "/", None),
        ("Sent/2020", "/", None),
        ("Sentiment", "/", None),
    ],
)
def test_known_names_suggest_a_role(name: str, delimiter: str | None, role: str | None) -> None:
    assert guess_role(name, delimiter) == role


def test_flags_become_keywords() -> None:
    flags = (b"\\SEEN", b"\\Deleted", b"\\Recent", b"$Forwarded", b"NonJunk", b"\\XUnknown")
    assert keywords_of_flags(flags) == (frozenset({"$seen", "$forwarded", "nonjunk"}), True)


def test_keywords_become_flags() -> None:
    assert flag_list(["$seen", "$Draft", "Work"]) == b"(\\Draft \\Seen work)"


@given(KEYWORDS)
def test_every_keyword_survives_both_ways(keyword: str) -> None:
    expected = "$forwarded" if keyword.lower() == "forwarded" else keyword.lower()
    assert keywords_of_flags((flag_of_keyword(keyword),)) == (frozenset({expected}), False)


@pytest.mark.req("R31")
@pytest.mark.parametrize("keyword", ["a b", "a\r\nb", "\\Deleted", "a(b", "", "ü", "x" * 256])
def test_a_keyword_the_wire_cannot_carry_is_refused(keyword: str) -> None:
    with pytest.raises(BadArgument):
        flag_of_keyword(keyword)


def test_uids_are_compressed_to_ranges() -> None:
    assert uid_set.compress([7, 3, 2, 1, 9, 8, 3, 20]) == b"1:3,7:9,20"


@given(st.sets(st.integers(1, uid_set.MAX_UID), max_size=200))
def test_uid_sets_survive_compression_and_cutting(uids: set[int]) -> None:
    chunks = uid_set.compress_in_chunks(uids, max_bytes=60)
    assert all(len(chunk) <= 60 for chunk in chunks)
    assert sorted(uid for chunk in chunks for uid in uid_set.parse(chunk)) == sorted(uids)


@pytest.mark.req("R38")
@pytest.mark.req("Y46")
@pytest.mark.parametrize(
    "text", [b"12:*", b"*", b"1:4294967295", b"0", b"4294967296", b"1:", b"", b"a", b"-1", b"1,,2", b"9" * 5000]
)
def test_open_gigantic_and_senseless_sets_are_refused(text: bytes) -> None:
    with pytest.raises(ServerMisbehaved):
        uid_set.parse(text)


def test_a_descending_range_is_the_same_range() -> None:
    assert uid_set.parse_in_order(b"5:3,1") == [3, 4, 5, 1]


@pytest.mark.parametrize("uid", [0, -1, uid_set.MAX_UID + 1])
def test_what_is_no_uid_is_never_sent(uid: int) -> None:
    with pytest.raises(BadArgument):
        uid_set.compress([uid])


@pytest.mark.req("R51")
@pytest.mark.req("R83")
@pytest.mark.parametrize(
    ("text", "is_login", "kind"),
    [
        (b"[AUTHENTICATIONFAILED] wrong", True, AuthenticationRefused),
        (b"[EXPIRED] password expired", True, AuthenticationRefused),
        (b"wrong password", True, AuthenticationRefused),
        (b"[UNAVAILABLE] later", True, TemporarilyRefused),
        (b"[INUSE] locked", False, TemporarilyRefused),
        (b"[LIMIT] slow down", False, TemporarilyRefused),
        (b"[ALERT] Too many simultaneous connections. (Failure)", True, TemporarilyRefused),
        (b"[CONTACTADMIN] disabled", True, PermanentlyRefused),
        (b"[OVERQUOTA] full", False, PermanentlyRefused),
        (b"[TRYCREATE] no such mailbox", False, PermanentlyRefused),
        (b"[NOPERM] no", False, PermanentlyRefused),
        (b"[ALREADYEXISTS] there", False, PermanentlyRefused),
        (b"[nonexistent] not there", False, PermanentlyRefused),
        (b"no", False, PermanentlyRefused),
    ],
)
def test_codes_decide_what_a_refusal_asks_of_us(text: bytes, is_login: bool, kind: type[Exception]) -> None:
    assert type(refusal("it", text, is_login=is_login)) is kind


def test_codes_are_split_from_their_text() -> None:
    assert split_code(b"[COPYUID 1 2:3 4:5] Done.") == ("COPYUID", b"1 2:3 4:5", b"Done.")
    assert split_code(b"[PERMANENTFLAGS (\\Seen a]b \\*)] Limited") == (
        "PERMANENTFLAGS",
        b"(\\Seen a]b \\*)",
        b"Limited",
    )
    assert split_code(b"[broken") == ("", b"", b"[broken")


def test_capabilities_bring_what_they_imply() -> None:
    assert parse_capabilities([b"imap4rev1", b"QRESYNC"]) == {"IMAP4REV1", "QRESYNC", "CONDSTORE"}
    assert {"MOVE", "ESEARCH", "UIDPLUS"} <= parse_capabilities([b"IMAP4rev2"])
