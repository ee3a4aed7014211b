"""Messages with files for tests: each kind made here, small, with the bytes it really has."""

from __future__ import annotations

import io
import wave
import zipfile
from base64 import encodebytes

import pypdfium2
from PIL import Image

INVITATION = b"""BEGIN:VCALENDAR
VERSION:2.0
METHOD:REQUEST
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:1@example.net
DTSTART;TZID=Europe/Berlin:20260303T140000
DTEND;TZID=Europe/Berlin:20260303T150000
SUMMARY:Budget <script>alert(1)</script>
LOCATION:Room 5
ORGANIZER;CN=Ben:mailto:ben@example.net
ATTENDEE;CN=Alice;PARTSTAT=NEEDS-ACTION:mailto:alice@example.org
ATTENDEE;CN=Cem;PARTSTAT=ACCEPTED;ROLE=OPT-PARTICIPANT:mailto:cem@example.org
RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;COUNT=5
DESCRIPTION:Bring <b>figures</b>\\, please.
END:VEVENT
END:VCALENDAR
""".replace(b"\n", b"\r\n")
CARD = (
    b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Dora <img src=x>\r\nORG:Example;Sales\r\nEMAIL:dora@example.net\r\nTEL:+49 30 1\r\n"
    b"ADR:;;Main Street 1;Berlin;;10115;Germany\r\nPHOTO;ENCODING=b:AAAA\r\n AAAA\r\nNOTE:Met in May\r\nEND:VCARD\r\n"
)
PROGRAM = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0" + bytes(200)


def png(width: int = 40, height: int = 30, color: str = "red") -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), color).save(out, "PNG")
    return out.getvalue()


def pdf(pages: int = 2) -> bytes:
    """A document of blank pages of 200 by 300 points."""
    document = pypdfium2.PdfDocument.new()
    for _ in range(pages):
        document.new_page(200, 300)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def zip_of(**files: bytes) -> bytes:
    """A zip file; names are given without their extension ".txt"."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.txt", content)
    return out.getvalue()


def wav() -> bytes:
    """A tenth of a second of silence."""
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(bytes(1_600))
    return out.getvalue()


def message_with(*files: tuple[str, str, bytes], subject: str = "Files", text: str = "See below.") -> bytes:
    """A message with these files: (name, type, content). They are the parts "2", "3" and so on."""
    head = f"From: Ben <ben@example.net>\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b1\r\n\r\n"
    pieces = [head.encode(), f"--b1\r\nContent-Type: text/plain\r\n\r\n{text}\r\n".encode()]
    for name, kind, content in files:
        pieces.append(
            f"--b1\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n"
            f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'.encode()
        )
        pieces.append(encodebytes(content).replace(b"\n", b"\r\n"))
    return b"".join((*pieces, b"--b1--\r\n"))


def around(inner: bytes, *, boundary: str = "outer") -> bytes:
    """A message with another one attached, as part "2"."""
    return (
        f"From: Ben <ben@example.net>\r\nSubject: Around\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary={boundary}\r\n\r\n"
        f"--{boundary}\r\nContent-Type: text/plain\r\n\r\nForwarded.\r\n--{boundary}\r\nContent-Type: message/rfc822\r\n\r\n"
    ).encode() + b"".join((inner, f"\r\n--{boundary}--\r\n".encode()))
