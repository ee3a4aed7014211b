"""Files that grow, lie about their sizes or hold files without end."""

import binascii
import gzip
import io
import struct
import zipfile

from tests.hostile.making import TOP, attached, filled, hostile, text


@hostile("zip bomb")
def _zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"{number}.txt", b"\0" * 10_000_000)
    return attached(b"bomb.zip", b"application/zip", packed.getvalue())


@hostile("zip with 100,000 members")
def _zip_members() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(100_000):
            archive.writestr(f"{number}.txt", b"")
    return attached(b"many.zip", b"application/zip", packed.getvalue())


@hostile("gzip bomb")
def _gzip_bomb() -> bytes:
    return attached(b"bomb.gz", b"application/gzip", gzip.compress(b"\0" * 50_000_000))


def _tnef(*attributes: tuple[int, int, bytes]) -> bytes:
    """MS-OXTNEF 2.1: (level, id, data) each."""
    stream = struct.pack("<IH", 0x223E9F78, 1)
    return stream + b"".join(
        struct.pack("<BII", level, number, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)
        for level, number, data in attributes
    )


@hostile("TNEF with 50,000 files")
def _tnef_files() -> bytes:
    one = ((2, 0x00069002, b"\0" * 14), (2, 0x00018010, b"name.txt\0"), (2, 0x0006800F, b"content"))
    return attached(b"winmail.dat", b"application/ms-tnef", _tnef(*one * 50_000))


@hostile("TNEF within TNEF")
def _tnef_chain() -> bytes:
    inner = _tnef((2, 0x0006800F, b"content"))
    for _ in range(200):
        inner = _tnef((2, 0x00069002, b"\0" * 14), (2, 0x00018010, b"winmail.dat\0"), (2, 0x0006800F, inner))
    return attached(b"winmail.dat", b"application/ms-tnef", inner)


@hostile("TNEF whose properties lie about their sizes")
def _tnef_lies() -> bytes:
    properties = struct.pack("<I", 0xFFFFFFFF) + struct.pack("<HHII", 0x101E, 0x1000, 0x7FFFFFFF, 0x7FFFFFFF) * 200_000
    return attached(
        b"winmail.dat", b"application/ms-tnef", _tnef((1, 0x00069003, properties), (2, 0x00069005, properties))
    )


@hostile("compressed RTF that grows, in TNEF")
def _rtf_bomb() -> bytes:
    # MS-OXRTFCP: runs of references that each give 17 bytes for two.
    body = (b"\xff" + struct.pack(">H", 0x00DF) * 8) * 400_000
    head = struct.pack("<IIII", len(body) + 12, 2_000_000_000, 0x75465A4C, binascii.crc32(body))
    property_rtf = struct.pack("<I", 1) + struct.pack("<HHII", 0x0102, 0x1009, 1, len(head + body)) + head + body
    return attached(b"winmail.dat", b"application/ms-tnef", _tnef((1, 0x00069003, property_rtf)))


@hostile("40 MB of TNEF")
def _tnef_large() -> bytes:
    one = (2, 0x0006800F, filled(b"content ", 30_000_000))
    return attached(b"winmail.dat", b"application/ms-tnef", _tnef((2, 0x00069002, b"\0" * 14), one))


@hostile("an invitation of 30 MB")
def _calendar() -> bytes:
    event = b"BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20240101T000000Z\r\nRRULE:FREQ=SECONDLY\r\nATTENDEE:mailto:a@b.example\r\nEND:VEVENT\r\n"
    whole = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\n" + filled(event, 30_000_000) + b"END:VCALENDAR\r\n"
    return text(whole, kind=b"text/calendar; method=REQUEST")


@hostile("an invitation with folded lines and no end, 30 MB")
def _calendar_open() -> bytes:
    whole = b"BEGIN:VCALENDAR\r\n" + filled(b"BEGIN:VEVENT\r\n", 200_000) + b"SUMMARY:" + filled(b"a\r\n ", 30_000_000)
    return text(whole, kind=b"text/calendar; method=REQUEST")


@hostile("vCards of 30 MB")
def _cards() -> bytes:
    card = (
        b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\nEMAIL;TYPE=x,y,z:a@b.example\r\nNOTE:"
        + b"\\n,;" * 20
        + b"\r\nEND:VCARD\r\n"
    )
    return attached(b"cards.vcf", b"text/vcard", filled(card, 30_000_000))


@hostile("S/MIME of 30 MB that is no ASN.1")
def _smime() -> bytes:
    return attached(b"smime.p7m", b"application/pkcs7-mime; smime-type=signed-data", b"\x30\x80" * 15_000_000)


@hostile("a delivery report of 30 MB")
def _report() -> bytes:
    return (
        TOP + b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n'
        + filled(b"<a@b.example>: e-mail message could not be delivered 550 5.1.1 user unknown\r\n", 10_000_000)
        + b"\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        + filled(b"Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n", 20_000_000)
        + b"\r\n--b--\r\n"
    )  # fmt: skip
