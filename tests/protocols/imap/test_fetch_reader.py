"""FETCH answers from bytes to values, hostile ones included."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.protocols.imap.fetch_reader import EPOCH, Response, parse_internal_date, read_fetch, read_list_row
from webmail.protocols.imap.types import BodyStructure

HEADER = b"Subject: hi\r\n\r\n"
PLAIN = b'("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "7BIT" 12 1 NIL NIL NIL NIL)'
PDF = b'("APPLICATION" "PDF" ("NAME" "a.pdf") NIL NIL "BASE64" 999 NIL ("ATTACHMENT" ("FILENAME" "a \\"b\\".pdf")) NIL NIL)'


def list_row(structure: bytes = PLAIN, *, before: bytes = b"UID 7 ", after: bytes = b"") -> Response:
    return Response(
        b"* 3 FETCH (" + before + b'FLAGS (\\Seen $Work) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 44827'
        b" MODSEQ (65402) EMAILID (M123) BODYSTRUCTURE "
        + structure
        + b" BODY[HEADER.FIELDS (From To)] {0}\n"
        + after
        + b")",
        [HEADER],
    )


def structure_of(structure: bytes, literals: list[bytes] | None = None) -> BodyStructure | None:
    row = read_fetch(Response(b"* 1 FETCH (UID 1 BODYSTRUCTURE " + structure + b")", literals or []))
    assert row is not None
    return row.structure


def test_a_list_row_is_read_whole() -> None:
    row = read_fetch(list_row())
    assert row is not None
    data = row.list_data()
    assert data is not None
    assert data.uid == 7
    assert data.keywords == {"$seen", "$work"}
    assert data.internal_date == datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC)
    assert data.size_bytes == 44827
    assert data.header == HEADER
    assert data.modseq == 65402
    assert data.email_id == "M123"
    assert data.is_deleted is False
    assert data.has_attachment is False
    assert row.structure == BodyStructure("1", "text/plain", {"charset": "utf-8"}, None, {}, None, "7bit", 12)


MIXED = b"(" + PLAIN + PDF + b' "MIXED" ("BOUNDARY" "x") NIL NIL NIL)'
ALTERNATIVE = b"(" + PLAIN + PLAIN + b' "ALTERNATIVE" ("BOUNDARY" "name") NIL NIL NIL)'
STRUCTURES = [
    PLAIN,
    PDF,
    MIXED,
    ALTERNATIVE,
    b'("TEXT" "PLAIN" ("NAME" "x) UID 9 FLAGS (") NIL NIL "7BIT" 12 1)',
    b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 12 1 NIL ("ATTACHMENT" NIL) NIL NIL)',
    b'("IMAGE" "PNG" NIL NIL NIL "7BIT" 12)',
    b'("TEXT" "PLAIN" ("CHARSET" "BODY[HEADER.FIELDS (From)] {0}") NIL NIL "7BIT" 12 1)',
    b'("TEXT" "PLAIN" ("CHARSET" "(image") NIL NIL "7BIT" 12 1)',
    b"(" * 101 + PLAIN + b' "MIXED")' * 101,
    b"NIL",
    b"()",
    b'"x"',
]


@pytest.mark.req("Y29")
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(
    "before", [b"UID 7 ", b"", b"UID 7 UID 8 ", b"UID 0 ", b"UID 4294967296 ", b"X-ANY (a) UID 7 "]
)
@pytest.mark.parametrize("after", [b"", b" UID 8", b" X NIL"])
def test_the_quick_reader_of_list_rows_says_what_the_whole_one_says(
    structure: bytes, before: bytes, after: bytes
) -> None:
    response = list_row(structure, before=before, after=after)
    row = read_fetch(response)
    assert read_list_row(response) == (row.list_data() if row is not None else None)


@pytest.mark.req("Y29")
@given(st.lists(st.sampled_from([*b'() "{0}\\aU[', *PLAIN[:40]]), max_size=60))
def test_the_quick_reader_agrees_on_noise_in_the_structure(noise: list[int]) -> None:
    response = list_row(b"(" + bytes(noise) + b")")
    quick = read_list_row(response)
    row = read_fetch(response)
    whole = row.list_data() if row is not None else None
    assert quick == whole


@pytest.mark.req("Y15")
@pytest.mark.parametrize(
    "text",
    [
        b"* 1 FETCH (FLAGS (\\Seen))",
        b"* 1 FETCH (UID 0 FLAGS ())",
        b"* 1 FETCH (UID 4294967296 FLAGS ())",
        b"* 1 FETCH (UID -3 FLAGS ())",
        b"* 1 FETCH (UID " + b"9" * 5000 + b" FLAGS ())",
        b"* 1 FETCH (UID NIL FLAGS ())",
    ],
)
def test_an_answer_without_a_usable_uid_is_no_row(text: bytes) -> None:
    row = read_fetch(Response(text))
    assert row is None or (row.list_data() is None and row.keyword_data() is None)


@pytest.mark.req("R38")
def test_two_uids_in_one_answer_belong_to_nobody() -> None:
    row = read_fetch(list_row(after=b" UID 8"))
    assert row is None or row.list_data() is None


@pytest.mark.req("R38")
def test_values_out_of_range_are_left_out() -> None:
    row = read_fetch(
        Response(b"* 1 FETCH (UID 5 RFC822.SIZE 99999999999999999999 MODSEQ (9223372036854775808) FLAGS ())")
    )
    assert row is not None
    assert row.size_bytes is None
    assert row.modseq is None
    assert row.uid == 5


@pytest.mark.req("R38")
def test_a_quoted_string_cannot_pose_as_an_attribute() -> None:
    row = read_fetch(list_row(b'("TEXT" "PLAIN" ("NAME" "x) UID 9 FLAGS (") NIL NIL "7BIT" 12 1)'))
    assert row is not None
    assert row.uid == 7
    assert row.structure is not None
    assert row.structure.parameters == {"name": "x) UID 9 FLAGS ("}


def test_unknown_attributes_are_passed_over() -> None:
    row = read_fetch(Response(b'* 1 FETCH (X-GM-LABELS ("a" (b)) UID 5 X-FOO NIL FLAGS (\\Draft))'))
    assert row is not None
    data = row.keyword_data()
    assert data is not None
    assert (data.uid, data.keywords) == (5, {"$draft"})


@pytest.mark.parametrize("body", [b'BODY[] "hi"', b"BODY[]<0> {0}\n", b"BODY[] {0}\n", b"body[] {0}\n"])
def test_a_body_is_read_in_every_spelling(body: bytes) -> None:
    row = read_fetch(Response(b"* 1 FETCH (UID 5 " + body + b" FLAGS ())", [b"hi"]))
    assert row is not None
    assert (row.uid, row.body, row.flags) == (5, b"hi", ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b" 1-Feb-2024 00:30:00 +0100", datetime(2024, 1, 31, 23, 30, tzinfo=UTC)),
        (b"01-FEB-2024 00:30:00 +0000", datetime(2024, 2, 1, 0, 30, tzinfo=UTC)),
        (b"31-Feb-2024 00:00:00 +0000", None),
        (b"nonsense", None),
        (b"", None),
    ],
)
def test_internal_dates_become_utc(text: bytes, expected: datetime | None) -> None:
    assert parse_internal_date(text) == expected


def test_a_row_without_a_readable_date_has_the_epoch() -> None:
    row = read_fetch(Response(b'* 1 FETCH (UID 5 INTERNALDATE "?" BODY[] "x")'))
    assert row is not None
    data = row.list_data()
    assert data is not None
    assert data.internal_date == EPOCH


def test_parts_are_numbered_as_sections() -> None:
    inner = b"(" + PLAIN + PLAIN + b' "ALTERNATIVE")'
    message = b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 50 (' + b"NIL " * 10 + b") (" + PLAIN + PLAIN + b' "MIXED") 7)'
    node = structure_of(b"(" + inner + message + PDF + b' "MIXED" ("BOUNDARY" "b") NIL NIL)')
    assert node is not None
    assert (node.type, node.part_id, node.parameters) == ("multipart/mixed", "", {"boundary": "b"})
    assert [part.part_id for part in node.parts] == ["1", "2", "3"]
    assert [part.part_id for part in node.parts[0].parts] == ["1.1", "1.2"]
    enclosed = node.parts[1].parts[0]
    assert [part.part_id for part in enclosed.parts] == ["2.1", "2.2"]
    assert node.parts[2].filename == 'a "b".pdf'


def part(kind: str, *, name: str = "", disposition: str = "", cid: str = "") -> bytes:
    main, sub = kind.split("/")
    parameters = f'("NAME" "{name}")' if name else "NIL"
    shown = f'("{disposition}" NIL)' if disposition else "NIL"
    identity = f'"<{cid}>"' if cid else "NIL"
    lines = " 1" if main == "text" else ""
    return f'("{main}" "{sub}" {parameters} {identity} NIL "base64" 10{lines} NIL {shown} NIL NIL)'.encode()


@pytest.mark.parametrize(
    ("structure", "expected"),
    [
        (part("text/plain"), False),
        (b"(" + part("text/plain") + part("text/html") + b' "alternative")', False),
        (b"(" + part("text/plain") + PDF + b' "mixed")', True),
        (b"(" + part("text/plain") + part("application/pdf") + b' "mixed")', True),
        (b"(" + part("text/plain") + part("text/plain", disposition="attachment") + b' "mixed")', True),
        (b"(" + part("text/plain") + part("text/plain", disposition="inline") + b' "mixed")', False),
        (b"(" + part("text/html") + part("image/png", cid="a", name="logo.png") + b' "related")', False),
        (b"(" + part("text/html") + part("image/png", name="photo.png") + b' "mixed")', True),
        (b"(" + part("text/plain") + part("application/pgp-signature", name="signature.asc") + b' "signed")', False),
        (b"(" + part("text/plain") + part("message/delivery-status") + b' "report")', False),
        (part("application/pdf"), True),
    ],
)
def test_attachments_are_what_a_person_would_call_so(structure: bytes, expected: bool) -> None:
    node = structure_of(structure)
    assert node is not None
    assert node.has_attachment() is expected


def test_a_literal_in_a_structure_is_put_in_its_place() -> None:
    node = structure_of(b'("TEXT" "PLAIN" ("NAME" {0}\n) NIL NIL "7BIT" 12 1)', [b'a"\r\n)b'])
    assert node is not None
    assert node.parameters == {"name": 'a"\r\n)b'}


@pytest.mark.req("R39")
@pytest.mark.parametrize("depth", [101, 5_000, 100_000])
def test_a_structure_too_deep_is_none_and_the_row_stays(depth: int) -> None:
    row = read_fetch(list_row(b"(" * depth + PLAIN + b' "MIXED")' * depth))
    assert row is not None
    data = row.list_data()
    assert data is not None
    assert row.structure is None
    assert data.has_attachment is False
    assert data.header == HEADER


@pytest.mark.req("R39")
def test_a_structure_too_long_is_none_and_quickly_so() -> None:
    begin = time.process_time()
    row = read_fetch(list_row(b"(" + PLAIN * 20_000 + b' "MIXED")'))
    assert time.process_time() - begin < 2
    assert row is not None
    assert row.structure is None
    assert row.list_data() is not None


@pytest.mark.req("R39")
@pytest.mark.parametrize(
    "structure", [b"()", b"NIL", b"(NIL)", b'("TEXT")', b'("A" "B" ("ODD") ())', b'"x"', b"(((())))"]
)
def test_a_strange_structure_never_loses_the_row(structure: bytes) -> None:
    row = read_fetch(list_row(structure))
    assert row is not None
    assert row.list_data() is not None


@pytest.mark.req("R38")
@pytest.mark.parametrize("unit", [b'"\\"', b'"', b"(", b")", b"{0}", b"\\", b'a"', b" "])
def test_the_tokens_of_hostile_text_take_linear_time(unit: bytes) -> None:
    begin = time.process_time()
    read_fetch(Response(b"* 1 FETCH (UID 1 FLAGS (" + unit * 500_000))
    assert time.process_time() - begin < 2


@given(st.binary(max_size=200))
@pytest.mark.req("R38")
def test_no_bytes_make_the_reader_fail(noise: bytes) -> None:
    read_fetch(Response(noise))
    read_fetch(Response(b"* 1 FETCH (" + noise, [b"x"]))
    read_fetch(Response(b"* 1 FETCH (UID 1 BODYSTRUCTURE (" + noise + b"))", [b"x"]))


@given(
    st.lists(st.sampled_from([b"(", b")", b'"a"', b"NIL", b"5", b"UID", b"FLAGS", b"BODY[", b"]", b"{0}\n", b"{9}\n"]))
)
@pytest.mark.req("R38")
def test_no_order_of_tokens_makes_the_reader_fail(tokens: list[bytes]) -> None:
    read_fetch(Response(b"* 1 FETCH (" + b" ".join(tokens), [b"x"]))
