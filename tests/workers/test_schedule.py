"""A round of the sweep: every step has its turn, whatever the others do."""

import json

import pytest
from django.core.management import CommandError, call_command

from webmail.workers import schedule
from webmail.workers.schedule import SWEEP_S, Step, Sweep
from webmail.workers.tasks import BODIES

# Steps close connections, which a test inside a transaction would not survive.
pytestmark = pytest.mark.django_db(transaction=True)


def fail() -> int:
    raise ZeroDivisionError("on purpose")


@pytest.mark.req("R91")
def test_a_step_that_fails_does_not_stop_the_others():
    sweep = Sweep([Step("first", 10, lambda: 1), Step("bad", 10, fail), Step("last", 10, lambda: 3)])

    assert sweep.run_due() == {"first": 1, "last": 3}
    assert sweep.failures == 1


def test_steps_run_when_their_time_has_come():
    now = 0.0
    sweep = Sweep([Step("often", 10, lambda: 1), Step("seldom", 3600, lambda: 2)], clock=lambda: now)

    assert sweep.run_due() == {"often": 1, "seldom": 2}
    now = 5.0
    assert sweep.run_due() == {}
    now = 10.0
    assert sweep.run_due() == {"often": 1}
    now = 3601.0
    assert sweep.run_due() == {"often": 1, "seldom": 2}


def test_all_steps_of_the_product_run_on_an_empty_installation(capsys):
    call_command("sweep", "--once", "--json")

    results = json.loads(capsys.readouterr().out)
    assert set(results) == {step.name for step in schedule.steps()}
    assert {"outbox", *BODIES} - {"sync.mailbox", "outbox.deliver", "outbox.deliver_account"} <= set(results)


def test_a_failing_round_is_told_to_the_operator(monkeypatch):
    monkeypatch.setattr("webmail.workers.management.commands.sweep.steps", lambda: [Step("bad", 10, fail)])

    with pytest.raises(CommandError, match="log"):
        call_command("sweep", "--once")


def test_what_people_wait_for_is_looked_at_every_round():
    assert SWEEP_S <= 10
    assert all(step.every_s <= SWEEP_S for step in schedule.steps()[:6])
