"""Is this message one we know? (jmap S4, sync Y55 to Y57) Asked before anything is ingested.

1. EMAILID or X-GM-MSGID decides alone.
2. COPYUID and APPENDUID of our own commands are written when the command is answered: nothing to ask here.
3. The fingerprint (INTERNALDATE, size, header block), when exactly one known Email has it that is not in this mailbox
   already. Equal twins in one mailbox stay two Emails.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from webmail.store.ingest import NewEmail, fingerprint_of
from webmail.store.models import Email, Placement
from webmail.store.sql import chunks, select_in


def match_known(account_id: int, items: Sequence[NewEmail]) -> dict[int, int]:
    """The known Email of each item, by the item's index; items that are new are left out. No Email is given twice."""
    if not items:
        return {}
    taken: set[int] = set()
    matched: dict[int, int] = {}
    by_remote_id = _by_remote_id(account_id, items)
    for number, item in enumerate(items):
        email_id = by_remote_id.get(item.remote_email_id) if item.remote_email_id else None
        if email_id is not None and email_id not in taken:
            matched[number] = email_id
            taken.add(email_id)
    _match_fingerprints(account_id, items, matched, taken)
    return matched


def _by_remote_id(account_id: int, items: Sequence[NewEmail]) -> dict[str, int]:
    wanted = {item.remote_email_id for item in items if item.remote_email_id}
    found: dict[str, int] = {}
    for chunk in chunks(wanted):
        rows = Email.objects.filter(account_id=account_id, remote_email_id__in=chunk)
        found.update(rows.values_list("remote_email_id", "id"))
    return found


def _match_fingerprints(account_id: int, items: Sequence[NewEmail], matched: dict[int, int], taken: set[int]) -> None:
    asked = {number: fingerprint_of(item) for number, item in enumerate(items) if number not in matched}
    candidates: dict[int, list[tuple[int, str]]] = defaultdict(list)
    statement = "SELECT fingerprint, id, remote_email_id FROM store_email WHERE account_id = %s AND fingerprint IN %s"
    for fingerprint, email_id, remote_id in select_in(statement, set(asked.values()), account_id):
        candidates[fingerprint].append((email_id, remote_id))
    if not candidates:
        return
    lies_in = _mailboxes_of(email_id for found in candidates.values() for email_id, _ in found)
    for number, fingerprint in asked.items():
        item = items[number]
        free = [
            email_id
            for email_id, remote_id in candidates.get(fingerprint, ())
            if email_id not in taken
            and item.place.mailbox_id not in lies_in[email_id]
            # Two different EMAILIDs are two messages, however alike.
            and not (remote_id and item.remote_email_id)
        ]
        if len(free) == 1:
            matched[number] = free[0]
            taken.add(free[0])


def _mailboxes_of(email_ids: Iterable[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for chunk in chunks(email_ids):
        rows = Placement.objects.filter(email_id__in=chunk, gone_at=None).values_list("email_id", "mailbox_id")
        for email_id, mailbox_id in rows:
            found[email_id].add(mailbox_id)
    return found
