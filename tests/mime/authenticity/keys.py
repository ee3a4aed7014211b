"""Keys for signing in tests, and the records that DNS would hold of them."""

from __future__ import annotations

import base64
from functools import cache

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

SELECTOR = "sel"


def rsa_key(bits: int = 1024) -> rsa.RSAPrivateKey:
    """A key, made once."""
    return _make(bits)


@cache
def _make(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


def pem_of(key: rsa.RSAPrivateKey) -> bytes:
    """The private half, as dkimpy wants it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def record_of(key: rsa.RSAPrivateKey, *, extra: str = "") -> str:
    """The TXT record of the public half."""
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; {extra}p={base64.b64encode(public).decode()}"


def name_of(domain: str, selector: str = SELECTOR) -> str:
    """Where the record stands."""
    return f"{selector}._domainkey.{domain}"


def sign(raw: bytes, domain: str, *, bits: int = 1024, length: bool = False, algorithm: bytes = b"rsa-sha256") -> bytes:
    """The message with a signature of `domain` on top."""
    signer = dkim.DKIM(raw, signature_algorithm=algorithm)
    field = signer.sign(
        SELECTOR.encode(),
        domain.encode(),
        pem_of(rsa_key(bits)),
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=[b"from", b"to", b"subject", b"from"],
        length=length,
    )
    return bytes(field) + raw


def seal(raw: bytes, domain: str, server: str) -> bytes:
    """The message with one more ARC set on top, of what `server` says in an Authentication-Results field."""
    fields = dkim.arc_sign(
        raw,
        SELECTOR.encode(),
        domain.encode(),
        pem_of(rsa_key()),
        server.encode(),
        include_headers=[b"from", b"to", b"subject"],
    )
    return b"".join(fields) + raw
