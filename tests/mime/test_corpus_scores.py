"""The expected results beside the messages of the corpus: how many of them our parser gives, each miss with its reason.

Run with `-rA` to see the score lines. The corpus belongs to others and is read in place; without it these tests skip.
"""

import hashlib
import json
import re
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from webmail.mime.addresses import is_valid_email, parse_addresses
from webmail.mime.body import decompose
from webmail.mime.charsets import decode_bytes
from webmail.mime.embedded.compressed_rtf import decompress_rtf
from webmail.mime.embedded.tnef import TnefFile, read_tnef
from webmail.mime.encoded_words import header_to_str
from webmail.mime.parameters import parse_parameters
from webmail.mime.parse import parse_message
from webmail.mime.part import Message, Part
from webmail.mime.partial import find_partial

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the mail corpus (../shared/corpus) is not on this machine"),
]

SPAMSCOPE = CORPUS / "malformed-mime/spamscope-mail-parser/tests"
MAILCORE = CORPUS / "malformed-mime/mailcore2-jwz/Vendor/mailcore2/unittest/data/parser"
MIMEKIT = CORPUS / "malformed-mime/mimekit/UnitTests/TestData"
ENCODERS = CORPUS / "charsets/mimekit-encoders/UnitTests/TestData/encoders"
TNEF = CORPUS / "tnef/mimekit-tnef/UnitTests/TestData/tnef"
FLANKER = CORPUS / "malformed-mime/flanker-addresses/tests/fixtures"


def check_score(name: str, total: int, misses: set[str], known: dict[str, str]) -> None:
    """Prints the score and asserts that the misses are exactly those with a reason."""
    print(f"SCORE {name}: {total - len(misses)} of {total}")
    for miss in sorted(misses):
        print(f"  {miss}: {known.get(miss, 'NEW')}")
    assert total > 0
    assert misses == set(known)


def leaves_of(message: Message) -> list[Part]:
    """The leaves that the message's own MIME structure has."""
    return [part for part in message.root.walk() if not part.is_multipart and not part.is_embedded]


# -- spamscope: fingerprints of texts and attachments ------------------------------------------------------------------


def compact(value: object) -> object:
    if isinstance(value, str) and len(value) > 160:
        return digest(value.encode("utf-8"))
    if isinstance(value, list):
        return [compact(item) for item in value]
    if isinstance(value, dict):
        return {key: compact(item) for key, item in value.items()}
    return value


def digest(data: bytes) -> dict[str, object]:
    return {"length": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def fingerprint(value: object) -> str:
    return hashlib.sha256(json.dumps(compact(value), sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def texts_of(message: Message, kind: str) -> list[str]:
    """The texts with the line ends they came with, which is what was fingerprinted."""
    parts = [part for part in leaves_of(message) if part.type == kind and part.disposition != "attachment"]
    return [text for part in parts if (text := decode_bytes(part.decoded(), part.charset)[0])]


def raw_text(part: Part, name: str) -> str:
    value = part.headers.get_first(name)
    return "" if value is None else header_to_str(value).strip()


def attachment_evidence(part: Part) -> dict[str, Any] | None:
    """What the expected results hold of an attachment, or None for a part that they do not count as one."""
    disposition, cid = raw_text(part, "content-disposition"), raw_text(part, "content-id")
    name = part.name or (cid if part.type not in ("text/html", "text/plain") else "")
    if not name:
        return None
    encoding = raw_text(part, "content-transfer-encoding").lower()
    is_binary = encoding == "base64" or "uuencode" in encoding
    charset = parse_parameters(part.headers.get_first("content-type")).first("charset")
    data = part.decoded() if is_binary else decode_bytes(part.decoded(), part.charset)[0].encode()
    metadata = {
        "filename": name,
        "safe_filename": name,
        "binary": is_binary,
        "mail_content_type": part.type,
        "content-id": cid,
        "content-disposition": disposition,
        "charset": charset.lower() if charset else None,
        "content_transfer_encoding": "base64" if "uuencode" in encoding else encoding,
    }
    return {"metadata": metadata, "decoded_payload": digest(data)}


SPAMSCOPE_KNOWN = {
    "mail_malformed_3 text_html": "its delimiter is not the declared one; the HTML is found here, and not there",
    "mail_outlook_1 text_plain": "an Outlook .msg file, no message: bytes of an OLE container read as text",
    "mail_test_2 text_html": "Latin letters without a label: read here, replacement characters there",
    "mail_test_4 text_html": "UTF-8 labelled windows-1251: `Protección` here, Cyrillic letters there",
    "mail_test_9 text_html": "GB 2312, labelled so: read here, replacement characters there",
    "mail_malformed_2 attachments": "a delivery status, which CPython takes apart and writes anew with one line end more",
    "mail_test_3 attachments": "a text that is shown and attached there; here its bytes are those of the message",
    "mail_test_7 attachments": "HTML in windows-1252 that the expected result holds as mangled UTF-8",
}


def test_texts_and_attachments_are_those_of_spamscope() -> None:
    expected = json.loads((SPAMSCOPE / "fixtures/corpus_expected.json").read_text("utf-8"))["cases"]
    total, misses = 0, set()
    for path in sorted((SPAMSCOPE / "mails").iterdir()):
        message = parse_message(path.read_bytes())
        found = {
            "text_plain": texts_of(message, "text/plain"),
            "text_html": texts_of(message, "text/html"),
            "attachments": [one for part in leaves_of(message) if (one := attachment_evidence(part))],
        }
        for group, value in found.items():
            total += 1
            if fingerprint(value) != expected[f"{path.name}/bytes"][group]:
                misses.add(f"{path.name} {group}")
    check_score("spamscope corpus_expected.json (text_plain, text_html, attachments)", total, misses, SPAMSCOPE_KNOWN)


# -- mailcore: property lists ------------------------------------------------------------------------------------------

# What mailcore writes where a message has no Message-ID, and where it has no date.
NO_MESSAGE_ID = "MyMessageID123@mail.gmail.com"
NO_DATE = int(datetime(2001, 1, 1, tzinfo=UTC).timestamp())
_CENTURY = range(3_155_673_600, 3_155_846_400)


def leaves(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if part.get("partType", "").startswith("multipart"):
        for child in (part.get("parts") or {}).get("items", []):
            yield from leaves(child)
    else:
        yield part


def emails(header: dict[str, Any], name: str) -> list[str]:
    return [address.get("mailbox") for address in header.get(name, {}).get("items", [])]


def expected_of(result: dict[str, Any]) -> dict[str, object]:
    header = result["header"]
    parts = list(leaves(result["mainPart"]))
    message_id = header.get("messageID", "")
    return {
        "subject": " ".join(header.get("subject", "").split()),
        "from": header.get("from", {}).get("mailbox", ""),
        "to": emails(header, "to"),
        "cc": emails(header, "cc"),
        "date": int(header["date"]),
        "message_id": "" if message_id == NO_MESSAGE_ID else message_id,
        "in_reply_to": header.get("inReplyTo", []),
        "references": header.get("references", []),
        "types": [
            "message/rfc822" if part.get("partType") == "message" else part.get("mimeType", "").lower()
            for part in parts
        ],
        "names": [part.get("filename", "") for part in parts],
        "cids": [part.get("contentID", "") for part in parts],
        "charsets": [
            part.get("charset", "").lower() or "us-ascii"
            for part in parts
            if part.get("mimeType", "").startswith("text/")
        ],
    }


def found_in(message: Message) -> dict[str, object]:
    headers = message.list_headers
    parts = leaves_of(message)
    return {
        "subject": " ".join(headers.subject.split()),
        "from": headers.from_[0].email if headers.from_ else "",
        "to": [address.email for address in headers.to],
        "cc": [address.email for address in headers.cc],
        "date": int(headers.sent_at.timestamp()) if headers.sent_at else NO_DATE,
        "message_id": headers.message_id or "",
        "in_reply_to": list(headers.in_reply_to),
        "references": list(headers.references),
        "types": [part.type for part in parts],
        "names": [part.name or "" for part in parts],
        "cids": [part.cid or "" for part in parts],
        "charsets": [part.charset for part in parts if part.type.startswith("text/")],
    }


_REPORT_LEFT = "a multipart that mailcore does not take apart; its parts are found here"
_NOT_A_TYPE = "a type without its second half (X-BE2, X-Sun-Attachment): text by RFC 2045 5.2, as everywhere here"
_DIGEST = "a message in a multipart/digest that is rich text: a message here (RFC 2046 5.1.5), its text alone there"
_SWAPPED = "`plain/text`, its halves exchanged: text/plain here"
MAILCORE_KNOWN: dict[str, dict[str, str]] = {
    "to": {
        "mbox/jwz/86": "an address in UUCP form that mailcore leaves out",
        "mbox/jwz/88": 'a name in VMS form (IN%"...") that mailcore takes for an address of its own',
    },
    "date": {
        "mbox/jwz/125": "`cst` in lower case: a zone here, UTC there",
    },
    "types": {
        "mbox/jwz/1": _NOT_A_TYPE,
        "mbox/jwz/29": _NOT_A_TYPE,
        "mbox/jwz/134": _NOT_A_TYPE,
        "mbox/jwz/135": _NOT_A_TYPE,
        "mbox/jwz/22": _REPORT_LEFT,
        "mbox/jwz/132": _REPORT_LEFT,
        "mbox/jwz/40": _DIGEST,
        "mbox/jwz/41": _REPORT_LEFT,
        "messages/headers.txt": _SWAPPED,
    },
    "names": {
        "mbox/jwz/116": "the name of an attached message, which mailcore leaves out",
        "mbox/jwz/117": "the name of an attached message, which mailcore leaves out",
        "mbox/jwz/22": _REPORT_LEFT,
        "mbox/jwz/132": _REPORT_LEFT,
        "mbox/jwz/41": _REPORT_LEFT,
    },
    "cids": {
        "mbox/jwz/123": "the Content-ID of an attached message, which mailcore leaves out",
        "mbox/jwz/72": "the Content-ID of an attached message, which mailcore leaves out",
        "mbox/jwz/22": _REPORT_LEFT,
        "mbox/jwz/132": _REPORT_LEFT,
        "mbox/jwz/41": _REPORT_LEFT,
    },
    "charsets": {
        "mbox/jwz/1": _NOT_A_TYPE,
        "mbox/jwz/29": _NOT_A_TYPE,
        "mbox/jwz/134": _NOT_A_TYPE,
        "mbox/jwz/135": _NOT_A_TYPE,
        "mbox/jwz/22": _REPORT_LEFT,
        "mbox/jwz/40": _DIGEST,
        "mbox/jwz/41": _REPORT_LEFT,
        "messages/headers.txt": _SWAPPED,
    },
}
MAILCORE_FIELDS = (
    "subject", "from", "to", "cc", "date", "message_id", "in_reply_to", "references", "types", "names", "cids", "charsets",
)  # fmt: skip


@pytest.mark.parametrize("field", MAILCORE_FIELDS)
def test_fields_are_those_of_mailcore(field: str) -> None:
    total, misses = 0, set()
    for path in sorted((MAILCORE / "output").rglob("*")):
        if path.is_file():
            name = path.relative_to(MAILCORE / "output")
            expected = expected_of(json.loads(path.read_bytes()))[field]
            found = found_in(parse_message((MAILCORE / "input" / name).read_bytes()))[field]
            total += 1
            if found != expected and not is_year_of_two_digits(field, found, expected):
                misses.add(name.as_posix())
    check_score(f"mailcore {field}", total, misses, MAILCORE_KNOWN.get(field, {}))


def is_year_of_two_digits(field: str, found: object, expected: object) -> bool:
    """mailcore reads a year such as 91 as 2091, and zones of such dates differently; RFC 5322 4.3 says 1991."""
    return field == "date" and isinstance(found, int) and isinstance(expected, int) and expected - found in _CENTURY


# -- MimeKit: bodies, encoders, TNEF, message/partial ------------------------------------------------------------------

TEXT_BODY = "This is the text body."
HTML_BODY = "<html>This is an <b>html</b> body.</html>"
# Which of the two each message has, as MimeKit's tests say.
BODIES = {1: "t", 2: "h", 3: "th", 4: "h", 5: "th", 6: "th", 7: "th", 8: "t", 9: "h"}


def first_of(parts: tuple[Part, ...], kind: str) -> str | None:
    return parts[0].text()[0].strip() if parts and parts[0].type == kind else None


def test_bodies_are_those_of_mimekit() -> None:
    misses = set()
    for number, has in BODIES.items():
        body = decompose(parse_message((MIMEKIT / f"messages/body.{number}.txt").read_bytes()).root)
        found = first_of(body.text_body, "text/plain"), first_of(body.html_body, "text/html")
        if found != (TEXT_BODY if "t" in has else None, HTML_BODY if "h" in has else None):
            misses.add(f"body.{number}.txt")
    check_score("mimekit body.*.txt", len(BODIES), misses, {})


def as_part(encoding: str, name: str) -> bytes:
    header = f"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return parse_message(header.encode() + (ENCODERS / name).read_bytes()).root.decoded()


def test_encoders_are_undone_as_mimekit_does() -> None:
    photo, text = (ENCODERS / "photo.jpg").read_bytes(), (ENCODERS / "wikipedia.txt").read_bytes()
    in_text = [parse_message((ENCODERS / name).read_bytes()).part("1.u1") for name in ("photo.uu", "photo.uu-states")]
    wikipedia = as_part("quoted-printable", "wikipedia.qp")
    pairs = {
        "photo.b64": as_part("base64", "photo.b64") == photo,
        "photo.uu": as_part("x-uuencode", "photo.uu") == photo,
        "photo.uu-states": as_part("x-uuencode", "photo.uu-states") == photo,
        "photo.uu in a text": in_text[0] is not None and in_text[0].decoded() == photo,
        "photo.uu-states in a text": in_text[1] is not None and in_text[1].decoded() == photo,
        "wikipedia.qp": wikipedia.replace(b"\r\n", b"\n").strip() == text.replace(b"\r\n", b"\n").strip(),
    }
    check_score("mimekit encoders", len(pairs), {name for name, is_same in pairs.items() if not is_same}, {})


def test_yenc_is_undone_as_mimekit_does() -> None:
    pieces = [parse_message((MIMEKIT / f"yenc/000000{n}.ntx").read_bytes()).part("1.y1") for n in (20, 21)]
    joined = b"".join(piece.decoded() for piece in pieces if piece is not None)
    files = [
        parse_message((MIMEKIT / "yenc" / name).read_bytes()).part("1.y1")
        for name in ("simple.msg", "state-changes.ntx")
    ]
    checks = {
        "00000020.ntx + 00000021.ntx": joined == (MIMEKIT / "yenc/joystick.jpg").read_bytes(),
        "their names": [piece and piece.name for piece in pieces] == ["joystick.jpg.part1", "joystick.jpg.part2"],
        "simple.msg": files[0] is not None and zlib.crc32(files[0].decoded()) == 0xDED29F4F,
        "state-changes.ntx": files[1] is not None and zlib.crc32(files[1].decoded()) == 0xDED29F4F,
    }
    check_score("mimekit yEnc", len(checks), {name for name, is_same in checks.items() if not is_same}, {})


def all_files(files: list[TnefFile]) -> Iterator[TnefFile]:
    for file in files:
        yield file
        if file.is_message:
            yield from all_files(read_tnef(file.data).files)


_PLACEHOLDER = "a text that says that the message within the message is not supported; here the message is in its place"
TNEF_LISTS_KNOWN = {
    "christmas.tnef": _PLACEHOLDER,
    "long-filename.tnef": "the list leaves out the file, which is among those extracted",
    "missing-filenames.tnef": "the list leaves out the files, which are among those extracted",
}


def test_file_names_are_those_of_the_lists() -> None:
    total, misses = 0, set()
    for path in sorted(TNEF.glob("*.list")):
        expected = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("body.")]
        found = [file.name for file in read_tnef(memoryview(path.with_suffix(".tnef").read_bytes())).files]
        total += 1
        if sorted(found) != sorted(expected):
            misses.add(path.with_suffix(".tnef").name)
    check_score("TNEF .list", total, misses, TNEF_LISTS_KNOWN)


def same_but_for_line_ends(one: bytes, other: bytes) -> bool:
    return one == other or one.replace(b"\r\n", b"\n") == other.replace(b"\r\n", b"\n")


def extracted_from(path: Path) -> list[bytes]:
    found = read_tnef(memoryview(path.read_bytes()))
    bodies = [bytes(body) for body in (found.html, found.plain) if body is not None]
    rtf = [decompress_rtf(bytes(found.rtf))] if found.rtf is not None else []
    return [*bodies, *rtf, *(bytes(file.data) for file in all_files(found.files))]


_INTERFACE = "MimeKit leaves the 16 bytes in front that name the interface of the object; the file begins behind them"
TNEF_FILES_KNOWN: dict[str, str] = {
    "MAPI_OBJECT/Untitled_Attachment": _INTERFACE,
    "winmail/Untitled Attachment.1": _INTERFACE,
    "winmail/Untitled Attachment.2": _INTERFACE,
    "christmas/Untitled Attachment.1": _PLACEHOLDER,
    "christmas/Untitled Attachment.3": _PLACEHOLDER,
}


def test_files_in_winmail_dat_are_those_extracted_by_mimekit() -> None:
    total, misses = 0, set()
    for folder in sorted(path for path in TNEF.iterdir() if path.is_dir()):
        found = extracted_from(folder.with_suffix(".tnef"))
        for path in sorted(folder.iterdir()):
            total += 1
            expected = path.read_bytes().rstrip(b"\0")
            if not any(same_but_for_line_ends(one.rstrip(b"\0"), expected) for one in found):
                misses.add(f"{folder.name}/{path.name}")
    check_score("TNEF extracted files and bodies", total, misses, TNEF_FILES_KNOWN)


def test_pieces_of_messages_are_recognised_and_whole() -> None:
    misses, total = set(), 0
    for name, count in (("message-partial", 3), ("rfc2046", 2)):
        pieces = [parse_message((MIMEKIT / f"partial/{name}.{n}.eml").read_bytes()) for n in range(count)]
        whole = parse_message((MIMEKIT / f"partial/{name}.eml").read_bytes())
        joined = parse_message(b"".join(piece.root.decoded() for piece in pieces))
        told = [find_partial(piece) for piece in pieces]
        checks = {
            f"{name} numbers": [one and (one.number, one.total) for one in told]
            == [(n + 1, count) for n in range(count)],
            f"{name} id": len({one and one.id for one in told}) == 1,
            f"{name} content": [part.decoded() for part in leaves_of(joined)]
            == [part.decoded() for part in leaves_of(whole)],
            f"{name} is whole": find_partial(whole) is None,
        }
        total += len(checks)
        misses |= {check for check, is_right in checks.items() if not is_right}
    check_score("mimekit message/partial", total, misses, {})


# -- flanker: addresses ------------------------------------------------------------------------------------------------

_IN_PLACE_OF_A_DOMAIN = "an IP address without brackets, or a number for the last label, is no domain (RFC 5321 4.1.3)"
FLANKER_KNOWN = {
    "bob@under_scope": "no host name has an underscore (RFC 1123 2.1)",
    'Bill Gates <"billy"@retired.Micr!osoft99.com>': "no host name has an exclamation mark",
    "first.last@example.123": _IN_PLACE_OF_A_DOMAIN,
    "test@123.123.123.123": _IN_PLACE_OF_A_DOMAIN,
    "foobar@192.168.0.1": _IN_PLACE_OF_A_DOMAIN,
    "test@xn--example.com": "`xn--example` decodes to letters; to know that no registry has it takes the tables of IDNA 2008",
}


def is_one_address(line: str) -> bool:
    """Whether a line is an address, or a field with a name or comment that holds one."""
    if is_valid_email(line):
        return True
    found = parse_addresses(line)
    return (
        len(found) == 1
        and bool(found[0].name)
        and re.search(r"<|^\(|\)$", line) is not None
        and is_valid_email(found[0].email)
    )


def test_addresses_are_judged_as_flanker_does() -> None:
    total, misses = 0, set()
    for name, is_valid in (("mailbox_valid", True), ("mailbox_invalid", False)):
        for line in (FLANKER / f"{name}.txt").read_text("utf-8").splitlines():
            if line and not line.startswith("#"):
                total += 1
                misses |= {line} if is_one_address(line) is not is_valid else set()
    for name, is_valid in (("abridged_localpart_valid", True), ("abridged_localpart_invalid", False)):
        for line in (FLANKER / f"{name}.txt").read_text("utf-8").splitlines():
            if line and not line.startswith("#"):
                total += 1
                misses |= {line} if is_valid_email(f"{line}@example.com") is not is_valid else set()
    check_score("flanker addresses", total, misses, FLANKER_KNOWN)
