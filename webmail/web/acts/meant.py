"""Which Emails an act on rows means, one by one or as a query over a whole list.

scope      of a row that is a conversation                                            verbs
whole      all of it, wherever it lies                                                read, unstar, label, mute, important
newest     the newest of it in this list                                              unread, star
inside     what lies in the mailboxes of this list; in lists over everything          archive, junk, move, copy, delete
           (search, starred, unread) what came in, so that one's own copies in
           Sent stay; when there is none of that, all of it
onwards    of one message: it and those behind it in its conversation                 unread_from

A row that is one message means that message in every scope but `onwards`.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from webmail.journal.actions import selection
from webmail.store.models import Email, EmailMailbox, Mailbox, Role
from webmail.store.queries.emails import emails_of_threads, get_emails_for
from webmail.web.lists import ListSource

WHOLE, NEWEST, INSIDE, ONWARDS = "whole", "newest", "inside", "onwards"
_NOT_RECEIVED = (Role.SENT, Role.DRAFTS, Role.TRASH, Role.JUNK)


def emails_meant(user: User, row_ids: Sequence[str], source: ListSource, scope: str) -> list[Email]:
    """The Emails of the user's that these rows mean."""
    if scope == WHOLE:
        return _of_rows(user, row_ids, within=None)
    if scope == ONWARDS:
        return _onwards(user, row_ids)
    found = _inside(user, row_ids, source)
    return _newest(found) if scope == NEWEST else found


def ids_meant(user: User, source: ListSource, scope: str, but: Sequence[str]) -> dict[int, list[int]]:
    """The same for every row of the list but these: ascending ids by account."""
    listed = _listed(user, source)
    if but:
        listed = listed.exclude(Q(public_id__in=but) | Q(thread__public_id__in=but))
    if source.is_threaded and scope == NEWEST:
        return {pk: _newest_ids(listed.filter(account_id=pk)) for pk in selection.ids_by_account(user, listed)}
    return selection.ids_by_account(user, _whole(user, source, listed, scope))


def _newest_ids(listed: QuerySet[Email]) -> list[int]:
    """One id a conversation, ascending. In order, so that no time has to be read: the last of each is the newest."""
    newest: dict[int, int] = dict(listed.order_by("received_at", "pk").values_list("thread_id", "pk"))
    return sorted(newest.values())


def _whole(user: User, source: ListSource, listed: QuerySet[Email], scope: str) -> QuerySet[Email]:
    if not source.is_threaded or (scope == INSIDE and source.mailboxes is not None):
        return listed
    whole = Email.objects.filter(account__user=user, thread__in=listed.order_by().values("thread_id"))
    if scope != INSIDE:
        return whole
    came_in = EmailMailbox.objects.exclude(mailbox__role__in=_NOT_RECEIVED)
    own = came_in.filter(email_id=OuterRef("pk"))
    any_of_it = came_in.filter(thread_id=OuterRef("thread_id"))
    return whole.filter(Exists(own) | ~Exists(any_of_it))


def first_meant(source: ListSource, limit: int) -> list[int]:
    """Ids of Emails at the top of a list of mailboxes, which are changed before the page answers; else none: any will do."""
    if not source.mailboxes:
        return []
    rows = EmailMailbox.objects.filter(mailbox__in=source.mailboxes).order_by("-received_at", "-email_id")
    return list(rows.values_list("email_id", flat=True)[:limit])


def _listed(user: User, source: ListSource) -> QuerySet[Email]:
    if source.emails is not None:
        return source.emails.filter(account__user=user)
    inside = EmailMailbox.objects.filter(mailbox__in=source.mailboxes or ())
    return Email.objects.filter(account__user=user, pk__in=inside.values("email_id"))


def _of_rows(user: User, row_ids: Sequence[str], *, within: Sequence[Mailbox] | None) -> list[Email]:
    threads = [row_id for row_id in row_ids if row_id.startswith("t")]
    single = [row_id for row_id in row_ids if not row_id.startswith("t")]
    found = emails_of_threads(user, threads, within=within) if threads else []
    return found + (get_emails_for(user, single) if single else [])


def _inside(user: User, row_ids: Sequence[str], source: ListSource) -> list[Email]:
    inside = _of_rows(user, row_ids, within=source.mailboxes) if source.mailboxes is not None else []
    # Nothing: a conversation opened by its own address, or moved meanwhile. Then all of it is meant.
    return inside or _received(_of_rows(user, row_ids, within=None))


def _received(found: list[Email]) -> list[Email]:
    rows = EmailMailbox.objects.filter(email_id__in=[email.pk for email in found])
    came_in = set(rows.exclude(mailbox__role__in=_NOT_RECEIVED).values_list("email_id", flat=True))
    threads = {email.thread_id for email in found if email.pk in came_in}
    return [email for email in found if email.pk in came_in or email.thread_id not in threads]


def _newest(found: Sequence[Email]) -> list[Email]:
    newest: dict[int, Email] = {}
    for email in sorted(found, key=lambda email: (email.received_at, email.pk)):
        newest[email.thread_id] = email
    return list(newest.values())


def _onwards(user: User, row_ids: Sequence[str]) -> list[Email]:
    found: list[Email] = []
    for email in get_emails_for(user, [row_id for row_id in row_ids if not row_id.startswith("t")]):
        later = Q(received_at__gt=email.received_at) | Q(received_at=email.received_at, pk__gte=email.pk)
        behind = Email.objects.filter(later, account__user=user, thread_id=email.thread_id)
        found += behind.select_related("account")
    return found or _of_rows(user, row_ids, within=None)
