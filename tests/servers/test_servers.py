"""The private servers of the suite are what the other tests believe them to be."""

import email
import imaplib
import poplib
import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from tests.servers.certificates import CertificateAuthority
from tests.servers.dovecot import SPECIAL_USE, DovecotServer, MailUser
from tests.servers.ports import free_port
from tests.servers.postfix import PostfixServer
from tests.servers.postgres import PostgresServer
from tests.servers.process import accepts_connections, wait_until
from tests.servers.redis import RedisServer

StartServer = Callable[[Callable[[], DovecotServer]], DovecotServer]

pytestmark = pytest.mark.live

HELLO = b"From: a@pillarbox.test\r\nSubject: hello\r\n\r\nHello there.\r\n"


def trusting(server: DovecotServer | PostfixServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.ca_file))


@contextmanager
def submission(postfix: PostfixServer, user: MailUser) -> Iterator[smtplib.SMTP]:
    client = smtplib.SMTP("localhost", postfix.port, timeout=20, local_hostname="localhost")
    client.starttls(context=trusting(postfix))
    client.login(user.address, user.password)
    with client:
        yield client


def inbox_of(dovecot: DovecotServer, user: MailUser) -> list[bytes]:
    with imaplib.IMAP4_SSL("localhost", dovecot.imaps_port, ssl_context=trusting(dovecot)) as client:
        client.login(user.name, user.password)
        client.select("INBOX", readonly=True)
        parts = client.fetch("1:*", "(BODY.PEEK[])")[1]
        return [part[1] for part in parts if isinstance(part, tuple)]


def test_dovecot_serves_imap_with_starttls_and_a_checked_certificate(
    dovecot: DovecotServer, mail_user: MailUser
) -> None:
    dovecot.deliver(mail_user.name, HELLO)
    with imaplib.IMAP4("localhost", dovecot.imap_port) as client:
        client.starttls(trusting(dovecot))
        client.login(mail_user.name, mail_user.password)
        assert client.select("INBOX")[1] == [b"1"]


def test_dovecot_serves_imap_over_tls_and_has_the_special_use_mailboxes(
    dovecot: DovecotServer, mail_user: MailUser
) -> None:
    with imaplib.IMAP4_SSL("localhost", dovecot.imaps_port, ssl_context=trusting(dovecot)) as client:
        client.login(mail_user.address, mail_user.password)
        lines = b"\n".join(line for line in client.list()[1] if isinstance(line, bytes)).decode()
    assert [name for name in SPECIAL_USE if f"\\{name}) " in lines] == list(SPECIAL_USE)


def test_dovecot_refuses_a_wrong_password_and_takes_a_changed_one_at_once(
    dovecot: DovecotServer, mail_user: MailUser
) -> None:
    changed = dovecot.add_user(mail_user.name)
    with imaplib.IMAP4("localhost", dovecot.imap_port) as client:
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            client.login(mail_user.name, mail_user.password)
        assert client.login(mail_user.name, changed)[0] == "OK"


def test_dovecot_serves_pop3_plain_with_stls_and_over_tls(dovecot: DovecotServer, mail_user: MailUser) -> None:
    dovecot.deliver(mail_user.name, HELLO)
    plain = poplib.POP3("localhost", dovecot.pop3_port)
    upgraded = poplib.POP3("localhost", dovecot.pop3_port)
    upgraded.stls(trusting(dovecot))
    encrypted = poplib.POP3_SSL("localhost", dovecot.pop3s_port, context=trusting(dovecot))
    for client in (plain, upgraded, encrypted):
        client.user(mail_user.name)
        client.pass_(mail_user.password)
        assert client.stat()[0] == 1
        client.quit()


def test_a_client_that_does_not_know_the_authority_refuses_the_certificate(dovecot: DovecotServer) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        imaplib.IMAP4_SSL("localhost", dovecot.imaps_port, ssl_context=ssl.create_default_context())


def test_dovecot_delivers_into_any_mailbox_and_answers_doveadm(dovecot: DovecotServer, mail_user: MailUser) -> None:
    dovecot.deliver(mail_user.name, HELLO, mailbox="Archive")
    status = dovecot.doveadm("mailbox", "status", "-u", mail_user.name, "messages", "Archive")
    assert status.strip() == "Archive messages=1"


def test_dovecot_comes_back_on_the_same_ports_with_the_same_mail(mail_user: MailUser, dovecot: DovecotServer) -> None:
    dovecot.deliver(mail_user.name, HELLO)
    dovecot.stop()
    assert not accepts_connections(dovecot.imap_port)
    dovecot.start()
    assert inbox_of(dovecot, mail_user) == [HELLO]


def test_dovecot_hides_capabilities_on_request(start_server: StartServer) -> None:
    server = start_server(lambda: DovecotServer(imap_capability="IMAP4rev1 LITERAL+ IDLE"))
    user = server.new_user()
    with imaplib.IMAP4("localhost", server.imap_port) as client:
        client.login(user.name, user.password)
        assert client.capability()[1][-1] == b"IMAP4rev1 LITERAL+ IDLE"


def test_mail_submitted_to_postfix_arrives_in_dovecot(
    dovecot: DovecotServer, postfix: PostfixServer, mail_user: MailUser
) -> None:
    recipient = dovecot.new_user()
    with submission(postfix, mail_user) as client:
        client.sendmail(mail_user.address, [recipient.address], HELLO)
    new = dovecot.maildir(recipient.name) / "new"
    wait_until(lambda: any(new.iterdir()), what="the message to arrive")
    (raw,) = inbox_of(dovecot, recipient)
    message = email.message_from_string(raw.decode())
    assert (message["Subject"], message["Return-Path"]) == ("hello", f"<{mail_user.address}>")


def test_postfix_wants_tls_before_a_login_and_a_login_before_mail(postfix: PostfixServer, mail_user: MailUser) -> None:
    with smtplib.SMTP("localhost", postfix.port, timeout=20, local_hostname="localhost") as client:
        client.ehlo()
        assert not client.has_extn("auth")
        client.mail("a@pillarbox.test")
        code, answer = client.rcpt(mail_user.address)
    assert code == 554, answer


def test_postfix_refuses_unknown_recipients_and_other_domains(postfix: PostfixServer, mail_user: MailUser) -> None:
    with submission(postfix, mail_user) as client:
        client.mail(mail_user.address)
        unknown = client.rcpt("no-such-user@pillarbox.test")
        outside = client.rcpt("someone@example.org")
        known = client.rcpt(mail_user.address)
    assert (unknown[0], unknown[1][:5]) == (550, b"5.1.1")
    assert (outside[0], outside[1][:5]) == (550, b"5.7.1")
    assert known[0] == 250


def test_postfix_follows_a_changed_size_limit(postfix: PostfixServer, mail_user: MailUser) -> None:
    before = int(postfix.parameter("message_size_limit"))
    postfix.configure(message_size_limit=2_000)
    try:
        with submission(postfix, mail_user) as client, pytest.raises(smtplib.SMTPSenderRefused) as refusal:
            client.sendmail(mail_user.address, [mail_user.address], HELLO + b"x" * 3_000)
    finally:
        postfix.configure(message_size_limit=before)
    assert refusal.value.smtp_code == 552


def test_postfix_takes_a_login_over_implicit_tls(postfix: PostfixServer, mail_user: MailUser) -> None:
    with smtplib.SMTP_SSL(
        "localhost", postfix.tls_port, context=trusting(postfix), timeout=20, local_hostname="localhost"
    ) as client:
        assert client.login(mail_user.name, mail_user.password)[0] == 235


def test_redis_answers_on_port_and_socket_and_forgets_after_a_crash(redis_server: RedisServer) -> None:
    redis.Redis.from_url(redis_server.url).set("key", "value")
    by_socket = redis.Redis(unix_socket_path=str(redis_server.socket_path))
    assert by_socket.get("key") == b"value"
    redis_server.kill()
    assert not accepts_connections(redis_server.port)
    redis_server.start()
    assert redis.Redis.from_url(redis_server.url).get("key") is None


def test_a_paused_redis_keeps_connections_open_and_says_nothing(redis_server: RedisServer) -> None:
    client = redis.Redis.from_url(redis_server.url, socket_timeout=0.2)
    assert client.ping()
    redis_server.pause()
    try:
        with pytest.raises(redis.TimeoutError):
            client.ping()
    finally:
        redis_server.resume()
    assert redis.Redis.from_url(redis_server.url).ping()


def test_postgres_answers_and_keeps_its_data_over_a_restart(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE kept (value int)")
    postgres.stop()
    postgres.start()
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_free_ports_are_never_given_twice() -> None:
    ports = [free_port() for _ in range(20)]
    assert len(set(ports)) == len(ports)


def test_an_issued_certificate_names_its_host(tmp_path: Path) -> None:
    issued = CertificateAuthority(tmp_path).issue("mail.example.org", is_expired=True)
    assert re.match(r"mail\.example\.org-[0-9a-f]+\.pem", issued.cert_file.name)
    assert issued.key_file.stat().st_mode & 0o077 == 0
