"""The document around a body and its response headers."""

import pytest
from selectolax.lexbor import LexborHTMLParser

from webmail.mime.safe_html.document import PLAIN_TEXT_CSS, Scheme, document_headers, message_document


@pytest.mark.req("R2")
def test_headers_are_those_of_the_requirement() -> None:
    headers = document_headers(
        image_sources=["https://content.example/proxy/"], frame_ancestors=["https://mail.example"]
    )
    assert headers == {
        "Content-Security-Policy": (
            "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none';"
            " img-src https://content.example/proxy/; style-src 'unsafe-inline';"
            " frame-ancestors https://mail.example; form-action 'none'; base-uri 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }


@pytest.mark.req("R2")
def test_without_sources_nothing_is_allowed() -> None:
    policy = document_headers(image_sources=[], frame_ancestors=[])["Content-Security-Policy"]
    assert "img-src 'none';" in policy
    assert "frame-ancestors 'none';" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy


@pytest.mark.parametrize(
    "source", ["*; script-src *", "a b", "'unsafe-inline'", "javascript:", "", "https://a,b", "https://a\r\nX: y"]
)
def test_a_source_cannot_add_a_directive(source: str) -> None:
    with pytest.raises(ValueError, match="not a CSP source"):
        document_headers(image_sources=[source], frame_ancestors=["'self'"])


@pytest.mark.parametrize(
    "source", ["'self'", "data:", "https://mail.example:8443", "http://127.0.0.1:8000/content/", "mail.example"]
)
def test_sources_we_need_are_accepted(source: str) -> None:
    assert (
        f"img-src {source};" in document_headers(image_sources=[source], frame_ancestors=[])["Content-Security-Policy"]
    )


@pytest.mark.req("R9")
def test_the_title_is_text() -> None:
    html = message_document("<p>x</p>", title="</title><script>alert(1)</script>", css=PLAIN_TEXT_CSS)
    tree = LexborHTMLParser(html)
    assert tree.css("script") == []
    title = tree.css_first("title")
    assert title is not None
    assert title.text() == "</title><script>alert(1)</script>"


@pytest.mark.req("R4")
def test_the_cleaned_body_is_served_byte_for_byte() -> None:
    body = '<p style="color:red">a &amp; b</p>'
    assert f'<body><div class="pb-body">{body}</div></body>' in message_document(body, title="t", css=PLAIN_TEXT_CSS)


def test_a_style_sheet_cannot_end_its_element() -> None:
    with pytest.raises(ValueError, match="no markup"):
        message_document("", title="", css="</style><script>")
    with pytest.raises(ValueError, match="no markup"):
        message_document("", title="", own_css="</style><script>")


@pytest.mark.parametrize("scheme", ["auto", "light", "dark"])
def test_it_says_which_scheme_it_is_in(scheme: Scheme) -> None:
    html = message_document("", title="", scheme=scheme)
    assert f'<html data-scheme="{scheme}">' in html
    assert "color-scheme: light dark" in html


def test_our_own_rules_stand_behind_those_of_the_mail() -> None:
    html = message_document("", title="", css="p{color:red}", own_css=".pb-body{color:blue}")
    assert html.index("color-scheme: light dark") < html.index("p{color:red}") < html.index("@media print")
    assert html.index("@media print") < html.index(".pb-body{color:blue}")


def test_plain_text_has_a_width_for_reading() -> None:
    assert "72ch" in message_document("", title="", css=PLAIN_TEXT_CSS)
