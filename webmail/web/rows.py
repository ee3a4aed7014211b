"""Rows of a list as templates show them: all words worked out, so that a template only places them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _
from markupsafe import Markup

from accounts.models import Identity, MailAccount, User
from webmail.mime.hits import snippet_around
from webmail.outbox import queries as outbox
from webmail.outbox.models import Draft
from webmail.outbox.returned.outcomes import undelivered_among
from webmail.outbox.writing.filed_copies import own_copies
from webmail.store.models import Label, Mailbox, Role
from webmail.store.queries.rows import Addresses, ListRow, Person, read_rows
from webmail.store.queries.windows import Key
from webmail.store.search.highlights import beginnings
from webmail.web.lists import ListSource
from webmail.web.row_words import spoken
from webmail.web.shell import mailbox_title
from webmail.web.text import date_group, honest_name, short_name

MAX_DRAFTS = 200
MAX_PEOPLE = 4
MAX_CHIPS = 2
GREY = 7  # in the palette of labels
_SHARED = ("$flagged", "$muted")  # what a conversation has when any of its messages has it; labels are so as well


@dataclass(frozen=True)
class Name:
    """Somebody in a row. Unread: something of theirs is, in a conversation with several people."""

    text: str
    is_unread: bool = False


@dataclass(frozen=True)
class Chip:
    """A label, or the mailbox of a hit; `color` is a place in the palette."""

    name: str
    color: int = GREY


@dataclass(frozen=True)
class Row:
    """A line of a list. `group` is the heading above it, empty when it is that of the row before."""

    id: str  # public id of the thread or the Email
    address: str
    people: tuple[Name, ...]
    subject: str
    snippet: str
    at: datetime
    count: int
    account: MailAccount | None  # shown in lists over several accounts
    sender: tuple[str, str]  # name and address, for the avatar
    index: int = -1  # place in the list; -1 where it has none
    group: str = ""
    heading: str = ""  # the group it belongs to, also when its heading stands above another row
    chips: tuple[Chip, ...] = ()
    hidden_chips: int = 0  # how many more there are
    is_unread: bool = False
    is_starred: bool = False
    is_answered: bool = False
    is_forwarded: bool = False
    is_muted: bool = False
    has_attachment: bool = False
    is_draft: bool = False
    is_undelivered: bool = False  # a sent one that did not reach somebody
    is_settled: bool = True  # its body has been read: the snippet stays as it is
    subject_marked: Markup | None = None  # with the hits of a search marked
    snippet_marked: Markup | None = None

    @property
    def names(self) -> str:
        """The people as plain text."""
        return ", ".join(name.text for name in self.people)

    @property
    def spoken(self) -> str:
        """The whole row in words."""
        return spoken(self)


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
    labels: Mapping[str, Label] = field(default_factory=dict)  # by keyword
    open_address: str = ""  # of an opened row, up to its id


def build_rows(user: User, keys: Sequence[Key], context: RowContext, *, at: int = 0) -> list[Row]:
    """The rows of a window that begins at index `at`. The first always has its heading."""
    source = context.source
    places = {key.email_id: at + number for number, key in enumerate(keys)}
    if source.role == Role.DRAFTS:
        # Copies of our own drafts are shown as the draft they are copies of.
        copies = own_copies(user, list(places))
        keys = [key for key in keys if key.email_id not in copies]
    failed = undelivered_among(user, list(places)) if source.role == Role.SENT else ()
    shared = {*_SHARED, *context.labels}
    found = read_rows(keys, threaded=source.is_threaded, shared=shared, with_mailboxes=source.mailboxes is None)
    texts = beginnings(places) if source.hits else {}
    rows = []
    above = ""
    for row in found:
        heading = date_group(row.email.received_at) if source.order.is_by_date else ""
        pk = row.email.id
        snippet = snippet_around(texts.get(pk, ""), source.hits) or row.email.preview
        shown = _build_row(row, context, index=places[pk], heading=heading, above=above, is_failed=pk in failed)
        rows.append(_with_hits(shown, snippet, source.marks) if source.marks else shown)
        above = heading
    return rows


def _build_row(row: ListRow, context: RowContext, *, index: int, heading: str, above: str, is_failed: bool) -> Row:
    email, source, keywords = row.email, context.source, row.keywords
    public_id = email.thread_public_id if source.is_threaded else email.public_id
    senders = email.addresses.get("from") or [["", ""]]
    subject = email.subject.strip() or _("(no subject)")
    chips = _chips(row, context)
    return Row(
        id=public_id,
        address=context.open_address + public_id,
        people=_people(row, context),
        subject=subject,
        snippet=email.preview,
        at=email.received_at,
        count=row.count,
        account=context.accounts.get(email.account_id),
        sender=(senders[0][0], senders[0][1]),
        index=index,
        group="" if heading == above else heading,
        heading=heading,
        chips=chips[:MAX_CHIPS],
        hidden_chips=max(len(chips) - MAX_CHIPS, 0),
        is_unread=row.is_unread,
        is_starred="$flagged" in keywords,
        is_answered="$answered" in keywords,
        is_forwarded="$forwarded" in keywords,
        is_muted="$muted" in keywords,
        has_attachment=row.has_attachment,
        is_draft="$draft" in keywords,
        is_undelivered=is_failed,
        is_settled=email.is_indexed,
    )


def _with_hits(row: Row, snippet: str, marks: Callable[[str], Markup]) -> Row:
    return replace(row, snippet=snippet, subject_marked=marks(row.subject), snippet_marked=marks(snippet))


def _people(row: ListRow, context: RowContext) -> tuple[Name, ...]:
    if context.source.is_outgoing:
        return (Name(recipients_line(row.email.addresses, context.own), row.is_unread),)
    people = row.people
    if not people:
        return (Name(_("(no sender)"), row.is_unread),)
    if len(people) == 1:
        return (Name(_whole_name(people[0], context.own), row.is_unread),)
    names: dict[str, bool] = {}
    for person in people:
        is_own = person.address.casefold() in context.own
        text = _("me") if is_own else short_name(person.name, person.address)
        names[text] = names.get(text, False) or person.is_unread
    found = [Name(text, is_unread) for text, is_unread in names.items()]
    if len(found) > MAX_PEOPLE:
        between = found[1 : 2 - MAX_PEOPLE]
        found = [found[0], Name("…", any(name.is_unread for name in between)), *found[2 - MAX_PEOPLE :]]
    return tuple(found)


def _whole_name(person: Person, own: Collection[str]) -> str:
    if person.address.casefold() in own:
        return _("me")
    return honest_name(person.name, person.address) or person.address or _("(no sender)")


def recipients_line(addresses: Addresses, own: Collection[str]) -> str:
    """ "To Alice, Bob" for lists of what the user wrote."""
    found = [*addresses.get("to", ()), *addresses.get("cc", ()), *addresses.get("bcc", ())]
    if not found:
        return _("To nobody yet")
    if len(found) == 1:
        name, address = found[0]
        shown = _("me") if address.casefold() in own else honest_name(name, address) or address
    else:
        names = [_("me") if address.casefold() in own else short_name(name, address) for name, address in found]
        shown = ", ".join(names[:MAX_PEOPLE]) + (" …" if len(names) > MAX_PEOPLE else "")
    return _("To %(people)s") % {"people": shown}


def _chips(row: ListRow, context: RowContext) -> tuple[Chip, ...]:
    """The labels, and in lists over several mailboxes where a message lies. Inbox says nothing new, nor the label of the list."""
    labels = [
        Chip(label.name, label.color)
        for keyword, label in context.labels.items()
        if keyword in row.keywords and label.public_id != context.source.key
    ]
    found = [context.mailboxes[pk] for pk in sorted(row.mailbox_ids) if pk in context.mailboxes]
    return (*labels, *(Chip(mailbox_title(mailbox)) for mailbox in found if mailbox.role != Role.INBOX))


def draft_rows(user: User, source: ListSource, accounts: Mapping[int, MailAccount]) -> list[Row]:
    """Messages being written, newest first; they open in the composer."""
    drafts = outbox.drafts_of(user, account=source.account)[:MAX_DRAFTS]
    return [_draft_row(draft, accounts) for draft in drafts]


def _draft_row(draft: Draft, accounts: Mapping[int, MailAccount]) -> Row:
    people = _("To %(people)s") % {"people": draft.to} if draft.to.strip() else _("To nobody yet")
    return Row(
        id=draft.public_id,
        address=reverse("compose", args=[draft.public_id]),
        people=(Name(people),),
        subject=draft.subject.strip() or _("(no subject)"),
        snippet=" ".join(draft.text.split())[:200],
        at=draft.updated_at,
        count=1,
        account=accounts.get(draft.account_id),
        sender=("", draft.to),
        is_draft=True,
    )
