"""S/MIME in one piece: what is signed reads as any message."""

import base64
import zlib

import pytest
from asn1crypto import cms
from hypothesis import given
from hypothesis import strategies as st

from webmail.mime.body import decompose
from webmail.mime.embedded.smime import smime_content, smime_kind
from webmail.mime.parse import parse_message
from webmail.mime.preview import make_preview
from webmail.mime.search_text import body_search_text

INNER = (
    b"Content-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\nContent-Type: text/plain\r\n\r\nsigned words\r\n--y\r\n"
    b"Content-Type: application/pdf; name=a.pdf\r\n\r\n%PDF\r\n--y--\r\n"
)


def signed(content: bytes | None) -> bytes:
    inner: dict[str, object] = {"content_type": "data"}
    if content is not None:
        inner["content"] = content
    data = {"version": "v1", "digest_algorithms": [], "encap_content_info": inner, "signer_infos": []}
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(data)}).dump())


def enclosed(content: bytes, *, smime_type: str = "signed-data") -> bytes:
    header = f"From: a@b.example\r\nContent-Type: application/pkcs7-mime; smime-type={smime_type}; name=smime.p7m\r\n"
    return (header + "Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n").encode() + (
        base64.encodebytes(content)
    )


@pytest.mark.req("R45")
def test_signed_content_is_shown_searched_and_downloaded() -> None:
    message = parse_message(enclosed(signed(INNER)))
    assert [(part.part_id, part.type, part.is_embedded) for part in message.root.walk()] == [
        ("1", "application/pkcs7-mime", False),
        (None, "multipart/mixed", True),
        ("1.s1.1", "text/plain", True),
        ("1.s1.2", "application/pdf", True),
    ]
    body = decompose(message.root)
    assert [part.text()[0] for part in body.text_body] == ["signed words"]
    assert [part.part_id for part in body.attachments] == ["1", "1.s1.2"]
    assert make_preview(message) == "signed words"
    assert "signed words" in body_search_text(message)
    assert body.has_attachment


def test_a_signed_text_alone_is_no_attachment() -> None:
    message = parse_message(enclosed(signed(b"Content-Type: text/html\r\n\r\n<p>hello")))
    body = decompose(message.root)
    assert [part.part_id for part in body.html_body] == ["1.s1"]
    assert not body.has_attachment


def test_base64_within_base64_and_pem_are_read() -> None:
    for content in (
        base64.encodebytes(signed(INNER)),
        b"-----BEGIN PKCS7-----\n" + base64.encodebytes(signed(INNER)) + b"-----END PKCS7-----\n",
    ):
        assert smime_kind(content) == "signed"
        assert smime_content(content) == INNER


def test_certificates_alone_have_nothing_inside_and_are_no_defect() -> None:
    message = parse_message(enclosed(signed(None), smime_type="certs-only"))
    assert message.root.parts == ()
    assert message.defects == ()


def test_compressed_content_is_opened() -> None:
    data = {
        "version": "v0",
        "compression_algorithm": {"algorithm": "1.2.840.113549.1.9.16.3.8"},
        "encap_content_info": {"content_type": "data", "content": zlib.compress(INNER)},
    }
    packed = cms.ContentInfo({"content_type": "compressed_data", "content": cms.CompressedData(data)}).dump()
    assert smime_kind(packed) == "compressed"
    assert smime_content(packed) == INNER


def test_signatures_within_signatures_are_opened_three_deep() -> None:
    content = b"Content-Type: text/plain\r\n\r\nhi"
    for _ in range(6):
        content = enclosed(signed(content))
    ids = [part.part_id for part in parse_message(content).root.walk()]
    assert ids == ["1", "1.s1", "1.s1.s1", "1.s1.s1.s1"]


@pytest.mark.req("R43")
def test_content_in_a_million_pieces_is_not_put_together() -> None:
    head = bytes.fromhex(
        "308006092a864886f70d010702a0803080020101310030800609 2a864886f70d010701a0802480".replace(" ", "")
    )
    few = head + b"\x04\x01A" * 100 + b"\0\0" * 3 + b"\x31\x00" + b"\0\0" * 3
    assert smime_content(few) == b"A" * 100
    many = head + b"\x04\x01A" * 1_000_000 + b"\0\0" * 3 + b"\x31\x00" + b"\0\0" * 3
    assert smime_content(many) is None
    assert parse_message(enclosed(many)).defects == ("unreadable-smime",)


@pytest.mark.req("R46")
@given(st.binary(max_size=30), st.integers(0, 200))
def test_bytes_changed_anywhere_never_raise(noise: bytes, place: int) -> None:
    whole = signed(INNER)
    parse_message(enclosed(whole[:place] + noise + whole[place + len(noise) :]))
