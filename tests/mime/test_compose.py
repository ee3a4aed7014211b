"""Messages we write, read back by our own parser and by the standard library's."""

import dataclasses
import re
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webmail.mime.addresses import Address
from webmail.mime.body import decompose
from webmail.mime.compose import (
    Attachment,
    BadHeaderValue,
    Composition,
    build_message,
    needs_smtputf8,
    new_message_id,
    wire_address,
    with_date,
    without_bcc,
)
from webmail.mime.parse import parse_message

ALICE = Address("Alice Example", "alice@example.com")
BOB = Address("", "bob@example.org")
SIMPLE = Composition(
    from_=ALICE,
    to=(BOB,),
    cc=(),
    bcc=(),
    reply_to=(),
    subject="Hello",
    text="Hi Bob\n",
    html=None,
    attachments=(),
    in_reply_to=(),
    references=(),
    message_id="m1@example.com",
    sent_at=datetime(2026, 3, 3, 14, 10, tzinfo=timezone(timedelta(hours=1))),
)


def composed(**changes: object) -> Composition:
    return dataclasses.replace(SIMPLE, **changes)  # type: ignore[arg-type]


def stdlib(raw: bytes) -> EmailMessage:
    message = BytesParser(policy=default).parsebytes(raw)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def assert_on_the_wire(raw: bytes) -> None:
    """7-bit clean, CRLF only, no line over 998 bytes, folded headers, a blank line after them."""
    assert raw.isascii()
    assert b"\0" not in raw
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.endswith(b"\r\n")
    header = raw.partition(b"\r\n\r\n")[0]
    assert not re.search(rb"^[ \t]*$", header, re.MULTILINE), "a folded line holds only white space"


def test_a_simple_message_is_exactly_this() -> None:
    assert build_message(SIMPLE) == (
        b"Date: Tue, 03 Mar 2026 14:10:00 +0100\r\n"
        b"From: Alice Example <alice@example.com>\r\n"
        b"To: bob@example.org\r\n"
        b"Subject: Hello\r\n"
        b"Message-ID: <m1@example.com>\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
        b"Hi Bob\r\n"
    )


FULL = composed(
    from_=Address('Zoë "Z" Ünal', "zoe@example.com"),
    to=(Address("Doe, Jane", "jane@example.org"), Address("日本太郎" * 12, "taro@example.jp"), BOB),
    cc=(Address("=?utf-8?Q?trick?=", "c@example.org"), Address("O'Neil (work)", "o@example.org")),
    bcc=(Address("", "secret@example.org"),),
    reply_to=(Address("Reply", "reply@example.com"),),
    subject="Grüße aus dem Süden: " + "sehr lang " * 20 + "Ende",
    text="Schöne Grüße\n.\nFrom here on\n" + "x" * 2_000 + "\ntrailing \t\n-- \nZoë",
    html="<p>Schöne <b>Grüße</b> <img src='cid:logo@x'></p>",
    attachments=(
        Attachment("ünïcode " * 20 + ".pdf", "application/pdf", bytes(range(256)) * 20),
        Attachment("logo.png", "image/png", b"\x89PNG", "logo@x", is_inline=True),
        Attachment('a "quoted" name.txt', "text/plain", "né\n".encode()),
        Attachment("", "application/octet-stream", b""),
    ),
    in_reply_to=("p@example.org",),
    references=("<r1@example.org>", "p@example.org"),
    extra_headers=(("X-Mailer", "Pillarbox"), ("Importance", "high")),
)


def test_everything_round_trips_through_our_parser() -> None:
    raw = build_message(FULL)
    assert_on_the_wire(raw)
    message = parse_message(raw)
    headers = message.list_headers
    assert message.defects == ()
    assert headers.from_ == (FULL.from_,)
    assert headers.to == FULL.to
    assert headers.cc == FULL.cc
    assert headers.bcc == FULL.bcc
    assert headers.reply_to == FULL.reply_to
    assert headers.subject == FULL.subject
    assert headers.sent_at == FULL.sent_at
    assert headers.message_id == FULL.message_id
    assert headers.in_reply_to == ("p@example.org",)
    assert headers.references == ("r1@example.org", "p@example.org")
    assert message.headers.get_text("x-mailer") == "Pillarbox"
    body = decompose(message.root)
    assert [part.text()[0] for part in body.text_body] == [FULL.text + "\n"]
    assert body.html_body[0].text()[0] == f"{FULL.html}\n"
    found = {(part.name, part.type, part.cid, part.disposition): part.decoded() for part in body.attachments}
    assert found == {
        ("ünïcode " * 20 + ".pdf", "application/pdf", None, "attachment"): bytes(range(256)) * 20,
        ("logo.png", "image/png", "logo@x", "inline"): b"\x89PNG",
        ('a "quoted" name.txt', "text/plain", None, "attachment"): "né\n".encode(),
        (None, "application/octet-stream", None, "attachment"): b"",
    }


def test_everything_round_trips_through_the_standard_library() -> None:
    message = stdlib(build_message(FULL))
    assert message["subject"] == FULL.subject
    # CPython keeps the space between two encoded words of a name, which RFC 2047 6.2 says to ignore.
    names = [(a.display_name.replace(" ", ""), a.addr_spec) for a in message["to"].addresses]
    assert names == [(a.name.replace(" ", ""), a.email) for a in FULL.to]
    assert message["from"].addresses[0].display_name == FULL.from_.name
    assert message["references"] == "<r1@example.org> <p@example.org>"
    text = message.get_body(("plain",))
    html = message.get_body(("html",))
    assert text is not None
    assert text.get_content().replace("\r\n", "\n") == FULL.text + "\n"
    assert html is not None
    assert html.get_content().replace("\r\n", "\n") == f"{FULL.html}\n"
    assert [part.get_filename() for part in message.iter_attachments()] == [
        "ünïcode " * 20 + ".pdf",
        'a "quoted" name.txt',
        None,
    ]


def types_of(raw: bytes) -> list[str]:
    return [part.get_content_type() for part in stdlib(raw).walk()]


def test_structure_is_as_small_as_the_content_allows() -> None:
    file = Attachment("a.pdf", "application/pdf", b"%PDF")
    picture = Attachment("p.png", "image/png", b"PNG", "c1", is_inline=True)
    assert types_of(build_message(SIMPLE)) == ["text/plain"]
    assert types_of(build_message(composed(html="<p>x</p>"))) == ["multipart/alternative", "text/plain", "text/html"]
    assert types_of(build_message(composed(attachments=(file,)))) == [
        "multipart/mixed",
        "text/plain",
        "application/pdf",
    ]
    assert types_of(build_message(composed(attachments=(picture,)))) == ["multipart/mixed", "text/plain", "image/png"]
    assert types_of(build_message(composed(html="<p>x</p>", attachments=(picture, file)))) == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]


def test_two_equal_attachments_are_both_sent() -> None:
    file = Attachment("a.txt", "text/plain", b"x")
    assert types_of(build_message(composed(attachments=(file, file)))).count("text/plain") == 3


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain\n", "7bit"),
        ("", "7bit"),
        ("x" * 79, "quoted-printable"),
        ("From the start", "quoted-printable"),
        ("mostly ASCII with ü", "quoted-printable"),
        ("Привет, как дела?", "base64"),
        ("nul \x00", "quoted-printable"),
    ],
)
def test_transfer_encoding_suits_the_text(text: str, encoding: str) -> None:
    raw = build_message(composed(text=text))
    assert_on_the_wire(raw)
    assert stdlib(raw)["content-transfer-encoding"] == encoding
    assert not re.search(rb"^From ", raw.partition(b"\r\n\r\n")[2], re.MULTILINE)


@pytest.mark.req("R32")
@pytest.mark.parametrize("text", ["a\r\nb", "a\nb", "a\rb", "a\n\rb", "\r\n.\r\n", "\n.\n", "\r.\r", "a\r\n.\rb\n"])
def test_bodies_have_no_bare_line_ends(text: str) -> None:
    raw = build_message(composed(text=text, html=text))
    assert_on_the_wire(raw)
    expected = re.sub(r"\r\n|\r|\n", "\n", text)
    got = decompose(parse_message(raw).root).text_body[0].text()[0]
    assert got == (expected if expected.endswith("\n") else expected + "\n")


BREAKS = ["\r\nBcc: x@y", "\n", "\r", "\0"]
FIELDS_WITH = {
    "subject": lambda bad: {"subject": f"a{bad}b"},
    "from name": lambda bad: {"from_": Address(f"a{bad}b", "a@b")},
    "from email": lambda bad: {"from_": Address("", f"a{bad}@b")},
    "to": lambda bad: {"to": (Address("x", f"a@b{bad}c"),)},
    "cc name": lambda bad: {"cc": (Address(f"é{bad}", "a@b"),)},
    "bcc": lambda bad: {"bcc": (Address("", f"a@b{bad}"),) * 2},
    "reply-to": lambda bad: {"reply_to": (Address(f"a{bad}b", "a@b"),)},
    "message id": lambda bad: {"message_id": f"a{bad}b@c"},
    "in-reply-to": lambda bad: {"in_reply_to": (f"a{bad}b@c",)},
    "references": lambda bad: {"references": ("a@b", f"<a{bad}b@c>")},
    "extra name": lambda bad: {"extra_headers": ((f"X-A{bad}", "v"),)},
    "extra value": lambda bad: {"extra_headers": (("X-A", f"v{bad}w"),)},
    "file name": lambda bad: {"attachments": (Attachment(f"a{bad}b.txt", "text/plain", b""),)},
    "non-ascii file name": lambda bad: {"attachments": (Attachment(f"é{bad}.txt", "text/plain", b""),)},
    "type": lambda bad: {"attachments": (Attachment("a", f"text/plain{bad}x", b""),)},
    "cid": lambda bad: {"attachments": (Attachment("a", "image/png", b"", f"a{bad}b"),)},
}


@pytest.mark.req("R32")
@pytest.mark.parametrize("bad", BREAKS)
@pytest.mark.parametrize("field", sorted(FIELDS_WITH))
def test_line_breaks_and_nul_are_refused_in_every_header(field: str, bad: str) -> None:
    with pytest.raises(BadHeaderValue) as caught:
        build_message(composed(**FIELDS_WITH[field](bad)))
    assert isinstance(caught.value, ValueError)
    assert "Bcc: x@y" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"to": (Address("", "a@b, c@d"),)},
        {"to": (Address("", "a b@c"),)},
        {"to": (Address("", "a@b>"),)},
        {"to": (Address("", "x" * 1_000 + "@b"),)},
        {"message_id": "a b@c"},
        {"message_id": ""},
        {"references": ("a>b@c",)},
        {"references": ("é@c",)},
        {"extra_headers": (("Bcc", "x@y"),)},
        {"extra_headers": (("content-type", "text/html"),)},
        {"extra_headers": (("X Y", "z"),)},
        {"extra_headers": (("X-É", "z"),)},
        {"attachments": (Attachment("a", "multipart/mixed", b""),)},
        {"attachments": (Attachment("a", "text", b""),)},
    ],
)
def test_values_no_header_can_carry_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadHeaderValue):
        build_message(composed(**changes))


def test_a_naive_date_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        build_message(composed(sent_at=datetime(2026, 1, 1)))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    "email", ["alice", '"john doe"@example.com', "a@[127.0.0.1]", "a@[IPv6:::1]", "a+b@c.d", "a@", "o'x@y"]
)
def test_unusual_and_half_finished_addresses_can_be_saved_in_a_draft(email: str) -> None:
    raw = build_message(composed(to=(Address("X", email),)))
    assert f"To: X <{email}>\r\n".encode() in raw


def test_a_draft_may_be_empty() -> None:
    raw = build_message(composed(to=(), subject="", text=""))
    assert b"\r\nTo:" not in raw
    assert stdlib(raw)["subject"] == ""


@pytest.mark.parametrize(
    "subject",
    ["", "x" * 3_000, "word " * 300 + "end", "  spaces  around  ", "a  " * 100 + "b", "=?utf-8?Q?x?=", "\tTab", "é" * 500, "👩‍💻 " * 50 + "x", "a\x07b"],
)  # fmt: skip
def test_subjects_survive_folding_and_encoding(subject: str) -> None:
    raw = build_message(composed(subject=subject))
    assert_on_the_wire(raw)
    assert stdlib(raw)["subject"].strip() == subject.strip() or "\x07" in subject
    assert max(map(len, raw.partition(b"\r\n\r\n")[0].split(b"\r\n"))) <= 220


def test_a_long_thread_is_folded_between_ids() -> None:
    ids = tuple(f"{'x' * 60}{number}@example.com" for number in range(60))
    raw = build_message(composed(references=ids))
    assert_on_the_wire(raw)
    assert parse_message(raw).list_headers.references == ids


def test_message_attachments_are_never_base64() -> None:
    inner = b"Subject: x\n\nbody\n"
    raw = build_message(composed(attachments=(Attachment("m.eml", "message/rfc822", inner),)))
    assert_on_the_wire(raw)
    part = next(iter(stdlib(raw).iter_attachments()))
    assert part["content-transfer-encoding"] == "7bit"
    assert part.get_content()["subject"] == "x"


def test_message_attachments_with_8bit_content_become_global() -> None:
    inner = "Subject: é\r\n\r\nbodé\r\n".encode()
    raw = build_message(composed(attachments=(Attachment("m.eml", "message/rfc822", inner),)))
    assert_on_the_wire(raw)
    part = decompose(parse_message(raw).root).attachments[0]
    assert part.type == "message/global"
    assert part.decoded() == inner
    assert part.nested().list_headers.subject == "é"


def test_type_parameters_and_charset_are_written() -> None:
    files = (
        Attachment("i.ics", "text/calendar; method=REQUEST", b"BEGIN:VCALENDAR\r\n"),
        Attachment("l.txt", "text/plain", b"caf\xe9"),
        Attachment("w.txt", "text/plain; charset=windows-1252", b"caf\xe9"),
    )
    raw = build_message(composed(attachments=files))
    assert b"Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n" in raw
    assert b"Content-Type: text/plain\r\n" in raw
    assert b"Content-Type: text/plain; charset=windows-1252\r\n" in raw


@pytest.mark.req("R75")
def test_stored_form_has_bcc_and_wire_form_has_none() -> None:
    raw = build_message(composed(bcc=tuple(Address(f"Secret {n}", f"secret{n}@example.org") for n in range(30))))
    wire = without_bcc(raw)
    assert raw.count(b"secret") == 30
    assert b"secret" not in wire.lower()
    assert b"bcc" not in wire.lower()
    assert stdlib(wire)["bcc"] is None
    assert wire == build_message(composed())


@pytest.mark.req("R75")
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"A: 1\r\nBcc: x@y\r\nB: 2\r\n\r\nBcc: body\r\n", b"A: 1\r\nB: 2\r\n\r\nBcc: body\r\n"),
        (b"BCC: x@y,\r\n\tz@y\r\n \r\n q@y\r\nA: 1\r\n\r\nb", b"A: 1\r\n\r\nb"),
        (b"A: 1\nbcc : x@y\n z@y\n\nb\n", b"A: 1\n\nb\n"),
        (b"A: 1\r\nBcc: x@y\r\n", b"A: 1\r\n"),
        (b"A: 1\r\nBcc: x@y", b"A: 1\r\n"),
        (b"A: 1\r\nBcc: x\r\nBcc: y\r\n\r\n", b"A: 1\r\n\r\n"),
        (b"A: 1\r\n bcc: folded value of A\r\n\r\n", b"A: 1\r\n bcc: folded value of A\r\n\r\n"),
        (b"X-Bcc: 1\r\nBcc-Note: 2\r\n\r\n", b"X-Bcc: 1\r\nBcc-Note: 2\r\n\r\n"),
        (b"\r\nBcc: body\r\n\r\n", b"\r\nBcc: body\r\n\r\n"),
        (b"", b""),
        (b"A: \xff\x00\rBcc: no\r\n\r\n\xff", b"A: \xff\x00\rBcc: no\r\n\r\n\xff"),
    ],
)
def test_without_bcc_changes_nothing_else(raw: bytes, expected: bytes) -> None:
    assert without_bcc(raw) == expected


def test_message_ids_are_fresh_and_in_the_domain() -> None:
    ids = {new_message_id("example.com") for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"[0-9a-f-]{36}@example\.com", one) for one in ids)
    assert new_message_id("bücher.example").endswith("@xn--bcher-kva.example")
    for bad in ("", "a b", "a\r\nb", "x>y", "-"):
        with pytest.raises(BadHeaderValue):
            new_message_id(bad)


@pytest.mark.parametrize(
    ("email", "wire", "is_utf8"),
    [
        ("a@example.com", "a@example.com", False),
        ("a@bücher.example", "a@xn--bcher-kva.example", False),
        ("a@BÜCHER.example", "a@xn--bcher-kva.example", False),
        ("ä@example.com", "ä@example.com", True),
        ("a@straße.example", "a@straße.example", True),
        ("alice", "alice", False),
    ],
)
def test_only_addresses_that_have_no_ascii_form_need_smtputf8(email: str, wire: str, is_utf8: bool) -> None:
    assert wire_address(email) == wire
    assert needs_smtputf8((BOB, Address("Ünal", email))) == is_utf8


def test_smtputf8_addresses_are_written_raw_and_the_rest_encoded() -> None:
    raw = build_message(composed(to=(Address("Jürgen", "jürgen@example.com"),), subject="ü"))
    assert "<jürgen@example.com>".encode() in raw
    assert "ü@".encode() not in raw
    headers = parse_message(raw).list_headers
    assert headers.to == (Address("Jürgen", "jürgen@example.com"),)
    assert b"Subject: =?utf-8?" in raw


SAFE_TEXT = st.text(
    st.characters(exclude_characters="\r\n\0", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"]) | st.just(" "),
    max_size=120,
)


@given(
    subject=SAFE_TEXT,
    name=SAFE_TEXT,
    text=st.text(max_size=300),
    filename=SAFE_TEXT.filter(lambda value: bool(value.strip())),
    content=st.binary(max_size=200),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_composition_is_well_formed(subject: str, name: str, text: str, filename: str, content: bytes) -> None:
    raw = build_message(
        composed(
            subject=subject,
            to=(Address(name, "a@example.com"), BOB),
            text=text,
            html=text,
            attachments=(Attachment(filename, "application/x-any", content),),
            sent_at=datetime.now(UTC),
        )
    )
    assert_on_the_wire(raw)
    message = parse_message(raw)
    assert message.defects == ()
    assert [address.email for address in message.list_headers.to] == ["a@example.com", "bob@example.org"]
    assert [part.decoded() for part in decompose(message.root).attachments] == [content]
    assert without_bcc(raw) == raw


def test_receipt_is_asked_for_only_when_wanted_and_nobody_else_may_write_that_field() -> None:
    raw = build_message(composed(receipt_to=(Address("Älice", "alice@example.com"),)))
    assert re.search(rb"^Disposition-Notification-To: =\?utf-8\?.+ <alice@example\.com>\r$", raw, re.MULTILINE)
    assert b"Disposition-Notification-To" not in build_message(SIMPLE)
    with pytest.raises(BadHeaderValue):
        build_message(composed(extra_headers=(("Disposition-Notification-To", "eve@example.net"),)))


@pytest.mark.req("R74")
@pytest.mark.parametrize("text", ["Hi\n", "", "Date: in the text\n", "\n\nDate: x\n"])
def test_another_date_changes_only_the_date(text: str) -> None:
    later = datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC)
    raw = build_message(composed(text=text, subject="Date: not this one"))
    dated = with_date(raw, later)
    assert parse_message(dated).list_headers.sent_at == later
    assert dated == build_message(composed(text=text, subject="Date: not this one", sent_at=later))
    assert with_date(dated, SIMPLE.sent_at) == raw
    with pytest.raises(ValueError, match="time zone"):
        with_date(raw, later.replace(tzinfo=None))
