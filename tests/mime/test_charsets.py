"""Bytes of any label to text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.mime.charsets import decode_bytes, find_codec, html_charset
from webmail.mime.parse import parse_message


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
        (b"a\0b\0 \0c\0", "utf-16", "ab c", False),
        (b"\0a\0b", "unicode", "ab", False),
        ("日本\n".encode("utf-16-be"), "utf-16", "日本\n", False),
        ("grüße".encode("utf-16"), None, "grüße", False),
        (b"caf\xc3\xa9 au lait", "utf-16", "café au lait", True),
        (b"\x1b$)A\x0e1$\x0f ok", "iso-2022-cn", "堡 ok", False),
        (b"~{<:Ky2;~}", "hz-gb-2312", "己所不", False),
        ("嘅".encode("big5hkscs"), "big5-hkscs", "嘅", False),
        ("ї".encode("koi8-u"), "koi8-u", "ї", False),
        ("กา".encode("cp874"), "windows-874", "กา", False),
        ("é Ž".encode("mac_latin2"), "x-mac-ce", "é Ž", False),
        ("日本".encode("cp932"), "x-mac-japanese", "日本", False),
        (b"caf\xe9", "unknown-8bit", "café", True),
        ("Größe".encode("cp1252"), "windows-1252http-equivcontent-type", "Größe", False),
        ("Größe".encode("cp1252"), "iso 8859-1", "Größe", False),
        ("Привет, мир".encode(), "koi8-r", "Привет, мир", True),
        ("日本語のテスト".encode(), "shift_jis", "日本語のテスト", True),
        ("ﾃｽﾄ".encode("cp932"), "shift_jis", "ﾃｽﾄ", False),
        ("Grüße".encode(), "iso-8859-1", "Grüße", True),
        (
            "Привет всем, это письмо на русском языке".encode("cp1251"),
            "iso-8859-1",
            "Привет всем, это письмо на русском языке",
            True,
        ),
        (
            "你好！我公司可以开各种发票，请联系。".encode() + b"\xe5\x8d",
            "gb2312",
            "你好！我公司可以开各种发票，请联系。\ufffd",
            True,
        ),
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


@pytest.mark.parametrize(
    ("html", "label"),
    [
        (b'<meta charset="gb2312">', "gb2312"),
        (b"<META http-equiv=Content-Type content='text/html; charset=koi8-r'>", "koi8-r"),
        (b'<?xml version="1.0" encoding="windows-1251"?>', "windows-1251"),
        (b"<meta charset=utf-7>", None),
        (b"<meta charset=utf-16>", None),
        (b"<meta charset=martian>", None),
        (b"<p>charset=koi8-r</p>", None),
        (b"<meta " * 100_000, None),
    ],
)
def test_html_names_its_own_character_set(html: bytes, label: str | None) -> None:
    assert html_charset(html) == label


@pytest.mark.parametrize("header", [b"Content-Type: text/html", b"Content-Type: text/html; charset=unknown-8bit"])
def test_html_without_a_usable_label_is_read_as_it_says_itself(header: bytes) -> None:
    html = '<meta http-equiv=Content-Type content="text/html; charset=koi8-r">Да'
    part = parse_message(header + b"\r\n\r\n" + html.encode("koi8-r")).root
    assert part.text()[0] == html
    assert parse_message(header + b"\r\n\r\n" + html.encode()).root.text()[0] == html
