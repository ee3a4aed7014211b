"""HTML and style sheets."""

from tests.hostile.making import filled, hostile, page


@hostile("50 MB of nested div")
def _nested_div() -> bytes:
    return page(filled(b"<div>"))


@hostile("50 MB of style attributes")
def _style_attributes() -> bytes:
    return page(filled(b"<p style=\"color:red;margin:1px;background:url('http://a.example/x')\">a</p>"))


@hostile("different style attributes, 10 MB")
def _different_styles() -> bytes:
    return page(b"".join(b'<p style="margin:%dpx;color:#%06x;width:%dpx">a' % (n, n, n) for n in range(200_000)))


@hostile("50 MB of links in HTML")
def _html_links() -> bytes:
    return page(filled(b'<a href="http://a.example/?utm_source=b">http://other.example/</a>'))


@hostile("different links in HTML, 10 MB")
def _different_links() -> bytes:
    links = (b'<a href="http://h%d.example/?q=%d">http://www.bank%d.example/</a>' % (n, n, n) for n in range(150_000))
    return page(b"".join(links))


@hostile("different pictures in HTML, 10 MB")
def _pictures() -> bytes:
    images = (
        b'<img src="http://h%d.example/o/%d.gif?u=1" width=1 height=1 style="width:%dpx">' % (n, n, n)
        for n in range(120_000)
    )
    return page(b"".join(images))


@hostile("a style block of 3 MB")
def _style_block() -> bytes:
    return page(
        b"<style>"
        + filled(b".a b > c:hover, d e { color : red ; background : url( x ) }", 3_000_000)
        + b"</style><p class=a>x"
    )


@hostile("different rules in a style block, 3 MB")
def _different_rules() -> bytes:
    rules = b"".join(b".c%d .d%d{margin:%dpx;color:#%06x}" % (n, n, n, n) for n in range(80_000))
    return page(b"<style>" + rules + b"</style><p class=c1>x")


@hostile("nested blocks in a style block, 3 MB")
def _nested_rules() -> bytes:
    return page(b"<style>" + filled(b"@media screen{", 1_500_000) + filled(b"a{b:c(", 1_500_000) + b"</style>x")


@hostile("1,000 style blocks of media queries")
def _style_blocks() -> bytes:
    block = b"<style media='(max-width:%dpx)'>@media (max-width:%dpx){.a%d{width:100%%!important}}</style>"
    return page(b"".join(block % (n, n, n) for n in range(1_000)) + b"<p class=a1>x")


@hostile("50 MB of tags that do not close")
def _unclosed_tags() -> bytes:
    return page(filled(b"<a "))


@hostile("50 MB of unclosed quotes")
def _unclosed_quotes() -> bytes:
    return page(filled(b"<a b='<a b=\""))


@hostile("50 MB of less-than signs")
def _angles() -> bytes:
    return page(filled(b"<"))


@hostile("50 MB of comments that do not close")
def _comments_open() -> bytes:
    return page(filled(b"<!--"))


@hostile("50 MB of declarations")
def _declarations() -> bytes:
    return page(filled(b"<![if !mso]>"))


@hostile("hidden elements without end")
def _hidden() -> bytes:
    return page(b"<svg>" + filled(b"</svga", 20_000_000))


@hostile("50 MB of opening raw text elements")
def _raw_elements() -> bytes:
    return page(filled(b"<script><style><title><svg><math><template>"))


@hostile("50 MB of misnested formatting")
def _misnested() -> bytes:
    return page(filled(b"<b><i><u><font><a href=x></b><p></i></u></table><td>"))


@hostile("fonts in paragraphs, 1 MB")
def _fonts() -> bytes:
    return page(b"".join(b"<font a=%d><p>" % number for number in range(80_000)))


@hostile("50 MB of table cells")
def _cells() -> bytes:
    return page(filled(b"<table><tr><td>x"))


@hostile("one tag with 1,000,000 attributes")
def _attributes() -> bytes:
    return page(b"<p " + b" ".join(b"a%d=1" % number for number in range(1_000_000)) + b">x")


@hostile("one attribute of 40 MB")
def _attribute() -> bytes:
    return page(b"<p title='" + filled(b"&lt;a", 40_000_000) + b"'>x")


@hostile("50 MB of character references")
def _references_html() -> bytes:
    return page(filled(b"&#x1F600;&amp;&notit;"))


@hostile("50 MB of quotations in HTML")
def _html_quotes() -> bytes:
    return page(filled(b'<div class="gmail_quote">On Monday a wrote:<blockquote>x<br>-- <br>'))


@hostile("a data picture of 40 MB")
def _data_picture() -> bytes:
    return page(b"<img src='data:image/png;base64," + filled(b"iVBORw0KGgo", 40_000_000) + b"'>")
