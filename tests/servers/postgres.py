"""A private PostgreSQL cluster for the second database pass. It trades durability for speed: never use it for data.

`python -m tests.servers.postgres COMMAND ...` runs COMMAND with PILLARBOX_TEST_DATABASE_URL set to such a cluster.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg

from tests.servers.ports import free_port
from tests.servers.process import (
    ServerProcess,
    ServerUnavailable,
    account,
    find_binary,
    server_directory,
    switch_user_command,
    wait_until,
)

DATABASE_NAME = "pillarbox"
# Tests can make everything again; waiting for the disk would only make them slow.
SPEED_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def _find_program(name: str) -> Path:
    # Debian keeps the server programs beside each other by version and only links some of them into PATH.
    by_version = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    return find_binary(name, debian_package="postgresql", extra_path=os.pathsep.join(map(str, by_version)))


class PostgresServer:
    """Listens on a loopback port; the owner's password is random."""

    def __init__(self, *, is_durable: bool = False) -> None:
        """Make the cluster; raises `ServerUnavailable` when PostgreSQL is not installed or refuses.

        `is_durable`: it waits for the disk as in production, for measurements.
        """
        self._settings = () if is_durable else SPEED_SETTINGS
        # The real directory of the programs: initdb looks for postgres beside itself.
        self._bin = _find_program("initdb").resolve().parent
        self._owner = account("postgres")
        self.port = free_port()
        self._password = secrets.token_urlsafe(24)
        self.directory = server_directory("pg")
        os.chown(self.directory, self._owner.uid, self._owner.gid)
        self._data = self.directory / "data"
        self._process: ServerProcess | None = None
        self._make_cluster()

    def _make_cluster(self) -> None:
        password_file = self.directory / "password"
        password_file.write_text(self._password)
        os.chown(password_file, self._owner.uid, self._owner.gid)
        options = ["--auth=scram-sha-256", f"--pwfile={password_file}", f"--username={DATABASE_NAME}"]
        options += ["--encoding=UTF8", "--no-locale", "--no-sync", f"--pgdata={self._data}"]
        command = [*switch_user_command(self._owner, signal.SIGTERM), str(self._bin / "initdb"), *options]
        finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.directory)
        if finished.returncode != 0:
            raise ServerUnavailable(f"initdb failed: {finished.stderr.strip()}")

    @property
    def url(self) -> str:
        """postgres:// address of the database, with the password."""
        return f"postgres://{DATABASE_NAME}:{self._password}@127.0.0.1:{self.port}/{DATABASE_NAME}"

    def start(self) -> "PostgresServer":
        """Start it, wait until it answers, make the database at the first start."""
        command: list[str | Path] = [self._bin / "postgres", "-D", self._data, "-p", str(self.port)]
        command += ["-k", self.directory, "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"]
        for setting in self._settings:
            command += ["-c", setting]
        log = self.directory / "postgres.log"
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
        self._process = ServerProcess(
            command, log=log, run_as=self._owner, cwd=self.directory, stop_signal=signal.SIGINT
        )
        self._process.wait_for_ports(self.port)
        wait_until(self._has_database, what="PostgreSQL to accept a login")
        return self

    def _has_database(self) -> bool:
        administration = self.url.removesuffix(DATABASE_NAME) + "postgres"
        try:
            with psycopg.connect(administration, autocommit=True, connect_timeout=5) as connection:
                known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME]).fetchone()
                if known is None:
                    connection.execute(f"CREATE DATABASE {DATABASE_NAME}")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """End it, keeping the data; `start` again uses the same port."""
        if self._process is not None:
            self._process.stop()

    def close(self) -> None:
        """End it for good and remove its directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def main(command: list[str]) -> int:
    """Run `command` against a private cluster and return its exit code; says so and returns 0 where there is none."""
    try:
        server = PostgresServer().start()
    except ServerUnavailable as error:
        print(f"SKIPPED: the tests on PostgreSQL did not run: {error}", file=sys.stderr)
        return 0
    try:
        environment = {**os.environ, "PILLARBOX_TEST_DATABASE_URL": server.url}
        return subprocess.run(command, env=environment, check=False).returncode
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
