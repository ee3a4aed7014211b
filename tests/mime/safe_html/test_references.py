"""What a cleaned mail refers to: pictures by number and only when asked for, links that are warned about, parts of itself."""

import re

import pytest
from selectolax.lexbor import LexborHTMLParser

from tests.mime.safe_html.safety import assert_safe_result
from webmail.mime.safe_html.notices import attribute_text, read_attributes, url_key
from webmail.mime.safe_html.remote import RemoteRef, WarnedLink
from webmail.mime.safe_html.sanitize import SafeHtml, sanitize

REMOTE = "https://leak.example/a.png"

# R17: ways to make a reader's browser ask for something. LEAK stands for an address of the sender.
VECTORS = [
    '<img src="LEAK">', "<img src='LEAK'>", "<img src=LEAK>", '<img src=" LEAK ">', '<img src="&#10;LEAK">', '<img src="//leak.example/a.png">',
    '<img src="\\\\leak.example\\a.png">', '<img src="/\\leak.example/a.png">', '<img src="HTTPS://Leak.Example/a.png">',
    '<img src="ftp://leak.example/a.png">', '<img srcset="LEAK 2x">', '<img src="cid:gone" srcset="LEAK 1x, LEAK 2x" sizes="1px">',
    '<picture><source srcset="LEAK"><img alt="x"></picture>', '<img lowsrc="LEAK" dynsrc="LEAK" longdesc="LEAK">',
    '<img src="data:image/svg+xml,<svg xmlns=\'http://www.w3.org/2000/svg\'><image href=\'LEAK\'/></svg>">', '<image src="LEAK">',
    '<video poster="LEAK"></video>', '<video src="LEAK" autoplay></video>', '<video><source src="LEAK"></video>', '<audio src="LEAK" autoplay>',
    '<video><track src="LEAK" default></video>', '<embed src="LEAK">', '<object data="LEAK"></object>', '<applet archive="LEAK"></applet>',
    '<iframe src="LEAK"></iframe>', '<iframe srcdoc="<img src=LEAK>"></iframe>', '<frameset><frame src="LEAK"></frameset>',
    '<input type="image" src="LEAK">', '<bgsound src="LEAK">', '<script src="LEAK"></script>', '<link rel="stylesheet" href="LEAK">',
    '<link rel="preload" as="image" href="LEAK">', '<link rel="prefetch" href="LEAK">', '<link rel="dns-prefetch" href="//leak.example">',
    '<link rel="preconnect" href="https://leak.example">', '<link rel="icon" href="LEAK">', '<link rel="manifest" href="LEAK">',
    '<meta http-equiv="refresh" content="0;url=LEAK">', '<base href="https://leak.example/"><img src="a.png">',
    '<body background="LEAK">', '<table background="LEAK"><tr><td>x', '<table><tr background="LEAK"><td background="LEAK">x',
    '<table><thead background="LEAK"><tr><th background="LEAK">x', '<div style="background:url(LEAK)">x</div>',
    '<div style="background:url(\'LEAK\')">x</div>', '<div style="background-image:url(&quot;LEAK&quot;),url(LEAK)">x</div>',
    '<div style="background:URL(LEAK)">x</div>', '<div style="background:u\\72l(LEAK)">x</div>', '<div style="background:url(LEAK">x</div>',
    '<div style="background:image-set(\'LEAK\' 1x)">x</div>', '<div style="background:-webkit-image-set(url(LEAK) 1x)">x</div>',
    '<div style="background:cross-fade(url(LEAK), red)">x</div>', '<div style="background:src(\'LEAK\')">x</div>',
    '<div style="list-style:url(LEAK)">x</div>', '<li style="list-style-image:url(LEAK)">x', '<div style="cursor:url(LEAK),auto">x</div>',
    '<div style="content:url(LEAK)">x</div>', '<div style="border-image:url(LEAK) 1">x</div>', '<div style="border-image-source:url(LEAK)">x</div>',
    '<div style="mask:url(LEAK)">x</div>', '<div style="-webkit-mask-image:url(LEAK)">x</div>', '<div style="filter:url(LEAK#f)">x</div>',
    '<div style="clip-path:url(LEAK#c)">x</div>', '<div style="shape-outside:url(LEAK)">x</div>', '<div style="offset-path:url(LEAK)">x</div>',
    '<div style="--a:url(LEAK);background:var(--a)">x</div>', '<div style="behavior:url(LEAK)">x</div>', '<div style="-moz-binding:url(LEAK)">x</div>',
    '<div style="fill:url(LEAK#x);marker:url(LEAK#x)">x</div>', '<div style="@import \'LEAK\'">x</div>',
    "<style>@import 'LEAK';</style>", "<style>@import url(LEAK) screen;</style>", "<style>@font-face{font-family:x;src:url(LEAK)}*{font-family:x}</style>",
    "<style>body{background:url(LEAK)}</style>", "<style>p::before{content:url(LEAK)}</style><p>x", "<style>*{list-style:url(LEAK)}</style><li>x",
    "<style>a:hover{background:url(LEAK)}</style><a>x", "<style>@media screen{p{background:url(LEAK)}}</style><p>x",
    "<style>@supports (color:red){p{background:url(LEAK)}}</style><p>x", "<style>p{background:url(LEAK</style><p>x",
    "<style>@namespace url(LEAK);@document url(LEAK){p{color:red}}</style>", "<style>@property --x{initial-value:url(LEAK)}</style>",
    '<style>input[value^="a"]{background:url(LEAK)}</style><input value="ab">', '<svg><image href="LEAK"/></svg>', '<svg><use href="LEAK#x"/></svg>',
    '<svg><feImage href="LEAK"/></svg>', '<svg><rect fill="url(LEAK#x)"/></svg>', '<svg><style>*{background:url(LEAK)}</style></svg>',
    '<svg><script href="LEAK"/></svg>', '<svg><image xlink:href="LEAK"><animate attributeName="href" to="LEAK"/></image></svg>',
    '<math href="LEAK">x</math>', '<blockquote cite="LEAK">x</blockquote>', '<q cite="LEAK">x</q>', '<a ping="LEAK" href="mailto:a@b.example">x</a>',
    '<form action="LEAK"><button formaction="LEAK">x</button></form>', '<html manifest="LEAK">', '<head profile="LEAK">', '<template><img src="LEAK"></template>',
    '<noscript><img src="LEAK"></noscript>', '<!--[if gte IE 5]><img src="LEAK"><![endif]-->', '<!--[if !mso]><!--><img src="LEAK"><!--<![endif]-->',
    '<portal src="LEAK"></portal>', '<textarea><img src="LEAK"></textarea>', '<xml><img src="LEAK"></xml>', '<img src=x style="background:url(LEAK)">',
]  # fmt: skip


def clean(html: str, *, shows_remote: bool = False) -> SafeHtml:
    return sanitize(html, cid_urls={}, shows_remote=shows_remote)


@pytest.mark.req("R17")
@pytest.mark.parametrize("vector", VECTORS)
def test_no_vector_leaves_a_remote_reference(vector: str) -> None:
    html = vector.replace("LEAK", REMOTE)
    hidden = clean(html)
    assert "leak.example" not in re.sub(r'href="[^"]*"', "", hidden.html).lower()
    assert "leak.example" not in hidden.css.lower()
    assert "r/" not in re.sub(r"<[^>]*href", "", hidden.html) + hidden.css
    assert_safe_result(hidden)


@pytest.mark.req("R17")
@pytest.mark.req("R18")
@pytest.mark.parametrize("vector", VECTORS)
def test_when_pictures_are_shown_they_come_from_us(vector: str) -> None:
    html = vector.replace("LEAK", REMOTE)
    hidden, shown = clean(html), clean(html, shows_remote=True)
    assert "leak.example" not in shown.html.lower() + shown.css.lower()
    assert shown.remote == hidden.remote
    assert_safe_result(shown, shows_remote=True)
    for number in re.findall(r"\br/([0-9]+)", shown.html + shown.css):
        assert shown.remote[int(number)].url.lower() == REMOTE


@pytest.mark.req("R17")
def test_all_vectors_at_once_leave_none() -> None:
    html = "\n".join(VECTORS).replace("LEAK", REMOTE)
    assert len(VECTORS) >= 60
    cleaned = clean(html)
    assert "leak.example" not in cleaned.html.lower() + cleaned.css.lower()


def test_pictures_are_listed_once_with_stable_numbers() -> None:
    html = (
        '<img src="https://a.example/1.png"><img src="https://a.example/2.png" alt="two"><img src="https://a.example/1.png">'
        '<table background="https://a.example/3.png"><tr><td style="background:#eee url(https://a.example/1.png)">x</td></tr></table>'
    )
    shown = sanitize(html, cid_urls={}, shows_remote=True, first_remote=10)
    assert [ref.url[-5:] for ref in shown.remote] == ["1.png", "2.png", "3.png"]
    assert {ref.kind for ref in shown.remote[:2]} == {"picture"}
    assert shown.remote[2] == RemoteRef("https://a.example/3.png", "background")
    assert '<img src="r/10"><img src="r/11" alt="two"><img src="r/10">' in shown.html
    assert 'background="r/12"' in shown.html
    assert "url(r/10)" in shown.html
    hidden = sanitize(html, cid_urls={}, first_remote=10)
    assert hidden.remote == shown.remote
    assert hidden.blocked_remote == 3
    assert hidden.has_remote


@pytest.mark.req("R17")
def test_trackers_are_listed_and_never_referred_to() -> None:
    html = '<img src="https://t.example/o.gif" width="1" height="1"><img src="https://a.example/1.png">'
    shown = clean(html, shows_remote=True)
    assert shown.remote[0] == RemoteRef("https://t.example/o.gif", "picture", "")
    assert shown.html.endswith('<img src="r/1">')
    assert "r/0" not in shown.html


def test_a_tracking_pixel_is_one_wherever_it_stands() -> None:
    shown = clean(
        '<img src="https://t.example/o.gif"><img src="https://t.example/o.gif" style="width:1px;height:1px">',
        shows_remote=True,
    )
    assert "src=" not in shown.html
    assert [ref.tracker for ref in shown.remote] == [""]


def test_pictures_of_the_message_itself_may_stand_behind_text() -> None:
    cleaned = sanitize(
        '<body background="cid:a"><p style="background:url(cid:a)">x</p><style>td{background-image:url(CID:A)}</style>',
        cid_urls={"A": "p/2.1"},
    )
    assert cleaned.remote == ()
    assert 'background="p/2.1"' in cleaned.html
    assert "background-image:url(p/2.1)" in cleaned.html
    assert ":where(.pb-body) td{background-image:url(p/2.1)" in cleaned.css
    assert ':where(.pb-mail[background="p/2.1"]){background-image:url(p/2.1)}' in cleaned.css


@pytest.mark.req("R14")
def test_a_link_that_reads_as_another_goes_by_way_of_a_warning() -> None:
    html = '<a href="https://evil.example.com/?a=1&amp;copy=2">www.<b>bank</b>.org</a> <a href="https://example.com/">Example</a>'
    cleaned = sanitize(html, cid_urls={}, first_link=5)
    assert cleaned.links == (WarnedLink("https://evil.example.com/?a=1&copy=2", "www.bank.org", "other-host"),)
    assert [node.attributes["href"] for node in LexborHTMLParser(cleaned.html).css("a")] == [
        "l/5",
        "https://example.com/",
    ]


@pytest.mark.req("R14")
@pytest.mark.parametrize(
    "href",
    [
        "https://evil.example.com/?x=1&copy=1", "https://evil.example.com/?x=1&amp;b", "https://evil.example.com/?&notit;=&not;",
        "https://evil.example.com/&#x80;&#0;&#xfdd0;&#x1F600;", "https://evil.example.com/&lt&gt=&ltx", "ht&#x74;ps://evil.example.com/",
        "https://evil.example.com/\u00e9\u202e&eacute;", " https://evil.example.com/&Tab;x&NewLine;", "https://evil.example.com/&ampamp;",
        "https://evil.example.com/&#55555555;&#x110000;&#xD800;", "https://evil.example.com/&bogus;&bogus=",
    ],
)  # fmt: skip
@pytest.mark.parametrize("quote", ['"', "'", ""])
def test_no_way_to_write_an_address_hides_what_the_link_says(href: str, quote: str) -> None:
    if not quote:
        href = href.strip()
    cleaned = clean(f"<a class=x href={quote}{href}{quote} href=https://second.example.com/>www.bank.org</a>")
    assert [link.reason for link in cleaned.links] == ["other-host"]
    assert cleaned.links[0].shown == "www.bank.org"


@pytest.mark.req("R14")
def test_links_inside_the_page_and_tracking_parameters_are_gone() -> None:
    html = '<a href="#top">up</a> <a href="https://example.com/?utm_source=x&amp;id=1#a">go</a>'
    kept, stripped = sanitize(html, cid_urls={}), sanitize(html, cid_urls={}, strips_tracking=True)
    assert '<a rel="noopener noreferrer nofollow" target="_blank">up</a>' in kept.html
    assert 'href="https://example.com/?utm_source=x&amp;id=1#a"' in kept.html
    assert 'href="https://example.com/?id=1#a"' in stripped.html


def test_attributes_are_read_as_a_browser_reads_them() -> None:
    assert read_attributes(" A=1 b='2' a=3 c d = \"4&amp;5\" /e=6") == {
        "a": "1",
        "b": "2",
        "c": "",
        "d": "4&5",
        "e": "6",
    }
    assert attribute_text("?a&copy=1&copy;&copyx&#65;&#x42") == "?a&copy=1\u00a9&copyxAB"
    assert url_key(" a\u202eb\x00c d") == "abcd"
