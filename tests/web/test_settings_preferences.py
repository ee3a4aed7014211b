"""Settings of the person: sections, their search, each field saved by itself, and all of it without scripts (features K)."""

from __future__ import annotations

import json
from datetime import time

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import MailAccount, User
from accounts.sections import sections
from tests.factories import make_account, make_mailbox, make_user
from tests.web.pages import body_of, client_of

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


def save(client: Client, section: str, field: str, value: str | None):
    data = {} if value is None else {field: value}
    return client.post(f"{reverse(section)}?field={field}", data, headers=HTMX)


@pytest.mark.parametrize(
    ("section", "field", "posted", "stored"),
    [
        ("settings_appearance", "theme", "dark", "dark"),
        ("settings_appearance", "mail_colors", "original", "original"),
        ("settings_appearance", "density", "compact", "compact"),
        ("settings_appearance", "phone_density", "comfortable", "comfortable"),
        ("settings_appearance", "pane", "below", "below"),
        ("settings_reading", "has_threads", None, False),
        ("settings_reading", "thread_order", "newest", "newest"),
        ("settings_reading", "after_act", "previous", "previous"),
        ("settings_reading", "mark_read_after_s", "5", 5),
        ("settings_reading", "mark_read_after_s", "", None),
        ("settings_reading", "prefers_text", "on", True),
        ("settings_organising", "swipe_right", "star", "star"),
        ("settings_organising", "swipe_left", "none", "none"),
        ("settings_notifications", "notification_text", "sender", "sender"),
        ("settings_notifications", "quiet_from", "22:30", time(22, 30)),
        ("settings_language", "language", "de", "de"),
        ("settings_language", "timezone", "Europe/Berlin", "Europe/Berlin"),
        ("settings_sending", "undo_send_s", "20", 20),
        ("settings_sending", "name", "Alice A.", "Alice A."),
    ],
)
def test_one_field_is_saved_by_itself_and_leaves_the_others(
    client: Client, alice: User, section: str, field: str, posted: str | None, stored: object
) -> None:
    User.objects.update(receipts="never", swipe_right="junk")
    answer = save(client, section, field, posted)
    alice.refresh_from_db()
    assert getattr(alice, field) == stored
    assert alice.receipts == "never"
    assert field == "swipe_right" or alice.swipe_right == "junk"
    assert "Saved" in body_of(answer) or section == "settings_language"
    if section == "settings_language":
        assert answer["HX-Refresh"] == "true"
    else:
        assert json.loads(answer["HX-Trigger"])["setting:saved"]["field"] == field


@pytest.mark.parametrize(
    ("section", "field", "posted"),
    [
        ("settings_appearance", "theme", "pink"),
        ("settings_appearance", "density", ""),
        ("settings_reading", "mark_read_after_s", "86400"),
        ("settings_notifications", "quiet_from", "25:00"),
        ("settings_language", "language", "tlh"),
        ("settings_language", "timezone", "Nowhere/Else"),
        ("settings_sending", "undo_send_s", "x"),
    ],
)
def test_a_value_that_cannot_be_is_refused_beside_the_field(
    client: Client, alice: User, section: str, field: str, posted: str
) -> None:
    before = getattr(alice, field)
    answer = save(client, section, field, posted)
    assert answer.status_code == 422
    assert "field__error" in answer.content.decode()
    assert "HX-Trigger" not in answer
    alice.refresh_from_db()
    assert getattr(alice, field) == before


def test_only_settings_of_the_section_can_be_saved(client: Client, alice: User) -> None:
    assert save(client, "settings_appearance", "is_staff", "on").status_code == 404
    assert save(client, "settings_appearance", "receipts", "never").status_code == 404
    alice.refresh_from_db()
    assert not alice.is_staff
    assert alice.receipts == "ask"


def test_without_scripts_a_section_is_one_form_with_a_button(client: Client, alice: User) -> None:
    address = reverse("settings_appearance")
    page = client.get(address).content.decode()
    assert '<noscript><div class="buttons form__buttons"><button class="button button--primary" type="submit">' in page
    fields = {
        "theme": "dark", "mail_colors": "adapt", "density": "compact", "phone_density": "regular", "pane": "none",
    }  # fmt: skip
    assert client.post(address, fields)["Location"] == address
    page = client.get(address).content.decode()
    assert 'data-theme="dark"' in page
    assert 'data-density="compact"' in page
    assert 'data-pane="none"' in page
    assert client.post(address, {**fields, "theme": "pink"}).status_code == 422


def test_every_section_is_listed_and_can_be_opened(client: Client, alice: User) -> None:
    make_mailbox(make_account(alice), "Inbox", role="inbox")
    page = client.get(reverse("settings")).content.decode()
    assert [section.key for section in sections()] == [
        "accounts", "appearance", "reading", "organising", "notifications", "keys", "language", "sending", "passwords",
    ]  # fmt: skip
    for section in sections():
        assert f'href="{section.address}"' in page
        opened = client.get(section.address)
        assert opened.status_code == 200
        assert f'href="{section.address}" aria-current="page"' in opened.content.decode()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("dark", "Theme"),
        ("utm", "Take tracking marks off links"),
        ("swipe touch", "To the right"),
        ("Newest", "Messages of a conversation"),
        ("SIGNATURE", "Harbour: Name, colour, views"),
        ("sprache", "Language"),
        ("saved searches order", "Saved searches"),
    ],
)
def test_a_setting_is_found_by_its_words(client: Client, alice: User, words: str, found: str) -> None:
    make_account(alice, name="Harbour")
    page = body_of(client.get(reverse("settings"), {"find": words}))
    assert f'<span class="item__title">{found}</span>' in page
    fragment = client.get(reverse("settings"), {"find": words}, headers={**HTMX, "HX-Target": "settings-main"})
    assert "<html" not in fragment.content.decode()
    assert found in body_of(fragment)


def test_words_that_no_setting_has_are_told_so(client: Client, alice: User) -> None:
    make_account(make_user("bob"), name="Secret harbour")
    assert "No setting has these words" in body_of(client.get(reverse("settings"), {"find": "secret harbour"}))


@pytest.mark.parametrize(
    ("language", "asked", "expected"),
    [
        ("", "", ("en", "ltr")),
        ("", "ar, en;q=0.5", ("ar", "rtl")),
        ("", "tlh, de;q=0.7", ("de", "ltr")),
        ("de", "ar", ("de", "ltr")),
        ("xx", "ar", ("ar", "rtl")),
    ],
)
def test_pages_are_in_the_language_of_the_person_or_else_of_the_browser(
    client: Client, language: str, asked: str, expected: tuple[str, str]
) -> None:
    User.objects.update(language=language)
    page = client.get(reverse("settings_language"), headers={"Accept-Language": asked}).content.decode()
    assert f'<html lang="{expected[0]}"' in page
    assert f'dir="{expected[1]}"' in page


def test_pages_of_nobody_are_in_the_language_of_the_browser() -> None:
    page = Client().get(reverse("account_login"), headers={"Accept-Language": "ar"}).content.decode()
    assert '<html lang="ar"' in page
    assert 'dir="rtl"' in page
    assert "Deutsch" not in page


def test_languages_are_named_in_their_own_words(client: Client) -> None:
    page = body_of(client.get(reverse("settings_language")))
    for name in ("English", "Deutsch", "العربية"):
        assert name in page


def test_which_mailboxes_notify_is_chosen_for_each_account(client: Client, alice: User) -> None:
    account: MailAccount = make_account(alice)
    inbox = make_mailbox(account, "Inbox", role="inbox")
    plans = make_mailbox(account, "Plans")
    make_mailbox(account, "Junk", role="junk")
    page = client.get(reverse("settings_notifications")).content.decode()
    assert f'value="{inbox.public_id}" checked' in page
    assert f'value="{plans.public_id}" checked' not in page
    assert page.count('name="mailbox"') == 2
    address = reverse("account_notifications", args=[account.public_id])
    assert "Saved" in body_of(client.post(address, {"mailbox": [plans.public_id]}, headers=HTMX))
    inbox.refresh_from_db()
    plans.refresh_from_db()
    assert (inbox.notifies, plans.notifies) == (False, True)
    client.post(address, {"all": "no"})
    plans.refresh_from_db()
    assert plans.notifies is False
