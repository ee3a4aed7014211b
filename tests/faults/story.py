"""What the rows and Dovecot say of the messages that a fault is about: to find the cause of a failed random run by."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

from tests.faults.sync_stage import SyncStage, digest
from webmail.journal.models import Action, ActionEmail
from webmail.mime.headers import parse_list_headers
from webmail.store import blobs
from webmail.store.models import Email, EmailKeyword, EmailMailbox, Mailbox, Placement

_MAILBOX = ("id", "remote_name", "role", "missing_since", "trouble", "parked_until", "backfill_uid", "uidvalidity",
            "uidnext", "highestmodseq", "delta_modseq", "remote_total", "total_emails")  # fmt: skip
_PLACE = ("id", "mailbox", "uidvalidity", "uid", "modseq", "keywords", "is_deleted", "gone_at")
_ACT = ("action", "action__kind", "action__status", "action__error", "action__attempts", "action__created_at",
        "action__done_at", "action__mailbox", "source", "is_done", "changed")  # fmt: skip


def tell(stage: SyncStage, faults: Collection[str]) -> Iterator[str]:
    """Lines for people: every mailbox, open acts, and each message of the faults on both sides."""
    yield from faults
    for box in Mailbox.objects.filter(account=stage.account).values(*_MAILBOX):
        yield f"mailbox {box}"
    for act in Action.objects.filter(account=stage.account, status__in=Action.OPEN).values():
        yield f"open {act}"
    text = str(faults)
    there = stage.dovecot.doveadm("-f", "json", "fetch", "-u", stage.person.name, "mailbox uid flags text", "all")
    subjects = set()
    for row in json.loads(there):
        raw = row["text"].encode()
        subject = parse_list_headers(raw.replace(b"\n", b"\r\n")).subject
        if digest(raw) in text or subject in text:
            subjects.add(subject)
            yield f"there {row['mailbox']} {row['uid']} {row['flags']} {subject} {digest(raw)[:8]}"
    for email in Email.objects.filter(account=stage.account).select_related("blob"):
        sha256 = digest(blobs.read_blob(email.blob)) if email.blob is not None else "no bytes"
        if email.subject in subjects or sha256 in text or email.subject in text:
            yield f"here {email.pk} {email.subject} {sha256[:8]} orphaned {email.orphaned_at} {email.body_error}"
            yield from (f"  place {row}" for row in Placement.objects.filter(email=email).values(*_PLACE))
            yield from (f"  act {row}" for row in ActionEmail.objects.filter(email=email).values(*_ACT))
            yield f"  in {list(EmailMailbox.objects.filter(email=email).values_list('mailbox', flat=True))}"
            words = EmailKeyword.objects.filter(email=email).values_list("keyword", "is_local_only")
            yield f"  keywords {list(words)}"
