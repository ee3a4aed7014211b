"""Host names: normal form, domain, numbers, and when Unicode may be shown (R14)."""

from __future__ import annotations

import pytest

from webmail.mime.hosts import display_host, normalise_host, numeric_address, registrable_domain, same_domain

pytestmark = pytest.mark.req("R14")


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("Example.COM.", "example.com"),
        ("b\u00fccher.de", "xn--bcher-kva.de"),
        ("B\u00dcCHER.de", "xn--bcher-kva.de"),
        ("bank\uff0ecom", "bank.com"),
        ("ba\u00adnk.com", "bank.com"),
        ("\uff42ank.com", "bank.com"),
        ("a..b", ""),
        ("-a.com", ""),
        ("a-.com", ""),
        ("a b.com", ""),
        ("a\u2044b.com", ""),
        ("x" * 64 + ".com", ""),
        ("", ""),
        ("[::1]", "[::1]"),
        ("[zz]", ""),
    ],
)
def test_a_host_is_compared_in_one_form(written: str, normal: str) -> None:
    assert normalise_host(written) == normal


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("a.b.example.co.uk", "example.co.uk"),
        ("example.com", "example.com"),
        ("me.github.io", "me.github.io"),
        ("mail.local", "mail.local"),
        ("com", "com"),
    ],
)
def test_the_registrable_domain_is_what_somebody_registered(host: str, domain: str) -> None:
    assert registrable_domain(host) == domain


def test_two_customers_of_one_host_are_two_domains() -> None:
    assert not same_domain("a.github.io", "b.github.io")
    assert same_domain("a.example.org", "b.example.org")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("256.1.1.1", None),
        ("1.2.3.4.5", None),
        ("09.1", None),
        ("0x.1", "0.0.0.1"),
        ("9" * 50, None),
        ("[fe80::1]", "fe80::1"),
        ("a.1", None),
    ],
)
def test_a_number_is_read_as_browsers_read_it(host: str, address: str | None) -> None:
    assert numeric_address(host) == address


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("xn--bcher-kva.de", "b\u00fccher.de"),
        ("xn--e1afmkfd.xn--p1ai", "\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444"),
        ("xn--r8jz45g.jp", "\u4f8b\u3048.jp"),
        ("xn--80ak6aa92e.com", "xn--80ak6aa92e.com"),  # apple in Cyrillic
        ("xn--pypal-4ve.com", "xn--pypal-4ve.com"),  # mixed
        ("xn--ls8h.la", "xn--ls8h.la"),  # no letters at all
        ("xn--zzzzzzzzzz-.com", "xn--zzzzzzzzzz-.com"),  # no punycode
        ("example.com", "example.com"),
    ],
)
def test_unicode_is_shown_only_where_nobody_takes_it_for_another(host: str, shown: str) -> None:
    assert display_host(host) == shown
