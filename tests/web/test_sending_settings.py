"""Settings of sending: how long it can be taken back, receipts, the Sent copy, further servers, what servers offer."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts import credentials, services
from accounts.models import MailAccount, OutgoingServer, User
from tests.factories import make_account, make_user
from tests.web.pages import MARKER, body_of, client_of
from webmail.outbox.queue.undo import undo_seconds

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def account(alice: User) -> MailAccount:
    return make_account(alice, outgoing_host="smtp.example.org", outgoing_port=465)


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


def address_of(account: MailAccount) -> str:
    return reverse("account_sending", args=[account.public_id])


def add(client: Client, account: MailAccount, host: str, **fields: str):
    given = {"host": host, "security": "tls", "username": "alice", "password": "geheim", **fields}
    return client.post(reverse("outgoing_server_add", args=[account.public_id]), given)


@pytest.mark.req("R73")
def test_the_undo_window_and_receipts_are_saved_and_hold_at_once(client: Client, alice: User) -> None:
    page = body_of(client.get(reverse("settings_sending")))
    assert "not at all" in page
    answer = client.post(reverse("settings_sending"), {"undo_send_s": "30", "receipts": "never"})
    assert answer["Location"] == reverse("settings_sending")
    alice.refresh_from_db()
    assert (undo_seconds(alice), alice.receipts) == (30, "never")
    assert 'value="30" id="id_undo_send_s_4" required checked' in body_of(client.get(reverse("settings_sending")))
    client.post(reverse("settings_sending"), {"undo_send_s": "0", "receipts": "ask"})
    alice.refresh_from_db()
    assert undo_seconds(alice) == 0


@pytest.mark.parametrize(
    "fields", [{"undo_send_s": "86400", "receipts": "ask"}, {"undo_send_s": "5", "receipts": "x"}, {}]
)
def test_other_values_are_refused(client: Client, alice: User, fields: dict[str, str]) -> None:
    assert client.post(reverse("settings_sending"), fields).status_code == 422
    alice.refresh_from_db()
    assert alice.undo_send_s is None


@pytest.mark.req("R71")
def test_who_files_the_sent_copy_is_chosen_and_what_was_found_out_is_shown(
    client: Client, account: MailAccount
) -> None:
    assert "Nothing was sent yet" in body_of(client.get(address_of(account)))
    MailAccount.objects.update(saves_sent_itself=True)
    assert "Found out: the mail server files a copy by itself" in body_of(client.get(address_of(account)))
    client.post(address_of(account), {"sent_copy": "ours"})
    account.refresh_from_db()
    assert account.sent_copy == "ours"
    assert client.post(address_of(account), {"sent_copy": "nobody"}).status_code == 422


def test_a_pop3_account_keeps_the_copy_here(client: Client, alice: User) -> None:
    assert "the copy is kept here" in body_of(client.get(address_of(make_account(alice, protocol="pop3"))))


def test_further_servers_are_added_moved_and_removed(client: Client, account: MailAccount) -> None:
    add(client, account, "one.example.org")
    add(client, account, "two.example.org", port="2525", security="starttls")
    one, two = OutgoingServer.objects.all()
    assert (one.port, two.port, two.security) == (465, 2525, "starttls")
    OutgoingServer.objects.filter(pk=one.pk).update(trouble="The password is refused.")
    page = body_of(client.get(address_of(account)))
    assert page.index("smtp.example.org:465") < page.index("one.example.org:465") < page.index("two.example.org:2525")
    assert "The password is refused." in page
    assert "geheim" not in page
    client.post(reverse("outgoing_server_act", args=[two.public_id]), {"act": "up"})
    assert [server.host for server in account.outgoing_servers.all()] == ["two.example.org", "one.example.org"]
    client.post(reverse("outgoing_server_act", args=[two.public_id]), {"act": "down"})
    client.post(reverse("outgoing_server_act", args=[one.public_id]), {"act": "remove"})
    assert [server.host for server in account.outgoing_servers.all()] == ["two.example.org"]


@pytest.mark.req("R47")
def test_the_password_of_a_further_server_is_sealed(client: Client, account: MailAccount) -> None:
    add(client, account, "one.example.org")
    server = OutgoingServer.objects.get()
    assert b"geheim" not in bytes(server.sealed)
    assert credentials.open_server_secret(server).value == "geheim"


@pytest.mark.parametrize(("fields", "words"), [({"host": "no host"}, "host"), ({"port": "70000"}, "port")])
def test_a_server_that_cannot_be_is_refused_at_its_field(
    client: Client, account: MailAccount, fields: dict[str, str], words: str
) -> None:
    answer = add(client, account, **{"host": "one.example.org", **fields})
    assert answer.status_code == 422
    assert f'id="id_{words}_error"' in body_of(answer)
    assert not OutgoingServer.objects.exists()


def test_the_number_of_servers_is_bounded(client: Client, account: MailAccount) -> None:
    for number in range(10):
        services.add_outgoing_server(account, f"s{number}.example.org", 465, "tls", "", "")
    assert add(client, account, "more.example.org").status_code == 422
    assert account.outgoing_servers.count() == 10


def test_what_the_server_offers_is_told_in_words(client: Client, account: MailAccount) -> None:
    assert "Not known yet" in body_of(client.get(address_of(account)))
    MailAccount.objects.update(outgoing_offers={"SIZE": "35882577", "DSN": ""})
    page = body_of(client.get(address_of(account)))
    assert "35 MB" in page
    assert "not offered" in page
    MailAccount.objects.update(outgoing_offers={"SIZE": MARKER})
    assert "no limit stated" in body_of(client.get(address_of(account)))


@pytest.mark.req("R9")
def test_words_of_servers_are_escaped(client: Client, account: MailAccount) -> None:
    services.add_outgoing_server(account, "one.example.org", 465, "tls", MARKER, "")
    OutgoingServer.objects.update(trouble=MARKER)
    page = client.get(address_of(account)).content.decode()
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert") == 2
