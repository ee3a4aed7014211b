"""An account at a real Dovecot for the tests that kill its worker: what Dovecot holds, what we hold, and time passing."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections import defaultdict
from dataclasses import dataclass

from django.utils import timezone

from accounts.models import AccountState, MailAccount
from tests.factories import make_account, make_user
from tests.servers.dovecot import DovecotServer, MailUser
from tests.sync.conftest import letter
from tests.sync_servers.foreign import keywords_of
from webmail.journal.models import Action
from webmail.store import blobs, consistency
from webmail.store.models import EmailKeyword, Lease, Mailbox, Placement

# Mailbox, UID, keywords, SHA-256 of the bytes with bare line feeds: Dovecot keeps them so.
Row = tuple[str, int, frozenset[str], str]


def seeded() -> random.Random:
    """The dice of a test; PILLARBOX_FAULT_SEED repeats a run, as far as processes can be repeated."""
    seed = int(os.environ.get("PILLARBOX_FAULT_SEED") or random.randrange(2**32))
    print(f"PILLARBOX_FAULT_SEED={seed}")
    return random.Random(seed)


def digest(raw: bytes) -> str:
    return hashlib.sha256(raw.replace(b"\r\n", b"\n")).hexdigest()


@dataclass
class SyncStage:
    """One person's account and the Dovecot it is at."""

    dovecot: DovecotServer
    person: MailUser
    account: MailAccount

    def doveadm(self, command: str, *arguments: str, stdin: bytes = b"") -> str:
        """doveadm for this person; a `/` in the command divides its words."""
        return self.dovecot.doveadm(*command.split("/"), "-u", self.person.name, *arguments, stdin=stdin)

    def put(self, number: int, mailbox: str = "INBOX") -> None:
        self.doveadm("save", "-m", mailbox, stdin=letter(number))

    def remote(self) -> set[Row]:
        """What the server holds, as doveadm says."""
        text = self.dovecot.doveadm(*("-f", "json", "fetch", "-u", self.person.name, "mailbox uid flags text", "all"))
        return {
            (row["mailbox"], int(row["uid"]), keywords_of(row["flags"]), digest(row["text"].encode()))
            for row in json.loads(text)
        }

    def local(self) -> set[Row]:
        """What we hold, by what people see: keywords of the Email; bytes read from the store and checked there."""
        return stored(self.account)

    def time_passes(self) -> None:
        """As if every lease of a dead worker had ended, and every wait were over."""
        now = timezone.now()
        Lease.objects.update(owner="", expires_at=now)
        Action.objects.filter(account=self.account, status__in=Action.OPEN).update(next_try_at=now)
        Mailbox.objects.filter(account=self.account).update(parked_until=None, uidvalidity_changes=[])
        MailAccount.objects.filter(pk=self.account.pk).update(next_sync_at=now, failures=0)

    def faults(self) -> list[str]:
        """Everything that is wrong after the last pass; empty when all is well."""
        self.account.refresh_from_db()
        found = [str(item) for item in consistency.check_account(self.account.pk)]
        if self.account.state != AccountState.OK:
            found.append(f"account is {self.account.state}: {self.account.state_reason}")
        remote, local = self.remote(), self.local()
        found += [f"not here: {row}" for row in sorted(remote - local, key=str)]
        found += [f"only here: {row}" for row in sorted(local - remote, key=str)]
        return found


def stored(account: MailAccount) -> set[Row]:
    """What we hold of the server. An Email at several places has one set of keywords and the server one for each copy: there
    the places are compared, and the Email with what all of them agree on."""
    found = set()
    placed: dict[int, list[Placement]] = defaultdict(list)
    for row in Placement.objects.filter(mailbox__account=account).select_related("mailbox", "email__blob"):
        placed[row.email_id or 0].append(row)
    for rows in placed.values():
        email = rows[0].email
        assert email is not None
        words = EmailKeyword.objects.filter(email=email, is_local_only=False)
        own = frozenset(words.values_list("keyword", flat=True))
        sha256 = digest(blobs.read_blob(email.blob)) if email.blob is not None else "no bytes"
        told = [frozenset(row.keywords.split()) for row in rows]
        everywhere, anywhere = frozenset.intersection(*told), frozenset.union(*told)
        for row, keywords in zip(rows, told, strict=True):
            if not everywhere <= own <= anywhere or len(rows) == 1:
                keywords = own
            found.add((row.mailbox.remote_name, row.uid or 0, keywords, sha256))
    return found


def make_stage(dovecot: DovecotServer, *, port: int = 0) -> SyncStage:
    """A new person at Dovecot, reached through `port` when one is given."""
    person = dovecot.new_user()
    return SyncStage(dovecot, person, connect(dovecot, person, port=port))


def connect(dovecot: DovecotServer, person: MailUser, *, port: int = 0) -> MailAccount:
    """An account of this person."""
    return make_account(
        make_user(f"owner{random.getrandbits(40):x}"),
        address=person.address,
        incoming_port=port or dovecot.imap_port,
        incoming_username=person.name,
        password=person.password,
    )
