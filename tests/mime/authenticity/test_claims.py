"""What a message says of its sender, and which of it is a reason to be careful (R15; features 112)."""

from __future__ import annotations

import base64

import pytest
from pydantic import TypeAdapter

from tests.mime.authenticity.letters import claims_of
from webmail.mime.authenticity.claims import Author, Hint, SenderClaims, Signature

pytestmark = pytest.mark.req("R15")


def kinds(*fields: str) -> list[str]:
    return [hint.kind for hint in claims_of(*fields).hints]


def from_named(name: str, address: str) -> str:
    word = base64.b64encode(name.encode()).decode()
    return f"From: =?utf-8?B?{word}?= <{address}>"


def test_an_honest_message_gives_no_hint() -> None:
    claims = claims_of("From: Ben <ben@example.net>", "Reply-To: office@example.net", "Sender: ben@example.net")
    assert claims.hints == ()
    assert claims.authors == (Author("Ben", "ben@example.net", "example.net"),)
    assert claims.domain == "example.net"


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        (
            'From: "service@paypal.com" <x@evil.example.net>',
            Hint("name-holds-address", "service@paypal.com", "x@evil.example.net"),
        ),
        (
            "From: PayPal.com Service <x@evil.example.net>",
            Hint("name-holds-domain", "paypal.com", "x@evil.example.net"),
        ),
        # At a provider for everybody, another name is another person.
        ('From: "boss@gmail.com" <x@gmail.com>', Hint("name-holds-address", "boss@gmail.com", "x@gmail.com")),
        (from_named("P\u0430yPal", "x@example.net"), Hint("mixed-scripts", "P\u0430yPal")),
        ("From: PayPal <x@p\u0430ypal.com>", Hint("mixed-scripts", "paypal", "xn--pypal-4ve.com")),
        ("From: PayPal <x@paypa1.com>", Hint("look-alike", "paypal", "paypa1.com")),
        (from_named("Anna \u202emoc.knab\u202c", "x@example.net"), Hint("hidden-characters")),
        (from_named("Pay\u200bPal", "x@example.net"), Hint("hidden-characters")),
        ("From: undisclosed:;", Hint("no-address")),
    ],
)
def test_a_name_that_deceives_gives_a_hint(field: str, hint: Hint) -> None:
    assert hint in claims_of(field).hints


@pytest.mark.parametrize(
    "field",
    [
        'From: "info@example.net" <noreply@example.net>',
        'From: "BEN@example.net" <ben@example.net>',
        "From: Booking.com <noreply@sg.booking.com>",
        "From: Dr. med. Anna Muster <a@example.net>",
        from_named("\u5c71\u7530 Taro", "t@example.net"),
        from_named("\u05d3\u05e0\u05d9 \u200fCohen", "d@example.net"),
        "From: Node.js Weekly <n@example.net>",
        "From: Mail Delivery System <MAILER-DAEMON>",
    ],
)
def test_an_honest_name_gives_none(field: str) -> None:
    assert claims_of(field).hints == ()


def test_hidden_characters_are_left_out_of_what_is_kept() -> None:
    (author,) = claims_of(from_named("An\u202ena\u200b", "x@example.net")).authors
    assert author.name == "Anna"


def test_several_authors_have_no_domain_whether_in_one_field_or_two() -> None:
    one_field = claims_of("From: a@bank.example.com, b@evil.example.net")
    two_fields = claims_of("From: a@bank.example.com", "From: a@bank.example.com")
    for claims in (one_field, two_fields):
        assert claims.has_several_from
        assert claims.domain == ""
        assert claims.hints[0].kind == "several-from"
    assert one_field.hints[0].real == "a@bank.example.com, b@evil.example.net"


def test_the_last_from_field_is_the_one_that_is_shown_first() -> None:
    claims = claims_of("From: first@example.org", "From: last@example.net")
    assert [author.email for author in claims.authors] == ["last@example.net", "first@example.org"]


def test_answers_that_go_elsewhere_are_told_and_a_list_is_told_apart() -> None:
    assert kinds("From: a@example.org", "Reply-To: b@evil.example.net") == ["reply-elsewhere"]
    assert kinds("From: a@gmail.com", "Reply-To: b@gmail.com") == ["reply-elsewhere"]
    assert kinds("From: a@example.org", "Reply-To: b@mail.example.org") == []
    listed = ("From: a@example.org", "Reply-To: talk@lists.example.net", "List-Id: Talk <talk.lists.example.net>")
    assert kinds(*listed) == ["reply-to-list"]


def test_signatures_and_seals_are_listed_with_their_domains() -> None:
    claims = claims_of(
        "ARC-Seal: i=2; a=rsa-sha256; d=google.com; s=x; cv=pass; b=y",
        "ARC-Seal: i=1; a=rsa-sha256; d=evil.example.net; s=x; cv=none; b=y",
        "DKIM-Signature: v=1; a=rsa-sha256; d=Example.ORG;\r\n\ts=sel; bh=x; b=y",
        "DKIM-Signature: broken",
        "From: a@example.org",
    )
    assert claims.signatures == (Signature("example.org", "sel"),)
    assert (claims.seals, claims.sealed_by) == (2, "google.com")
    assert claims.is_signed


@pytest.mark.req("R43")
def test_absurd_headers_are_bounded() -> None:
    claims = claims_of(
        "From: " + ", ".join(f"a{n}@example.org" for n in range(500)),
        *["Authentication-Results: x; spf=pass"] * 100,
        *["DKIM-Signature: d=example.org; s=a"] * 100,
        "Reply-To: " + "(" * 5_000,
    )
    assert len(claims.authors) == 10
    assert len(claims.stated) == len(claims.signatures) == 20


def test_claims_survive_json() -> None:
    claims = claims_of(
        "Authentication-Results: mx; dkim=pass header.d=example.org",
        "ARC-Authentication-Results: i=1; mx; spf=pass",
        'From: "x@paypal.com" <a@example.org>',
        "List-Id: <a.b>",
    )
    form = TypeAdapter(SenderClaims)
    assert form.validate_json(form.dump_json(claims)) == claims
