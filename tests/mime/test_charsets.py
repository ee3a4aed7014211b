"""Bytes of any label to text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.mime.charsets import decode_bytes, find_codec


@pytest.mark.parametrize(
    ("raw", "charset", "text", "has_problem"),
    [
        (b"plain", None, "plain", False),
        (b"plain", "us-ascii", "plain", False),
        ("grüße".encode(), "us-ascii", "grüße", False),
        ("grüße".encode(), None, "grüße", False),
        ("grüße".encode(), "x-martian", "grüße", True),
        (b"\x93quoted\x94 \x80", "iso-8859-1", "“quoted” €", False),
        (b"\x93quoted\x94", "ISO-8859-1", "“quoted”", False),
        ("朱镕基".encode("gb18030"), "gb2312", "朱镕基", False),
        ("똠방각하".encode("cp949"), "ks_c_5601-1987", "똠방각하", False),
        ("똠방각하".encode("cp949"), "EUC-KR", "똠방각하", False),
        ("①株式会社".encode("cp932"), "shift_jis", "①株式会社", False),
        (b"\x1b$B2q5D\x1b(B ok", "iso-2022-jp", "会議 ok", False),
        (b"\x1b$B2q5D\x1b(B ok", "us-ascii", "会議 ok", False),
        (b"\x1b$B-!\x1b(B", "iso-2022-jp", "①", False),
        (b"\x1b(I1\x1b(B", "iso-2022-jp", "ｱ", False),
        ("กา".encode("cp874"), "tis-620", "กา", False),
        ("Привет".encode("koi8-r"), '"KOI8-R"', "Привет", False),
        (b"+AOk-", "utf-7", "é", False),
        (b"\xef\xbb\xbfbom", "utf-8", "bom", False),
        (b"ok \xff\xc3\xa9\xc3\xa9", "utf-8", "ok \ufffdéé", True),
        (b"", "utf-16", "", False),
    ],
)
def test_text_is_read_as_its_sender_meant_it(raw: bytes, charset: str | None, text: str, has_problem: bool) -> None:
    assert decode_bytes(raw, charset) == (text, has_problem)


def test_unlabelled_cyrillic_is_guessed() -> None:
    raw = "Привет, это отчёт за прошлую неделю. Спасибо, с уважением, Ольга Петрова".encode("windows-1251")
    text, has_problem = decode_bytes(raw, None)
    assert "отчёт за прошлую неделю" in text
    assert has_problem


def test_latin_text_labelled_utf8_keeps_its_letters() -> None:
    text, has_problem = decode_bytes("Grüße aus Köln, schöne Feiertage".encode("latin-1"), "utf-8")
    assert text == "Grüße aus Köln, schöne Feiertage"
    assert has_problem


@pytest.mark.req("R43")
@pytest.mark.parametrize(
    "label", ["zip", "bz2", "hex", "base64", "rot13", "idna", "punycode", "unicode_escape", "undefined", "../os", "\0"]
)
def test_labels_of_mail_reach_only_character_sets(label: str) -> None:
    assert find_codec(label) is None
    assert decode_bytes(b"\xc3\xa9 x", label) == ("é x", True)


@given(
    st.binary(max_size=300),
    st.one_of(
        st.none(),
        st.text(max_size=20),
        st.sampled_from(
            [
                "utf-8",
                "utf-7",
                "utf-16",
                "utf-32",
                "iso-2022-jp",
                "iso-2022-kr",
                "hz",
                "gb2312",
                "big5",
                "cp1252",
                "euc-kr",
            ]
        ),
    ),
)
def test_decoding_never_raises_nor_leaves_lone_surrogates(raw: bytes, charset: str | None) -> None:
    text, _ = decode_bytes(raw, charset)
    text.encode("utf-8")


@given(
    st.lists(st.sampled_from([b"\x1b$B", b"\x1b(B", b"\x1b(I", b"\x1b$@", b"\x1b", b"!", b"2q", b"\n", b"\x7f~", b"-"]))
)
def test_broken_iso_2022_jp_never_raises(pieces: list[bytes]) -> None:
    decode_bytes(b"".join(pieces), "iso-2022-jp")[0].encode("utf-8")
