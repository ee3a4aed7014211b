"""NOTIFY (RFC 5465): telling a client of changes in mailboxes it has not selected, and in the list of mailboxes.

What is asked for is kept in `Session.notify`; `tell_changes` compares the store with what the client was told last. Changes are
told in IDLE and with the answers of commands, not between them, which the RFC leaves to servers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from webmail.demo.imap_syntax import Bad, No, Value, as_list, as_word
from webmail.demo.model import INBOX, Mailbox, canonical_name

if TYPE_CHECKING:
    from webmail.demo.imap_session import Session

_MESSAGE_EVENTS = frozenset({"MESSAGENEW", "MESSAGEEXPUNGE", "FLAGCHANGE"})
_MAILBOX_EVENTS = frozenset({"MAILBOXNAME", "SUBSCRIPTIONCHANGE"})
_SELECTED = ("SELECTED", "SELECTED-DELAYED")
_WITH_NAMES = ("MAILBOXES", "SUBTREE")
_FILTERS = ("INBOXES", "PERSONAL", "SUBSCRIBED", *_WITH_NAMES)
_SPELLING = ("MessageNew", "MessageExpunge", "FlagChange", "MailboxName", "SubscriptionChange")


@dataclass(frozen=True, slots=True)
class Group:
    """Mailboxes, and what to tell of them."""

    which: str
    names: tuple[str, ...]
    events: frozenset[str]

    def holds(self, mailbox: Mailbox) -> bool:
        """Whether the mailbox is one of these."""
        if self.which == "INBOXES":
            return mailbox.name == INBOX
        if self.which == "SUBSCRIBED":
            return mailbox.is_subscribed
        if self.which == "MAILBOXES":
            return mailbox.name in self.names
        if self.which == "SUBTREE":
            return any(mailbox.name == name or mailbox.name.startswith(name + "/") for name in self.names)
        return True


@dataclass(frozen=True, slots=True)
class Seen:
    """A mailbox as the client was told of it last."""

    name: str
    is_subscribed: bool
    uidvalidity: int
    uidnext: int
    expunged: int
    modseq: int


@dataclass(slots=True)
class Notify:
    """What one client wants to hear. `tells_selected`: of the selected mailbox as well."""

    groups: list[Group]
    tells_selected: bool
    seen: dict[str, Seen] = field(default_factory=dict)

    def events_of(self, mailbox: Mailbox) -> frozenset[str]:
        """The first group that holds the mailbox decides (RFC 5465 section 3)."""
        return next((group.events for group in self.groups if group.holds(mailbox)), frozenset())


def do_notify(session: Session, args: list[Value]) -> str:
    """NOTIFY SET and NOTIFY NONE. Raises `No` [BADEVENT] for events it does not know."""
    session.require("NOTIFY")
    _ = session.account
    if not args:
        raise Bad("Missing arguments")
    word = as_word(args[0])
    if word == "NONE" and len(args) == 1:
        session.notify = None
        return "Notify completed."
    groups = args[1:]
    wants_status = bool(groups) and not isinstance(groups[0], list) and as_word(groups[0]) == "STATUS"
    groups = groups[1:] if wants_status else groups
    if word != "SET" or not groups:
        raise Bad("Unknown arguments")
    notify = Notify([], tells_selected=False)
    for group in groups:
        _read_group(session, notify, as_list(group))
    session.notify = notify
    notify.seen = _snapshot(session)
    if wants_status:
        for mailbox in _mailboxes(session):
            if mailbox.is_selectable and notify.events_of(mailbox) & _MESSAGE_EVENTS:
                session.untagged(_status_line(session, mailbox))
    return "Notify completed."


def _read_group(session: Session, notify: Notify, parts: list[Value]) -> None:
    if len(parts) < 2:
        raise Bad("An event group needs mailboxes and events")
    which = as_word(parts[0])
    names: tuple[str, ...] = ()
    if which in _WITH_NAMES:
        names = tuple(canonical_name(session.store_name(name)) for name in as_list(parts[1]))
        parts = parts[1:]
    if len(parts) != 2 or which not in (*_SELECTED, *_FILTERS):
        raise Bad("Unknown mailboxes")
    events = _read_events(parts[1])
    if which not in _SELECTED:
        notify.groups.append(Group(which, names, events))
        return
    if events & _MAILBOX_EVENTS:
        raise Bad("The selected mailbox has message events only")
    notify.tells_selected = bool(events)


def _read_events(value: Value) -> frozenset[str]:
    if not isinstance(value, list):
        if as_word(value) == "NONE":
            return frozenset()
        raise Bad("Events are a list")
    # After MessageNew of SELECTED may come a list of FETCH items.
    events = frozenset(as_word(event) for event in value if not isinstance(event, list))
    if events - _MESSAGE_EVENTS - _MAILBOX_EVENTS:
        raise No("Unknown event", code=f"BADEVENT ({' '.join(_SPELLING)})")
    pair = events & {"MESSAGENEW", "MESSAGEEXPUNGE"}
    if len(pair) == 1 or ("FLAGCHANGE" in events and not pair):
        raise Bad("MessageNew and MessageExpunge go together")  # RFC 5465 section 5
    return events


def tell_changes(session: Session) -> None:
    """Queue what has changed since last time. More at once than the server wants to tell ends NOTIFY (section 5.8)."""
    notify = session.notify
    if notify is None:
        return
    before, notify.seen = notify.seen, _snapshot(session)
    lines = list(_changes(session, notify, before))
    if len(lines) > session.config.notify_limit:
        session.notify = None
        session.untagged("OK [NOTIFICATIONOVERFLOW] Too many changes; none are told any more.")
        return
    for line in lines:
        session.untagged(line)


def _changes(session: Session, notify: Notify, before: dict[str, Seen]) -> Iterator[bytes]:
    mailboxes = {mailbox.object_id: mailbox for mailbox in _mailboxes(session)}
    for object_id, old in before.items():
        if object_id not in mailboxes and "MAILBOXNAME" in notify.events_of(Mailbox(old.name, object_id, 0)):
            yield _list_line(session, "\\NonExistent", old.name)
    selected = session.view.mailbox.object_id if session.view is not None else ""
    for object_id, mailbox in mailboxes.items():
        known, now, events = before.get(object_id), notify.seen[object_id], notify.events_of(mailbox)
        if (known is None or known.name != now.name) and "MAILBOXNAME" in events:
            yield _list_line(session, "", now.name, old_name=known.name if known is not None else "")
        elif known is not None and known.is_subscribed != now.is_subscribed and "SUBSCRIPTIONCHANGE" in events:
            yield _list_line(session, "\\Subscribed" if now.is_subscribed else "", now.name)
        if known is not None and object_id != selected and _is_told(known, now, events):
            yield _status_line(session, mailbox)


def _is_told(known: Seen, now: Seen, events: frozenset[str]) -> bool:
    """Whether what happened to the messages of a mailbox is one of the events."""
    if known.uidvalidity != now.uidvalidity or known.uidnext != now.uidnext:
        return "MESSAGENEW" in events
    if known.expunged != now.expunged:
        return "MESSAGEEXPUNGE" in events
    return known.modseq != now.modseq and "FLAGCHANGE" in events


def _mailboxes(session: Session) -> list[Mailbox]:
    return list(session.store.user(session.account).mailboxes.values())


def _snapshot(session: Session) -> dict[str, Seen]:
    return {
        box.object_id: Seen(
            box.name, box.is_subscribed, box.uidvalidity, box.uidnext, len(box.expunged), box.highest_modseq
        )
        for box in _mailboxes(session)
    }


def _status_line(session: Session, mailbox: Mailbox) -> bytes:
    values = f"MESSAGES {len(mailbox.messages)} UIDNEXT {mailbox.uidnext} UIDVALIDITY {mailbox.uidvalidity}"
    if session.has("CONDSTORE"):
        values += f" HIGHESTMODSEQ {mailbox.highest_modseq}"
    return b"STATUS " + session.wire_name(mailbox.name) + f" ({values})".encode("ascii")


def _list_line(session: Session, attribute: str, name: str, *, old_name: str = "") -> bytes:
    line = f'LIST ({attribute}) "{session.config.delimiter}" '.encode("ascii") + session.wire_name(name)
    return line + b' ("OLDNAME" (' + session.wire_name(old_name) + b"))" if old_name else line


def wants_selected(session: Session) -> bool:
    """Whether changes of the selected mailbox are told unasked: always without NOTIFY, else as it says."""
    return session.notify is None or session.notify.tells_selected
