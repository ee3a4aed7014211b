"""Passes over real Dovecot: the same tests with QRESYNC, with CONDSTORE alone, and with neither. Dovecot itself is the judge."""

from __future__ import annotations

import re

import pytest

from accounts.models import AccountState, MailAccount
from tests.factories import make_account, make_user
from tests.servers.dovecot import DovecotServer, MailUser
from tests.sync.conftest import ids_in, letter, sync
from webmail.store import consistency
from webmail.store.models import Email, EmailKeyword, Mailbox, Placement

pytestmark = [pytest.mark.django_db, pytest.mark.live]

# Dovecot 2.3 without the extensions that this variant lacks; absence itself is tested at the fake.
_BASE = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE NAMESPACE LITERAL+ UIDPLUS MOVE UNSELECT CHILDREN SPECIAL-USE"
VARIANTS = {
    "qresync": "",
    "condstore": f"{_BASE} LIST-EXTENDED LIST-STATUS ESEARCH CONDSTORE",
    "plain": _BASE,
}


@pytest.fixture(scope="module", params=list(VARIANTS))
def judge(request: pytest.FixtureRequest, session_servers):
    """A Dovecot that offers what the variant says."""
    from tests.conftest import _started

    if not VARIANTS[request.param]:
        return request.getfixturevalue("dovecot")
    return _started(lambda: DovecotServer(imap_capability=VARIANTS[request.param]), session_servers)


@pytest.fixture
def person(judge: DovecotServer) -> MailUser:
    return judge.new_user()


@pytest.fixture
def account(judge: DovecotServer, person: MailUser) -> MailAccount:
    return make_account(
        make_user(), incoming_port=judge.imap_port, incoming_username=person.name, password=person.password
    )


def fill(judge: DovecotServer, person: MailUser, *numbers: int, mailbox: str = "INBOX") -> None:
    for number in numbers:
        judge.deliver(person.name, letter(number), mailbox=mailbox)


def flags(judge: DovecotServer, person: MailUser, verb: str, flag: str, query: str, mailbox: str = "INBOX") -> None:
    judge.doveadm("flags", verb, "-u", person.name, flag, "mailbox", mailbox, "uid", query)


def dovecot_state(judge: DovecotServer, person: MailUser, mailbox: str) -> dict[int, set[str]]:
    """UID to flags, as doveadm tells."""
    text = judge.doveadm("-f", "tab", "fetch", "-u", person.name, "uid flags", "mailbox", mailbox)
    rows = [line.split("\t") for line in text.splitlines()[1:]]
    return {int(uid): {word.lower().replace("\\", "$") for word in words.split()} - {"$recent"} for uid, words in rows}


def our_state(account: MailAccount, mailbox: str) -> dict[int, set[str]]:
    rows = Placement.objects.filter(mailbox__account=account, mailbox__remote_name=mailbox)
    return {
        row.uid or 0: set(EmailKeyword.objects.filter(email=row.email_id).values_list("keyword", flat=True))
        for row in rows
    }


def assert_in_step(judge: DovecotServer, person: MailUser, account: MailAccount) -> None:
    for name in Mailbox.objects.filter(account=account).values_list("remote_name", flat=True):
        assert our_state(account, name) == dovecot_state(judge, person, name), name
    assert not Email.objects.filter(account=account, blob=None, orphaned_at=None).exists()
    assert consistency.check_account(account.pk) == []


@pytest.mark.req("Y95")
def test_first_pass_then_changes_of_every_kind(judge, person, account):
    fill(judge, person, *range(1, 41))
    sync(account)
    assert account.state == AccountState.OK, account.state_reason
    assert_in_step(judge, person, account)
    before = ids_in(Mailbox.objects.get(account=account, role="inbox"))

    fill(judge, person, 50, 51)
    flags(judge, person, "add", "\\Seen", "3:7")
    flags(judge, person, "add", "work", "4")
    judge.doveadm("expunge", "-u", person.name, "mailbox", "INBOX", "uid", "9")
    judge.doveadm("move", "-u", person.name, "Archive", "mailbox", "INBOX", "uid", "11:12")
    sync(account)

    assert_in_step(judge, person, account)
    archive = Mailbox.objects.get(account=account, role="archive")
    assert set(ids_in(archive).values()) <= set(before.values())
    assert len(ids_in(archive)) == 2


@pytest.mark.req("Y51")
@pytest.mark.req("R80")
def test_rebuilt_mailbox_keeps_ids_and_bytes(judge, person, account):
    fill(judge, person, *range(1, 13))
    sync(account)
    inbox = Mailbox.objects.get(account=account, role="inbox")
    before = ids_in(inbox)
    blobs = set(Email.objects.values_list("public_id", "blob_id"))

    validity = int(
        re.findall(r"\d+", judge.doveadm("mailbox", "status", "-u", person.name, "uidvalidity", "INBOX"))[-1]
    )
    judge.doveadm("mailbox", "update", "-u", person.name, "--uid-validity", str(validity + 1000), "INBOX")
    sync(account, passes_made=2)

    inbox.refresh_from_db()
    assert inbox.uidvalidity == validity + 1000
    assert ids_in(inbox) == before
    assert set(Email.objects.values_list("public_id", "blob_id")) == blobs
    assert_in_step(judge, person, account)


@pytest.mark.req("Y23")
@pytest.mark.req("Y24")
def test_mailbox_renamed_elsewhere(judge, person, account):
    judge.doveadm("mailbox", "create", "-u", person.name, "Harbour", "Harbour/Walls")
    fill(judge, person, *range(1, 8), mailbox="Harbour/Walls")
    sync(account)
    before = Mailbox.objects.get(account=account, name="Walls")
    mail = ids_in(before)

    judge.doveadm("mailbox", "rename", "-u", person.name, "Harbour/Walls", "Harbour/Stones")
    sync(account)

    assert account.state == AccountState.OK, account.state_reason
    after = Mailbox.objects.get(account=account, name="Stones")
    assert after.pk == before.pk
    assert ids_in(after) == mail
    assert_in_step(judge, person, account)


@pytest.mark.req("Y85")
@pytest.mark.req("Y90")
def test_pop3_account(dovecot):
    person = dovecot.new_user()
    fill(dovecot, person, *range(1, 8))
    account = make_account(
        make_user(),
        protocol="pop3",
        incoming_port=dovecot.pop3_port,
        incoming_username=person.name,
        password=person.password,
        leave_on_server="at_once",
    )

    sync(account)

    assert account.state == AccountState.OK, account.state_reason
    assert Email.objects.filter(account=account, blob__isnull=False).count() == 7
    assert dovecot_state(dovecot, person, "INBOX") == {}
    assert consistency.check_account(account.pk) == []
