"""A whole Pillarbox in its own directory: web, workers, watch and sweep as real processes, each of which a test may kill."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.environment import TEST_KEY
from tests.servers.ports import free_port
from tests.servers.process import ServerProcess, server_directory, wait_until

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"
PYTHON = sys.executable

COMMANDS: dict[str, list[str]] = {
    "web": ["-m", "uvicorn", "webmail.asgi:application", "--host", "127.0.0.1", "--port", "{port}", "--no-access-log"],
    "net": [
        *("-m", "celery", "-A", "webmail.celery", "worker", "-Q", "net", "--pool", "threads", "--concurrency", "4"),
        *("--loglevel", "WARNING", "-n", "net@test", "--without-gossip", "--without-mingle"),
    ],
    "cpu": [
        *("-m", "celery", "-A", "webmail.celery", "worker", "-Q", "cpu", "--pool", "prefork", "--concurrency", "1"),
        *("--loglevel", "WARNING", "-n", "cpu@test", "--without-gossip", "--without-mingle"),
    ],
    "watch": ["manage.py", "watch"],
    "sweep": ["manage.py", "sweep"],
}


class Site:
    """Start with `start()`, end with `close()`. `database_url` None: SQLite, as in a first `make run`."""

    def __init__(self, *, redis_url: str, ca_file: str = "", database_url: str | None = None) -> None:
        self.directory = server_directory("site")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}},
            "VAR_DIR": str(self.directory),
            "SECRET_KEY": "for-tests-only-" + "y" * 50,
            "CREDENTIAL_KEYS": f"test:{TEST_KEY}",
            "DATABASE_URL": database_url or f"sqlite:///{self.directory}/pillarbox.sqlite3",
            "BLOB_URL": f"file://{self.directory}/blobs",
            "REDIS_URL": redis_url,
            "BASE_URL": self.url,
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            "ALLOW_NETWORKS": "127.0.0.0/8",
            "EXTRA_CA_FILE": ca_file,
            "UNDO_SEND_S": "0",
            "LOG_LEVEL": "INFO",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
        }
        self.processes: dict[str, ServerProcess] = {}

    def start(self) -> Site:
        """Prepare the database and static files, then start every process and wait for the first page."""
        self.manage("migrate", "--verbosity", "0")
        self.manage("collectstatic", "--noinput", "--verbosity", "0")
        for name in COMMANDS:
            self.start_process(name)
        wait_until(self._answers, what="the first page", timeout_s=60)
        return self

    def start_process(self, name: str) -> None:
        """Start one kind of process."""
        command = [PYTHON, *(part.format(port=self.port) for part in COMMANDS[name])]
        self.processes[name] = ServerProcess(
            command, log=self.directory / f"{name}.log", environment=self.environment, cwd=ROOT
        )

    def kill(self, name: str) -> None:
        """kill -9, as a crash would."""
        self.processes.pop(name).kill()

    def manage(self, *arguments: str, stdin: str = "") -> str:
        """Run a manage.py command to its end; returns what it printed. Fails the test when it fails."""
        finished = subprocess.run(
            [PYTHON, "manage.py", *arguments], cwd=ROOT, env=self.environment, input=stdin, capture_output=True,
            text=True, timeout=180, check=False,
        )  # fmt: skip
        assert finished.returncode == 0, f"manage.py {' '.join(arguments)}: {finished.stderr[-2000:]}"
        return finished.stdout

    def run_python(self, code: str, *, timeout_s: float = 180) -> Any:
        """Run code in the site's own Django; its variable `result` comes back through JSON."""
        program = (
            "import os, json, django\nos.environ['DJANGO_SETTINGS_MODULE'] = 'webmail.settings'\ndjango.setup()\n"
            f"{code}\nprint('RESULT=' + json.dumps(result))\n"
        )
        finished = subprocess.run(
            [PYTHON, "-c", program],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr[-3000:]
        return json.loads(finished.stdout.rpartition("RESULT=")[2])

    def add_user(self, email: str) -> None:
        """A person who signs in with PASSWORD."""
        self.manage("adduser", email, "--password-stdin", stdin=PASSWORD)

    def token(self, email: str) -> str:
        """An app password with all mail scopes."""
        return str(json.loads(self.manage("token", email, "--scope", "mail", "--json"))["token"])

    def api(self, method: str, path: str, *, token: str, body: Any = None, **headers: str) -> Any:
        """Call REST; returns the decoded answer. Raises `urllib.error.HTTPError`."""
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            raw = answer.read()
        return json.loads(raw) if raw else None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def log_tail(self, name: str, *, characters: int = 3_000) -> str:
        """The end of a process's log, for the message of a failed test."""
        path = self.directory / f"{name}.log"
        return path.read_text(errors="replace")[-characters:] if path.exists() else ""

    def close(self) -> None:
        """End every process and remove the directory."""
        for process in self.processes.values():
            process.stop()
        self.processes.clear()
        self.remove_directory()

    def remove_directory(self) -> None:
        """Logs and all; PILLARBOX_KEEP_SITE=1 keeps them, to find a cause by."""
        if not os.environ.get("PILLARBOX_KEEP_SITE"):
            shutil.rmtree(self.directory, ignore_errors=True)
