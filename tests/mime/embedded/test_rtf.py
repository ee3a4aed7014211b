"""RTF as the body of a TNEF message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.mime.embedded.rtf import RtfBody, read_rtf


@pytest.mark.parametrize(
    ("rtf", "text"),
    [
        (rb"{\rtf1\ansi Hello\par world}", "Hello\nworld"),
        (rb"{\rtf1\ansi\ansicpg1252 na\'efve \u8364?5 \{x\} a\~b}", "naïve €5 {x} a\u00a0b"),
        (rb"{\rtf1{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial;}}\f1 \'cf\'f0 {\f0 \'e9}}", "Пр é"),
        (rb"{\rtf1\ansi\ansicpg932 \'93\'fa\'96{\*\hidden x}{}\'7b}", None),
        (rb"{\rtf1\ansi\ansicpg932 \'93\'fa\'8c\'ea}", "日語"),
        (rb"{\rtf1 \u-10179?\u-8704?}", "😀"),
        (rb"{\rtf1\uc2 \u252xy z}", "ü z"),
        (rb"{\rtf1{\*\generator Riched;}{\info{\title T}}{\pict 0011}text\tab more}", "text\tmore"),
        (rb"{\rtf1 a\bin4 }}}}b}", "ab"),
        (rb"{\rtf1 open {\b never closed", "open never closed"),
        (rb"{\rtf1 one}{\rtf1 behind the end}", "one"),
        (b"no rtf", ""),
        (b"", ""),
    ],
)
def test_text_is_what_a_person_would_read(rtf: bytes, text: str | None) -> None:
    found = read_rtf(rtf)
    assert not found.is_html
    assert text is None or found.text == text


def test_html_that_outlook_packed_into_rtf_comes_out_as_html() -> None:
    rtf = (
        rb"{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0 Arial;}}{\*\htmltag64 <p>}\htmlrtf {\b \htmlrtf0 Gr\'fc\'dfe "
        rb"{\*\htmltag84 &lt;}\htmlrtf <\htmlrtf0 x{\*\mhtmltag84 no}\htmlrtf }\htmlrtf0 {\*\htmltag72 </p>}\par}"
    )
    assert read_rtf(rtf) == RtfBody("<p>Grüße &lt;x</p>\r\n", is_html=True)


@pytest.mark.req("R46")
@given(st.lists(st.sampled_from([b"{", b"}", b"\\u", b"-1", b"\\'e4", b"\\'8", b"\\f3", b"\\fonttbl", b"\\fcharset128", b"\\*", b"\\bin",
                                 b"99999", b"\\uc0", b"\\htmlrtf", b"\\htmltag", b"\\ansicpg0", b"x", b"\\", b"\0"]), max_size=40),
       st.booleans())  # fmt: skip
def test_any_mixture_of_words_is_read_without_an_error(pieces: list[bytes], is_html: bool) -> None:
    read_rtf(b"{\\rtf1" + (b"\\fromhtml1 " if is_html else b" ") + b"".join(pieces)).text.encode("utf-8")
