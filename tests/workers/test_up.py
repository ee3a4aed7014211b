"""`manage.py up` as people run it: all processes, a first page, mail from the demo server, and nothing left afterwards."""

import base64
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from tests.environment import SETTING_NAMES
from tests.servers.ports import free_port
from tests.servers.process import wait_until
from webmail.demo.addresses import IMAP_PASSWORD, POP3_PASSWORD
from webmail.settings.environment import read_environment_file

ROOT = Path(__file__).resolve().parents[2]
START_S = 150.0  # the first time everything is compressed, on a busy machine
STOP_S = 12.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes through /proc"),
]


class Installation:
    """One VAR_DIR and what runs in it."""

    def __init__(self) -> None:
        # Short, because of the socket in it.
        self.var_dir = Path(tempfile.mkdtemp(prefix="pbx-up-")).resolve()
        self.port = free_port()
        self._started: list[subprocess.Popen[str]] = []

    def up(self, **settings: str) -> subprocess.Popen[str]:
        """Start `manage.py up` as a shell with no settings of its own would."""
        clean = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
        clean.pop("DJANGO_SETTINGS_MODULE", None)
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "up", "--json"],
            env={**clean, "VAR_DIR": str(self.var_dir), "PORT": str(self.port), "DEMO": "1", **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def processes(self) -> list[int]:
        """Living processes that were started with this VAR_DIR."""
        marker = f"VAR_DIR={self.var_dir}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if marker in (entry / "environ").read_bytes().split(b"\0") and not is_zombie(entry):
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def rows(self, query: str) -> list[tuple[object, ...]]:
        uri = f"file:{self.var_dir / 'pillarbox.sqlite3'}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            return database.execute(query).fetchall()

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.var_dir, ignore_errors=True)


def is_zombie(entry: Path) -> bool:
    return entry.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "Z"


def first_line(process: subprocess.Popen[str]) -> dict[str, object]:
    """What `up` says once it runs; a failure shows what it complained of."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait()
        assert process.stderr is not None
        pytest.fail(process.stderr.read())
    return dict(json.loads(line))


def status_of(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    made = Installation()
    yield made
    made.close()


def end(installation: Installation, process: subprocess.Popen[str], number: signal.Signals) -> None:
    process.send_signal(number)
    process.wait(timeout=STOP_S)
    wait_until(lambda: not installation.processes(), what="all processes to end", timeout_s=STOP_S)


@pytest.mark.req("R49")
def test_newcomer_gets_a_page_and_mail_and_ctrl_c_ends_it_all(installation: Installation) -> None:
    process = installation.up()
    said = first_line(process)

    assert said["address"] == f"http://localhost:{installation.port}/"
    assert status_of(str(said["address"])) == 200
    stored = "SELECT count(*) FROM store_email WHERE is_indexed"
    wait_until(lambda: installation.rows(stored)[0][0] >= 400, what="the demo's mail", timeout_s=90)
    protocols = "SELECT incoming_protocol FROM accounts_mailaccount WHERE state = 'ok'"
    wait_until(lambda: len(installation.rows(protocols)) == 2, what="both accounts to work", timeout_s=30)
    kinds = "SELECT DISTINCT kind FROM store_heartbeat ORDER BY kind"
    wait_until(
        lambda: {"cpu", "net", "sweep", "watch"} <= {row[0] for row in installation.rows(kinds)},
        what="every process to show life",
    )
    assert_no_secrets(installation)
    assert (installation.var_dir.stat().st_mode & 0o077, len(installation.processes()) >= 8) == (0, True)

    end(installation, process, signal.SIGINT)
    assert process.returncode == 0


def assert_no_secrets(installation: Installation) -> None:
    """R49: not in logs, not in the supervisor's configuration, not in Redis."""
    environment = read_environment_file(installation.var_dir / "environment")
    key = environment["CREDENTIAL_KEYS"].partition(":")[2]
    secrets = [environment["SECRET_KEY"], key, IMAP_PASSWORD, POP3_PASSWORD]
    secrets += [base64.b64encode(secret.encode()).decode().rstrip("=") for secret in secrets]
    texts = [path.read_text(errors="replace") for path in (installation.var_dir / "logs").iterdir()]
    texts.append((installation.var_dir / "run" / "supervisord.conf").read_text())
    texts += redis_dump(installation.var_dir / "run" / "redis.sock")
    for pid in installation.processes():
        texts.append(Path(f"/proc/{pid}/cmdline").read_text(errors="replace"))
    assert [secret[:4] for secret in secrets for text in texts if secret in text] == []


def redis_dump(socket_path: Path) -> list[str]:
    readers: dict[bytes, Callable[[redis.Redis, bytes], object]] = {
        b"list": lambda client, key: client.lrange(key, 0, -1),
        b"hash": lambda client, key: client.hgetall(key),
        b"set": lambda client, key: client.smembers(key),
        b"zset": lambda client, key: client.zrange(key, 0, -1),
        b"string": lambda client, key: client.get(key),
    }
    with redis.Redis(unix_socket_path=str(socket_path)) as client:
        return [repr((key, readers[client.type(key)](client, key))) for key in client.scan_iter() if client.exists(key)]


@pytest.mark.parametrize("victim", ["up", "supervisor"])
def test_nothing_survives_a_killed_parent(installation: Installation, victim: str) -> None:
    process = installation.up()
    first_line(process)
    pid = process.pid if victim == "up" else int((installation.var_dir / "run" / "supervisord.pid").read_text())

    os.kill(pid, signal.SIGKILL)

    process.wait(timeout=STOP_S)
    wait_until(lambda: not installation.processes(), what="all processes to end", timeout_s=STOP_S)
    assert process.returncode != 0


def test_sigterm_during_the_start_ends_it_too(installation: Installation) -> None:
    process = installation.up()
    configuration = installation.var_dir / "run" / "supervisord.pid"
    wait_until(lambda: configuration.exists() and len(installation.processes()) > 3, what="the first processes")

    end(installation, process, signal.SIGTERM)
    assert process.returncode == 0


def test_port_of_another_program_is_explained(installation: Installation) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        process = installation.up(PORT=str(other.getsockname()[1]))
        _, complaint = process.communicate(timeout=START_S)

    assert process.returncode == 1
    assert "cannot be used" in complaint
    assert "PORT=" in complaint
    assert "Traceback" not in complaint


def test_demo_is_refused_in_production(installation: Installation) -> None:
    process = installation.up(BASE_URL="https://mail.example.org")
    _, complaint = process.communicate(timeout=START_S)

    assert process.returncode == 1
    assert "not for production" in complaint
    assert installation.processes() == []
