"""A Pillarbox of its own as `make run` starts it: `manage.py up` in a new directory, SQLite, every process under its supervisor."""

from __future__ import annotations

import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.site import PASSWORD, PYTHON, ROOT, Site
from tests.servers.process import ServerProcess, wait_until

READY_S = 120.0
SYNC_S = 1_800.0


class Installation(Site):
    """Start with `start()`, end with `close()`. All that is in `environment` before the start counts."""

    def __init__(self) -> None:
        super().__init__(redis_url="")
        self.directory.chmod(0o700)
        for name in (
            "REDIS_URL",
            "DATABASE_URL",
            "BLOB_URL",
            "SECRET_KEY",
            "CREDENTIAL_KEYS",
            "UNDO_SEND_S",
            "EXTRA_CA_FILE",
        ):
            self.environment.pop(name, None)
        self.environment |= {"PORT": str(self.port), "DEMO": "0", "LOG_LEVEL": "WARNING"}

    def start(self) -> Installation:
        """Everything that `make run` starts, once its pages answer."""
        command = [PYTHON, "manage.py", "up", "--json"]
        log = self.directory / "up.log"
        self.processes["up"] = ServerProcess(command, log=log, environment=self.environment, cwd=ROOT)
        wait_until(self._is_ready, what="the pages", timeout_s=READY_S)
        return self

    def connect(self, users: Sequence[str], *, imap: str, secret: str) -> None:
        """A person of the same name for each address, connected and with everything here."""
        for user in users:
            self.add_user(user)
            name = user.replace("@", "%40")
            self.manage(
                *("connect", user, "--address", user, "--incoming", f"imap://{name}@{imap}"),
                *("--password-stdin", "--no-test"),
                stdin=f"{secret}\n",
            )
        for user in users:
            print(f"  fetching the mail of {user}", file=sys.stderr, flush=True)
            subprocess.run(
                [PYTHON, "manage.py", "sync", user, "--wait"],
                cwd=ROOT,
                env=self.environment,
                check=True,
                timeout=SYNC_S,
                stdout=subprocess.DEVNULL,
            )

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def memory_mb(self) -> int:
        """Proportional memory of all processes under the supervisor, in MB."""
        pids = [int((self.directory / "run" / "supervisord.pid").read_text())]
        total_kib = 0
        while pids:
            pid = pids.pop()
            try:
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                total_kib += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
                pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
            except OSError:
                continue
        return total_kib // 1024

    def close(self) -> None:
        for process in self.processes.values():
            process.stop()
        self.processes.clear()
        shutil.rmtree(self.directory, ignore_errors=True)


__all__ = ["PASSWORD", "Installation"]
