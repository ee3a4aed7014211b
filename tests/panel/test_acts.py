"""Each button does what it says, through the functions everybody uses, and is written down."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, ConnectionTest, Credential, MailAccount
from tests import factories
from tests.outbox.letters import submit
from tests.panel.conftest import Installation, detail_page, do
from webmail import dispatch
from webmail.journal.models import Action
from webmail.outbox.models import Draft, Phase, Submission

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.panel.urls")]


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[int, ...]]]:
    """What workers were woken for."""
    found: list[tuple[str, tuple[int, ...]]] = []
    monkeypatch.setattr(dispatch, "wake", lambda task, *row_ids: found.append((task, row_ids)))
    return found


def state_of(account: MailAccount) -> str:
    return MailAccount.objects.get(pk=account.pk).state


def phase_of(submission: Submission) -> str:
    return Submission.objects.get(pk=submission.pk).phase


def put_off(account: MailAccount) -> None:
    MailAccount.objects.filter(pk=account.pk).update(next_sync_at=timezone.now() + timedelta(hours=1))


def test_synchronise_now_wakes_a_worker_for_each_account_that_may_run(
    operator: Client, installation: Installation, woken
):
    accounts = installation.accounts
    for account in accounts.values():
        put_off(account)
    response = do(operator, "sync_now", *accounts.values())
    running = [accounts[state] for state in ("new", "ok", "failing", "auth_failed")]
    assert sorted(woken) == sorted(("sync.account", (account.pk,)) for account in running)
    now = timezone.now()
    assert all(MailAccount.objects.get(pk=account.pk).next_sync_at <= now for account in running)
    assert state_of(accounts["paused"]) == "paused"
    assert state_of(accounts["failing"]) == "failing"  # a wish is no proof that it works
    text = response.content.decode()
    assert "4 mail accounts will be synchronised." in text
    assert "1 mail account paused: resume first." in text


def test_pause_and_resume(operator: Client, account: MailAccount, woken):
    do(operator, "pause", account)
    assert state_of(account) == "paused"
    assert woken == []
    do(operator, "resume", account)
    assert state_of(account) == "ok"
    assert woken == [("sync.account", (account.pk,))]


def test_pausing_twice_says_so(operator: Client, account: MailAccount, woken):
    do(operator, "pause", account)
    assert "paused already." in do(operator, "pause", account).content.decode()


@pytest.mark.req("R49")
def test_testing_again_uses_the_stored_password_which_stays_sealed(operator: Client, account: MailAccount, woken):
    response = do(operator, "test_again", account, from_detail=True)
    test = ConnectionTest.objects.get()
    assert (test.purpose, test.account, test.status) == ("verify", account, "pending")
    assert b"S3CR3T" not in bytes(test.sealed)
    assert "S3CR3T" not in str(test.settings)
    assert woken == [("connections.test", (test.pk,))]
    assert response.request["PATH_INFO"] == detail_page(account)
    assert "pending" in response.content.decode().lower()


def test_an_account_whose_password_cannot_be_opened_is_not_tested(operator: Client, account: MailAccount, woken):
    Credential.objects.update(key_id="lost")
    response = do(operator, "test_again", account)
    assert "cannot be tested" in response.content.decode()
    assert not ConnectionTest.objects.exists()


def test_a_paused_account_is_not_tested_since_passing_would_let_it_run(operator: Client, account: MailAccount, woken):
    do(operator, "pause", account)
    do(operator, "test_again", account)
    assert not ConnectionTest.objects.exists()


@pytest.mark.parametrize("phase", Phase.values)
def test_try_now_makes_waiting_submissions_due(operator: Client, account: MailAccount, woken, phase: str):
    submission = submit(account)
    later = timezone.now() + timedelta(hours=2)
    Submission.objects.filter(pk=submission.pk).update(phase=phase, next_try_at=later)
    woken.clear()
    do(operator, "retry_now", submission)
    is_due = Submission.objects.get(pk=submission.pk).next_try_at < later
    assert is_due == (phase in {"queued", "retry"})
    assert woken == ([("outbox.deliver", (submission.pk,))] if is_due else [])
    assert phase_of(submission) == phase


@pytest.mark.parametrize("phase", Phase.values)
def test_take_back_gives_the_draft_back_while_there_is_time(operator: Client, account: MailAccount, woken, phase: str):
    submission = submit(account, subject="Mine")
    Submission.objects.filter(pk=submission.pk).update(phase=phase)
    response = do(operator, "take_back", submission)
    if phase in {"held", "queued", "retry"}:
        assert phase_of(submission) == "cancelled"
        assert Draft.objects.get().subject == "Mine"
        assert "1 submission taken back." in response.content.decode()
    else:
        assert phase_of(submission) == phase
        assert not Draft.objects.exists()
        assert "1 submission too late to be taken back." in response.content.decode()


def test_stop_trying_ends_a_delayed_submission(operator: Client, account: MailAccount, woken):
    submission = submit(account)
    Submission.objects.filter(pk=submission.pk).update(phase=Phase.RETRY)
    do(operator, "stop_trying", submission)
    assert phase_of(submission) == "failed"
    assert Draft.objects.count() == 1


@pytest.mark.req("R66")
@pytest.mark.parametrize(("act", "phase"), [("mark_sent", "accepted"), ("send_again", "retry")])
def test_doubt_is_resolved_by_a_person(operator: Client, account: MailAccount, woken, act: str, phase: str):
    submission = submit(account)
    Submission.objects.filter(pk=submission.pk).update(phase=Phase.UNCONFIRMED)
    woken.clear()
    do(operator, act, submission, from_detail=True)
    assert phase_of(submission) == phase
    assert woken == [("outbox.deliver", (submission.pk,))]
    assert "administrator" in submission.events.last().text


@pytest.mark.req("R66")
@pytest.mark.parametrize("act", ["mark_sent", "send_again"])
@pytest.mark.parametrize("phase", [phase for phase in Phase.values if phase != "unconfirmed"])
def test_what_is_not_in_doubt_is_never_sent_again(operator: Client, account: MailAccount, woken, act: str, phase: str):
    submission = submit(account)
    Submission.objects.filter(pk=submission.pk).update(phase=phase)
    do(operator, act, submission)
    assert phase_of(submission) == phase


def test_the_page_of_a_submission_offers_only_what_is_possible(operator: Client, installation: Installation):
    expected = {
        "held": ["take_back"],
        "queued": ["retry_now", "take_back"],
        "retry": ["retry_now", "take_back", "stop_trying"],
        "unconfirmed": ["mark_sent", "send_again"],
    }
    for phase, submission in installation.submissions.items():
        page = operator.get(detail_page(submission))
        offered = [button["name"] for button in page.context["detail_actions"]]
        assert offered == expected.get(phase, []), phase


def test_trying_an_action_now_lets_the_whole_account_go_on_in_order(operator: Client, account: MailAccount, woken):
    later = timezone.now() + timedelta(hours=1)
    first, second = (
        Action.objects.create(account=account, kind=Action.Kind.MOVE, next_try_at=later, attempts=2) for _ in range(2)
    )
    do(operator, "replay_now", second)
    assert Action.objects.filter(next_try_at__lte=timezone.now()).count() == 2
    assert woken == [("journal.replay", (account.pk,))]
    first.refresh_from_db()
    assert first.attempts == 2


def test_an_action_that_has_ended_is_left_alone(operator: Client, account: MailAccount, woken):
    action = Action.objects.create(account=account, kind=Action.Kind.MOVE, status=Action.Status.FAILED)
    assert "already at an end." in do(operator, "replay_now", action).content.decode()
    assert woken == []


def test_every_act_is_written_down_with_who_and_where(operator: Client, charlie, account: MailAccount, woken):
    do(operator, "pause", account)
    event = AuditEvent.objects.get(action="account.paused")
    assert (event.user, event.subject, event.ip_address) == (charlie, account.address, "127.0.0.1")


def test_an_act_that_does_not_happen_is_not_written_down(operator: Client, account: MailAccount, woken):
    do(operator, "resume", account)
    assert not AuditEvent.objects.filter(action="account.resumed").exists()


@pytest.mark.req("R87")
def test_an_act_succeeds_while_redis_is_away(operator: Client):
    account = factories.make_account(factories.make_user("dora"))
    assert do(operator, "sync_now", account).status_code == 200
