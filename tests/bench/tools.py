"""The references: mbsync and offlineimap on the same server in the same run. One that is not installed is skipped."""

from __future__ import annotations

import resource
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.servers.dovecot import MailUser

TIMEOUT_S = 600.0

MBSYNC = """\
FSync {fsync}

IMAPAccount server
Host 127.0.0.1
Port {port}
User {user}
Pass {password}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account server

MaildirStore near
Path {directory}/mail/
Inbox {directory}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Near
Sync All
SyncState *
"""
OFFLINEIMAP = """\
[general]
accounts = a
metadata = {directory}/state
ui = quiet
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {directory}/mail
[Repository far]
type = IMAP
remotehost = 127.0.0.1
remoteport = {port}
remoteuser = {user}
remotepass = {password}
ssl = no
starttls = no
auth_mechanisms = LOGIN
maxconnections = 3
"""


@dataclass(frozen=True)
class Run:
    """Seconds of one run."""

    wall_s: float
    cpu_s: float


class Tool:
    """One tool with its own directory; `run` syncs everything once more."""

    def __init__(self, name: str, directory: Path, user: MailUser, port: int, *, fsync: str = "no") -> None:
        directory.mkdir(parents=True)
        (directory / "mail").mkdir()
        template = MBSYNC if name == "mbsync" else OFFLINEIMAP
        configuration = directory / "configuration"
        configuration.write_text(
            template.format(directory=directory, port=port, user=user.name, password=user.password, fsync=fsync)
        )
        configuration.chmod(0o600)
        self._command = (
            ["mbsync", "-q", "-c", str(configuration), "all"]
            if name == "mbsync"
            else ["offlineimap", "-o", "-c", str(configuration)]
        )

    def run(self) -> Run | None:
        """None when the tool is not installed. Raises `RuntimeError` when it fails."""
        if shutil.which(self._command[0]) is None:
            return None
        before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        ended = subprocess.run(self._command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        wall = time.perf_counter() - wall
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if ended.returncode != 0:
            raise RuntimeError(f"{self._command[0]}: {(ended.stderr or ended.stdout)[-300:]}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Run(wall, cpu)
