"""What pages, REST and the panel read of drafts and submissions. bob sees nothing of alice's."""

from datetime import timedelta

import pytest
from django.http import Http404
from django.utils import timezone

from accounts import services
from accounts.models import AccountState
from tests.outbox.letters import make_sender, submit
from webmail.outbox import queries
from webmail.outbox.models import Phase, Submission, SubmissionRecipient
from webmail.outbox.queue import schedule
from webmail.outbox.writing import drafts

pytestmark = pytest.mark.django_db


def put(submission, **values):
    Submission.objects.filter(pk=submission.pk).update(**values)
    return submission


def test_nobody_sees_what_belongs_to_another():
    alice, bob = make_sender(), make_sender()
    draft, submission = drafts.create_draft(alice), submit(alice)

    assert queries.get_draft_for(alice.user, draft.public_id) == draft
    assert queries.get_submission_for(alice.user, submission.public_id) == submission
    with pytest.raises(Http404):
        queries.get_draft_for(bob.user, draft.public_id)
    with pytest.raises(Http404):
        queries.get_submission_for(bob.user, submission.public_id)
    for listing in (queries.drafts_of, queries.submissions_of, queries.waiting_of, queries.troubled_of):
        assert not listing(bob.user).exists()


def test_outbox_shows_what_has_not_left():
    account = make_sender()
    held = submit(account, send_at=timezone.now() + timedelta(hours=2))
    queued = submit(account)
    put(submit(account), phase=Phase.DONE)
    put(submit(account), phase=Phase.FAILED)
    assert list(queries.waiting_of(account.user)) == [queued, held]


@pytest.mark.req("R94")
def test_trouble_is_what_the_user_must_know_of():
    account = make_sender()
    long_ago = timezone.now() - schedule.TELL_AFTER
    troubled = {
        put(submit(account), phase=Phase.FAILED),
        put(submit(account), phase=Phase.UNCONFIRMED),
        put(submit(account), phase=Phase.RETRY, first_try_at=long_ago),
        put(submit(account), phase=Phase.ACCEPTED, sent_copy_failures=2),
    }
    partly = put(submit(account), phase=Phase.DONE)
    SubmissionRecipient.objects.filter(submission=partly).update(status="refused")
    put(submit(account), phase=Phase.RETRY, first_try_at=timezone.now())
    put(submit(account), phase=Phase.DONE)
    assert set(queries.troubled_of(account.user)) == {*troubled, partly}


def test_list_of_submissions_costs_two_queries(django_assert_num_queries):
    account = make_sender()
    for _ in range(5):
        submit(account)
    with django_assert_num_queries(2):
        rows = list(queries.submissions_of(account.user)[:50])
        assert all(row.account.address and row.identity and list(row.recipients.all()) for row in rows)


@pytest.mark.parametrize(
    ("phase", "status"),
    [
        (Phase.HELD, "pending"),
        (Phase.QUEUED, "pending"),
        (Phase.RETRY, "pending"),
        (Phase.CLAIMED, "final"),
        (Phase.DOT_SENT, "final"),
        (Phase.DONE, "final"),
        (Phase.CANCELLED, "canceled"),
    ],
)
def test_undo_status(phase, status):
    assert queries.undo_status(Submission(phase=phase)) == status


@pytest.mark.req("R94")
def test_figures_for_the_operator():
    account = make_sender()
    before = queries.queue_figures().by_phase
    put(submit(account), phase=Phase.UNCONFIRMED)
    put(submit(account), phase=Phase.RETRY, attempts=5)
    put(submit(account), phase=Phase.ACCEPTED, sent_copy_failures=1)
    overdue = submit(account)
    figures = queries.queue_figures()
    assert before == {}
    assert figures.unconfirmed == figures.tried_often == figures.without_copy == 1
    assert figures.oldest_due_at == overdue.send_at


def test_accounts_that_are_due_leave_out_stopped_ones():
    account, stopped = make_sender(), make_sender()
    due = submit(account)
    submit(stopped)
    services.set_state(stopped, AccountState.AUTH_FAILED)
    assert queries.accounts_due() == [due.account_id]
