"""Tasks: names that others ring, and what happens when a body fails."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import webmail
from webmail.celery import app
from webmail.sync.turns import Turns
from webmail.workers import tasks
from webmail.workers.tasks import BODIES, RowTask

RUNG = re.compile(r"\bwake\(\s*[\"']([a-z.]+)[\"']|Step\([\"'](sync\.[a-z]+)")


@pytest.fixture
def failing_task() -> Iterator[RowTask]:
    def body(row_id: int) -> None:
        raise ZeroDivisionError(f"row {row_id}")

    task = app.task(name="tests.failing", base=RowTask)(body)
    yield app.tasks["tests.failing"]
    app.tasks.unregister(task.name)


def test_every_name_that_somebody_rings_is_a_task():
    root = Path(webmail.__file__).parent
    sources = [path.read_text() for folder in (root, root.parent / "accounts") for path in folder.rglob("*.py")]
    rung = {match[1] or match[2] for source in sources for match in RUNG.finditer(source)}

    assert rung
    assert rung - set(BODIES) == set()
    assert set(BODIES) <= set(app.tasks)


def test_hostile_input_is_parsed_in_the_cpu_worker_only():
    router = app.amqp.router
    queues = {name: router.route({}, name)["queue"].name for name in BODIES}

    assert {name for name, queue in queues.items() if queue == "cpu"} == {"index.account", "drawings.make"}
    assert set(queues.values()) == {"cpu", "net"}


@pytest.mark.django_db(transaction=True)
def test_a_body_that_fails_is_logged_with_its_rows_and_goes_no_further(failing_task, caplog):
    failing_task(17)

    assert "task.failed" in caplog.text
    assert "tests.failing" in caplog.text
    assert "17" in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", BODIES)
def test_a_row_that_is_gone_is_no_failure(name, caplog):
    app.tasks[name](987_654)

    assert "task.failed" not in caplog.text


@pytest.mark.req("Y84")
@pytest.mark.django_db(transaction=True)
def test_net_worker_keeps_two_of_its_threads_free_of_long_work(monkeypatch: pytest.MonkeyPatch):
    made = Turns()
    monkeypatch.setattr(tasks, "turns", made)
    tasks._show_life(SimpleNamespace(hostname="net@here", controller=SimpleNamespace(concurrency=4)))
    tasks._end_life()

    assert [made.begin(account_id) for account_id in range(3)] == [True, True, False]
