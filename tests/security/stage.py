"""Rows for the attacks: mailboxes full of hostile messages, put into conversations of PER_PAGE, as the reading pane shows them."""

from __future__ import annotations

from collections.abc import Sequence

from tests.factories import make_item
from webmail.mime.headers import parse_list_headers
from webmail.store import blobs, emails, ingest
from webmail.store.indexing import index_account
from webmail.store.models import Email, EmailMailbox, Mailbox

PER_PAGE = 20  # as many as the pane opens at once


def deliver(mailbox: Mailbox, messages: Sequence[bytes], *, keywords: Sequence[str] = ()) -> list[Email]:
    """All of these in one go, parsed as the worker would."""
    items = [
        make_item(mailbox, headers=parse_list_headers(head_of(raw)), size_bytes=len(raw), keywords=keywords)
        for raw in messages
    ]
    ids = ingest.ingest_emails(mailbox.account_id, items)
    emails.attach_blobs(
        mailbox.account_id, [(pk, blobs.put_blob(raw).pk) for pk, raw in zip(ids, messages, strict=True)]
    )
    index_account(mailbox.account_id)
    found = Email.objects.in_bulk(ids)
    return [found[pk] for pk in ids]


def head_of(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0] + b"\n\n"


def conversations(found: Sequence[Email]) -> list[list[Email]]:
    """The messages in threads of PER_PAGE: their subjects would keep them apart."""
    groups = [list(found[at : at + PER_PAGE]) for at in range(0, len(found), PER_PAGE)]
    for group in groups:
        ids = [email.pk for email in group]
        Email.objects.filter(pk__in=ids).update(thread_id=group[0].thread_id)
        EmailMailbox.objects.filter(email_id__in=ids).update(thread_id=group[0].thread_id)
    return groups
