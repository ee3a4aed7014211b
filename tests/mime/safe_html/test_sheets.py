"""Style sheets of mail: what is written anew, and what is left out."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mime.safe_html.safety import assert_safe_css
from webmail.mime.safe_html.css import Look
from webmail.mime.safe_html.sheets import MAX_CSS_CHARS, read_sheet, write_sheets


def nothing(_: str) -> str | None:
    """Pictures are not shown."""
    return None


def written(text: str, *, media: str = "", adapts: bool = False, has_body: bool = True) -> str:
    """The sheet as it is served."""
    return write_sheets([read_sheet(text, media)], Look(adapts, nothing), has_body=has_body)


def selectors(prelude: str) -> list[str]:
    """The selectors that a rule keeps, without what puts them into the body."""
    css = written(f"{prelude}{{opacity:1}}")
    return (
        css.replace(":where(.pb-body) ", "")
        .replace("div:where(.pb-body .pb-mail)", "BODY")
        .partition("{")[0]
        .split(",")
    )


@pytest.mark.req("R13")
@pytest.mark.parametrize(
    ("prelude", "kept"),
    [
        ("p", ["p"]),
        ("P, TD", ["p", "td"]),
        (".a.b > #c + d, e", [""]),
        (".a.b > #c + td ~ i", [".m-a.m-b>#m-c+td~i"]),
        ("*", ["*"]),
        ("body", ["BODY"]),
        ("html, body", ["BODY", "BODY"]),
        ("html body p", ["BODY p"]),
        ("html > body > p", ["BODY>p"]),
        (":root .x", ["BODY .m-x"]),
        ("body.x", ["BODY.m-x"]),
        ("a:hover, a:link, a:visited", ["a:hover", "a:link", "a:visited"]),
        ("tr:nth-child(2n + 1) td, li:nth-of-type(odd), li:nth-child(-n+3)",
         ["tr:nth-child(2n+1) td", "li:nth-of-type(odd)", "li:nth-child(-n+3)"]),
        ("td[class=x] p, td[class~='y'], [id=\"z\"]", ["td.m-x p", "td.m-y", "#m-z"]),
        (".x:not(.y), .x:not(p)", [".m-x:not(.m-y)", ".m-x:not(p)"]),
        ('.x:not([class^="x_"])', [".m-x"]),
        (r".sm\:w-full", [".m-sm_3a_w-full"]),
        ("[data-ogsc] .x, .y", [".m-y"]),
    ],
)  # fmt: skip
def test_selectors_are_written_anew_with_prefixed_names(prelude: str, kept: list[str]) -> None:
    assert selectors(prelude) == kept


@pytest.mark.req("R7")
@pytest.mark.parametrize(
    "prelude",
    [
        "input[value^=a]", "a[href*=x]", "[style]", "p:has(a)", "p::before", "p::after", "p:before", "p::first-letter", "a::-moz-x",
        "_:-ms-fullscreen, p", "p:lang(en)", ":is(p)", ":where(p)", "::selection", "p:nth-child(1 of a)", "svg", "script", "iframe",
        "video", "a b c d e f g h i j k l m n", "@x", "p..x", "> p", "p >", "p > > a", ",", "p,,a", "p\\{}", "5", "#5", ".", "td body",
        "p html", "html + p", ":host", ":scope", "|p", "*|p", "x|p", "p:not(:has(a))", "p:not([href])", "p:target", "&", "p:not(a b c)",
    ],
)  # fmt: skip
def test_other_selectors_are_left_out(prelude: str) -> None:
    assert written(f"{prelude}{{opacity:1}}") == ""


@pytest.mark.req("R7")
@pytest.mark.parametrize(
    "text",
    [
        "@import 'https://t.example/x';", "@import url(//t.example/x);", "@font-face{font-family:x;src:url(https://t.example/x)}",
        "@keyframes x{from{color:red}}", "@supports (color:red){p{color:red}}", "@page{margin:0}", "@namespace url(x);",
        "@layer x{p{color:red}}", "@container (width>1px){p{color:red}}", "@property --x{syntax:'*'}", "@charset 'utf-8';",
        "@document url(x){p{color:red}}", "@-moz-document url-prefix(){p{color:red}}", "@media{@import 'x';}",
        "@media (min-resolution:2dppx){p{color:red}}", "@media tv{p{color:red}}", "@media (width){p{color:red}}",
        "@media print and{p{color:red}}", "@media not all and (prefers-color-scheme:dark){p{color:red}}",
        "@media (prefers-color-scheme:url(x)){p{color:red}}", "@media screen{@media screen{@media screen{@media screen{p{color:red}}}}}",
        "@media (prefers-color-scheme:dark){@media (prefers-color-scheme:light){p{color:red}}}",
        "p{position:fixed;top:0}", "p{--a:red}", "p{color:var(--a)}", "p{background:url(https://t.example/x)}",
        "p{content:url(https://t.example/x)}", "p{color:expression(alert(1))}", "p{}", "p{p{color:red}}", "p{@media all{color:red}}",
        "p{color:red", "}p{", "p:hover{background:url(https://t.example/x)}", "<!-- -->", "p;q{color:red}",
    ],
)  # fmt: skip
def test_other_rules_are_left_out(text: str) -> None:
    css = written(text)
    assert css in {"", ":where(.pb-body) p{color:red}"}
    assert css == "" or text == "p{color:red"  # what a browser reads of a sheet that ends too early


def test_what_follows_a_rule_that_is_left_out_is_read() -> None:
    text = "@import 'x'; @font-face{src:url(x)} o\\:p{color:red} p::before{content:'x'} p{color:red} @media tv{p{}} td{color:blue}"
    assert written(text) == ":where(.pb-body) p{color:red}\n:where(.pb-body) td{color:blue}"


def test_comment_marks_of_old_browsers_are_read_over() -> None:
    assert written("<!-- p{color:red} -->") == ":where(.pb-body) p{color:red}"


def test_importance_stays_in_style_sheets() -> None:
    assert written("p{color:red!important;width:10px ! important}") == (
        ":where(.pb-body) p{color:red!important;width:10px!important}"
    )


def test_importance_does_not_get_into_the_address_of_a_picture() -> None:
    data = "data:image/png;base64,iVBORw0KGgo="
    sheet = read_sheet(f"p{{background:url({data}) no-repeat !important}}")
    css = write_sheets([sheet], Look(adapts=False, refer=lambda url: url), has_body=True)
    assert f"background-image:url({data})!important;background-repeat:no-repeat!important" in css


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("screen", "screen"),
        ("only screen and (max-width: 600px)", "screen and (max-width:600px)"),
        ("(max-device-width:480px)", "(max-width:480px)"),
        ("all and (min-width:20em) and (orientation:landscape)", "(min-width:20em) and (orientation:landscape)"),
        ("print, tv, screen and (max-width:600)", "print,screen and (max-width:600px)"),
        ("not print", "not print"),
        ("(hover:hover)", "(hover:hover)"),
        ("screen and (-webkit-min-device-pixel-ratio: 0)", "screen and (-webkit-min-device-pixel-ratio:0)"),
    ],
)
def test_media_queries_are_written_anew(query: str, kept: str) -> None:
    expected = f"@media {kept}{{:where(.pb-body) p{{color:red}}}}"
    assert written(f"@media {query}{{p{{color:red}}}}") == expected
    assert written("p{color:red}", media=query) == expected


def test_media_inside_of_media_must_both_hold() -> None:
    css = written("@media screen{@media (max-width:9px){p{color:red}} td{color:red}}")
    assert css == (
        "@media screen{@media (max-width:9px){:where(.pb-body) p{color:red}}}\n@media screen{:where(.pb-body) td{color:red}}"
    )


def test_dark_rules_follow_the_scheme_of_our_document() -> None:
    css = written("@media (prefers-color-scheme: dark) and (max-width:600px) { body, p { color: #fff !important } }")
    auto, dark = css.split("\n")
    assert auto == (
        "@media screen and (prefers-color-scheme:dark){@media (max-width:600px){"
        "div:where(html[data-scheme=auto] .pb-body .pb-mail),:where(html[data-scheme=auto] .pb-body) p{color:#fff!important}}}"
    )
    assert dark == (
        "@media screen{@media (max-width:600px){"
        "div:where(html[data-scheme=dark] .pb-body .pb-mail),:where(html[data-scheme=dark] .pb-body) p{color:#fff!important}}}"
    )
    assert_safe_css(css)


def test_a_mail_with_dark_rules_has_its_own_dark() -> None:
    assert read_sheet("@media (prefers-color-scheme:dark){p{color:#fff}}").has_dark_rules
    assert not read_sheet("@media (prefers-color-scheme:dark){p{width:10px}}").has_dark_rules
    assert not read_sheet("@media (prefers-color-scheme:light){p{color:#fff}} p{color:red}").has_dark_rules
    assert not read_sheet("@media (prefers-color-scheme:dark){[data-x]{color:#fff}}").has_dark_rules


def test_without_a_body_element_the_rules_for_it_are_for_the_body_of_the_document() -> None:
    assert written("body>p{color:red}", has_body=False) == "div:where(.pb-body)>p{color:red}"


def test_the_colour_of_the_body_is_that_of_the_whole_page() -> None:
    assert written("body{background:#eee}", adapts=True).endswith("html{background-color:light-dark(#eee,#16181d)}")
    assert "html{" not in written("body p{background:#eee}").replace("html[", "")


def test_fixed_widths_of_a_desk_are_let_go_of_on_a_phone() -> None:
    assert "@media screen and (max-width:640px){:where(.pb-body) .m-a{max-width:100%!important" in written(
        ".a{width:600px}"
    )
    assert "@media" not in written(".a{width:300px}")
    assert "@media" not in written(".a{max-width:600px}")


@pytest.mark.req("R43")
@pytest.mark.parametrize(
    "text",
    [
        "{" * 100_000, "(" * 100_000, "p{" * 60_000, "@media all{" * 15_000, "p,a" * 60_000, "p > " * 50_000, "p{color:red}" * 15_000,
        ".a" * 90_000, ":not(" * 30_000, "/*" * 90_000, "'" * 150_000, "\\" * 150_000, "@media " + "(max-width:1px) and " * 9_000,
        "p{" + "color:red;" * 19_000 + "}", "<!--" * 40_000, "url(" * 40_000, "a:hover," * 20_000 + "p{color:red}",
    ],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_hostile_sheets_are_quick_and_small(text: str) -> None:
    start = time.process_time()
    css = written(text)
    assert time.process_time() - start < 1.5
    assert len(css) <= MAX_CSS_CHARS + 2_000
    assert_safe_css(css[:20_000].rpartition("\n")[0])


PIECES = st.sampled_from(
    [
        "p", ".a", "#b", "*", "[x]", "[class=a]", ":hover", "::before", ":not(", ":has(", ">", "+", " ", ",", "{", "}", "(", ")", ";", ":",
        "color", "red", "background", "url(https://t.example/x)", "url(", "'", '"', "\\", "/*", "*/", "@media", "@import", "screen",
        "(max-width:1px)", "(prefers-color-scheme:dark)", "!important", "</style>", "<!--", "-->", "var(--a)", "body", "html", "position",
        "fixed", "margin", "-1px", "10px", "--t", "\x02", "\x04", "\x06", "|", "\n", "&", "nth-child(2n)",
    ]
)  # fmt: skip


@pytest.mark.req("R46")
@given(st.lists(PIECES, max_size=40).map("".join), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_mix_of_css_comes_out_harmless(text: str, adapts: bool) -> None:
    assert_safe_css(written(text, adapts=adapts))


def test_a_sheet_reaches_nothing_outside_of_the_body() -> None:
    css = written("* {display:block!important} html, :root, body, head, style, title {color:red} .pb-body{color:red}")
    for selector in re.findall(r"(?:^|\n|,)([^,{}\n]+)(?=[,{])", css):
        assert selector.startswith((":where(.pb-body) ", "div:where(.pb-body"))
