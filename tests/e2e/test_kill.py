"""kill -9 of the worker at random moments, during the first sync and during sends; Redis stopped and started."""

from __future__ import annotations

import json
import os
import random
import time
import urllib.request
import uuid
from collections.abc import Callable

import pytest

from tests.e2e import judge
from tests.e2e.site import PASSWORD, Site
from tests.fakes.smtp import RecordingSmtpSink
from tests.faults.judge import Evidence
from tests.faults.judge import judge as verdict
from tests.faults.tokens import count_tokens, new_token
from tests.servers.dovecot import DovecotServer, MailUser
from tests.servers.process import wait_until
from tests.servers.redis import RedisServer

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(300)]

MESSAGES = 1_200
SENDS = 24


@pytest.fixture
def seed() -> int:
    """Printed, so that a run can be repeated: PILLARBOX_SEED=… pytest …"""
    value = int(os.environ.get("PILLARBOX_SEED", random.SystemRandom().randrange(10**6)))
    print(f"seed {value}")
    return value


def connect(site: Site, dovecot: DovecotServer, user: MailUser, *, outgoing: str = "") -> str:
    """A person with this mailbox connected; returns their sign-in address."""
    email = f"{user.name}@people.test"
    site.add_user(email)
    arguments = ["--address", user.address, "--incoming", f"imap://{user.name}@127.0.0.1:{dovecot.imap_port}"]
    if outgoing:
        arguments += ["--outgoing", outgoing]
    site.manage("connect", email, *arguments, "--no-test", "--password-stdin", stdin=user.password)
    return email


def is_complete(site: Site, address: str, count: int) -> Callable[[], bool]:
    """Whether everything is listed and has its bytes."""

    def check() -> bool:
        rows = [row for row in judge.stored(site, address)["rows"] if row[0] == "INBOX"]
        return len(rows) == count and all(row[3] for row in rows)

    return check


@pytest.mark.req("R79")
@pytest.mark.fault("F1")
def test_killing_the_worker_during_the_first_sync_loses_and_doubles_nothing(
    site: Site, dovecot: DovecotServer, mail_user: MailUser, seed: int
) -> None:
    """R79 F1 I5"""
    dovecot.fill(mail_user.name, MESSAGES)
    connect(site, dovecot, mail_user)
    chance = random.Random(seed)
    for _ in range(6):
        time.sleep(chance.uniform(0.3, 2.0))  # the moment of the crash is the point of the test
        site.kill("net")
        site.start_process("net")
    wait_until(is_complete(site, mail_user.address, MESSAGES), what="the first sync", timeout_s=150)
    judge.judge_sync(site, dovecot, mail_user)


@pytest.mark.req("R65")
@pytest.mark.fault("F1")
def test_killing_the_worker_during_sends_loses_and_doubles_nothing(
    site: Site, dovecot: DovecotServer, mail_user: MailUser, seed: int
) -> None:
    """R65 F1 I1 I2 I3 I4 I8"""
    chance = random.Random(seed)
    with RecordingSmtpSink() as sink:
        sink.delay("DOT", 0.15, times=None)
        email = connect(site, dovecot, mail_user, outgoing=f"smtp://127.0.0.1:{sink.port}")
        token = site.token(email)
        account = site.api("GET", "/accounts", token=token)["accounts"][0]["id"]
        acknowledged = []
        for number in range(SENDS):
            subject = new_token()
            site.api(
                "POST",
                f"/accounts/{account}/submissions",
                token=token,
                body={"message": {"to": "bob@example.org", "subject": subject, "text": "Hello."}},
                **{"Idempotency-Key": subject},
            )
            acknowledged.append(subject)
            if number % 4 == 3:
                time.sleep(chance.uniform(0.05, 0.9))  # see above
                site.kill("net")
                site.start_process("net")

        def phases() -> dict[str, str]:
            return dict(site.run_python(judge.SUBMITTED.format(address=mail_user.address)))

        settled = {"done", "unconfirmed", "failed"}
        wait_until(lambda: set(phases().values()) <= settled, what="every send to settle", timeout_s=200)
        received = count_tokens(message.content for message in sink.messages)
    subjects = dovecot.doveadm("fetch", "-u", mail_user.name, "hdr.subject", "mailbox", "Sent", "all")
    sent = count_tokens(line.encode() for line in subjects.splitlines())
    evidence = Evidence(acknowledged=acknowledged, received=received, sent_copies=sent, rows=phases())
    assert verdict(evidence) == []


def subject_of(raw: bytes) -> str:
    """The token in the Subject field."""
    return next(line[9:].strip().decode() for line in raw.splitlines() if line.lower().startswith(b"subject: "))


@pytest.mark.req("R87")
@pytest.mark.fault("F5")
def test_while_redis_is_away_pages_read_and_a_send_leaves_after_its_return(
    site: Site, doorbell: RedisServer, dovecot: DovecotServer, mail_user: MailUser
) -> None:
    """R87 F5 I1 I2 I8"""
    with RecordingSmtpSink() as sink:
        email = connect(site, dovecot, mail_user, outgoing=f"smtp://127.0.0.1:{sink.port}")
        token = site.token(email)
        account = site.api("GET", "/accounts", token=token)["accounts"][0]["id"]
        doorbell.stop()
        try:
            begin = time.monotonic()
            assert site.api("GET", f"/accounts/{account}/mailboxes", token=token)["mailboxes"] is not None
            with urllib.request.urlopen(f"{site.url}/accounts/login/", timeout=10) as answer:
                assert answer.status == 200
            body = {"message": {"to": "bob@example.org", "subject": "while-away", "text": "Hello."}}
            made = site.api(
                "POST", f"/accounts/{account}/submissions", token=token, body=body, **{"Idempotency-Key": "away"}
            )
            assert made["phase"] in {"queued", "held"}
            assert time.monotonic() - begin < 30  # not a speed test: none of it may hang
        finally:
            doorbell.start()
        sink.wait_for_messages(1, timeout_s=60)
        assert [subject_of(message.content) for message in sink.messages] == ["while-away"]


def test_passwords_are_in_no_log_and_no_row(site: Site, dovecot: DovecotServer) -> None:
    """R49 I6"""
    user = dovecot.new_user()
    marker = f"S3CR3T-{uuid.uuid4().hex}"
    dovecot.add_user(user.name, marker)
    email = f"{user.name}@people.test"
    site.add_user(email)
    incoming = f"imap+starttls://{user.name}@localhost:{dovecot.imap_port}"
    site.manage("connect", email, "--address", user.address, "--incoming", incoming, "--password-stdin", stdin=marker)
    site.manage("sync", user.address, "--wait")
    held = [path for path in site.directory.rglob("*") if path.is_file() and marker.encode() in path.read_bytes()]
    assert held == []
    assert PASSWORD.encode() not in b"".join(path.read_bytes() for path in site.directory.glob("*.log"))
    assert marker not in json.dumps(
        site.run_python(
            "from accounts.models import AuditEvent\nresult = list(AuditEvent.objects.values_list('detail', flat=True))"
        )
    )
