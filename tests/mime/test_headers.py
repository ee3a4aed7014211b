"""Header blocks, header text, dates, ids and the lean reader of lists."""

import time
from datetime import UTC, datetime, timedelta, timezone
from unicodedata import is_normalized

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.mime.addresses import Address
from webmail.mime.headers import (
    LIST_HEADER_FIELDS,
    decode_text,
    parse_date,
    parse_header_block,
    parse_list_headers,
    parse_message_ids,
)
from webmail.mime.limits import MAX_HEADER_BYTES, MAX_HEADERS

TYPICAL = (
    b"Return-Path: <anna@firma.example>\r\n"
    b"Received: from mx1 (mx1 [192.0.2.1])\r\n\tby mx2; Fri, 1 Jan 2021 00:46:56 +0000\r\n"
    b"Date: Fri, 1 Jan 2021 01:46:56 +0100\r\n"
    b"From: =?utf-8?q?Anna_M=C3=BCller?= <anna@firma.example>\r\n"
    b'To: "Me" <me@example.com>,\r\n Zoe <zoe@example.org>\r\n'
    b"Subject: Re: =?utf-8?q?R=C3=A9union?=\r\n =?utf-8?q?_d=C3=A9but?=\r\n"
    b"Message-ID: <3@firma.example>\r\n"
    b"In-Reply-To: <2@example.org>\r\n"
    b"References: <1@example.org>\r\n <2@example.org>\r\n"
    b"List-Id: Our list <Dev.Lists.example.org>\r\n"
    b"\r\nbody: no header\r\n"
)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        (b"  folded\r\n\tline ", "folded\tline".replace("\t", " ")),
        (b"=?utf-8?q?Caf=C3?= =?utf-8?q?=A9?=", "Café"),
        (b"=?utf-8?B?Q2Fmw?= =?utf-8?B?6k=?= x", "Café x"),
        (b"=?iso-8859-1?q?a b?= c", "a b c"),
        (b"=?ISO-8859-1?Q?caf=E9?=", "café"),
        (b"=?iso-8859-1?q?=93quoted=94?=", "“quoted”"),
        (b"=?gb2312?B?1tDOxA==?=", "中文"),
        (b"=?utf-8*en?q?y?=", "y"),
        (b"=?utf-8?q?What??=", "What?"),
        (b"Re: =?UTF-8?Q?=E2=9C=93?=x", "Re: ✓x"),
        (b"=?utf-8?q?unclosed", "unclosed"),
        (b"=?utf-8?q?un=C3=BC closed", "unü closed"),
        (b"=?utf-8?B?R3LDvMOfZQ", "Grüße"),
        (b"=?utf-8?q?open =?utf-8?q?closed?=", "openclosed"),
        (b"=?utf-8?B?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?utf-8?X?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?utf-8?X?R3LDvMOfZQ==?=", "Grüße"),
        (b"=?utf-8?X?no word?=", "=?utf-8?X?no word?="),
        (b"=?utf-8?Q?a=?=", "a"),
        (b"\xe4\xf6\xfc stra\xdfe", "äöü straße"),
        (b"=?utf-8?B?Q2Fmw6k?=", "Café"),
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9 r\xe9sum\xe9", "café résumé"),
        (b"\x1b$B2q5D\x1b(B", "会議"),
        (b"a\x00b\x07c", "abc"),
        (b"=?utf-8?Q?a=00b=0D=0ABcc:_x?=", "ab Bcc: x"),
        ("e\u0301", "é"),
        ("lone \ud800 half", "lone  half"),
        (b"=?zip?B?eJxLTAYAAk0BJw==?=", None),
    ],
)
def test_header_text_is_decoded_even_where_it_is_broken(raw: bytes | str, text: str | None) -> None:
    decoded = decode_text(raw)
    assert text is None or decoded == text
    assert "\ud800" not in decoded


def is_clean(text: str) -> bool:
    return is_normalized("NFC", text) and not any(
        c < " " or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" for c in text
    )


@given(st.one_of(st.binary(max_size=400), st.text(max_size=200)))
def test_decoded_text_is_clean_whatever_comes_in(raw: bytes | str) -> None:
    assert is_clean(decode_text(raw))


@given(
    st.lists(
        st.sampled_from([b"=?", b"?=", b"?q?", b"?b?", b"utf-8", b"=C3", b"w6k", b" ", b"iso-2022-jp", b"=00", b"\xff"])
    )
)
def test_decoded_text_of_pieces_of_encoded_words_is_clean(pieces: list[bytes]) -> None:
    assert is_clean(decode_text(b"".join(pieces)))


@pytest.mark.req("R44")
@pytest.mark.parametrize(
    "piece", ["=?", "=?u?q?a ", "=?u?b?", "=?a?q?=", "=?utf-8?q?=41?= ", "\u0301", "\u0301\u0323", "?="]
)
def test_decoding_takes_linear_time(piece: str) -> None:
    hostile = (piece * 100_000)[:100_000]
    started = time.process_time()
    decode_text(hostile)
    assert time.process_time() - started < 0.5


def test_header_block_keeps_order_case_and_raw_values() -> None:
    headers = parse_header_block(TYPICAL)
    assert [name for name, _ in headers][:3] == ["Return-Path", "Received", "Date"]
    assert headers.get("MESSAGE-id") == b" <3@firma.example>"
    assert headers.get("to") == b' "Me" <me@example.com>,\r\n Zoe <zoe@example.org>'
    assert "body" not in headers
    assert headers.get("none") is None


def test_last_instance_counts_and_all_are_kept() -> None:
    headers = parse_header_block(b"Subject: one\nsubject: two\n")
    assert headers.get("Subject") == b" two"
    assert headers.get_first("Subject") == b" one"
    assert headers.get_all("SUBJECT") == (b" one", b" two")
    assert parse_list_headers(b"Subject: one\nsubject: two\n").subject == "two"


@pytest.mark.req("R43")
def test_header_caps_truncate() -> None:
    headers = parse_header_block(b"A: b\r\n" * 5_000 + b"\r\n")
    assert len(headers) == MAX_HEADERS
    long = parse_header_block(b"A: " + b"x" * 200_000 + b"\r\nB: c\r\n")
    assert len(long.get("A") or b"") == MAX_HEADER_BYTES
    assert long.get("B") == b" c"


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_list_headers_are_the_same_with_any_line_end(line_end: bytes) -> None:
    found = parse_list_headers(TYPICAL.replace(b"\r\n", line_end))
    assert found.from_ == (Address("Anna Müller", "anna@firma.example"),)
    assert found.to == (Address("Me", "me@example.com"), Address("Zoe", "zoe@example.org"))
    assert found.subject == "Re: Réunion début"
    assert found.sent_at == datetime(2021, 1, 1, 0, 46, 56, tzinfo=UTC)
    assert found.message_id == "3@firma.example"
    assert found.in_reply_to == ("2@example.org",)
    assert found.references == ("1@example.org", "2@example.org")
    assert found.list_id == "dev.lists.example.org"


def test_list_headers_of_selected_fields_equal_those_of_the_whole_header() -> None:
    chosen = [(name, value) for name, value in parse_header_block(TYPICAL) if name.lower() in LIST_HEADER_FIELDS]
    selected = b"".join(b"%s:%s\n" % (name.encode(), value.replace(b"\r\n", b"\n")) for name, value in reversed(chosen))
    assert parse_list_headers(selected) == parse_list_headers(TYPICAL)


def test_header_hash_tells_messages_apart() -> None:
    assert parse_list_headers(TYPICAL).header_hash != parse_list_headers(TYPICAL.replace(b"<3@", b"<4@")).header_hash


def test_list_headers_of_nothing_are_empty() -> None:
    found = parse_list_headers(b"")
    assert (found.from_, found.subject, found.sent_at, found.message_id) == ((), "", None, None)


@given(st.binary(max_size=500))
def test_list_headers_never_raise(raw: bytes) -> None:
    parse_list_headers(raw)
    parse_list_headers(b"From: " + raw + b"\nDate: " + raw + b"\nReferences: " + raw + b"\nList-Id:" + raw)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Thu, 19 Sep 1991 12:41:43 -0400", datetime(1991, 9, 19, 12, 41, 43, tzinfo=timezone(timedelta(hours=-4)))),
        ("19 Sep 91 12:41 EDT", datetime(1991, 9, 19, 16, 41, tzinfo=UTC)),
        ("Thu, 13\r\n Feb 1969 23:32 -0330 (Newfoundland)", datetime(1969, 2, 14, 3, 2, tzinfo=UTC)),
        ("Friday, 21-Nov-97 09:55:06 GMT", datetime(1997, 11, 21, 9, 55, 6, tzinfo=UTC)),
        ("2020-01-02T03:04:05Z", datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("Thu Sep 19 12:41:43 1991", datetime(1991, 9, 19, 12, 41, 43, tzinfo=UTC)),
        ("Tue, 1 Jul 2003 10:52:60 +9999", datetime(2003, 7, 1, 10, 52, 59, tzinfo=UTC)),
        ("Mon, 1 Jan 124 12:00:00 GMT", datetime(2024, 1, 1, 12, tzinfo=UTC)),
        ("Mon, 01 Jan 2024 14:00:00 +02:00", datetime(2024, 1, 1, 12, tzinfo=UTC)),
        ("Mon, 01 Jan 2024 12:30:00 AM", datetime(2024, 1, 1, 0, 30, tzinfo=UTC)),
        ("Mon, 01 Jan 2024 1:30:00 PM -0800", datetime(2024, 1, 1, 21, 30, tzinfo=UTC)),
        ("Mo, 01 Mai 2024 12:00:00 +0000", datetime(2024, 5, 1, 12, tzinfo=UTC)),
        ("lun., 1 ao\u00fbt 2024 12:00:00 +0000", datetime(2024, 8, 1, 12, tzinfo=UTC)),
        ("Mon, 01 Jan 2024 12:00:00 +9999", datetime(2024, 1, 1, 12, tzinfo=UTC)),
        ("Tue, 29 Feb 2023 12:00:00 +0000", None),
        ("01/02/2024 10:00", None),
        ("Mon, 1 Jan 9999 00:00:00 +0000", None),
        ("Fri, 31 Feb 2020 10:00:00 +0000", None),
        ("Mon, 1 Jan 0001 00:00:00 +1400", None),
        ("yesterday", None),
        (b"\xff\xfe", None),
        ("", None),
    ],
)
def test_dates_are_read_or_refused(value: str, moment: datetime | None) -> None:
    assert parse_date(value) == moment


@given(st.one_of(st.text(max_size=80), st.binary(max_size=80)))
def test_dates_never_raise_and_are_aware(value: bytes | str) -> None:
    found = parse_date(value)
    assert found is None or found.utcoffset() is not None


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("<a@b>", ("a@b",)),
        ("<a@b> <c@d>\r\n <a@b>", ("a@b", "c@d")),
        ("Your message of Monday <a@b>", ("a@b",)),
        ("<long-\r\n part@b>", ("long-part@b",)),
        ("a@b c@d", ("a@b", "c@d")),
        ("none here", ()),
        ("<" + "x" * 2_000 + "@b>", ()),
        ("<a\x00b@c>", ("ab@c",)),
    ],
)
def test_message_ids_are_read_without_brackets(value: str, ids: tuple[str, ...]) -> None:
    assert parse_message_ids(value) == ids
