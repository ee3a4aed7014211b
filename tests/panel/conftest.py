"""An administrator's browser, and an installation in which everything is in every state and every text is hostile."""

from dataclasses import dataclass, field
from datetime import UTC, timedelta

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import services
from accounts.models import (
    AccountState,
    ApiCredential,
    AuditEvent,
    ConnectionTest,
    Credential,
    Identity,
    MailAccount,
    MailDomain,
    User,
)
from tests import factories
from tests.outbox.letters import submit
from webmail.journal.models import Action
from webmail.outbox.models import Phase, Submission, SubmissionEvent, SubmissionRecipient
from webmail.store.models import Heartbeat, HostGate, Lease, Mailbox, Traffic

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
SECRET = "S3CR3T-panel-5f1c"
PRIVATE = "PR1V4TE-subject-or-text"
# Breaks out of text, of an attribute in either quote, and of a template of Django or Alpine that would evaluate it.
HOSTILE = "<img src=x onerror=alert(1)>\"'{{7*191}}</script>"
PROCESS_KINDS = ("net", "cpu", "watch", "sweep")


@dataclass
class Installation:
    """Rows of every model the panel shows."""

    alice: User
    account: MailAccount
    accounts: dict[str, MailAccount] = field(default_factory=dict)
    submissions: dict[str, Submission] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)


@pytest.fixture
def charlie(db: None) -> User:
    """The administrator. Deliberately no superuser: staff is enough."""
    return factories.make_user("charlie", is_staff=True)


@pytest.fixture
def operator(client: Client, charlie: User) -> Client:
    """charlie's browser."""
    client.force_login(charlie, backend=BACKEND)
    return client


@pytest.fixture
def alice(db: None) -> User:
    """Somebody with mail."""
    return factories.make_user()


@pytest.fixture
def account(alice: User) -> MailAccount:
    """alice's mailbox, which works."""
    account = factories.make_account(alice, password=SECRET)
    MailAccount.objects.filter(pk=account.pk).update(state=AccountState.OK, last_sync_at=timezone.now())
    account.refresh_from_db()
    return account


@pytest.fixture
def processes(db: None) -> None:
    """Everything runs."""
    for kind in PROCESS_KINDS:
        Heartbeat.objects.create(name=f"{kind}@host:1", kind=kind, host="host", pid=1, detail={"tasks": 3})


@pytest.fixture
def installation(account: MailAccount) -> Installation:
    """Every state of every row; names, reasons and replies are HOSTILE, secrets are SECRET, content is PRIVATE."""
    found = Installation(account.user, account)
    _people(found)
    _accounts(found)
    _mail(found)
    now = timezone.now()
    HostGate.objects.create(host="mail.example.org", limit=2, until=now + timedelta(minutes=5), reason=HOSTILE)
    Traffic.objects.create(account=found.account, day=now.astimezone(UTC).date(), bytes_down=5_000_000, bytes_up=1_000)
    Heartbeat.objects.create(name="net@a:1", kind="net", host=HOSTILE[:50], pid=1, detail={HOSTILE: HOSTILE})
    Heartbeat.objects.create(name="cpu@a:2", kind="cpu", host="a", pid=2, seen_at=now - timedelta(hours=1))
    for name, owner, until in (("free", "", now), ("held", HOSTILE[:50], now + timedelta(hours=1)), ("old", "x", now)):
        Lease.objects.create(name=name, owner=owner, expires_at=until)
    return found


def _people(found: Installation) -> None:
    User.objects.filter(pk=found.alice.pk).update(name=HOSTILE)
    found.alice.set_password(SECRET)
    found.alice.save()
    factories.make_user("dora", is_active=False, last_login=timezone.now())
    ApiCredential.objects.create(user=found.alice, name="phone", secret_hash=SECRET, hint="5f1c")
    MailDomain.objects.create(domain="example.org", incoming_host="mail.example.org", outgoing_host=HOSTILE)
    MailDomain.objects.create(domain="closed.example", incoming_host="mail.closed.example", may_sign_in=True)
    AuditEvent.objects.create(action="sign_in", user=found.alice, subject=HOSTILE, detail={"text": HOSTILE})


def _accounts(found: Installation) -> None:
    for state in AccountState.values:
        account = factories.make_account(found.alice, password=SECRET, protocol="pop3" if state == "new" else "imap")
        MailAccount.objects.filter(pk=account.pk).update(
            state=state, state_reason=HOSTILE, name=HOSTILE, incoming_username=HOSTILE, failures=3
        )
        account.refresh_from_db()
        found.accounts[state] = account
    Identity.objects.filter(account=found.account).update(name=HOSTILE, signature_text=PRIVATE)
    test = services.request_verification(found.account, user=found.alice)
    report = [{"step": "login", "status": "failed", "title": HOSTILE, "server_text": HOSTILE}]
    ConnectionTest.objects.filter(pk=test.pk).update(status="failed", report=report)


def _mail(found: Installation) -> None:
    inbox = factories.make_mailbox(found.account, "Inbox", role="inbox")
    factories.make_mailbox(found.account, "Old", backfill_uid=70, remote_total=99)
    hostile = factories.make_mailbox(found.account, "Gone", remote_name="Gone")
    Mailbox.objects.filter(pk=hostile.pk).update(
        name=HOSTILE, missing_since=timezone.now(), trouble=HOSTILE, parked_until=timezone.now() + timedelta(hours=1)
    )
    for phase in Phase.values:
        submission = submit(found.account, subject=PRIVATE, text=PRIVATE)
        Submission.objects.filter(pk=submission.pk).update(phase=phase, last_reply=HOSTILE, lease_owner="worker")
        SubmissionRecipient.objects.filter(submission=submission).update(reply=HOSTILE)
        SubmissionEvent.objects.create(submission=submission, phase=phase, text=HOSTILE)
        submission.refresh_from_db()
        found.submissions[phase] = submission
    for status in Action.Status.values:
        found.actions[status] = Action.objects.create(
            account=found.account,
            user=found.alice,
            kind=Action.Kind.MOVE,
            mailbox=inbox,
            status=status,
            error=HOSTILE,
            attempts=1,
        )


def list_page(model: type[Model], query: str = "") -> str:
    """The address of a list."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{address}?{query}" if query else address


def detail_page(row: Model, page: str = "change") -> str:
    """The address of one row's page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=[row.pk])


def do(client: Client, act: str, *rows: Model, from_detail: bool = False):
    """Press an act's button for these rows; returns the page that follows."""
    data = {"action": act, "index": "0", "_selected_action": [str(row.pk) for row in rows]}
    if from_detail:
        data["_from_detail"] = "1"
    return client.post(list_page(type(rows[0])), data, follow=True)


def sealed_secrets() -> list[bytes]:
    """The sealed bytes there are."""
    rows = [*Credential.objects.all(), *ConnectionTest.objects.all()]
    return [bytes(row.sealed) for row in rows if row.sealed]
