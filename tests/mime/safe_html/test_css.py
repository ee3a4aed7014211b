"""The value filter of style attributes."""

import time
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mime.safe_html.safety import assert_safe_style
from webmail.mime.safe_html.css import Look, read_style


def nothing(_: str) -> str | None:
    """Pictures are not shown."""
    return None


def named(name: str, _: str) -> str | None:
    """Every picture has this name."""
    return name


def plain(style: str) -> str:
    """The style as the sender chose it, without pictures."""
    return read_style(style).write(Look(adapts=False, refer=nothing))


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("color: RED", "color:red"),
        ("color:#FfF;background-color:rgb(1, 2, 3)", "color:#FfF;background-color:rgb(1,2,3)"),
        ("color:rgba(0 0 0 / 50%)", "color:rgba(0,0,0,50%)"),
        ("color:/* dark */#333/**/", "color:#333"),
        ("background:none", "background-color:transparent"),
        ("background:linear-gradient(90deg, #fff, red 50%)", "background-image:linear-gradient(90deg,#fff,red 50%)"),
        ("box-shadow:0 2px 3px rgba(0, 0, 0, .16)", "box-shadow:0 2px 3px rgba(0,0,0,0.16)"),
        ("border-radius:1px 2px/3px", "border-radius:1px 2px / 3px"),
        ("width:calc(100% - 20px)", "width:calc(100% - 20px)"),
        ("display:flex;flex-wrap:wrap;gap:8px", "display:flex;flex-wrap:wrap;gap:8px"),
        ("grid-template-columns:repeat(2, 1fr) 10px", "grid-template-columns:repeat(2,1fr) 10px"),
        ("margin-inline:auto;padding-block:1px 2px", "margin-inline:auto;padding-block:1px 2px"),
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
    assert plain(style) == expected


@pytest.mark.req("R7")
@pytest.mark.parametrize(
    "style",
    [
        "position:fixed", "position:fixed !important", "\\70osition:fixed", "pos/**/ition:fixed", "z-index:9", "top:0", "inset:0",
        "margin:-1px", "margin-left:-1px", "margin:0 -1px", "transform:none", "color:var(--a)", "--a:red", "width:calc(1px)",
        "width:expression(alert(1))", "color:url(x)", "background-image:url(x)", "background:url(x)", "list-style:url(x)",
        "cursor:pointer", "content:'x'", "filter:none", "behavior:url(x)", "-moz-binding:url(x)", "width:100vw", "height:100vh",
        "width:99999px", "font-size:999px", "animation:x 1s", "text-indent:-99px", "opacity:2",
        "font-family:'</style>'", "font-family:'a\\'b'", "color:attr(x)", "color:rgb(1,2)", "color:rgb(url(x),1,2)", "color:#12",
        "@import 'x'", "} body { color:red", "color:red}", "color:{red}", "color:[red]", "color:(red)", "width:1e99px",
        "background:red blue", "font:expression(1)", "src:url(x)", "all:unset", "mask:url(x)", "clip-path:circle(1px)",
        "width:calc(100vw * 99)", "width:calc(1px + var(--a))", "text-shadow:0 0 9px red", "box-shadow:0 0 0 9999px red",
        "box-shadow:900px 0 red", "background:linear-gradient(url(x), red)", "background-image:image-set('x' 1x)",
        "background:element(#x)", "-webkit-mask:url(x)", "--t:red", "color-scheme:dark", "pointer-events:none", "right:0",
        "grid-template-areas:'a'", "background-image:cross-fade(red, blue)", "font:12px '</style>'", "gap:calc(1px*9)",
    ],
)  # fmt: skip
def test_anything_else_is_left_out(style: str) -> None:
    assert plain(style) == ""


def test_escapes_are_resolved_before_the_check() -> None:
    assert plain(r"c\6flor:red") == "color:red"
    assert plain(r"c\6flor:\75rl(x)") == ""


def test_one_bad_declaration_does_not_cost_the_others() -> None:
    assert plain("color:red;position:fixed;font-weight:bold") == "color:red;font-weight:bold"


@pytest.mark.req("R17")
def test_pictures_are_written_as_the_caller_names_them_or_left_out() -> None:
    style = "background:#eee url( 'https://x.example/a?b=\"c' ) no-repeat top / cover;color:red"
    asked: list[str] = []

    def refer(url: str) -> str | None:
        asked.append(url)
        return "r/7"

    shown = read_style(style).write(Look(adapts=False, refer=refer))
    assert asked == ['https://x.example/a?b="c']
    assert shown == (
        "background-color:#eee;background-image:url(r/7);background-repeat:no-repeat;background-position:top;"
        "background-size:cover;color:red"
    )
    assert plain(style) == "background-color:#eee;color:red"


@pytest.mark.req("R7")
def test_the_name_of_a_picture_cannot_leave_its_url() -> None:
    for name in ("a);position:fixed", 'a";b', "a'b", "a\\)b", "a b", "a\nb", "</style>"):
        style = read_style("background-image:url(cid:x)").write(Look(adapts=False, refer=partial(named, name)))
        assert style.count(":") == 1 + name.count(":")
        assert style.startswith("background-image:url(")
        assert style.endswith(")")
        assert not set("()<>'\"\\ \n") & set(style[len("background-image:url(") : -1])


def test_colours_get_a_second_form_for_the_dark() -> None:
    style = "color:#333;background:#fff;border:1px solid #eee;border-color:transparent;color:inherit"
    assert read_style(style).write(Look(adapts=True, refer=nothing)) == (
        "color:light-dark(#333,#cccccc);background-color:light-dark(#fff,#1a1d23);"
        "border:1px solid light-dark(#eee,#36383e);border-color:transparent;color:inherit"
    )


def test_text_on_a_picture_remembers_the_colour_it_has_in_the_light() -> None:
    look = Look(adapts=True, refer=lambda _: "r/0", remembers_text=True)
    assert read_style("color:#333").write(look) == "color:light-dark(#333,#cccccc);--t:#333"
    assert read_style("background:url(https://x.example/a)").write(look) == (
        "background-image:url(r/0);color-scheme:only light;color:var(--t)"
    )


@pytest.mark.parametrize(
    "style", ["(" * 3_900, "{" * 3_900, "a:b;" * 900, "color:red;" * 390, "'" * 3_900, "\\" * 3_900, "x" * 10**6]
)
def test_hostile_sizes_are_quick(style: str) -> None:
    start = time.process_time()
    read_style(style)
    assert time.process_time() - start < 0.2


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_text_makes_it_fail(style: str) -> None:
    assert_safe_style(plain(style))


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
    assert_safe_style(plain(style))
