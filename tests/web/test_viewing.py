"""The viewer of attached files: what each kind shows, what it never shows, the way from file to file."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.attached_files import CARD, INVITATION, PROGRAM, around, message_with, pdf, png, wav, zip_of
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.pages import body_of, client_of
from webmail.store.models import Email, Mailbox

pytestmark = pytest.mark.django_db

SCRIPT = b"<script>alert(1)</script>"


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    return make_mailbox(make_account(alice), "Inbox", role="inbox")


def view_of(email: Email, place: str = "2") -> str:
    return reverse("message_view", args=[email.public_id, place])


def test_a_picture_is_shown_from_below_the_key_of_its_message(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, message_with(("a.png", "image/png", png())))
    page = client.get(view_of(email)).content.decode()
    address = page.split('<img src="')[-1].split('"')[0]
    assert address.startswith("/mail/c/")
    assert address.endswith(f"/{email.public_id}/p/2")
    picture = Client().get(address)
    assert picture.headers["Content-Type"] == "image/png"
    assert picture.headers["Content-Disposition"].startswith("inline;")
    assert picture.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


@pytest.mark.req("R21")
@pytest.mark.parametrize(
    ("name", "kind", "content"),
    [
        ("a.html", "text/html", SCRIPT),
        ("a.svg", "image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
        ("a.xml", "application/xml", b"<?xml version='1.0'?><x>" + SCRIPT + b"</x>"),
        ("a.txt", "text/plain", SCRIPT),
        ("a.csv", "text/csv", b"a,b\r\n" + SCRIPT),
    ],
)
def test_markup_is_shown_as_the_characters_it_is_made_of(
    client: Client, inbox: Mailbox, name: str, kind: str, content: bytes
) -> None:
    email = make_email_from_bytes(inbox, message_with((name, kind, content)))
    page = client.get(view_of(email)).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "<iframe" not in page


def test_text_is_shown_in_its_charset(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(
        inbox, message_with(("a.txt", "text/plain; charset=koi8-r", "Привет".encode("koi8-r")))
    )
    assert "Привет" in body_of(client.get(view_of(email)))


def test_a_long_text_is_cut_and_says_so(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, message_with(("a.log", "text/plain", b"line\r\n" * 80_000 + b"THE-END")))
    page = body_of(client.get(view_of(email)))
    assert "Only the beginning is shown." in page
    assert "THE-END" not in page


def test_a_pdf_is_shown_as_pictures_of_its_pages_and_never_as_a_file(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, message_with(("a.pdf", "application/pdf", pdf(3))))
    page = client.get(view_of(email)).content.decode()
    for number in (1, 2, 3):
        assert f'src="{reverse("message_page", args=[email.public_id, number, "2"])}"' in page
    assert 'width="1200" height="1800"' in page
    assert "<embed" not in page
    assert "<object" not in page
    assert "<iframe" not in page


def test_a_sound_is_played_in_a_frame_that_can_do_nothing_else(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, message_with(("a.wav", "application/octet-stream", wav())))
    page = client.get(view_of(email)).content.decode()
    assert 'sandbox=""' in page
    address = page.split('<iframe class="viewer__media viewer__media--audio" src="')[1].split('"')[0]
    player = Client().get(address)
    policy = player.headers["Content-Security-Policy"]
    media = address.replace("/v/", "/p/")
    assert policy == (
        f"sandbox; default-src 'none'; media-src http://testserver{media}; style-src 'unsafe-inline'; "
        "frame-ancestors http://testserver; form-action 'none'; base-uri 'none'"
    )
    assert '<audio controls preload="metadata" src="../p/2"' in player.content.decode()
    sound = Client().get(media, headers={"Range": "bytes=0-3"})
    assert (sound.status_code, sound.content, sound.headers["Content-Type"]) == (206, b"RIFF", "audio/wav")


def test_what_is_no_sound_has_no_player(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, message_with(("a.mp3", "audio/mpeg", SCRIPT), ("b.wav", "audio/wav", wav())))
    page = client.get(view_of(email, "3")).content.decode()
    address = page.split(' src="/mail/c/')[1].split('"')[0]
    assert Client().get(f"/mail/c/{address}").status_code == 200
    assert Client().get(f"/mail/c/{address.replace('/v/3', '/v/2')}").status_code == 404


@pytest.mark.req("R11")
def test_a_calendar_file_is_told_in_words_and_its_markup_stays_text(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, message_with(("a.ics", "text/calendar", INVITATION)))
    raw = client.get(view_of(email)).content.decode()
    page = body_of(client.get(view_of(email)))
    assert "Tuesday, 3 March 2026, 13:00–14:00 (14:00 in Europe/Berlin)" in page
    assert "Every 2 weeks on Tue, 5 times" in page
    assert "Room 5" in page
    assert "Bring <b>figures</b>, please." in page
    assert "<b>figures" not in raw
    assert "<script>alert" not in raw
    assert "ben@example.net" in page


@pytest.mark.req("R11")
def test_a_card_is_told_in_words_and_its_markup_stays_text(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, message_with(("a.vcf", "text/vcard", CARD)))
    raw = client.get(view_of(email)).content.decode()
    assert "Dora &lt;img src=x&gt;" in raw
    assert "Main Street 1, Berlin, 10115, Germany" in raw
    assert "Met in May" in raw


@pytest.mark.req("R24")
def test_a_zip_file_is_listed_and_not_unpacked(client: Client, inbox: Mailbox) -> None:
    bomb = zip_of(plan=b"x", zeros=bytes(5_000_000))
    email = make_email_from_bytes(inbox, message_with(("a.zip", "application/zip", bomb)))
    page = body_of(client.get(view_of(email)))
    assert "2 files" in page
    assert "plan.txt" in page
    assert "zeros.txt" in page


def test_a_program_has_no_preview_and_a_warning(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, message_with(("report.pdf", "application/pdf", PROGRAM)))
    page = body_of(client.get(view_of(email)))
    assert "Not what it seems" in page
    assert "There is no preview of this file." in page


def test_a_broken_pdf_says_so_and_can_still_be_saved(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, message_with(("a.pdf", "application/pdf", b"%PDF-1.7\nnothing")))
    page = body_of(client.get(view_of(email)))
    assert "This file cannot be opened here." in page
    assert reverse("message_part", args=[email.public_id, "2"]) in page


def test_the_way_leads_from_file_to_file_and_back(client: Client, inbox: Mailbox) -> None:
    files = [(f"{name}.txt", "text/plain", b"x") for name in "abc"]
    email = make_email_from_bytes(inbox, message_with(*files))
    page = client.get(view_of(email, "3")).content.decode()
    assert "2 of 3" in page
    assert f'href="{view_of(email, "2")}" data-role="previous"' in page
    assert f'href="{view_of(email, "4")}" data-role="next"' in page
    assert f'href="{reverse("message", args=[email.public_id])}" data-role="back"' in page
    assert 'data-role="next"' not in client.get(view_of(email, "4")).content.decode()


def test_a_message_within_a_message_goes_on_to_its_own_page_and_its_files_can_be_viewed(
    client: Client, inbox: Mailbox
) -> None:
    email = make_email_from_bytes(inbox, around(message_with(("inner.txt", "text/plain", b"INNER-TEXT"))))
    assert client.get(view_of(email)).headers["Location"] == reverse("message_nested", args=[email.public_id, "2"])
    assert "INNER-TEXT" in body_of(client.get(view_of(email, "2/2")))
    saved = client.get(reverse("message_part", args=[email.public_id, "2/2"]))
    assert saved.content == b"INNER-TEXT"
    assert saved.headers["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize("place", ["9", "2/9", "9/2", "1"])
def test_a_file_that_is_not_there_is_not_found(client: Client, inbox: Mailbox, place: str) -> None:
    email = make_email_from_bytes(inbox, around(message_with(("a.txt", "text/plain", b"x"))))
    assert client.get(view_of(email, place)).status_code == 404


@pytest.mark.req("R22")
def test_hostile_names_are_text_and_show_their_real_end(client: Client, inbox: Mailbox) -> None:
    name = "invoice_<img src=x>\u202efdp.exe"
    email = make_email_from_bytes(inbox, message_with((name, "application/octet-stream", PROGRAM)))
    raw = client.get(view_of(email)).content.decode()
    assert "\u202e" not in raw
    assert "<img src=x" not in raw
    assert "fdp.exe" in raw


def test_cards_lead_to_the_viewer_and_to_one_zip_file(client: Client, inbox: Mailbox) -> None:
    files = [("a.pdf", "application/pdf", pdf(1)), ("setup.exe", "application/octet-stream", PROGRAM)]
    email = make_email_from_bytes(inbox, message_with(*files))
    page = client.get(reverse("message", args=[email.public_id])).content.decode()
    assert f'href="{view_of(email, "2")}"' in page
    assert f'src="{reverse("message_thumbnail", args=[email.public_id, "2"])}"' in page
    assert f'href="{reverse("message_part", args=[email.public_id, "3"])}"' in page
    assert view_of(email, "3") not in page  # nothing to see
    assert reverse("message_zip", args=[email.public_id]) in page
    assert "Program" in page


def test_nobody_else_sees_it(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, message_with(("a.txt", "text/plain", b"x")))
    assert client_of(make_user("bob")).get(view_of(email)).status_code == 404
    assert Client().get(view_of(email)).status_code == 302
