"""What the private servers have in common that are not Dovecot: users, start and stop, delivery by APPEND."""

import imaplib
import re
import secrets
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.servers.dovecot import DOMAIN, MailUser
from tests.servers.ports import free_port
from tests.servers.process import ServerProcess, account, server_directory

USER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


class PrivateServer(ABC):
    """An IMAP and a POP3 server on free loopback ports, plain text only, mail in a directory of its own.

    Users are made while it runs. `start` and `stop` may be called in turn; ports, users and mail stay until `close`.
    """

    name: str

    def __init__(self) -> None:
        """Prepare it; raises `ServerUnavailable`."""
        self.mail_owner = account()
        self.imap_port, self.pop3_port = free_port(), free_port()
        self.directory: Path = server_directory(self.name)
        self._processes: list[ServerProcess] = []
        self._passwords: dict[str, str] = {}

    # Running

    @abstractmethod
    def _launch(self) -> list[ServerProcess]:
        """Start its processes."""

    def start(self) -> Self:
        """Start it and wait until both ports answer; raises `ServerUnavailable` when it does not come up."""
        self._processes = self._launch()
        self._processes[0].wait_for_ports(self.imap_port)
        self._processes[-1].wait_for_ports(self.pop3_port)
        return self

    def stop(self) -> None:
        """End it; users and mail stay."""
        for process in self._processes:
            process.stop()

    def close(self) -> None:
        """End it for good and remove its directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def log_tail(self, lines: int = 30) -> str:
        """The last lines of its log, for a failing test."""
        return "\n".join(process.log_tail(lines) for process in self._processes)

    # Users and mail

    @abstractmethod
    def _add_user(self, name: str, password: str) -> str:
        """Make the user known; returns the name to log in with."""

    def new_user(self, prefix: str = "user") -> MailUser:
        """A user of a name not used before in this run, with an empty INBOX. `name` is what logs in."""
        if not USER_NAME.fullmatch(prefix):
            raise ValueError(f"user names are lower case letters, digits, - and _: {prefix!r}")
        plain, password = f"{prefix}-{secrets.token_hex(4)}", secrets.token_hex(8)
        login = self._add_user(plain, password)
        self._passwords[login] = password
        return MailUser(login, f"{plain}@{DOMAIN}", password)

    def deliver(self, user: str, raw: bytes, *, mailbox: str = "INBOX") -> None:
        """Put a message into a mailbox (its name as on the wire) with a client's APPEND; raises `RuntimeError` when refused."""
        self.deliver_many(user, [raw], mailbox=mailbox)

    def deliver_many(self, user: str, messages: Sequence[bytes], *, mailbox: str = "INBOX") -> None:
        """Put messages into a mailbox in this order; with one command where it goes by APPEND (RFC 3502)."""
        literals = [b"{%d+}\r\n%s" % (len(raw), raw) for raw in messages]
        with imaplib.IMAP4("127.0.0.1", self.imap_port) as client:
            client.login(user, self._passwords[user])
            client.send(b"many APPEND %s %s\r\n" % (mailbox.encode(), b" ".join(literals)))
            while not (line := client.readline()).startswith(b"many "):
                if not line:
                    raise RuntimeError("APPEND: the server hung up")
        if not line.startswith(b"many OK"):
            raise RuntimeError(f"APPEND: {line!r}")
