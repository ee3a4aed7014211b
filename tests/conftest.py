"""Fixtures for all tests: the environment before Django starts, the databases, and the real servers."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest
from django.conf import settings
from django.db import connections
from playwright.sync_api import Browser, sync_playwright

from tests.environment import forget_settings_module, start_django
from tests.servers.dovecot import DovecotServer, MailUser
from tests.servers.postfix import PostfixServer
from tests.servers.postgres import PostgresServer
from tests.servers.process import ServerUnavailable
from tests.servers.redis import RedisServer

try:
    TEST_DIRECTORY = start_django()
except RuntimeError as error:
    raise pytest.UsageError(str(error)) from error

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

Server = TypeVar("Server", DovecotServer, PostfixServer, PostgresServer, RedisServer)

DATABASE_FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "live_server"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --database-only, for the pass on the second database."""
    parser.addoption("--database-only", action="store_true", help="run only the tests that touch the database")


def pytest_report_header() -> str:
    """Say which database this run is about, without its password."""
    return f"database: {settings.DATABASES['default']['ENGINE'].rpartition('.')[2]}"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    """Keep the settings module out of the environment even if the product's own code has put it there."""
    forget_settings_module()


def pytest_unconfigure() -> None:
    """Remove this process's files; parallel workers end without Python's own clean-up at exit."""
    shutil.rmtree(TEST_DIRECTORY, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --database-only leave out what cannot differ between databases."""
    if not config.getoption("--database-only"):
        return
    chosen = [item for item in items if _touches_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


def _touches_database(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or bool(fixtures & DATABASE_FIXTURES)


@pytest.fixture(scope="session", autouse=True)
def _cheap_settings() -> None:
    """What only costs time in tests: a slow password hash, and hashed names of static files nobody has collected."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]
    plain_storage = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain_storage}


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """SQLite tests use a file, as the product does.

    Django's in-memory test database has neither WAL nor a busy timeout, and no second process can open it.
    """
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        connections["default"].settings_dict["TEST"]["NAME"] = str(TEST_DIRECTORY / "test.sqlite3")


def _started(make: Callable[[], Server], stack: ExitStack) -> Server:
    """Start a server that `stack` closes; skips with the reason where it cannot run."""
    try:
        server = make()
        stack.callback(server.close)
        server.start()
    except ServerUnavailable as error:
        pytest.skip(str(error))
    return server


@pytest.fixture(scope="session")
def session_servers() -> Iterator[ExitStack]:
    """Closes the servers of the session, the last started first."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start_server() -> Iterator[Callable[[Callable[[], Server]], Server]]:
    """Starts a server for one test only: `start_server(lambda: DovecotServer(imap_capability="IMAP4rev1"))`."""
    with ExitStack() as stack:
        yield lambda make: _started(make, stack)


@pytest.fixture(scope="session")
def dovecot(session_servers: ExitStack) -> DovecotServer:
    """A running Dovecot, one per test process. Tests that stop it must start it again."""
    return _started(DovecotServer, session_servers)


@pytest.fixture
def mail_user(dovecot: DovecotServer) -> MailUser:
    """A user of Dovecot whom no other test knows, with empty mailboxes."""
    return dovecot.new_user()


@pytest.fixture(scope="session")
def postfix(dovecot: DovecotServer, session_servers: ExitStack) -> PostfixServer:
    """A running Postfix that delivers into `dovecot`."""
    return _started(lambda: PostfixServer(dovecot), session_servers)


@pytest.fixture(scope="session")
def redis_server(session_servers: ExitStack) -> RedisServer:
    """A running Redis at the settings' REDIS_URL. Tests that break it must start it again."""
    port = int(settings.REDIS_URL.rpartition(":")[2].partition("/")[0])
    return _started(lambda: RedisServer(port=port), session_servers)


@pytest.fixture(scope="session")
def postgres(session_servers: ExitStack) -> PostgresServer:
    """A running PostgreSQL of its own, apart from the database the tests use."""
    return _started(PostgresServer, session_servers)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder beside the project that holds the mail corpus; skips where it is not."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the folder shared/ with the mail corpus does not lie beside the project")
    return folder


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a module. Not for the session: while Playwright runs, no other test of the process can run a loop."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("no Chromium on this machine")
    if not (settings.BASE_DIR / "static" / "dist" / "main.js").exists():
        pytest.skip("the front end is not built: npm run build")
    # Playwright's own event loop runs in this thread, where the tests read the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
        )
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
