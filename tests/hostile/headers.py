"""Header fields that are too many, too long or never end."""

from tests.hostile.making import TOP, filled, hostile, text


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
