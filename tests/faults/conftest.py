"""What the fault tests share: the worker that may die, and the stage it works on."""

import os
from collections.abc import Iterator

import pytest

from tests.faults import tally
from tests.faults.forked_site import ForkedSite
from tests.faults.lane import IS_FULL
from tests.faults.stage import Stage, outgoing_stage
from tests.faults.worker_process import WorkerProcess
from tests.servers.dovecot import DovecotServer
from tests.servers.process import ServerUnavailable
from tests.servers.redis import RedisServer

# The product's own minute in the full lane; less where nobody wants to wait for it.
LEASE_S = None if IS_FULL else 8.0


@pytest.fixture(autouse=True)
def _counted(request: pytest.FixtureRequest) -> None:
    """What the test counts goes to the row of its fault; mutations are counted apart, as they are meant to go wrong."""
    marker = request.node.get_closest_marker("fault")
    is_mutated = request.node.path.name == "test_mutations.py"
    tally.current = "mutation" if is_mutated else str(marker.args[0]) if marker else "none"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The count of the run."""
    lines = list(tally.table())
    if lines:
        terminalreporter.section("faults")
        terminalreporter.line(f"PILLARBOX_FAULT_SEED={os.environ.get('PILLARBOX_FAULT_SEED', 'chosen by each test')}")
        for line in lines:
            terminalreporter.line(line)


@pytest.fixture(scope="module")
def worker(django_db_setup: None) -> Iterator[WorkerProcess]:
    process = WorkerProcess()
    yield process
    process.close()


@pytest.fixture
def stage(worker: WorkerProcess) -> Iterator[Stage]:
    """For tests that kill the worker."""
    with outgoing_stage(worker) as made:
        yield made


@pytest.fixture(scope="session")
def _session_site(dovecot: DovecotServer) -> Iterator[ForkedSite]:
    """One for all tests: its start costs ten seconds."""
    try:
        redis = RedisServer().start()
    except ServerUnavailable as error:
        pytest.skip(str(error))
    site = ForkedSite(redis_server=redis, ca_file=str(dovecot.ca_file), lease_s=LEASE_S)
    try:
        yield site.start()
    finally:
        site.close()
        redis.close()


@pytest.fixture
def forked_site(_session_site: ForkedSite) -> Iterator[ForkedSite]:
    """A site that runs. Tests break it as they like, with people of their own; afterwards everything is started anew."""
    yield _session_site
    _session_site.restart_all()
