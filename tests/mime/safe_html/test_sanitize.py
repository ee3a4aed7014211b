"""The cleaner against our own hostile corpus, the public collections of vectors, and generated markup."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from tests.mime.safe_html.safety import assert_safe, assert_safe_result
from webmail.mime.safe_html.bound import MAX_DEPTH, bound_html
from webmail.mime.safe_html.sanitize import SafeHtml, sanitize

HOSTILE = Path(__file__).resolve().parents[2] / "corpus" / "hostile"

# Per family: words that must still be read, and how many remote references are seen (None: does not matter).
FAMILIES: dict[str, tuple[list[str], int | None]] = {
    "svg": (["before the drawing", "after an empty drawing", "a paragraph ends a drawing", "after the drawing"], 0),
    "mathml": (["before the formula", "after the formula"], 0),
    "namespaces": (["before the confusion"], None),
    "raw_text": (["before the raw text", "for readers that are not Word", "after the raw text"], 1),
    "document": (
        ["the text of the document", "a button keeps its words", "instead of the object", "instead of the applet",
         "instead of the film", "words of a dialog", "words that run"],
        1,
    ),
    "events": (["a paragraph", "a link to nowhere", "its details", "htmx attributes", "attributes of frameworks", "bold"], 0),
    "links": (["plain link", "script in mixed case", "script by reference", "vbscript", "fragment", "framed link"], 0),
    "remote": (["sixty ways to phone home", "cell", "one", "ten, unclosed", "fifteen", "sixteen", "seventeen"], None),
    "css": (["over the toolbar", "escaped name", "huge letters", "font that ends an element", "references"], None),
    "clobbering": (["clobber", "a false dialog", "a label", "an output", "cell"], 0),
    "warned_links": (["sign in", "your router", "backslashes", "not one of ours"], 0),
    "style_blocks": (
        ["an address without its end", "a comment is ended by its element", "dressed as ours", "a false fold", "coloured", "both schemes"],
        None,
    ),
    "login_box": (["Your session has ended", "Sign in"], 0),
}  # fmt: skip


# Where a vector may stand.
PLACES = (
    "VECTOR",
    '<p title="VECTOR">VECTOR</p>',
    "<table><tr><td>VECTOR",
    "<b><i>VECTOR</b>VECTOR",
    "<style>p { color: red } VECTOR</style>VECTOR",
    "<style>p { background: VECTOR; color: VECTOR }</style>",
    '<p style="color: red; VECTOR">x</p>',
)


def clean(html: str, **cid_urls: str) -> SafeHtml:
    return sanitize(html, cid_urls=cid_urls)


def text_of(html: str) -> str:
    body = LexborHTMLParser(html).body
    return " ".join(body.text().split()) if body else ""


def test_every_hostile_file_has_its_expectation() -> None:
    assert {path.stem for path in HOSTILE.glob("*.html")} == set(FAMILIES)


@pytest.mark.req("R1")
@pytest.mark.req("R5")
@pytest.mark.req("R17")
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_hostile_family_comes_out_harmless_and_readable(family: str) -> None:
    kept_words, blocked = FAMILIES[family]

    cleaned = clean((HOSTILE / f"{family}.html").read_text())

    assert_safe_result(cleaned)
    assert "PWNED" not in cleaned.html.replace("m-PWNED", "")
    assert "tracker.example" not in cleaned.html + cleaned.css
    for words in kept_words:
        assert words in text_of(cleaned.html)
    if blocked is not None:
        assert cleaned.blocked_remote == blocked
        assert cleaned.has_remote == (blocked > 0)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_each_hostile_line_is_harmless_alone(family: str) -> None:
    for line in (HOSTILE / f"{family}.html").read_text().splitlines():
        assert_safe_result(clean(line))
        assert_safe_result(sanitize(line, cid_urls={}, shows_remote=True), shows_remote=True)


@pytest.mark.corpus
@pytest.mark.req("R1")
@pytest.mark.parametrize("collection", ["H5SC", "PayloadsAllTheThings", "ammonia", "bleach"])
def test_public_vectors_come_out_harmless(collection: str, shared: Path) -> None:
    vectors = json.loads((shared / "corpus" / "xss" / collection / "vectors.json").read_text())
    assert len(vectors) >= 20
    for vector in vectors:
        html = vector["html"]
        for wrapped in PLACES:
            for is_shown in (False, True):
                cleaned = sanitize(wrapped.replace("VECTOR", html), cid_urls={}, shows_remote=is_shown)
                try:
                    assert_safe_result(cleaned, shows_remote=is_shown)
                except AssertionError as error:
                    raise AssertionError(f"{vector['id']}: {error}") from error


@pytest.mark.corpus
def test_real_newsletters_keep_their_words(shared: Path) -> None:
    files = sorted((shared / "corpus" / "templates" / "postmark").rglob("*.html"))
    assert files
    for path in files:
        source = path.read_text()
        cleaned = clean(source)
        assert_safe(cleaned.html)
        assert not cleaned.is_truncated
        tree = LexborHTMLParser(source)
        tree.strip_tags(["style", "script", "title", "head"])
        assert text_of(cleaned.html).replace(" ", "") == text_of(tree.html or "").replace(" ", ""), path.name


@pytest.mark.req("R7")
def test_importance_is_lost_and_the_value_kept() -> None:
    assert clean('<p style="color:#fff !important">x</p>').html == '<p style="color:#fff">x</p>'


@pytest.mark.req("R13")
def test_ids_and_classes_are_prefixed_and_names_dropped() -> None:
    assert clean('<p id="a" class="b c:d" name="c">x</p>').html == '<p id="m-a" class="m-b m-c_3a_d">x</p>'
    assert clean('<a name="c" id="body">x</a>').html.startswith('<a id="m-body" ')
    assert clean('<p class="pb-quoted">x</p>').html == '<p class="m-pb-quoted">x</p>'
    assert clean(f'<p id="{"x" * 101}">x</p>').html == "<p>x</p>"
    many = LexborHTMLParser(clean(f'<p class="{" ".join(f"c{i}" for i in range(999))}">x</p>').html).css_first("p")
    assert many is not None
    assert len((many.attributes["class"] or "").split()) == 40


@pytest.mark.req("R13")
def test_what_we_wrapped_keeps_its_name() -> None:
    html = (
        '<details class="pb-quoted"><summary aria-label="Show quoted text">…</summary><div class="pb-signature">x</div>'
        "</details>"
    )
    assert clean(html).html == html


def test_known_cid_image_is_mapped_and_unknown_one_dropped() -> None:
    html = '<img src="cid:Logo@Example.com"><img src="CID:a%40b"><img src="cid:other" alt="gone">'
    cleaned = sanitize(html, cid_urls={"<logo@example.com>": "/content/1", "a@b": "/content/2"})
    assert cleaned.html == '<img src="/content/1"><img src="/content/2"><img alt="gone">'
    assert not cleaned.has_remote


def test_mapped_url_cannot_leave_its_attribute() -> None:
    cleaned = sanitize('<img src="cid:a">', cid_urls={"a": '/x"><script>alert(1)</script>'})
    assert "<script" not in LexborHTMLParser(cleaned.html).css_first("img").parent.html.replace("&lt;script", "")  # type: ignore[union-attr]
    assert LexborHTMLParser(cleaned.html).css("script") == []


@pytest.mark.parametrize(
    ("source", "is_kept"),
    [
        ("data:image/png;base64,iVBORw0KGgo=", True),
        ("data:image/gif;base64,R0lGODlh", True),
        ("DATA:image/jpeg;base64,/9j/4AAQ", True),
        ("data:image/svg+xml;base64,PHN2Zz4=", False),
        ("data:text/html;base64,PHN2Zz4=", False),
        ("data:image/png,notbase64", False),
        ('data:image/png;base64,iVBOR"w0', False),
        ("data:image/png;base64," + "A" * 300_000, False),
    ],
)
def test_only_small_raster_data_images_stay(source: str, is_kept: bool) -> None:
    assert ("src=" in clean(f"<img src='{source}'>").html) == is_kept


@pytest.mark.req("R17")
def test_remote_references_are_counted_and_removed() -> None:
    cleaned = clean(
        '<img src="https://a.example/1.png" alt="logo"><td>'
        '<table background="http://a.example/2"><tr><td style="background:#eee url(https://a.example/3)">x</td></tr></table>'
    )
    assert cleaned.blocked_remote == 3
    assert cleaned.has_remote
    assert "a.example" not in cleaned.html
    assert '<img alt="logo">' in cleaned.html
    assert "background-color:light-dark(#eee," in cleaned.html


@pytest.mark.req("R14")
@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("https://example.com/?a=1&amp;b=2", "https://example.com/?a=1&b=2"),
        ("//example.com/x", "https://example.com/x"),
        ("mailto:a@example.com", "mailto:a@example.com"),
        ("  https://example.com  ", "https://example.com"),
        ("https://exa\u202emple.com", None),
        ("tel:+123", None),
        ("javascript:alert(1)", None),
        ("jav\tascript:alert(1)", None),
        ("/settings", None),
        ("https:settings", None),
        ("https:///settings", None),
    ],
)
def test_link_targets_are_absolute_web_or_mail(href: str, expected: str | None) -> None:
    link = LexborHTMLParser(clean(f'<a href="{href}">x</a>').html).css_first("a")
    assert link is not None
    assert link.attributes == {
        **({"href": expected} if expected else {}),
        "target": "_blank",
        "rel": "noopener noreferrer nofollow",
    }


def test_colours_of_the_body_are_kept_on_a_block() -> None:
    html = clean(
        '<html><head><title>t</title></head><body bgcolor="#123456" style="color:white"><p>x</p></body></html>'
    ).html
    assert html == '<div class="pb-mail" style="color:white" bgcolor="#123456"><p>x</p></div>'


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<b>a<i>b</b>c</i>", "<b>a<i>b</i></b><i>c</i>"),
        ("<p>one<p>two", "<p>one</p><p>two</p>"),
        ("<ul><li>one<li>two</ul>", "<ul><li>one</li><li>two</li></ul>"),
        (
            "<table><tr><td>1<td>2<tr><td>3</table>",
            "<table><tbody><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></tbody></table>",
        ),
        ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
        ("<<!-- -->b>x", "&lt;b&gt;x"),
        ("<div>a</span></div>b", "<div>a</div>b"),
        ("<o:p>Word</o:p>", "Word"),
        ("text <unfinished", "text "),
        ("<h1>x</h2>y", "<h1>x</h1>y"),
        ("<p>a<hr><p>b", "<p>a</p><hr><p>b</p>"),
        ("<p><b>a<p>b</b>c", "<p><b>a</b></p><p><b>b</b>c</p>"),
        ("<dl><dt>a<dd>b<dt>c</dl>", "<dl><dt>a</dt><dd>b</dd><dt>c</dt></dl>"),
        ("<ul><li>a<ul><li>b</ul><li>c</ul>", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"),
    ],
)
def test_sloppy_markup_reads_as_in_a_browser(html: str, expected: str) -> None:
    assert clean(html).html == expected


@pytest.mark.req("R43")
@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 50_000 + "x",
        "<div>" * 200 + "<div>x</div>" * 60_000,
        "<p><b id=1>x" * 60_000,
        "<p>" + "".join(f"<b x={i}>" for i in range(100)) + "<div>x</div>" * 60_000,
        "<div " + " ".join(f"a{i}=1" for i in range(80_000)) + ">x",
        "".join(f'<p style="color:red;padding:{i}px">' for i in range(20_000)),
        '<a "' * 200_000,
        "<!--" * 200_000,
        "<" * 900_000,
        "<svg>" * 150_000,
        "<table><td>" * 80_000,
        "<b><table><td>" + "<div>" * 190 + "</b>" * 100_000,
        "".join(f"<b x={i}>" + "<div>" * 9 + "</b>" + "</div>" * 9 + "t" for i in range(9_000)),
        '<p style="' + "(" * 900_000 + '">x',
    ],
    ids=lambda html: html[:16],
)
def test_adversarial_structure_takes_less_than_two_seconds(html: str) -> None:
    start = time.process_time()
    cleaned = clean(html)
    assert time.process_time() - start < 2.0
    assert depth_of(cleaned.html) <= 2 * MAX_DEPTH


def depth_of(html: str) -> int:
    """Nesting of well-formed output, counted on its tags."""
    depth = deepest = 0
    for piece in html.split("<")[1:]:
        if piece.startswith("/"):
            depth -= 1
        elif not piece.startswith(("br", "img", "hr", "wbr", "col>", "col ")):
            depth += 1
            deepest = max(deepest, depth)
    return deepest


def test_too_large_html_is_cut_and_said_so() -> None:
    cleaned = clean("<p>é</p>" * 200_000)
    assert cleaned.is_truncated
    assert cleaned.html.startswith("<p>é</p>")
    assert len(cleaned.html.encode()) <= 1_000_100


def test_lone_surrogates_and_nul_do_no_harm() -> None:
    assert clean("<p>a\x00b\ud800c</p>").html == "<p>a\ufffdb\ufffdc</p>"


PIECES = st.sampled_from(
    [
        "<div>", "</div>", "<p>", "</p>", "<b x=1>", "</b>", "<i>", "</i>", "<a href=https://x.example/>", "</a>", "<table>", "</table>",
        "<tr>", "<td>", "</td>", "</tr>", "<caption>", "<li>", "<ul>", "</ul>", "<h1>", "</h2>", "<svg>", "</svg>", "<math>", "</math>",
        "<style>", "</style>", "<!--", "-->", "<![CDATA[", "]]>", "<script>", "</script>", "<template>", "</template>", "<select>",
        "</select>", "<title>", "</title>", "<noscript>", "</noscript>", "<img src=x onerror=alert(1)>", "<font color=red>", "</font>",
        "<mtext>", "<mglyph>", "<foreignObject>", "<p style='position:fixed;color:red;background:url(//x)'>", "text", " ", "<", ">", '"', "'",
        "&lt;", "&#60;script>", "<plaintext>", "<body onload=x>", "<br>", "<span>", "</span>", "<nobr>", "<dd>", "<dt>", "\x00", "`", "=",
    ]
)  # fmt: skip


@pytest.mark.req("R46")
@given(st.lists(PIECES, max_size=60).map("".join))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_mix_of_markup_comes_out_safe_and_stays_so(html: str) -> None:
    once = clean(html)
    assert_safe(once.html)
    twice = clean(once.html)
    assert_safe(twice.html)
    # A quotation folded once is folded once more: the sign for it stands there again.
    assert text_of(twice.html).replace("… ", "").replace("…", "") == text_of(once.html).replace("… ", "").replace(
        "…", ""
    )


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_text_makes_it_fail(text: str) -> None:
    assert_safe(clean(text).html)


@pytest.mark.req("R43")
@pytest.mark.parametrize(
    "unit", ["<li><dt>", "<table><h3><main><colgroup><h1><details>", "<td><table></dt></a><dt><hr>", "<ul><tr>"]
)
@pytest.mark.parametrize("before", ["", "<table><table></table>", "<table><tr><td>", "<p><table><caption>"])
def test_nesting_that_parsers_see_and_tag_counters_do_not(before: str, unit: str) -> None:
    assert depth_of(clean(before + unit * 1_000).html) <= 2 * MAX_DEPTH


@given(st.lists(PIECES, min_size=1, max_size=8).map("".join))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_repetition_never_nests_deeper_than_the_limit(unit: str) -> None:
    bounded = bound_html(unit * 400)
    assert depth_of(clean(unit * 400).html) <= 2 * MAX_DEPTH
    assert len(bounded.html) <= 8 * len(unit) * 400 + 4_000
