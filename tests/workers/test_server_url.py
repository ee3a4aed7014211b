"""Servers on the command line."""

import pytest

from webmail.workers.server_url import SCHEMES, BadServerUrl, ServerUrl, parse_server_url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("imap://ann@h.example:1143", ServerUrl("imap", "plain", "ann", "h.example", 1143)),
        ("imap+starttls://ann@h.example", ServerUrl("imap", "starttls", "ann", "h.example", 143)),
        ("imaps://ann%40b.example@h.example", ServerUrl("imap", "tls", "ann@b.example", "h.example", 993)),
        ("imaps://ann@b.example@h.example/", ServerUrl("imap", "tls", "ann@b.example", "h.example", 993)),
        ("pop3s://a%2Fb%3A@[::1]:995", ServerUrl("pop3", "tls", "a/b:", "::1", 995)),
        ("pop3+starttls://ann@h.example", ServerUrl("pop3", "starttls", "ann", "h.example", 110)),
    ],
)
def test_incoming_servers(text, expected):
    assert parse_server_url(text, protocols=("imap", "pop3")) == expected


def test_sending_server_without_user_asks_for_no_password():
    assert parse_server_url("smtp://h.example", protocols=("smtp",)) == ServerUrl("smtp", "plain", "", "h.example", 25)
    assert parse_server_url("smtp+starttls://h.example", protocols=("smtp",)).port == 587


def test_all_nine_schemes_are_known():
    assert sorted(SCHEMES) == sorted(
        ["imap", "imap+starttls", "imaps", "pop3", "pop3+starttls", "pop3s", "smtp", "smtp+starttls", "smtps"]
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h.example:993",
        "http://h.example",
        "smtp://h.example",
        "imap://",
        "imap://h:99999",
        "imap://h:x",
        "imap://h/x",
    ],
)
def test_what_is_no_server_is_refused_with_what_is_expected(text):
    with pytest.raises(BadServerUrl, match="SCHEME://USER@HOST:PORT"):
        parse_server_url(text, protocols=("imap", "pop3"))


@pytest.mark.req("R49")
def test_password_on_the_command_line_is_refused_and_not_repeated():
    with pytest.raises(BadServerUrl) as refused:
        parse_server_url("imaps://ann:S3CR3T@h.example", protocols=("imap",))
    assert "S3CR3T" not in str(refused.value)
