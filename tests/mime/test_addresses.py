"""Address fields as they come, and addresses as users type them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.mime.addresses import (
    Address,
    AddressGroup,
    format_address,
    is_valid_email,
    parse_address_groups,
    parse_addresses,
    unique_emails,
)
from webmail.mime.limits import MAX_ADDRESSES


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@b.c", [("", "a@b.c")]),
        ("<a@b.c>", [("", "a@b.c")]),
        ("John Doe <a@b.c>", [("John Doe", "a@b.c")]),
        ('"Doe, John" <a@b.c>, x@y.z', [("Doe, John", "a@b.c"), ("", "x@y.z")]),
        ("Doe, John <a@b.c>, x@y.z", [("Doe, John", "a@b.c"), ("", "x@y.z")]),
        ("a@b.c (John Doe)", [("John Doe", "a@b.c")]),
        ("undisclosed-recipients:;", []),
        ("Group: Ed <ed@x.org>,joe@x.org;, z@q.r", [("Ed", "ed@x.org"), ("", "joe@x.org"), ("", "z@q.r")]),
        ("=?utf-8?Q?Doe, John?= <a@b>", [("Doe, John", "a@b")]),
        ('"=?utf-8?q?J=C3=B6rg?=" <a@b>', [("Jörg", "a@b")]),
        ("John <a@b> , , <c@d>", [("John", "a@b"), ("", "c@d")]),
        ('"unterminated <a@b.c>', [("unterminated", "a@b.c")]),
        ("John <a@b.c", [("John", "a@b.c")]),
        ("<<a@b.c>>", [("", "a@b.c")]),
        ("<@r1,@r2:a@b.c>", [("", "a@b.c")]),
        ("a@b.c; d@e.f", [("", "a@b.c"), ("", "d@e.f")]),
        ("Ann <a@b> Bob <c@d>", [("Ann", "a@b"), ("Bob", "c@d")]),
        ("Foo <mailto:a@b.c>", [("Foo", "a@b.c")]),
        ('"a b"@c.d', [("", '"a b"@c.d')]),
        ("a @ b.c", [("", "a@b.c")]),
        ("John Doe a@b.c", [("John Doe", "a@b.c")]),
        ("user@[IPv6:::1]", [("", "user@[IPv6:::1]")]),
        ('"Joe \\"x\\" Q" <a@b>', [('Joe "x" Q', "a@b")]),
        ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", [("Pete", "pete@silly.test")]),
        ("John Doe", [("John Doe", "")]),
        ("postmaster", [("", "postmaster")]),
        ("MAILER-DAEMON (Mail Delivery)", [("Mail Delivery", "MAILER-DAEMON")]),
        ("Jörg <j@ö.de>".encode(), [("Jörg", "j@ö.de")]),
        (b"J\xf6rg M\xfcller <j@b.de>", [("Jörg Müller", "j@b.de")]),
        ('"a@b.c" <evil@x.y>', [("a@b.c", "evil@x.y")]),
        ("A\r\n\t<a@b>,\r\n B <c@d>", [("A", "a@b"), ("B", "c@d")]),
        ("x\x00y <a\x00@b>", [("xy", "a@b")]),
        ("", []),
    ],
)
def test_addresses_are_read_as_people_mean_them(value: bytes | str, expected: list[tuple[str, str]]) -> None:
    assert [(address.name, address.email) for address in parse_addresses(value)] == expected


def test_groups_keep_their_names_and_runs_outside_have_none() -> None:
    assert parse_address_groups("x@y, A Group: Ed <ed@x.org>, joe@x.org; z@q") == (
        AddressGroup(None, (Address("", "x@y"),)),
        AddressGroup("A Group", (Address("Ed", "ed@x.org"), Address("", "joe@x.org"))),
        AddressGroup(None, (Address("", "z@q"),)),
    )


@pytest.mark.req("R43")
def test_addresses_are_capped() -> None:
    assert len(parse_addresses("a@b," * 10_000)) == MAX_ADDRESSES
    assert len(parse_addresses("(c) a@b," * 10_000)) == MAX_ADDRESSES


@pytest.mark.req("R44")
@pytest.mark.parametrize(
    "piece", ["(", "()", '"', '\\"', "<", "<@", ",", ":", "a:b;", "re:", "=?", "=?u?q?", "@", " ", '("', "a@b "]
)
def test_addresses_take_linear_time_and_no_recursion(piece: str) -> None:
    hostile = (piece * 100_000)[:100_000]
    started = time.process_time()
    parse_addresses(hostile)
    parse_address_groups(hostile)
    assert time.process_time() - started < 0.5


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300), st.text(alphabet='ab@<>"(),;:\\=?q ', max_size=60)))
def test_addresses_never_raise_and_are_clean(value: bytes | str) -> None:
    for address in parse_addresses(value):
        assert address.name or address.email
        assert not any(c < " " or "\ud800" <= c <= "\udfff" for c in address.name + address.email)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("C", "Z", "M")), min_size=1, max_size=30))
def test_a_formatted_address_reads_back(name: str) -> None:
    address = Address(name, "a@b.example")
    (found,) = parse_addresses(format_address(address))
    if "=?" not in name:
        assert found.email == address.email
        assert found.name == parse_addresses(format_address(found))[0].name


def test_names_are_quoted_only_where_they_must_be() -> None:
    assert format_address(Address("", "a@b")) == "a@b"
    assert format_address(Address("John Doe", "a@b")) == "John Doe <a@b>"
    assert format_address(Address("Jörg", "a@b")) == "Jörg <a@b>"
    assert format_address(Address('Doe, "J"', "a@b")) == '"Doe, \\"J\\"" <a@b>'
    assert "\n" not in format_address(Address("a\r\nBcc: x", "a@b"))


@pytest.mark.parametrize(
    "text",
    [
        "a@b.example",
        "a.b+c@x.example",
        "jörg@müller.example",
        '"a b"@x.example',
        "a@[192.0.2.1]",
        "a@localhost",
        "o'x@b.ie",
    ],
)
def test_valid_addresses_are_accepted(text: str) -> None:
    assert is_valid_email(text)


@pytest.mark.parametrize(
    "text",
    ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b c", "a@-b.c", "a@b..c", ".a@b", "a.@b", "a@b\r\nRCPT TO:<x>", "a\x00@b", "a@1.2.3.4",
     "x" * 65 + "@b.c", "a@" + "b" * 64 + ".c", "a@" + "b." * 130 + "c", "a,b@c.d", "<a@b.c>", "a@b.c\n", "\ud800@b.c"],
)  # fmt: skip
@pytest.mark.req("R31")
def test_invalid_addresses_are_refused(text: str) -> None:
    assert not is_valid_email(text)


def test_an_address_counts_once_whatever_its_case() -> None:
    addresses = (Address("Ann", "a@b.example"), Address("", "A@B.example"), Address("", "c@d.example"))
    assert list(unique_emails(addresses)) == [addresses[0], addresses[2]]


def test_a_comment_alone_is_no_address() -> None:
    assert parse_addresses("unlisted-recipients:; (no To-header on input)") == ()
    assert parse_addresses("(nobody), b@c.d") == (Address("", "b@c.d"),)


@pytest.mark.parametrize(
    ("email", "is_valid"),
    [("a@xn--mller-kva.de", True), ("a@xn--fa-hia.de", True), ("a@xn--0.de", False), ("a@xn--.de", False)],
)
def test_domains_in_punycode_are_judged_by_what_they_hold(email: str, is_valid: bool) -> None:
    assert is_valid_email(email) is is_valid
