"""Whose results an account believes."""

from __future__ import annotations

import pytest

from webmail.mime.authenticity.servers import Trust, trust_of
from webmail.mime.authenticity.verdict import is_one_of

pytestmark = pytest.mark.req("R15")


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("imap.gmail.com", "mx.google.com"),
        ("outlook.office365.com", ""),
        ("imap.mail.yahoo.com", "atlas-production.v2-mail-prod1-gq1.omega.yahoo.com"),
        ("imap.fastmail.com", "mx4.messagingengine.com"),
        ("imap.mail.me.com", "bimi.icloud.com"),
        ("imap.gmx.net", "gmx.net"),
        ("imap.mailbox.org", "spamd.mailbox.org"),
        ("imap.zoho.eu", "mx.zohomail.com"),
    ],
)
def test_large_providers_are_known_by_their_servers(host: str, server: str) -> None:
    assert is_one_of(server, trust_of(host).trusted)


def test_a_provider_is_not_known_by_a_name_that_ends_alike() -> None:
    assert trust_of("imap.notgmail.com").trusted == frozenset()
    assert trust_of("imap.gmail.com.example.org").trusted == frozenset()


def test_any_other_server_gives_a_guess_and_no_trust() -> None:
    assert trust_of("imap.example.co.uk") == Trust(guessed=frozenset({"example.co.uk", "*.example.co.uk"}))
    assert trust_of("mail.local") == Trust(guessed=frozenset({"mail.local"}))
    assert trust_of("127.0.0.1") == Trust(guessed=frozenset({"127.0.0.1"}))
    assert trust_of("") == Trust()


def test_what_the_owner_says_replaces_the_rest() -> None:
    assert trust_of("imap.gmail.com", " MX.Example.org \r\n\r\n*.example.net\n") == Trust(
        trusted=frozenset({"mx.example.org", "*.example.net"})
    )
