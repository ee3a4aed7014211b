"""Managing mailboxes: made, renamed, moved, deleted, and how each is liked; from pages and from the sidebar (ux 3)."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import MailAccount, User
from tests.factories import make_account, make_email, make_mailbox, make_user
from tests.web.pages import body_of, client_of
from webmail.journal.models import Action
from webmail.store.models import Email, Mailbox, Role

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def account(alice: User) -> MailAccount:
    return make_account(alice, address="box@example.org")


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


def test_a_mailbox_is_made_renamed_and_deleted(client: Client, account: MailAccount) -> None:
    make_mailbox(account, role="inbox")
    tree = reverse("mailbox_settings", args=[account.public_id])
    client.post(tree, {"name": "Plans"})
    plans = Mailbox.objects.get(name="Plans")
    assert client.post(tree, {"name": "Plans"}).status_code == 422
    client.post(tree, {"name": "Old", "parent": plans.public_id})
    old = Mailbox.objects.get(name="Old")
    assert old.parent == plans
    client.post(reverse("mailbox_edit", args=[old.public_id]), {"name": "Older", "parent": "", "role": ""})
    old.refresh_from_db()
    assert (old.name, old.parent) == ("Older", None)
    assert client.post(reverse("mailbox_delete", args=[old.public_id])).status_code == 302
    assert not Mailbox.objects.filter(name="Older").exists()
    assert Action.objects.filter(account=account).exists()


def test_a_role_moves_from_one_mailbox_to_another(client: Client, account: MailAccount) -> None:
    first = make_mailbox(account, "Sent", role="sent")
    second = make_mailbox(account, "Gesendet")
    fields = {"name": "Gesendet", "parent": "", "role": "sent"}
    assert client.post(reverse("mailbox_edit", args=[second.public_id]), fields).status_code == 302
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.role, second.role, second.is_role_chosen) == (Role.NONE, Role.SENT, True)


def test_a_mailbox_with_messages_is_deleted_only_when_that_is_ticked(client: Client, account: MailAccount) -> None:
    mailbox = make_mailbox(account, "Plans")
    make_email(mailbox)
    address = reverse("mailbox_delete", args=[mailbox.public_id])
    assert "Delete its 1 message for good" in body_of(client.get(address))
    answer = client.post(address)
    assert answer.status_code == 422
    assert "It holds messages" in body_of(answer)
    assert client.post(address, {"with_messages": "yes"}).status_code == 302
    assert not Email.objects.exists()


def set_address(mailbox: Mailbox) -> str:
    return reverse("mailbox_set", args=[mailbox.public_id])


@pytest.mark.parametrize(
    ("posted", "column", "expected"),
    [
        ({"color": "5"}, "color", 5),
        ({"favourite": "yes"}, "is_favourite", True),
        ({"notifies": "yes"}, "notifies", True),
        ({"threads": "no"}, "has_threads", False),
        ({"subscribed": "no"}, "is_subscribed", False),
    ],
)
def test_each_liking_of_a_mailbox_is_one_press(
    client: Client, account: MailAccount, posted: dict[str, str], column: str, expected: object
) -> None:
    mailbox = make_mailbox(account, "Plans")
    answer = client.post(set_address(mailbox), posted)
    assert answer["Location"] == reverse("mailbox_edit", args=[mailbox.public_id])
    mailbox.refresh_from_db()
    assert getattr(mailbox, column) == expected
    assert Action.objects.filter(kind="subscribe", arguments={"subscribed": False}).exists() is ("subscribed" in posted)


def test_a_colour_can_be_taken_away_and_others_than_the_eight_are_refused(client: Client, account: MailAccount) -> None:
    mailbox = make_mailbox(account, "Plans", color=2)
    assert client.post(set_address(mailbox), {"color": "8"}).status_code == 404
    client.post(set_address(mailbox), {"color": ""})
    mailbox.refresh_from_db()
    assert mailbox.color is None


def test_a_mailbox_that_no_server_knows_has_nothing_to_subscribe_to(client: Client, alice: User) -> None:
    local = make_mailbox(make_account(alice, protocol="pop3"), "Plans", source=Mailbox.Source.LOCAL)
    page = body_of(client.post(set_address(local), {"subscribed": "no"}, follow=True))
    assert "Plans is only here: there is nothing to subscribe to." in page
    assert not Action.objects.exists()
    assert "Subscribed" not in body_of(client.get(reverse("mailbox_edit", args=[local.public_id]), {"part": "menu"}))


def test_the_menu_offers_what_can_be_done_with_this_mailbox(client: Client, account: MailAccount) -> None:
    def menu_of(mailbox: Mailbox) -> str:
        return body_of(client.get(reverse("mailbox_edit", args=[mailbox.public_id]), {"part": "menu"}, headers=HTMX))

    inbox = menu_of(make_mailbox(account, "Inbox", role="inbox"))
    assert "Mark all as read" in inbox
    assert "New mailbox inside" in inbox
    assert "Rename" not in inbox
    assert "Delete mailbox" not in inbox
    assert "Empty" not in inbox
    trash = menu_of(make_mailbox(account, "Trash", role="trash"))
    assert "Empty" in trash
    plans = menu_of(make_mailbox(account, "Plans", is_favourite=True))
    for words in ("Open in a new tab", "Rename or move", "Delete mailbox", "Subscribed", "Notify of new mail"):
        assert words in plans
    assert 'aria-checked="true"' in plans[plans.index('name="favourite"') : plans.index("Favourite")]
    assert plans.count("data-color=") == 8


def test_with_htmx_a_change_sends_the_sidebar_and_what_is_to_be_said(client: Client, account: MailAccount) -> None:
    mailbox = make_mailbox(account, "Plans")
    headers = {**HTMX, "HX-Target": "dialog", "HX-Current-URL": "http://testserver/mail/inbox"}
    edit = reverse("mailbox_edit", args=[mailbox.public_id])
    form = body_of(client.get(edit, headers=headers))
    assert "<html" not in form
    assert 'hx-target="#dialog"' in form
    answer = client.post(edit, {"name": "Ideas", "parent": "", "role": ""}, headers=headers)
    page = body_of(answer)
    assert 'hx-swap-oob="morph"' in page
    assert "Ideas" in page
    assert "Mailbox changed." in page
    assert 'id="nav-inbox"' in page[: page.index('aria-current="page"') + 60]
    assert "sidebar:changed" in answer["HX-Trigger"]
    refused = client.post(edit, {"name": "", "parent": "", "role": ""}, headers=headers)
    assert refused.status_code == 422
    assert "<html" not in body_of(refused)


def test_a_page_of_a_mailbox_that_was_deleted_is_left(client: Client, account: MailAccount) -> None:
    mailbox = make_mailbox(account, "Plans")
    here = reverse("mailbox", args=[account.public_id, mailbox.public_id])
    headers = {**HTMX, "HX-Current-URL": f"http://testserver{here}"}
    answer = client.post(reverse("mailbox_delete", args=[mailbox.public_id]), headers=headers)
    assert answer["HX-Redirect"] == reverse("inbox")


@pytest.mark.parametrize(
    ("name", "words"),
    [("a/b", "cannot hold a slash"), ("x" * 255 + "é", "most 255"), ("Plans", "a mailbox of this name already")],
)
def test_a_name_that_cannot_be_is_refused_in_plain_words(
    client: Client, account: MailAccount, name: str, words: str
) -> None:
    make_mailbox(account, "Plans")
    answer = client.post(reverse("mailbox_settings", args=[account.public_id]), {"name": name})
    assert answer.status_code == 422
    assert words in body_of(answer)


def test_a_mailbox_is_not_moved_into_what_lies_inside_it(client: Client, account: MailAccount) -> None:
    outer = make_mailbox(account, "Outer")
    inner = make_mailbox(account, "Inner", parent=outer)
    fields = {"name": "Outer", "parent": inner.public_id, "role": ""}
    answer = client.post(reverse("mailbox_edit", args=[outer.public_id]), fields)
    assert "A mailbox cannot be moved into itself." in body_of(answer)
    assert "Outer holds other mailboxes." in body_of(client.post(reverse("mailbox_delete", args=[outer.public_id])))


def test_new_mailbox_inside_has_its_place_chosen(client: Client, account: MailAccount) -> None:
    outer = make_mailbox(account, "Outer")
    page = client.get(
        reverse("mailbox_settings", args=[account.public_id]), {"inside": outer.public_id}
    ).content.decode()
    assert f'<option value="{outer.public_id}" selected>' in page


def test_an_account_is_coloured_and_checked_from_its_menu(client: Client, account: MailAccount) -> None:
    address = reverse("account_set", args=[account.public_id])
    client.post(address, {"color": "6"})
    before = account.next_sync_at
    client.post(address, {"act": "sync"})
    account.refresh_from_db()
    assert account.color == 6
    assert account.next_sync_at > before
    assert client.post(address, {"color": "9"}).status_code == 404


def test_the_way_back_leads_nowhere_else(client: Client, account: MailAccount) -> None:
    mailbox = make_mailbox(account, "Plans")
    answer = client.post(set_address(mailbox), {"favourite": "yes", "back": "https://evil.example/"})
    assert answer["Location"] == reverse("mailbox_edit", args=[mailbox.public_id])
