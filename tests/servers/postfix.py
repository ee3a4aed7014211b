"""A private Postfix for submission: STARTTLS and implicit TLS, logins checked by the test Dovecot, and no way out.

Mail to `NAME@pillarbox.test` is delivered into the test Dovecot; an unknown NAME and every other domain are refused at RCPT.
`answer_recipients` and `greylist` make it refuse more, `tests.servers.greylisting` holds the latter.
Postfix runs only when root starts it.
"""

import grp
import os
import shutil
import signal
from collections.abc import Collection, Mapping
from pathlib import Path

from tests.servers.dovecot import DOMAIN, DovecotServer
from tests.servers.files import SETTLED_AGE_S, replace_file
from tests.servers.ports import free_port
from tests.servers.process import (
    ServerProcess,
    ServerUnavailable,
    account,
    find_binary,
    is_root,
    server_directory,
)

PACKAGES = "postfix"
PRIVATE_QUEUES = (
    *("active", "bounce", "corrupt", "defer", "deferred", "flush"),
    *("hold", "incoming", "private", "saved", "trace"),
)
MESSAGE_SIZE_LIMIT_BYTES = 20_000_000

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {directory}/postfix.log
maillog_file_prefixes = {directory}
myhostname = localhost
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtputf8_enable = yes

# Nothing leaves this machine: whatever is not ours is refused when the recipient is named.
relayhost =
default_transport = error:5.7.1 this test server sends no mail to other domains
relay_transport = $default_transport
local_transport = $default_transport
alias_maps =
alias_database =
local_recipient_maps =

virtual_mailbox_domains = {domain}
virtual_mailbox_maps = texthash:{recipients_file}
virtual_transport = dovecot
dovecot_destination_recipient_limit = 1
dovecot_destination_concurrency_limit = 4

smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access texthash:{access_file}{policy}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth_socket}
smtpd_sasl_security_options = noanonymous
smtpd_tls_auth_only = yes
smtpd_tls_security_level = {tls_level}
smtpd_tls_cert_file = {cert_file}
smtpd_tls_key_file = {key_file}
smtpd_tls_loglevel = 1

message_size_limit = {message_size_limit}
smtpd_discard_ehlo_keywords = {left_out}
mailbox_size_limit = 0
virtual_mailbox_limit = 0

# Tests provoke errors and open many connections; a real server would slow them down.
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
smtpd_client_connection_count_limit = 0
smtpd_peername_lookup = no
disable_dns_lookups = yes
in_flow_delay = 0
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 4s
"""

# max_use=1: a new smtpd for each connection sees users and limits that changed a moment ago.
MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd -o max_use=1
127.0.0.1:{tls_port} inet n - n - - smtpd -o max_use=1 -o smtpd_tls_wrappermode=yes
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
dovecot unix - n n - - pipe
  flags=DORhu user={mail_user} null_sender= argv={delivery_agent} -c {dovecot_configuration} -o log_path={delivery_log} -f ${{sender}} -d ${{user}}
"""


class PostfixServer:
    """Submission on `port` (STARTTLS; a login is accepted only under TLS) and on `tls_port` (TLS from the start)."""

    def __init__(
        self,
        dovecot: DovecotServer,
        *,
        message_size_limit: int = MESSAGE_SIZE_LIMIT_BYTES,
        requires_tls: bool = False,
        policy_port: int | None = None,
        without: Collection[str] = (),
    ) -> None:
        """Prepare an instance that delivers into `dovecot`; raises `ServerUnavailable`. The limit is in bytes.

        `requires_tls`: nothing but EHLO and STARTTLS before TLS. `policy_port`: where a policy service such as
        `Greylisting` listens. `without`: EHLO keywords that are not offered.
        """
        self._master = find_binary(
            "master", debian_package=PACKAGES, extra_path="/usr/lib/postfix/sbin:/usr/libexec/postfix"
        )
        if not is_root():
            raise ServerUnavailable("Postfix starts only as root")
        self._dovecot = dovecot
        self.ca_file = dovecot.ca_file
        self.port, self.tls_port = free_port(), free_port()
        self.directory = server_directory("postfix")
        self._configuration = self.directory / "etc"
        self._recipient_answers = self._configuration / "recipient_access"
        self.delivery_log = self.directory / "delivery.log"
        self._process: ServerProcess | None = None
        self._make_directories()
        self.answer_recipients({})
        policy = f", check_policy_service inet:127.0.0.1:{policy_port}" if policy_port else ""
        self._write_configuration(
            message_size_limit=str(message_size_limit),
            tls_level="encrypt" if requires_tls else "may",
            policy=policy,
            left_out=", ".join(without),
        )

    def _make_directories(self) -> None:
        owner = account("postfix")
        # What `postfix check` would make, 2 s faster: modes and owners as in Debian's postfix-files.
        modes = {"queue": 0o755, "queue/pid": 0o755, "etc": 0o755, "data": 0o700, "queue/public": 0o710}
        modes |= {"queue/maildrop": 0o730} | {f"queue/{name}": 0o700 for name in PRIVATE_QUEUES}
        for name, mode in modes.items():
            directory = self.directory / name
            directory.mkdir()
            directory.chmod(mode)
            if name in {"etc", "queue", "queue/pid"}:
                continue
            group = grp.getgrnam("postdrop").gr_gid if name in {"queue/maildrop", "queue/public"} else -1
            os.chown(directory, owner.uid, group)
        self.delivery_log.touch()
        mail_owner = self._dovecot.mail_owner
        os.chown(self.delivery_log, mail_owner.uid, mail_owner.gid)

    def _write_configuration(self, **choices: str) -> None:
        certificate = self._dovecot.authority.issue()
        main_cf = MAIN_CF.format(
            directory=self.directory,
            domain=DOMAIN,
            recipients_file=self._dovecot.recipients_file,
            auth_socket=self._dovecot.auth_socket,
            cert_file=certificate.cert_file,
            key_file=certificate.key_file,
            access_file=self._recipient_answers,
            **choices,
        )
        master_cf = MASTER_CF.format(
            port=self.port,
            tls_port=self.tls_port,
            mail_user=self._dovecot.mail_owner.name,
            delivery_agent=find_delivery_agent(),
            dovecot_configuration=self._dovecot.configuration_file,
            delivery_log=self.delivery_log,
        )
        replace_file(self._configuration / "main.cf", main_cf, age_s=SETTLED_AGE_S)
        replace_file(self._configuration / "master.cf", master_cf, age_s=SETTLED_AGE_S)

    def start(self) -> "PostfixServer":
        """Start it and wait until both ports answer; raises `ServerUnavailable` where Postfix cannot run."""
        # -d keeps it in the foreground, as our child.
        self._process = ServerProcess(
            [self._master, "-c", self._configuration, "-d"], log=self.directory / "master.log", cwd=self.directory
        )
        self._process.wait_for_ports(self.port, self.tls_port)
        return self

    def stop(self) -> None:
        """End it; the queue stays and the ports are the same at the next `start`."""
        if self._process is not None:
            self._process.stop()

    def close(self) -> None:
        """End it for good and remove its directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def parameter(self, name: str) -> str:
        """The value that main.cf gives a parameter; raises `KeyError`. (postconf takes a second or two to say it.)"""
        for line in (self._configuration / "main.cf").read_text().splitlines():
            key, equals, value = line.partition(" =")
            if equals and key == name:
                return value.strip()
        raise KeyError(name)

    def configure(self, **parameters: str | int) -> None:
        """Change main.cf parameters, such as `message_size_limit`; the next connection follows them."""
        main_cf = self._configuration / "main.cf"
        others = [line for line in main_cf.read_text().splitlines() if line.partition(" =")[0] not in parameters]
        changed = [f"{name} = {value}" for name, value in parameters.items()]
        replace_file(main_cf, "\n".join([*others, *changed, ""]), age_s=SETTLED_AGE_S)
        if self._process is not None and self._process.is_running():
            self._process.send(signal.SIGHUP)

    def answer_recipients(self, answers: Mapping[str, str]) -> None:
        """What RCPT is answered for these addresses, such as "451 4.3.0 later", or "OK"; others are looked up as usual.
        Replaces what was said before; the next connection follows it."""
        lines = [f"{address} {answer}" for address, answer in answers.items()]
        replace_file(self._recipient_answers, "\n".join([*lines, ""]), age_s=SETTLED_AGE_S)

    def log_lines(self, words: str) -> list[str]:
        """The lines of its log that hold `words`, oldest first."""
        log = self.directory / "postfix.log"
        return [line for line in log.read_text(errors="replace").splitlines() if words in line] if log.exists() else []

    def log_tail(self, lines: int = 30) -> str:
        """The last lines of its log, for a failing test."""
        log = self.directory / "postfix.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""


def find_delivery_agent() -> Path:
    """Dovecot's own delivery program, outside of PATH; raises `ServerUnavailable`."""
    return find_binary("dovecot-lda", debian_package="dovecot-core", extra_path="/usr/lib/dovecot:/usr/libexec/dovecot")
