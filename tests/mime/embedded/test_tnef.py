"""winmail.dat: its files and its body as parts of the message."""

import logging
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tnefparse import TNEF

from tests.mime.embedded.samples import (
    MESSAGE_INTERFACE,
    attribute,
    message_with,
    properties,
    stored_rtf,
    tnef,
    tnef_file,
)
from webmail.mime.body import decompose
from webmail.mime.embedded.compressed_rtf import decompress_rtf
from webmail.mime.embedded.mapi import MAX_PROPERTIES
from webmail.mime.embedded.tnef import MAX_FILES, read_tnef
from webmail.mime.limits import MAX_PARTS
from webmail.mime.parse import parse_message

CORPUS = Path(__file__).parents[3].parent / "shared" / "corpus"
HTML = "<p>Привет <img src=cid:pic@x></p>".encode("windows-1251")
CODE_PAGE = (3, 0x3FDE, struct.pack("<I", 1251))


def html_body(html: bytes = HTML) -> bytes:
    return attribute(1, 0x9003, properties((0x102, 0x1013, html), CODE_PAGE))


@pytest.mark.req("R45")
def test_files_and_html_are_parts_and_the_original_stays() -> None:
    file = tnef_file("Übersicht.pdf", b"%PDF-1\0\0", kind="application/pdf")
    picture = tnef_file("pic.png", b"\x89PNG", kind="image/png", cid="pic@x")
    inner = tnef(html_body(), file, picture)
    message = parse_message(message_with("application/ms-tnef", inner, text=b"Hello", name="winmail.dat"))
    body = decompose(message.root)
    assert [part.part_id for part in body.text_body] == ["1"]
    assert [(part.part_id, part.text()[0]) for part in body.html_body] == [("2.b1", HTML.decode("windows-1251"))]
    assert [(part.part_id, part.type, part.name, part.cid) for part in body.attachments] == [
        ("2", "application/ms-tnef", "winmail.dat", None),
        ("2.t1", "application/pdf", "Übersicht.pdf", None),
        ("2.t2", "image/png", "pic.png", "pic@x"),
    ]
    assert [part.decoded() for part in body.attachments] == [inner, b"%PDF-1\0\0", b"\x89PNG"]
    assert body.has_attachment
    assert message.defects == ()


def test_a_winmail_dat_with_a_body_alone_is_no_attachment() -> None:
    body = decompose(parse_message(message_with("application/ms-tnef", tnef(html_body()), text=b"Hello")).root)
    assert not body.has_attachment


def test_the_body_serves_as_text_where_the_message_has_none() -> None:
    rtf = stored_rtf(b"{\\rtf1\\ansi\\ansicpg1251 \\'cf\\'f0\\'e8\\'e2\\'e5\\'f2\\par Bye}")
    raw = message_with(
        "application/octet-stream", tnef(attribute(1, 0x9003, properties((0x102, 0x1009, rtf)))), name="winmail.dat"
    )
    body = decompose(parse_message(raw).root)
    assert [part.part_id for part in body.html_body] == ["1", "2.b1"]
    assert body.text_body[-1].text()[0] == "Привет\nBye"


def test_text_that_the_message_shows_already_is_not_shown_twice() -> None:
    plain = attribute(1, 0x800C, b"Hello\0")
    message = parse_message(message_with("application/ms-tnef", tnef(plain), text=b"Hello"))
    assert [part.part_id for part in message.root.walk()] == [None, "1", "2"]


def test_a_message_within_is_a_part_with_parts_of_its_own() -> None:
    inside = tnef(attribute(1, 0x800C, b"inner words\0"), tnef_file("deep.txt", b"deep"))
    outer = attribute(2, 0x9002, b"") + attribute(2, 0x9005, properties((0x0D, 0x3701, MESSAGE_INTERFACE + inside)))
    message = parse_message(message_with("application/ms-tnef", tnef(outer), text=b"Hello"))
    assert [(part.part_id, part.type) for part in message.root.walk()][3:] == [
        ("2.t1", "application/ms-tnef"),
        ("2.t1.b1", "text/plain"),
        ("2.t1.t1", "text/plain"),
    ]
    body = decompose(message.root)
    assert [part.part_id for part in body.text_body] == ["1"]
    assert [part.part_id for part in body.attachments] == ["2", "2.t1", "2.t1.b1", "2.t1.t1"]


def test_data_in_front_of_the_name_and_names_of_old_programs_are_read() -> None:
    old = attribute(2, 0x800F, b"content\0") + attribute(2, 0x8010, "Grüße.txt\0".encode("cp1252"))
    (file,) = read_tnef(memoryview(tnef(attribute(1, 0x9007, struct.pack("<II", 1252, 0)), old))).files
    assert (file.name, bytes(file.data)) == ("Grüße.txt", b"content\0")


def test_a_damaged_one_gives_what_can_be_read() -> None:
    whole = tnef(tnef_file("a.txt", b"first"), html_body())
    every = [part.part_id for part in parse_message(message_with("application/ms-tnef", whole)).root.walk()]
    assert every == [None, "1", "2", "2.b1", "2.t1"]
    for cut in range(1, len(whole)):
        message = parse_message(message_with("application/ms-tnef", whole[:-cut], text=b"Hello"))
        assert [part.part_id for part in message.root.walk() if part.part_id in every][:3] == every[:3]
    damaged = parse_message(message_with("application/ms-tnef", whole[:-20], text=b"Hello"))
    assert damaged.part("2.t1") is not None
    assert damaged.defects == ("damaged-tnef",)


@pytest.mark.req("R43")
@pytest.mark.parametrize(
    "hostile",
    [
        attribute(1, 0x9003, struct.pack("<I", 2**32 - 1) + struct.pack("<HHI", 3, 0x23, 7) * 50_000),
        attribute(1, 0x9003, struct.pack("<IHHI", 1, 0x1002, 0x23, 2**32 - 1)),
        attribute(1, 0x9003, struct.pack("<IHHI", 1, 0x001E, 0x23, 2**32 - 1)),
        attribute(1, 0x9003, struct.pack("<IHH", 1, 0x001E, 0x9000) + b"\1" * 16 + struct.pack("<II", 1, 2**32 - 1)),
        attribute(1, 0x9004, struct.pack("<I", 2**32 - 1)),
        attribute(2, 0x9002, b"") * 20_000,
        attribute(1, 0x8006, b"") * 50_000,
    ],
    ids=["properties", "values", "strings", "name", "recipients", "files", "attributes"],
)
def test_announced_numbers_cost_nothing(hostile: bytes) -> None:
    found = read_tnef(memoryview(tnef(hostile)))
    assert len(found.files) <= MAX_FILES
    assert MAX_PROPERTIES < 50_000
    message = parse_message(message_with("application/ms-tnef", tnef(hostile)))
    assert sum(1 for _ in message.root.walk()) <= MAX_PARTS


@pytest.mark.req("R46")
@given(st.binary(max_size=200), st.integers(0, 400))
def test_bytes_changed_anywhere_never_raise(noise: bytes, place: int) -> None:
    whole = tnef(html_body(), tnef_file("a.txt", b"first", kind="text/plain", cid="x@y"), attribute(1, 0x800C, b"x"))
    damaged = whole[:place] + noise + whole[place + len(noise) :]
    read_tnef(memoryview(damaged))
    parse_message(message_with("application/ms-tnef", damaged))


def test_compressed_rtf_is_that_of_the_specification() -> None:
    # [MS-OXRTFCP] 3.1.1 and 3.2.1
    simple = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    assert decompress_rtf(simple) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    crossing = bytes.fromhex("1a0000001c0000004c5a4675e2d44b5141000420575859 5a0d6e7d010eb0".replace(" ", ""))
    assert decompress_rtf(crossing) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"
    assert decompress_rtf(crossing, 10) == b"{\\rtf1 WXY"
    assert decompress_rtf(b"short") == b""
    assert decompress_rtf(crossing[:-3])[:7] == b"{\\rtf1 "


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the mail corpus (../shared/corpus) is not on this machine")
def test_names_and_contents_are_those_that_tnefparse_finds() -> None:
    logging.disable(logging.CRITICAL)
    compared = 0
    try:
        for path in sorted((CORPUS / "tnef").rglob("*.tnef")):
            raw = path.read_bytes()
            theirs, ours = TNEF(raw, do_checksum=False), read_tnef(memoryview(raw))
            assert [file.name for file in ours.files] == [file.long_filename() for file in theirs.attachments], (
                path.name
            )
            for mine, other in zip(ours.files, theirs.attachments, strict=True):
                # It takes the zero bytes off the end of a file, and those of an interface it leaves in front.
                assert bytes(mine.data).rstrip(b"\0").endswith(other.data.rstrip(b"\0")[32:]), path.name
                compared += 1
    finally:
        logging.disable(logging.NOTSET)
    assert compared > 25
