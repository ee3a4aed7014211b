"""The first page: what is wrong comes first, and each finding leads to exactly the rows it counts."""

import socket
from collections import namedtuple
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import MailAccount
from tests import factories
from tests.outbox.letters import submit
from webmail.journal.models import Action
from webmail.outbox.models import Submission, SubmissionEvent
from webmail.panel import health
from webmail.store.indexing import UNREADABLE
from webmail.store.models import Email, Heartbeat, RemotePicture, SenderCheck

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.panel.urls")]

Usage = namedtuple("Usage", "total used free")


def findings_of(operator: Client) -> dict[str, tuple[str, str]]:
    """Value and address by title."""
    findings = operator.get("/admin/").context["findings"]
    return {str(finding.title): (finding.value, finding.address) for finding in findings}


def set_account(account: MailAccount, **fields: object) -> None:
    MailAccount.objects.filter(pk=account.pk).update(**fields)


@pytest.mark.usefixtures("account", "processes")
def test_nothing_needs_a_look_when_all_is_well(operator: Client):
    assert findings_of(operator) == {}
    assert 'id="all-well"' in operator.get("/admin/").content.decode()


@pytest.mark.req("R94")
@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize(
    ("title", "fields"),
    [
        ("Accounts whose password the server refuses", {"state": "auth_failed"}),
        ("Accounts whose server does not answer properly", {"state": "failing"}),
        ("Accounts late by more than 15 minutes", {"last_sync_at": timezone.now() - timedelta(minutes=31)}),
        (
            "Accounts late by more than 15 minutes",
            {"state": "new", "last_sync_at": None, "created_at": timezone.now() - timedelta(hours=1)},
        ),
    ],
)
def test_accounts_in_trouble_are_found(operator: Client, account: MailAccount, title: str, fields: dict[str, object]):
    factories.make_account(account.user)  # is well
    set_account(account, **fields)
    value, address = findings_of(operator)[title]
    shown = operator.get(address).context["cl"].result_list
    assert value == "1"
    assert [row.pk for row in shown] == [account.pk]


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("minutes", [0, 14, 29])
def test_an_account_that_ran_lately_is_not_late(operator: Client, account: MailAccount, minutes: int):
    set_account(account, last_sync_at=timezone.now() - timedelta(minutes=minutes))
    assert findings_of(operator) == {}


@pytest.mark.usefixtures("processes")
def test_a_paused_account_is_a_wish_and_no_trouble(operator: Client, account: MailAccount):
    set_account(account, state="paused", last_sync_at=timezone.now() - timedelta(days=9))
    assert findings_of(operator) == {}


@pytest.mark.req("R94")
@pytest.mark.req("features 144")
@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize(
    ("title", "fields"),
    [
        ("Messages of which nobody knows whether they left", {"phase": "unconfirmed"}),
        ("Messages not sent in the last 7 days", {"phase": "failed"}),
        ("Messages tried more than 3 times", {"phase": "retry", "attempts": 4}),
        ("Messages sent whose copy is not filed", {"phase": "accepted", "sent_copy_failures": 1}),
    ],
)
def test_submissions_in_trouble_are_found(
    operator: Client, account: MailAccount, title: str, fields: dict[str, object]
):
    troubled, _well = submit(account), submit(account)
    Submission.objects.filter(pk=troubled.pk).update(**fields)
    value, address = findings_of(operator)[title]
    assert value == "1"
    assert [row.pk for row in operator.get(address).context["cl"].result_list] == [troubled.pk]


@pytest.mark.usefixtures("processes")
def test_old_failures_do_not_stay_on_the_first_page(operator: Client, account: MailAccount):
    submission = submit(account)
    long_ago = timezone.now() - timedelta(days=8)
    Submission.objects.filter(pk=submission.pk).update(phase="failed", created_at=long_ago)
    assert findings_of(operator) == {}


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize(
    ("title", "fields"),
    [
        ("Actions tried more than 3 times", {"attempts": 4}),
        ("Actions that a server refused in the last 7 days", {"status": "failed"}),
    ],
)
def test_actions_in_trouble_are_found(operator: Client, account: MailAccount, title: str, fields: dict[str, object]):
    Action.objects.create(account=account, kind=Action.Kind.MOVE)
    troubled = Action.objects.create(account=account, kind=Action.Kind.MOVE, **fields)
    value, address = findings_of(operator)[title]
    assert value == "1"
    assert [row.pk for row in operator.get(address).context["cl"].result_list] == [troubled.pk]


@pytest.mark.req("features 142")
@pytest.mark.usefixtures("processes")
def test_a_kind_of_process_that_is_silent_for_half_a_minute_is_missing(operator: Client):
    Heartbeat.objects.filter(kind="net").update(seen_at=timezone.now() - timedelta(seconds=31))
    Heartbeat.objects.filter(kind="sweep").delete()
    value, _address = findings_of(operator)["Processes that are not running"]
    assert value == "net, sweep"


@pytest.mark.usefixtures("processes")
def test_one_living_process_of_a_kind_is_enough(operator: Client):
    Heartbeat.objects.create(
        name="net@gone:7", kind="net", host="gone", pid=7, seen_at=timezone.now() - timedelta(hours=1)
    )
    assert findings_of(operator) == {}


@pytest.mark.req("R88")
@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize(
    ("total", "free", "is_low"),
    [(100e9, 1.5e9, True), (100e9, 2.5e9, False), (10e9, 1.5e9, False), (10e9, 0.4e9, True)],
)
def test_a_disk_that_fills_up_is_found_in_time(operator: Client, monkeypatch, total: float, free: float, is_low: bool):
    monkeypatch.setattr(health.shutil, "disk_usage", lambda folder: Usage(int(total), int(total - free), int(free)))
    assert ("The disk is nearly full" in findings_of(operator)) == is_low


def test_what_holds_people_up_comes_first(operator: Client, account: MailAccount):
    set_account(account, state="failing")
    levels = [finding.level for finding in operator.get("/admin/").context["findings"]]
    assert levels == ["danger", "warning"]


def test_queues_tell_how_much_waits_and_since_when(operator: Client, account: MailAccount):
    mailbox = factories.make_mailbox(account)
    wanted, other = factories.make_email(mailbox), factories.make_email(mailbox)
    Email.objects.filter(pk=wanted.pk).update(body_wanted_at=timezone.now() - timedelta(hours=2))
    Action.objects.create(account=account, kind=Action.Kind.MOVE, created_at=timezone.now() - timedelta(hours=3))
    submit(account)
    SenderCheck.objects.create(email=wanted, wanted_at=timezone.now() - timedelta(hours=4))
    RemotePicture.objects.create(user=account.user, url_hash="0" * 64, url="https://example.org/a.png", state="done")
    Email.objects.filter(pk=other.pk).update(is_indexed=True, body_error=UNREADABLE)
    rows = operator.get("/admin/").context["queues"]["rows"]
    assert [row[1] for row in rows] == [1, 1, 1, 1, 0, 0, 0, 1, 1]
    assert "4\xa0hours" in rows[7][2]
    assert "3\xa0hours" in rows[1][2]
    assert "2\xa0hours" in rows[2][2]


def test_the_last_errors_are_shown_with_what_they_are_about(operator: Client, account: MailAccount):
    submission = submit(account)
    SubmissionEvent.objects.create(submission=submission, phase="retry", text="451 greylisted")
    set_account(account, state="failing", state_reason="connection refused", state_since=timezone.now())
    Action.objects.create(account=account, kind=Action.Kind.MOVE, status="failed", error="NO over quota")
    text = operator.get("/admin/").content.decode()
    for words in ("451 greylisted", "connection refused", "NO over quota", account.address, submission.public_id):
        assert words in text


def test_the_first_page_asks_nobody(operator: Client, account: MailAccount, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the panel dialled out")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert operator.get("/admin/").status_code == 200
