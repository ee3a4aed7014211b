"""Parsing fetched bytes for preview, attachments and search: hostile input, done by a child of the `cpu` worker (security R42).

A message that kills the process, or never comes to an end, must not be tried for ever nor hold up others. Each try is counted
and committed *before* the bytes are read: a message nobody has stumbled over goes in a batch, one that was in a batch which
came to no end goes alone, and after `MAX_TRIES` it is left as it is, readable as raw message.

After them the search documents that a first listing left for later: an Email whose bytes are parsed has got its own then, and
writing it twice costs three times as much.

Who wants to look at what was parsed, listens to `signals.body_read`.
"""

from __future__ import annotations

import time

import structlog
from django.db.models import F

from webmail import dispatch
from webmail.mime.digest import Digest, read_digest
from webmail.mime.limited.answer import JobFailed, LimitExceeded
from webmail.mime.limited.children import run_limited
from webmail.mime.limits import MAX_MESSAGE_BYTES
from webmail.store import contents, signals
from webmail.store.contents import NotHere
from webmail.store.emails import ParsedBody, store_parsed
from webmail.store.errors import BlobDamaged, BlobMissing
from webmail.store.models import Email
from webmail.store.search import index

log = structlog.get_logger(__name__)

BATCH = 50  # messages of one transaction
DOCUMENTS_BATCH = 1_000  # search documents of one transaction: a tenth of a second
MAX_TRIES = 3  # then the message is left unread by us
SLICE_S = 30.0  # then another worker's turn; the task wakes itself again

UNREADABLE = "This message could not be read here. Its source can be downloaded."
TOO_LARGE = "This message is too large to be taken apart. Its source can be downloaded."
DAMAGED = "The stored copy of this message is damaged."


def index_account(account_id: int) -> None:
    """Parse what is not parsed yet, and make searchable what is not searchable yet. Safe to repeat and to kill anywhere;
    never raises for one bad message."""
    deadline = time.monotonic() + SLICE_S
    while _do_some(account_id):
        if time.monotonic() >= deadline:
            dispatch.wake("index.account", account_id)
            return


def _do_some(account_id: int) -> bool:
    """One transaction's worth of work; whether there was any."""
    batch = _next_batch(account_id)
    if batch:
        _index(account_id, batch)
        return True
    return index.add_missing(account_id, limit=DOCUMENTS_BATCH) > 0


def _next_batch(account_id: int) -> list[Email]:
    """Fresh messages together, newest first; after them one that made trouble before, alone."""
    waiting = (
        Email.objects.filter(account_id=account_id, is_indexed=False)
        .select_related("blob", "text_blob")
        .only("id", "account_id", "body_failures", "has_attachment", "received_at", "blob", "text_blob")
    )
    # Two questions, since each has its own index: whole messages, then those whose text alone is here.
    for some in (waiting.filter(blob__isnull=False), waiting.filter(blob=None, text_blob__isnull=False)):
        if fresh := list(some.filter(body_failures=0).order_by("-id")[:BATCH]):
            return fresh
    for some in (waiting.filter(blob__isnull=False), waiting.filter(blob=None, text_blob__isnull=False)):
        if tried := list(some.order_by("body_failures", "-id")[:1]):
            return tried
    return []


def _index(account_id: int, batch: list[Email]) -> None:
    ids = [email.pk for email in batch]
    Email.objects.filter(pk__in=ids).update(body_failures=F("body_failures") + 1)
    store_parsed(account_id, [item for email in batch if (item := _parse_and_tell(email)) is not None])


def _parse_and_tell(email: Email) -> ParsedBody | None:
    """What is in the message, with whoever listens told of it; None when it raised and shall be tried again alone."""
    if email.body_failures >= MAX_TRIES:
        log.warning("index.given_up", account=email.account_id, email=email.pk)
        return _without_text(email, UNREADABLE)
    found = _parse(email)
    if not isinstance(found, Digest):
        return found
    # Not among the errors of parsing: a database that is busy says nothing about the message.
    signals.body_read.send(sender=Email, email=email, report=found.report)
    return ParsedBody(
        email.pk,
        preview=found.preview,
        search_text=found.search_text,
        has_attachment=found.has_attachment,
        search_marks=found.search_marks,
        file_names=found.file_names,
        written=found.written,
    )


def _parse(email: Email) -> Digest | ParsedBody | None:
    try:
        raw, is_skeleton = contents.read_whole_or_skeleton(email)
        if len(raw) > MAX_MESSAGE_BYTES:
            return _without_text(email, TOO_LARGE)
        return read_digest(run_limited("digest", raw, {"is_skeleton": is_skeleton}))
    except (LimitExceeded, JobFailed) as error:
        log.warning("index.failed", account=email.account_id, email=email.pk, error=str(error))
        return None
    except NotHere:
        return None  # lost, and being fetched again: parsed when it is here
    except (BlobMissing, BlobDamaged) as error:
        log.error("index.blob_lost", account=email.account_id, email=email.pk, error=str(error))
        return _without_text(email, DAMAGED)


def _without_text(email: Email, error: str) -> ParsedBody:
    return ParsedBody(email.pk, preview="", search_text="", has_attachment=email.has_attachment, error=error)
