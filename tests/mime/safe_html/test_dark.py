"""Mail on a dark page: what the cleaner writes, and what Chromium makes of it."""

from collections.abc import Iterator
from itertools import combinations

import pytest
from playwright.sync_api import Browser, Page

from webmail.mime.safe_html.colors import CONTRAST, contrast
from webmail.mime.safe_html.document import Scheme, message_document
from webmail.mime.safe_html.sanitize import sanitize

DARK_SURFACE = "rgb(26, 29, 35)"
OWN_DARK = """
<style>
  body, p { background: #ffffff; color: #111111 }
  @media (prefers-color-scheme: dark) { body, p { background: #101010 !important; color: #fafafa !important } }
</style><body><p>text</p></body>
"""


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page(java_script_enabled=True)
    yield page
    page.close()


def show(page: Page, html: str, *, scheme: Scheme = "auto", device: str = "light", shows_remote: bool = False) -> None:
    """The document of a mail, on a device in its own scheme."""
    cleaned = sanitize(html, cid_urls={}, shows_remote=shows_remote)
    page.emulate_media(color_scheme="dark" if device == "dark" else "light")
    page.set_content(message_document(cleaned.html, title="", css=cleaned.css, scheme=scheme), wait_until="commit")


def style_of(page: Page, selector: str, name: str) -> str:
    """A computed value."""
    found = page.eval_on_selector(selector, "(element, name) => getComputedStyle(element).getPropertyValue(name)", name)
    assert isinstance(found, str)
    return found


def rgb(text: str) -> tuple[float, float, float]:
    """`rgb(1, 2, 3)` as parts of 1."""
    red, green, blue = (int(part) / 255 for part in text.removeprefix("rgb(").removesuffix(")").split(","))
    return red, green, blue


@pytest.mark.parametrize(
    ("scheme", "device", "is_dark"),
    [
        ("auto", "light", False), ("auto", "dark", True), ("light", "dark", False), ("dark", "light", True), ("dark", "dark", True),
        ("light", "light", False),
    ],
)  # fmt: skip
def test_colours_follow_the_scheme_of_the_document(page: Page, scheme: Scheme, device: str, is_dark: bool) -> None:
    html = (
        '<body bgcolor="#ffffff" text="#222222" link="#0000ff"><table><tr><td id="cell" bgcolor="#ffffff" style="color:#333">'
        '<font id="font" color="#000000">x</font> <a id="link" href="https://example.com/">x</a></td></tr></table>'
        '<p id="para" class="c">x</p><style>.c { background: #eeeeee; border: 1px solid #000000 }</style>'
    )
    show(page, html, scheme=scheme, device=device)
    colors = [
        style_of(page, "html", "background-color"), style_of(page, "#m-cell", "background-color"), style_of(page, "#m-cell", "color"),
        style_of(page, "#m-font", "color"), style_of(page, ".pb-mail", "color"), style_of(page, "#m-para", "background-color"),
        style_of(page, "#m-link", "color"),
    ]  # fmt: skip
    light = ["#ffffff", "#ffffff", "#333333", "#000000", "#222222", "#eeeeee", "#0000ff"]
    if is_dark:
        assert colors[:2] == [DARK_SURFACE, DARK_SURFACE]
        for number in (2, 3, 4, 6):
            assert contrast(rgb(colors[number]), rgb(colors[1])) >= CONTRAST
            assert contrast(rgb(colors[number]), rgb(colors[5])) >= CONTRAST
    else:
        assert ["#" + "".join(f"{round(part * 255):02x}" for part in rgb(color)) for color in colors] == light


@pytest.mark.parametrize(
    ("scheme", "device", "is_dark"),
    [("auto", "light", False), ("auto", "dark", True), ("light", "dark", False), ("dark", "light", True)],
)
def test_the_own_dark_colours_of_a_mail_are_used(page: Page, scheme: Scheme, device: str, is_dark: bool) -> None:
    assert sanitize(OWN_DARK, cid_urls={}).has_own_dark
    show(page, OWN_DARK, scheme=scheme, device=device)
    assert style_of(page, "p", "background-color") == ("rgb(16, 16, 16)" if is_dark else "rgb(255, 255, 255)")
    assert style_of(page, "p", "color") == ("rgb(250, 250, 250)" if is_dark else "rgb(17, 17, 17)")
    assert style_of(page, "html", "background-color") == style_of(page, "p", "background-color")


@pytest.mark.parametrize(
    "html", [OWN_DARK, '<body bgcolor="#ffffff"><p style="color:#222;background:#fff">text</p></body>']
)
def test_print_is_always_light(page: Page, html: str) -> None:
    show(page, html, scheme="dark", device="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert contrast(rgb(style_of(page, "p", "color")), (1, 1, 1)) > 12
    assert style_of(page, "p", "background-color") == "rgb(255, 255, 255)"
    assert style_of(page, "html", "background-color") == "rgb(255, 255, 255)"


def test_what_stands_on_a_picture_keeps_its_colours(page: Page) -> None:
    html = (
        '<body><div style="color:#333"><div id="photo" style="background:url(https://x.example/a.png)">'
        '<b id="own" style="color:#111">x</b></div></div><table><tr><td id="cell" background="https://x.example/b.png">x</td></tr></table>'
        '<div style="color:#ffffff"><div id="dark" class="p">x</div></div><style>.p { background: #000 url(https://x.example/c.png) }</style>'
    )
    show(page, html, scheme="dark", shows_remote=True)
    assert style_of(page, "#m-photo", "color") == "rgb(51, 51, 51)"
    assert style_of(page, "#m-own", "color") == "rgb(17, 17, 17)"
    assert style_of(page, "#m-cell", "color") == "rgb(26, 29, 35)"
    assert style_of(page, "#m-dark", "color") == "rgb(255, 255, 255)"
    assert style_of(page, "#m-dark", "background-color") == "rgb(0, 0, 0)"


def test_pictures_that_are_not_shown_cost_no_contrast(page: Page) -> None:
    html = '<div style="color:#333"><div id="photo" style="background:#fff url(https://x.example/a.png)">x</div></div>'
    show(page, html, scheme="dark")
    assert style_of(page, "#m-photo", "background-color") == DARK_SURFACE
    assert contrast(rgb(style_of(page, "#m-photo", "color")), rgb(DARK_SURFACE)) >= CONTRAST


def test_named_colours_of_a_browser_are_those_that_were_adapted(page: Page) -> None:
    names = ["navy", "crimson", "gold", "teal", "black", "white", "silver", "rebeccapurple", "darkorange", "lightgrey"]
    pairs = list(combinations(names, 2))
    html = "".join(
        f'<p style="color:{text};background:{back}">x</p>'
        for one, two in pairs
        for text, back in ((one, two), (two, one))
    )
    both = []
    for scheme in ("light", "dark"):
        show(page, html, scheme=scheme)
        both.append(
            page.eval_on_selector_all(
                "p", "all => all.map(e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor])"
            )
        )
    readable = 0
    for (text, back), (dark_text, dark_back) in zip(*both, strict=True):
        if contrast(rgb(text), rgb(back)) >= CONTRAST:
            readable += 1
            assert contrast(rgb(dark_text), rgb(dark_back)) >= CONTRAST - 0.01
    assert readable > 20


@pytest.mark.req("R8")
def test_a_mail_cannot_reach_the_document_around_it(page: Page) -> None:
    html = (
        "<style>* { display: block !important; color: red } html, head, title, style { display: block !important }"
        " body { position: fixed; height: 4000px; margin: -500px }</style><body><p>text</p>"
    )
    show(page, html)
    assert style_of(page, "head", "display") == "none"
    assert style_of(page, "body", "position") == "static"
    assert style_of(page, ".pb-body", "position") == "static"
    assert style_of(page, "p", "color") == "rgb(255, 0, 0)"


def test_wide_mail_is_made_narrow_on_a_phone(page: Page) -> None:
    html = (
        '<style>.wide { width: 700px; min-width: 650px }</style><body style="margin:0">'
        '<table width="600" style="min-width:600px"><tr><td width="400" style="width:400px"><img width="580" height="100" alt="x"></td>'
        '<td>text</td></tr></table><div style="width:640px">x</div><div class="wide">x</div><pre>'
        + "x " * 200
        + "</pre>"
    )
    page.set_viewport_size({"width": 360, "height": 640})
    show(page, html)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 1000, "height": 640})
    assert page.eval_on_selector("table", "e => e.offsetWidth") >= 600
    assert page.eval_on_selector(".m-wide", "e => e.offsetWidth") == 700


def test_the_height_of_the_wrapper_is_that_of_the_mail(page: Page) -> None:
    show(page, '<body style="margin:20px 0"><div style="height:300px;margin:10px">x</div></body>')
    assert page.eval_on_selector(".pb-body", "e => e.getBoundingClientRect().height") == 340


def test_quoted_text_opens_and_is_printed(page: Page) -> None:
    body = (
        '<details class="pb-quoted"><summary aria-label="Show quoted text">…</summary><p id="quote">old</p></details>'
    )
    show(page, body)
    page.get_by_label("Show quoted text").click()
    assert page.locator("#m-quote").is_visible()
    show(page, body)
    assert not page.locator("#m-quote").is_visible()
    page.emulate_media(media="print")
    assert page.locator("#m-quote").is_visible()
