"""A private Cyrus 3.6: IMAP with QRESYNC, OBJECTID and LIST-STATUS, its mailboxes below `INBOX.`, and POP3."""

import os
import signal
import subprocess

from tests.servers.dovecot import DOMAIN
from tests.servers.packages import library_path, unpacked
from tests.servers.private import PrivateServer
from tests.servers.process import ServerProcess, is_root

FAMILY = "cyrus"
PACKAGES = "cyrus-imapd cyrus-pop3d cyrus-common sasl2-bin"
STATE = ("conf", "conf/proc", "conf/socket", "conf/db", "conf/log", "conf/lock", "conf/user", "spool")

IMAPD = """\
configdirectory: {directory}/conf
defaultpartition: default
partition-default: {directory}/spool
servername: {domain}
admins: cyrus
cyrus_user: {owner}
cyrus_group: {group}
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {directory}/sasldb2
sasl_mech_list: PLAIN
allowplaintext: yes
# The first login makes the mailboxes, without a quota.
autocreate_quota: 0
autocreate_inbox_folders: Drafts|Sent|Trash|Junk|Archive
xlist-drafts: Drafts
xlist-sent: Sent
xlist-trash: Trash
xlist-junk: Junk
xlist-archive: Archive
unixhierarchysep: no
altnamespace: no
idlesocket: {directory}/conf/socket/idle
duplicatesuppression: no
"""

MASTER = """\
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {directory}/imapd.conf -r"
  idled cmd="{bin}/idled -C {directory}/imapd.conf"
}}
SERVICES {{
  imap cmd="{bin}/imapd -C {directory}/imapd.conf" listen="127.0.0.1:{imap_port}" prefork=1 maxchild=200 maxforkrate=100
  pop3 cmd="{bin}/pop3d -C {directory}/imapd.conf" listen="127.0.0.1:{pop3_port}" prefork=0 maxchild=100 maxforkrate=100
}}
"""


class CyrusServer(PrivateServer):
    """Cyrus under its own master process, which starts one imapd or pop3d for a connection and uses them again."""

    name = "cyrus"

    def __init__(self) -> None:
        """Prepare it; raises `ServerUnavailable`."""
        self._programs = unpacked(FAMILY, "usr/lib/cyrus/bin/master").parent
        self._saslpasswd = unpacked(FAMILY, "usr/sbin/saslpasswd2")
        super().__init__()
        self._environment = {**os.environ, "LD_LIBRARY_PATH": library_path(FAMILY)}
        for part in STATE:
            (self.directory / part).mkdir()
        values = {
            "directory": self.directory,
            "domain": DOMAIN,
            "bin": self._programs,
            "owner": self.mail_owner.name,
            "group": self.mail_owner.group,
            "imap_port": self.imap_port,
            "pop3_port": self.pop3_port,
        }
        (self.directory / "imapd.conf").write_text(IMAPD.format(**values))
        (self.directory / "cyrus.conf").write_text(MASTER.format(**values))
        # It writes its pid file into its directory, and makes files wherever it likes.
        if is_root():
            for path in (self.directory, *self.directory.rglob("*")):
                os.chown(path, self.mail_owner.uid, self.mail_owner.gid)

    def _launch(self) -> list[ServerProcess]:
        command = [
            self._programs / "master",
            "-D",
            *("-C", self.directory / "imapd.conf"),
            *("-M", self.directory / "cyrus.conf"),
            *("-p", self.directory / "master.pid"),
        ]
        log = self.directory / "cyrus.log"
        return [
            ServerProcess(
                command, log=log, run_as=self.mail_owner, environment=self._environment, stop_signal=signal.SIGTERM
            )
        ]

    def _add_user(self, name: str, password: str) -> str:
        command = [str(self._saslpasswd), "-p", "-c", "-f", str(self.directory / "sasldb2"), "-u", DOMAIN, name]
        finished = subprocess.run(
            command, input=password.encode(), env=self._environment, capture_output=True, check=False
        )
        if finished.returncode != 0:
            raise RuntimeError(f"saslpasswd2: {finished.stderr.decode(errors='replace').strip()}")
        if is_root():
            os.chown(self.directory / "sasldb2", self.mail_owner.uid, self.mail_owner.gid)
        return name
