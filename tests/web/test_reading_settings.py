"""Settings of reading: pictures from elsewhere, colours, tracking marks, rules about senders, whose checks are believed."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import MailAccount, SenderRule, User
from tests.factories import make_account, make_user
from tests.web.pages import MARKER, body_of, client_of

pytestmark = pytest.mark.django_db

PAGE = "settings_reading"


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def account(alice: User) -> MailAccount:
    return make_account(alice, incoming_host="mail.example.org")


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


def rule(user: User, value: str, kind: str = SenderRule.Kind.PICTURES) -> SenderRule:
    return SenderRule.objects.create(user=user, kind=kind, value=value)


def test_what_is_chosen_is_kept(client: Client, alice: User) -> None:
    page = body_of(client.get(reverse(PAGE)))
    assert 'value="ask" id="id_remote_pictures_0" required checked' in page
    chosen = {
        "remote_pictures": "always", "thread_order": "newest", "after_act": "list", "mark_read_after_s": "3", "prefers_text": "on",
    }  # fmt: skip
    assert client.post(reverse(PAGE), chosen)["Location"] == reverse(PAGE)
    alice.refresh_from_db()
    assert (alice.remote_pictures, alice.strips_tracking, alice.has_threads) == ("always", False, False)
    assert (alice.thread_order, alice.after_act, alice.mark_read_after_s) == ("newest", "list", 3)
    assert alice.prefers_text
    client.post(reverse(PAGE), {**chosen, "remote_pictures": "ask", "strips_tracking": "on"})
    alice.refresh_from_db()
    assert (alice.remote_pictures, alice.strips_tracking) == ("ask", True)


@pytest.mark.parametrize(
    "fields",
    [
        {"remote_pictures": "yes", "thread_order": "newest", "after_act": "list"},
        {"remote_pictures": "always", "thread_order": "x", "after_act": "list"},
        {},
    ],
)
def test_other_values_are_refused(client: Client, alice: User, fields: dict[str, str]) -> None:
    assert client.post(reverse(PAGE), fields).status_code == 422
    alice.refresh_from_db()
    assert (alice.remote_pictures, alice.thread_order) == ("ask", "oldest")


def test_rules_are_listed_and_each_can_be_taken_away(client: Client, alice: User) -> None:
    assert "None yet" in body_of(client.get(reverse(PAGE)))
    kept = rule(alice, "example.org")
    gone = rule(alice, "news@example.net")
    rule(alice, "news@example.net", SenderRule.Kind.ORIGINAL_COLORS)
    page = body_of(client.get(reverse(PAGE)))
    assert "Pictures are shown for every sender of this domain" in page
    assert page.count("news@example.net") >= 2
    assert "it keeps its own colours" in page
    answer = client.post(reverse("sender_rule_remove", args=[gone.pk]), follow=True)
    assert "The rule for news@example.net is gone." in body_of(answer)
    assert list(SenderRule.objects.filter(user=alice, kind=SenderRule.Kind.PICTURES)) == [kept]


@pytest.mark.req("R56")
def test_rules_of_others_are_neither_seen_nor_taken_away(client: Client) -> None:
    theirs = rule(make_user("bob"), "secret@example.org")
    assert "secret@example.org" not in body_of(client.get(reverse(PAGE)))
    assert client.post(reverse("sender_rule_remove", args=[theirs.pk])).status_code == 404
    assert client.get(reverse("sender_rule_remove", args=[theirs.pk])).status_code == 405
    assert SenderRule.objects.filter(pk=theirs.pk).exists()


@pytest.mark.req("R9")
def test_a_rule_of_hostile_text_is_text(client: Client, alice: User) -> None:
    rule(alice, f"{MARKER}@example.org")
    assert MARKER.encode() not in client.get(reverse(PAGE)).content
    assert f"{MARKER}@example.org" in body_of(client.get(reverse(PAGE)))


def test_the_servers_that_are_believed_are_kept_one_a_line(client: Client, account: MailAccount) -> None:
    address = reverse("account_reading", args=[account.public_id])
    assert "what is known of mail.example.org" in body_of(client.get(address))
    client.post(address, {"authserv_ids": " MX.Example.ORG \r\n\r\n*.example.net\nmx.example.org\n"})
    account.refresh_from_db()
    assert account.authserv_ids == "mx.example.org\n*.example.net"
    assert "mx.example.org, *.example.net" in body_of(client.get(reverse(PAGE)))
    client.post(address, {"authserv_ids": ""})
    account.refresh_from_db()
    assert account.authserv_ids == ""


@pytest.mark.parametrize(
    "value",
    ["*", "*.com", "*.co.uk", "*.localhost", "mx example", "mx.example.org; dkim=pass", "<b>", "-", "a\x00b", ".x"],
)
def test_what_would_believe_anybody_is_refused(client: Client, account: MailAccount, value: str) -> None:
    address = reverse("account_reading", args=[account.public_id])
    answer = client.post(address, {"authserv_ids": f"mx.example.org\n{value}"})
    assert answer.status_code == 422
    assert b"<b>" not in answer.content
    account.refresh_from_db()
    assert account.authserv_ids == ""


def test_too_many_servers_are_refused(client: Client, account: MailAccount) -> None:
    names = "\n".join(f"mx{number}.example.org" for number in range(51))
    address = reverse("account_reading", args=[account.public_id])
    assert client.post(address, {"authserv_ids": names}).status_code == 422


@pytest.mark.req("R56")
def test_accounts_of_others_do_not_exist(client: Client) -> None:
    theirs = make_account(make_user("bob"))
    address = reverse("account_reading", args=[theirs.public_id])
    assert client.get(address).status_code == 404
    assert client.post(address, {"authserv_ids": "mx.example.org"}).status_code == 404
    theirs.refresh_from_db()
    assert theirs.authserv_ids == ""


def test_the_page_is_one_of_the_settings(client: Client, account: MailAccount) -> None:
    assert f'href="{reverse(PAGE)}"' in body_of(client.get(reverse("settings")))
    there = reverse("account_reading", args=[account.public_id])
    assert there in body_of(client.get(reverse("account_settings", args=[account.public_id])))
