"""Real messages made worse: bytes, chunks, header fields, structure, character sets, HTML and CSS. The same for the same `Random`."""

import base64
import re
from collections.abc import Callable, Sequence
from random import Random

Mutation = Callable[[bytes, Random, Sequence[bytes]], bytes]
MAX_BYTES = 400_000
MAX_ROUNDS = 6

CHARSETS = (
    *("utf-8", "us-ascii", "iso-8859-1", "windows-1252", "iso-2022-jp", "iso-2022-kr", "gb18030", "big5", "shift_jis", "koi8-r"),
    *("utf-7", "utf-16", "utf-16le", "utf-32", "utf-8-sig", "hz", "idna", "punycode", "unicode_escape", "rot13", "base64", "zlib"),
    *("x-unknown", "", '"', "cp65001", "default", "8bit", "macintosh", "euc-kr", "tis-620", "undefined", "mbcs"),
)  # fmt: skip
ENCODINGS = (
    "base64",
    "quoted-printable",
    "8bit",
    "7bit",
    "binary",
    "x-uuencode",
    "uuencode",
    "x-yenc",
    "",
    "base64, quoted-printable",
)
TYPES = (
    *("text/plain", "text/html", "text/calendar", "text/vcard", "text/enriched", "text/rfc822-headers", "message/rfc822"),
    *("message/partial; id=a; number=1; total=2", "message/external-body", "message/delivery-status", "message/global"),
    *("multipart/mixed", "multipart/alternative", "multipart/related", "multipart/digest", "multipart/signed", "multipart/report"),
    *("multipart/encrypted", "multipart/appledouble", "application/ms-tnef", "application/pkcs7-mime", "application/octet-stream"),
    *("image/png", "image/svg+xml", "text", "TEXT/HTML;;;", "text/plain; format=flowed; delsp=yes", "/", "a/b/c"),
)  # fmt: skip
FIELDS = (
    *("Subject", "From", "To", "Cc", "Date", "Message-ID", "References", "In-Reply-To", "Content-Type", "Content-Disposition"),
    *("Content-Transfer-Encoding", "Content-ID", "Reply-To", "Sender", "List-Id", "List-Unsubscribe", "Authentication-Results"),
    *("Received", "DKIM-Signature", "ARC-Seal", "Return-Path", "Disposition-Notification-To", "X-Failed-Recipients", "MIME-Version"),
    *("Content-Language", "Content-Location", "Auto-Submitted", "Precedence", "X-Priority", "Resent-From"),
)  # fmt: skip
WORDS = (
    *("=?utf-8?b?", "?=", "=?iso-2022-jp?B?GyRC?=", "=?utf-8?q?=00=0d=0a?=", "=?x?x?x?=", "<a@b>", "a@b,", "(", ")", '"', "\\", ";", ":"),
    *("\r\n ", "\r", "\n", "\0", "\x1b$B", "\u202e", "\u200b", "\ud7ff", "name*0*=utf-8''%ff", "name*1=b", "boundary=", "charset=", "99999"),
    *("Mon, 1 Jan 0000 99:99:99 +9999", "1e999", "-1", "${x}", "%s%n", "../", "é", "ß", "İ", "\U0001f600", "a" * 300, "\xad", "\ufeff"),
)  # fmt: skip
MARKUP = (
    *("<script>alert(1)</script>", "<svg onload=alert(1)>", "<math><mtext>", "<style>@import 'x';", "</style>", "<!--", "-->", "<![CDATA["),
    *("<img src=x onerror=alert(1)>", "<a href='javascript:alert(1)'>", "<base href=//e.example>", "<form action=//e.example>", "<table>"),
    *("<div style='position:fixed;background:url(//e.example)'>", "<p style='color:expression(1)'>", "<b><i></b>", "<template>", "<noscript>"),
    *("<title>", "<textarea>", "<iframe srcdoc='<script>'>", "<plaintext>", "<select>", "<frameset>", "</body></html>", "<body onload=a>"),
    *("<details open ontoggle=a>", "<div class=pb-quoted>", "<a href='https://e.example/?utm_source=a'>https://f.example</a>", "&#0;", "&#x110000;"),
    *("<style>a{b:c}@media(x){", "}", "{", "/*", "*/", "url(", "\\", ";", "!important", "<img src='cid:a'>", "<o:p>", "<td background=//e.example>"),
    *("<font face='\"><script>'>", "<meta http-equiv=refresh content=0>", "<link rel=stylesheet href=//e.example>", "&lt;script&gt;", "<p id=a name=b>"),
    *("<blockquote>", "<blockquote type=cite>", "On Monday a wrote:", "-- \r\n", "<div class=gmail_quote>", "\u2028", "<x-y>", "<a/b=c>", "<p\x00>", "<img/src=//e.example>"),
)  # fmt: skip
BYTES = (
    b"\0",
    b"\xff",
    b"\xfe\xff",
    b"\x80",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\r",
    b"\n",
    b"\r\n\r\n",
    b"=",
    b"\x1b(B",
    b"\x05",
)


def place(raw: bytes, random: Random) -> int:
    """An offset; often near the beginning, where the header is."""
    return random.randrange(min(len(raw), random.choice((300, 3_000, 10**9))) + 1)


def flip_bytes(raw: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """A few bytes become others."""
    changed = bytearray(raw)
    for _ in range(random.choice((1, 3, 20, 200))):
        if changed:
            changed[place(raw, random) % len(changed)] = random.randrange(256)
    return bytes(changed)


def insert_bytes(raw: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """Bytes that mean something somewhere, put in."""
    at = place(raw, random)
    return raw[:at] + random.choice(BYTES) * random.choice((1, 2, 50)) + raw[at:]


def remove_chunk(raw: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """A piece is missing."""
    at = place(raw, random)
    return raw[:at] + raw[at + random.choice((1, 10, 200, 5_000)) :]


def repeat_chunk(raw: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """A piece comes again and again."""
    at = place(raw, random)
    piece = raw[at : at + random.choice((1, 8, 100, 2_000))]
    return raw[:at] + piece * random.choice((2, 10, 300)) + raw[at:]


def splice(raw: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """The beginning of one message and the end of another."""
    other = random.choice(others)
    return raw[: place(raw, random)] + other[place(other, random) :]


def cut(raw: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """The end is missing."""
    return raw[: place(raw, random)]


def stuff_header(raw: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """More header fields, with hostile values, some of them many times."""
    fields = []
    for _ in range(random.choice((1, 3, 30))):
        value = "".join(random.choices(WORDS, k=random.choice((1, 4, 40))))
        fields.append(f"{random.choice(FIELDS)}: {value}\r\n".encode())
    return b"".join(fields) + raw


def break_field(raw: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """Words put into the value of a field that is there."""
    ends = [found.end() for found in re.finditer(rb"(?m)^[A-Za-z-]{2,40}:", raw[:20_000])]
    at = random.choice(ends) if ends else 0
    return raw[:at] + "".join(random.choices(WORDS, k=random.choice((1, 3)))).encode() + raw[at:]


def change_type(raw: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """A part says that it is something else."""
    kind = random.choice(TYPES).encode()
    return _replace_one(raw, random, rb"(?im)^content-type:[ \t]*[^\r\n;]*", b"Content-Type: " + kind)


def change_charset(raw: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """A part names another character set."""
    return _replace_one(raw, random, rb"(?i)charset\*?=\"?[^\s\";]*", b"charset=" + random.choice(CHARSETS).encode())


def change_encoding(raw: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """A part names another transfer encoding."""
    name = b"Content-Transfer-Encoding: " + random.choice(ENCODINGS).encode()
    return _replace_one(raw, random, rb"(?im)^content-transfer-encoding:[^\r\n]*", name)


def play_with_boundaries(raw: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """Delimiters lost, doubled, closed early, or prefixes of each other."""
    names = [found.group(1) for found in re.finditer(rb'(?i)boundary="?([^"\r\n;]{1,200})', raw)]
    if not names:
        return wrap(raw, random, _others)
    name = random.choice(names)
    lines = [
        b"--" + name,
        b"--" + name + b"--",
        b"--" + name + b"x",
        b"--" + name[:-1],
        b"-" + name,
        b"--" + name + b" \t",
    ]
    at = place(raw, random)
    game = random.randrange(3)
    if game == 0:
        return raw[:at] + b"\r\n" + random.choice(lines) + b"\r\n" + raw[at:]
    if game == 1:
        return raw.replace(b"--" + name, random.choice(lines), random.choice((1, 2, 100)))
    return raw.replace(name, random.choice((b"", name[:1], b"--", name * 40)), random.choice((1, 3)))


def wrap(raw: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """The message within another, or in some levels of multiparts."""
    for level in range(random.choice((1, 3, 30, 120))):
        if len(raw) > MAX_BYTES:
            break
        if random.random() < 0.3:
            raw = b"Subject: around\r\nContent-Type: message/rfc822\r\n\r\n" + raw
            continue
        kind = random.choice([one for one in TYPES if one.startswith("multipart/")]).encode()
        second = b"--b%d\r\n" % level + random.choice(others)[:2_000] + b"\r\n" if random.random() < 0.2 else b""
        raw = b'Content-Type: %b; boundary="b%d"\r\n\r\n--b%d\r\n%b\r\n%b--b%d--\r\n' % (
            kind,
            level,
            level,
            raw,
            second,
            level,
        )
    return raw


def add_markup(raw: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """HTML and CSS put into the HTML that is there, or a message made of it."""
    at = [found.end() for found in re.finditer(rb"[>;{}]", raw)]
    pieces = random.choices(MARKUP, k=random.choice((1, 5, 60)))
    if not at or random.random() < 0.1:
        return b"Content-Type: text/html; charset=utf-8\r\n\r\n" + "".join(pieces).encode() + raw
    for piece in pieces[:20]:
        here = random.choice(at)
        raw = raw[:here] + piece.encode() + raw[here:]
    return raw


def shuffle_tags(raw: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """Tags of the message in another order, some lost, some doubled."""
    pieces = re.split(rb"(<[^<>]{1,400}>)", raw[:MAX_BYTES])
    for _ in range(random.choice((1, 5, 50))):
        first, second = random.randrange(len(pieces)), random.randrange(len(pieces))
        pieces[first], pieces[second] = pieces[second], random.choice((pieces[first], b"", pieces[second]))
    return b"".join(pieces)


def encode_body(raw: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """The body in base64, with junk, under a header that says so or does not."""
    head, blank, body = raw.partition(b"\r\n\r\n")
    encoded = bytearray(base64.encodebytes(body[:100_000]))
    for _ in range(random.choice((0, 5))):
        if encoded:
            encoded[random.randrange(len(encoded))] = random.choice(b"=!\n -\xff")
    name = random.choice((b"base64", b"BASE64;", b"quoted-printable", b"x"))
    return head + b"\r\nContent-Transfer-Encoding: " + name + (blank or b"\r\n\r\n") + bytes(encoded)


def change_line_ends(raw: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """Other line ends, everywhere or from some place on."""
    at = random.choice((0, place(raw, random)))
    return raw[:at] + raw[at:].replace(
        random.choice((b"\r\n", b"\n", b"\r")), random.choice((b"\r", b"\n", b"\r\n", b"\n\r", b"\r\r\n", b""))
    )


def embed(raw: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """A uuencoded or yEncoded file, or an armour, somewhere in the text."""
    pieces = (
        b"\r\nbegin 644 a.html\r\n.<&5L;&\\@=V]R;&0A\r\n`\r\nend\r\n", b"\r\nbegin 644 \r\n", b"\r\nend\r\n",
        b"\r\n=ybegin line=128 size=5 name=a.svg\r\n\x92\x8f\x96\x96\x99\r\n=yend size=5\r\n", b"\r\n=ybegin part=1 line=1 size=-1 name=\r\n",
        b"\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: x\r\n\r\na\r\n-----BEGIN PGP SIGNATURE-----\r\n", b"\r\n-----BEGIN PGP MESSAGE-----\r\n",
        b"\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:9\r\nRRULE:FREQ=SECONDLY\r\n", b"\r\nBEGIN:VCARD\r\nFN:a\r\n",
    )  # fmt: skip
    at = place(raw, random)
    return raw[:at] + random.choice(pieces) + raw[at:]


MUTATIONS: tuple[Mutation, ...] = (
    flip_bytes, insert_bytes, remove_chunk, repeat_chunk, splice, cut, stuff_header, break_field, change_type, change_charset,
    change_encoding, play_with_boundaries, wrap, add_markup, add_markup, shuffle_tags, encode_body, change_line_ends, embed,
)  # fmt: skip


def _replace_one(raw: bytes, random: Random, pattern: bytes, new: bytes) -> bytes:
    places = list(re.finditer(pattern, raw))
    if not places:
        return new + b"\r\n" + raw
    found = random.choice(places)
    return raw[: found.start()] + new + raw[found.end() :]


def mutate(messages: Sequence[bytes], random: Random) -> tuple[bytes, list[str]]:
    """One of the messages after some mutations, and their names."""
    raw = random.choice(messages)
    names = []
    for mutation in random.choices(MUTATIONS, k=random.randint(1, MAX_ROUNDS)):
        raw = mutation(raw, random, messages)[:MAX_BYTES]
        names.append(mutation.__name__)
    return raw, names
