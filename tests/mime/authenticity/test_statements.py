"""Authentication-Results as servers really write them (RFC 8601), and as nobody should."""

from __future__ import annotations

import pytest

from webmail.mime.authenticity.statements import ServerStatements, Statement, parse_statements


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            b"mx.google.com;\r\n       dkim=pass header.i=@example.org header.s=a header.b=x;\r\n       spf=pass (google.com:"
            b" domain of a@b.example.org designates 192.0.2.1 as permitted sender) smtp.mailfrom=a@b.example.org;\r\n"
            b"       dmarc=pass (p=REJECT sp=NONE dis=NONE) header.from=example.org",
            ServerStatements(
                "mx.google.com",
                (
                    Statement("dkim", "pass", "example.org"),
                    Statement("spf", "pass", "b.example.org"),
                    Statement("dmarc", "pass", "example.org", "reject"),
                ),
            ),
        ),
        (  # Microsoft: no authserv-id, no blanks, properties of its own
            b"spf=fail (sender IP is 192.0.2.1) smtp.mailfrom=example.org; dkim=none (message not signed)"
            b" header.d=none;dmarc=fail action=oreject header.from=example.org;compauth=fail reason=000",
            ServerStatements(
                "",
                (
                    Statement("spf", "fail", "example.org"),
                    Statement("dkim", "none"),
                    Statement("dmarc", "fail", "example.org"),
                ),
            ),
        ),
        (  # rspamd: the policy in words of its own
            b'mail.example.net; dmarc=fail reason="SPF not aligned (relaxed); DKIM not aligned" header.from=example.org'
            b" (policy=quarantine)",
            ServerStatements("mail.example.net", (Statement("dmarc", "fail", "example.org", "quarantine"),)),
        ),
        (
            b"mx.example.net 1; dmarc/1 = fail policy.published-domain-policy=none header.from=EXAMPLE.org; iprev=pass",
            ServerStatements("mx.example.net", (Statement("dmarc", "fail", "example.org", "none"),)),
        ),
        (
            b"i=2; mx.google.com; arc=pass (i=1 spf=pass); dkim=pass header.d=example.org",
            ServerStatements("mx.google.com", (Statement("arc", "pass"), Statement("dkim", "pass", "example.org")), 2),
        ),
        (b"mx.example.net; none", ServerStatements("mx.example.net")),
        # A guess of the server's is no word of the domain.
        (
            b"mx.google.com; spf=pass (google.com: best guess record for domain of a@example.org) smtp.mail=a@example.org",
            ServerStatements("mx.google.com", (Statement("spf", "neutral", "example.org"),)),
        ),
        (b"", ServerStatements("")),
        (b";;;=;(", ServerStatements("")),
    ],
)
def test_what_servers_write_is_read(value: bytes, expected: ServerStatements) -> None:
    assert parse_statements(value) == expected


@pytest.mark.req("R15")
@pytest.mark.parametrize(
    "value",
    [
        b"evil.test; x=y (; spf=pass smtp.mailfrom=bank.example)",
        b'evil.test; x="; dmarc=pass header.from=bank.example;"',
        b"evil.test; x=y (a \\) ; dmarc=pass header.from=bank.example)",
    ],
)
def test_results_inside_comments_and_quotes_are_none(value: bytes) -> None:
    assert parse_statements(value) == ServerStatements("evil.test")


@pytest.mark.req("R44")
@pytest.mark.parametrize(
    "value",
    [
        b"(" * 100_000,
        b"x;" * 50_000,
        b"x; spf=pass " + b"a.b=c " * 20_000,
        b"x; dkim=pass " + b'"' * 60_000,
        b"\\" * 99_999,
    ],
)
def test_absurd_fields_are_read_to_a_bound(value: bytes) -> None:
    found = parse_statements(value)
    assert len(found.server) <= 255
    assert len(found.statements) <= 40
