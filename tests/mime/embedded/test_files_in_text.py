"""Files that stand in a text: uuencode and yEnc."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mime.embedded.samples import uuencode, yencode
from webmail.mime.body import decompose
from webmail.mime.embedded.uuencode import find_uuencoded
from webmail.mime.embedded.yenc import decode_yenc, find_yenc
from webmail.mime.parse import parse_message
from webmail.mime.preview import make_preview
from webmail.mime.search_text import body_search_text

PICTURE = bytes(range(256)) * 3


def plain(text: bytes, *, more: bytes = b"") -> bytes:
    return b"Content-Type: text/plain\r\n" + more + b"\r\n" + text


@pytest.mark.req("R45")
def test_several_files_are_parts_of_the_text_that_is_shown_without_them() -> None:
    raw = plain(b"Here they are\n" + uuencode("one.gif", PICTURE) + b"and\n" + uuencode("two.txt", b"two") + b"Bye\n")
    message = parse_message(raw)
    body = decompose(message.root)
    assert [(part.part_id, part.type, part.name) for part in body.attachments] == [
        ("1.u1", "image/gif", "one.gif"),
        ("1.u2", "text/plain", "two.txt"),
    ]
    assert [part.decoded() for part in body.attachments] == [PICTURE, b"two"]
    assert body.text_body == (message.root,)
    assert message.root.text() == ("Here they are\nand\nBye\n", False)
    assert body.has_attachment
    assert message.root.decoded() == raw.partition(b"\r\n\r\n")[2]
    assert make_preview(message) == "Here they are and Bye"
    assert "one.gif" in body_search_text(message)
    assert message.part("1.u2") is body.attachments[1]


def test_a_file_in_quoted_printable_text_is_found_too() -> None:
    text = b"=C3=A4\r\n" + uuencode("a.bin", b"abc").replace(b"\n", b"\r\n").replace(b"=", b"=3D")
    message = parse_message(plain(text, more=b"Content-Transfer-Encoding: quoted-printable\r\n"))
    part = message.part("1.u1")
    assert part is not None
    assert part.decoded() == b"abc"
    assert message.root.text()[0] == "ä\n"


@pytest.mark.parametrize(
    "text",
    [
        b"begin 644 with care\nand then go on\nend\n",
        b"Please begin 644 now\n",
        b"begin\nbegin 644\n",
        b"=ybegin without a size name=x\nabc\n",
        b"> begin 644 x\n> #86)C\n> `\n> end\n",
    ],
)
def test_text_that_only_looks_like_a_file_is_left_alone(text: bytes) -> None:
    message = parse_message(plain(text))
    assert message.root.parts == ()
    assert message.root.text()[0] == text.decode()


def test_a_file_whose_end_is_missing_is_taken_as_far_as_it_goes() -> None:
    cut = uuencode("a.bin", PICTURE).partition(b"`\nend")[0]
    message = parse_message(plain(cut + b"Some words behind it\n"))
    part = message.part("1.u1")
    assert part is not None
    assert part.decoded() == PICTURE
    assert message.root.text()[0] == "Some words behind it\n"
    assert message.defects == ("incomplete-file",)


def test_a_text_that_is_itself_attached_keeps_its_files() -> None:
    raw = plain(uuencode("a.bin", b"abc"), more=b"Content-Disposition: attachment; filename=a.uue\r\n")
    assert parse_message(raw).root.parts == ()


def test_backslashes_that_became_yen_signs_are_undone() -> None:
    content = bytes.fromhex("1bc71b") * 15
    coded = uuencode("a.bin", content)
    assert b"\\" in coded
    message = parse_message(plain(coded.replace(b"\\", "¥".encode())))
    part = message.part("1.u1")
    assert part is not None
    assert part.decoded() == content


def test_yenc_is_undone_with_its_name() -> None:
    message = parse_message(plain(b"Look\r\n" + yencode("ä picture.jpg", PICTURE) + b"-- \r\nme\r\n"))
    part = message.part("1.y1")
    assert part is not None
    assert (part.name, part.type, part.decoded()) == ("ä picture.jpg", "image/jpeg", PICTURE)
    assert message.root.text()[0] == "Look\n-- \nme\n"


def piece(number: int, content: bytes, total: int) -> bytes:
    begin = f"=ybegin part={number} line=128 size={total} name=x.bin\r\n=ypart begin=1 end=2\r\n".encode()
    return begin + yencode("x.bin", content).partition(b"\r\n")[2]


def test_pieces_of_one_file_are_joined_and_a_single_one_is_named_as_a_piece() -> None:
    both = parse_message(plain(piece(1, b"first ", 12) + piece(2, b"second", 12)))
    assert [(part.part_id, part.name, part.decoded()) for part in both.root.parts] == [
        ("1.y1", "x.bin", b"first second")
    ]
    one = parse_message(plain(piece(2, b"second", 12)))
    assert [(part.name, part.decoded()) for part in one.root.parts] == [("x.bin.part2", b"second")]


@given(st.binary(max_size=400))
def test_what_is_encoded_comes_back(content: bytes) -> None:
    block = yencode("x", content)
    assert decode_yenc(block) == content
    assert [block[one.start : one.end] for one in find_yenc(block)] == [block]
    coded = uuencode("x", content)
    assert [(one.start, one.end) for one in find_uuencoded(coded)] == [(0, len(coded))]


@pytest.mark.req("R46")
@given(st.lists(st.sampled_from([b"begin 644 x\n", b"M", b"`\n", b"end\n", b"=ybegin size=1 name=x\n", b"=", b"=yend size=1\n",
                                 b"=ypart begin=1\n", b"#86)C\n", b"\r\n", b"\xff"]), max_size=40))  # fmt: skip
def test_any_mixture_of_marks_is_read_without_an_error(pieces: list[bytes]) -> None:
    message = parse_message(plain(b"".join(pieces)))
    for part in message.root.walk():
        assert part.size_bytes == len(part.decoded())
        part.text()


@pytest.mark.req("R43")
def test_the_number_of_files_in_one_text_is_bounded() -> None:
    message = parse_message(plain(uuencode("x", b"") * 5_000))
    assert len(message.root.parts) == 200
