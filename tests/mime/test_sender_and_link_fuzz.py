"""Whatever a message holds, links and senders are judged without an error, and what is shown hides nothing (R14, R15, R44)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mime.authenticity.letters import letter
from webmail.mime.authenticity.claims import read_claims
from webmail.mime.authenticity.signatures import keys_wanted, verify
from webmail.mime.authenticity.statements import parse_statements
from webmail.mime.authenticity.verdict import judge
from webmail.mime.hidden_characters import has_turns, neutralise
from webmail.mime.links import judge_link, without_tracking
from webmail.mime.parse import parse_message

PIECES = st.sampled_from(
    [
        *(
            "http://",
            "https:\\\\",
            "www.",
            "paypal.com",
            "xn--",
            "xn--pypal-4ve",
            "@",
            ".",
            "..",
            "/",
            "?utm_source=x&",
            "#",
        ),
        *(
            "%00",
            "%2e",
            "[",
            "]",
            "::1",
            "0x7f",
            "\u202e",
            "\u200b",
            "\u3002",
            "\u0430",
            "\U0001f600",
            "\ud800",
            "\0",
            "\t",
        ),
        *(
            "dkim=pass",
            "dmarc=fail",
            ";",
            "(",
            ")",
            '"',
            "\\",
            " ",
            "header.d=example.org",
            "mx.ours.test",
            "i=1;",
            "none",
        ),
        *(
            "From: ",
            "v=1; a=rsa-sha256; d=example.org; s=s; h=from; bh=eA==; b=eA==",
            "=?utf-8?B?",
            "?=",
            "<",
            ">",
            ",",
        ),
    ]
)
TEXT = st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=15).map("".join)
NAMES = st.sampled_from(
    ["From", "Reply-To", "Sender", "Authentication-Results", "ARC-Authentication-Results", "ARC-Seal", "DKIM-Signature"]
)


@settings(max_examples=200, deadline=None)
@given(TEXT, TEXT)
def test_any_link_is_judged(href: str, text: str) -> None:
    warning = judge_link(href, text)
    if warning is not None:
        assert not has_turns(warning.shown + warning.real)
        assert (warning.shown + warning.real).isprintable()
    assert without_tracking(without_tracking(href)) == without_tracking(href)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(NAMES, TEXT), max_size=6))
def test_any_header_makes_claims_and_nothing_is_confirmed_without_cause(fields: list[tuple[str, str]]) -> None:
    lines = [
        f"{name}: {value}".encode("utf-8", "replace").replace(b"\n", b" ").replace(b"\r", b" ")
        for name, value in fields
    ]
    raw = b"\r\n".join(lines) + b"\r\n" + letter()
    claims = read_claims(parse_message(raw))
    verdict = judge(claims, trusted=set())
    assert verdict.level in {"unknown", "unverified"}
    assert not any(has_turns(author.name + author.email) for author in claims.authors)
    keys_wanted(raw)
    found = verify(raw, {"s._domainkey.example.org": "v=DKIM1; p=eA=="}, received_at=0.0)
    assert all(one.result != "pass" for one in found.signatures)
    assert found.arc != "pass"


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=200), TEXT.map(lambda text: text.encode("utf-8", "replace"))))
def test_any_field_is_read(value: bytes) -> None:
    parse_statements(value)


@settings(max_examples=200, deadline=None)
@given(TEXT)
def test_what_is_shown_hides_nothing(text: str) -> None:
    shown = neutralise(text)
    assert not has_turns(shown)
    assert neutralise(shown) == shown
