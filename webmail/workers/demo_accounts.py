"""The user of a first look and the two mailboxes at the demo server. Passwords here are published constants: the server
listens on loopback only, and production refuses all of it.
"""

from __future__ import annotations

import json
import random
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction

from accounts import services
from accounts.models import AccountState, MailAccount, User
from accounts.services import AccountSettings
from webmail.demo.addresses import IMAP_PASSWORD, IMAP_USER, OWNER_NAME, POP3_PASSWORD, POP3_USER

DEMO_EMAIL = "demo@pillarbox.test"
DEMO_PASSWORD = "demo"
DEMO_NETWORK = "127.0.0.0/8"
DEMO_IN_PRODUCTION = "The demo is not for production: its passwords are known to everybody. Set DEMO=0."
PORT_RANGE = (20_000, 32_000)
TRICKLE_S = 90.0  # now and then a message arrives, so that a newcomer sees it happen


@dataclass(frozen=True)
class DemoPorts:
    """Where the demo server listens on 127.0.0.1."""

    imap: int
    pop3: int
    smtp: int

    def answer(self) -> bool:
        """Whether all of them take connections."""
        try:
            for port in (self.imap, self.pop3, self.smtp):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True


def demo_directory() -> Path:
    """Where the demo server keeps its mail."""
    directory = Path(settings.VAR_DIR) / "demo"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


def demo_ports() -> DemoPorts:
    """The ports, chosen at the first call and kept, because the accounts name them."""
    path = demo_directory() / "ports.json"
    try:
        return DemoPorts(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        ports = _free_ports()
        path.write_text(json.dumps(asdict(ports)))
        return ports


def renew_taken_ports() -> DemoPorts:
    """The ports for a server about to start: chosen anew when another program has taken one of them meanwhile."""
    ports = demo_ports()
    if all(_is_free(port) for port in asdict(ports).values()):
        return ports
    (demo_directory() / "ports.json").unlink(missing_ok=True)
    return demo_ports()


def _free_ports() -> DemoPorts:
    """Below the range that the kernel gives to outgoing connections, or they would be taken at some later start."""
    candidates = random.SystemRandom().sample(range(*PORT_RANGE), 200)
    free = [port for port in candidates if _is_free(port)][:3]
    return DemoPorts(*free)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@transaction.atomic
def ensure_demo_user(ports: DemoPorts) -> User:
    """The demo user, with both mailboxes when it is new. What a newcomer changed or deleted since stays as it is."""
    user = User.objects.filter(email=DEMO_EMAIL).first()
    if user is None:
        user = User.objects.create_user(DEMO_EMAIL, DEMO_PASSWORD, name=OWNER_NAME)
        for protocol, port, address, password in (
            ("imap", ports.imap, IMAP_USER, IMAP_PASSWORD),
            ("pop3", ports.pop3, POP3_USER, POP3_PASSWORD),
        ):
            services.create_account(
                user, _settings(protocol, port, address, smtp_port=ports.smtp), incoming_password=password
            )
    elif not user.is_active:
        user.is_active = True
        user.save(update_fields=["is_active"])
    _follow_ports(user, ports)
    for account in MailAccount.objects.filter(user=user, state=AccountState.FAILING):
        services.resume_account(account)  # it failed only because the demo server was not there
    return user


def shut_demo_user_out() -> None:
    """Without the demo nobody signs in with its known password."""
    User.objects.filter(email=DEMO_EMAIL, is_active=True).update(is_active=False)


def _settings(protocol: str, port: int, address: str, *, smtp_port: int) -> AccountSettings:
    return AccountSettings(
        address=address,
        incoming_protocol=protocol,
        incoming_host="127.0.0.1",
        incoming_port=port,
        incoming_security="plain",
        incoming_username=address,
        outgoing_host="127.0.0.1",
        outgoing_port=smtp_port,
        outgoing_security="plain",
        outgoing_username=address,
        name=f"Demo {protocol.upper()}",
        display_name=OWNER_NAME,
    )


def _follow_ports(user: User, ports: DemoPorts) -> None:
    """Somebody may have removed VAR_DIR/demo: then the server has other ports now."""
    for address, port in ((IMAP_USER, ports.imap), (POP3_USER, ports.pop3)):
        MailAccount.objects.filter(user=user, address=address, incoming_host="127.0.0.1").update(
            incoming_port=port, outgoing_port=ports.smtp
        )
