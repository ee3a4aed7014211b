"""What replies and forwarded messages start from."""

from datetime import timedelta, timezone

import pytest

from webmail.mime.addresses import Address
from webmail.mime.parse import parse_message
from webmail.mime.part import Message
from webmail.mime.reply import MAX_REFERENCES, ReplySeed, forward_composition, quote_text, reply_composition

OWN = ("me@example.com", "Me.Too@Example.com")


def received(
    header: str = "",
    body: str = "Hello\n\nworld\n",
    *,
    from_: str = "Alice <alice@example.org>",
    to: str = "me@example.com",
) -> Message:
    return parse_message(
        f"From: {from_}\r\nTo: {to}\r\nDate: Tue, 3 Mar 2026 14:10:00 +0100\r\nMessage-ID: <m1@example.org>\r\n{header}\r\n{body}".encode()
    )


def reply(original: Message, *, reply_all: bool = False) -> ReplySeed:
    return reply_composition(original, own_addresses=OWN, reply_all=reply_all)


def emails(addresses: tuple[Address, ...]) -> list[str]:
    return [address.email for address in addresses]


@pytest.mark.parametrize(
    ("header", "from_", "to", "reply_all", "expected_to", "expected_cc"),
    [
        pytest.param("", "alice@x", "me@example.com", False, ["alice@x"], [], id="to the author"),
        pytest.param("Reply-To: r@x\r\n", "alice@x", "me@example.com", False, ["r@x"], [], id="Reply-To over From"),
        pytest.param(
            "Reply-To: ME@example.com\r\n", "alice@x", "b@x", False, ["alice@x"], [], id="own Reply-To ignored"
        ),
        pytest.param(
            "Cc: c@x\r\n", "alice@x", "me@example.com, b@x", False, ["alice@x"], [], id="plain reply has no Cc"
        ),
        pytest.param(
            "Cc: c@x, ME@EXAMPLE.COM, C@x\r\n",
            "alice@x",
            "me.too@example.com, b@x",
            True,
            ["alice@x"],
            ["b@x", "c@x"],
            id="reply-all",
        ),
        pytest.param("Cc: alice@x\r\n", "alice@x", "b@x", True, ["alice@x"], ["b@x"], id="no address twice"),
        pytest.param("Reply-To: list@x\r\n", "alice@x", "list@x", True, ["list@x"], [], id="list reply-all"),
        pytest.param("Cc: c@x\r\n", "me@example.com", "b@x", False, ["b@x"], [], id="own mail goes to its recipients"),
        pytest.param(
            "Cc: c@x\r\n", "me@example.com", "b@x, me@example.com", True, ["b@x"], ["c@x"], id="own mail reply-all"
        ),
        pytest.param("", "me@example.com", "me@example.com", True, ["me@example.com"], [], id="note to self"),
        pytest.param("", "nobody", "undisclosed-recipients:;", True, [], [], id="nobody to answer"),
    ],
)
def test_recipients(
    header: str, from_: str, to: str, reply_all: bool, expected_to: list[str], expected_cc: list[str]
) -> None:
    seed = reply(received(header, from_=from_, to=to), reply_all=reply_all)
    assert emails(seed.to) == expected_to
    assert emails(seed.cc) == expected_cc


def test_names_of_recipients_are_kept() -> None:
    assert reply(received()).to == (Address("Alice", "alice@example.org"),)


@pytest.mark.parametrize(
    ("subject", "replied", "forwarded"),
    [
        ("Plan", "Re: Plan", "Fwd: Plan"),
        ("Re: Plan", "Re: Plan", "Fwd: Re: Plan"),
        ("RE: AW: Re: Plan", "Re: Plan", "Fwd: RE: AW: Re: Plan"),
        ("Aw: Sv: Antw: VS: Odp: Plan", "Re: Plan", "Fwd: Aw: Sv: Antw: VS: Odp: Plan"),
        ("Re[2]: Plan", "Re: Plan", "Fwd: Re[2]: Plan"),
        ("RE(3): Re^2: Plan", "Re: Plan", "Fwd: RE(3): Re^2: Plan"),
        ("回复：Plan", "Re: Plan", "Fwd: 回复：Plan"),
        ("Fwd: Plan", "Re: Fwd: Plan", "Fwd: Plan"),
        ("WG: FW: TR: Plan", "Re: WG: FW: TR: Plan", "Fwd: Plan"),
        ("[list] Re: Plan", "Re: [list] Plan", "Fwd: [list] Re: Plan"),
        ("Re: [list] Re: Plan", "Re: [list] Plan", "Fwd: Re: [list] Re: Plan"),
        ("Reply: no prefix", "Re: Reply: no prefix", "Fwd: Reply: no prefix"),
        ("Re:", "Re:", "Fwd: Re:"),
        ("", "Re:", "Fwd:"),
    ],
)
def test_prefixes_are_written_once(subject: str, replied: str, forwarded: str) -> None:
    original = received(f"Subject: {subject}\r\n")
    assert reply(original).subject == replied
    assert forward_composition(original).subject == forwarded


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ("m1@example.org",)),
        ("References: <r1@x> <r2@x>\r\n", ("r1@x", "r2@x", "m1@example.org")),
        ("In-Reply-To: <p@x>\r\n", ("p@x", "m1@example.org")),
        ("In-Reply-To: <p@x> <q@x>\r\n", ("m1@example.org",)),
        ("References: <r1@x>\r\nIn-Reply-To: <p@x>\r\n", ("r1@x", "m1@example.org")),
        ("References: <m1@example.org> <r1@x>\r\n", ("r1@x", "m1@example.org")),
    ],
)
def test_references_follow_rfc_5322(header: str, expected: tuple[str, ...]) -> None:
    seed = reply(received(header))
    assert seed.in_reply_to == ("m1@example.org",)
    assert seed.references == expected


def test_long_references_keep_the_first_and_the_last() -> None:
    ids = [f"r{number}@x" for number in range(200)]
    references = reply(received("References: " + "\r\n ".join(f"<{one}>" for one in ids) + "\r\n")).references
    assert len(references) == MAX_REFERENCES
    assert references[0] == "r0@x"
    assert references[-2:] == ("r199@x", "m1@example.org")


@pytest.mark.req("R31")
def test_ids_that_no_header_can_carry_are_left_out() -> None:
    original = parse_message("From: a@x\r\nMessage-ID: <é x@y>\r\nReferences: <ok@x> <b\u00e4d@x>\r\n\r\nx".encode())
    seed = reply(original)
    assert seed.in_reply_to == ()
    assert seed.references == ("ok@x",)


def test_quoted_text_has_an_attribution_and_marks() -> None:
    assert reply(received(body="Hello\n> old\n\nworld\n\n\n")).quoted_text == (
        "On Tue, 3 Mar 2026 at 14:10, Alice wrote:\n> Hello\n>> old\n>\n> world\n"
    )


def test_attribution_can_tell_another_zone_and_language() -> None:
    seed = reply_composition(
        received(),
        own_addresses=OWN,
        reply_all=False,
        zone=timezone(timedelta(hours=-11)),
        attribution="{name} schrieb am {date} um {time}:",
    )
    assert seed.quoted_text.startswith("Alice schrieb am Tue, 3 Mar 2026 um 02:10:\n> Hello")


def test_attribution_does_without_name_and_date() -> None:
    assert reply(parse_message(b"From: a@x\r\n\r\nhi")).quoted_text.startswith("a@x wrote:\n> hi")
    assert reply(parse_message(b"\r\nhi")).quoted_text.startswith("Somebody wrote:\n> hi")
    assert reply(parse_message(b"From: {name} <a@x>\r\n\r\nhi")).quoted_text.startswith("{name} wrote:\n")


@pytest.mark.req("R6")
def test_html_alone_is_quoted_as_text() -> None:
    original = received(
        "Content-Type: text/html\r\n", "<p>One &amp; <b>two</b></p><script>alert(1)</script><p>three</p>"
    )
    quoted = reply(original).quoted_text
    assert "> One & two\n" in quoted
    assert "> three" in quoted
    assert "<" not in quoted
    assert "alert" not in quoted


def test_flowed_text_is_joined_before_it_is_quoted() -> None:
    original = received("Content-Type: text/plain; format=flowed\r\n", "a long \nparagraph\n> quoted \n> too\n")
    assert reply(original).quoted_text.endswith("> a long paragraph\n>> quoted too\n")


def test_quoting_adds_one_level() -> None:
    assert quote_text("a\n> b\n>> c\n\n d") == "> a\n>> b\n>>> c\n>\n>  d"


MULTIPART = (
    "Content-Type: multipart/mixed; boundary=b\r\n",
    "--b\nContent-Type: text/plain\n\nSee files\n"
    "--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=../r.pdf\n\n%PDF\n"
    "--b\nContent-Type: image/png\nContent-ID: <c1@x>\nContent-Disposition: inline\n\nPNG\n"
    "--b\nContent-Type: text/csv; charset=latin1\nContent-Disposition: attachment; filename=a.csv\nContent-Transfer-Encoding: 8bit\n\na;b\n"
    "--b\nContent-Type: message/rfc822\n\nSubject: inner\n\nhi\n"
    "--b--\n",
)


def test_forward_has_a_summary_the_text_and_the_files() -> None:
    seed = forward_composition(received("Subject: Plan\r\nCc: Carol <c@x>\r\n" + MULTIPART[0], MULTIPART[1]))
    assert (seed.to, seed.cc, seed.in_reply_to, seed.references) == ((), (), (), ("m1@example.org",))
    assert seed.quoted_text == (
        "---------- Forwarded message ----------\n"
        "From: Alice <alice@example.org>\n"
        "Date: Tue, 3 Mar 2026 at 14:10\n"
        "Subject: Plan\n"
        "To: me@example.com\n"
        "Cc: Carol <c@x>\n"
        "\n"
        "See files\n"
    )
    assert [(one.name, one.type, one.content, one.cid, one.is_inline) for one in seed.attachments] == [
        ("attachment.png", "image/png", b"PNG", "c1@x", False),
        ("_r.pdf", "application/pdf", b"%PDF", None, False),
        ("a.csv", "text/csv; charset=latin1", b"a;b", None, False),
        ("attachment.eml", "message/rfc822", b"Subject: inner\n\nhi", None, False),
    ]


def test_a_reply_carries_no_files() -> None:
    assert reply(received(*MULTIPART)).attachments == ()


@pytest.mark.req("R16")
def test_encrypted_content_is_never_quoted() -> None:
    original = received(
        'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b\r\n',
        "--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n"
        "--b\nContent-Type: application/octet-stream\n\n-----BEGIN PGP MESSAGE-----\nSECRET\n--b--\n",
    )
    assert "SECRET" not in reply(original).quoted_text


def test_nothing_at_all_can_still_be_answered() -> None:
    seed = reply(parse_message(b""))
    assert (seed.to, seed.subject, seed.in_reply_to, seed.references) == ((), "Re:", (), ())


@pytest.mark.req("R16")
@pytest.mark.parametrize(
    "body",
    [
        "Look:\n-----BEGIN PGP MESSAGE-----\n\nhQEMA5secret\n-----END PGP MESSAGE-----\nBye\n",
        "Look:\nBye\n-----BEGIN PGP MESSAGE-----\n\nhQEMA5secret\n",
    ],
)
def test_an_encrypted_text_within_a_text_is_left_out_of_the_quotation(body: str) -> None:
    seed = reply(received("", body))
    assert "Look:" in seed.quoted_text
    assert "Bye" in seed.quoted_text
    assert "secret" not in seed.quoted_text
    assert "secret" not in forward_composition(received("", body)).quoted_text


@pytest.mark.req("R16")
def test_text_inside_an_encrypted_container_is_not_quoted() -> None:
    header = "Content-Type: multipart/mixed; boundary=a\r\n"
    body = (
        "--a\nContent-Type: text/plain\n\nIn the clear\n"
        "--a\nContent-Type: multipart/encrypted; boundary=b\n\n--b\nContent-Type: text/plain\n\nsecret\n--b--\n--a--\n"
    )
    seed = reply(received(header, body))
    assert "In the clear" in seed.quoted_text
    assert "secret" not in seed.quoted_text


@pytest.mark.req("R16")
@pytest.mark.parametrize("kind", ["application/pkcs7-mime; smime-type=enveloped-data", "application/pgp-encrypted"])
def test_a_sealed_part_is_not_quoted(kind: str) -> None:
    header = "Content-Type: multipart/mixed; boundary=a\r\n"
    body = f"--a\nContent-Type: text/plain\n\nIn the clear\n--a\nContent-Type: {kind}\n\nsecret\n--a--\n"
    assert "secret" not in reply(received(header, body)).quoted_text
