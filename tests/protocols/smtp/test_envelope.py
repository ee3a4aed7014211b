from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.protocols.errors import BadArgument, PermanentlyRefused
from webmail.protocols.smtp.capabilities import parse_max_hold, parse_max_size
from webmail.protocols.smtp.envelope import (
    Envelope,
    ascii_domain,
    envelope_commands,
    original_recipient,
    wire_path,
)

EVERYTHING = {"SIZE": "1000", "8BITMIME": "", "SMTPUTF8": "", "DSN": "", "PIPELINING": ""}


def commands(
    envelope: Envelope, capabilities: dict[str, str], *, size: int = 10, body_8bit: bool = False, is_tls: bool = False
) -> list[str]:
    mail, recipients = envelope_commands(
        envelope, size_bytes=size, body_8bit=body_8bit, capabilities=capabilities, is_tls=is_tls
    )
    return [command.decode() for command in (mail, *recipients.values())]


def test_a_plain_server_gets_plain_commands() -> None:
    envelope = Envelope("a@example.org", ("b@example.org", "c@example.org"), ret="HDRS", envid="1", notify=("FAILURE",))
    assert commands(envelope, {}) == [
        "MAIL FROM:<a@example.org>\r\n",
        "RCPT TO:<b@example.org>\r\n",
        "RCPT TO:<c@example.org>\r\n",
    ]


def test_parameters_follow_what_is_offered() -> None:
    envelope = Envelope("a@example.org", ("b@example.org",), ret="FULL", envid="a+b =", notify=("SUCCESS", "DELAY"))
    assert commands(envelope, EVERYTHING, body_8bit=True) == [
        "MAIL FROM:<a@example.org> SIZE=10 BODY=8BITMIME RET=FULL ENVID=a+2Bb+20+3D\r\n",
        "RCPT TO:<b@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@example.org\r\n",
    ]


def test_an_empty_reverse_path_is_allowed_for_the_sender_alone() -> None:
    assert commands(Envelope("", ("b@example.org",)), {})[0] == "MAIL FROM:<>\r\n"
    with pytest.raises(BadArgument):
        commands(Envelope("a@example.org", ("",)), {})


def test_a_recipient_named_twice_is_asked_for_once() -> None:
    assert len(commands(Envelope("a@example.org", ("b@example.org", "b@example.org")), {})) == 2


@pytest.mark.parametrize(
    "address", ['"john doe"@example.org', '"a\\"b>c"@example.org', "o'x+y=z@[192.0.2.1]", "a@[IPv6:2001:db8::1]"]
)
def test_unusual_addresses_pass_as_they_are(address: str) -> None:
    assert wire_path(address, utf8=False) == f"<{address}>"


BAD_ADDRESSES = [
    "a@example.org\r\nRCPT TO:<evil@example.org>",
    "a\n@example.org",
    "a@exam\x00ple.org",
    "a@example.org> SIZE=1",
    "a@example.org>,<evil@example.org",
    "<a@example.org>",
    "a b@example.org",
    "a@exa mple.org",
    "a@example.org\u00a0",
    "a@example.org\x85",
    '"a\r\nb"@example.org',
    '"a"b"@example.org',
    '"a\\"@example.org',
    "a@b@example.org",
    "@example.org",
    "a@",
    "a",
    "a@[192.0.2.1",
    "a@[192.0.2.1] x",
]


@pytest.mark.req("R32")
@pytest.mark.parametrize("address", BAD_ADDRESSES)
@pytest.mark.parametrize("utf8", [True, False])
def test_an_address_that_would_add_a_command_or_a_parameter_is_a_bad_argument(address: str, utf8: bool) -> None:
    for envelope in (Envelope(address, ("b@example.org",), utf8), Envelope("a@example.org", (address,), utf8)):
        with pytest.raises(BadArgument):
            commands(envelope, EVERYTHING)


@pytest.mark.req("R32")
@given(st.text(alphabet=st.sampled_from('a@.<> "\\\r\n\0\u2028\u0085ü'), max_size=12))
def test_whatever_the_address_the_command_is_one_line_with_one_path(address: str) -> None:
    try:
        (line,) = commands(Envelope("", (address,)), EVERYTHING)[1:]
    except BadArgument:
        return
    assert line.endswith("\r\n")
    assert not set("\r\n\0") & set(line[:-2])
    words = line[:-2].split(" ORCPT=")
    assert words[0] == f"RCPT TO:<{address}>" or address.rpartition("@")[2] not in words[0]
    assert len(words) == 2
    assert not set(' <>"') & set(words[1])
    assert words[1].isascii()


@pytest.mark.parametrize(
    "envelope",
    [
        Envelope("a@example.org", ()),
        Envelope("a@example.org", ("b@example.org",), ret="ALL"),
        Envelope("a@example.org", ("b@example.org",), notify=("NEVER", "SUCCESS")),
        Envelope("a@example.org", ("b@example.org",), notify=("SOMETIMES",)),
        Envelope("a@example.org", ("b@example.org",), envid="a\r\nb"),
        Envelope("a@example.org", ("b@example.org",), envid="é"),
    ],
)
def test_an_option_that_does_not_exist_is_a_bad_argument(envelope: Envelope) -> None:
    with pytest.raises(BadArgument):
        commands(envelope, {})  # although the server offers no DSN: the fault is ours


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("example.org", "example.org"),
        ("EXAMPLE.org", "EXAMPLE.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.Example", "xn--bcher-kva.Example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("faß.example", "xn--fa-hia.example"),
        ("FAß.example", "xn--fa-hia.example"),
    ],
)
def test_a_domain_becomes_ascii(domain: str, expected: str) -> None:
    assert ascii_domain(domain) == expected


def test_a_domain_that_has_no_ascii_form_is_a_bad_argument() -> None:
    for domain in ("ü" * 64 + ".example", "x" * 60 + "ß.example"):
        with pytest.raises(BadArgument):
            ascii_domain(domain)


def test_an_international_domain_needs_no_smtputf8() -> None:
    assert commands(Envelope("a@bücher.example", ("b@faß.example",)), {}) == [
        "MAIL FROM:<a@xn--bcher-kva.example>\r\n",
        "RCPT TO:<b@xn--fa-hia.example>\r\n",
    ]


@pytest.mark.parametrize(
    "envelope",
    [
        Envelope("jürgen@bücher.example", ("b@example.org",)),
        Envelope("a@example.org", ("jürgen@bücher.example",)),
        Envelope("a@example.org", ("b@example.org",), requires_smtputf8=True),
    ],
)
def test_smtputf8_is_asked_for_when_needed_and_refused_when_missing(envelope: Envelope) -> None:
    assert " SMTPUTF8\r\n" in commands(envelope, EVERYTHING)[0]
    with pytest.raises(PermanentlyRefused) as caught:
        commands(envelope, {"8BITMIME": ""})
    assert caught.value.code == "5.6.7"


def test_with_smtputf8_the_address_stays_as_written() -> None:
    assert commands(Envelope("", ("jürgen@bücher.example",)), EVERYTHING)[1].startswith(
        "RCPT TO:<jürgen@bücher.example> ORCPT="
    )


def test_eight_bit_text_needs_8bitmime() -> None:
    with pytest.raises(PermanentlyRefused) as caught:
        commands(Envelope("", ("b@example.org",)), {}, body_8bit=True)
    assert caught.value.code == "5.6.3"


def test_a_message_above_the_size_is_refused_and_one_of_exactly_that_size_is_not() -> None:
    envelope = Envelope("", ("b@example.org",))
    assert "SIZE=1000" in commands(envelope, EVERYTHING, size=1000)[0]
    with pytest.raises(PermanentlyRefused) as caught:
        commands(envelope, EVERYTHING, size=1001)
    assert caught.value.code == "5.3.4"


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ({}, None),
        ({"SIZE": ""}, None),
        ({"SIZE": "0"}, None),
        ({"SIZE": "many"}, None),
        ({"SIZE": "42"}, 42),
        ({"SIZE": "9" * 5000}, None),
    ],
)
def test_the_size_is_read_with_care(offered: dict[str, str], expected: int | None) -> None:
    assert parse_max_size(offered) == expected


# Reports (RFC 3461) ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "utf8", "expected"),
    [
        ("bob@example.org", False, "rfc822;bob@example.org"),
        ("bob@example.org", True, "rfc822;bob@example.org"),
        ("bob+tag=x@example.org", False, "rfc822;bob+2Btag+3Dx@example.org"),
        ('"bob smith"@example.org', False, 'rfc822;"bob+20smith"@example.org'),
        ("bob@bücher.example", False, "rfc822;bob@xn--bcher-kva.example"),
        ("jürgen@example.org", True, "utf-8;j\\x{FC}rgen@example.org"),
        ("用户+a@例子.example", True, "utf-8;\\x{7528}\\x{6237}\\x{2B}a@\\x{4F8B}\\x{5B50}.example"),
        ("jürgen@example.org", False, ""),
        ("x" * 500 + "@example.org", False, ""),
    ],
)
def test_the_original_recipient_is_one_word_of_ascii(address: str, utf8: bool, expected: str) -> None:
    assert original_recipient(address, utf8=utf8) == expected


def test_each_recipient_carries_its_own_original_address_and_nobody_elses() -> None:
    bob, eve = commands(Envelope("", ("bob@example.org", "eve@example.net")), {"DSN": ""})[1:]
    assert bob == "RCPT TO:<bob@example.org> ORCPT=rfc822;bob@example.org\r\n"
    assert eve == "RCPT TO:<eve@example.net> ORCPT=rfc822;eve@example.net\r\n"


def test_an_original_address_that_is_too_long_is_left_out_and_the_recipient_is_not() -> None:
    long = "x" * 500 + "@example.org"
    assert commands(Envelope("", (long,), notify=("NEVER",)), {"DSN": ""})[1] == f"RCPT TO:<{long}> NOTIFY=NEVER\r\n"


# Encryption all the way (RFC 8689) --------------------------------------------------------------------------------


def test_requiretls_is_said_when_this_connection_is_encrypted_and_the_server_offers_it() -> None:
    envelope = Envelope("a@example.org", ("b@example.org",), requires_tls=True)
    mail = commands(envelope, {"REQUIRETLS": "", "SIZE": ""}, is_tls=True)[0]
    assert mail == "MAIL FROM:<a@example.org> SIZE=10 REQUIRETLS\r\n"
    assert "REQUIRETLS" not in commands(Envelope("", ("b@example.org",)), {"REQUIRETLS": ""}, is_tls=True)[0]


@pytest.mark.parametrize(("offered", "is_tls"), [({}, True), ({"REQUIRETLS": ""}, False), ({}, False)])
def test_a_message_that_requires_tls_goes_to_no_server_that_cannot_promise_it(
    offered: dict[str, str], is_tls: bool
) -> None:
    with pytest.raises(PermanentlyRefused, match="stays encrypted") as caught:
        commands(Envelope("", ("b@example.org",), requires_tls=True), offered, is_tls=is_tls)
    assert caught.value.code == "5.7.30"


# Held by the server (RFC 4865) ------------------------------------------------------------------------------------

NOON = datetime(2026, 3, 3, 12, 0, 0, 999_999, tzinfo=UTC)
HOLDS = {"FUTURERELEASE": "3600 2026-03-03T13:00:00+01:00"}


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"hold_for_s": 3600}, "HOLDFOR=3600"),
        ({"hold_until": NOON.replace(microsecond=0)}, "HOLDUNTIL=2026-03-03T12:00:00Z"),
        (
            {"hold_until": datetime(2026, 3, 3, 8, tzinfo=timezone(-timedelta(hours=3)))},
            "HOLDUNTIL=2026-03-03T11:00:00Z",
        ),
    ],
)
def test_a_message_is_held_as_long_as_asked(wish: dict[str, Any], expected: str) -> None:
    assert commands(Envelope("", ("b@example.org",), **wish), HOLDS)[0] == f"MAIL FROM:<> {expected}\r\n"


@pytest.mark.parametrize(
    ("wish", "offered", "words"),
    [
        ({"hold_for_s": 60}, {}, "does not keep messages"),
        ({"hold_until": NOON}, {}, "does not keep messages"),
        ({"hold_for_s": 3601}, HOLDS, "3600 seconds at most"),
        ({"hold_until": NOON + timedelta(seconds=1)}, HOLDS, "until 2026-03-03T12:00:00Z at most"),
    ],
)
def test_a_message_the_server_does_not_hold_that_long_is_refused(
    wish: dict[str, Any], offered: dict[str, str], words: str
) -> None:
    with pytest.raises(PermanentlyRefused, match=words):
        commands(Envelope("", ("b@example.org",), **wish), offered)


@pytest.mark.parametrize(
    "wish",
    [
        {"hold_for_s": 0},
        {"hold_for_s": -1},
        {"hold_for_s": 10**9},
        {"hold_for_s": 5, "hold_until": NOON},
        {"hold_until": NOON.replace(tzinfo=None)},
    ],
)
def test_a_hold_that_cannot_be_said_is_a_bad_argument(wish: dict[str, Any]) -> None:
    with pytest.raises(BadArgument):
        commands(Envelope("", ("b@example.org",), **wish), {})


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ("", (None, None)),
        ("86400", (86_400, None)),
        ("86400 2026-03-03T12:00:00Z", (86_400, NOON.replace(microsecond=0))),
        ("86400 soon", (86_400, None)),
        ("86400 2026-03-03T12:00:00", (86_400, None)),
        ("86400 0001-01-01T00:00:00+23:00", (86_400, None)),
        ("ever 2026-03-03T12:00:00Z", (None, NOON.replace(microsecond=0))),
        ("9" * 5000, (None, None)),
        ("-1", (None, None)),
    ],
)
def test_what_the_server_says_of_holding_is_read_with_care(
    offered: str, expected: tuple[int | None, datetime | None]
) -> None:
    assert parse_max_hold({"FUTURERELEASE": offered}) == expected
    assert parse_max_hold({}) == (None, None)


# International mail (RFC 6531, RFC 6532) --------------------------------------------------------------------------


def test_an_international_sender_makes_every_address_go_as_written() -> None:
    envelope = Envelope("jürgen@bücher.example", ("b@faß.example", "c@example.org"))
    assert [line.split(" ORCPT")[0].rstrip() for line in commands(envelope, {"SMTPUTF8": "", "8BITMIME": ""})] == [
        "MAIL FROM:<jürgen@bücher.example> SMTPUTF8",
        "RCPT TO:<b@faß.example>",
        "RCPT TO:<c@example.org>",
    ]


def test_ascii_mail_never_asks_for_smtputf8() -> None:
    """RFC 6531 3.4: it would keep the mail from servers further on that do not know it."""
    assert "SMTPUTF8" not in "".join(
        commands(Envelope("a@bücher.example", ("b@例え.テスト",)), EVERYTHING, body_8bit=True)
    )


@pytest.mark.parametrize("domain", ["xn--bcher-kva.example", "a_b.example", "EXAMPLE.ORG", "[IPv6:2001:db8::1]"])
def test_a_domain_in_ascii_stays_as_it_is(domain: str) -> None:
    assert ascii_domain(domain) == domain
