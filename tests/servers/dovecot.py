"""A private Dovecot 2.3: IMAP, POP3, their TLS variants, and login checks for Postfix.

Users log in by name or by `name@pillarbox.test`. Mail lies in Maildirs of an unprivileged user, so tests can also put
messages there behind the server's back.
"""

import importlib.util
import itertools
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tests.servers.certificates import CertificateAuthority
from tests.servers.files import SETTLED_AGE_S, replace_file
from tests.servers.ports import free_port
from tests.servers.process import (
    ServerProcess,
    ServerUnavailable,
    account,
    find_binary,
    is_root,
    server_directory,
    wait_until,
)

DOMAIN = "pillarbox.test"
PACKAGES = "dovecot-imapd dovecot-pop3d"
USER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
SPECIAL_USE = ("Drafts", "Sent", "Trash", "Junk", "Archive")
# The generator of realistic mail lies beside the project where the project is developed.
GENERATOR = Path(__file__).resolve().parents[2].parent / "shared" / "bench" / "sync" / "gen.py"

CONFIGURATION = """\
base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/dovecot.log
instance_name = {directory}
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <{cert_file}
ssl_key = <{key_file}
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_username_format = %Ln
# A test that tries a wrong password must not slow the next one.
auth_failure_delay = 0
mail_location = maildir:~/Maildir:LAYOUT=maildir++
# Nothing here survives the run.
mail_fsync = never
mail_max_userip_connections = 1000
first_valid_uid = 1
first_valid_gid = 1
# inotify tells at once, but its watches may run out with many IDLEs; the default fallback is 30 s.
mailbox_idle_check_interval = 1 secs
default_internal_user = {internal_user}
default_internal_group = {internal_group}
default_login_user = {login_user}
postmaster_address = postmaster@{domain}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%n {users}/%n
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={mail}/%n
}}
namespace inbox {{
  inbox = yes
  separator = /
{mailboxes}
}}
service imap-login {{
  chroot =
  process_min_avail = 1
  service_count = 0
  client_limit = 1000
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  process_min_avail = 1
  service_count = 0
  client_limit = 1000
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = {pop3s_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  # Without this every wrong password makes the next login of the address wait longer.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
service imap {{
  process_limit = 1000
}}
service pop3 {{
  process_limit = 1000
}}
service auth {{
  unix_listener auth-userdb {{
    mode = 0666
  }}
  # Postfix asks here whether a submission may log in.
  unix_listener auth-client {{
    mode = 0666
  }}
}}
{extra}
"""


@dataclass(frozen=True)
class MailUser:
    """Someone with a mailbox on the test server."""

    name: str
    address: str
    password: str


class DovecotServer:
    """Dovecot on free loopback ports that stay the same over stop and start.

    `imap_port` speaks plain text and STARTTLS, `imaps_port` TLS; `pop3_port` and `pop3s_port` likewise. The certificate
    is for localhost and 127.0.0.1, signed by the authority in `ca_file`.
    """

    def __init__(self, *, imap_capability: str = "", extra_configuration: str = "") -> None:
        """Prepare the server; raises `ServerUnavailable`.

        `imap_capability` replaces the list told after login (it hides extensions, the server still understands them);
        `extra_configuration` is appended to dovecot.conf.
        """
        self._binary = find_binary("dovecot", debian_package=PACKAGES)
        self._doveadm = find_binary("doveadm", debian_package=PACKAGES)
        _require_version_2_3(self._binary)
        self.mail_owner = account()
        self.imap_port, self.imaps_port, self.pop3_port, self.pop3s_port = (free_port() for _ in range(4))
        self.directory = server_directory("dovecot")
        self.configuration_file = self.directory / "dovecot.conf"
        self.recipients_file = self.directory / "recipients"
        self.auth_socket = self.directory / "run" / "auth-client"
        # A file each: Dovecot looks whether a file has changed only once a second.
        self._users = self.directory / "users"
        self._mail = self.directory / "mail"
        self._process: ServerProcess | None = None
        self._delivered = itertools.count(1)
        self._changes = itertools.count()
        self._make_files()
        self.authority = CertificateAuthority(self.directory)
        self.ca_file = self.authority.ca_file
        self._write_configuration(imap_capability, extra_configuration)

    def _make_files(self) -> None:
        for folder in ("state", "mail", "users"):
            (self.directory / folder).mkdir()
        self.recipients_file.touch()
        self._own(self._mail)

    def _write_configuration(self, imap_capability: str, extra: str) -> None:
        certificate = self.authority.issue()
        internal = account("dovecot")
        if imap_capability:
            extra += f"\nimap_capability = {imap_capability}"
        mailboxes = "\n".join(
            f"  mailbox {name} {{\n    special_use = \\{name}\n    auto = subscribe\n  }}" for name in SPECIAL_USE
        )
        self.configuration_file.write_text(
            CONFIGURATION.format(
                directory=self.directory,
                cert_file=certificate.cert_file,
                key_file=certificate.key_file,
                internal_user=internal.name,
                internal_group=internal.group,
                login_user=account("dovenull").name,
                domain=DOMAIN,
                users=self._users,
                uid=self.mail_owner.uid,
                gid=self.mail_owner.gid,
                mail=self._mail,
                mailboxes=mailboxes,
                imap_port=self.imap_port,
                imaps_port=self.imaps_port,
                pop3_port=self.pop3_port,
                pop3s_port=self.pop3s_port,
                extra=extra,
            )
        )

    def _own(self, *paths: Path) -> None:
        if is_root():
            for path in paths:
                os.chown(path, self.mail_owner.uid, self.mail_owner.gid)

    # Running

    def start(self) -> "DovecotServer":
        """Start it and wait until all ports answer; after `stop` the ports, users and mail are the same."""
        command: list[str | Path] = [self._binary, "-F", "-c", self.configuration_file]
        self._process = ServerProcess(command, log=self.directory / "dovecot.log", stop_signal=signal.SIGTERM)
        self._process.wait_for_ports(self.imap_port, self.imaps_port, self.pop3_port, self.pop3s_port)
        return self

    def stop(self) -> None:
        """End it with all its connections; users and mail stay."""
        if self._process is not None:
            self._process.stop()

    def close(self) -> None:
        """End it for good and remove its directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def log_tail(self, lines: int = 30) -> str:
        """The last lines of its log, for a failing test."""
        return self._process.log_tail(lines) if self._process is not None else ""

    def doveadm(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run doveadm on this instance and return what it prints; raises `RuntimeError` with its error output."""
        command = [str(self._doveadm), "-c", str(self.configuration_file), *arguments]
        finished = subprocess.run(command, input=stdin, capture_output=True, check=False)
        if finished.returncode != 0:
            raise RuntimeError(f"doveadm {arguments[0]}: {finished.stderr.decode(errors='replace').strip()}")
        return finished.stdout.decode()

    # Users

    def add_user(self, name: str, password: str | None = None) -> str:
        """Give `name` a mailbox, or a new password if there is one already; returns the password.

        Returns when the running server knows it, for a changed password a second later. Raises `ValueError`.
        """
        if not USER_NAME.fullmatch(name):
            raise ValueError(f"user names are lower case letters, digits, - and _: {name!r}")
        if password is not None and (":" in password or "\n" in password):
            raise ValueError("a password file holds neither colons nor line ends")
        password = password or secrets.token_hex(8)
        # It has if its size or its time in whole seconds differs.
        replace_file(self._users / name, f"{name}:{{PLAIN}}{password}\n", age_s=-next(self._changes))
        recipients = "".join(f"{user.name}@{DOMAIN} x\n" for user in sorted(self._users.glob("[!.]*")))
        replace_file(self.recipients_file, recipients, age_s=SETTLED_AGE_S)
        if self._process is not None and self._process.is_running():
            wait_until(lambda: self._accepts(name, password), what=f"Dovecot to know {name}", timeout_s=5)
        return password

    def _accepts(self, name: str, password: str) -> bool:
        command = [str(self._doveadm), "-c", str(self.configuration_file), "auth", "test", "--", name, password]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def new_user(self, prefix: str = "user") -> MailUser:
        """A user of a name not used before in this run."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        return MailUser(name, f"{name}@{DOMAIN}", self.add_user(name))

    # Mail

    def maildir(self, user: str) -> Path:
        """The user's Maildir, made when missing: INBOX lies in it, mailbox `Sent` in `.Sent`."""
        home = self._mail / user
        maildir = home / "Maildir"
        for directory in (home, maildir, *(maildir / part for part in ("cur", "new", "tmp"))):
            if not directory.is_dir():
                directory.mkdir(mode=0o700)
                self._own(directory)
        return maildir

    def deliver(self, user: str, raw: bytes, *, mailbox: str = "INBOX") -> None:
        """Put a message into the user's mailbox as a local delivery agent would: it appears whole or not at all."""
        if mailbox != "INBOX":
            self.doveadm("save", "-u", user, "-m", mailbox, stdin=raw)
            return
        maildir = self.maildir(user)
        name = f"{time.time_ns() // 10**9}.M{next(self._delivered):09d}P{os.getpid()}.test"
        temporary = maildir / "tmp" / name
        temporary.write_bytes(raw)
        self._own(temporary)
        temporary.rename(maildir / "new" / name)

    def fill(self, user: str, count: int, *, profile: str = "small", seed: int = 1) -> None:
        """Put `count` generated messages (same seed, same bytes) into INBOX; raises `ServerUnavailable` without generator."""
        generator = _load_generator()
        maildir = self.maildir(user)
        generator.write_maildir(str(maildir), count, generator.Gen(seed, profile))
        self._own(*(maildir / "cur").iterdir())


def _require_version_2_3(binary: Path) -> None:
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if not version.startswith("2.3."):
        raise ServerUnavailable(
            f"the suite configures Dovecot 2.3, here is {version}: its configuration language differs"
        )


def _load_generator() -> ModuleType:
    if not GENERATOR.is_file():
        raise ServerUnavailable("the mail generator beside the project is not there")
    spec = importlib.util.spec_from_file_location("pillarbox_mail_generator", GENERATOR)
    if spec is None or spec.loader is None:
        raise ServerUnavailable("the mail generator cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
