"""The body algorithm of RFC 8621 section 4.1.4."""

import pytest

from webmail.mime.body import BodyParts, decompose
from webmail.mime.headers import Headers
from webmail.mime.parse import parse_message
from webmail.mime.part import Part


def leaf(
    name: str,
    part_type: str,
    disposition: str | None = None,
    *,
    file_name: str | None = None,
    cid: str | None = None,
    content: str = "",
) -> Part:
    return Part(
        name,
        part_type,
        Headers(),
        disposition=disposition,
        name=file_name,
        cid=cid,
        source=memoryview(content.encode()),
    )


def multi(kind: str, *parts: Part) -> Part:
    return Part(None, f"multipart/{kind}", Headers(), parts=parts)


def letters(body: BodyParts) -> tuple[str, str, str]:
    lists = (body.text_body, body.html_body, body.attachments)
    text, html, attachments = (" ".join(part.part_id or "" for part in parts) for parts in lists)
    return text, html, attachments


def test_the_example_of_the_rfc() -> None:
    root = multi(
        "mixed",
        leaf("A", "text/plain", "inline"),
        multi(
            "mixed",
            multi(
                "alternative",
                multi(
                    "mixed",
                    leaf("B", "text/plain", "inline"),
                    leaf("C", "image/jpeg", "inline"),
                    leaf("D", "text/plain", "inline"),
                ),
                multi("related", leaf("E", "text/html"), leaf("F", "image/jpeg")),
            ),
            leaf("G", "image/jpeg", "attachment"),
            leaf("H", "application/x-excel"),
            leaf("J", "message/rfc822"),
        ),
        leaf("K", "text/plain", "inline"),
    )
    body = decompose(root)
    assert letters(body) == ("A B C D K", "A E K", "C F G H J")
    assert body.has_attachment


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (leaf("A", "text/plain"), ("A", "A", "")),
        (leaf("A", "application/pdf"), ("", "", "A")),
        (leaf("A", "text/plain", "attachment"), ("", "", "A")),
        (multi("alternative", leaf("A", "text/plain"), leaf("B", "text/html")), ("A", "B", "")),
        (multi("alternative", leaf("B", "text/html")), ("B", "B", "")),
        (multi("alternative", leaf("A", "text/plain")), ("A", "A", "")),
        (multi("alternative", leaf("A", "text/plain"), leaf("B", "text/html"), leaf("C", "text/calendar")), ("A", "B", "C")),
        (multi("mixed", leaf("A", "text/plain"), leaf("B", "text/plain", file_name="b.txt")), ("A", "A", "B")),
        (multi("mixed", leaf("A", "text/plain"), leaf("B", "image/png", file_name="b.png")), ("A B", "A B", "")),
        (multi("mixed", leaf("A", "text/plain", file_name="a.txt"), leaf("B", "text/plain")), ("A B", "A B", "")),
        (multi("related", leaf("A", "text/html"), leaf("B", "image/png")), ("A", "A", "B")),
        (multi("alternative", leaf("A", "text/plain"), multi("mixed", leaf("B", "text/html"), leaf("C", "image/png"))), ("A", "B C", "C")),
        (multi("alternative", multi("alternative", leaf("A", "text/plain"))), ("A", "A", "")),
        (multi("alternative", multi("related", leaf("A", "text/html"), multi("alternative", leaf("B", "text/plain")))), ("A", "A", "B")),
        (multi("mixed"), ("", "", "")),
    ],
)  # fmt: skip
def test_structures_decompose(root: Part, expected: tuple[str, str, str]) -> None:
    assert letters(decompose(root)) == expected


def test_images_the_html_shows_are_no_attachments() -> None:
    html = leaf("A", "text/html", content='<img src="CID:pic@b">')
    assert not decompose(multi("related", html, leaf("B", "image/png", cid="pic@b"))).has_attachment
    assert not decompose(multi("related", html, leaf("B", "image/png", "inline"))).has_attachment
    assert decompose(multi("related", html, leaf("B", "image/png", cid="other@b"))).has_attachment
    assert decompose(multi("related", html, leaf("B", "image/png"))).has_attachment
    assert decompose(multi("mixed", html, leaf("B", "application/pdf", "attachment", cid="pic@b"))).has_attachment


def test_message_without_content_type_is_its_own_body() -> None:
    body = decompose(parse_message(b"Subject: x\r\n\r\nhello").root)
    assert body.text_body[0].text()[0] == "hello"
    assert body.html_body == body.text_body
    assert not body.has_attachment
