"""What operators see of sync, and the acts that help it along."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, MailAccount
from tests import factories
from tests.panel.conftest import Installation, detail_page, do, list_page
from webmail import dispatch
from webmail.journal.actions.keywords import set_keywords
from webmail.journal.models import Action
from webmail.panel import metrics
from webmail.panel.metrics import KEEP_S, Figures
from webmail.store.models import EmailKeyword, Heartbeat, HostGate, Mailbox

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.panel.urls")]

Woken = list[tuple[str, tuple[int, ...]]]


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> Woken:
    """What workers were woken for."""
    found: Woken = []
    monkeypatch.setattr(dispatch, "wake", lambda task, *row_ids: found.append((task, row_ids)))
    return found


def park(mailbox: Mailbox, *, minutes: int = 15) -> None:
    until = timezone.now() + timedelta(minutes=minutes)
    Mailbox.objects.filter(pk=mailbox.pk).update(trouble="index is broken", parked_until=until)


@pytest.mark.req("R91")
@pytest.mark.req("R94")
def test_parked_mailbox_is_found_shown_and_tried_again(operator: Client, account: MailAccount, woken: Woken):
    parked, well = factories.make_mailbox(account, "Archive"), factories.make_mailbox(account, "Work")
    park(parked)

    findings = {str(one.title): one for one in operator.get("/admin/").context["findings"]}
    finding = findings["Mailboxes left alone because they fail"]
    shown = operator.get(finding.address)
    assert [row.pk for row in shown.context["cl"].result_list] == [parked.pk]
    assert "index is broken" in shown.content.decode()

    page = do(operator, "try_again", parked, well).content.decode()
    parked.refresh_from_db()
    assert (parked.parked_until, parked.trouble) == (None, "index is broken")
    assert woken == [("sync.mailbox", (parked.pk,))]
    assert "1 mailbox will be tried at once." in page
    assert "1 mailbox without trouble" in page
    assert AuditEvent.objects.filter(action="mailbox.retry_asked").count() == 1


def test_mailbox_of_a_paused_account_is_not_tried(operator: Client, account: MailAccount, woken: Woken):
    parked = factories.make_mailbox(account, "Archive")
    park(parked)
    MailAccount.objects.filter(pk=account.pk).update(state="paused")

    do(operator, "try_again", parked)

    assert woken == []


@pytest.mark.req("Y81")
def test_limit_of_a_host_is_shown_and_removed(operator: Client, account: MailAccount):
    gate = HostGate.objects.create(
        host="mail.example.org", limit=2, until=timezone.now() + timedelta(minutes=5), reason="Too many connections"
    )
    titles = [str(one.title) for one in operator.get("/admin/").context["findings"]]
    assert "Servers that want fewer connections" in titles
    assert "Too many connections" in operator.get(list_page(HostGate)).content.decode()

    do(operator, "remove", gate)

    assert not HostGate.objects.exists()
    assert AuditEvent.objects.get(action="gate.removed").subject == "mail.example.org"


def test_accounts_are_shown_with_failures_and_what_they_moved_today(operator: Client, installation: Installation):
    text = operator.get(list_page(MailAccount)).content.decode()
    assert "↓ 4.8\xa0MB ↑ 1000\xa0bytes" in text
    assert "4.8\xa0MB" in operator.get(detail_page(installation.account)).content.decode()


@pytest.mark.req("Y64")
def test_action_is_stopped_and_what_was_not_told_is_put_back(operator: Client, account: MailAccount, woken: Woken):
    inbox = factories.make_mailbox(account, "INBOX", role="inbox")
    email = factories.make_email(inbox)
    set_keywords(None, [email], add=["$flagged"])
    action = Action.objects.get()

    page = do(operator, "stop", action).content.decode()

    action.refresh_from_db()
    assert action.status == Action.Status.STOPPED
    assert not EmailKeyword.objects.filter(email=email, keyword="$flagged").exists()
    assert "1 action will be stopped." in page
    assert "already at an end" in do(operator, "stop", action).content.decode()


@pytest.mark.parametrize("kind", [Action.Kind.CREATE_MAILBOX, Action.Kind.DELETE_MAILBOX])
def test_act_on_a_mailbox_is_not_stopped(operator: Client, account: MailAccount, woken: Woken, kind: str):
    action = Action.objects.create(account=account, kind=kind)

    assert "about a mailbox itself" in do(operator, "stop", action).content.decode()

    action.refresh_from_db()
    assert action.status == Action.Status.PENDING


def test_the_first_page_shows_how_new_mail_is_noticed(operator: Client):
    for number, seen_at in enumerate((timezone.now(), timezone.now(), timezone.now() - timedelta(hours=1))):
        detail = {"accounts": 5, "listening": 3, "notify": 1, "idle": 2, "polled": 2, "shards": 8}
        Heartbeat.objects.create(
            name=f"watch@host:{number}", kind="watch", host="host", pid=1, seen_at=seen_at, detail=detail
        )
    Heartbeat.objects.create(name="watch@old:1", kind="watch", host="old", pid=1, detail={"listening": "many"})

    rows = operator.get("/admin/").context["listening"]["rows"]

    assert [count for _, count in rows] == [6, 2, 4, 4, 16]


def figures() -> dict[tuple[str, str], float]:
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for metric in Figures().collect()
        for sample in metric.samples
    }


@pytest.mark.req("R94")
def test_monitors_are_told_of_accounts_mailboxes_and_acts(installation: Installation):
    Mailbox.objects.filter(name="Old").update(repairs=7)
    Action.objects.filter(status=Action.Status.PENDING).update(
        created_at=timezone.now() - timedelta(hours=2), attempts=4
    )

    found = figures()

    assert found["pillarbox_accounts", "paused"] == 1
    assert found["pillarbox_accounts", "ok"] == 2
    assert found["pillarbox_mailboxes_parked", ""] == 1
    assert found["pillarbox_mailboxes_troubled", ""] == 1
    assert found["pillarbox_repairs_total", ""] == 7
    assert found["pillarbox_actions_open", ""] == 2
    assert found["pillarbox_actions_tried_often", ""] == 1
    assert 7_100 < found["pillarbox_actions_oldest_seconds", ""] < 7_300
    assert found["pillarbox_bodies_missing", ""] == 0
    assert found["pillarbox_watch", "listening"] == 0


def test_figures_are_counted_once_in_some_seconds(account: MailAccount, django_assert_num_queries):
    now = [0.0]
    collector = Figures(clock=lambda: now[0])
    with django_assert_num_queries(15):
        collector.collect()
    with django_assert_num_queries(0):
        collector.collect()
    now[0] += KEEP_S
    with django_assert_num_queries(15):
        assert collector.collect()


def test_figures_of_last_time_are_given_while_the_database_is_away(account: MailAccount, monkeypatch):
    now = [0.0]
    collector = Figures(clock=lambda: now[0])
    before = collector.collect()

    def broken() -> object:
        raise metrics.DatabaseError("gone")

    monkeypatch.setattr(metrics.health, "watch_figures", broken)
    now[0] += KEEP_S

    assert collector.collect() == before


def test_figures_stand_at_the_address_of_the_monitors(account: MailAccount, client: Client, settings):
    settings.ROOT_URLCONF = "webmail.urls"
    response = client.get("/metrics")
    assert b"pillarbox_accounts{" in response.content
