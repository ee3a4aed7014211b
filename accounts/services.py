"""What happens to people and accounts: every write goes through here, from pages, REST, panel and command line alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import credentials, signals
from accounts.models import (
    AccountState,
    AuditEvent,
    ConnectionTest,
    Credential,
    Identity,
    MailAccount,
    MailDomain,
    OutgoingServer,
    User,
)
from webmail import dispatch

DEFAULT_PORTS: Mapping[tuple[str, str], int] = {
    ("imap", "tls"): 993,
    ("imap", "starttls"): 143,
    ("imap", "plain"): 143,
    ("pop3", "tls"): 995,
    ("pop3", "starttls"): 110,
    ("pop3", "plain"): 110,
    ("smtp", "tls"): 465,
    ("smtp", "starttls"): 587,
    ("smtp", "plain"): 25,
}
SIGN_IN_MAY_LAST = timedelta(minutes=7)  # above everything a test can last


@dataclass(frozen=True)
class AccountSettings:
    """Everything about an account's servers except the secrets. Field names are those of `MailAccount`."""

    address: str
    incoming_protocol: str
    incoming_host: str
    incoming_port: int
    incoming_security: str
    incoming_username: str
    outgoing_host: str = ""
    outgoing_port: int | None = None
    outgoing_security: str = "tls"
    outgoing_username: str = ""
    name: str = ""
    display_name: str = ""  # the person's name in the first identity
    leave_on_server: str = "keep"
    leave_days: int = 14


def request_connection_test(
    *,
    purpose: str,
    settings: AccountSettings,
    incoming_password: str,
    outgoing_password: str = "",
    user: User | None = None,
    account: MailAccount | None = None,
) -> ConnectionTest:
    """Write down the wish to try these servers and wake a worker. The page polls the returned row."""
    test = ConnectionTest(purpose=purpose, user=user, account=account, settings=asdict(settings))
    credentials.seal_for_test(test, incoming=incoming_password, outgoing=outgoing_password)
    with transaction.atomic():
        test.save()
        dispatch.wake("connections.test", test.pk)
    return test


def settings_of(account: MailAccount) -> AccountSettings:
    """The settings of an account that exists, for a test of it."""
    names = AccountSettings.__dataclass_fields__.keys() - {"display_name"}
    return AccountSettings(**{name: getattr(account, name) for name in names})


def request_verification(account: MailAccount, *, user: User) -> ConnectionTest:
    """Try the servers of an account with the secrets stored for it. Raises `CredentialError` when they cannot be opened."""
    return request_connection_test(
        purpose=ConnectionTest.Purpose.VERIFY,
        settings=settings_of(account),
        incoming_password=credentials.open_secret(account, purpose=Credential.Purpose.INCOMING).value,
        outgoing_password=credentials.open_secret(account, purpose=Credential.Purpose.OUTGOING).value,
        user=user,
        account=account,
    )


def request_sign_in(account: MailAccount, *, user: User, password: str) -> ConnectionTest:
    """Try a new password for an account as it is set up; it is stored when it works, and the account runs again.

    A password of its own for sending stays. Raises `CredentialError` when passwords cannot be stored here.
    """
    outgoing = ""
    if Credential.objects.filter(account=account, purpose=Credential.Purpose.OUTGOING).exists():
        outgoing = credentials.open_secret(account, purpose=Credential.Purpose.OUTGOING).value
    return request_connection_test(
        purpose=ConnectionTest.Purpose.VERIFY,
        settings=settings_of(account),
        incoming_password=password,
        outgoing_password=outgoing,
        user=user,
        account=account,
    )


def running_sign_in(account: MailAccount) -> ConnectionTest | None:
    """A password for this account that is being tried just now; None: none is."""
    waits = [ConnectionTest.Status.PENDING, ConnectionTest.Status.RUNNING]
    tests = ConnectionTest.objects.filter(account=account, purpose=ConnectionTest.Purpose.VERIFY, status__in=waits)
    return tests.filter(created_at__gt=timezone.now() - SIGN_IN_MAY_LAST).order_by("-pk").first()


def request_sync(account: MailAccount) -> None:
    """Ask for a pass now; if the wake-up is lost, the sweep finds the account due. Safe to repeat."""
    MailAccount.objects.filter(pk=account.pk).update(next_sync_at=timezone.now())
    dispatch.wake("sync.account", account.pk)


def settings_for_domain(domain: MailDomain, address: str) -> AccountSettings:
    """The administrator's presets applied to an address."""
    local, _, host = address.partition("@")
    username = domain.username_format.format(address=address, local=local, domain=host)
    return AccountSettings(
        address=address,
        incoming_protocol=domain.incoming_protocol,
        incoming_host=domain.incoming_host,
        incoming_port=domain.incoming_port,
        incoming_security=domain.incoming_security,
        incoming_username=username,
        outgoing_host=domain.outgoing_host,
        outgoing_port=domain.outgoing_port,
        outgoing_security=domain.outgoing_security,
        outgoing_username=username if domain.outgoing_host else "",
    )


@transaction.atomic
def create_account(
    user: User, settings: AccountSettings, *, incoming_password: str, outgoing_password: str = ""
) -> MailAccount:
    """A new account with its secrets and first identity; its first pass is asked for.

    Raises `django.db.IntegrityError` when the user already has an account with this address.
    """
    fields = asdict(settings)
    display_name = fields.pop("display_name")
    fields["name"] = fields["name"] or settings.address
    siblings = MailAccount.objects.filter(user=user)
    position = siblings.count()
    account = MailAccount.objects.create(user=user, position=position, color=position % 8, **fields)
    credentials.store_secret(account, purpose=Credential.Purpose.INCOMING, value=incoming_password)
    if outgoing_password and outgoing_password != incoming_password:
        credentials.store_secret(account, purpose=Credential.Purpose.OUTGOING, value=outgoing_password)
    signals.account_created.send(sender=MailAccount, account=account)
    save_identity(Identity(account=account, name=display_name or user.name, email=settings.address, is_default=True))
    record_event("account.connected", user=user, subject=account.address)
    dispatch.wake("sync.account", account.pk)
    return account


@transaction.atomic
def replace_password(account: MailAccount, *, incoming_password: str, outgoing_password: str = "") -> None:
    """Store a password that a test has just shown to work, and let the account run again."""
    credentials.store_secret(account, purpose=Credential.Purpose.INCOMING, value=incoming_password)
    if outgoing_password and outgoing_password != incoming_password:
        credentials.store_secret(account, purpose=Credential.Purpose.OUTGOING, value=outgoing_password)
    else:
        Credential.objects.filter(account=account, purpose=Credential.Purpose.OUTGOING).delete()
    resume_account(account)


def set_state(account: MailAccount, state: str, *, reason: str = "") -> None:
    """Move the account to another condition; `state_since` tells since when. Safe to repeat."""
    changed = MailAccount.objects.filter(pk=account.pk).exclude(state=state, state_reason=reason[:600])
    since = {} if account.state == state else {"state_since": timezone.now()}
    if changed.update(state=state, state_reason=reason[:600], **since):
        account.state, account.state_reason = state, reason[:600]
        dispatch.announce({"account": account.public_id, "user": account.user_id, "changed": {}})


def pause_account(account: MailAccount) -> None:
    """No pass, no delivery until `resume_account`. What waits stays."""
    set_state(account, AccountState.PAUSED)


def resume_account(account: MailAccount) -> None:
    """Let a paused, failing or refused account run at once."""
    set_state(account, AccountState.OK if account.last_sync_at else AccountState.NEW)
    MailAccount.objects.filter(pk=account.pk).update(failures=0, next_sync_at=timezone.now())
    dispatch.wake("sync.account", account.pk)


def pause_first_sync(account: MailAccount) -> None:
    """Older mail waits until `continue_first_sync`; new mail still comes in."""
    MailAccount.objects.filter(pk=account.pk).update(is_backfill_paused=True)


def continue_first_sync(account: MailAccount) -> None:
    """Fetching of older mail goes on where it was."""
    MailAccount.objects.filter(pk=account.pk).update(is_backfill_paused=False)
    request_sync(account)


@transaction.atomic
def add_outgoing_server(
    account: MailAccount, host: str, port: int, security: str, username: str, password: str
) -> OutgoingServer:
    """A further server to send with, tried after those there are. `password` empty: the account's own outgoing one.

    Where it may lie is checked at every connection (security R26). Raises `credentials.NoCredentialKey`.
    """
    last = account.outgoing_servers.order_by("-position").values_list("position", flat=True).first()
    server = OutgoingServer.objects.create(
        account=account,
        position=0 if last is None else last + 1,
        host=host,
        port=port,
        security=security,
        username=username,
    )
    credentials.store_server_secret(server, password)
    record_event("account.outgoing_server_added", user=account.user, subject=account.address, detail={"host": host})
    return server


@transaction.atomic
def remove_outgoing_server(server: OutgoingServer) -> None:
    """Do not send with it any more."""
    account = server.account
    record_event(
        "account.outgoing_server_removed", user=account.user, subject=account.address, detail={"host": server.host}
    )
    server.delete()


@transaction.atomic
def move_outgoing_server(server: OutgoingServer, *, up: bool) -> None:
    """Try it one place sooner or later; the first and the last stay where they are when they would leave the list."""
    servers = list(OutgoingServer.objects.filter(account_id=server.account_id).order_by("position", "id"))
    place = next((number for number, one in enumerate(servers) if one.pk == server.pk), None)
    if place is None:
        return  # removed meanwhile
    servers.insert(max(place + (-1 if up else 1), 0), servers.pop(place))
    for position, one in enumerate(servers):
        OutgoingServer.objects.filter(pk=one.pk).update(position=position)


def note_server_trouble(server: OutgoingServer, reason: str) -> None:
    """Why a further outgoing server could not be used when it was needed; empty: it could."""
    if server.trouble != reason[:600]:
        OutgoingServer.objects.filter(pk=server.pk).update(trouble=reason[:600])
        server.trouble = reason[:600]


@transaction.atomic
def save_identity(identity: Identity) -> None:
    """Save an identity; a default one takes that mark from the others of its account."""
    if identity.is_default:
        Identity.objects.filter(account_id=identity.account_id).exclude(pk=identity.pk).update(is_default=False)
    identity.save()
    signals.identity_changed.send(sender=Identity, identity=identity, destroyed=False)


@transaction.atomic
def delete_identity(identity: Identity) -> None:
    """Delete an identity. Raises `ValueError` when it is the account's last one: an account that sends needs one."""
    others = Identity.objects.filter(account_id=identity.account_id).exclude(pk=identity.pk)
    if not others.exists():
        raise ValueError("an account keeps at least one identity")
    signals.identity_changed.send(sender=Identity, identity=identity, destroyed=True)
    was_default = identity.is_default
    identity.delete()
    if was_default:
        heir = others.first()
        if heir is not None:
            heir.is_default = True
            save_identity(heir)


def record_event(
    action: str,
    *,
    user: User | None,
    subject: str = "",
    ip_address: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Write to the audit log. `detail` must hold no secrets and no message content."""
    AuditEvent.objects.create(
        action=action, user=user, subject=subject[:254], ip_address=ip_address, detail=detail or {}
    )
