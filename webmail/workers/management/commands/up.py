"""`manage.py up`: makes an installation ready and runs all of it under one supervisor until Ctrl-C. `make run` ends here.

    prepare VAR_DIR -> migrate -> static files -> supervisord -> wait for /readyz -> tell the address -> wait for a signal

Nothing outlives it: the supervisor and everything under it die with this process, even by kill -9.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from accounts.models import User
from webmail.workers import demo_accounts, installation, programs, restoring
from webmail.workers.demo_accounts import DEMO_EMAIL, DEMO_IN_PRODUCTION, DEMO_NETWORK, DEMO_PASSWORD, DemoPorts
from webmail.workers.programs import CannotStart
from webmail.workers.stopping import stop_on_signals
from webmail.workers.tether import tie_to_parent

READY_S = 90.0  # for the first page on a slow machine
STOP_S = 9.0  # of the ten seconds a stop may last
EARLIER_RUN_S = 12.0
LOG_LINES = 15


class Command(BaseCommand):
    """Everything that can go wrong at the start is told in a sentence, without a traceback."""

    help = "Prepare and run everything: pages, workers, Redis and, with DEMO=1, the demo mail server."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on; 0.0.0.0 for all")
        parser.add_argument("--json", action="store_true", help="print one line of JSON when the pages answer")

    def handle(self, *args: Any, **options: Any) -> None:
        os.umask(0o077)
        environment = settings.ENVIRONMENT
        if environment.demo and environment.is_production:
            raise CommandError(DEMO_IN_PRODUCTION)
        self._prepare_keys()
        stopped = stop_on_signals()
        lock = _lock_var_dir(environment.var_dir)
        try:
            _wait_for_earlier_run(environment.var_dir)
            _refuse_taken_port(options["host"], environment.port)
            self._prepare_data(is_quiet=options["json"])
            self._run(options["host"], stopped, as_json=options["json"])
        except CannotStart as error:
            raise CommandError(str(error)) from error
        finally:
            lock.close()

    def _prepare_keys(self) -> None:
        """New keys count only for a process that starts after them: this one starts itself again."""
        environment = settings.ENVIRONMENT
        installation.make_directories(environment.var_dir)
        is_new = installation.make_keys(
            environment.var_dir,
            has_secret_key=bool(environment.secret_key),
            has_credential_keys=bool(environment.credential_keys),
        )
        if is_new:
            os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - ourselves

    def _prepare_data(self, *, is_quiet: bool) -> None:
        if installation.migrate() and not is_quiet:
            self.stdout.write("The database is ready.")
        if restoring.look_for_restore():
            self.stderr.write(
                "The database was restored from a backup. What waited to be sent is held: see Submissions in the panel."
            )
        if installation.collect_static() and not is_quiet:
            self.stdout.write("The static files are ready.")
        if not settings.DEMO:
            demo_accounts.shut_demo_user_out()
        connection.close()

    def _run(self, host: str, stopped: threading.Event, *, as_json: bool) -> None:
        has_demo, port = settings.DEMO, settings.ENVIRONMENT.port
        ports = demo_accounts.renew_taken_ports() if has_demo else None
        supervisor = _start_supervisor(host, port, has_demo=has_demo)
        try:
            # A newcomer's first page shall have mailboxes; later there is no need to wait for the demo server.
            is_first = has_demo and not User.objects.filter(email=DEMO_EMAIL).exists()
            ready = functools.partial(_wait, supervisor=supervisor, stopped=stopped)
            if ports is not None and is_first:
                ready(ports.answer, program="demo")
                self._meet_demo(ports, stopped)
            ready(functools.partial(_is_ready, host, port), program="web")
            if not stopped.is_set():
                self._tell(has_demo=has_demo, as_json=as_json)
            if ports is not None and not is_first:
                ready(ports.answer, program="demo")
                self._meet_demo(ports, stopped)
            while not stopped.is_set() and supervisor.poll() is None:
                stopped.wait(0.5)
            if not stopped.is_set():
                raise CannotStart(f"The supervisor ended by itself. {_log_tail('supervisord')}")
        finally:
            _stop(supervisor)

    def _meet_demo(self, ports: DemoPorts, stopped: threading.Event) -> None:
        if not stopped.is_set():
            demo_accounts.ensure_demo_user(ports)
        connection.close()

    def _tell(self, *, has_demo: bool, as_json: bool) -> None:
        address = f"{settings.BASE_URL}/"
        if as_json:
            self.stdout.write(json.dumps({"address": address, "pid": os.getpid(), "demo": has_demo}))
            self.stdout.flush()
            return
        self.stdout.write(f"\nPillarbox runs at {address}")
        if has_demo:
            self.stdout.write(f"Sign in as {DEMO_EMAIL} with the password {DEMO_PASSWORD}.")
        elif not User.objects.filter(is_active=True).exists():
            command = f"{os.path.relpath(sys.executable)} manage.py adduser you@example.org --admin --password-stdin"
            self.stdout.write(f"Nobody can sign in yet. Add the first user with: {command}")
        self.stdout.write("Stop it with Ctrl-C.")
        self.stdout.flush()


# Before the start ---------------------------------------------------------------------------------------------------


def _lock_var_dir(var_dir: Path) -> IO[str]:
    """One run for each VAR_DIR: two would share a socket and fight over a port. Raises `CommandError`."""
    lock = (var_dir / "run" / "up.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise CommandError(f"Pillarbox runs already in {var_dir}.") from None
    return lock


def _wait_for_earlier_run(var_dir: Path) -> None:
    """After kill -9 the old supervisor needs a moment to end what it started."""
    pid_file = var_dir / "run" / "supervisord.pid"
    until = time.monotonic() + EARLIER_RUN_S
    while time.monotonic() < until:
        try:
            pid = int(pid_file.read_text())
            os.kill(pid, 0)
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return
        if str(var_dir).encode() not in arguments:
            return  # the number belongs to another program by now
        time.sleep(0.1)


def _refuse_taken_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(
                f"Port {port} cannot be used ({error.strerror}). Choose another one, such as: PORT={port + 1000} make run"
            ) from error


# Running ------------------------------------------------------------------------------------------------------------


def _start_supervisor(host: str, port: int, *, has_demo: bool) -> subprocess.Popen[bytes]:
    var_dir = settings.ENVIRONMENT.var_dir
    configuration = var_dir / "run" / "supervisord.conf"
    found = programs.programs(host=host, port=port, has_demo=has_demo)
    configuration.write_text(programs.supervisor_configuration(found))
    # Counters begin at zero with the processes.
    shutil.rmtree(programs.figures_directory(), ignore_errors=True)
    programs.figures_directory().mkdir(mode=0o700)
    with (var_dir / "logs" / "supervisord.out").open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - the arguments are ours
            [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", str(configuration)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_child_environment(has_demo=has_demo),
            # Ctrl-C in the terminal reaches this process only, which then stops the others in order.
            start_new_session=True,
            preexec_fn=tie_to_parent,
        )


def _child_environment(*, has_demo: bool) -> dict[str, str]:
    """Everybody sees the same settings. The demo's servers are on loopback, which nobody may dial otherwise."""
    environment = settings.ENVIRONMENT
    networks = [str(network) for network in environment.allow_networks]
    if has_demo and DEMO_NETWORK not in networks:
        networks.append(DEMO_NETWORK)
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "webmail.settings",
        "VAR_DIR": str(environment.var_dir),
        "ALLOW_NETWORKS": ",".join(networks),
        "PYTHONUNBUFFERED": "1",
    }


def _wait(
    is_true: Callable[[], bool], *, supervisor: subprocess.Popen[bytes], stopped: threading.Event, program: str
) -> None:
    """Until it is true or a signal came. Raises `CannotStart` when the program does not come up."""
    until = time.monotonic() + READY_S
    while not stopped.is_set() and not is_true():
        if supervisor.poll() is not None:
            raise CannotStart(f"The supervisor does not start. {_log_tail('supervisord')}")
        if time.monotonic() > until:
            raise CannotStart(f"The process {program} does not answer. {_log_tail(program)}")
        stopped.wait(0.05)


def _is_ready(host: str, port: int) -> bool:
    """Whether /readyz answers 200. Asked by hand: the only address is our own."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not to listen, to ask
    name = settings.ALLOWED_HOSTS[0].lstrip(".").replace("*", "") or "localhost"
    request = f"GET /readyz HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection((local, port), timeout=5) as asked:
            asked.sendall(request.encode("ascii"))
            return asked.recv(64).split(b" ")[1:2] == [b"200"]
    except OSError:
        return False


def _stop(supervisor: subprocess.Popen[bytes]) -> None:
    """All processes end, by force if need be, before this returns."""
    if supervisor.poll() is None:
        supervisor.send_signal(signal.SIGTERM)
        try:
            supervisor.wait(STOP_S)
        except subprocess.TimeoutExpired:
            supervisor.kill()
            supervisor.wait()


def _log_tail(program: str) -> str:
    log = settings.ENVIRONMENT.var_dir / "logs" / f"{program}.log"
    lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:] if log.is_file() else []
    return "\n".join((f"Its log, {log}, ends with:", *lines)) if lines else f"Its log would be {log}."
