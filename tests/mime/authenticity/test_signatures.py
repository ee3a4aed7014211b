"""Our own check of DKIM (RFC 6376) and ARC (RFC 8617), with keys that are given: no test here asks DNS."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.mime.authenticity.keys import name_of, record_of, rsa_key, seal, sign
from tests.mime.authenticity.letters import letter
from webmail.mime.authenticity.own import CheckedSignature, load_check
from webmail.mime.authenticity.signatures import MAX_SIGNATURES, NO_ANSWER, keys_wanted, verify, verify_job
from webmail.mime.limited.children import run_limited

pytestmark = pytest.mark.req("R15")

NOW = time.time()
DOMAIN = "example.org"
RAW = letter("From: Ben <ben@example.org>", "To: alice@example.net", body="Dear Alice,\r\n\r\nBen")
KEYS = {name_of(DOMAIN): record_of(rsa_key())}


def result_of(raw: bytes, keys: dict[str, str | None] | None = None, *, received_at: float = NOW) -> str:
    (signature,) = verify(raw, KEYS if keys is None else keys, received_at=received_at).signatures
    return signature.result


def test_a_signed_message_passes_and_says_whose_signature_it_is() -> None:
    raw = sign(RAW, DOMAIN)
    assert keys_wanted(raw) == ("sel._domainkey.example.org",)
    assert verify(raw, KEYS, received_at=NOW).signatures == (CheckedSignature(DOMAIN, "sel", "pass"),)
    assert verify(RAW, KEYS, received_at=NOW).signatures == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Dear Alice", b"Dear Carol"),
        (b"Subject: Hello", b"Subject: Hallo"),
        (b"From: Ben <ben@", b"From: Ben <bob@"),
        (b"From: Ben", b"From: x@evil.test\r\nFrom: Ben"),  # another author on top
    ],
)
def test_whatever_is_changed_of_what_is_signed_breaks_it(old: bytes, new: bytes) -> None:
    assert result_of(sign(RAW, DOMAIN).replace(old, new)) == "fail"


def test_what_is_not_signed_may_change_on_the_way() -> None:
    raw = b"Received: from a by b\r\nX-Spam: no\r\n" + sign(RAW, DOMAIN)
    assert result_of(raw) == "pass"
    assert result_of(raw.replace(b"\r\n", b"\n")) == "pass"


@pytest.mark.parametrize(
    ("keys", "result"),
    [
        ({}, "permerror"),
        ({name_of(DOMAIN): NO_ANSWER}, "temperror"),
        ({name_of(DOMAIN): "v=DKIM1; p="}, "permerror"),  # revoked
        ({name_of(DOMAIN): "nonsense"}, "permerror"),
        ({name_of(DOMAIN): record_of(rsa_key(), extra="t=y; ")}, "neutral"),  # only tried out
        ({name_of(DOMAIN): record_of(rsa_key(2048))}, "fail"),  # another key
    ],
)
def test_the_key_decides(keys: dict[str, str | None], result: str) -> None:
    assert result_of(sign(RAW, DOMAIN), keys) == result


def test_a_signature_of_a_part_of_the_text_confirms_nothing() -> None:
    raw = sign(RAW, DOMAIN, length=True)
    assert result_of(raw) == "neutral"
    assert result_of(raw + b"And something of mine\r\n") == "neutral"


def test_a_retired_algorithm_confirms_nothing() -> None:
    assert result_of(sign(RAW, DOMAIN, algorithm=b"rsa-sha1")) != "pass"


def test_a_signature_counts_if_it_had_not_expired_when_the_message_came() -> None:
    raw = expiring(at=2_000)
    assert result_of(raw, received_at=1_500.0) == "pass"
    assert result_of(raw, received_at=2_500.0) == "neutral"


def expiring(*, at: int) -> bytes:
    """RAW with a signature that ends; the library for signing writes no x=, so it is done by hand (RFC 6376 3.7)."""
    body_hash = base64.b64encode(hashlib.sha256(RAW.split(b"\r\n\r\n", 1)[1]).digest()).decode()
    value = f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={DOMAIN}; s=sel; t=1000; x={at}; h=from:to:subject; bh={body_hash}; b="
    signed = f"from:Ben <ben@example.org>\r\nto:alice@example.net\r\nsubject:Hello\r\ndkim-signature:{value}"
    signature = rsa_key().sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"DKIM-Signature: {value}{base64.b64encode(signature).decode()}\r\n".encode() + RAW


def test_each_of_several_signatures_is_checked_up_to_a_bound() -> None:
    raw = sign(sign(RAW, DOMAIN), "example.net")
    keys = KEYS | {name_of("example.net"): NO_ANSWER}
    found = verify(raw, keys, received_at=NOW).signatures
    assert [(one.domain, one.result) for one in found] == [("example.net", "temperror"), (DOMAIN, "pass")]
    many = b"DKIM-Signature: v=1; d=a.test; s=b; h=from; a=rsa-sha256; bh=x; b=y\r\n" * 50 + RAW
    assert len(verify(many, {}, received_at=NOW).signatures) == MAX_SIGNATURES
    assert len(keys_wanted(b"".join(b"DKIM-Signature: d=a%d.test; s=b\r\n" % n for n in range(50)))) == MAX_SIGNATURES


@pytest.mark.parametrize(
    "field",
    [
        b"DKIM-Signature: ",
        b"DKIM-Signature: v=1; d=; s=; h=; b=; bh=",
        b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=sel; h=from; bh=!; b=!",
        b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=sel; h=from; bh=eA==; b=eA==; l=99999999999999999999999",
        b"DKIM-Signature: d=\xff; s=\xff",
        b"DKIM-Signature: a=rsa-sha256; v=1; d=example.org; d=example.org",
        b"DKIM-Signature: v=1; a=ed25519-sha256; d=example.org; s=sel; h=from; bh=eA==; b=eA==",
        b"DKIM-Signature: v=1; a=rsa-sha256; d=../../x; s=a b; h=from; bh=eA==; b=eA==",
        b"ARC-Seal: i=1; d=example.org; s=sel",
        b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=example.org; s=sel; b=eA==\r\nARC-Message-Signature: i=1; a=rsa-sha256;"
        b" d=example.org; s=sel; h=from; bh=eA==; b=eA==\r\nARC-Authentication-Results: i=1; x; none",
        b"ARC-Seal: i=99999999999999999999; d=a; s=b",
    ],
)
def test_a_broken_signature_passes_nowhere_and_raises_nothing(field: bytes) -> None:
    raw = field + b"\r\n" + RAW
    keys_wanted(raw)
    found = verify(raw, KEYS, received_at=NOW)
    assert all(one.result != "pass" for one in found.signatures)
    assert found.arc != "pass"


def test_names_for_dns_are_names_and_nothing_else() -> None:
    raw = b"DKIM-Signature: s=a/../b; d=example.org\r\nDKIM-Signature: s=a; d=ex ample.org\r\nDKIM-Signature: s=A; d=Example.org\r\n"
    assert keys_wanted(raw) == ("a._domainkey.example.org",)
    assert keys_wanted(b"DKIM-Signature: s=" + b"a" * 300 + b"; d=example.org\r\n") == ()


# --- ARC ---

STATED = b"Authentication-Results: mx.forwarder.test; dmarc=pass header.from=example.org\r\n" + RAW


def test_an_intact_chain_passes_and_a_changed_message_breaks_it() -> None:
    keys = {name_of("google.com"): record_of(rsa_key())}
    raw = seal(STATED, "google.com", "mx.forwarder.test")
    assert set(keys_wanted(raw)) == set(keys)
    found = verify(raw, keys, received_at=NOW)
    assert (found.arc, found.arc_domain, found.arc_instance) == ("pass", "google.com", 1)
    assert verify(raw.replace(b"Dear", b"Deer"), keys, received_at=NOW).arc == "fail"
    assert verify(raw.replace(b"i=1; mx.forwarder.test", b"i=1; mx.evil.test"), keys, received_at=NOW).arc == "fail"
    assert verify(raw, {name_of("google.com"): NO_ANSWER}, received_at=NOW).arc == "temperror"


def test_a_chain_of_two_is_verified_to_its_beginning() -> None:
    keys = {name_of("google.com"): record_of(rsa_key()), name_of("fastmail.com"): record_of(rsa_key())}
    first = seal(STATED, "google.com", "mx.forwarder.test")
    second = seal(b"Authentication-Results: mx.second.test; arc=pass\r\n" + first, "fastmail.com", "mx.second.test")
    found = verify(second, keys, received_at=NOW)
    assert (found.arc, found.arc_domain, found.arc_instance) == ("pass", "fastmail.com", 2)


# --- In the child ---


@pytest.mark.req("R42")
def test_the_child_verifies_and_answers_as_the_row_keeps_it() -> None:
    answer = run_limited("signatures", sign(RAW, DOMAIN), {"keys": KEYS, "received_at": NOW})
    assert load_check(answer.meta) == load_check(verify_job(sign(RAW, DOMAIN), {"keys": KEYS, "received_at": NOW}).meta)


@pytest.mark.req("R44")
def test_a_text_of_blanks_is_not_given_to_the_library() -> None:
    raw = sign(RAW, DOMAIN) + b" \t" * 2_000_000
    assert result_of(raw) == "neutral"


# --- The corpus ---

CORPUS = Path(__file__).parents[3].parent / "shared" / "corpus" / "crypto" / "mimekit-dkim"
MESSAGES = {
    "gmail.msg": ["pass"],
    "related.msg": ["pass"],
    "multipart-no-end-boundary.msg": ["pass"],
    "rfc8463-example.msg": ["pass", "pass"],
}


def corpus_keys(folder: Path) -> dict[str, str | None]:
    def text(name: str) -> str:
        return "".join((folder / name).read_text().split("-----")[2].split())

    return {
        name_of("gmail.com", "20120113"): f"v=DKIM1; k=rsa; p={text('gmail.pub')}",
        # RFC 8463 A.2
        name_of(
            "football.example.com", "brisbane"
        ): "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        name_of("football.example.com", "test"): (
            "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16"
            "JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTI"
            "KT+l/K4w3QIDAQAB"
        ),
    }


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the mail corpus (../shared/corpus) is not on this machine")
@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_messages_of_the_corpus_verify_and_break_when_touched(name: str) -> None:
    path = next(CORPUS.rglob(name))
    raw, keys = path.read_bytes(), corpus_keys(path.parent)
    assert [one.result for one in verify(raw, keys, received_at=0.0).signatures] == MESSAGES[name]
    touched = re.sub(rb"(?m)^Subject: ", b"Subject: x", raw, count=1)
    assert all(one.result == "fail" for one in verify(touched, keys, received_at=0.0).signatures)
    longer = raw.rstrip() + b"\r\nx\r\n"
    assert all(one.result == "fail" for one in verify(longer, keys, received_at=0.0).signatures)
