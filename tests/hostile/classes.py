"""Messages of at most 50 MB that are made to cost a parser its time or its memory, by class (security R43).

Each is generated when it is asked for: `HOSTILE[name]()`. The same bytes each time.
"""

import base64
import binascii
import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from typing import Final

MAX_BYTES: Final = 50_000_000
Make = Callable[[], bytes]
HOSTILE: dict[str, Make] = {}

TOP: Final = b"From: a@b.example\r\nTo: c@d.example\r\nSubject: hostile\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMIME-Version: 1.0\r\n"


def hostile(name: str) -> Callable[[Make], Make]:
    """Enter a generator in the table."""

    def enter(make: Make) -> Make:
        HOSTILE[name] = make
        return make

    return enter


def filled(unit: bytes, size: int = MAX_BYTES - 2_000) -> bytes:
    """`unit` again and again, `size` bytes at most, never cut in its middle."""
    return unit * (size // len(unit))


def text(body: bytes, *, kind: bytes = b"text/plain; charset=utf-8", encoding: bytes = b"8bit") -> bytes:
    """A message of one part."""
    return TOP + b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body


def page(body: bytes) -> bytes:
    """A message of one HTML part."""
    return text(body, kind=b"text/html; charset=utf-8")


def attached(name: bytes, kind: bytes, content: bytes) -> bytes:
    """A message with a line of text and a file."""
    encoded = base64.encodebytes(content)
    return (
        TOP + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n--b\r\n'
        b"Content-Type: " + kind + b'; name="' + name + b'"\r\nContent-Disposition: attachment; filename="' + name + b'"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded + b"\r\n--b--\r\n"
    )  # fmt: skip


# Headers


@hostile("20,000 header fields")
def _many_headers() -> bytes:
    return b"".join(b"X-Field-%d: value\r\n" % number for number in range(20_000)) + text(b"Hello.")


@hostile("50 MB of header fields")
def _headers_to_the_end() -> bytes:
    return filled(b"X-Field: " + b"v" * 60 + b"\r\n")


@hostile("one header field of 10 MB, folded")
def _long_header() -> bytes:
    return b"Subject: " + filled(b"word \r\n\t", 10_000_000) + b"\r\n" + text(b"Hello.")


@hostile("header fields of carriage returns")
def _carriage_returns() -> bytes:
    return b"".join(b"X-%d: a" % number + b"\r" * 60_000 + b" b\r\n" for number in range(8)) + text(b"Hello.")


@hostile("Subject of carriage returns, folded")
def _subject_of_returns() -> bytes:
    return b"Subject: a" + b"\r" * 60_000 + b"x\r\n b\r\n" + text(b"Hello.")


@hostile("16,000 encoded words")
def _encoded_words() -> bytes:
    return b"Subject: " + b"\r\n ".join([b"=?utf-8?q?a=C3=A9?="] * 16_000) + b"\r\n" + text(b"Hello.")


@hostile("encoded words that never end")
def _unclosed_words() -> bytes:
    return (
        b"Subject: "
        + filled(b"=?utf-8?b?", 60_000)
        + b"\r\nFrom: "
        + filled(b"=?utf-8?q?a", 60_000)
        + b"\r\n\r\nHello."
    )


@hostile("100,000 addresses")
def _addresses() -> bytes:
    many = b",\r\n ".join(b"Name %d <user%d@host.example>" % (number, number) for number in range(100_000))
    return b"To: " + many + b"\r\nCc: " + many[:60_000] + b"\r\n" + text(b"Hello.")


@hostile("nested comments and quotes in addresses")
def _comments() -> bytes:
    fields = [
        b"(" * 60_000,
        b'"' * 60_000,
        b"<" * 60_000,
        b"(a)" * 20_000,
        b'"\\' * 30_000,
        b":;" * 30_000,
        b"@" * 60_000,
        b"a:" * 30_000,
    ]
    return b"".join(b"To: " + field + b"\r\nFrom: " + field + b"\r\n" for field in fields) + text(b"Hello.")  # fmt: skip


@hostile("100,000 message ids in References")
def _references() -> bytes:
    ids = b"\r\n ".join(b"<%d@host.example>" % number for number in range(100_000))
    return b"References: " + ids + b"\r\nIn-Reply-To: " + b"<" * 60_000 + b"\r\n" + text(b"Hello.")


@hostile("a date of 60 KB")
def _date() -> bytes:
    return b"Date: " + b"1" * 60_000 + b"\r\nReceived: " + b"; " * 30_000 + b"\r\n" + text(b"Hello.")


@hostile("Authentication-Results of 500 KB")
def _authentication() -> bytes:
    fields = [
        b"(" * 60_000,
        b"a=b; " * 12_000,
        b'"' * 60_000,
        b";" * 60_000,
        b"dkim=pass header.d=a " * 3_000,
        b"=" * 60_000,
    ]
    return b"".join(b"Authentication-Results: host.example; " + field + b"\r\n" for field in fields) + text(b"Hello.")


@hostile("RFC 2231 name in 1,000,000 segments")
def _segments() -> bytes:
    segments = b";\r\n ".join(b"filename*%d*=%%41" % number for number in range(1_000_000))
    return TOP + b"Content-Type: text/plain\r\nContent-Disposition: attachment; " + segments + b"\r\n\r\nHello.\r\n"


@hostile("RFC 2231 names with numbers of any size")
def _numbers() -> bytes:
    names = b"; ".join(b"name*%d%s=a" % (number, b"9" * 3_000) for number in range(20))
    return TOP + b"Content-Type: text/plain; " + names + b'; name="' + b'\\"' * 20_000 + b"\r\n\r\nHello.\r\n"


# Structure


def _level(boundary: bytes) -> bytes:
    return b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\n--' + boundary + b"\r\n"


@hostile("200 levels of multiparts")
def _levels() -> bytes:
    return TOP + b"".join(_level(b"b%d" % number) for number in range(200)) + b"\r\nHello.\r\n"


@hostile("100 levels around 25 MB")
def _levels_around() -> bytes:
    return (
        TOP
        + b"".join(_level(b"b%d" % number) for number in range(100))
        + b"\r\n"
        + filled(b"a" * 70 + b"\r\n", 25_000_000)
    )


@hostile("50,000 levels with one boundary")
def _same_boundary() -> bytes:
    return TOP + _level(b"b") * 50_000 + b"\r\nHello.\r\n"


@hostile("3 MB of nested multiparts")
def _many_levels() -> bytes:
    return TOP + b"".join(_level(b"b%d" % number) for number in range(40_000))


@hostile("10,000 parts")
def _parts() -> bytes:
    return (
        TOP + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nHello.\r\n" * 10_000 + b"--b--\r\n"
    )


@hostile("1,000 parts of HTML")
def _html_parts() -> bytes:
    part = (
        b"--b\r\nContent-Type: text/html\r\n\r\n"
        + b"<p style='color:red'><b><a href='http://a.example/'>x</a>" * 400
        + b"\r\n"
    )
    return TOP + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + part * 1_000 + b"--b--\r\n"


@hostile("1,000 parts of text")
def _text_parts() -> bytes:
    part = b"--b\r\nContent-Type: text/plain\r\n\r\n" + b"> quoted http://a.example/ *word*\r\n" * 900 + b"\r\n"
    return TOP + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + part * 1_000 + b"--b--\r\n"


@hostile("1,000 files of every kind")
def _file_parts() -> bytes:
    kinds = (
        b"image/png",
        b"application/pdf",
        b"application/zip",
        b"text/calendar",
        b"text/vcard",
        b"message/rfc822",
        b"application/ms-tnef",
    )
    parts = b"".join(
        b"--b\r\nContent-Type: " + kinds[number % len(kinds)] + b'; name="f%d.bin"\r\nContent-ID: <%d>\r\n\r\n' % (number, number)
        + b"PK\x03\x04 %PDF-1.4 \x78\x9f\x3e\x22 BEGIN:VCARD\r\n" * 100 + b"\r\n"
        for number in range(1_000)
    )  # fmt: skip
    return TOP + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + parts + b"--b--\r\n"


@hostile("a boundary of 100 KB")
def _long_boundary() -> bytes:
    boundary = b"b" * 100_000
    return (
        TOP
        + b'Content-Type: multipart/mixed; boundary="'
        + boundary
        + b'"\r\n\r\n'
        + (b"--" + boundary + b"\r\n\r\nx\r\n") * 50
    )


@hostile("near misses of a boundary, 50 MB")
def _near_boundaries() -> bytes:
    boundary = b"-" * 60
    return TOP + b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\n' + filled(b"-" * 61 + b" x\r\n")


@hostile("1,000 message/rfc822 within each other")
def _chain() -> bytes:
    return TOP + b"Content-Type: message/rfc822\r\n\r\n" * 1_000 + b"\r\nHello.\r\n"


@hostile("50 MB of message/rfc822 within each other")
def _long_chain() -> bytes:
    return TOP + filled(b"Content-Type: message/rfc822\r\n\r\n")


@hostile("1,000 messages beside each other")
def _messages() -> bytes:
    inner = b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + text(b"x" * 40_000) + b"\r\n"
    return TOP + b'Content-Type: multipart/digest; boundary="b"\r\n\r\n' + inner * 1_000 + b"--b--\r\n"


@hostile("no line end in 50 MB")
def _no_line_end() -> bytes:
    return filled(b"a")


@hostile("50 MB of line ends")
def _line_ends() -> bytes:
    return text(filled(b"\r\n"))


@hostile("50 MB of bare carriage returns")
def _bare_returns() -> bytes:
    return b"Subject: a\r\r" + filled(b"line\r")


@hostile("50 MB of zero bytes")
def _zeros() -> bytes:
    return filled(b"\0")


# Text and its encodings


@hostile("50 MB of one line of text")
def _one_line() -> bytes:
    return text(filled(b"word "))


@hostile("50 MB of short lines of text")
def _lines() -> bytes:
    return text(filled(b"> a\r\n"))


@hostile("50 MB of links in text")
def _links() -> bytes:
    return text(filled(b"http://a.example/x?y=z "))


@hostile("50 MB of near links in text")
def _near_links() -> bytes:
    return text(filled(b"http://www.a@b@c.mailto:"))


@hostile("deep quotation in flowed text")
def _flowed() -> bytes:
    return text(filled(b">" * 500 + b" a \r\n"), kind=b"text/plain; format=flowed; delsp=yes")


@hostile("quoted text in many layers, 5 MB")
def _quotes() -> bytes:
    lines = b"".join(b">" * (number % 90) + b" On Monday, a <a@b.example> wrote:\r\n" for number in range(100_000))
    return text(lines)


@hostile("50 MB of text in an unknown character set")
def _unknown_charset() -> bytes:
    return text(filled(b"\xe9\xa4\x80\xff\xfe"), kind=b"text/plain; charset=x-no-such")


@hostile("50 MB of ISO-2022-JP escapes")
def _escapes() -> bytes:
    return text(filled(b"\x1b$B$\x1b(B"), kind=b"text/plain; charset=iso-2022-jp")


@hostile("50 MB of UTF-7")
def _utf7() -> bytes:
    return text(filled(b"+AGEAYQ-"), kind=b"text/plain; charset=utf-7")


@hostile("50 MB of emoji in UTF-8")
def _emoji() -> bytes:
    return text(filled("\U0001f600\u200d".encode()))


@hostile("50 MB of base64 junk")
def _base64_junk() -> bytes:
    return text(filled(b"!!=\xff@@ab=c"), encoding=b"base64")


@hostile("50 MB of base64 in single letters")
def _base64_letters() -> bytes:
    return text(filled(b"Y\r\n"), encoding=b"base64")


@hostile("50 MB of quoted-printable escapes")
def _quoted_printable() -> bytes:
    return text(filled(b"=C3=A9"), encoding=b"quoted-printable")


@hostile("50 MB of broken quoted-printable")
def _broken_quoted_printable() -> bytes:
    return text(filled(b"=  \t ="), encoding=b"quoted-printable")


@hostile("50 MB of uuencode begins")
def _uu_begins() -> bytes:
    return text(filled(b"begin 644 a\r\n"))


@hostile("uuencode without end, 50 MB")
def _uu_open() -> bytes:
    return text(b"begin 644 file.bin\r\n" + filled(b"M" + b"#" * 60 + b"\r\n"))


@hostile("20,000 uuencoded files")
def _uu_files() -> bytes:
    return text(filled(b"begin 644 a.txt\r\n#86)C\r\n`\r\nend\r\n", 1_000_000))


@hostile("yEnc with a size that lies, 50 MB")
def _yenc() -> bytes:
    head = b"=ybegin line=128 size=99999999999 name=" + b"n" * 500 + b"\r\n"
    return text(head + filled(b"=" * 127 + b"\r\n") + b"=yend size=1 crc32=ffffffff\r\n")


@hostile("20,000 yEnc files")
def _yenc_files() -> bytes:
    return text(filled(b"=ybegin line=128 size=3 name=a.bin\r\nabc\r\n=yend size=3\r\n", 1_500_000))


@hostile("PGP armour without end, 50 MB")
def _armour() -> bytes:
    return text(filled(b"-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\n- -----BEGIN PGP SIGNATURE-----\r\n"))


# HTML


@hostile("50 MB of nested div")
def _nested_div() -> bytes:
    return page(filled(b"<div>"))


@hostile("50 MB of style attributes")
def _style_attributes() -> bytes:
    return page(filled(b"<p style=\"color:red;margin:1px;background:url('http://a.example/x')\">a</p>"))


@hostile("different style attributes, 10 MB")
def _different_styles() -> bytes:
    return page(b"".join(b'<p style="margin:%dpx;color:#%06x;width:%dpx">a' % (n, n, n) for n in range(200_000)))


@hostile("50 MB of links in HTML")
def _html_links() -> bytes:
    return page(filled(b'<a href="http://a.example/?utm_source=b">http://other.example/</a>'))


@hostile("different links in HTML, 10 MB")
def _different_links() -> bytes:
    links = (b'<a href="http://h%d.example/?q=%d">http://www.bank%d.example/</a>' % (n, n, n) for n in range(150_000))
    return page(b"".join(links))


@hostile("different pictures in HTML, 10 MB")
def _pictures() -> bytes:
    images = (
        b'<img src="http://h%d.example/o/%d.gif?u=1" width=1 height=1 style="width:%dpx">' % (n, n, n)
        for n in range(120_000)
    )
    return page(b"".join(images))


@hostile("a style block of 3 MB")
def _style_block() -> bytes:
    return page(
        b"<style>"
        + filled(b".a b > c:hover, d e { color : red ; background : url( x ) }", 3_000_000)
        + b"</style><p class=a>x"
    )


@hostile("different rules in a style block, 3 MB")
def _different_rules() -> bytes:
    rules = b"".join(b".c%d .d%d{margin:%dpx;color:#%06x}" % (n, n, n, n) for n in range(80_000))
    return page(b"<style>" + rules + b"</style><p class=c1>x")


@hostile("nested blocks in a style block, 3 MB")
def _nested_rules() -> bytes:
    return page(b"<style>" + filled(b"@media screen{", 1_500_000) + filled(b"a{b:c(", 1_500_000) + b"</style>x")


@hostile("1,000 style blocks of media queries")
def _style_blocks() -> bytes:
    block = b"<style media='(max-width:%dpx)'>@media (max-width:%dpx){.a%d{width:100%%!important}}</style>"
    return page(b"".join(block % (n, n, n) for n in range(1_000)) + b"<p class=a1>x")


@hostile("50 MB of tags that do not close")
def _unclosed_tags() -> bytes:
    return page(filled(b"<a "))


@hostile("50 MB of unclosed quotes")
def _unclosed_quotes() -> bytes:
    return page(filled(b"<a b='<a b=\""))


@hostile("50 MB of less-than signs")
def _angles() -> bytes:
    return page(filled(b"<"))


@hostile("50 MB of comments that do not close")
def _comments_open() -> bytes:
    return page(filled(b"<!--"))


@hostile("50 MB of declarations")
def _declarations() -> bytes:
    return page(filled(b"<![if !mso]>"))


@hostile("hidden elements without end")
def _hidden() -> bytes:
    return page(b"<svg>" + filled(b"</svga", 20_000_000))


@hostile("50 MB of opening raw text elements")
def _raw_elements() -> bytes:
    return page(filled(b"<script><style><title><svg><math><template>"))


@hostile("50 MB of misnested formatting")
def _misnested() -> bytes:
    return page(filled(b"<b><i><u><font><a href=x></b><p></i></u></table><td>"))


@hostile("fonts in paragraphs, 1 MB")
def _fonts() -> bytes:
    return page(b"".join(b"<font a=%d><p>" % number for number in range(80_000)))


@hostile("50 MB of table cells")
def _cells() -> bytes:
    return page(filled(b"<table><tr><td>x"))


@hostile("one tag with 1,000,000 attributes")
def _attributes() -> bytes:
    return page(b"<p " + b" ".join(b"a%d=1" % number for number in range(1_000_000)) + b">x")


@hostile("one attribute of 40 MB")
def _attribute() -> bytes:
    return page(b"<p title='" + filled(b"&lt;a", 40_000_000) + b"'>x")


@hostile("50 MB of character references")
def _references_html() -> bytes:
    return page(filled(b"&#x1F600;&amp;&notit;"))


@hostile("50 MB of quotations in HTML")
def _html_quotes() -> bytes:
    return page(filled(b'<div class="gmail_quote">On Monday a wrote:<blockquote>x<br>-- <br>'))


@hostile("a data picture of 40 MB")
def _data_picture() -> bytes:
    return page(b"<img src='data:image/png;base64," + filled(b"iVBORw0KGgo", 40_000_000) + b"'>")


# Files


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
