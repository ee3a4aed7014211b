"""The invariants of the store, checked over the rows. Runs after every sync test and as `manage.py check_store`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db import connection
from django.db.models import Count, F, Q

from webmail.store import blobs, counters, newest
from webmail.store.errors import StoreError
from webmail.store.models import (
    Blob,
    BlobLink,
    Email,
    EmailKeyword,
    EmailMailbox,
    Mailbox,
    Placement,
    SearchDocument,
    Thread,
    TypeState,
)

Check = Callable[[int], Iterator[str]]


def check_account(account_id: int) -> list[str]:
    """Everything that is wrong with an account's rows, in plain words; empty when all is well."""
    return [fault for check in _CHECKS for fault in check(account_id)]


def check_blobs() -> Iterator[str]:
    """Reads every blob and compares its hash. Slow: the whole store is read."""
    for blob in Blob.objects.order_by("pack", "offset").iterator():
        try:
            blobs.read_blob(blob)
        except StoreError as error:
            yield str(error)


def _counters(account_id: int) -> Iterator[str]:
    """Stored counters are what the rows give."""
    mailboxes = {mailbox.pk: mailbox for mailbox in Mailbox.objects.filter(account_id=account_id)}
    for mailbox_id, figures in counters.recount(mailboxes).items():
        mailbox = mailboxes[mailbox_id]
        for field, value in figures.items():
            if getattr(mailbox, field) != value:
                yield f"mailbox {mailbox}: {field} is {getattr(mailbox, field)}, the rows give {value}"


def _unread(account_id: int) -> Iterator[str]:
    """is_unread is true exactly when neither $seen nor $draft is there."""
    silent = EmailKeyword.objects.filter(keyword__in=("$seen", "$draft"), email__account_id=account_id)
    emails = Email.objects.filter(account_id=account_id)
    wrong = emails.filter(is_unread=True, pk__in=silent.values("email_id")) | emails.filter(is_unread=False).exclude(
        pk__in=silent.values("email_id")
    )
    for public_id in wrong.values_list("public_id", flat=True)[:20]:
        yield f"email {public_id}: is_unread does not fit its keywords"


def _memberships(account_id: int) -> Iterator[str]:
    """A membership repeats thread and date of its Email, and stays within the account."""
    wrong = EmailMailbox.objects.filter(mailbox__account_id=account_id).exclude(
        thread_id=F("email__thread_id"), received_at=F("email__received_at"), email__account_id=account_id
    )
    for row in wrong[:20]:
        yield f"membership {row}: thread, date or account differ from the Email's"


def _threads(account_id: int) -> Iterator[str]:
    """A thread has at least one Email, all of its own account."""
    empty = Thread.objects.filter(account_id=account_id).annotate(count=Count("emails")).filter(count=0)
    for public_id in empty.values_list("public_id", flat=True)[:20]:
        yield f"thread {public_id} is empty"
    foreign = Email.objects.filter(account_id=account_id).exclude(thread__account_id=account_id)
    for public_id in foreign.values_list("public_id", flat=True)[:20]:
        yield f"email {public_id} is in a thread of another account"


def _places(account_id: int) -> Iterator[str]:
    """An Email without placement and membership is an orphan in waiting or held by a journal entry; a placement that is
    alive in a visible mailbox belongs to the account."""
    foreign = Placement.objects.filter(mailbox__account_id=account_id, email__isnull=False).exclude(
        email__account_id=account_id
    )
    for row in foreign[:20]:
        yield f"placement {row} belongs to an Email of another account"
    half = Placement.objects.filter(mailbox__account_id=account_id).filter(
        Q(uid__isnull=False, uidvalidity=None) | Q(uid=None, uidl="")
    )
    for row in half[:20]:
        yield f"placement {row} has neither UID nor UIDL"


def _newest(account_id: int) -> Iterator[str]:
    """Which Emails stand for their conversations, and which are in lists over everything, is what the memberships give."""
    threads = Thread.objects.filter(account_id=account_id).values_list("pk", flat=True)
    for rows in newest.members_of(threads):
        places, flags = newest.faults(rows)
        for _is_newest, email_id, mailbox_id in places:
            yield f"email {email_id} in mailbox {mailbox_id}: is_newest does not fit the rows"
        for email_id in flags:
            yield f"email {email_id}: is_visible, is_newest or is_newest_unread do not fit the rows"
    nowhere = Email.objects.filter(account_id=account_id, mailbox_rows__isnull=True)
    for public_id in nowhere.exclude(is_visible=False, is_newest=False, is_newest_unread=False)[:20]:
        yield f"email {public_id} is in no mailbox, but said to be in lists"


def _states(account_id: int) -> Iterator[str]:
    """No object's change number is above its type's state, and no state above the clock."""
    states = dict(TypeState.objects.filter(account_id=account_id).values_list("type", "modseq"))
    for model, name in ((Email, "Email"), (Thread, "Thread")):
        rows = model._default_manager.filter(account_id=account_id, updated_modseq__gt=states.get(name, 0))
        if rows.exists():
            yield f"{name} rows carry change numbers above the state {states.get(name, 0)}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT modseq FROM store_changeclock WHERE account_id = %s", [account_id])
        row = cursor.fetchone()
    if states and (row is None or max(states.values()) > row[0]):
        yield "a type's state is ahead of the account's clock"


def _search(account_id: int) -> Iterator[str]:
    """Every Email has its search document or is known to wait for it."""
    rows = Email.objects.filter(account_id=account_id)
    documents = SearchDocument.objects.values("email_id")
    missing = rows.filter(has_document=True).exclude(pk__in=documents)
    for public_id in missing.values_list("public_id", flat=True)[:20]:
        yield f"email {public_id} is not in the search index"
    for public_id in rows.filter(has_document=False, pk__in=documents).values_list("public_id", flat=True)[:20]:
        yield f"email {public_id} is in the search index already, but waits to be put there"


def _blob_links(account_id: int) -> Iterator[str]:
    """The account may read the bytes of its own Emails."""
    links = BlobLink.objects.filter(account_id=account_id, kind=BlobLink.Kind.MESSAGE).values("blob_id")
    emails = Email.objects.filter(account_id=account_id)
    whole = emails.filter(blob__isnull=False).exclude(blob__in=links)
    text = emails.filter(blob=None, text_blob__isnull=False).exclude(text_blob__in=links)
    for public_id in (whole | text).values_list("public_id", flat=True)[:20]:
        yield f"email {public_id} has bytes that its account may not read"


_CHECKS: tuple[Check, ...] = (
    _counters,
    _unread,
    _memberships,
    _threads,
    _places,
    _newest,
    _states,
    _search,
    _blob_links,
)
