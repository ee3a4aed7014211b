"""File names of attachments, as they are shown, saved, zipped and put into headers."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from webmail.mime.filenames import MAX_NAME_BYTES, content_disposition, safe_filename

NAMES = [
    ("report.pdf", "report.pdf"),
    ("Rechnung März 2026.pdf", "Rechnung März 2026.pdf"),
    ("../../etc/passwd", "_.._etc_passwd"),
    ("..\\..\\boot.ini", "_.._boot.ini"),
    ("C:\\docs\\x.doc", "C__docs_x.doc"),
    ("a\uff0fb\u2215c.txt", "a_b_c.txt"),
    ("a\x00b.txt", "ab.txt"),
    ("a\r\nSet-Cookie: b.txt", "a Set-Cookie_ b.txt"),
    ("a\tb\x07\x7f\x85.txt", "a b .txt"),
    ('a"b<c>d|e?f*.txt', "a_b_c_d_e_f_.txt"),
    ("invoice\u202egpj.exe", "invoicegpj.exe"),
    ("a\u2066b\u200bc\ufeff.txt", "abc.txt"),
    ("invoice.pdf                              .exe", "invoice.pdf .exe"),
    ("invoice.pdf\u00a0\u2003.exe", "invoice.pdf .exe"),
    ("invoice.pdf.exe", "invoice.pdf.exe"),
    ("CON", "_CON"),
    ("con.txt", "_con.txt"),
    ("Aux .h", "_Aux .h"),
    ("COM1.log", "_COM1.log"),
    ("lpt¹", "_lpt¹"),
    ("NUL.tar.gz", "_NUL.tar.gz"),
    ("CONTACTS.csv", "CONTACTS.csv"),
    (".bashrc", "bashrc"),
    ("..hidden", "hidden"),
    ("name. . .", "name"),
    ("  name.txt  ", "name.txt"),
    ("می‌خواهم.txt", "می‌خواهم.txt"),
    ("👩‍💻.png", "👩‍💻.png"),
    ("e\u0301.txt", "\u00e9.txt"),
    ("\ud800a.txt", "a.txt"),
    ("<script>alert(1)</script>", "_script_alert(1)__script_"),
]


@pytest.mark.req("R22")
@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_hostile_names_become_one_visible_component(name: str, expected: str) -> None:
    assert safe_filename(name, type="text/plain") == expected


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        ("text/plain", "attachment.txt"),
        ("TEXT/HTML; charset=x", "attachment.html"),
        ("message/rfc822", "attachment.eml"),
        ("application/pdf", "attachment.pdf"),
        ("x/../../y", "attachment"),
        ("", "attachment"),
    ],
)
@pytest.mark.parametrize("name", [None, "", "  ", "..", "...", "///", "\x00\u202e"])
def test_a_part_without_a_name_is_named_by_its_type(name: str | None, type_: str, expected: str) -> None:
    assert safe_filename(name, type=type_) == expected


@pytest.mark.req("R22")
@pytest.mark.parametrize("name", ["x" * 300 + ".pdf.exe", "é" * 150 + ".pdf.exe", "日" * 100 + ".pdf.exe"])
def test_long_names_are_cut_in_the_stem_with_both_extensions_visible(name: str) -> None:
    safe = safe_filename(name, type="application/pdf")
    assert len(safe.encode()) <= MAX_NAME_BYTES
    assert safe.endswith("….pdf.exe")


def test_a_long_name_without_an_extension_is_cut() -> None:
    safe = safe_filename("é" * 300, type="text/plain")
    assert MAX_NAME_BYTES - 4 <= len(safe.encode()) <= MAX_NAME_BYTES


@given(st.text(max_size=400) | st.none())
@example("0\r\x1b\r0")
def test_no_name_escapes_or_fails(name: str | None) -> None:
    safe = safe_filename(name, type="text/plain")
    assert safe
    assert len(safe.encode()) <= MAX_NAME_BYTES
    assert not re.search(r'[/\\:*?"<>|\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]', safe)
    assert not safe.startswith(".")
    assert not safe.endswith((".", " "))
    assert safe_filename(safe, type="text/plain") == safe


@pytest.mark.req("R22")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", 'attachment; filename="report.pdf"'),
        ("a b;c.pdf", 'attachment; filename="a b;c.pdf"'),
        ('a"\r\nX: y.pdf', 'attachment; filename="a_ X_ y.pdf"'),
        ("50%.pdf", "attachment; filename=\"50_.pdf\"; filename*=UTF-8''50%25.pdf"),
        ("März.pdf", "attachment; filename=\"Marz.pdf\"; filename*=UTF-8''M%C3%A4rz.pdf"),
        ("日本.pdf", "attachment; filename=\"__.pdf\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.pdf"),
        ("℀b.txt", "attachment; filename=\"a_cb.txt\"; filename*=UTF-8''%E2%84%80b.txt"),
        (None, 'attachment; filename="attachment"'),
    ],
)
def test_content_disposition_carries_an_ascii_and_an_extended_name(name: str | None, expected: str) -> None:
    assert content_disposition("attachment", name) == expected


def test_only_two_dispositions_exist() -> None:
    assert content_disposition("inline", "a.png").startswith("inline; ")
    for bad in ("form-data", "attachment; x=y", "", "inline\r\nX: y"):
        with pytest.raises(ValueError, match="attachment or inline"):
            content_disposition(bad, "a.png")


@given(st.text(max_size=300))
def test_content_disposition_is_one_printable_ascii_line(name: str) -> None:
    header = content_disposition("attachment", name)
    found = re.fullmatch(
        r"attachment; filename=\"([ -!#-~]+)\"(?:; filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]+))?", header
    )
    assert found
    if found[2]:
        assert unquote(found[2]) == safe_filename(name, type="application/octet-stream")
