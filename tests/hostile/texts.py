"""Plain text, transfer encodings and character sets, and files written into text."""

from tests.hostile.making import filled, hostile, text


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
