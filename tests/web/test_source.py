"""A message as it came: source in pieces, all header fields, and the file byte for byte."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.pages import body_of, client_of
from webmail.store.models import Email, Mailbox
from webmail.web.views import source

pytestmark = pytest.mark.django_db

RAW = (
    b"Received: from a\r\n\tby b; Mon, 2 Mar 2026 10:00:00 +0000\r\nReceived: from c by a\r\nFrom: Ben <ben@example.net>\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_=3Cscript=3Ealert=281=29=3C/script=3E?=\r\nX-Bytes: \xff\xfe\r\n\r\n<p>Body</p>\r\n"
)


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    return make_mailbox(make_account(alice), "Inbox", role="inbox")


def page_of(client: Client, name: str, email: Email, **query: object) -> str:
    return client.get(reverse(name, args=[email.public_id]), query).content.decode()


@pytest.mark.req("R42")
def test_the_file_is_the_message_byte_for_byte_under_a_safe_name(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, RAW)
    saved = client.get(reverse("message_download", args=[email.public_id]))
    assert saved.content == RAW
    assert saved.headers["Content-Type"] == "message/rfc822"
    disposition = saved.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="')
    assert "<" not in disposition
    assert disposition.endswith(".eml")
    assert saved.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


@pytest.mark.req("R9")
def test_the_source_is_text(client: Client, inbox: Mailbox) -> None:
    page = page_of(client, "message_source", make_email_from_bytes(inbox, RAW))
    assert "&lt;p&gt;Body&lt;/p&gt;" in page
    assert "<p>Body" not in page
    assert "\N{REPLACEMENT CHARACTER}" in page  # bytes of no charset cost nobody the page


def test_a_long_source_is_shown_in_pieces_that_end_with_a_line(
    client: Client, inbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "PIECE_BYTES", 1_000)
    lines = b"".join(b"line %d \xc3\xbc\r\n" % number for number in range(300))
    raw = b"Subject: x\r\n\r\n" + lines
    email = make_email_from_bytes(inbox, raw)
    shown, start = "", 0
    for _ in range(20):
        page = body_of(client.get(reverse("message_source", args=[email.public_id]), {"from": start} if start else {}))
        shown += page.split('<pre class="source" tabindex="0">')[1].split("</pre>")[0]
        if "Next piece" not in page:
            break
        start = int(page.split("?from=")[1].split('"')[0])
    assert shown.replace("\r", "") == raw.decode().replace("\r", "")


@pytest.mark.parametrize("start", ["-1", "x", "9" * 30, "²"])
def test_a_start_that_is_no_number_is_the_beginning(client: Client, inbox: Mailbox, start: str) -> None:
    assert "Received" in page_of(client, "message_source", make_email_from_bytes(inbox, RAW), **{"from": start})


def test_behind_the_end_there_is_nothing(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, RAW)
    assert client.get(reverse("message_source", args=[email.public_id]), {"from": len(RAW)}).status_code == 404


@pytest.mark.req("R9")
def test_all_header_fields_are_shown_decoded_in_their_order(client: Client, inbox: Mailbox) -> None:
    raw = page_of(client, "message_headers", make_email_from_bytes(inbox, RAW))
    assert "Grüße &lt;script&gt;alert(1)&lt;/script&gt;" in raw
    assert "<script>alert" not in raw
    rows = raw.split("<tbody>")[1]
    assert rows.index("from a") < rows.index("from c by a") < rows.index("ben@example.net")


def test_header_fields_can_be_seen_as_they_came(client: Client, inbox: Mailbox) -> None:
    page = page_of(client, "message_headers", make_email_from_bytes(inbox, RAW), raw=1)
    assert "=?utf-8?q?Gr=C3=BC=C3=9Fe" in page


@pytest.mark.parametrize("name", ["message_source", "message_headers", "message_download"])
def test_nobody_else_sees_it(inbox: Mailbox, name: str) -> None:
    address = reverse(name, args=[make_email_from_bytes(inbox, RAW).public_id])
    assert client_of(make_user("bob")).get(address).status_code == 404
    assert Client().get(address).status_code == 302
