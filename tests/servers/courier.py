"""A private Courier: its real couriertcpd, imapd and courierpop3d; only the login is ours.

Courier asks for passwords at a socket whose path is compiled in, so that no second instance could have its own users.
`courier_login.py` takes the place of that one program: it greets, checks the password, and becomes Courier's server.
"""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.servers.packages import unpacked
from tests.servers.private import PrivateServer
from tests.servers.process import ServerProcess, is_root

FAMILY = "courier"
PACKAGES = "courier-imap courier-pop courier-base"
LOGIN = Path(__file__).with_name("courier_login.py")
MAILBOXES = ("Drafts", "Sent", "Trash")
# Debian's /etc/courier/imapd; the limits are couriertcpd's.
ENVIRONMENT = {
    "IMAP_CAPABILITY": "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE",
    "IMAP_KEYWORDS": "1",
    "IMAP_ACL": "1",
    "IMAP_CHECK_ALL_FOLDERS": "0",
    "IMAP_DISABLETHREADSORT": "0",
    "IMAP_ENHANCEDIDLE": "0",
    # Seconds between its looks while idling: without enhanced IDLE it polls. Debian says 60.
    "IMAP_IDLE_TIMEOUT": "1",
    "IMAP_MAILBOX_SANITY_CHECK": "1",
    "IMAP_MOVE_EXPUNGE_TO_TRASH": "0",
    "IMAP_OBSOLETE_CLIENT": "0",
    "IMAP_TRASHFOLDERNAME": "Trash",
    "IMAP_UMASK": "022",
    "IMAP_USELOCKS": "1",
    "MAILDIRPATH": "Maildir",
}
MOST_PROCESSES, MOST_BY_ADDRESS = 40, 20


class CourierServer(PrivateServer):
    """Mail lies in Maildirs, so tests can also put messages there behind the server's back."""

    name = "courier"

    def __init__(self) -> None:
        """Prepare it; raises `ServerUnavailable`."""
        self._tcpd = unpacked(FAMILY, "usr/sbin/couriertcpd")
        self._imapd = unpacked(FAMILY, "usr/bin/imapd")
        self._pop3d = unpacked(FAMILY, "usr/lib/courier/courier/courierpop3d")
        self._maildirmake = unpacked(FAMILY, "usr/bin/maildirmake.courier")
        super().__init__()
        self._users, self._mail = self.directory / "users", self.directory / "mail"
        self._delivered = itertools.count(1)
        for folder in (self._users, self._mail):
            folder.mkdir()
            self._own(folder)

    def _own(self, *paths: Path) -> None:
        if is_root():
            for path in paths:
                os.chown(path, self.mail_owner.uid, self.mail_owner.gid)

    def _launch(self) -> list[ServerProcess]:
        return [
            self._listen(self.imap_port, "imap", self._imapd),
            self._listen(self.pop3_port, "pop3", self._pop3d),
        ]

    def _listen(self, port: int, protocol: str, program: Path) -> ServerProcess:
        limits = [f"-maxprocs={MOST_PROCESSES}", f"-maxperip={MOST_BY_ADDRESS}"]
        login = [sys.executable, "-I", "-S", LOGIN, protocol, self._users, self._mail, program]
        return ServerProcess(
            [self._tcpd, "-address=127.0.0.1", *limits, "-nodnslookup", "-noidentlookup", str(port), *login],
            log=self.directory / f"{protocol}.log",
            environment={"PATH": os.environ.get("PATH", ""), **ENVIRONMENT},
        )

    def _add_user(self, name: str, password: str) -> str:
        maildir = self.maildir(name)
        maildir.parent.mkdir()
        for arguments in ([maildir], *(["-f", mailbox, maildir] for mailbox in MAILBOXES)):
            subprocess.run([self._maildirmake, *arguments], check=True, capture_output=True)
        self._own(maildir.parent, *maildir.parent.rglob("*"))
        (self._users / name).write_text(password)
        return name

    def maildir(self, user: str) -> Path:
        """The user's Maildir: INBOX lies in it, mailbox `INBOX.Sent` in `.Sent`."""
        return self._mail / user / "Maildir"

    def deliver(self, user: str, raw: bytes, *, mailbox: str = "INBOX") -> None:
        """Put a message into a mailbox as a local delivery agent would: it appears whole or not at all."""
        folder = self.maildir(user) / mailbox.removeprefix("INBOX")
        name = f"{time.time_ns() // 10**9}.M{next(self._delivered):09d}P{os.getpid()}.test"
        temporary = folder / "tmp" / name
        # Maildirs hold lines as Unix does.
        temporary.write_bytes(raw.replace(b"\r\n", b"\n"))
        self._own(temporary)
        temporary.rename(folder / "new" / name)

    def deliver_many(self, user: str, messages: Sequence[bytes], *, mailbox: str = "INBOX") -> None:
        """As `deliver`, one after the other."""
        for raw in messages:
            self.deliver(user, raw, mailbox=mailbox)
