import pytest

from webmail.protocols.errors import MAX_SERVER_TEXT, BadArgument, clean_server_text
from webmail.protocols.guard import refuse_line_breaks


@pytest.mark.req("R31")
@pytest.mark.parametrize("mark", ["\x00", "\r", "\n", "\r\n"])
@pytest.mark.parametrize("value", ["{}", "begin{}end", "end{}", "{}begin"])
def test_a_line_break_or_nul_is_refused_in_text_and_in_bytes(mark: str, value: str) -> None:
    with pytest.raises(BadArgument):
        refuse_line_breaks(value.format(mark), what="the value")
    with pytest.raises(BadArgument):
        refuse_line_breaks(value.format(mark).encode(), what="the value")


@pytest.mark.parametrize("value", ["", "plain", "Grüße", b"", b"\xff\xfe", "tab\tand\x0bothers\x85\u2028"])
def test_everything_else_passes_unchanged(value: str | bytes) -> None:
    assert refuse_line_breaks(value, what="the value") is value


@pytest.mark.req("R31")
def test_the_error_names_the_argument_and_never_its_value() -> None:
    with pytest.raises(BadArgument, match="the password") as caught:
        refuse_line_breaks("hunter2\r\n", what="the password")
    assert "hunter2" not in str(caught.value)


@pytest.mark.req("R34")
def test_server_text_is_cut_and_freed_of_control_characters() -> None:
    assert clean_server_text(b"go\r\nto \x1b[31mevil\x00\xff") == "go to [31mevil \ufffd"
    assert len(clean_server_text("x" * 1_000_000)) == MAX_SERVER_TEXT
