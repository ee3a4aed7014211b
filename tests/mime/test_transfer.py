"""Transfer encodings undone, whole and broken."""

import base64
import binascii
import quopri
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.mime.transfer import (
    decode_base64,
    decode_quoted_printable,
    decode_transfer,
    decode_uuencode,
    is_known_encoding,
)

ENCODERS = Path(__file__).parents[2].parent / "shared/corpus/charsets/mimekit-encoders/UnitTests/TestData/encoders"


@given(st.binary(max_size=500))
def test_what_was_encoded_comes_back(data: bytes) -> None:
    assert decode_base64(base64.encodebytes(data)) == data
    assert decode_base64(base64.encodebytes(data).replace(b"\n", b"\r\n").rstrip(b"=\r\n")) == data
    assert decode_quoted_printable(quopri.encodestring(data)) == data
    lines = b"".join(binascii.b2a_uu(data[i : i + 45]) for i in range(0, len(data), 45))
    assert decode_uuencode(b"text\nbegin 644 a.bin\n" + lines + b"`\nend\n") == data


@given(st.binary(max_size=300), st.sampled_from(["base64", "quoted-printable", "x-uuencode", "x-unknown", ""]))
def test_junk_never_raises(raw: bytes, encoding: str) -> None:
    decode_transfer(memoryview(raw), encoding)
    decode_transfer(memoryview(b"begin 644 x\n" + raw), encoding)


@pytest.mark.parametrize(
    ("raw", "data"),
    [
        (b"SGVsbG8=", b"Hello"),
        (b"SGVs!bG 8", b"Hello"),
        (b"SGVsbG8=SGVsbG8=", b"HelloHello"),
        (b"SGVsbG8=\n\nSGVsbG8=\n", b"HelloHello"),
        (b"SGVsbG8=\n____\nMailing list\n", b"Hello"),
        (b"SGVsbG8=\n-- \nfoot", b"Hello"),
        (b"A", b""),
        (b"====", b""),
    ],
)
def test_base64_survives_junk_and_footers(raw: bytes, data: bytes) -> None:
    assert decode_base64(raw) == data


def test_unknown_encodings_are_known_to_be_unknown() -> None:
    assert is_known_encoding("quoted-printable")
    assert not is_known_encoding("x-strange")


@pytest.mark.corpus
@pytest.mark.skipif(not ENCODERS.is_dir(), reason="the mail corpus (../shared/corpus) is not on this machine")
def test_known_files_come_out_byte_for_byte() -> None:
    photo = (ENCODERS / "photo.jpg").read_bytes()
    text = (ENCODERS / "wikipedia.txt").read_bytes()
    assert decode_base64((ENCODERS / "photo.b64").read_bytes()) == photo
    assert decode_uuencode((ENCODERS / "photo.uu").read_bytes()) == photo
    assert decode_quoted_printable((ENCODERS / "wikipedia.qp").read_bytes()).replace(b"\r\n", b"\n") == text.replace(
        b"\r\n", b"\n"
    )
