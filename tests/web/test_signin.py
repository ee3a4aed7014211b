"""Signing in with a password of ours and with that of a mailbox, and out again."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import ConnectionTest, MailDomain, User
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def sign_in(client: Client, address: str, password: str, **more: str):
    return client.post(reverse("account_login"), {"login": address, "password": password, **more})


def make_domain(**fields) -> MailDomain:
    return MailDomain.objects.create(domain="example.org", incoming_host="imap.example.org", may_sign_in=True, **fields)


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_a_user_signs_in_with_address_and_password_and_comes_back(client: Client) -> None:
    make_user()
    page = client.get(reverse("account_login") + "?next=/settings/appearance").content.decode()
    assert 'name="next" value="/settings/appearance"' in page
    answer = sign_in(client, "Alice@Pillarbox.test", PASSWORD, next="/settings/appearance")
    assert answer.status_code == 302
    assert answer["Location"] == "/settings/appearance"
    assert is_signed_in(client)


def test_a_wrong_password_is_said_next_to_the_form_and_the_address_stays(client: Client) -> None:
    make_user()
    answer = sign_in(client, "alice@pillarbox.test", "wrong")
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "do not belong together" in page
    assert "alice@pillarbox.test" in page
    assert "wrong" not in page.replace("do not belong", "")
    assert not is_signed_in(client)


def test_an_unknown_address_gets_the_same_words_as_a_wrong_password(client: Client) -> None:
    answer = sign_in(client, "nobody@pillarbox.test", "wrong")
    assert "do not belong together" in answer.content.decode()
    assert not ConnectionTest.objects.exists()


def test_another_site_is_no_place_to_come_back_to(client: Client) -> None:
    make_user()
    answer = sign_in(client, "alice@pillarbox.test", PASSWORD, next="https://evil.example/")
    assert answer["Location"] == "/"


def test_after_ten_wrong_passwords_the_address_waits(client: Client) -> None:
    make_user()
    for _ in range(10):
        answer = sign_in(client, "alice@pillarbox.test", "wrong")
    answer = sign_in(client, "alice@pillarbox.test", PASSWORD)
    assert answer.status_code == 429
    assert "Too many tries" in answer.content.decode()
    assert not is_signed_in(client)


def test_a_lock_on_one_address_leaves_the_others_of_the_same_network_alone(client: Client) -> None:
    make_user()
    make_user("bob")
    for _ in range(11):
        sign_in(client, "alice@pillarbox.test", "wrong")
    sign_in(client, "bob@pillarbox.test", PASSWORD)
    assert is_signed_in(client)


def test_signing_out_needs_a_post(client: Client) -> None:
    client.force_login(make_user())
    assert client.get(reverse("account_logout")).status_code == 200
    assert is_signed_in(client)
    client.post(reverse("account_logout"))
    assert not is_signed_in(client)


def test_a_mailbox_owner_signs_in_through_the_mail_server(client: Client) -> None:
    make_domain()
    answer = sign_in(client, "Ben@example.org", "mailbox password", next="/settings/appearance")
    assert answer["Location"] == reverse("login_wait")
    test = ConnectionTest.objects.get()
    assert (test.purpose, test.settings["incoming_host"]) == ("sign_in", "imap.example.org")
    assert "mailbox password" not in str(test.settings)
    page = client.get(reverse("login_wait")).content.decode()
    assert "ben@example.org" in page
    assert "http-equiv" in page

    user = User.objects.create_user("ben@example.org")
    ConnectionTest.objects.filter(pk=test.pk).update(status="passed", user=user)
    answer = client.get(reverse("login_wait"))
    assert answer["Location"] == "/settings/appearance"
    assert client.session["_auth_user_id"] == str(user.pk)


def test_a_refused_mailbox_password_is_explained_on_the_page_that_waits(client: Client) -> None:
    make_domain()
    sign_in(client, "ben@example.org", "mailbox password")
    step = {
        "step": "incoming.sign_in",
        "status": "failed",
        "title": "The server refuses the password.",
        "advice": "Type it again.",
        "server_text": "<script>NO</script>",
    }
    ConnectionTest.objects.update(status="failed", report=[step])
    page = client.get(reverse("login_wait")).content.decode()
    assert "The server refuses the password." in page
    assert "<script>NO" not in page
    assert reverse("account_login") in page
    assert not is_signed_in(client)


def test_nobody_picks_up_the_sign_in_of_another_browser(client: Client) -> None:
    make_domain()
    sign_in(client, "ben@example.org", "mailbox password")
    user = User.objects.create_user("ben@example.org")
    ConnectionTest.objects.update(status="passed", user=user)
    stranger = Client()
    assert stranger.get(reverse("login_wait"))["Location"] == reverse("account_login")
    assert not is_signed_in(stranger)


def test_a_domain_that_may_not_sign_in_is_never_asked(client: Client) -> None:
    make_domain()
    MailDomain.objects.update(may_sign_in=False)
    assert sign_in(client, "ben@example.org", "mailbox password").status_code == 422
    assert not ConnectionTest.objects.exists()


def test_a_locked_address_asks_no_mail_server_either(client: Client) -> None:
    make_domain()
    for _ in range(12):
        sign_in(client, "ben@example.org", "mailbox password")
    assert ConnectionTest.objects.count() <= 10


def test_a_script_that_waits_is_led_on_by_a_header(client: Client) -> None:
    make_domain()
    sign_in(client, "ben@example.org", "mailbox password")
    fragment = client.get(reverse("login_wait"), headers={"HX-Request": "true"}).content.decode()
    assert 'id="test"' in fragment
    assert "<html" not in fragment
    ConnectionTest.objects.update(status="passed", user=User.objects.create_user("ben@example.org"))
    answer = client.get(reverse("login_wait"), headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == "/"
