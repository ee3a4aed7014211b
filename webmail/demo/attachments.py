"""Small real files to attach: PDF, PNG, CSV, a word-processor document and a calendar event, always the same bytes."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from datetime import datetime, timedelta


def make_pdf(title: str, lines: list[str]) -> bytes:
    """A one-page PDF with a heading and lines of text, cross-reference table included."""
    escaped = [line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") for line in [title, *lines]]
    text = f"BT /F1 18 Tf 60 780 Td ({escaped[0]}) Tj /F1 11 Tf 0 -14 Td"
    text += "".join(f" 0 -18 Td ({line}) Tj" for line in escaped[1:]) + " ET"
    stream = text.encode("latin-1", "replace")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out = io.BytesIO(b"")
    out.write(b"%PDF-1.4\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%b\nendobj\n" % (number, content))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % offset for offset in offsets))
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table))
    return out.getvalue()


def make_png(width: int, height: int, *, top: tuple[int, int, int], bottom: tuple[int, int, int]) -> bytes:
    """A PNG that fades from one colour to another, with a pale sun, so that it looks like an evening at sea."""
    rows = bytearray()
    centre_x, centre_y, radius = width * 0.7, height * 0.4, height * 0.14
    for y in range(height):
        rows.append(0)  # filter type: none
        share = y / max(height - 1, 1)
        colour = [round(a + (b - a) * share) for a, b in zip(top, bottom, strict=True)]
        for x in range(width):
            is_sun = (x - centre_x) ** 2 + (y - centre_y) ** 2 < radius**2
            rows += bytes((255, 236, 200) if is_sun else colour)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def make_document(paragraphs: list[str]) -> bytes:
    """A small word-processor document: a zip with the three parts every reader needs."""
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    files = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{main}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{word}"><w:body>{body}</w:body></w:document>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            # A fixed time stamp, or the bytes would change from run to run.
            info = zipfile.ZipInfo(name, date_time=(2024, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, '<?xml version="1.0" encoding="UTF-8"?>' + content)
    return out.getvalue()


def make_csv(rows: list[tuple[str, ...]]) -> bytes:
    """Comma-separated values in UTF-8 with CRLF."""
    return "".join(",".join(row) + "\r\n" for row in rows).encode()


def make_invitation(*, uid: str, summary: str, organizer: str, attendee: str, start: datetime, location: str) -> str:
    """A calendar request (RFC 5546) for an event of one hour. `start` is aware."""
    begin, end = f"{start:%Y%m%dT%H%M%SZ}", f"{start + timedelta(hours=1):%Y%m%dT%H%M%SZ}"
    return "\n".join(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//Harbour House//Calendar//EN",
            "METHOD:REQUEST",
            "BEGIN:VEVENT",
            f"UID:{uid}",
            f"DTSTAMP:{start - timedelta(days=6):%Y%m%dT%H%M%SZ}",
            f"DTSTART:{begin}",
            f"DTEND:{end}",
            f"SUMMARY:{summary}",
            f"LOCATION:{location}",
            f"ORGANIZER;CN=Lena Brandt:mailto:{organizer}",
            f"ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{attendee}",
            "SEQUENCE:0",
            "STATUS:CONFIRMED",
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        ]
    )
