"""Connection tests: each way a server can be wrong has words of its own, and no try does harm."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts import credentials, services
from accounts.models import AccountState, AuditEvent, ConnectionTest, MailAccount, MailDomain, User
from accounts.services import AccountSettings
from tests import factories
from tests.fakes.imap import FakeImapServer
from tests.fakes.pop3 import FakePop3Server
from tests.fakes.smtp import RecordingSmtpSink
from tests.servers.certificates import Certificate, CertificateAuthority
from tests.servers.dovecot import DovecotServer, MailUser
from tests.servers.ports import free_port
from webmail.demo.imap_session import ImapConfig
from webmail.demo.pop3_server import Pop3Config
from webmail.sync.checking import diagnose, probe
from webmail.sync.checking.diagnose import end_interrupted_tests, run_connection_test

pytestmark = pytest.mark.django_db

ADDRESS = "alice@pillarbox.test"
PASSWORD = "alice-password"
Purpose = ConnectionTest.Purpose
Status = ConnectionTest.Status


@pytest.fixture
def alice() -> User:
    return factories.make_user()


@pytest.fixture
def imap() -> Iterator[FakeImapServer]:
    with FakeImapServer() as server:
        yield server


@pytest.fixture
def sink() -> Iterator[RecordingSmtpSink]:
    with RecordingSmtpSink() as server:
        yield server


@pytest.fixture
def authority(tmp_path: Path, settings: Any) -> CertificateAuthority:
    """An authority that Pillarbox has been told to trust."""
    made = CertificateAuthority(tmp_path)
    settings.EXTRA_CA_FILE = str(made.ca_file)
    return made


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent server is given up at once."""
    monkeypatch.setattr(probe, "GREETING_S", 0.3)


def server_context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.cert_file, certificate.key_file)
    return context


def incoming(port: int, *, protocol: str = "imap", security: str = "plain", **fields: Any) -> AccountSettings:
    made = AccountSettings(
        address=ADDRESS,
        incoming_protocol=protocol,
        incoming_host="127.0.0.1",
        incoming_port=port,
        incoming_security=security,
        incoming_username=ADDRESS,
    )
    return replace(made, **fields)


def with_outgoing(settings: AccountSettings, port: int, **fields: Any) -> AccountSettings:
    outgoing = {"outgoing_host": "127.0.0.1", "outgoing_port": port, "outgoing_security": "plain"}
    return replace(settings, **{**outgoing, "outgoing_username": ADDRESS, **fields})


def run(
    settings: AccountSettings,
    *,
    user: User | None = None,
    purpose: str = Purpose.CONNECT,
    password: str = PASSWORD,
    account: MailAccount | None = None,
    outgoing_password: str = "",
) -> ConnectionTest:
    """Ask for a test as a page does and carry it out as a worker does; every test ends without a sealed password."""
    test = services.request_connection_test(
        purpose=purpose,
        settings=settings,
        incoming_password=password,
        outgoing_password=outgoing_password,
        user=user,
        account=account,
    )
    assert not password or password not in repr(test.settings)
    run_connection_test(test.pk)
    test.refresh_from_db()
    assert bytes(test.sealed) == b""
    assert test.status in {Status.PASSED, Status.FAILED}
    return test


def failure(test: ConnectionTest) -> dict[str, str]:
    """The step that failed: the last one."""
    assert test.status == Status.FAILED
    assert [step["status"] for step in test.report[:-1]] == ["passed"] * (len(test.report) - 1)
    assert test.report[-1]["status"] == "failed"
    assert test.report[-1]["title"]
    assert test.report[-1]["advice"]
    return dict(test.report[-1])


def count_sign_ins(server: FakeImapServer | FakePop3Server) -> int:
    return sum(command in {"LOGIN", "AUTHENTICATE", "PASS", "AUTH"} for command in server.faults.commands)


# What works ---------------------------------------------------------------------------------------------------------


def test_servers_that_work_make_an_account(alice, imap, sink):
    test = run(with_outgoing(incoming(imap.port, display_name="Alice A."), sink.port), user=alice)

    assert test.status == Status.PASSED
    assert [step["step"] for step in test.report] == [
        "incoming.connect",
        "incoming.sign_in",
        "outgoing.connect",
        "outgoing.sign_in",
        "account",
    ]
    account = MailAccount.objects.get(user=alice)
    assert test.account == account
    assert account.address == ADDRESS
    assert account.identities.get().name == "Alice A."
    assert credentials.open_secret(account, purpose="incoming").value == PASSWORD
    assert sink.messages == []


def test_pop3_mailbox_is_connected_and_nothing_is_deleted(alice):
    with FakePop3Server() as server:
        server.store.append(server.user, "INBOX", b"Subject: hello\r\n\r\nHello\r\n")
        test = run(incoming(server.port, protocol="pop3"), user=alice)
        assert "DELE" not in server.faults.commands

    assert test.status == Status.PASSED
    assert MailAccount.objects.get(user=alice).is_pop3


def test_an_account_without_sending_server_can_be_connected(alice, imap):
    assert run(incoming(imap.port), user=alice).status == Status.PASSED


@pytest.mark.live
@pytest.mark.parametrize(
    ("protocol", "security", "port_name"),
    [
        ("imap", "tls", "imaps_port"),
        ("imap", "starttls", "imap_port"),
        ("pop3", "tls", "pop3s_port"),
        ("pop3", "starttls", "pop3_port"),
    ],
)
def test_dovecot_is_connected(
    alice: User,
    dovecot: DovecotServer,
    mail_user: MailUser,
    settings: Any,
    protocol: str,
    security: str,
    port_name: str,
) -> None:
    settings.EXTRA_CA_FILE = str(dovecot.ca_file)
    fields = incoming(getattr(dovecot, port_name), protocol=protocol, security=security)

    right = run(replace(fields, incoming_username=mail_user.address), user=alice, password=mail_user.password)
    wrong = run(replace(fields, address="b@c.test", incoming_username=mail_user.address), user=alice, password="no")

    assert right.status == Status.PASSED
    assert failure(wrong)["step"] == "incoming.sign_in"
    assert "password" in failure(wrong)["title"]


# What is wrong ------------------------------------------------------------------------------------------------------


@pytest.mark.req("R51")
def test_wrong_password_is_tried_once(alice, imap):
    test = run(incoming(imap.port), user=alice, password="not-it")

    step = failure(test)
    assert step["step"] == "incoming.sign_in"
    assert "refuses the user name or password" in step["title"]
    assert count_sign_ins(imap) == 1
    assert not MailAccount.objects.exists()


def test_wrong_password_for_sending_makes_no_account(alice, imap, sink):
    test = run(with_outgoing(incoming(imap.port), sink.port), user=alice, outgoing_password="not-it")

    assert failure(test)["step"] == "outgoing.sign_in"
    assert not MailAccount.objects.exists()


@pytest.mark.req("R34")
def test_words_of_the_server_stand_apart(alice, imap):
    imap.faults.refuse("LOGIN", code="AUTHENTICATIONFAILED", text="Call 0900-1234 \x1b[31mnow", times=None)
    imap.faults.refuse("AUTHENTICATE", code="AUTHENTICATIONFAILED", text="Call 0900-1234 \x1b[31mnow", times=None)

    step = failure(run(incoming(imap.port), user=alice))

    assert "0900" not in step["title"] + step["advice"]
    assert step["server_text"].startswith("Call 0900-1234")
    assert "\x1b" not in step["server_text"]


def test_unknown_host_is_named(alice):
    step = failure(run(incoming(993, security="tls", incoming_host="mail.nowhere.invalid"), user=alice))

    assert step["title"] == "The name mail.nowhere.invalid is not known."


@pytest.mark.req("R28")
def test_closed_port_reads_like_a_silent_network(alice, monkeypatch):
    closed = failure(run(incoming(free_port()), user=alice))
    assert "does not answer on port" in closed["title"]

    def time_out(*_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr("socket.create_connection", time_out)
    filtered = failure(run(incoming(free_port()), user=alice))

    assert closed["title"].rpartition(" ")[0] == filtered["title"].rpartition(" ")[0]
    assert closed["advice"] == filtered["advice"]


@pytest.mark.req("R33")
@pytest.mark.parametrize(
    ("names", "is_expired", "reason"),
    [
        ((), True, "it has expired"),
        (("mail.example.org",), False, "it was issued for another name"),
    ],
)
def test_certificate_faults_are_told_apart(
    alice: User, authority: CertificateAuthority, names: tuple[str, ...], is_expired: bool, reason: str
) -> None:
    context = server_context(authority.issue(*names, is_expired=is_expired))
    with FakeImapServer(config=ImapConfig(ssl_context=context, is_implicit_tls=True)) as server:
        step = failure(run(incoming(server.port, security="tls"), user=alice))
        assert server.faults.commands == []

    assert step["step"] == "incoming.connect"
    assert reason in step["title"]


@pytest.mark.req("R33")
def test_unknown_authority_is_refused_at_starttls_before_the_password(alice, tmp_path):
    context = server_context(CertificateAuthority(tmp_path).issue())
    with FakeImapServer(config=ImapConfig(ssl_context=context)) as server:
        step = failure(run(incoming(server.port, security="starttls"), user=alice))
        assert count_sign_ins(server) == 0

    assert "an authority that is not known here" in step["title"]


@pytest.mark.req("R33")
def test_server_without_starttls_never_gets_the_password(alice, imap, sink):
    with FakePop3Server() as pop3:
        steps = [
            failure(run(incoming(imap.port, security="starttls"), user=alice)),
            failure(run(incoming(pop3.port, protocol="pop3", security="starttls"), user=alice)),
        ]
        assert count_sign_ins(imap) == count_sign_ins(pop3) == 0
    sending = with_outgoing(incoming(imap.port), sink.port, outgoing_security="starttls")
    steps.append(failure(run(sending, user=alice)))

    assert all("does not offer STARTTLS" in step["title"] for step in steps)
    assert not any(line.upper().startswith(b"AUTH") for line in sink.commands)


def test_tls_on_a_port_that_begins_in_clear(alice, imap):
    step = failure(run(incoming(imap.port, security="tls"), user=alice))

    assert "is not encrypted from the start" in step["title"]
    assert "STARTTLS" in step["advice"]


@pytest.mark.parametrize("security", ["plain", "starttls"])
def test_clear_text_on_a_port_for_tls(alice, authority, impatience, security):
    config = ImapConfig(ssl_context=server_context(authority.issue()), is_implicit_tls=True)
    with FakeImapServer(config=config) as server:
        step = failure(run(incoming(server.port, security=security), user=alice))

    assert "is encrypted from the start" in step["title"]
    assert step["advice"].startswith("Choose TLS")


def test_another_kind_of_server_on_the_port(alice, sink):
    step = failure(run(incoming(sink.port), user=alice))

    assert "is no IMAP server" in step["title"]


@pytest.mark.req("R28")
def test_greeting_is_never_repeated(alice, imap):
    imap.faults.greeting_line = b"* BYE marker-of-an-inner-service 1.2.3\r\n"

    test = run(incoming(imap.port), user=alice)

    assert failure(test)["step"] == "incoming.connect"
    assert "marker-of-an-inner-service" not in repr(test.report)


def test_pop3_mailbox_in_use_is_no_wrong_password(alice):
    with FakePop3Server() as server:
        server.faults.refuse("AUTH", b"-ERR [IN-USE] locked")
        step = failure(run(incoming(server.port, protocol="pop3"), user=alice))

    assert step["title"] == "Another program is reading this mailbox just now."


def test_password_over_a_clear_line_that_the_server_does_not_want(alice, authority):
    config = ImapConfig(ssl_context=server_context(authority.issue()), requires_tls=True)
    with FakeImapServer(config=config) as server:
        step = failure(run(incoming(server.port), user=alice))
        assert count_sign_ins(server) == 0

    assert "takes no password without encryption" in step["title"]


# Guards -------------------------------------------------------------------------------------------------------------


@pytest.mark.req("R26")
def test_networks_that_are_not_allowed_are_not_dialled(alice, imap, settings):
    settings.ALLOW_NETWORKS = ()

    step = failure(run(incoming(imap.port), user=alice))

    assert "cannot be used here" in step["title"]
    assert imap.connection_count == 0


@pytest.mark.req("R28")
def test_ports_that_no_mail_server_uses_are_not_dialled(alice, settings, monkeypatch):
    settings.ALLOW_NETWORKS = ()
    monkeypatch.setattr(probe, "open_connection", None)

    step = failure(run(incoming(8080, incoming_host="8.8.8.8"), user=alice))

    assert step["title"] == "Port 8080 cannot be used here."


@pytest.mark.req("R28")
def test_eleventh_server_within_an_hour_is_refused(alice, imap):
    for number in range(10):
        services.record_event("connection.tested", user=alice, subject=f"mail{number}.example.org")

    step = failure(run(incoming(imap.port), user=alice))

    assert step["title"] == "You tried many servers within an hour."
    assert imap.connection_count == 0
    AuditEvent.objects.update(at=timezone.now() - timedelta(hours=2))
    assert run(incoming(imap.port), user=alice).status == Status.PASSED


def test_address_that_is_connected_already_is_not_tried(alice, imap):
    factories.make_account(alice, address=ADDRESS)

    step = failure(run(incoming(imap.port), user=alice))

    assert "connected alice@pillarbox.test already" in step["title"]
    assert imap.connection_count == 0


def test_second_worker_leaves_a_claimed_test_alone(alice, imap):
    test = run(incoming(imap.port), user=alice)
    run_connection_test(test.pk)

    assert count_sign_ins(imap) == 1


def test_test_of_a_dead_worker_ends_without_its_password(alice):
    test = ConnectionTest(purpose=Purpose.CONNECT, user=alice, settings={}, status=Status.RUNNING)
    test.started_at = timezone.now() - timedelta(hours=1)
    credentials.seal_for_test(test, incoming=PASSWORD)
    test.save()

    assert end_interrupted_tests() == 1

    test.refresh_from_db()
    assert failure(test)["title"] == "The test was interrupted."
    assert bytes(test.sealed) == b""


def test_fault_of_ours_ends_the_test_too(alice, imap, monkeypatch):
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(probe, "look", fail)
    test = services.request_connection_test(
        purpose=Purpose.CONNECT, settings=incoming(imap.port), incoming_password=PASSWORD, user=alice
    )

    with pytest.raises(ZeroDivisionError):
        run_connection_test(test.pk)

    test.refresh_from_db()
    assert "fault here" in failure(test)["title"]
    assert bytes(test.sealed) == b""


@pytest.mark.req("R49")
def test_password_is_in_no_log_and_no_report(alice, imap, sink, caplog):
    caplog.set_level("DEBUG")
    marker = "S3CR3T-diagnose"
    test = run(with_outgoing(incoming(imap.port), sink.port), user=alice, password=marker)

    assert failure(test)["step"] == "incoming.sign_in"
    assert marker not in repr(test.report)
    assert marker not in caplog.text
    assert marker not in repr(AuditEvent.objects.values())
    secret = credentials.Secret(marker)
    assert marker not in repr(diagnose.Passwords(secret, secret, marker, marker))


# Signing in with a mailbox ------------------------------------------------------------------------------------------


@pytest.fixture
def domain(imap: FakeImapServer) -> MailDomain:
    return MailDomain.objects.create(
        domain="pillarbox.test",
        may_sign_in=True,
        incoming_host="127.0.0.1",
        incoming_port=imap.port,
        incoming_security="plain",
    )


def test_mailbox_owner_becomes_a_user_without_password_of_ours(domain):
    test = run(services.settings_for_domain(domain, ADDRESS), purpose=Purpose.SIGN_IN)

    user = User.objects.get(email=ADDRESS)
    assert test.status == Status.PASSED
    assert (test.user, test.account) == (user, MailAccount.objects.get(user=user))
    assert not user.has_usable_password()


def test_mailbox_owner_comes_again_with_a_new_password(domain, imap):
    run(services.settings_for_domain(domain, ADDRESS), purpose=Purpose.SIGN_IN)
    imap.store.add_user(ADDRESS, "changed-password")
    MailAccount.objects.update(state=AccountState.AUTH_FAILED)

    test = run(services.settings_for_domain(domain, ADDRESS), purpose=Purpose.SIGN_IN, password="changed-password")

    account = MailAccount.objects.get()
    assert test.account == account
    assert credentials.open_secret(account, purpose="incoming").value == "changed-password"
    assert account.state != AccountState.AUTH_FAILED


def test_wrong_mailbox_password_signs_nobody_in(domain):
    test = run(services.settings_for_domain(domain, ADDRESS), purpose=Purpose.SIGN_IN, password="no")

    assert failure(test)["step"] == "incoming.sign_in"
    assert test.user is None
    assert not User.objects.exists()


def test_domain_that_may_not_sign_in_is_not_dialled(domain, imap):
    MailDomain.objects.update(may_sign_in=False)

    failure(run(services.settings_for_domain(domain, ADDRESS), purpose=Purpose.SIGN_IN))

    assert imap.connection_count == 0


@pytest.mark.parametrize("field", ["is_staff", "inactive"])
def test_administrators_and_locked_users_do_not_sign_in_through_a_mailbox(domain, field):
    flags = {"is_staff": True} if field == "is_staff" else {"is_active": False}
    User.objects.create_user(ADDRESS, "own password", **flags)

    test = run(services.settings_for_domain(domain, ADDRESS), purpose=Purpose.SIGN_IN)

    failure(test)
    assert test.user is None
    assert not MailAccount.objects.exists()


# Changing an account ------------------------------------------------------------------------------------------------


@pytest.fixture
def account(alice: User, imap: FakeImapServer) -> MailAccount:
    made = factories.make_account(
        alice,
        address=ADDRESS,
        incoming_port=imap.port,
        incoming_username=ADDRESS,
        password="old-password",
        outgoing_host="",
        outgoing_port=None,
    )
    services.set_state(made, AccountState.AUTH_FAILED)
    return made


def test_new_password_is_stored_and_lets_the_account_run(alice, account):
    run(services.settings_of(account), user=alice, account=account, purpose=Purpose.VERIFY)

    account.refresh_from_db()
    assert credentials.open_secret(account, purpose="incoming").value == PASSWORD
    assert account.state == AccountState.NEW


def test_wrong_new_password_leaves_the_account_as_it_was(alice, account):
    test = run(services.settings_of(account), user=alice, account=account, purpose=Purpose.VERIFY, password="no")

    failure(test)
    account.refresh_from_db()
    assert credentials.open_secret(account, purpose="incoming").value == "old-password"
    assert account.state == AccountState.AUTH_FAILED


def test_empty_password_stands_for_the_stored_one(alice, account, imap):
    imap.store.add_user(ADDRESS, "old-password")
    changed = replace(services.settings_of(account), leave_days=3)

    test = run(changed, user=alice, account=account, purpose=Purpose.VERIFY, password="")

    assert test.status == Status.PASSED
    account.refresh_from_db()
    assert account.leave_days == 3


def test_stored_password_does_not_go_to_another_host(alice, account, imap):
    changed = replace(services.settings_of(account), incoming_host="localhost")

    step = failure(run(changed, user=alice, account=account, purpose=Purpose.VERIFY, password=""))

    assert step["advice"] == "Enter the password again."
    assert imap.connection_count == 0


def test_new_sending_server_is_tried_and_stored(alice, account):
    with ExitStack() as stack:
        sink = stack.enter_context(RecordingSmtpSink())
        changed = with_outgoing(services.settings_of(account), sink.port)
        test = run(changed, user=alice, account=account, purpose=Purpose.VERIFY)

    assert test.status == Status.PASSED
    account.refresh_from_db()
    assert account.outgoing_port == changed.outgoing_port


def test_pop3_starttls_protects_the_sign_in(alice, authority):
    config = Pop3Config(ssl_context=server_context(authority.issue()))
    with FakePop3Server(config=config) as server:
        assert run(incoming(server.port, protocol="pop3", security="starttls"), user=alice).status == Status.PASSED
