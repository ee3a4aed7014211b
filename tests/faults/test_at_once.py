"""F12: several at the same moment, counted. One row, one copy, one version: exactly, every time.

A sample by default; PILLARBOX_FAULT_RUNS=200 is the full count. Refreshes of sign-in tokens, the fifth row of F12, do not
exist: accounts sign in with passwords.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from functools import partial

import pytest
from django.test import Client

from accounts import tokens
from accounts.models import MailAccount
from tests.factories import make_user
from tests.fakes.smtp import RecordingSmtpSink
from tests.faults import tally
from tests.faults.lane import IS_FULL
from tests.faults.sync_stage import seeded
from tests.faults.tokens import count_tokens, new_token
from tests.outbox.letters import make_sender, submit
from tests.simultaneous import at_once
from webmail.outbox.errors import DraftConflict
from webmail.outbox.models import SENT, Draft, Phase, Submission
from webmail.outbox.queue import control, moves
from webmail.outbox.writing import drafts
from webmail.outbox.writing.drafts import DraftFields
from webmail.sync.connections import close_kept_sessions
from webmail.sync.outgoing.deliver import deliver_submission

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.fault("F12"), pytest.mark.timeout(3600)]

RUNS = int(os.environ.get("PILLARBOX_FAULT_RUNS", "50"))
LONG_ROUNDS = RUNS if IS_FULL else max(RUNS // 5, 1)
AT_ONCE, OFTEN_AT_ONCE = 50, 5  # so many with every tenth key, so many with the others
LATEST_UNDO_S = 0.004


def sender_at(sink: RecordingSmtpSink, name: str) -> MailAccount:
    """An account whose server files Sent by itself, so that only SMTP is spoken."""
    account = make_sender(make_user(name), outgoing_port=sink.port)
    MailAccount.objects.filter(pk=account.pk).update(saves_sent_itself=True)
    return MailAccount.objects.get(pk=account.pk)


@pytest.fixture
def sink():
    with RecordingSmtpSink() as server:
        yield server
        close_kept_sessions()


@pytest.mark.req("R63")
def test_fifty_sends_with_one_key_are_one_submission(sink: RecordingSmtpSink):
    """R63 F12 I2: through REST, as a client that repeats would."""
    account = sender_at(sink, "keys")
    secret = tokens.create_token(account.user, name="test", scopes=("mail",)).secret
    path = f"/api/v1/accounts/{account.public_id}/submissions"
    answered = Counter[int]()
    for number in range(LONG_ROUNDS):
        token = new_token()
        body = json.dumps({"message": {"to": "bob@example.org", "subject": token, "text": "Hi"}, "hold_for_s": 0})
        headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": token}

        def post(body: str = body, headers: dict[str, str] = headers) -> tuple[int, str]:
            response = Client(raise_request_exception=False).generic(
                "POST", path, body, "application/json", headers=headers
            )
            return response.status_code, response.json().get("id", "")

        results = at_once(*[post] * (OFTEN_AT_ONCE if number % 10 else AT_ONCE))
        answered.update(status for status, _ in results)  # type: ignore[misc]
        assert len(set(results)) == 1, set(results)
        assert Submission.objects.filter(account=account).count() == number + 1
    for pk in Submission.objects.values_list("pk", flat=True):
        deliver_submission(pk)
    assert set(answered) == {201}
    assert set(count_tokens(one.content for one in sink.messages).values()) == {1}
    assert len(sink.messages) == LONG_ROUNDS
    tally.add(runs=LONG_ROUNDS, acknowledged=LONG_ROUNDS, received=len(sink.messages))
    print(f"same key: {sum(answered.values())} requests, {LONG_ROUNDS} keys, {len(sink.messages)} received")


def cancel_after(row: Submission, seconds: float) -> Draft | None:
    """Undo, pressed at some moment of the delivery."""
    time.sleep(seconds)
    return control.cancel(row)


@pytest.mark.req("R73")
def test_undo_or_delivery_wins_and_the_sink_agrees(sink: RecordingSmtpSink):
    """R73 F12 I1 I2: cancelled or received, never both, never neither."""
    account, dice = sender_at(sink, "undo"), seeded()
    outcomes = Counter[str]()
    for _ in range(RUNS):
        row = submit(account, subject=new_token())
        before = len(sink.messages)
        draft, _ = at_once(
            partial(cancel_after, row, dice.uniform(0, LATEST_UNDO_S)), partial(deliver_submission, row.pk)
        )
        assert not isinstance(draft, Exception), draft
        deliver_submission(row.pk)
        phase, received = moves.reload(row).phase, len(sink.messages) - before
        assert (phase in SENT, received) in {(False, 0), (True, 1)}, (phase, received)
        assert phase in (Phase.CANCELLED, *SENT)
        assert (draft is not None) == (phase == Phase.CANCELLED)
        assert Draft.objects.filter(account=account).count() == (draft is not None)
        Draft.objects.all().delete()
        outcomes[phase] += 1
    tally.add(runs=RUNS, acknowledged=RUNS - outcomes[Phase.CANCELLED], received=len(sink.messages))
    print(f"undo against a worker: {dict(outcomes)} of {RUNS}")
    assert sum(outcomes.values()) == RUNS


@pytest.mark.req("R77")
def test_two_tabs_that_save_at_once_are_one_version_and_a_question():
    """R77 F12: one saves, the other is asked; what was saved is whole."""
    account = make_sender()
    draft = drafts.create_draft(account)
    for number in range(RUNS):
        texts = [f"{number} left " * 50, f"{number} right " * 50]
        revision = Draft.objects.get(pk=draft.pk).revision
        calls = [
            partial(drafts.save_draft, draft, fields=DraftFields(text=text), expected_revision=revision)
            for text in texts
        ]
        results = at_once(*calls)
        saved = [result for result in results if isinstance(result, Draft)]
        asked = [result for result in results if isinstance(result, DraftConflict)]
        assert (len(saved), len(asked)) == (1, 1), results
        now = Draft.objects.get(pk=draft.pk)
        assert now.revision == revision + 1
        assert now.text == saved[0].text == texts[0 if isinstance(results[0], Draft) else 1]
        assert asked[0].current.text == now.text
    tally.add(runs=RUNS)
    print(f"two tabs: {RUNS} times one saved, one asked")


@pytest.mark.req("R64")
def test_two_deliveries_of_one_account_share_its_messages(sink: RecordingSmtpSink):
    """R64 F12 I2: whoever is woken, however often, each message leaves once."""
    account = sender_at(sink, "twice")
    for _ in range(LONG_ROUNDS):
        rows = [submit(account, subject=new_token()) for _ in range(4)]
        calls = [partial(deliver_submission, row.pk) for row in rows] * 2
        errors = [result for result in at_once(*calls) if isinstance(result, Exception)]
        assert errors == []
        for row in rows:
            deliver_submission(row.pk)
    counts = count_tokens(one.content for one in sink.messages)
    assert set(Submission.objects.filter(account=account).values_list("phase", flat=True)) <= set(SENT)
    assert set(counts.values()) == {1}
    assert len(counts) == LONG_ROUNDS * 4
    tally.add(runs=LONG_ROUNDS, acknowledged=LONG_ROUNDS * 4, received=len(sink.messages))
    print(f"two deliveries: {len(counts)} messages, {sum(counts.values())} received")
