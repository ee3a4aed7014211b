"""A whole site whose processes are forks (`zygote`), so that a test may kill hundreds of them; people who use it by REST."""

from __future__ import annotations

import http.client
import json
import signal
import sqlite3
import threading
import time
import urllib.error
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from tests.e2e.site import Site
from tests.faults.judge import SETTLED
from tests.faults.zygote import Zygote
from tests.servers.dovecot import DovecotServer, MailUser
from tests.servers.process import wait_until
from tests.servers.redis import RedisServer

KINDS = ("web", "net", "sweep")
SUPERVISED_EVERY_S = 0.5

MAKE_PEOPLE = """
from accounts import services, tokens
from accounts.models import User
result = []
for name, address, password, imap_port, smtp_port in {people!r}:
    user = User.objects.create_user(f"{{name}}@people.test", None, name=name)
    account = services.create_account(user, services.AccountSettings(
        address=address, incoming_protocol="imap", incoming_host="127.0.0.1", incoming_port=imap_port,
        incoming_security="plain", incoming_username=name, outgoing_host="127.0.0.1", outgoing_port=smtp_port,
        outgoing_security="plain"), incoming_password=password)
    made = tokens.create_token(user, name="storm", scopes=("mail",))
    result.append([made.secret, account.public_id, account.pk])
"""


@dataclass(frozen=True)
class Person:
    """Somebody with a mailbox at Dovecot, who sends through the sink."""

    mailbox: MailUser
    token: str
    account: str
    account_pk: int


class ForkedSite(Site):
    """`Site` with forks for processes. `start_process` takes options of the zygote: crash_at, mutation, file_bytes."""

    def __init__(
        self, *, redis_server: RedisServer, ca_file: str = "", lease_s: float | None = None, **urls: Any
    ) -> None:
        super().__init__(redis_url=redis_server.url, ca_file=ca_file, database_url=urls.pop("database_url", None))
        self.redis = redis_server
        self.environment.update(
            SEND_MESSAGES_PER_DAY="0",
            SEND_NEW_RECIPIENTS_PER_DAY="0",
            LOG_LEVEL="WARNING",
            **urls.pop("environment", {}),
        )
        if lease_s is not None:
            self.environment["PILLARBOX_TEST_LEASE_S"] = str(lease_s)
        self.pids: dict[str, int] = {}
        self.restarts: Counter[str] = Counter()
        """Processes that ended by themselves and were started again, as supervisor does."""
        self._options: dict[str, dict[str, Any]] = {}
        self._zygote: Zygote | None = None
        self._lock = threading.RLock()
        self._closed = threading.Event()

    @property
    def zygote(self) -> Zygote:
        """The parent of all processes, started at first use."""
        if self._zygote is None:
            self._zygote = Zygote(self.environment, log=self.directory / "zygote.log")
        return self._zygote

    def start(self) -> ForkedSite:
        """Prepare the database, then start every process and wait for the first page."""
        self.manage("migrate", "--verbosity", "0")
        self.manage("collectstatic", "--noinput", "--verbosity", "0")
        for name in KINDS:
            self.start_process(name)
        threading.Thread(target=self._supervise, name="supervisor", daemon=True).start()
        self.wait_for_page()
        return self

    def _supervise(self) -> None:
        while not self._closed.wait(SUPERVISED_EVERY_S):
            with self._lock:
                for name, pid in list(self.pids.items()):
                    if not self.zygote.is_running(pid):
                        self.restarts[name] += 1
                        # A crash point is for one process: the next one lives.
                        options = {key: value for key, value in self._options[name].items() if key != "crash_at"}
                        self.start_process(name, **options)

    def wait_for_page(self, timeout_s: float = 60) -> None:
        """Return once pages answer."""
        wait_until(self._answers, what="a page", timeout_s=timeout_s)

    def start_process(self, name: str, **options: Any) -> None:
        """Start one kind of process."""
        with self._lock:
            log = self.directory / f"{name}.log"
            self._options[name] = options
            self.pids[name] = self.zygote.start(name, log=log, port=self.port, **options)

    def kill(self, name: str) -> None:
        """kill -9, as a crash would; nobody starts it again."""
        with self._lock:
            self.zygote.send(self.pids.pop(name), signal.SIGKILL)

    def send(self, name: str, number: int) -> None:
        """Signal a process."""
        with self._lock:
            self.zygote.send(self.pids[name], number)

    def stop_all(self) -> None:
        """kill -9 for everything."""
        for name in list(self.pids):
            self.kill(name)

    def restart_all(self) -> None:
        """Everything as at the beginning, but for the rows: what is still under way belongs to nobody any more."""
        self.stop_all()
        if not self.redis.process.is_running():
            self.redis.start()
        with suppress(ProcessLookupError):
            self.redis.resume()
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            connection.execute("UPDATE outbox_submission SET phase = 'done', lease_until = NULL, lease_owner = ''")
        for name in KINDS:
            self.start_process(name)
        self.wait_for_page()

    def close(self) -> None:
        """End every process and remove the directory."""
        self._closed.set()
        with self._lock:
            self.pids.clear()
            if self._zygote is not None:
                self._zygote.close()
        self.remove_directory()

    # What is in the rows ----------------------------------------------------------------------------------------------

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return Path(self.environment["DATABASE_URL"].removeprefix("sqlite:///"))

    def rows(self, columns: str = "subject, phase", *, database: Path | None = None) -> list[tuple[Any, ...]]:
        """Columns of all submissions, read by SQLite itself: it is asked, not our code."""
        with closing(sqlite3.connect(database or self.database, timeout=30)) as connection:
            return connection.execute(f"SELECT {columns} FROM outbox_submission").fetchall()

    def phases(self) -> Counter[str]:
        """How many submissions are in each phase."""
        return Counter(phase for _, phase in self.rows())

    def redis_waits(self) -> int:
        """Wake-ups that no worker has taken."""
        return int(redis.Redis.from_url(self.redis.url).llen("net"))

    def settle(self, *, timeout_s: float) -> float:
        """Wait until nothing is under way any more; returns the seconds that took. Raises `TimeoutError`."""
        begin = time.monotonic()
        try:
            wait_until(lambda: not set(self.phases()) - SETTLED, what="rest", timeout_s=timeout_s)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self.unsettled()}; started again: {self.restarts}") from error
        return time.monotonic() - begin

    def unsettled(self) -> list[tuple[Any, ...]]:
        """What is still under way, for the message of a failed test."""
        columns = "phase, attempts, account_id, sent_copy_failures, accepted_at, next_try_at, lease_until, last_reply"
        return [row for row in self.rows(columns) if row[0] not in SETTLED][:10]

    # People -------------------------------------------------------------------------------------------------------------

    def people(self, dovecot: DovecotServer, count: int, *, smtp_port: int, imap_port: int = 0) -> list[Person]:
        """People with an account each, who may use REST."""
        users = [dovecot.new_user() for _ in range(count)]
        port = imap_port or dovecot.imap_port
        made = self.run_python(
            MAKE_PEOPLE.format(people=[(user.name, user.address, user.password, port, smtp_port) for user in users])
        )
        return [Person(user, *row) for user, row in zip(users, made, strict=True)]

    def send_once(self, person: Person, token: str, *, text: str = "Hello", timeout_s: float = 30) -> int:
        """One POST; returns the status. Raises `OSError` or `http.client.HTTPException` when there was no answer."""
        body = {"message": {"to": "bob@example.org", "subject": token, "text": text}}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        with closing(connection):
            headers = {"Authorization": f"Bearer {person.token}", "Idempotency-Key": token}
            headers["Content-Type"] = "application/json"
            path = f"/api/v1/accounts/{person.account}/submissions"
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status

    def send_until_acknowledged(self, person: Person, token: str, *, timeout_s: float = 120) -> int:
        """POST with one key until it is answered, whatever happens in between; returns how many tries that took."""
        deadline, tries = time.monotonic() + timeout_s, 0
        while True:
            tries += 1
            try:
                status = self.send_once(person, token)
                if status == 201:
                    return tries
                assert status >= 500, f"{token}: {status}"
            except (OSError, http.client.HTTPException):
                pass
            assert time.monotonic() < deadline, f"{token} was not taken in {timeout_s:g} s"
            time.sleep(0.05)

    def page_s(self, path: str = "/accounts/login/") -> float:
        """Seconds until a page has come, which must be a good one. Raises what urllib raises."""
        begin = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
        if answer.status >= 400:
            raise urllib.error.HTTPError(path, answer.status, "", answer.headers, None)
        return time.monotonic() - begin

    def list_s(self, person: Person) -> float:
        """Seconds until REST has listed a person's submissions: something that reads rows."""
        begin = time.monotonic()
        self.api("GET", f"/accounts/{person.account}/submissions", token=person.token)
        return time.monotonic() - begin
