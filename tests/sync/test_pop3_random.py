"""POP3 under random servers: mail comes, goes, changes names; passes are cut; policies change. From a seed, so that it repeats.

What must hold: every message that lay there at the end of an undisturbed pass is stored exactly once, and whatever our DELE took
from the server had been stored before.
"""

import hashlib
import random
from collections import Counter

import pytest

from accounts.models import LeaveOnServer, MailAccount
from tests.fakes.pop3 import FakePop3Server
from tests.sync.conftest import letter, sync
from webmail.store import blobs, consistency
from webmail.store.models import Email
from webmail.sync import points

pytestmark = pytest.mark.django_db

RULES = {
    "usual": None,
    "by content": lambda message: hashlib.sha256(message.raw).hexdigest()[:20],
    "all the same": lambda message: "same",
    "few names": lambda message: f"name {message.uid % 3}",
    "long": lambda message: "x" * 240 + str(message.uid),
    "odd characters": lambda message: f"{message.uid} \x01\x7f caf\xe9",
    "used again": lambda message: f"u{message.uid % 7}",
}
SERVERS = [set(), {"UIDL"}, {"UIDL", "TOP"}, {"TOP"}, {"PIPELINING"}, {"UIDL", "PIPELINING"}]
MOMENTS = ["pop3.bytes_stored", "pop3.rows_written", "pop3.committed", "pop3.retrieved", "pop3.marked", "pop3.quit"]


class Killed(BaseException):
    """Stands for the end of the process."""


def on_server(server: FakePop3Server) -> Counter[str]:
    with server.store.lock:
        messages = server.store.mailbox(server.user).messages.values()
        return Counter(hashlib.sha256(message.raw).hexdigest() for message in messages)


def here(account: MailAccount) -> Counter[str]:
    return Counter(Email.objects.filter(account=account, blob__isnull=False).values_list("blob__sha256", flat=True))


def disturbed_pass(account: MailAccount, server: FakePop3Server, random_: random.Random) -> None:
    moment = random_.choice(MOMENTS)

    def end_there(name: str) -> None:
        if name == moment:
            raise Killed

    command = random_.choice(["STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "QUIT"])
    trick = random_.randrange(4)
    if trick == 0:
        points.observer = end_there
    elif trick == 1:
        server.faults.cut(command)
    elif trick == 2:
        server.faults.cut_answer(command, after_bytes=random_.randrange(200))
    else:
        server.faults.refuse(command, b"-ERR [SYS/TEMP] later")
    try:
        sync(account)
    except Killed:
        pass
    finally:
        points.observer = None
        server.faults.clear()


@pytest.mark.req("Y86")
@pytest.mark.req("Y87")
@pytest.mark.req("Y88")
@pytest.mark.req("Y90")
@pytest.mark.req("R85")
@pytest.mark.parametrize("seed", range(12))
def test_no_mail_is_lost_or_doubled(connect, monkeypatch, seed):
    monkeypatch.setattr("webmail.sync.maildrop.pop3_plan._BATCH", 3)
    random_ = random.Random(seed)
    with FakePop3Server(without=SERVERS[seed % len(SERVERS)]) as server:
        account = connect(server, leave_on_server=random_.choice(list(LeaveOnServer)))
        gone: Counter[str] = Counter()
        number = 0
        for _ in range(8):
            for _ in range(random_.randrange(5)):
                number += 1
                server.store.append(server.user, "INBOX", letter(number, body="x" * number))
            if random_.random() < 0.3:
                server.unique_id_rule = RULES[random_.choice(list(RULES))]
            MailAccount.objects.filter(pk=account.pk).update(leave_on_server=random_.choice(list(LeaveOnServer)))
            account.refresh_from_db()
            before = on_server(server)
            if random_.random() < 0.6:
                disturbed_pass(account, server, random_)
            sync(account, passes_made=2)
            stored = here(account)
            gone += before - on_server(server)
            assert not set(before) - set(stored), "offered and not stored"
            assert not set(gone) - set(stored), "deleted there and not stored here"
            assert not {sha256 for sha256, count in stored.items() if count > 1}, "stored twice"
        for email in Email.objects.filter(account=account):
            assert blobs.read_blob(email.blob)
        assert consistency.check_account(account.pk) == []
