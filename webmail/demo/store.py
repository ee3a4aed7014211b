"""The mail a demo or fake server holds: users, mailboxes and messages in memory, on disk too when given a directory.

Thread-safe: servers run in their own thread while a test changes mail from outside, so take `DemoStore.lock` around
anything that must see one consistent state. Change listeners are called while the lock is held and must only wake
somebody. It must not know any protocol: names are plain text with "/" between levels, flags are IMAP's words.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from webmail.demo.errors import MailboxExists, MailboxProtected, NoSuchMailbox, UnknownUser
from webmail.demo.model import (
    FIRST_UIDVALIDITY,
    INBOX,
    STANDARD_MAILBOXES,
    Mailbox,
    Message,
    User,
    canonical_flags,
    canonical_name,
)
from webmail.demo.persistence import Archive

if TYPE_CHECKING:
    from pathlib import Path

Listener = Callable[[str], None]


class DemoStore:
    """All users' mail. With `directory` every change is also written there, and found again at the next start."""

    def __init__(self, directory: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.users: dict[str, User] = {}
        self.notes: dict[str, list[str]] = {}
        self.next_uidvalidity = FIRST_UIDVALIDITY
        self._listeners: list[Listener] = []
        self._batch_depth = 0
        self._changed_users: set[str] = set()
        self._archive = Archive(directory) if directory else None
        if self._archive:
            self._archive.load(self)

    # Users

    def add_user(
        self, address: str, password: str, *, mailboxes: Iterable[tuple[str, str | None]] = STANDARD_MAILBOXES
    ) -> User:
        """Add a user with (name, special use) mailboxes; one who is there already only gets the new password."""
        with self.batch(address):
            user = self.users.setdefault(address.lower(), User(address=address, password=password))
            user.password = password
            for name, special_use in mailboxes:
                if name not in user.mailboxes:
                    self._make_mailbox(user, name, special_use)
            return user

    def user(self, address: str) -> User:
        """Return the user of an address in any case. Raises `UnknownUser`."""
        try:
            return self.users[address.lower()]
        except KeyError:
            raise UnknownUser(address) from None

    def is_password(self, address: str, password: str) -> bool:
        """Tell whether this address may sign in with this password."""
        user = self.users.get(address.lower())
        return user is not None and user.password == password

    # Mailboxes

    def mailbox(self, address: str, name: str = INBOX) -> Mailbox:
        """Return a selectable mailbox. Raises `UnknownUser`, `NoSuchMailbox`."""
        found = self.user(address).mailboxes.get(canonical_name(name))
        if found is None or not found.is_selectable:
            raise NoSuchMailbox(name)
        return found

    def create_mailbox(self, address: str, name: str, *, special_use: str | None = None) -> Mailbox:
        """Create a mailbox and, as RFC 3501 6.3.3 asks, its missing parents. Raises `MailboxExists`."""
        with self.batch(address):
            user = self.user(address)
            name = canonical_name(name.rstrip("/"))
            existing = user.mailboxes.get(name)
            if existing is not None and existing.is_selectable:
                raise MailboxExists(name)
            levels = name.split("/")
            for depth in range(1, len(levels)):
                parent = "/".join(levels[:depth])
                if parent not in user.mailboxes:
                    self._make_mailbox(user, parent, None)
            if existing is not None:
                # A deleted parent that comes back is a new mailbox: old UIDs must never mean new messages.
                existing.is_selectable, existing.uidvalidity = True, self._take_uidvalidity()
                return existing
            return self._make_mailbox(user, name, special_use)

    def delete_mailbox(self, address: str, name: str) -> None:
        """Delete a mailbox; one with children stays as a name that cannot be selected (RFC 3501 6.3.4)."""
        with self.batch(address):
            user = self.user(address)
            name = canonical_name(name)
            if name == INBOX:
                raise MailboxProtected(name)
            mailbox = self.mailbox(address, name)
            self.expunge(address, name, list(mailbox.messages))
            if any(other.startswith(name + "/") for other in user.mailboxes):
                mailbox.is_selectable = False
            else:
                del user.mailboxes[name]

    def rename_mailbox(self, address: str, name: str, target: str) -> None:
        """Rename a mailbox and its children. INBOX is emptied into the new mailbox instead (RFC 3501 6.3.5)."""
        with self.batch(address):
            user = self.user(address)
            name, target = canonical_name(name), canonical_name(target.rstrip("/"))
            if target in user.mailboxes:
                raise MailboxExists(target)
            if name not in user.mailboxes:
                raise NoSuchMailbox(name)
            if name == INBOX:
                self.create_mailbox(address, target)
                self.move(address, name, list(user.mailboxes[INBOX].messages), target)
                return
            renamed: dict[str, Mailbox] = {}
            for old, mailbox in user.mailboxes.items():
                if old == name or old.startswith(name + "/"):
                    mailbox.name = target + old[len(name) :]
                renamed[mailbox.name] = mailbox
            user.mailboxes = renamed
            levels = target.split("/")
            for depth in range(1, len(levels)):
                parent = "/".join(levels[:depth])
                if parent not in user.mailboxes:
                    self._make_mailbox(user, parent, None)

    def set_subscribed(self, address: str, name: str, *, on: bool) -> None:
        """Subscribe or unsubscribe. Raises `NoSuchMailbox`."""
        with self.batch(address):
            try:
                self.user(address).mailboxes[canonical_name(name)].is_subscribed = on
            except KeyError:
                raise NoSuchMailbox(name) from None

    def change_uidvalidity(self, address: str, name: str = INBOX, *, to: int | None = None) -> int:
        """Give a mailbox another UIDVALIDITY and its messages new UIDs from 1, as a rebuilt server would."""
        with self.batch(address):
            mailbox = self.mailbox(address, name)
            mailbox.uidvalidity = self._take_uidvalidity() if to is None else to
            messages = list(mailbox.messages.values())
            mailbox.messages.clear()
            mailbox.expunged.clear()
            for uid, message in enumerate(messages, start=1):
                message.uid, message.modseq = uid, mailbox.next_modseq()
                mailbox.messages[uid] = message
            mailbox.uidnext = len(messages) + 1
            return mailbox.uidvalidity

    # Messages

    def append(
        self,
        address: str,
        name: str,
        raw: bytes,
        *,
        flags: Iterable[str] = (),
        internal_date: datetime | None = None,
    ) -> int:
        """Add a message and return its UID. `internal_date` is aware and defaults to the present second."""
        with self.batch(address):
            mailbox = self.mailbox(address, name)
            date = internal_date or datetime.now(UTC).replace(microsecond=0)
            return self._add(mailbox, raw, canonical_flags(flags), date)

    def change_flags(
        self, address: str, name: str, uids: Iterable[int], *, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> None:
        """Add and remove flags of messages; unknown UIDs are ignored. MODSEQ rises only where something changed."""
        added, removed = canonical_flags(add), canonical_flags(remove)
        with self.batch(address):
            mailbox = self.mailbox(address, name)
            for uid in uids:
                message = mailbox.messages.get(uid)
                if message is not None and (after := (message.flags - removed) | added) != message.flags:
                    message.flags, message.modseq = after, mailbox.next_modseq()

    def expunge(self, address: str, name: str, uids: Iterable[int]) -> list[int]:
        """Remove messages for good and return the UIDs that were really there."""
        with self.batch(address):
            mailbox = self.mailbox(address, name)
            gone = [uid for uid in uids if mailbox.messages.pop(uid, None) is not None]
            for uid in gone:
                mailbox.expunged.append((mailbox.next_modseq(), uid))
            return gone

    def copy(self, address: str, name: str, uids: Iterable[int], target: str) -> list[tuple[int, int]]:
        """Copy messages with flags and internal date; returns (old UID, new UID) pairs. Raises `NoSuchMailbox`."""
        with self.batch(address):
            source, destination = self.mailbox(address, name), self.mailbox(address, target)
            found = [source.messages[uid] for uid in uids if uid in source.messages]
            return [(one.uid, self._add(destination, one.raw, one.flags, one.internal_date)) for one in found]

    def move(self, address: str, name: str, uids: Iterable[int], target: str) -> list[tuple[int, int]]:
        """Copy, then expunge the sources, with no state in between that another session could see."""
        with self.batch(address):
            pairs = self.copy(address, name, uids, target)
            self.expunge(address, name, [old for old, _ in pairs])
            return pairs

    # Notes, changes

    def note_once(self, topic: str, text: str) -> bool:
        """Remember a text under a topic; True the first time. Used for "answered already" and "filled already"."""
        with self.batch(None):
            known = self.notes.setdefault(topic, [])
            if text in known:
                return False
            known.append(text)
            return True

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(address)` after changes, from whatever thread made them; returns a function to stop it."""
        with self.lock:
            self._listeners.append(listener)

        def stop() -> None:
            with self.lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return stop

    @contextmanager
    def batch(self, address: str | None) -> Iterator[None]:
        """Hold the lock over several changes; they are written and announced once, at the end of the outermost one."""
        with self.lock:
            self._batch_depth += 1
            try:
                yield
            finally:
                self._batch_depth -= 1
                if address is not None:
                    self._changed_users.add(address.lower())
                if self._batch_depth == 0:
                    self._finish_batch()

    def _finish_batch(self) -> None:
        changed, self._changed_users = self._changed_users, set()
        if self._archive:
            self._archive.save(self)
        for address in changed:
            for listener in list(self._listeners):
                listener(address)

    def _take_uidvalidity(self) -> int:
        self.next_uidvalidity += 1
        return self.next_uidvalidity - 1

    def _make_mailbox(self, user: User, name: str, special_use: str | None) -> Mailbox:
        uidvalidity = self._take_uidvalidity()
        mailbox = Mailbox(name=name, object_id=f"M{uidvalidity}", uidvalidity=uidvalidity, special_use=special_use)
        user.mailboxes[name] = mailbox
        return mailbox

    @staticmethod
    def _add(mailbox: Mailbox, raw: bytes, flags: frozenset[str], internal_date: datetime) -> int:
        uid = mailbox.uidnext
        mailbox.uidnext += 1
        mailbox.messages[uid] = Message(uid, raw, flags, internal_date, mailbox.next_modseq())
        return uid
