"""The outbox: what waits, what became of it, and what can still be done."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories import make_account, make_user
from tests.web.pages import MARKER, body_of, client_of
from webmail.outbox import delivery, drafts, submit
from webmail.outbox.answers import Answer
from webmail.outbox.models import Draft, Phase, Submission

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


def make_submission(user: User, *, subject: str = "Plan", to: str = "ben@example.net") -> Submission:
    draft = drafts.create_draft(make_account(user))
    fields = drafts.DraftFields(to=to, subject=subject, text="Hi")
    draft = drafts.save_draft(draft, fields=fields, expected_revision=None)
    return submit.submit_draft(draft, user=user, idempotency_key=f"key-{draft.pk}")


def claim(submission: Submission) -> Submission:
    Submission.objects.filter(pk=submission.pk).update(phase=Phase.QUEUED, send_at=submission.created_at)
    Submission.objects.filter(pk=submission.pk).update(next_try_at=submission.created_at)
    claimed = delivery.claim(submission.pk, "worker")
    assert claimed is not None
    return claimed


def make_unconfirmed(user: User) -> Submission:
    claimed = claim(make_submission(user))
    delivery.mark_in_data(claimed, answers={})
    delivery.mark_dot_sent(claimed)
    delivery.mark_unconfirmed(claimed, text="The connection broke.")
    return claimed


def act(client: Client, submission: Submission, what: str):
    return client.post(reverse("outbox_act", args=[submission.public_id]), {"act": what})


def test_an_empty_outbox_says_so(client: Client) -> None:
    assert "Nothing is waiting to be sent" in body_of(client.get(reverse("outbox")))


def test_what_waits_is_listed_with_its_phase_and_people(client: Client, alice: User) -> None:
    make_submission(alice)
    page = body_of(client.get(reverse("outbox")))
    for words in ("Plan", "To ben@example.net", "waiting", "Take back"):
        assert words in page


def test_the_list_costs_the_same_queries_however_long(
    client: Client, alice: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(6):
        make_submission(alice)
    with django_assert_max_num_queries(22):
        client.get(reverse("outbox"))


def test_one_message_shows_recipients_replies_and_timeline(client: Client, alice: User) -> None:
    claimed = claim(make_submission(alice))
    delivery.mark_failed(claimed, reply=Answer(code=550, text="No such user here"))
    page = body_of(client.get(reverse("outbox_item", args=[claimed.public_id])))
    assert "No such user here" in page
    assert "refused" in page
    assert "back in your drafts" in page
    assert "Take back" not in page


def test_taking_back_opens_the_draft_again(client: Client, alice: User) -> None:
    submission = make_submission(alice)
    answer = act(client, submission, "cancel")
    assert answer["Location"] == reverse("compose", args=[Draft.objects.get().public_id])
    submission.refresh_from_db()
    assert submission.phase == Phase.CANCELLED


def test_taking_back_too_late_is_said(client: Client, alice: User) -> None:
    claimed = claim(make_submission(alice))
    answer = act(client, claimed, "cancel")
    assert answer["Location"] == reverse("outbox_item", args=[claimed.public_id])
    assert "Too late to take it back" in body_of(client.get(answer["Location"]))


def test_a_delayed_message_is_tried_now_or_given_up(client: Client, alice: User) -> None:
    claimed = claim(make_submission(alice))
    delivery.mark_retry(claimed, reply=Answer(code=451, text="Come back later"))
    page = body_of(client.get(reverse("outbox_item", args=[claimed.public_id])))
    assert "Come back later" in page
    assert "Try now" in page
    before = Submission.objects.get().next_try_at
    act(client, claimed, "retry")
    assert Submission.objects.get().next_try_at < before
    act(client, claimed, "stop")
    assert Submission.objects.get().phase == Phase.FAILED
    assert Draft.objects.count() == 1


@pytest.mark.parametrize(("what", "phase"), [("resend", Phase.RETRY), ("mark_sent", Phase.ACCEPTED)])
def test_a_person_decides_what_is_in_doubt(client: Client, alice: User, what: str, phase: str) -> None:
    submission = make_unconfirmed(alice)
    page = body_of(client.get(reverse("outbox_item", args=[submission.public_id])))
    assert "may have left" in page
    act(client, submission, what)
    assert Submission.objects.get().phase == phase
    answer = act(client, submission, what)
    assert "too late" in body_of(client.get(answer["Location"]))


@pytest.mark.req("R56")
def test_submissions_of_others_are_not_there(alice: User) -> None:
    submission = make_submission(alice)
    bob = client_of(make_user("bob"))
    assert bob.get(reverse("outbox_item", args=[submission.public_id])).status_code == 404
    assert act(bob, submission, "cancel").status_code == 404
    assert "Plan" not in body_of(bob.get(reverse("outbox")))
    assert Client().get(reverse("outbox")).status_code == 302
    assert act(Client(), submission, "cancel")["Location"].startswith(reverse("account_login"))
    submission.refresh_from_db()
    assert submission.phase == Phase.HELD or submission.phase == Phase.QUEUED


@pytest.mark.req("R9")
def test_subjects_and_the_words_of_servers_are_escaped(client: Client, alice: User) -> None:
    claimed = claim(make_submission(alice, subject=MARKER))
    delivery.mark_failed(claimed, reply=Answer(code=550, text=MARKER))
    for address in (reverse("outbox"), reverse("outbox_item", args=[claimed.public_id])):
        page = client.get(address).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


def test_a_script_that_follows_gets_the_part_that_changes(client: Client, alice: User) -> None:
    submission = make_submission(alice)
    answer = client.get(reverse("outbox_item", args=[submission.public_id]), headers={"HX-Request": "true"})
    assert 'id="submission"' in body_of(answer)
    assert "<html" not in body_of(answer)
