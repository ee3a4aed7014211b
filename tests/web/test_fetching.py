"""Settings of what is fetched and kept: the counts, the first synchronisation's pause, the policy."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import KeepBodies, MailAccount
from tests.factories import make_account, make_email_from_bytes, make_item, make_mailbox, make_user
from tests.web.pages import body_of, client_of
from webmail.journal.models import Action
from webmail.store import ingest
from webmail.store.models import Mailbox, Traffic

pytestmark = pytest.mark.django_db
RAW = b"From: ben@example.net\r\nSubject: Hi\r\nMessage-ID: <hi@example.net>\r\n\r\nHi\r\n"


@pytest.fixture
def account() -> MailAccount:
    return make_account(make_user(), address="box@example.org")


@pytest.fixture
def client(account: MailAccount) -> Client:
    return client_of(account.user)


@pytest.fixture
def inbox(account: MailAccount) -> Mailbox:
    return make_mailbox(account, role="inbox", backfill_uid=7, remote_total=10, remote_name="INBOX")


def address_of(account: MailAccount) -> str:
    return reverse("account_fetching", args=[account.public_id])


def test_the_page_counts_what_is_here(client: Client, account: MailAccount, inbox: Mailbox) -> None:
    make_email_from_bytes(inbox, RAW)
    ingest.ingest_emails(account.pk, [make_item(inbox, uid=99)])
    Traffic.objects.create(account=account, day=timezone.now().date(), bytes_down=5_000_000)

    page = body_of(client.get(address_of(account)))

    assert "2 of 10 messages" in page
    assert "Pause fetching older mail" in page
    assert "5.0 MB" in page


def test_the_first_synchronisation_is_paused_and_goes_on(client: Client, account: MailAccount, inbox: Mailbox) -> None:
    act = reverse("account_fetching_act", args=[account.public_id])

    assert client.post(act, {"act": "pause"})["Location"] == address_of(account)
    account.refresh_from_db()
    assert account.is_backfill_paused
    assert "Go on fetching older mail" in body_of(client.get(address_of(account)))

    client.post(act, {"act": "continue"})
    account.refresh_from_db()
    assert not account.is_backfill_paused


def test_what_is_kept_is_saved(client: Client, account: MailAccount, inbox: Mailbox) -> None:
    wish = {"keep_bodies": "recent", "keep_days": "30", "daily_megabytes": "500", "subscribed_only": "on"}

    assert client.post(address_of(account), wish)["Location"] == address_of(account)

    account.refresh_from_db()
    assert (account.keep_bodies, account.keep_days) == (KeepBodies.RECENT, 30)
    assert (account.daily_byte_limit, account.subscribed_only, account.lists_shared) == (500_000_000, True, False)
    assert 'value="500"' in client.get(address_of(account)).content.decode()


def test_an_impossible_wish_is_refused_in_its_field(client: Client, account: MailAccount, inbox: Mailbox) -> None:
    answer = client.post(address_of(account), {"keep_bodies": "recent", "keep_days": "0", "daily_megabytes": "-1"})

    assert answer.status_code == 422
    assert "greater than or equal to 1" in body_of(answer)
    account.refresh_from_db()
    assert account.keep_bodies == KeepBodies.ALL


def test_a_mailbox_in_trouble_is_named_with_its_reason(client: Client, account: MailAccount, inbox: Mailbox) -> None:
    Mailbox.objects.filter(pk=inbox.pk).update(trouble="Its server changes its mind too often.")

    assert "Its server changes its mind too often." in body_of(client.get(address_of(account)))


@pytest.mark.req("R82")
def test_acts_that_the_server_has_not_done_are_shown_with_the_reason(
    client: Client, account: MailAccount, inbox: Mailbox
) -> None:
    Action.objects.create(account=account, kind=Action.Kind.MOVE, error="The server is away.")
    Action.objects.create(account=account, kind=Action.Kind.COPY, status="failed", error="The mailbox is full.")
    Action.objects.create(account=account, kind=Action.Kind.COPY, status="done")

    page = body_of(client.get(address_of(account)))

    assert "The server is away." in page
    assert "The mailbox is full." in page
    assert page.count("item__title") == 2


def test_a_pop3_account_has_no_such_policy() -> None:
    account = make_account(make_user("bob"), protocol="pop3")

    page = body_of(client_of(account.user).get(address_of(account)))

    assert "keep_bodies" not in page
    assert "All mail of a POP3 account is kept here" in page
