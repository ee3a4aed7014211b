"""The bench kit that lies beside the checkout: a Dovecot with known mailboxes, Roundcube, and what times both.

Nothing of it is copied here; where it is absent, or a package it needs, `NoKit` says so in words.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from tests.servers.process import accepts_connections, wait_until

KIT = Path(__file__).resolve().parents[4] / "shared" / "bench"
IMAP_PORT, ROUNDCUBE_PORT = 11143, 18080
PASSWORD = "secret"
_NEEDED = ("nginx", "php-fpm8.2", "wrk", "sqlite3", "dovecot")


class NoKit(Exception):
    """The comparison cannot run here. The message says why."""


def module(name: str) -> ModuleType:
    """A module of the kit: `harness`, `browser` or `bench_roundcube`. Raises `NoKit`."""
    if not (KIT / f"{name}.py").is_file():
        raise NoKit("the bench kit is not beside this checkout")
    if str(KIT) not in sys.path:
        sys.path.append(str(KIT))
    return importlib.import_module(name)


@contextmanager
def servers() -> Iterator[None]:
    """Dovecot and Roundcube, running; those that ran before go on afterwards. Raises `NoKit`."""
    if not KIT.is_dir():
        raise NoKit("the bench kit is not beside this checkout")
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"))
    missing = [name for name in _NEEDED if shutil.which(name, path=path) is None]
    if missing:
        raise NoKit(f"not installed: {', '.join(missing)}")
    started: list[str] = []
    try:
        for script, port in (("dovecot.sh", IMAP_PORT), ("roundcube.sh", ROUNDCUBE_PORT)):
            if accepts_connections(port):
                continue
            if script == "dovecot.sh":
                _run(script, "init", path)
            _run(script, "start", path)
            started.append(script)
            wait_until(lambda port=port: accepts_connections(port), what=script)  # type: ignore[misc]
        yield
    finally:
        for script in reversed(started):
            _run(script, "stop", path)


def _run(script: str, word: str, path: str) -> None:
    # The servers go into the background and keep what they were given for output: no pipe may wait for them.
    finished = subprocess.run(
        ["bash", str(KIT / script), word],
        env={**os.environ, "PATH": path, "PY": sys.executable},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if finished.returncode != 0 and word != "stop":
        raise NoKit(f"{script} {word} ended with status {finished.returncode}")
