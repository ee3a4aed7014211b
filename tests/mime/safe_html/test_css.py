"""The value filter of style attributes."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mime.safe_html.safety import assert_safe_style
from webmail.mime.safe_html.css import filter_style


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("color: RED", "color:red"),
        ("color:#FfF;background-color:rgb(1, 2, 3)", "color:#FfF;background-color:rgb(1,2,3)"),
        ("color:rgba(0 0 0 / 50%)", "color:rgba(0,0,0,50%)"),
        ("background:#fff", "background-color:#fff"),
        ("background:#fff url(https://x.example/a) no-repeat", "background-color:#fff"),
        ("font:bold 12px/1.5 Arial, 'Open Sans', sans-serif", "font:bold 12px/1.5 Arial,'Open Sans',sans-serif"),
        ('font-family:Arial,"Segoe UI"', "font-family:Arial,'Segoe UI'"),
        ("border:1px solid #ccc;border-top:none", "border:1px solid #ccc;border-top:none"),
        ("margin:0 auto;padding:10px 5%", "margin:0 auto;padding:10px 5%"),
        ("width:100%;max-width:600px", "width:100%;max-width:600px"),
        ("text-decoration:underline;text-align:center", "text-decoration:underline;text-align:center"),
        ("display:none;mso-hide:all", "display:none"),
        ("line-height:1.4;letter-spacing:-0.5px", "line-height:1.4;letter-spacing:-0.5px"),
        ("color:red !important", "color:red"),
    ],
)
def test_ordinary_mail_styles_survive(style: str, expected: str) -> None:
    assert filter_style(style).text == expected


@pytest.mark.req("R7")
@pytest.mark.parametrize(
    "style",
    [
        "position:fixed", "position:fixed !important", "\\70osition:fixed", "pos/**/ition:fixed", "z-index:9", "top:0", "inset:0",
        "margin:-1px", "margin-left:-1px", "margin:0 -1px", "transform:none", "color:var(--a)", "--a:red", "width:calc(1px)",
        "width:expression(alert(1))", "color:url(x)", "background-image:url(x)", "background:url(x)", "list-style:url(x)",
        "cursor:pointer", "content:'x'", "filter:none", "behavior:url(x)", "-moz-binding:url(x)", "width:100vw", "height:100vh",
        "width:99999px", "font-size:999px", "animation:x 1s", "display:flex", "display:grid", "text-indent:-99px", "opacity:2",
        "font-family:'</style>'", "font-family:'a\\'b'", "color:attr(x)", "color:rgb(1,2)", "color:rgb(url(x),1,2)", "color:#12",
        "@import 'x'", "} body { color:red", "color:red}", "color:{red}", "color:[red]", "color:(red)", "width:1e99px",
        "background:red blue", "font:expression(1)", "src:url(x)", "all:unset", "mask:url(x)", "clip-path:circle(1px)",
    ],
)  # fmt: skip
def test_anything_else_is_left_out(style: str) -> None:
    assert filter_style(style).text == ""


def test_escapes_are_resolved_before_the_check() -> None:
    assert filter_style(r"c\6flor:red").text == "color:red"
    assert filter_style(r"c\6flor:\75rl(x)").text == ""


def test_one_bad_declaration_does_not_cost_the_others() -> None:
    assert filter_style("color:red;position:fixed;font-weight:bold").text == "color:red;font-weight:bold"


def test_remote_references_are_counted() -> None:
    assert filter_style("background:url(https://x.example/a);mask:url('//x.example/b')").blocked_remote == 2
    assert filter_style("color:red").blocked_remote == 0


@pytest.mark.parametrize(
    "style", ["(" * 3_900, "{" * 3_900, "a:b;" * 900, "color:red;" * 390, "'" * 3_900, "\\" * 3_900, "x" * 10**6]
)
def test_hostile_sizes_are_quick(style: str) -> None:
    start = time.process_time()
    filter_style(style)
    assert time.process_time() - start < 0.2


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_text_makes_it_fail(style: str) -> None:
    assert_safe_style(filter_style(style).text)


@given(
    st.lists(
        st.sampled_from(
            [
                "color",
                ":",
                ";",
                "red",
                "url(",
                ")",
                "rgb(",
                "1",
                ",",
                "!important",
                "\\",
                "/*",
                "*/",
                "'",
                "margin",
                "-1px",
                "var(--a)",
                "{",
                "}",
            ]
        ),
        max_size=25,
    ).map("".join)
)
@settings(max_examples=300, deadline=None)
def test_any_mix_of_css_comes_out_plain(style: str) -> None:
    assert_safe_style(filter_style(style).text)
