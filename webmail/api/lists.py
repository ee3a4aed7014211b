"""Lists of messages and conversations: what is asked for, one page of it, and rows and whole messages as clients see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import MailAccount, User
from webmail.api.access import blob_id_of
from webmail.api.cursors import Place
from webmail.api.schemas.base import AddressOut
from webmail.api.schemas.messages import MessageOut, MessageRowOut, ThreadRowOut
from webmail.store import emails
from webmail.store.models import Email, EmailKeyword, EmailMailbox, Mailbox
from webmail.store.queries.accounts import visible_mailboxes
from webmail.store.queries.emails import Page, list_mailboxes, list_query, visible_emails
from webmail.store.queries.rows import ListEmail, ListRow


@dataclass(frozen=True)
class Choice:
    """What a list of one account shows. `mailbox` None: messages of all mailboxes, conversations outside Trash and Junk."""

    account: MailAccount
    mailbox: Mailbox | None = None
    is_unread: bool | None = None
    keyword: str | None = None
    has_attachment: bool | None = None
    received_after: datetime | None = None
    received_before: datetime | None = None

    @property
    def is_plain(self) -> bool:
        """One walk along the mailbox's index answers it."""
        return self.mailbox is not None and replace(self, mailbox=None, is_unread=None) == Choice(self.account)

    def emails(self, user: User, *, threaded: bool) -> QuerySet[Email]:
        """The choice as a query over the user's own messages."""
        if self.mailbox is None and threaded:
            found = visible_emails(user).filter(account=self.account)
        else:
            inside = EmailMailbox.objects.filter(email=OuterRef("pk"))
            if self.mailbox is not None:
                inside = inside.filter(mailbox=self.mailbox)
            found = Email.objects.filter(Exists(inside), account=self.account)
        if self.keyword is not None:
            keyed = EmailKeyword.objects.filter(email=OuterRef("pk"), keyword=self.keyword.lower())
            found = found.filter(Exists(keyed))
        conditions = {
            "is_unread": self.is_unread,
            "has_attachment": self.has_attachment,
            "received_at__gte": self.received_after,
            "received_at__lt": self.received_before,
        }
        return found.filter(**{name: value for name, value in conditions.items() if value is not None})

    def page(self, user: User, *, place: Place, limit: int, threaded: bool) -> Page:
        """One page, newest first."""
        if self.is_plain and self.mailbox is not None and self.is_unread is not False:
            return list_mailboxes(
                [self.mailbox],
                threaded=threaded,
                after=place.after,
                before=place.before,
                limit=limit,
                unread_only=bool(self.is_unread),
            )
        chosen = self.emails(user, threaded=threaded)
        return list_query(chosen, threaded=threaded, after=place.after, before=place.before, limit=limit)


@dataclass(frozen=True)
class Names:
    """The public ids of accounts and mailboxes by their row ids."""

    accounts: Mapping[int, str]
    mailboxes: Mapping[int, str]

    @classmethod
    def of(cls, accounts: Sequence[MailAccount]) -> Names:
        """One query."""
        return cls(
            {account.pk: account.public_id for account in accounts},
            {mailbox.pk: mailbox.public_id for mailbox in visible_mailboxes(accounts)},
        )

    def of_mailboxes(self, ids: Sequence[int] | frozenset[int] | set[int]) -> list[str]:
        """In a fixed order; mailboxes that are hidden are left out."""
        return sorted(self.mailboxes[pk] for pk in ids if pk in self.mailboxes)


def message_rows(rows: Sequence[ListRow], names: Names, *, with_preview: bool) -> list[MessageRowOut]:
    """Rows of a list of messages."""
    return [
        MessageRowOut(
            id=row.email.public_id,
            account_id=names.accounts[row.email.account_id],
            thread_id=row.email.thread_public_id,
            mailbox_ids=names.of_mailboxes(row.mailbox_ids),
            keywords=sorted(row.keywords),
            is_unread=row.is_unread,
            from_=addresses(row.email, "from"),
            to=addresses(row.email, "to"),
            cc=addresses(row.email, "cc"),
            subject=row.email.subject,
            preview=row.email.preview if with_preview else "",
            received_at=row.email.received_at,
            size_bytes=row.email.size_bytes,
            has_attachment=row.has_attachment,
        )
        for row in rows
    ]


def thread_rows(rows: Sequence[ListRow], names: Names, *, with_preview: bool) -> list[ThreadRowOut]:
    """Rows of a list of conversations."""
    return [
        ThreadRowOut(
            id=row.email.thread_public_id,
            account_id=names.accounts[row.email.account_id],
            message_id=row.email.public_id,
            mailbox_ids=names.of_mailboxes(row.mailbox_ids),
            people=[AddressOut(name=person.name, email=person.address) for person in row.people],
            subject=row.email.subject,
            preview=row.email.preview if with_preview else "",
            received_at=row.email.received_at,
            count=row.count,
            is_unread=row.is_unread,
            is_flagged="$flagged" in row.keywords,
            has_attachment=row.has_attachment,
        )
        for row in rows
    ]


def whole_messages(found: Sequence[Email], names: Names, *, with_preview: bool) -> list[MessageOut]:
    """Messages whole, in the order given: two queries. Each needs its thread and blob."""
    ids = [email.pk for email in found]
    keywords, mailboxes = emails.keywords_of(ids), emails.memberships(ids)
    return [
        MessageOut(
            id=email.public_id,
            account_id=names.accounts[email.account_id],
            thread_id=email.thread.public_id,
            mailbox_ids=names.of_mailboxes(mailboxes.get(email.pk, set())),
            keywords=sorted(keywords[email.pk]),
            is_unread=email.is_unread,
            from_=addresses(email, "from"),
            to=addresses(email, "to"),
            cc=addresses(email, "cc"),
            bcc=addresses(email, "bcc"),
            reply_to=addresses(email, "reply_to"),
            sender=addresses(email, "sender"),
            subject=email.subject,
            preview=email.preview if with_preview else "",
            received_at=email.received_at,
            sent_at=email.sent_at,
            size_bytes=email.size_bytes,
            has_attachment=email.has_attachment,
            message_id=email.message_id,
            in_reply_to=email.in_reply_to,
            references=email.references,
            list_id=email.list_id,
            blob_id=blob_id_of(email.blob) if email.blob else None,
            is_complete=email.blob is not None,
            body_error=email.body_error,
        )
        for email in found
    ]


def etag_of(email: Email) -> str:
    """Made from the modseq (jmap S7); the bytes arrive without one, and then the message says more."""
    return f"{email.updated_modseq}.{int(email.blob_id is not None)}{int(email.text_blob_id is not None)}{int(email.is_indexed)}"


def addresses(email: Email | ListEmail, field: str) -> list[AddressOut]:
    """The addresses of one header field."""
    return [AddressOut(name=name, email=address) for name, address in email.addresses.get(field, ())]
