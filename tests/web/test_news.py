"""/mail/news and /session: what an open page asks beside the stream (feature 122: notifications, quiet hours, muted threads)."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import MailAccount, User
from tests.factories import make_account, make_headers, make_item, make_mailbox, make_user
from tests.web.pages import client_of
from webmail.journal.actions.keywords import set_keywords
from webmail.store import ingest
from webmail.store.models import Email, EmailKeyword, Mailbox
from webmail.store.queries.live import NEWS_SPAN, position_of
from webmail.web.states.quiet import is_quiet

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def account(alice: User) -> MailAccount:
    return make_account(alice)


@pytest.fixture
def inbox(account: MailAccount) -> Mailbox:
    return make_mailbox(account, "Inbox", role="inbox")


def arrive(mailbox: Mailbox, subject: str = "Hello", *, ago: timedelta = timedelta(), **fields: Any) -> Email:
    """A message that comes in now, or said to have been received `ago`."""
    headers = fields.pop("headers", None) or make_headers(subject=subject)
    item = make_item(mailbox, headers=headers, **fields)
    item = ingest.NewEmail(**{**vars(item), "received_at": timezone.now() - ago})
    return Email.objects.get(pk=ingest.ingest_emails(mailbox.account_id, [item])[0])


def news(client: Client, since: str) -> list[dict[str, Any]]:
    answer = client.get("/mail/news", {"since": since}).json()
    assert answer["state"]
    found: list[dict[str, Any]] = answer["notes"]
    return found


def test_what_came_since_is_told_once_with_sender_and_subject(client: Client, alice: User, inbox: Mailbox) -> None:
    old = arrive(inbox, "before")
    since = str(position_of(alice.pk))
    assert news(client, since) == []
    new = arrive(inbox, "The plan", headers=make_headers(subject="The plan", from_name="Ben Moore"))
    [note] = news(client, since)
    assert (note["title"], note["text"]) == ("Ben Moore", "The plan")
    assert note["ids"] == [new.public_id]
    assert note["row_ids"] == [new.thread.public_id]
    assert client.get(note["address"]).status_code == 200
    assert old.public_id not in str(note)
    assert news(client, client.get("/mail/news").json()["state"]) == []


@pytest.mark.parametrize(
    ("wish", "title", "text"),
    [("full", "Ben", "Secret"), ("sender", "Ben", "New message"), ("none", "New message", "")],
)
def test_a_notification_shows_as_much_as_the_person_wants(
    client: Client, alice: User, inbox: Mailbox, wish: str, title: str, text: str
) -> None:
    User.objects.update(notification_text=wish)
    since = str(position_of(alice.pk))
    arrive(inbox, "Secret")
    [note] = news(client, since)
    assert (note["title"], note["text"]) == (title, text)


def test_more_than_three_are_one_notification(client: Client, alice: User, inbox: Mailbox) -> None:
    since = str(position_of(alice.pk))
    for number in range(3):
        arrive(inbox, f"mail {number}")
    assert len(news(client, since)) == 3
    arrive(inbox, "the fourth")
    [note] = news(client, since)
    assert (note["title"], note["text"], len(note["ids"])) == ("4 new messages", "", 4)


def test_what_is_read_muted_old_or_elsewhere_is_no_news(
    client: Client, alice: User, account: MailAccount, inbox: Mailbox
) -> None:
    MailAccount.objects.update(created_at=timezone.now() - 2 * NEWS_SPAN)
    projects = make_mailbox(account, "Projects")
    first = arrive(inbox, "muted", headers=make_headers(subject="muted", message_id="1@x"))
    EmailKeyword.objects.create(email=first, keyword="$muted")
    since = str(position_of(alice.pk))
    arrive(inbox, "read", keywords=("$seen",))
    arrive(inbox, "Re: muted", headers=make_headers(subject="Re: muted", in_reply_to=["1@x"]))
    arrive(inbox, "listed late", ago=NEWS_SPAN + timedelta(hours=1))
    elsewhere = arrive(projects, "in a mailbox that does not notify")
    set_keywords(alice, [first], add=["$flagged"])  # a change is no news
    assert news(client, since) == []
    Mailbox.objects.filter(pk=projects.pk).update(notifies=True)
    assert [note["ids"] for note in news(client, since)] == [[elsewhere.public_id]]
    Mailbox.objects.filter(pk=inbox.pk).update(notifies=False)
    arrive(inbox, "of an Inbox that shall not")
    assert len(news(client, since)) == 1


def test_mail_that_an_account_brings_along_is_no_news(client: Client, alice: User, inbox: Mailbox) -> None:
    since = str(position_of(alice.pk))
    arrive(inbox, "from before it was connected", ago=timedelta(hours=1))
    assert news(client, since) == []
    other = make_mailbox(make_account(alice), "Inbox", role="inbox")
    arrive(other, "of an account that the page does not know yet")
    assert news(client, since) == []


def test_nothing_is_told_in_quiet_hours(client: Client, alice: User, inbox: Mailbox) -> None:
    since = str(position_of(alice.pk))
    arrive(inbox)
    User.objects.update(quiet_from=time(0, 0), quiet_until=time(23, 59, 59))
    assert news(client, since) == []
    User.objects.update(quiet_from=None)
    assert len(news(client, since)) == 1


@pytest.mark.parametrize(
    ("start", "end", "hour", "expected"),
    [
        (time(22), time(7), 23, True),
        (time(22), time(7), 6, True),
        (time(22), time(7), 7, False),
        (time(22), time(7), 12, False),
        (time(9), time(17), 9, True),
        (time(9), time(17), 17, False),
        (time(9), time(9), 9, False),
        (None, time(9), 8, False),
    ],
)
def test_quiet_hours_are_of_the_persons_day_and_may_go_over_midnight(
    start: time | None, end: time, hour: int, expected: bool
) -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    with timezone.override(tokyo):
        moment = timezone.now().astimezone(tokyo).replace(hour=hour, minute=0, second=0, microsecond=0)
        assert is_quiet(User(quiet_from=start, quiet_until=end), moment.astimezone(ZoneInfo("UTC"))) is expected


@pytest.mark.parametrize("since", ["", "nonsense", "a.1", "a.1~x"])
def test_an_unknown_position_has_no_news(client: Client, inbox: Mailbox, since: str) -> None:
    arrive(inbox)
    assert news(client, since) == []


def test_hidden_characters_of_strangers_are_not_shown(client: Client, alice: User, inbox: Mailbox) -> None:
    since = str(position_of(alice.pk))
    arrive(inbox, "invoice\u202efdp.exe")
    [note] = news(client, since)
    assert "\u202e" not in note["text"]


@pytest.mark.req("R56")
def test_bob_hears_nothing_of_alices_mail(alice: User, inbox: Mailbox) -> None:
    since = str(position_of(alice.pk))
    arrive(inbox, "for alice")
    bob = make_user("bob")
    assert news(client_of(bob), since) == []
    assert Client().get("/mail/news").status_code == 403


def test_asking_costs_a_handful_of_queries(
    client: Client, alice: User, inbox: Mailbox, django_assert_max_num_queries: Any
) -> None:
    since = str(position_of(alice.pk))
    for _ in range(3):
        arrive(inbox)
    with django_assert_max_num_queries(6):  # session, user, accounts, clocks, accounts, mail
        assert len(news(client, since)) == 3


def test_the_session_gives_its_page_new_tokens_and_strangers_nothing(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.get("/session").status_code == 403
    client.force_login(alice)
    answer = client.get("/session").json()
    assert answer["user"] == str(alice.pk)
    assert client.post("/mail/check", headers={"X-CSRFToken": "old"}).status_code == 403
    assert client.post("/mail/check", headers={"X-CSRFToken": answer["token"]}).status_code == 302
