"""A worker that can be killed: a process of its own with the product's code, on the tests' database, blobs and keys.

Run as `python -m tests.faults.worker_process` it starts Django once and forks a child for each line of JSON it reads, so that
a kill costs no start. The child ends itself with SIGKILL at a named moment, or runs until it is killed from outside.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.faults.crash import crash_at_named_point
from tests.faults.mutations import MUTATIONS

PROJECT = Path(__file__).resolve().parents[2]


class WorkerProcess:
    """The test's side. One child at a time: `deliver`, `drain`, `recover`, `submit` or `sync`, perhaps `kill`, then `wait`."""

    def __init__(self) -> None:
        environment = {**os.environ, "DATABASE_URL": _database_url(), "DJANGO_SETTINGS_MODULE": "webmail.settings"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.worker_process"],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._pid = 0

    def deliver(self, submission_id: int, *, kill_at: str = "", mutation: str = "") -> int:
        """Deliver in a child, which ends itself at the moment `kill_at` (see `crash`); returns its pid at once."""
        return self._start(work="deliver", submission=submission_id, kill_at=kill_at, mutation=mutation)

    def drain(self, account_id: int, *, kill_at: str = "") -> int:
        """Deliver all that is due of an account in a child, as its task does."""
        return self._start(work="drain", account=account_id, kill_at=kill_at)

    def recover(self, *, mutation: str = "") -> int:
        """Take up expired leases in a child."""
        return self._start(work="recover", mutation=mutation)

    def submit(
        self, account_id: int, *, tokens: list[str], acknowledge_to: Path, mutation: str = "", dies_after: int = 0
    ) -> int:
        """Submit a message for each token, noting each in the file as soon as the call has returned. With `dies_after` it
        ends itself when so many were noted."""
        order = {"account": account_id, "tokens": tokens, "acknowledge_to": str(acknowledge_to)}
        return self._start(work="submit", mutation=mutation, dies_after=dies_after, **order)

    def sync(self, account_id: int, *, passes: int = 1, kill_at_statement: int = 0) -> int:
        """Replay and sync in a child, which ends itself before its statement of that number when one is given."""
        return self._start(work="sync", account=account_id, passes=passes, kill_at_statement=kill_at_statement)

    def kill(self) -> None:
        """SIGKILL for the child that runs; nothing when it has ended."""
        try:
            os.kill(self._pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def wait(self) -> int:
        """The child's exit code, negative for a signal."""
        return int(self._read()["exit"])

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _start(self, **order: Any) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self._pid = int(self._read()["pid"])
        return self._pid

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the worker process has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _database_url() -> str:
    from django.db import connection

    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    host = quote(str(values["HOST"]), safe="")
    login = quote(str(values["USER"]), safe="")
    if values["PASSWORD"]:
        login += ":" + quote(str(values["PASSWORD"]), safe="")
    port = f":{values['PORT']}" if values["PORT"] else ""
    return f"postgresql://{login}@{host}{port}/{values['NAME']}"


# The other side -----------------------------------------------------------------------------------------------------


def main() -> None:
    """Read orders until the end of input."""
    import django

    django.setup()
    import webmail.sync.outgoing.deliver
    import webmail.sync.passes

    assert webmail.sync.outgoing.deliver  # loaded before the first fork
    assert webmail.sync.passes
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _run_child(order)
        print(json.dumps({"pid": pid}), flush=True)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"exit": os.waitstatus_to_exitcode(status)}), flush=True)


def _run_child(order: dict[str, Any]) -> None:
    code = 1
    try:
        crash_at_named_point(order.get("kill_at", ""))
        if order.get("mutation"):
            MUTATIONS[order["mutation"]]()
        _WORK[order["work"]](order)
        code = 0
    except BaseException as error:
        print(f"child: {error!r}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _deliver(order: dict[str, Any]) -> None:
    from webmail.sync.connections import close_kept_sessions
    from webmail.sync.outgoing.deliver import deliver_submission

    deliver_submission(order["submission"])
    close_kept_sessions()  # as a worker that ends


def _drain(order: dict[str, Any]) -> None:
    from webmail.sync.connections import close_kept_sessions
    from webmail.sync.outgoing.deliver import deliver_account

    deliver_account(order["account"])
    close_kept_sessions()


def _recover(order: dict[str, Any]) -> None:
    from webmail.outbox.queue import upkeep

    upkeep.recover_expired_leases()


def _sync(order: dict[str, Any]) -> None:
    from contextlib import nullcontext

    from django.db import connection

    from webmail.sync.passes import sync_account

    last, count = order["kill_at_statement"], 0

    def end_there(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal count
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(end_there) if last else nullcontext():
        for _ in range(order["passes"]):
            sync_account(order["account"])


def _submit(order: dict[str, Any]) -> None:
    from accounts.models import MailAccount
    from tests.outbox.letters import submit

    account = MailAccount.objects.get(pk=order["account"])
    with Path(order["acknowledge_to"]).open("a") as file:
        for number, token in enumerate(order["tokens"], start=1):
            submit(account, subject=token, key=token)
            file.write(token + "\n")
            file.flush()
            if number == order["dies_after"]:
                os.kill(os.getpid(), signal.SIGKILL)


_WORK: dict[str, Callable[[dict[str, Any]], None]] = {
    "deliver": _deliver,
    "drain": _drain,
    "recover": _recover,
    "submit": _submit,
    "sync": _sync,
}


if __name__ == "__main__":
    main()
