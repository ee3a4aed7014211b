"""The judge for whole sites (reliability section 6): compares what the store says with what the servers really hold.

Ground truth is Dovecot, read with a plain IMAPClient, and the recording SMTP sink. A test that only reads our own rows proves nothing
about loss or duplication.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection
from typing import Any

from imapclient import IMAPClient

from tests.e2e.site import Site
from tests.servers.dovecot import DovecotServer, MailUser

STORED = """
from webmail.store.models import Placement
from webmail.store import consistency
from accounts.models import MailAccount
account = MailAccount.objects.get(address={address!r})
rows = Placement.objects.filter(mailbox__account=account, email__isnull=False).select_related("email__blob", "mailbox")
result = {{
    "rows": [
        [row.mailbox.remote_name, row.uid, "$seen" in row.keywords.split(), row.email.blob.sha256 if row.email.blob else ""]
        for row in rows
    ],
    "faults": consistency.check_account(account.pk),
    "emails": account.mailboxes.filter(role="inbox").values_list("total_emails", flat=True)[0],
}}
"""

SUBMITTED = """
from webmail.outbox.models import Submission
result = [[row.subject, row.phase] for row in Submission.objects.filter(account__address={address!r})]
"""


def stored(site: Site, address: str) -> dict[str, Any]:
    """What the store holds of an account."""
    found: dict[str, Any] = site.run_python(STORED.format(address=address))
    return found


def on_server(dovecot: DovecotServer, user: MailUser, mailbox: str = "INBOX") -> set[tuple[str, int, bool, str]]:
    """(mailbox, uid, seen, sha256 of the bytes) of every message, read by a client that shares no code with ours."""
    with IMAPClient("127.0.0.1", dovecot.imap_port, ssl=False) as client:
        client.login(user.name, user.password)
        client.select_folder(mailbox, readonly=True)
        fetched = client.fetch("1:*", ["FLAGS", "BODY.PEEK[]"])
    return {
        (mailbox, uid, b"\\Seen" in data[b"FLAGS"], hashlib.sha256(data[b"BODY[]"]).hexdigest())
        for uid, data in fetched.items()
    }


def judge_sync(site: Site, dovecot: DovecotServer, user: MailUser) -> None:
    """I5: the local set is the server's, message for message, and the store is consistent."""
    local = stored(site, user.address)
    assert local["faults"] == []
    inbox = {tuple(row) for row in local["rows"] if row[0] == "INBOX"}
    assert len(inbox) == len([row for row in local["rows"] if row[0] == "INBOX"]), "a message is stored twice"
    assert inbox == on_server(dovecot, user)


def judge_sends(
    *, acknowledged: Collection[str], received: Counter[str], sent: Counter[str], phases: dict[str, str]
) -> None:
    """I1 no loss, I2 no double, I3 one Sent copy, I4 no phantom. Keys are the tokens in the subjects."""
    doubled = {token: count for token, count in received.items() if count > 1}
    assert not doubled, f"I2: sent twice: {doubled}"
    open_phases = {"queued", "retry", "held", "unconfirmed", "failed"}
    lost = [token for token in acknowledged if not received[token] and phases.get(token) not in open_phases]
    assert not lost, f"I1: lost: {lost}"
    assert not [token for token, count in sent.items() if count > 1], f"I3: two copies in Sent: {sent}"
    missing = [token for token in received if phases.get(token) == "done" and sent[token] != 1]
    assert not missing, f"I3: no copy in Sent: {missing}"
    phantoms = set(received) - set(acknowledged)
    assert not phantoms, f"I4: never asked for: {phantoms}"
