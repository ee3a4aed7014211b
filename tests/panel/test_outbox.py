"""The send queue as the operator sees it: found by what is wrong, with the whole way of each message, and measured."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import MailAccount, OutgoingServer, User
from tests.outbox.letters import make_sender, submit
from tests.panel.conftest import HOSTILE, detail_page, do
from webmail.outbox.models import HeldFor, Phase, Report, Submission, SubmissionRecipient
from webmail.panel.metrics import Figures

LIST = "/admin/outbox/submission/"


@pytest.fixture
def account(db: None) -> MailAccount:
    return make_sender()


def shown(operator: Client, query: str) -> set[str]:
    page = operator.get(f"{LIST}?{query}")
    assert page.status_code == 200
    return {row.public_id for row in page.context["cl"].result_list}


def put(submission: Submission, **columns: object) -> Submission:
    Submission.objects.filter(pk=submission.pk).update(**columns)
    return submission


@pytest.mark.req("R94")
def test_the_queue_is_narrowed_by_what_is_wrong(operator: Client, account: MailAccount):
    now = timezone.now()
    late = put(submit(account), phase=Phase.RETRY, first_try_at=now - timedelta(hours=3), attempts=2)
    put(submit(account), phase=Phase.RETRY, first_try_at=now, attempts=1)
    returned = put(submit(account, to="gone@example.org"), phase=Phase.DONE)
    SubmissionRecipient.objects.filter(submission=returned).update(report=Report.FAILED, report_at=now)
    long_ago = put(submit(account, to="left@example.org"), phase=Phase.DONE)
    SubmissionRecipient.objects.filter(submission=long_ago).update(
        report=Report.FAILED, report_at=now - timedelta(days=30)
    )
    limited = put(submit(account), phase=Phase.HELD, held_for=HeldFor.LIMIT)
    restored = put(submit(make_sender()), phase=Phase.HELD, held_for=HeldFor.RESTORE)

    assert shown(operator, "only=delayed") == {late.public_id}
    assert shown(operator, "only=limit") == {limited.public_id}
    assert shown(operator, "only=restored") == {restored.public_id}
    assert shown(operator, "only=came_back") == {returned.public_id}
    assert shown(operator, "q=gone@example.org") == {returned.public_id}
    assert shown(operator, "held_for__exact=limit") == {limited.public_id}


@pytest.mark.req("R94")
def test_the_first_page_tells_of_held_and_returned_messages(operator: Client, account: MailAccount):
    put(submit(account), phase=Phase.HELD, held_for=HeldFor.RESTORE)
    returned = put(submit(account), phase=Phase.DONE)
    SubmissionRecipient.objects.filter(submission=returned).update(report=Report.FAILED, report_at=timezone.now())

    findings = {str(finding.title): finding.value for finding in operator.get("/admin/").context["findings"]}

    assert findings["Messages held since a backup was restored"] == "1"
    assert findings["Messages that came back in the last 7 days"] == "1"


def test_the_page_of_a_message_shows_what_was_reported_later_as_text(operator: Client, account: MailAccount):
    submission = put(submit(account, to="gone@example.org"), phase=Phase.DONE)
    submission.recipients.update(
        report=Report.FAILED, report_code="5.1.1", report_text=HOSTILE, report_at=timezone.now(), read_at=None
    )

    page = operator.get(detail_page(submission)).content.decode()

    assert "came back 5.1.1 &lt;img src=x" in page
    assert HOSTILE not in page


@pytest.mark.req("R92")
def test_what_a_restored_backup_held_is_let_go_by_hand_and_nothing_else(operator: Client, account: MailAccount):
    restored = put(submit(account), phase=Phase.HELD, held_for=HeldFor.RESTORE)
    scheduled = put(
        submit(account), phase=Phase.HELD, held_for=HeldFor.SCHEDULE, send_at=timezone.now() + timedelta(days=1)
    )

    assert "1 submission will be sent." in do(operator, "send_now", restored).content.decode()
    do(operator, "send_now", scheduled)

    assert Submission.objects.get(pk=restored.pk).phase == Phase.QUEUED
    assert Submission.objects.get(pk=scheduled.pk).phase == Phase.HELD


@pytest.mark.req("R76")
def test_an_administrator_sets_what_one_person_may_send(operator: Client, account: MailAccount):
    user = account.user
    page = operator.get(detail_page(user))
    form = page.context["adminform"].form
    data = {name: form.initial.get(name) or "" for name in form.fields} | {
        "is_active": "on",
        "daily_messages": "25",
        "daily_new_recipients": "0",
    }

    assert operator.post(detail_page(user), data).status_code == 302

    changed = User.objects.get(pk=user.pk)
    assert (changed.daily_messages, changed.daily_new_recipients) == (25, 0)


def test_the_page_of_an_account_shows_its_further_servers_without_secrets(operator: Client, account: MailAccount):
    OutgoingServer.objects.create(
        account=account, host="relay.example.org", port=587, trouble=HOSTILE, sealed=b"S3CR3T-sealed"
    )
    MailAccount.objects.filter(pk=account.pk).update(outgoing_offers={"SIZE": "20000000", "DSN": ""})

    page = operator.get(detail_page(account)).content.decode()

    assert "relay.example.org" in page
    assert "DSN, SIZE 20000000" in page
    assert HOSTILE not in page
    assert "S3CR3T" not in page


@pytest.mark.req("R94")
def test_monitors_are_told_of_the_queue(account: MailAccount):
    now = timezone.now()
    put(submit(account), phase=Phase.QUEUED, send_at=now - timedelta(seconds=90))
    put(submit(account), phase=Phase.UNCONFIRMED)
    put(submit(account), phase=Phase.RETRY, attempts=5, first_try_at=now)
    put(submit(account), phase=Phase.ACCEPTED, sent_copy_failures=2)

    found = {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for metric in Figures().collect()
        for sample in metric.samples
    }

    assert found["pillarbox_submissions", "queued"] == 1
    assert found["pillarbox_submissions", "failed"] == 0
    assert found["pillarbox_submissions_unconfirmed", ""] == 1
    assert 85 < found["pillarbox_submissions_oldest_due_seconds", ""] < 120
    assert found["pillarbox_submissions_tried_often", ""] == 1
    assert found["pillarbox_submissions_tries", ""] == 5
    assert found["pillarbox_submissions_without_copy", ""] == 1
    assert found["pillarbox_submissions_came_back", ""] == 0
