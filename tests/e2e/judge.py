"""What the judge needs of a whole site (reliability section 6): its rows, and what Dovecot really holds, read with a plain IMAPClient.

I5 is judged here. Sends are judged by `tests.faults.judge`, as in every fault test.
"""

from __future__ import annotations

import hashlib
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
