"""A conversation, or one message, as the reading pane shows it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.http import Http404
from django.utils.translation import gettext as _

from accounts.models import ThreadOrder, User
from webmail.outbox.returned.receipts import ReceiptWish, wish_of
from webmail.store import emails as stored
from webmail.store.contents import is_readable
from webmail.store.emails import keywords_of, memberships
from webmail.store.labels import KNOWN_NAMES
from webmail.store.models import Email, Label, Mailbox, Role
from webmail.store.queries.accounts import visible_mailboxes
from webmail.store.queries.emails import emails_in_thread, get_email_for, get_thread_for
from webmail.store.queries.labels import labels_of
from webmail.store.reading.arriving import Arriving, arriving
from webmail.web.reading.authenticity import acquaintance_of
from webmail.web.reading.bodies import Content, ContentUnreadable, Reader, read_content
from webmail.web.reading.remote_content import rules_for
from webmail.web.reading.wishes import NO_WISH, Wish
from webmail.web.rows import own_addresses
from webmail.web.sending.came_back import CameBack, find_blocks
from webmail.web.text import honest_name, short_name

MAX_OPEN = 20  # bodies read for one page; the rest opens on demand
LONG_FOLD = 4  # more folded messages in a row than this become one line
MAX_NAMES = 4

AddressPair = tuple[str, str]


@dataclass(frozen=True)
class Body:
    """What stands below a message's header. `fault` says why there is nothing; `is_awaited`: it is being fetched."""

    content: Content | None = None
    is_awaited: bool = False
    fault: str = ""
    arriving: Arriving | None = None  # how much of a large one is here


@dataclass(frozen=True)
class Recipients:
    """One line of the table of addresses."""

    label: str
    addresses: tuple[AddressPair, ...]


@dataclass(frozen=True)
class MessageView:
    """One message of the reading pane. `body` is None while it is folded."""

    email: Email
    sender: AddressPair
    to_line: str
    recipients: tuple[Recipients, ...]
    keywords: Collection[str]
    is_own: bool
    is_open: bool
    body: Body | None
    came_back: CameBack | None = None  # what became of it, or what it reports
    receipt: ReceiptWish | None = None  # its sender asks to be told that it was opened

    @property
    def is_starred(self) -> bool:
        return "$flagged" in self.keywords

    @property
    def is_draft(self) -> bool:
        return "$draft" in self.keywords


@dataclass(frozen=True)
class Reading:
    """The reading pane. `groups`: messages in the reader's order; a group of several is folded into one line."""

    id: str  # of the thread or the Email
    subject: str
    groups: tuple[tuple[MessageView, ...], ...]
    mailboxes: tuple[Mailbox, ...]
    emails: tuple[Email, ...]  # oldest first
    labels: tuple[Label, ...] = ()  # that any of its messages carries, in the person's order
    is_newest_first: bool = False
    hits: str = ""  # words of a search to mark in what is opened later

    @property
    def messages(self) -> list[MessageView]:
        return [message for group in self.groups for message in group]

    @property
    def last(self) -> MessageView:
        """The newest message, wherever it stands."""
        return self.messages[0 if self.is_newest_first else -1]

    @property
    def is_starred(self) -> bool:
        return any(message.is_starred for message in self.messages)

    @property
    def is_muted(self) -> bool:
        return any("$muted" in message.keywords for message in self.messages)

    @property
    def is_important(self) -> bool:
        return any("$important" in message.keywords for message in self.messages)

    @property
    def is_in_junk(self) -> bool:
        return any(mailbox.role == Role.JUNK for mailbox in self.mailboxes)

    @property
    def is_in_trash(self) -> bool:
        return any(mailbox.role == Role.TRASH for mailbox in self.mailboxes)

    @property
    def has_scattered_files(self) -> bool:
        """Whether more than one message of a conversation has files: then they come together as one zip file."""
        return self.id.startswith("t") and sum(email.has_attachment for email in self.emails) > 1

    @property
    def unread(self) -> list[Email]:
        return [email for email in self.emails if email.is_unread]


def emails_to_read(user: User, public_id: str) -> list[Email]:
    """The Emails that an id in an address stands for: a thread ("t…") or one Email. Raises Http404."""
    if public_id.startswith("t"):
        emails = emails_in_thread(get_thread_for(user, public_id))
        if not emails:
            raise Http404("this conversation is in no mailbox any more")
        return emails
    return [get_email_for(user, public_id)]


def build_reading(user: User, public_id: str, emails: Sequence[Email], wish: Wish = NO_WISH) -> Reading:
    """What the pane shows of these Emails, given oldest first. Unread ones and the newest are open."""
    ids = [email.pk for email in emails]
    keywords = keywords_of(ids)
    own = own_addresses(user)
    opened = [email for email in emails if email.is_unread or email is emails[-1]][-MAX_OPEN:]
    blocks = find_blocks(user, opened, own=own)
    here = [email for email in opened if is_readable(email)]
    reader = Reader(user, own, wish, acquaintance_of(user, here, own=own), rules_for(user, here))
    messages = [
        build_message(
            reader,
            email,
            keywords=keywords[email.pk],
            is_open=email in opened,
            came_back=blocks.get(email.pk),
        )
        for email in emails
    ]
    is_newest_first = user.thread_order == ThreadOrder.NEWEST
    if is_newest_first:
        messages.reverse()
    inside = {mailbox_id for found in memberships(ids).values() for mailbox_id in found}
    carried = {keyword for found in keywords.values() for keyword in found}
    has_own = any(not keyword.startswith("$") or keyword in KNOWN_NAMES for keyword in carried)
    accounts = list({email.account_id: email.account for email in emails}.values())
    return Reading(
        id=public_id,
        subject=emails[0].subject.strip() or _("(no subject)"),
        groups=_fold(messages),
        mailboxes=tuple(mailbox for mailbox in visible_mailboxes(accounts) if mailbox.pk in inside),
        emails=tuple(emails),
        labels=tuple(label for label in labels_of(user) if label.keyword in carried) if has_own else (),
        is_newest_first=is_newest_first,
        hits=wish.hits,
    )


def _fold(messages: Sequence[MessageView]) -> tuple[tuple[MessageView, ...], ...]:
    groups: list[tuple[MessageView, ...]] = []
    for is_open, found in groupby(messages, key=lambda message: message.is_open):
        run = tuple(found)
        if is_open or len(run) <= LONG_FOLD:
            groups += [(message,) for message in run]
        else:
            # The first says what it is about; the nearest to what is read stays in sight.
            groups += [(run[0],), run[1:-1], (run[-1],)]
    return tuple(groups)


def build_message(
    reader: Reader, email: Email, *, keywords: Collection[str], is_open: bool, came_back: CameBack | None = None
) -> MessageView:
    """One message; its bytes are read only when it is open."""
    addresses = email.addresses
    name, address = (addresses.get("from") or [["", ""]])[0]
    sender = (honest_name(name, address), address)
    body = build_body(reader, email) if is_open else None
    request = body.content.form.receipt if body is not None and body.content is not None else None
    return MessageView(
        email=email,
        sender=sender,
        to_line=_to_line(addresses.get("to", ()), addresses.get("cc", ()), reader.own),
        recipients=_recipients(addresses),
        keywords=keywords,
        is_own=address.casefold() in reader.own,
        is_open=is_open,
        body=body,
        came_back=came_back,
        receipt=wish_of(reader.user, email, request, keywords=keywords),
    )


def build_body(reader: Reader, email: Email) -> Body:
    """The content, or why it is not here; a body that is still on the server is asked for."""
    if not is_readable(email):
        return _await_body(email)
    try:
        content = read_content(reader, email)
    except ContentUnreadable as error:
        email.refresh_from_db(fields=["blob", "text_blob", "body_error"])
        return Body(fault=str(error)) if is_readable(email) else _await_body(email)
    if content.form.lacks_pictures and not email.body_error:
        stored.want_body(email.pk)
    return Body(content)


def _await_body(email: Email) -> Body:
    if email.body_error:
        return Body(fault=email.body_error)
    stored.want_body(email.pk)
    return Body(is_awaited=True, arriving=arriving(email))


def _to_line(to: Sequence[Sequence[str]], cc: Sequence[Sequence[str]], own: Collection[str]) -> str:
    found = [*to, *cc]
    if not found:
        return ""
    names = [_("me") if address.casefold() in own else short_name(name, address) for name, address in found]
    shown = ", ".join(names[:MAX_NAMES])
    rest = len(names) - MAX_NAMES
    return _("to %(people)s") % {"people": f"{shown} +{rest}" if rest > 0 else shown}


def _recipients(addresses: dict[str, list[list[str]]]) -> tuple[Recipients, ...]:
    labels = (
        ("from", _("From")),
        ("sender", _("Sender")),
        ("reply_to", _("Reply to")),
        ("to", _("To")),
        ("cc", _("Cc")),
        ("bcc", _("Bcc")),
    )
    return tuple(
        Recipients(label, tuple((name, address) for name, address in addresses[field]))
        for field, label in labels
        if addresses.get(field) and not (field in {"sender", "reply_to"} and addresses[field] == addresses.get("from"))
    )
