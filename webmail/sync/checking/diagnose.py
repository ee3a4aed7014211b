"""Trying mail servers before an account is made or changed: the worker's half of `accounts.models.ConnectionTest`.

    pending -> running -> passed      the purpose is carried out: account made, person signed in, or password replaced
                  |-----> failed      a step failed; its report says in plain words what is wrong and what to try

Each step is written to `report` as it ends, so that a page can show it: an object with `step` ("incoming.connect",
"incoming.sign_in", "outgoing.connect", "outgoing.sign_in", "account"), `status` ("passed" or "failed"), `title`, `advice`
and `server_text`, a quotation of the server or empty. One try per server: a wrong password must not lock the account
(security R51). The sealed password is emptied when the test ends, however it ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings as django_settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts import credentials, services
from accounts.credentials import CredentialError, Secret
from accounts.models import (
    AuditEvent,
    ConnectionTest,
    Credential,
    IncomingProtocol,
    MailAccount,
    MailDomain,
    User,
)
from accounts.services import AccountSettings
from webmail.protocols.errors import ProtocolError, ServerError
from webmail.protocols.login import Login
from webmail.protocols.transport import Endpoint, Security
from webmail.sync.checking import advice, probe
from webmail.sync.checking.advice import Advice
from webmail.sync.maildrop import switching

MAX_HOSTS_PER_HOUR = 10  # new servers one user may try, security R28
INTERRUPTED_AFTER = timedelta(minutes=7)  # above everything a test can last

_NO_WAY_BACK = Advice(
    gettext_noop("An account that uses IMAP cannot be changed to POP3."),
    gettext_noop(
        "POP3 knows one mailbox only, the others would be cut off. Keep IMAP, or remove the account and connect it again."
    ),
)

Status = ConnectionTest.Status
Purpose = ConnectionTest.Purpose


class TestFailed(Exception):
    """The test ends here; the report says why."""

    __test__ = False  # no test of pytest's


@dataclass(frozen=True)
class Passwords:
    """What to sign in with. `given_…`: newly entered, to be stored when it works; empty: the stored ones were tried."""

    incoming: Secret
    outgoing: Secret
    given_incoming: str = ""
    given_outgoing: str = ""

    def __repr__(self) -> str:
        return "Passwords(…)"


def run_connection_test(test_id: int) -> None:
    """Carry out a test that waits. Safe to call twice: only one call claims the row."""
    claimed = ConnectionTest.objects.filter(pk=test_id, status=Status.PENDING)
    if claimed.update(status=Status.RUNNING, started_at=timezone.now()):
        carry_out(ConnectionTest.objects.select_related("user", "account").get(pk=test_id))


def carry_out(test: ConnectionTest) -> None:
    """Try the servers of a running test and do what its purpose says. `test` has status and report afterwards."""
    status = Status.FAILED
    try:
        _try_and_apply(test)
        status = Status.PASSED
    except TestFailed:
        pass
    except Exception:
        _note(
            test,
            "account",
            Advice(
                gettext_noop("The test broke off because of a fault here."), gettext_noop("Tell the administrator.")
            ),
        )
        raise
    finally:
        _finish(test, status)


def end_interrupted_tests() -> int:
    """Fail tests whose worker died, so that nobody waits for ever and no password stays sealed. Returns how many."""
    lost = ConnectionTest.objects.filter(status=Status.RUNNING, started_at__lt=timezone.now() - INTERRUPTED_AFTER)
    tests = list(lost[:100])
    for test in tests:
        _note(test, "account", Advice(gettext_noop("The test was interrupted."), gettext_noop("Try again.")))
        _finish(test, Status.FAILED)
    return len(tests)


def _try_and_apply(test: ConnectionTest) -> None:
    settings = AccountSettings(**test.settings)
    _refuse_early(test, settings)
    passwords = _passwords(test, settings)
    incoming = _endpoint(settings.incoming_host, settings.incoming_port, settings.incoming_security)
    _try_server(
        test, "incoming", settings.incoming_protocol, incoming, login=(settings.incoming_username, passwords.incoming)
    )
    # A provider's presets for sign-in are the administrator's: their sending server does not hold the person up.
    if settings.outgoing_host and settings.outgoing_port and test.purpose != Purpose.SIGN_IN:
        outgoing = _endpoint(settings.outgoing_host, settings.outgoing_port, settings.outgoing_security)
        login = (settings.outgoing_username, passwords.outgoing) if settings.outgoing_username else None
        _try_server(test, "outgoing", "smtp", outgoing, login=login)
    _APPLY[Purpose(test.purpose)](test, settings, passwords)


def _endpoint(host: str, port: int, security: str) -> Endpoint:
    ca_file = str(django_settings.EXTRA_CA_FILE) or None
    networks = tuple(django_settings.ALLOW_NETWORKS)
    return Endpoint(host, port, Security(security), allow_networks=networks, ca_file=ca_file)


# Before anything is dialled -----------------------------------------------------------------------------------------


def _refuse_early(test: ConnectionTest, settings: AccountSettings) -> None:
    if test.purpose == Purpose.CONNECT and _account_of(test.user, settings.address) is not None:
        raise _failed(test, "account", _duplicate(settings.address))
    if test.purpose == Purpose.SIGN_IN and not _may_sign_in(settings.address):
        domain = settings.address.rpartition("@")[2]
        raise _failed(
            test,
            "account",
            Advice(
                gettext_noop("Mailboxes at %(domain)s cannot sign in here."),
                gettext_noop("Ask the administrator for a user of your own."),
                {"domain": domain},
            ),
        )
    if test.account is not None and not test.account.is_pop3 and settings.incoming_protocol == IncomingProtocol.POP3:
        raise _failed(test, "account", _NO_WAY_BACK)
    if test.user is not None:
        _count_hosts(test, test.user, {settings.incoming_host.lower(), settings.outgoing_host.lower()} - {""})


def _count_hosts(test: ConnectionTest, user: User, hosts: set[str]) -> None:
    """Remember which servers a user tries, and stop one who scans (R28). Rows of the audit log are the counter."""
    since = timezone.now() - timedelta(hours=1)
    tried = AuditEvent.objects.filter(user=user, action="connection.tested", at__gte=since)
    known = set(tried.values_list("subject", flat=True))
    if len(known | hosts) > MAX_HOSTS_PER_HOUR:
        raise _failed(
            test,
            "account",
            Advice(
                gettext_noop("You tried many servers within an hour."),
                gettext_noop("Wait an hour before you try another one."),
            ),
        )
    for host in sorted(hosts - known):
        services.record_event("connection.tested", user=user, subject=host)


def _passwords(test: ConnectionTest, settings: AccountSettings) -> Passwords:
    try:
        incoming, outgoing = credentials.open_for_test(test)
        if incoming or test.account is None:
            return Passwords(Secret(incoming), Secret(outgoing), incoming, outgoing)
        _refuse_new_host(test, test.account, settings)
        stored = credentials.open_secret(test.account, purpose=Credential.Purpose.INCOMING)
        if outgoing:
            return Passwords(stored, Secret(outgoing), given_outgoing=outgoing)
        return Passwords(stored, credentials.open_secret(test.account, purpose=Credential.Purpose.OUTGOING))
    except CredentialError as error:
        nowhere = _endpoint(settings.incoming_host, settings.incoming_port, settings.incoming_security)
        raise _failed(test, "account", advice.explain_sign_in(error, nowhere, settings.incoming_protocol)) from error


def _refuse_new_host(test: ConnectionTest, account: MailAccount, settings: AccountSettings) -> None:
    """A stored password goes only to the server it was stored for, or a borrowed session could send it anywhere."""
    for purpose in ("incoming", "outgoing"):
        old_host, old_security = getattr(account, f"{purpose}_host"), getattr(account, f"{purpose}_security")
        host, security = getattr(settings, f"{purpose}_host"), getattr(settings, f"{purpose}_security")
        is_weaker = security == Security.PLAIN and old_security != Security.PLAIN
        if host and (host.lower() != old_host.lower() or is_weaker):
            raise _failed(
                test,
                f"{purpose}.sign_in",
                Advice(
                    gettext_noop("The server or its encryption has changed."), gettext_noop("Enter the password again.")
                ),
            )


# Trying a server ----------------------------------------------------------------------------------------------------


def _try_server(
    test: ConnectionTest, purpose: str, protocol: str, where: Endpoint, *, login: tuple[str, Secret] | None
) -> None:
    try:
        probe.look(where, protocol)
    except ProtocolError as error:
        raise _failed(test, f"{purpose}.connect", advice.explain_connection(error, where, protocol)) from error
    service = advice.SERVICE_NAMES[protocol]
    _note(
        test,
        f"{purpose}.connect",
        Advice(
            gettext_noop("%(host)s answers as an %(service)s server."), "", {"host": where.host, "service": service}
        ),
        status=Status.PASSED,
    )
    try:
        probe.sign_in(where, protocol, Login(login[0], login[1].value, login[1].mechanism) if login else None)
    except ProtocolError as error:
        said = error.server_text if isinstance(error, ServerError) else ""
        found = advice.explain_sign_in(error, where, protocol)
        raise _failed(test, f"{purpose}.sign_in", found, server_text=said) from error
    accepts = gettext_noop("%(host)s accepts the password.")
    title = accepts if login else gettext_noop("%(host)s asks for no password.")
    _note(test, f"{purpose}.sign_in", Advice(title, "", {"host": where.host}), status=Status.PASSED)


# What success means -------------------------------------------------------------------------------------------------


def _connect(test: ConnectionTest, settings: AccountSettings, passwords: Passwords) -> None:
    if test.user is None:
        raise ValueError("a test to connect an account has a user")
    try:
        test.account = services.create_account(
            test.user,
            settings,
            incoming_password=passwords.given_incoming,
            outgoing_password=passwords.given_outgoing,
        )
    except IntegrityError:
        raise _failed(test, "account", _duplicate(settings.address)) from None
    _note(
        test,
        "account",
        Advice(gettext_noop("%(address)s is connected."), "", {"address": settings.address}),
        status=Status.PASSED,
    )


def _enter(test: ConnectionTest, settings: AccountSettings, passwords: Passwords) -> None:
    """The owner of a mailbox signs in with its password, which is never ours: the user has none (security section 3)."""
    address = settings.address.strip().lower()
    with transaction.atomic():
        user = User.objects.filter(email=address).first() or User.objects.create_user(address)
        if not user.is_active:
            raise _failed(
                test,
                "account",
                Advice(gettext_noop("This user may not sign in."), gettext_noop("Ask the administrator.")),
            )
        if user.is_staff:
            # Who runs the mail server must not become administrator here.
            raise _failed(
                test,
                "account",
                Advice(
                    gettext_noop("Administrators sign in with their own password."),
                    gettext_noop("Enter that one instead."),
                ),
            )
        account = _account_of(user, address)
        if account is None:
            account = services.create_account(user, settings, incoming_password=passwords.given_incoming)
        else:
            services.replace_password(account, incoming_password=passwords.given_incoming)
        test.user, test.account = user, account
    _note(
        test,
        "account",
        Advice(gettext_noop("%(address)s is signed in."), "", {"address": address}),
        status=Status.PASSED,
    )


def _verify(test: ConnectionTest, settings: AccountSettings, passwords: Passwords) -> None:
    account = test.account
    if account is None:
        raise ValueError("a test to verify an account has the account")
    fields = {
        name: getattr(settings, name)
        for name in AccountSettings.__dataclass_fields__
        if name.startswith(("incoming_", "outgoing_", "leave_"))
    }
    with transaction.atomic():
        if account.is_pop3 and settings.incoming_protocol == IncomingProtocol.IMAP:
            switching.begin(account.pk)
        MailAccount.objects.filter(pk=account.pk).update(**fields)
        account.refresh_from_db()
        if passwords.given_incoming:
            services.replace_password(
                account,
                incoming_password=passwords.given_incoming,
                outgoing_password=passwords.given_outgoing,
            )
        else:
            if passwords.given_outgoing:
                credentials.store_secret(account, purpose=Credential.Purpose.OUTGOING, value=passwords.given_outgoing)
            services.resume_account(account)
    _note(
        test,
        "account",
        Advice(gettext_noop("%(address)s works."), "", {"address": account.address}),
        status=Status.PASSED,
    )


_APPLY = {Purpose.CONNECT: _connect, Purpose.SIGN_IN: _enter, Purpose.VERIFY: _verify}


def _account_of(user: User | None, address: str) -> MailAccount | None:
    return MailAccount.objects.filter(user=user, address__iexact=address).first() if user else None


def _may_sign_in(address: str) -> bool:
    return MailDomain.objects.filter(domain=address.rpartition("@")[2].lower(), may_sign_in=True).exists()


def _duplicate(address: str) -> Advice:
    return Advice(
        gettext_noop("You have connected %(address)s already."),
        gettext_noop("Change it in the settings of that account."),
        {"address": address},
    )


# The report ---------------------------------------------------------------------------------------------------------


def _failed(test: ConnectionTest, step: str, found: Advice, *, server_text: str = "") -> TestFailed:
    _note(test, step, found, server_text=server_text)
    return TestFailed(found.filled()[0])


def _note(
    test: ConnectionTest, step: str, found: Advice, *, status: str = Status.FAILED, server_text: str = ""
) -> None:
    title, text = found.filled()
    entry = {
        "step": step,
        "status": str(status),
        "title": title,
        "advice": text,
        "server_text": server_text,
        # For pages, which say it in the reader's language.
        "words": {"title": found.title, "advice": found.text, "values": dict(found.values)},
    }
    test.report = [*test.report, entry]
    ConnectionTest.objects.filter(pk=test.pk, status=Status.RUNNING).update(report=test.report)


def _finish(test: ConnectionTest, status: str) -> None:
    """The end, once: a test that was given up meanwhile stays so. The password goes whatever happened."""
    ConnectionTest.objects.filter(pk=test.pk).update(sealed=b"", key_id="")
    running = ConnectionTest.objects.filter(pk=test.pk, status=Status.RUNNING)
    running.update(status=status, report=test.report, user=test.user, account=test.account)
    test.status = status
    test.sealed, test.key_id = b"", ""
