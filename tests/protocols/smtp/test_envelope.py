import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.protocols.errors import BadArgument, PermanentlyRefused
from webmail.protocols.smtp.envelope import Envelope, ascii_domain, envelope_commands, parse_max_size, wire_path

EVERYTHING = {"SIZE": "1000", "8BITMIME": "", "SMTPUTF8": "", "DSN": "", "PIPELINING": ""}


def commands(envelope: Envelope, capabilities: dict[str, str], *, size: int = 10, body_8bit: bool = False) -> list[str]:
    mail, recipients = envelope_commands(envelope, size_bytes=size, body_8bit=body_8bit, capabilities=capabilities)
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
        "RCPT TO:<b@example.org> NOTIFY=SUCCESS,DELAY\r\n",
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
    assert line == f"RCPT TO:<{address}>\r\n" or address.rpartition("@")[2] not in line


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
    assert commands(Envelope("", ("jürgen@bücher.example",)), EVERYTHING)[1] == "RCPT TO:<jürgen@bücher.example>\r\n"


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
