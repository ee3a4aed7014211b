"""Rows of a list as templates show them: all words worked out, so that a template only places them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Identity, MailAccount, User
from webmail.outbox import queries as outbox
from webmail.outbox.models import Draft
from webmail.outbox.returned.outcomes import undelivered_among
from webmail.outbox.writing.filed_copies import own_copies
from webmail.store.models import Email, Mailbox, Role
from webmail.store.queries.emails import ListRow, RowKey, read_rows
from webmail.web.lists import ListSource
from webmail.web.shell import mailbox_title
from webmail.web.text import date_group, honest_name, short_name

MAX_DRAFTS = 200
MAX_PEOPLE = 4
MAX_CHIPS = 2


@dataclass(frozen=True)
class Row:
    """A line of a list. `group` is the heading above it, empty when it is that of the row before."""

    id: str  # public id of the thread or the Email
    address: str
    people: str
    subject: str
    snippet: str
    at: datetime
    group: str
    count: int
    account: MailAccount | None  # shown in lists over several accounts
    chips: tuple[str, ...]  # mailboxes, in search results
    sender: tuple[str, str]  # name and address, for the avatar
    is_unread: bool = False
    is_starred: bool = False
    is_answered: bool = False
    is_forwarded: bool = False
    has_attachment: bool = False
    is_draft: bool = False
    is_undelivered: bool = False  # a sent one that did not reach somebody


def own_addresses(user: User) -> frozenset[str]:
    """The addresses that are "me", folded."""
    emails = Identity.objects.filter(account__user=user).values_list("email", flat=True)
    return frozenset(email.casefold() for email in emails)


@dataclass(frozen=True)
class RowContext:
    """What rows of one page have in common."""

    source: ListSource
    own: Collection[str]
    accounts: Mapping[int, MailAccount]  # empty: the account is not shown
    mailboxes: Mapping[int, Mailbox]
    place: Mapping[str, str]  # where the page begins, so that a reload finds the row again


def build_rows(user: User, keys: Sequence[RowKey], context: RowContext, *, first_group: str = "") -> list[Row]:
    """The rows of one page. `first_group`: the heading that stands above them already."""
    source = context.source
    if source.role == Role.DRAFTS:
        # Copies of our own drafts are shown as the draft they are copies of.
        copies = own_copies(user, [key.email_id for key in keys])
        keys = [key for key in keys if key.email_id not in copies]
    failed = undelivered_among(user, [key.email_id for key in keys]) if source.role == Role.SENT else ()
    rows = []
    group = first_group
    for row in read_rows(keys, threaded=source.is_threaded):
        heading = date_group(row.email.received_at)
        is_failed = row.email.pk in failed
        rows.append(_build_row(row, context, group="" if heading == group else heading, is_failed=is_failed))
        group = heading
    return rows


def _build_row(row: ListRow, context: RowContext, *, group: str, is_failed: bool) -> Row:
    email, source = row.email, context.source
    public_id = email.thread.public_id if source.is_threaded else email.public_id
    senders = email.addresses.get("from") or [["", ""]]
    return Row(
        id=public_id,
        address=source.link(**context.place, t=public_id),
        people=_people(row, context),
        subject=email.subject.strip() or _("(no subject)"),
        snippet=email.preview,
        at=email.received_at,
        group=group,
        count=row.count,
        account=context.accounts.get(email.account_id),
        chips=_chips(row, context),
        sender=(senders[0][0], senders[0][1]),
        is_unread=row.is_unread,
        is_starred="$flagged" in row.keywords,
        is_answered="$answered" in row.keywords,
        is_forwarded="$forwarded" in row.keywords,
        has_attachment=row.has_attachment,
        is_draft="$draft" in row.keywords,
        is_undelivered=is_failed,
    )


def _people(row: ListRow, context: RowContext) -> str:
    if context.source.is_outgoing:
        return recipients_line(row.email, context.own)
    people = row.people
    if not people:
        return _("(no sender)")
    if len(people) == 1:
        name, address = people[0]
        return _("me") if address.casefold() in context.own else honest_name(name, address) or address
    names = [_("me") if address.casefold() in context.own else short_name(name, address) for name, address in people]
    names = list(dict.fromkeys(names))
    if len(names) > MAX_PEOPLE:
        names = [names[0], "…", *names[2 - MAX_PEOPLE :]]
    return ", ".join(names)


def recipients_line(email: Email, own: Collection[str]) -> str:
    """ "To Alice, Bob" for lists of what the user wrote."""
    found = [*email.addresses.get("to", ()), *email.addresses.get("cc", ()), *email.addresses.get("bcc", ())]
    if not found:
        return _("To nobody yet")
    if len(found) == 1:
        name, address = found[0]
        shown = _("me") if address.casefold() in own else honest_name(name, address) or address
    else:
        names = [_("me") if address.casefold() in own else short_name(name, address) for name, address in found]
        shown = ", ".join(names[:MAX_PEOPLE]) + (" …" if len(names) > MAX_PEOPLE else "")
    return _("To %(people)s") % {"people": shown}


def _chips(row: ListRow, context: RowContext) -> tuple[str, ...]:
    """Where a message lies, in lists over several mailboxes. Inbox says nothing new."""
    if context.source.emails is None:
        return ()
    found = [context.mailboxes[pk] for pk in sorted(row.mailbox_ids) if pk in context.mailboxes]
    return tuple(mailbox_title(mailbox) for mailbox in found if mailbox.role != Role.INBOX)[:MAX_CHIPS]


def draft_rows(user: User, source: ListSource, accounts: Mapping[int, MailAccount]) -> list[Row]:
    """Messages being written, newest first; they open in the composer."""
    drafts = outbox.drafts_of(user, account=source.account)[:MAX_DRAFTS]
    return [_draft_row(draft, accounts) for draft in drafts]


def _draft_row(draft: Draft, accounts: Mapping[int, MailAccount]) -> Row:
    people = _("To %(people)s") % {"people": draft.to} if draft.to.strip() else _("To nobody yet")
    return Row(
        id=draft.public_id,
        address=reverse("compose", args=[draft.public_id]),
        people=people,
        subject=draft.subject.strip() or _("(no subject)"),
        snippet=" ".join(draft.text.split())[:200],
        at=draft.updated_at,
        group="",
        count=1,
        account=accounts.get(draft.account_id),
        chips=(),
        sender=("", draft.to),
        is_draft=True,
    )
