"""Whole messages: structure, content, limits."""

import base64
import binascii
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webmail.mime.body import decompose
from webmail.mime.limits import MAX_DEPTH, MAX_HEADERS, MAX_MESSAGE_BYTES, MAX_PARTS, MessageTooLargeError
from webmail.mime.parse import parse_message
from webmail.mime.part import Message
from webmail.mime.preview import make_preview
from webmail.mime.search_text import body_search_text

MIXED = (
    b"From: a@b.example\r\nSubject: two\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\npreamble\r\n--x\r\n"
    b"Content-Type: text/plain; charset=UTF-8\r\nContent-Language: de, en\r\n\r\nline\r\n\r\n--x\r\n"
    b'Content-Type: IMAGE/PNG; name="a.png"\r\nContent-Disposition: Inline\r\nContent-ID: <pic@b>\r\n'
    b"Content-Location: http://b.example/a.png\r\nContent-Transfer-Encoding: Base64\r\n\r\niVBO\r\nRw==\r\n--x--\r\nepilogue"
)


def read_everything(message: Message) -> None:
    body = decompose(message.root)
    make_preview(message)
    body_search_text(message).encode("utf-8")
    for part in message.root.walk():
        assert part.size_bytes == len(part.decoded())
        part.text()[0].encode("utf-8")
    assert all(not part.is_multipart for part in (*body.text_body, *body.html_body, *body.attachments))


def test_parts_have_their_imap_section_numbers_and_properties() -> None:
    message = parse_message(MIXED)
    text, image = message.root.parts
    assert (message.root.part_id, message.root.type) == (None, "multipart/mixed")
    assert (text.part_id, text.type, text.charset, text.language) == ("1", "text/plain", "utf-8", ("de", "en"))
    assert text.text() == ("line\n", False)
    assert (image.part_id, image.type, image.charset, image.disposition) == ("2", "image/png", None, "inline")
    assert (image.name, image.cid, image.location) == ("a.png", "pic@b", "http://b.example/a.png")
    assert (image.decoded(), image.size_bytes) == (b"\x89PNG", 4)
    assert message.part("2") is image
    assert message.part("3") is None
    assert message.defects == ()


def test_attached_message_is_one_part_that_opens() -> None:
    inner = b"Subject: inner\r\n\r\nhello\r\n"
    message = parse_message(
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n"
        + inner
        + b"\r\n--x--"
    )
    (part,) = message.root.parts
    assert part.parts == ()
    assert part.nested().list_headers.subject == "inner"
    assert part.nested().root.text()[0] == "hello\n"
    with pytest.raises(ValueError, match="holds no message"):
        parse_message(b"").root.nested()


def test_attached_message_in_base64_opens_too() -> None:
    inner = base64.encodebytes(b"Subject: inner\r\n\r\nhello\r\n")
    message = parse_message(b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inner)
    assert message.root.nested().list_headers.subject == "inner"


@pytest.mark.parametrize(
    ("header", "has_problem"),
    [
        (b"Content-Transfer-Encoding: 8bit", False),
        (b"Content-Transfer-Encoding: x-strange", True),
        (b"Content-Type: text/plain; charset=martian", True),
    ],
)
def test_encoding_problems_are_told(header: bytes, has_problem: bool) -> None:
    assert parse_message(header + b"\r\n\r\ntext").root.text() == ("text", has_problem)


def test_nul_does_not_come_through() -> None:
    assert parse_message(b"\r\na\x00b").root.text()[0] == "ab"


@pytest.mark.req("R42")
def test_a_message_over_the_cap_is_refused_by_name() -> None:
    with pytest.raises(MessageTooLargeError):
        parse_message(bytes(MAX_MESSAGE_BYTES + 1))


@pytest.mark.req("R42")
def test_a_large_attachment_is_split_off_without_reading_it() -> None:
    data = base64.encodebytes(bytes(18_500_000))
    raw = MIXED.replace(b"iVBO\r\nRw==", data)
    started = time.process_time()
    message = parse_message(raw)
    assert time.process_time() - started < 0.3
    assert message.root.parts[1].size_bytes == 18_500_000


def nested(levels: int, *, name: bytes = b"b%d") -> bytes:
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=%s\n\n--%s\n" % ((name % i if b"%" in name else name,) * 2)
        for i in range(levels)
    )


HOSTILE = {
    "headers": (b"A: b\n" * 100_000, "too-many-headers"),
    "header": (b"A: " + b"b" * 5_000_000, "header-too-large"),
    "folds": (b"A: b\n" + b" c\n" * 1_000_000, "header-block-too-large"),
    "levels": (nested(20_000), "too-deep"),
    "levels of one boundary": (nested(20_000, name=b"b"), "missing-final-boundary"),
    "parts": (b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 200_000, "too-many-parts"),
    "parts with headers": (
        b"Content-Type: multipart/mixed; boundary=b\n\n" + (b"--b\n" + b"A: b\n" * 1_000 + b"\n") * 1_000,
        "too-many-headers",
    ),
    "boundary": (
        b"Content-Type: multipart/mixed; boundary=" + b"b" * 3_000 + b"\n\n--" + b"b" * 3_000,
        "boundary-too-long",
    ),
    "almost delimiters": (nested(99) + b"\n-" * 5_000_000, "missing-final-boundary"),
    "parameter segments": (
        b"Content-Type: text/plain;" + b"".join(b" name*%d=a;\n" % i for i in range(1_000_000)),
        "header-block-too-large",
    ),
    "stray lines": (b"a\n" * 1_000_000, "missing-blank-line"),
    "semicolons": (b"Content-Type: " + b"; " * 30_000 + b"\n\n", None),
    "equal signs": (b"Content-Type: a" + b";=" * 30_000 + b"\n\n", None),
    "quotes": (b'Content-Type: a;b="' + b'"x' * 20_000 + b"\n\n", None),
}


@pytest.mark.req("R43")
@pytest.mark.req("R44")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_cap_truncates_within_two_seconds_and_leaves_a_defect(name: str) -> None:
    raw, defect = HOSTILE[name]
    started = time.process_time()
    message = parse_message(raw)
    read_everything(message)
    assert time.process_time() - started < 2
    assert defect is None or defect in message.defects
    parts = list(message.root.walk())
    assert len(parts) <= MAX_PARTS
    assert len(message.headers) <= MAX_HEADERS
    assert max(len((part.part_id or "").split(".")) for part in parts) <= MAX_DEPTH + 1


@given(st.binary(max_size=2_000))
def test_arbitrary_bytes_are_a_message(raw: bytes) -> None:
    read_everything(parse_message(raw))


PIECES = [
    b"\r\n", b"\n", b"\r", b"--x", b"--x--", b"--", b"Content-Type: ", b"multipart/mixed; boundary=x", b"text/html; charset=utf-7",
    b"message/rfc822", b"multipart/alternative; boundary=\"x", b"Content-Transfer-Encoding: base64", b"quoted-printable", b"=", b"=3",
    b"Content-Disposition: attachment; filename*0*=utf-8''%C3", b"Subject: =?utf-8?b?", b"?=", b" ", b"\t", b"\xff", b"text", b"<b>", b"<!--",
    b"> quoted", b"-- ", b"Content-ID: <", b"x-uuencode\n\nbegin 644 a\n#", b"\x1b$B", b":", b"\x00",
]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_pieces_of_messages_in_any_order_are_a_message(pieces: list[bytes]) -> None:
    read_everything(parse_message(b"".join(pieces)))


@given(
    st.integers(min_value=0, max_value=len(MIXED)),
    st.integers(min_value=0, max_value=len(MIXED)),
    st.binary(max_size=10),
)
def test_a_damaged_message_is_a_message(start: int, end: int, junk: bytes) -> None:
    read_everything(parse_message(MIXED[: min(start, end)] + junk + MIXED[max(start, end) :]))


@pytest.mark.req("R43")
@pytest.mark.parametrize("encoding", ["", "base64", "quoted-printable"])
def test_a_bounded_text_decodes_about_so_much_and_ends_with_a_whole_line(encoding: str) -> None:
    content = "Grüße an alle\r\n".encode() * 10_000
    coded = {"base64": base64.encodebytes(content), "quoted-printable": binascii.b2a_qp(content)}.get(encoding, content)
    header = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding or '8bit'}\r\n\r\n"
    part = parse_message(header.encode() + coded).root
    text, has_problem = part.text(1_000)
    assert not has_problem
    assert 900 < len(text.encode()) <= 1_000
    assert set(text.splitlines()) == {"Grüße an alle"}
    assert part.text(10_000_000)[0] == part.text()[0]
    assert part.start(10) == content[:10]


def test_a_bounded_text_of_one_line_ends_with_a_whole_character() -> None:
    part = parse_message(b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "日本語".encode() * 5_000).root
    for size in range(1_000, 1_007):
        text, has_problem = part.text(size)
        assert not has_problem
        assert "\ufffd" not in text
        assert size - 4 < len(text.encode()) <= size


@pytest.mark.req("R43")
def test_a_bounded_text_of_a_huge_part_needs_little_memory() -> None:
    raw = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"QUJDREVG" * 5_000_000
    part = parse_message(raw).root
    tracemalloc.start()
    part.text(100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_parts_behind_the_end_are_not_thrown_away() -> None:
    """Two levels with one delimiter, as a spammer hides a file."""
    raw = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n"
        b"--x\r\n\r\ntext\r\n--x--\r\n\r\n--x\r\nContent-Type: application/zip; name=a.zip\r\n\r\nPK\r\n--x--\r\n"
    )
    message = parse_message(raw)
    assert [(part.part_id, part.type) for part in message.root.walk() if part.part_id] == [
        ("2", "text/plain"),
        ("3", "application/zip"),
    ]
    assert set(message.defects) == {"multipart-without-parts", "parts-behind-end"}


def test_a_file_of_a_mac_is_one_file_with_its_name() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nHi\r\n--x\r\n"
        b"Content-Type: multipart/appledouble; boundary=y\r\n\r\n"
        b"--y\r\nContent-Type: application/applefile; name=plan.pdf\r\n\r\nfork\r\n"
        b"--y\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n--y--\r\n--x--\r\n"
    )
    message = parse_message(raw)
    body = decompose(message.root)
    assert [(part.part_id, part.name) for part in body.attachments] == [("2.2", "plan.pdf")]
    assert message.part("2.1") is not None


@pytest.mark.parametrize("kind", ["application/pgp-signature", "application/pkcs7-signature"])
def test_a_signature_is_no_attachment_to_look_for(kind: str) -> None:
    raw = f"Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\nHi\r\n--x\r\nContent-Type: {kind}\r\n\r\ns\r\n--x--\r\n"
    body = decompose(parse_message(raw.encode()).root)
    assert [part.part_id for part in body.attachments] == ["2"]
    assert not body.has_attachment
