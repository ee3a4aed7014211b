"""Parameters of Content-Type and Content-Disposition: RFC 2231 and RFC 2047, as they should be and as they come."""

import pytest

from webmail.mime.parameters import parse_parameters


@pytest.mark.req("R45")
@pytest.mark.parametrize(
    ("value", "name"),
    [
        (b"filename*=utf-8''%C3%BCber.pdf", "über.pdf"),
        (b"filename*0*=utf-8''%C3%BC; filename*1=ber.pdf", "über.pdf"),
        (b"filename*0*=utf-8''%E4%B8; filename*1*=%AD.txt", "中.txt"),
        (b"filename*1=b.pdf; filename*0=a", "ab.pdf"),
        (b"filename*1*=b.pdf; filename*0*=''%41", "Ab.pdf"),
        (b"filename*=iso-8859-1'en'%E9.txt; filename=e.txt", "é.txt"),
        (b"filename*=gb2312''%D6%D0.txt", "中.txt"),
        (b"filename*=%C3%BC.txt", "ü.txt"),
        (b"filename*=utf-8'%C3%BC.txt", "ü.txt"),
        (b"filename*=\"utf-8''%C3%BC.txt\"", "ü.txt"),
        (b"filename=UTF-8''%C3%BC.txt", "ü.txt"),
        (b"filename=\"UTF-8''%C3%BC.txt\"", "ü.txt"),
        (b'filename="%C3%BC.txt"', "ü.txt"),
        (b'filename="100%25 sure.txt"', "100%25 sure.txt"),
        (b'filename="50%FC.txt"', "50%FC.txt"),
        (b'filename="=?utf-8?B?w7xiZXIucGRm?="', "über.pdf"),
        (b"filename==?utf-8?Q?=C3=BC.txt?=", "ü.txt"),
        (b'filename="=?utf-8?Q?a?=\r\n =?utf-8?Q?b.txt?="', "ab.txt"),
        (b'filename*0="=?utf-8?B?w7w"; filename*1="=?=.txt"', "ü.txt"),
        (b'filename="\xc3\xbc.txt"', "ü.txt"),
        (b'filename="\xfc.txt"', "ü.txt"),
        (b"filename=a b c.txt", "a b c.txt"),
        (b"filename='q.txt'", "q.txt"),
        (b'filename="it\'s.txt"', "it's.txt"),
        (b'filename="unclosed.txt', "unclosed.txt"),
        (b'filename="a;b.txt"', "a;b.txt"),
        (b'filename="one.txt"; filename="two.txt"', "one.txt"),
        (b'FILENAME = "x.txt" ;', "x.txt"),
    ],
)
def test_file_names_are_read_as_their_sender_meant_them(value: bytes, name: str) -> None:
    assert parse_parameters(b"attachment; " + value).text("filename") == name


@pytest.mark.req("R43")
def test_a_million_segments_are_cut_to_what_a_header_may_hold() -> None:
    value = b"attachment; " + b"; ".join(b"filename*%d=ab" % number for number in range(100_000))
    name = parse_parameters(value).text("filename")
    assert name is not None
    assert set(name) == {"a", "b"}
    assert len(name) < 64 * 1024
