"""Which claims are believed (R15; features 111): forged results, foreign servers, alignment, forwarders."""

from __future__ import annotations

import pytest

from tests.mime.authenticity.letters import claims_of
from webmail.mime.authenticity.own import CheckedSignature, OwnCheck, dump_check, load_check
from webmail.mime.authenticity.verdict import Verdict, judge

pytestmark = pytest.mark.req("R15")

FROM = "From: Ben <ben@example.org>"
OURS = {"mx.ours.test"}
PASS = "Authentication-Results: mx.ours.test; dmarc=pass header.from=example.org"


def verdict_of(
    *fields: str, trusted: set[str] = OURS, guessed: frozenset[str] = frozenset(), own: OwnCheck | None = None
) -> Verdict:
    return judge(claims_of(*fields), trusted=trusted, guessed=guessed, own=own)


def signed(domain: str, result: str = "pass") -> OwnCheck:
    return OwnCheck((CheckedSignature(domain, "s", result),))


# --- What the account's own server says ---


@pytest.mark.parametrize(
    ("results", "level"),
    [
        ("dmarc=pass header.from=example.org", "verified"),
        ("dmarc=pass", "verified"),
        ("dkim=pass header.d=example.org", "verified"),
        ("dkim=pass header.i=@mail.example.org", "verified"),  # relaxed alignment
        ("spf=pass smtp.mailfrom=bounce@example.org", "verified"),
        ("dkim=fail header.d=example.org; spf=pass smtp.mailfrom=example.org", "verified"),
        # Not about the author's domain
        ("dkim=pass header.d=evil.example.net", "unverified"),
        ("dkim=pass header.d=example.org.evil.example.net", "unverified"),
        ("dkim=pass header.d=notexample.org", "unverified"),
        ("spf=pass smtp.mailfrom=evil.example.net", "unverified"),
        ("dmarc=pass header.from=evil.example.net", "unverified"),
        # Nothing that confirms, nothing that refutes
        ("dkim=fail header.d=example.org", "unverified"),
        ("spf=softfail smtp.mailfrom=example.org", "unverified"),
        ("dmarc=none header.from=example.org", "unverified"),
        ("dmarc=fail (p=none) header.from=example.org", "unverified"),
        ("none", "unverified"),
        # The domain has asked for more
        ("dmarc=fail (p=reject) header.from=example.org", "failed"),
        ("dmarc=fail header.from=example.org", "failed"),
        ("dmarc=fail (p=quarantine); dkim=pass header.d=evil.example.net", "failed"),
    ],
)
def test_the_word_of_the_own_server_is_weighed(results: str, level: str) -> None:
    assert verdict_of(f"Authentication-Results: mx.ours.test; {results}", FROM).level == level


def test_customers_of_one_host_do_not_vouch_for_each_other() -> None:
    found = verdict_of("Authentication-Results: mx.ours.test; dkim=pass header.d=b.github.io", "From: x@a.github.io")
    assert found.level == "unverified"


# --- Forgeries ---


def test_a_result_of_a_foreign_server_counts_for_nothing() -> None:
    found = verdict_of("Authentication-Results: mx.evil.test; dmarc=pass header.from=example.org", FROM)
    assert found == Verdict("unknown", "example.org")


def test_a_forged_result_below_the_real_one_counts_for_nothing() -> None:
    real = "Authentication-Results: mx.ours.test; dmarc=fail (p=reject) header.from=example.org"
    assert verdict_of(real, "Received: from evil", PASS, FROM).level == "failed"


def test_a_foreign_result_above_the_real_one_does_not_hide_it() -> None:
    foreign = "Authentication-Results: mx.evil.test; dmarc=fail header.from=example.org"
    assert verdict_of(foreign, PASS, FROM).level == "verified"


@pytest.mark.parametrize("name", ["mx.ours.test.evil.test", "xmx.ours.test", "ours.test", "mx.ours.test,x", "mx"])
def test_a_name_that_only_resembles_the_trusted_one_is_another(name: str) -> None:
    assert verdict_of(f"Authentication-Results: {name}; dmarc=pass header.from=example.org", FROM).level == "unknown"


def test_a_field_without_a_name_is_believed_only_where_the_server_writes_none() -> None:
    nameless = "Authentication-Results: dmarc=pass header.from=example.org"
    assert verdict_of(nameless, FROM).level == "unknown"
    assert verdict_of(nameless, FROM, trusted={""}).level == "verified"


def test_a_star_stands_for_all_below_and_not_for_the_domain_beside() -> None:
    one = "Authentication-Results: a.mail.ours.test; dmarc=pass header.from=example.org"
    other = "Authentication-Results: evilours.test; dmarc=pass header.from=example.org"
    assert verdict_of(one, FROM, trusted={"*.ours.test"}).level == "verified"
    assert verdict_of(other, FROM, trusted={"*.ours.test"}).level == "unknown"


def test_a_guessed_server_may_refute_but_not_confirm() -> None:
    guessed = frozenset({"*.ours.test"})
    failed = "Authentication-Results: mx.ours.test; dmarc=fail (p=reject) header.from=example.org"
    assert verdict_of(PASS, FROM, trusted=set(), guessed=guessed).level == "unverified"
    assert verdict_of(failed, FROM, trusted=set(), guessed=guessed).level == "failed"
    confirmed = verdict_of(PASS, FROM, trusted=set(), guessed=guessed, own=signed("example.org"))
    assert confirmed.level == "verified"


@pytest.mark.parametrize(
    "authors",
    [
        ("From: ben@example.org, x@evil.example.net",),
        (FROM, "From: x@evil.example.net"),
        (FROM, FROM),
        ("From: Ben",),
        (),
    ],
)
def test_several_authors_or_none_are_never_confirmed(authors: tuple[str, ...]) -> None:
    found = verdict_of(PASS, *authors, own=signed("example.org"))
    assert found.level == "unverified"
    assert found.domain == ""


# --- Our own check ---


@pytest.mark.parametrize(
    ("own", "level"),
    [
        (signed("example.org"), "verified"),
        (signed("mail.example.org"), "verified"),
        (signed("evil.example.net"), "unverified"),
        (signed("example.org", "fail"), "unverified"),
        (signed("example.org", "neutral"), "unverified"),
        (signed("example.org", "temperror"), "unknown"),
        (OwnCheck(), "unverified"),
        (None, "unknown"),
    ],
)
def test_our_own_check_speaks_where_the_server_does_not(own: OwnCheck | None, level: str) -> None:
    assert verdict_of(FROM, own=own).level == level


def test_who_signed_instead_is_named() -> None:
    assert verdict_of(FROM, own=signed("em.sender.example.net")).via == "example.net"
    spf = "Authentication-Results: mx.ours.test; spf=pass smtp.mailfrom=a.example.com; dkim=pass header.d=b.example.net"
    assert verdict_of(spf, FROM).via == "example.net"
    assert verdict_of(FROM, own=signed("example.org")).via == ""


def test_a_check_is_kept_as_json_and_anything_else_is_none() -> None:
    check = OwnCheck(
        (CheckedSignature("example.org", "s", "pass"),), arc="pass", arc_domain="google.com", arc_instance=1
    )
    assert load_check(dump_check(check)) == check
    assert load_check({}) is None
    assert load_check({"signatures": 1}) is None
    assert load_check({"tries": 1}) == OwnCheck()


# --- Forwarders ---

SEALED = (
    "ARC-Seal: i=1; a=rsa-sha256; d=google.com; s=x; cv=none; b=y",
    "ARC-Authentication-Results: i=1; mx.google.com; dmarc=pass header.from=example.org",
)
BROKEN = "Authentication-Results: mx.ours.test; arc=pass; dmarc=fail (p=reject) header.from=example.org"


def test_a_known_forwarder_with_an_intact_chain_vouches_for_what_it_saw() -> None:
    found = verdict_of(BROKEN, *SEALED, FROM)
    assert found.level == "verified"
    assert ("arc", "dmarc") in [(one.source, one.method) for one in found.methods]
    own = OwnCheck(arc="pass", arc_domain="google.com", arc_instance=1)
    assert verdict_of(*SEALED, FROM, own=own).level == "verified"


def test_a_chain_of_somebody_unknown_vouches_for_nothing() -> None:
    evil = tuple(field.replace("google.com", "evil.example.net") for field in SEALED)
    assert verdict_of(BROKEN, *evil, FROM).level == "failed"
    own = OwnCheck(arc="pass", arc_domain="evil.example.net", arc_instance=1)
    assert verdict_of(*evil, FROM, own=own).level == "unverified"


def test_seals_that_nobody_has_verified_count_for_nothing() -> None:
    assert verdict_of(*SEALED, FROM).level == "unknown"
    without = BROKEN.replace("arc=pass; ", "")
    assert verdict_of(without, *SEALED, FROM).level == "failed"
    assert verdict_of(*SEALED, FROM, own=OwnCheck(arc="fail")).level == "unverified"
    forged = "Authentication-Results: mx.evil.test; arc=pass"
    assert verdict_of(forged, *SEALED, FROM).level == "unknown"


def test_only_what_the_last_forwarder_saw_counts_and_only_once() -> None:
    later = "ARC-Seal: i=2; a=rsa-sha256; d=google.com; s=x; cv=pass; b=y"
    saw_nothing = "ARC-Authentication-Results: i=2; mx.google.com; spf=none"
    assert verdict_of(BROKEN, later, saw_nothing, *SEALED, FROM).level == "unverified"
    assert verdict_of(BROKEN, *SEALED, SEALED[1], FROM).level == "unverified"
