"""Parts and messages within each other, delimiters, and files of many kinds beside each other."""

from tests.hostile.making import TOP, filled, hostile, text


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
