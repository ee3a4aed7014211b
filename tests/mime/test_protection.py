"""Signed and encrypted messages, and pieces of messages, are recognised; nothing is opened or verified."""

import base64

import pytest
from asn1crypto import cms

from webmail.mime.parse import parse_message
from webmail.mime.partial import Partial, find_partial
from webmail.mime.protection import Protection, find_protection

PGP = b"-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n"
CLEAR = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nhi\n-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n"


def multipart(kind: str, *parts: bytes) -> bytes:
    body = b"".join(b"--x\r\n" + part + b"\r\n" for part in parts)
    return f"Content-Type: multipart/{kind}; boundary=x\r\n\r\n".encode() + body + b"--x--\r\n"


def entity(kind: str, content: bytes = b"content") -> bytes:
    return f"Content-Type: {kind}\r\n\r\n".encode() + content


def smime(kind: str) -> bytes:
    if kind == "enveloped_data":
        encrypted = {
            "content_type": "data",
            "content_encryption_algorithm": {"algorithm": "aes128_cbc", "parameters": b"x" * 16},
        }
        content = cms.EnvelopedData({"version": "v0", "recipient_infos": [], "encrypted_content_info": encrypted})
    else:
        inner = {"content_type": "data", "content": entity("text/plain", b"signed")}
        content = cms.SignedData(
            {"version": "v1", "digest_algorithms": [], "encap_content_info": inner, "signer_infos": []}
        )
    return base64.encodebytes(cms.ContentInfo({"content_type": kind, "content": content}).dump())


def p7m(content: bytes, label: str = "application/pkcs7-mime") -> bytes:
    return f"Content-Type: {label}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode() + content


TEXT = entity("text/plain", b"words")


@pytest.mark.req("R16")
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (TEXT, None),
        (multipart("mixed", TEXT, entity("application/pdf")), None),
        (
            multipart("encrypted; protocol=application/pgp-encrypted", entity("application/pgp-encrypted", b"Version: 1"),
                      entity("application/octet-stream", PGP)),
            Protection("pgp-encrypted", "2", covers_all=True),
        ),
        (
            multipart("mixed", entity("text/plain", b""), entity("application/pgp-encrypted", b"Version: 1"),
                      entity("application/octet-stream", PGP)),
            Protection("pgp-encrypted", "3", covers_all=False),
        ),
        (
            multipart('signed; protocol="application/pgp-signature"', TEXT, entity("application/pgp-signature")),
            Protection("pgp-signed", "2", covers_all=True),
        ),
        (
            multipart("signed", TEXT, entity("application/x-pkcs7-signature")),
            Protection("smime-signed", "2", covers_all=True),
        ),
        (multipart("signed", TEXT), None),
        (p7m(smime("signed_data")), Protection("smime-signed-opaque", "1", covers_all=True)),
        (p7m(smime("enveloped_data")), Protection("smime-encrypted", "1", covers_all=True)),
        (
            p7m(smime("enveloped_data"), "application/octet-stream; name=smime.p7m"),
            Protection("smime-encrypted", "1", covers_all=True),
        ),
        (
            p7m(b"AAAA", "application/pkcs7-mime; smime-type=enveloped-data"),
            Protection("smime-encrypted", "1", covers_all=True),
        ),
        (p7m(b"AAAA", "application/pkcs7-mime; smime-type=certs-only"), None),
        (entity("text/plain", PGP), Protection("pgp-inline-encrypted", "1", covers_all=True)),
        (entity("text/plain", b"Look:\n" + PGP), Protection("pgp-inline-encrypted", "1", covers_all=False)),
        (entity("text/plain", CLEAR), Protection("pgp-inline-signed", "1", covers_all=True)),
        (entity("text/plain", CLEAR + b"added by a list\n"), Protection("pgp-inline-signed", "1", covers_all=False)),
        (entity("text/plain", b"> " + PGP), None),
        (
            multipart("mixed", multipart("signed", TEXT, entity("application/pgp-signature")).replace(b"x", b"y"), TEXT),
            Protection("pgp-signed", "1.2", covers_all=False),
        ),
    ],
)  # fmt: skip
def test_protection_is_recognised(raw: bytes, expected: Protection | None) -> None:
    assert find_protection(parse_message(raw)) == expected


def test_what_is_signed_within_what_is_signed_counts_from_the_outside() -> None:
    inner = b"Content-Type: multipart/signed; boundary=y\r\n\r\n--y\r\n" + TEXT + b"\r\n--y\r\n"
    inner += entity("application/pgp-signature") + b"\r\n--y--\r\n"
    found = find_protection(parse_message(multipart("signed", inner, entity("application/pkcs7-signature"))))
    assert found == Protection("smime-signed", "2", covers_all=True)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ('message/partial; id="a@b"; number=2; total=3', Partial("a@b", 2, 3)),
        ("message/partial; id=a; number=1", Partial("a", 1, 0)),
        ("message/partial; number=x; total=-1", Partial("", 0, 0)),
        ("message/partial; number=99999999999999; total=99999", Partial("", 0, 10_000)),
        ("message/rfc822", None),
    ],
)
def test_pieces_of_a_message_are_recognised(label: str, expected: Partial | None) -> None:
    assert find_partial(parse_message(entity(label))) == expected
