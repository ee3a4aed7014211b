"""Messages that hold a hostile text in every place a message has for text, made as a hostile program would write them."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

from tests.security.vectors import Vector

_LINE = 60


def everywhere(vector: Vector, *, number: int) -> bytes:
    """HTML body, a text part beside it, every header, names and types of files, an invitation, a card, a message within."""
    word, line = encoded(vector.line), vector.line
    raw = line.encode("utf-8", "replace")[:900]
    local = ascii_of(line)[:200].replace("\\", "\\\\").replace('"', '\\"')
    head = b"".join(
        header(name, value)
        for name, value in (
            ("From", f"{word} <vector{number}@example.net>"),
            ("Sender", f'{word} <"{local}"@example.net>'),
            ("Reply-To", f'{word} <"{local}"@reply.example.net>, {word} <other@example.net>'),
            ("To", f"{word} <box@example.org>, {word}:{word} <a@example.org>;"),
            ("Cc", f'{word} <carl@example.net>, "{local}"@example.net'),
            ("Subject", word),
            ("Date", "Tue, 03 Mar 2026 12:00:00 +0000"),
            ("List-Id", f"{word} <list{number}.example.net>"),
            ("Comments", word),
            ("Keywords", word),
            ("Organization", word),
            ("X-Mailer", word),
            ("MIME-Version", "1.0"),
            ("Content-Type", "multipart/mixed; boundary=outer"),
        )
    )
    # As they come, without any encoding.
    head += b"Message-ID: <" + raw + b"@example.net>\r\nIn-Reply-To: <" + raw + b">\r\nReferences: <" + raw + b">\r\n"
    head += (
        b"List-Unsubscribe: <https://x.example/"
        + raw
        + b">, <mailto:"
        + raw
        + b">\r\nAuthentication-Results: "
        + raw
        + b"; dkim=pass\r\n"
    )
    parts = [
        part(b"Content-Type: text/html; charset=utf-8\r\n", vector.html.encode("utf-8", "replace")),
        part(b"Content-Type: text/plain; charset=utf-8; format=flowed\r\n", vector.html.encode("utf-8", "replace")),
        part(_file_head(vector, "application/octet-stream"), b"x"),
        # A type, a name, an id and a charset that are hostile themselves, raw and quoted.
        part(
            b"Content-Type: "
            + raw
            + b'; charset="'
            + raw
            + b'"; name="'
            + raw
            + b'"\r\nContent-ID: <'
            + raw
            + b">\r\n",
            b"x",
        ),
        part(
            b"Content-Type: image/"
            + raw[:60]
            + b"\r\nContent-ID: <"
            + raw
            + b">\r\nContent-Location: "
            + raw
            + b"\r\nContent-Description: "
            + raw
            + b"\r\n",
            b"x",
        ),
        part(
            b'Content-Type: text/plain; charset="'
            + raw[:200]
            + b'"\r\nContent-Disposition: attachment; filename="'
            + raw
            + b'"\r\n',
            vector.html.encode("utf-8", "replace"),
        ),
        part(
            _file_head(vector, "text/calendar; method=REQUEST; charset=utf-8", suffix=".ics"),
            invitation(line).encode("utf-8", "replace"),
        ),
        part(_file_head(vector, "text/vcard; charset=utf-8", suffix=".vcf"), card(line).encode("utf-8", "replace")),
        part(_file_head(vector, "message/rfc822", suffix=".eml"), within(vector)),
        part(_file_head(vector, "text/html; charset=utf-8", suffix=".html"), vector.html.encode("utf-8", "replace")),
        part(_file_head(vector, "image/svg+xml", suffix=".svg"), vector.html.encode("utf-8", "replace")),
        part(_file_head(vector, "text/xml", suffix=".xml"), vector.html.encode("utf-8", "replace")),
    ]
    return head + b"\r\n" + b"".join(b"--outer\r\n" + one for one in parts) + b"--outer--\r\n"


def html_only(vector: Vector, *, number: int) -> bytes:
    """The hostile text as the HTML of a message without anything else."""
    head = f"From: Ben <vector{number}@example.net>\r\nTo: box@example.org\r\nSubject: vector {number}\r\nMessage-ID: <html-{number}@x>\r\nMIME-Version: 1.0\r\n"
    return head.encode() + part(b"Content-Type: text/html; charset=utf-8\r\n", vector.html.encode("utf-8", "replace"))


def text_only(vectors: list[Vector], *, number: int) -> bytes:
    """Several hostile texts as the plain text of a message, each also behind "> "."""
    texts = [f"{one.html}\n\nOn Monday {one.line} wrote:\n> {one.line}\n-- \n{one.line}\n\n" for one in vectors]
    head = f"From: Ben <text{number}@example.net>\r\nTo: box@example.org\r\nSubject: text {number}\r\nMessage-ID: <text-{number}@x>\r\nMIME-Version: 1.0\r\n"
    return head.encode() + part(
        b"Content-Type: text/plain; charset=utf-8\r\n", "\n".join(texts).encode("utf-8", "replace")
    )


def report(vectors: list[Vector], *, number: int) -> bytes:
    """A delivery report that says these texts about as many recipients (RFC 3464)."""
    fields = []
    for one in vectors:
        line = ascii_of(one.line)[:700]
        fields.append(
            f"Original-Recipient: rfc822;{line}\r\nFinal-Recipient: rfc822; {line}@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n"
            f"Remote-MTA: dns; {line}\r\nDiagnostic-Code: smtp; 550 5.1.1 {line}\r\n"
        )
    status = "Reporting-MTA: dns; " + ascii_of(vectors[0].line)[:300] + "\r\n\r\n" + "\r\n".join(fields)
    words = encoded(vectors[0].line)
    return (
        f"From: Mail Delivery <mailer-daemon@example.net>\r\nTo: box@example.org\r\nSubject: Undelivered {number} {words}\r\n"
        f"Message-ID: <report-{number}@x>\r\nMIME-Version: 1.0\r\nAuto-Submitted: auto-replied\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=outer\r\n\r\n"
        f"--outer\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{base64_of(vectors[0].html.encode('utf-8', 'replace')).decode()}\r\n"
        f"--outer\r\nContent-Type: message/delivery-status\r\n\r\n{status}\r\n"
        f"--outer\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: {words}\r\nMessage-ID: <gone-{number}@x>\r\n\r\n--outer--\r\n"
    ).encode("utf-8", "replace")


def within(vector: Vector) -> bytes:
    """A message to put into another one."""
    head = (
        header("From", f"{encoded(vector.line)} <inner@example.net>")
        + header("Subject", encoded(vector.line))
        + b"MIME-Version: 1.0\r\n"
    )
    return head + part(b"Content-Type: text/html; charset=utf-8\r\n", vector.html.encode("utf-8", "replace"))


def invitation(line: str) -> str:
    """An invitation (RFC 5545) with the text in each property that is shown."""
    text = line.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    parameter = line.replace('"', "'")
    rows = [
        *("BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{text}", "METHOD:REQUEST", "BEGIN:VEVENT", f"UID:{text}"),
        *(
            "DTSTAMP:20260303T120000Z",
            "DTSTART:20260304T120000Z",
            "DTEND:20260304T130000Z",
            f"SUMMARY:{text}",
            f"LOCATION:{text}",
        ),
        *(
            f"DESCRIPTION:{text}",
            f'ORGANIZER;CN="{parameter}":mailto:{text}',
            f'ATTENDEE;CN="{parameter}";PARTSTAT=ACCEPTED:mailto:a@example.org',
        ),
        *(
            f"URL:{text}",
            f"CATEGORIES:{text}",
            f"COMMENT:{text}",
            f"X-ALT-DESC;FMTTYPE=text/html:{text}",
            f"ATTACH:{text}",
        ),
        *(f"CONFERENCE;VALUE=URI:{text}", f"STATUS:{text}", "END:VEVENT", "END:VCALENDAR"),
    ]
    return "\r\n".join(map(_folded, rows)) + "\r\n"


def card(line: str) -> str:
    """A card (RFC 6350) with the text in each property that is shown."""
    text = line.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    names = (
        "FN",
        "N",
        "NICKNAME",
        "ORG",
        "TITLE",
        "ROLE",
        "NOTE",
        "EMAIL",
        "TEL",
        "URL",
        "ADR;TYPE=home",
        "PHOTO;VALUE=uri",
        "X-OWN",
        "CATEGORIES",
    )
    return (
        "\r\n".join(map(_folded, ["BEGIN:VCARD", "VERSION:3.0", *(f"{name}:{text}" for name in names), "END:VCARD"]))
        + "\r\n"
    )


def part(head: bytes, content: bytes) -> bytes:
    """The part in base64, so that nothing in it ends it."""
    return head + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64_of(content) + b"\r\n"


def base64_of(content: bytes) -> bytes:
    whole = b64encode(content)
    return b"\r\n".join(whole[at : at + 76] for at in range(0, len(whole), 76))


def header(name: str, value: str) -> bytes:
    return f"{name}: {value}\r\n".encode("ascii", "replace")


def encoded(text: str) -> str:
    """As encoded words (RFC 2047), so that every character arrives."""
    pieces = [text[at : at + 30] for at in range(0, min(len(text), 3_000), 30)] or [""]
    return "\r\n ".join(f"=?utf-8?b?{b64encode(piece.encode('utf-8', 'replace')).decode()}?=" for piece in pieces)


def ascii_of(text: str) -> str:
    return text.encode("ascii", "replace").decode()


def _file_head(vector: Vector, kind: str, *, suffix: str = "") -> bytes:
    name = quote((vector.line[:300] + suffix).encode("utf-8", "replace"), safe="")
    return f"Content-Type: {kind}; name*=utf-8''{name}\r\nContent-Disposition: attachment; filename*=utf-8''{name}\r\n".encode()


def _folded(line: str) -> str:
    return "\r\n ".join(line[at : at + _LINE] for at in range(0, len(line), _LINE))
