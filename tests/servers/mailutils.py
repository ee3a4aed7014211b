"""A private GNU Mailutils: imap4d and pop3d over Maildirs, close to plain RFC 3501 and RFC 1939."""

import ctypes
import ctypes.util
import itertools
import os
import secrets
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from tests.servers.dovecot import DOMAIN
from tests.servers.files import replace_file
from tests.servers.packages import unpacked
from tests.servers.private import PrivateServer
from tests.servers.process import ServerProcess, ServerUnavailable, is_root

FAMILY = "mailutils"
PACKAGES = "mailutils-imap4d mailutils-pop3d"

CONFIGURATION = """\
mode daemon;
foreground yes;
pidfile {directory}/{program}.pid;
max-children 200;
auth {{
  authentication generic;
  authorization virtdomain;
}};
virtdomain {{
  passwd-dir {directory}/passwd;
}};
logging {{
  syslog no;
}};
mailbox {{
  mailbox-pattern "maildir:{directory}/mail/${{user}}/INBOX";
  mailbox-type maildir;
}};
tcp-wrappers {{
  enable no;
}};
server 127.0.0.1:{port} {{
}};
{extra}
"""
# imap4d locks nothing unless told to; pop3d always does, and where is compiled in otherwise.
LOCKING = """\
mandatory-locking {{
  lock-directory {directory}/lock;
}};
"""


class MailutilsServer(PrivateServer):
    """It serves each user under the user's own rights, so as root it runs as root and its children do not."""

    name = "mailutils"

    def __init__(self) -> None:
        """Prepare it; raises `ServerUnavailable`."""
        self._programs = {program: unpacked(FAMILY, f"usr/sbin/{program}") for program in ("imap4d", "pop3d")}
        super().__init__()
        self._delivered = itertools.count(1)
        self._lines: list[str] = []
        for folder in ("passwd", "mail"):
            (self.directory / folder).mkdir(mode=0o711)
        (self.directory / "lock").mkdir()
        (self.directory / "lock").chmod(0o1777)
        locking = LOCKING.format(directory=self.directory)
        for program, port, extra in (("imap4d", self.imap_port, ""), ("pop3d", self.pop3_port, locking)):
            text = CONFIGURATION.format(directory=self.directory, program=program, port=port, extra=extra)
            (self.directory / f"{program}.conf").write_text(text)

    def _own(self, *paths: Path) -> None:
        if is_root():
            for path in paths:
                os.chown(path, self.mail_owner.uid, self.mail_owner.gid)

    def _launch(self) -> list[ServerProcess]:
        return [
            ServerProcess(
                [path, "--no-config", f"--config-file={self.directory / program}.conf"],
                log=self.directory / f"{program}.log",
                stop_signal=signal.SIGTERM,
            )
            for program, path in self._programs.items()
        ]

    def _add_user(self, name: str, password: str) -> str:
        inbox = self.maildir(name)
        for folder in (inbox.parent, inbox, *(inbox / part for part in ("cur", "new", "tmp"))):
            folder.mkdir(mode=0o700)
            self._own(folder)
        owner = self.mail_owner
        self._lines.append(f"{name}:{_hashed(password)}:{owner.uid}:{owner.gid}:{name}:{inbox.parent}:/bin/sh\n")
        replace_file(self.directory / "passwd" / DOMAIN, "".join(self._lines))
        return f"{name}@{DOMAIN}"

    def maildir(self, user: str, mailbox: str = "INBOX") -> Path:
        """The Maildir of a mailbox."""
        return self.directory / "mail" / user.removesuffix(f"@{DOMAIN}") / mailbox

    def deliver(self, user: str, raw: bytes, *, mailbox: str = "INBOX") -> None:
        """Put a message into a mailbox as a local delivery agent would: it appears whole or not at all."""
        folder = self.maildir(user, mailbox)
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


def _hashed(password: str) -> str:
    """The password as crypt(3) keeps it; Python's own module for this is going."""
    found = ctypes.util.find_library("crypt")
    if found is None:
        raise ServerUnavailable("this system has no libcrypt")
    crypt = ctypes.CDLL(found).crypt
    crypt.restype = ctypes.c_char_p
    hashed: bytes = crypt(password.encode(), f"$5${secrets.token_hex(4)}$".encode())
    return hashed.decode()
