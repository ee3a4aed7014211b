"""Start, watch and end the server processes of the test suite.

Holds what all servers share: finding binaries, a directory that a system user can reach, dropping from root, waiting for a
condition. It ends only processes it started, each by its own pid, and must not touch services of the machine.
"""

import grp
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
# Made on demand when the suite runs as root: mail servers refuse to serve mail as root.
UNPRIVILEGED_USER = "pillarbox-test"
# Debian keeps daemons out of an ordinary user's PATH.
DAEMON_PATH = os.pathsep.join(["/usr/local/sbin", "/usr/sbin", "/sbin"])


class ServerUnavailable(RuntimeError):
    """This machine cannot run the server; the message says what is missing. Tests that need it skip."""


@dataclass(frozen=True)
class Account:
    """A system user a server runs as."""

    name: str
    uid: int
    gid: int

    @property
    def group(self) -> str:
        """Name of the user's first group."""
        return grp.getgrgid(self.gid).gr_name


def is_root() -> bool:
    """Whether the suite may switch users."""
    return os.geteuid() == 0


def find_binary(*names: str, debian_package: str, extra_path: str = "") -> Path:
    """The first of `names` found on PATH, among the daemons or in `extra_path`; raises `ServerUnavailable`."""
    path = os.pathsep.join(part for part in (os.environ.get("PATH", ""), DAEMON_PATH, extra_path) if part)
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return Path(found)
    raise ServerUnavailable(f"{' or '.join(names)} is not installed (Debian: apt-get install {debian_package})")


def account(preferred: str = UNPRIVILEGED_USER) -> Account:
    """Who a server runs as: this user, or as root the user `preferred`, made when it does not exist."""
    if not is_root():
        entry = pwd.getpwuid(os.geteuid())
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    try:
        entry = pwd.getpwnam(preferred)
    except KeyError:
        _create_system_user(preferred)
        entry = pwd.getpwnam(preferred)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _create_system_user(name: str) -> None:
    useradd = find_binary("useradd", debian_package="passwd")
    command = [str(useradd), "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    # Exit 9: another test process made the same user a moment ago.
    if finished.returncode not in (0, 9):
        raise ServerUnavailable(f"cannot make the system user {name}: {finished.stderr.strip()}")


def server_directory(name: str) -> Path:
    """A new directory for one server that any system user can pass through (0711, and so are its parents).

    The name is kept short: a Unix socket path ends at 107 bytes. Raises `ServerUnavailable`.
    """
    for base in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):
        if not base.is_dir() or not os.access(base, os.W_OK):
            continue
        if is_root() and not _is_open_to_all(base):
            continue
        directory = Path(tempfile.mkdtemp(prefix=f"pbx-{name}-", dir=base)).resolve()
        directory.chmod(0o711)
        return directory
    raise ServerUnavailable("no temporary directory that system users can pass through")


def _is_open_to_all(path: Path) -> bool:
    resolved = path.resolve()
    return all(part.stat().st_mode & stat.S_IXOTH for part in (resolved, *resolved.parents))


def wait_until(is_true: Callable[[], object], *, what: str, timeout_s: float = START_TIMEOUT_S) -> None:
    """Return once `is_true()` holds; raises `TimeoutError` naming `what` after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    pause_s = 0.005
    while not is_true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.1)


def accepts_connections(port: int) -> bool:
    """Whether something listens on this loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False


class ServerProcess:
    """One foreground server process, its log file, and signals to it.

    On Linux the kernel ends it (`orphan_signal`) should the test run be killed before it can clean up.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        run_as: Account | None = None,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Start it. `run_as` is honoured only by root; `stop_signal` is the server's own way to end cleanly."""
        self._log = log
        self._stop_signal = stop_signal
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [*switch_user_command(run_as, stop_signal), *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=environment,
                # A Ctrl-C on the test run must not reach the server before the fixtures end it.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._popen.pid

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def wait_for_ports(self, *ports: int) -> None:
        """Return when every port answers; raises `ServerUnavailable` with the end of the log when it dies first."""

        def ready_or_dead() -> bool:
            return not self.is_running() or all(accepts_connections(port) for port in ports)

        try:
            wait_until(ready_or_dead, what=f"ports {ports}")
        except TimeoutError as error:
            self.stop()
            raise ServerUnavailable(f"{error}\n{self.log_tail()}") from error
        if not self.is_running():
            raise ServerUnavailable(f"server ended with {self._popen.returncode} at start\n{self.log_tail()}")

    def log_tail(self, lines: int = 30) -> str:
        """The last lines it wrote."""
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def send(self, number: signal.Signals) -> None:
        """Signal the process."""
        self._popen.send_signal(number)

    def stop(self) -> None:
        """End it cleanly, or after a grace period by force. Safe to call twice."""
        if not self.is_running():
            return
        self.send(signal.SIGCONT)
        self.send(self._stop_signal)
        try:
            self._popen.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._popen.kill()
        self._popen.wait(STOP_TIMEOUT_S)


def switch_user_command(run_as: Account | None, orphan_signal: signal.Signals) -> list[str]:
    """What to put before a command so that root drops to `run_as` and an orphan gets `orphan_signal` from the kernel."""
    setpriv = shutil.which("setpriv")
    switch_user = run_as is not None and is_root()
    if setpriv is None:
        if switch_user:
            raise ServerUnavailable("setpriv is not installed (Debian: apt-get install util-linux)")
        return []
    command = [setpriv]
    if switch_user and run_as is not None:
        command += [f"--reuid={run_as.uid}", f"--regid={run_as.gid}", "--clear-groups"]
    return [*command, f"--pdeathsig={orphan_signal.name.removeprefix('SIG')}", "--"]
