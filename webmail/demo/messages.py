"""Writes the demo's mail: the same seed and the same `now` always give the same messages, byte for byte.

Only example domains and pillarbox.test appear in it. Texts are in the data modules beside this one; here they get
senders, dates, ids, references, flags and a mailbox.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING

from webmail.demo.addresses import IMAP_USER, MTA_NAME, OWNER_NAME, POP3_USER
from webmail.demo.automated import SHOPS, notice, parcel_notice, receipt, statement, task_notice
from webmail.demo.conversations import OWNERS, PEOPLE, Conversation, Person, Turn, parse_conversations
from webmail.demo.conversations_private import PRIVATE_CONVERSATIONS
from webmail.demo.conversations_work import WORK_CONVERSATIONS
from webmail.demo.mailing_list import JUNK, LIST_ADDRESS, LIST_HEADERS, LIST_NAME, LIST_THREADS, MEMBERS
from webmail.demo.mime_builder import Part, build_message, encode_header, text_part
from webmail.demo.model import INBOX
from webmail.demo.newsletters import (
    BOATHOUSE_NEWS,
    CITY_TIDES,
    LANTERN_BOOKS,
    PLAIN_PIXELS,
    SLOW_KITCHEN,
    Publisher,
    newsletter_content,
    newsletter_subject,
)
from webmail.demo.specimens import specimens, written_languages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webmail.demo.store import DemoStore

DEFAULT_SEED = 1840  # the year of the first adhesive stamp
HISTORY_DAYS = 545  # 18 months

IMAP_MESSAGE_COUNT = 300
POP3_MESSAGE_COUNT = 120

EXTRA_MAILBOXES = ("Projects", "Projects/Exhibition", "Receipts", "Lists", "Lists/Small Boats", "Ideen für später")

TRICKLE = (
    ("lena", "Quick question", "Have you seen the big key? Not the small one, the big one.\n"),
    ("jo", "Train times", "Which train are you on? I have the car until six.\n"),
    ("priya", "Room four", "Draft caption for room four: 44 words. I counted twice.\n"),
    ("mum", "Two puddings", "It is now three puddings. Do not ask.\n"),
    ("tom", "Frame number seven", "Seven is glued, eight is drying, nine is thinking about it.\n"),
    ("piet", "Boat three", "The seat is fixed. Saturday at seven, bring gloves.\n"),
    ("sam", "The heron", "He is back, and he has brought a friend.\n"),
    ("hazel", "Bar 42", "Altos, please look at bar 42 before Tuesday. Thank you.\n"),
)


@dataclass(frozen=True)
class Planned:
    """A finished message and where it goes. `kind` names what it is an example of."""

    kind: str
    mailbox: str
    at: datetime
    raw: bytes
    flags: tuple[str, ...]


class Writer:
    """Gives content its header. Every id depends only on the seed and the order of writing."""

    def __init__(self, *, owner: Person, now: datetime, seed: int) -> None:
        self.owner = owner
        self.now = now
        # Not a secret: the demo must come out the same every time.
        self.random = random.Random(f"{seed} {owner.address}")  # noqa: S311
        self._seed = seed
        self._count = 0

    def message_id(self, domain: str) -> str:
        """A new Message-ID."""
        self._count += 1
        digest = hashlib.sha256(f"{self._seed} {self.owner.address} {self._count}".encode()).hexdigest()[:20]
        return f"<{digest}@{domain}>"

    def ago(self, days: float) -> datetime:
        """A moment some days back, in waking hours, never later than `now`."""
        moment = self.now - timedelta(days=days)
        shifted = moment.replace(hour=self.random.randint(7, 20), minute=self.random.randint(0, 59))
        return min(shifted, self.now - timedelta(minutes=self.random.randint(3, 50)))

    def write(
        self,
        sender: Person,
        subject: str,
        content: Part,
        at: datetime,
        *,
        to: tuple[str, ...] = (),
        charset: str = "utf-8",
        message_id: str | None = None,
        extra: tuple[tuple[str, str], ...] = (),
    ) -> bytes:
        """One complete message. `to` are header-ready addresses; without any it goes to the owner."""
        local = at.astimezone(timezone(timedelta(hours=sender.offset_h)))
        own_id = message_id or self.message_id(sender.domain)
        recipients = to or (mailbox(self.owner),)
        headers = [
            ("From", mailbox(sender, charset)),
            ("To", recipients[0]),
            *([("Cc", ", ".join(recipients[1:]))] if len(recipients) > 1 else []),
            ("Subject", encode_header(subject, charset)),
            ("Date", format_datetime(local)),
            ("Message-ID", own_id),
            *extra,
        ]
        if sender.address != self.owner.address:
            trace = f"from mx.{sender.domain} by {MTA_NAME} with ESMTPS; {format_datetime(at)}"
            headers = [("Return-Path", f"<{sender.address}>"), ("Received", trace), *headers]
        return build_message(headers, content)

    def read_flags(self, at: datetime, *, flagged_share: float = 0.04) -> tuple[str, ...]:
        """Mostly read: a part of the last three days is not, and a few of the older ones are not either."""
        age = self.now - at
        unread_share = 0.55 if age < timedelta(days=3) else 0.12 if age < timedelta(days=30) else 0.02
        flags = [] if self.random.random() < unread_share else ["\\Seen"]
        if self.random.random() < flagged_share:
            flags.append("\\Flagged")
        return tuple(flags)


def mailbox(person: Person, charset: str = "utf-8") -> str:
    """An address with its name, ready for a header."""
    return f"{encode_header(person.name, charset)} <{person.address}>"


def imap_messages(*, now: datetime, seed: int = DEFAULT_SEED) -> list[Planned]:
    """The IMAP user's `IMAP_MESSAGE_COUNT` messages, oldest first. `now` is aware."""
    writer = Writer(owner=OWNERS["imap"], now=now, seed=seed)
    planned = [
        message
        for conversation in parse_conversations(WORK_CONVERSATIONS, owner=writer.owner, now=now)
        for message in _conversation(writer, conversation, keeps_own=True)
    ]
    planned += _mailing_list(writer)
    planned += _specimens(writer)
    planned += _drafts_and_junk(writer)
    for publisher, count in ((CITY_TIDES, 16), (PLAIN_PIXELS, 14), (SLOW_KITCHEN, 12)):
        planned += _newsletters(writer, publisher, count)
    planned += _receipts(writer, 34, mailbox_name="Receipts")
    planned += _parcels(writer, 14)
    missing = IMAP_MESSAGE_COUNT - len(planned)
    for number in range(missing):
        at = writer.ago(1 + number * HISTORY_DAYS / max(missing, 1))
        subject, content = task_notice(missing - number)
        raw = writer.write(Person("Slipway", "tasks@slipway.example"), subject, content, at)
        name = "Projects/Exhibition" if number > 12 else INBOX
        planned.append(Planned("task", name, at, raw, writer.read_flags(at)))
    return sorted(planned, key=lambda message: message.at)


def pop3_messages(*, now: datetime, seed: int = DEFAULT_SEED) -> list[Planned]:
    """The POP3 user's `POP3_MESSAGE_COUNT` messages, oldest first, all for INBOX. `now` is aware."""
    writer = Writer(owner=OWNERS["pop3"], now=now, seed=seed)
    planned = [
        message
        for conversation in parse_conversations(PRIVATE_CONVERSATIONS, owner=writer.owner, now=now)
        for message in _conversation(writer, conversation, keeps_own=False)
    ]
    for one in written_languages()[:3]:
        at = writer.ago(one.days_ago + 20)
        raw = writer.write(Person(one.name, one.address), one.subject, one.content, at, charset=one.charset)
        planned.append(Planned(one.kind, INBOX, at, raw, ()))
    for publisher, count in ((BOATHOUSE_NEWS, 16), (LANTERN_BOOKS, 12)):
        planned += _newsletters(writer, publisher, count)
    planned += _receipts(writer, 14, mailbox_name=INBOX)
    planned += _statements(writer, 18)
    missing = POP3_MESSAGE_COUNT - len(planned)
    for number in range(missing):
        at = writer.ago(2 + number * HISTORY_DAYS / max(missing, 1))
        name, address, subject, content = notice(number)
        raw = writer.write(Person(name, address), subject, content, at, charset="iso-8859-1")
        planned.append(Planned("notice", INBOX, at, raw, ()))
    return sorted(planned, key=lambda message: message.at)


def fill_store(store: DemoStore, *, now: datetime, seed: int = DEFAULT_SEED) -> None:
    """Put both users' mail into a store that already knows them."""
    for name in EXTRA_MAILBOXES:
        store.create_mailbox(IMAP_USER, name)
    with store.batch(None):
        for user, messages in (
            (IMAP_USER, imap_messages(now=now, seed=seed)),
            (POP3_USER, pop3_messages(now=now, seed=seed)),
        ):
            for message in messages:
                store.append(user, message.mailbox, message.raw, flags=message.flags, internal_date=message.at)


def trickle_message(number: int, *, user: str, now: datetime) -> bytes:
    """A fresh short message for a demo user."""
    key, subject, text = TRICKLE[number % len(TRICKLE)]
    owner = Person(OWNER_NAME, user)
    writer = Writer(owner=owner, now=now, seed=DEFAULT_SEED)
    sender = PEOPLE[key]
    message_id = f"<trickle-{number}-{now:%Y%m%d%H%M%S}@{sender.domain}>"
    return writer.write(sender, subject, text_part(text), now, message_id=message_id)


def _conversation(writer: Writer, conversation: Conversation, *, keeps_own: bool) -> Iterator[Planned]:
    references: list[str] = []
    previous: Turn | None = None
    for turn, following in zip(conversation.turns, [*conversation.turns[1:], None], strict=True):
        own_id = writer.message_id(turn.author.domain)
        text = turn.text + "\n"
        if previous is not None:
            quoted = "\n".join(f"> {line}".rstrip() for line in previous.text.splitlines())
            text += f"\nOn {previous.at:%d %b %Y, %H:%M}, {previous.author.name} wrote:\n{quoted}\n"
        extra = (("In-Reply-To", references[-1]), ("References", " ".join(references))) if references else ()
        raw = writer.write(
            turn.author,
            turn.subject,
            text_part(text, encoding="quoted-printable" if not text.isascii() else "7bit"),
            turn.at,
            to=tuple(mailbox(person) for person in turn.others),
            message_id=own_id,
            extra=extra,
        )
        if not turn.is_own:
            is_answered = following is not None and following.is_own
            flags = ("\\Seen", "\\Answered") if is_answered else writer.read_flags(turn.at)
            yield Planned("conversation", conversation.mailbox, turn.at, raw, flags)
        elif keeps_own:
            yield Planned("sent", "Sent", turn.at, raw, ("\\Seen",))
        references.append(own_id)
        previous = turn


def _mailing_list(writer: Writer) -> Iterator[Planned]:
    for subject, days_ago, texts in LIST_THREADS:
        references: list[str] = []
        at = writer.ago(days_ago)
        for number, text in enumerate(texts):
            sender = Person(*MEMBERS[(days_ago + number) % len(MEMBERS)])
            own_id = writer.message_id(sender.domain)
            title = f"[{LIST_NAME}] {subject}" if number == 0 else f"Re: [{LIST_NAME}] {subject}"
            threading = (("In-Reply-To", references[-1]), ("References", " ".join(references))) if references else ()
            footer = f"\n_______________\n{LIST_NAME} mailing list\n{LIST_ADDRESS}\n"
            raw = writer.write(
                sender,
                title,
                text_part(text + "\n" + footer, charset="us-ascii", encoding="7bit"),
                at,
                to=(f"{LIST_NAME} <{LIST_ADDRESS}>",),
                message_id=own_id,
                extra=(*threading, *LIST_HEADERS),
            )
            yield Planned("list", "Lists/Small Boats", at, raw, writer.read_flags(at))
            references.append(own_id)
            at = min(at + timedelta(hours=writer.random.randint(2, 30)), writer.now - timedelta(minutes=9 - number))


def _specimens(writer: Writer) -> Iterator[Planned]:
    for one in specimens(writer.now):
        at = writer.ago(one.days_ago)
        sender = Person(one.name, one.address, 1)
        raw = writer.write(sender, one.subject, one.content, at, to=(one.to,), charset=one.charset, extra=one.extra)
        yield Planned(one.kind, one.mailbox, at, raw, one.flags)


def _drafts_and_junk(writer: Writer) -> Iterator[Planned]:
    drafts = (
        (PEOPLE["ingrid"], "Report, third quarter", "Dear Ingrid,\n\nthe third quarter in three sentences:\n\n1. "),
        (PEOPLE["tom"], "Thank you", "Tom, the frames are "),
        (PEOPLE["elias"], "Returning the sextant", "Dear Elias,\n\nI could bring the sextant back on the "),
    )
    for number, (person, subject, text) in enumerate(drafts):
        at = writer.ago(1 + number * 6)
        raw = writer.write(writer.owner, subject, text_part(text, encoding="7bit"), at, to=(mailbox(person),))
        yield Planned("draft", "Drafts", at, raw, ("\\Draft", "\\Seen"))
    for number, (name, address, subject, text) in enumerate(JUNK):
        at = writer.ago(1 + number * 3)
        html = f'<div style="font-size:24px;color:#c00"><b>{subject}</b></div><p>{text} <a href="https://{address.partition("@")[2]}/go">Click</a></p>\n'
        raw = writer.write(Person(name, address), subject, text_part(html, subtype="html"), at)
        yield Planned("junk", "Junk", at, raw, () if number % 3 else ("\\Seen",))


def _newsletters(writer: Writer, publisher: Publisher, count: int) -> Iterator[Planned]:
    sender = Person(publisher.name, publisher.address, 1)
    host = publisher.address.rpartition("@")[2]
    extra = (
        ("List-Id", f"{publisher.name} <news.{host}>"),
        ("List-Unsubscribe", f"<https://{host}/unsubscribe>, <mailto:unsubscribe@{host}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )
    for number in range(count):
        at = writer.ago(1 + (count - 1 - number) * HISTORY_DAYS / count)
        subject = newsletter_subject(publisher, number)
        raw = writer.write(sender, subject, newsletter_content(publisher, number), at, extra=extra)
        yield Planned("newsletter", INBOX, at, raw, writer.read_flags(at))


def _receipts(writer: Writer, count: int, *, mailbox_name: str) -> Iterator[Planned]:
    for number in range(count):
        shop = SHOPS[number % len(SHOPS)]
        at = writer.ago(1 + (count - 1 - number) * HISTORY_DAYS / count)
        subject, content = receipt(writer.random, shop, number)
        raw = writer.write(Person(shop.name, shop.address, 1), subject, content, at)
        # The latest ones still wait in INBOX to be filed, as they do in real life.
        name = INBOX if number >= count - 4 else mailbox_name
        yield Planned("receipt", name, at, raw, writer.read_flags(at))


def _parcels(writer: Writer, count: int) -> Iterator[Planned]:
    for number in range(count):
        at = writer.ago(2 + number * HISTORY_DAYS / count)
        subject, content = parcel_notice(writer.random, count - number)
        raw = writer.write(Person("Parcelpost", "notice@parcelpost.example"), subject, content, at)
        yield Planned("parcel", "Trash" if number % 3 == 2 else INBOX, at, raw, writer.read_flags(at))


def _statements(writer: Writer, count: int) -> Iterator[Planned]:
    for number in range(count):
        at = writer.ago(5 + number * 30)
        subject, content = statement(count - 1 - number, f"{at - timedelta(days=28):%B %Y}")
        sender = Person("Tidewater Credit Union", "statements@tidewater.example")
        yield Planned("statement", INBOX, at, writer.write(sender, subject, content, at), ())
