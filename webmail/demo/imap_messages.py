"""IMAP commands about messages: FETCH, STORE, SEARCH, COPY, MOVE, APPEND, EXPUNGE, and their UID forms.

Each handler takes the session, the parsed arguments and `by_uid`, queues untagged lines and returns the text of its OK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from webmail.demo.errors import NoSuchMailbox
from webmail.demo.imap_fetch import Item, parse_items, render_item
from webmail.demo.imap_mailboxes import report_vanished
from webmail.demo.imap_search import KeyReader
from webmail.demo.imap_syntax import (
    Atom,
    Bad,
    No,
    Value,
    as_list,
    as_number,
    as_text,
    as_word,
    format_set,
    parse_date_time,
    parse_set,
)
from webmail.demo.model import SYSTEM_FLAGS, Message, canonical_flags

if TYPE_CHECKING:
    from datetime import datetime

    from webmail.demo.imap_session import Session, View


def do_fetch(session: Session, args: list[Value], *, by_uid: bool = False) -> str:
    """FETCH and UID FETCH, with CHANGEDSINCE and VANISHED of RFC 7162 3.1.4 and 3.2.6."""
    view = session.selected
    if len(args) < 2:
        raise Bad("Missing arguments")
    items = parse_items(args[1], capabilities=session.config.capabilities)
    since, wants_vanished = _fetch_modifiers(session, args[2:], by_uid=by_uid)
    names = {item.name for item in items}
    if "MODSEQ" in names:
        session.enable_condstore()
    if by_uid and "UID" not in names:
        items.insert(0, Item("UID"))
    if session.is_condstore and "MODSEQ" not in names and (since is not None or "FLAGS" in names):
        items.append(Item("MODSEQ"))
    messages = session.pick(args[0], by_uid=by_uid)
    if wants_vanished and since is not None:
        report_vanished(session, view, since=since, known=parse_set(args[0], largest=view.mailbox.uidnext))
    for seq, message in messages:
        if since is None or message.modseq > since:
            _fetch_one(session, view, seq, message, items)
    return "Fetch completed."


def _fetch_modifiers(session: Session, args: list[Value], *, by_uid: bool) -> tuple[int | None, bool]:
    if not args:
        return None, False
    words = as_list(args[0])
    if len(words) < 2 or as_word(words[0]) != "CHANGEDSINCE":
        raise Bad("Unknown FETCH modifier")
    session.enable_condstore()
    wants_vanished = len(words) == 3 and as_word(words[2]) == "VANISHED"
    if wants_vanished and not (by_uid and "QRESYNC" in session.enabled):
        raise Bad("VANISHED needs UID FETCH and QRESYNC")
    return as_number(words[1]), wants_vanished


def _fetch_one(session: Session, view: View, seq: int, message: Message, items: list[Item]) -> None:
    names = {item.name for item in items}
    marks_seen = not view.is_read_only and any(item.sets_seen for item in items) and "\\Seen" not in message.flags
    if marks_seen:
        session.store.change_flags(session.account, view.name, [message.uid], add=["\\Seen"])
        if "FLAGS" not in names:
            items = [*items, Item("FLAGS")]
        view.told[message.uid] = message.modseq
    rendered = b" ".join(render_item(item, message) for item in items)
    session.untagged(b"%d FETCH (%b)" % (seq, rendered))


def do_store(session: Session, args: list[Value], *, by_uid: bool = False) -> str:
    """STORE and UID STORE, with UNCHANGEDSINCE of RFC 7162 3.1.3."""
    view = session.selected
    if len(args) < 3:
        raise Bad("Missing arguments")
    if view.is_read_only:
        raise No("Mailbox is read-only", code="READ-ONLY")
    unchanged_since: int | None = None
    if isinstance(args[1], list):
        if len(args[1]) != 2 or as_word(args[1][0]) != "UNCHANGEDSINCE":
            raise Bad("Unknown STORE modifier")
        session.enable_condstore()
        unchanged_since = as_number(args[1][1])
        args = [args[0], *args[2:]]
    action, _, suffix = as_word(args[1]).partition(".")
    if action not in ("FLAGS", "+FLAGS", "-FLAGS") or suffix not in ("", "SILENT"):
        raise Bad("Unknown STORE item")
    flags = _allowed_flags(session, [flag for value in args[2:] for flag in as_list(value)])
    messages = session.pick(args[0], by_uid=by_uid)
    refused = [(seq, one) for seq, one in messages if unchanged_since is not None and one.modseq > unchanged_since]
    refused_uids = {one.uid for _, one in refused}
    for seq, message in messages:
        if message.uid not in refused_uids:
            _store_one(session, view, message, action, flags)
            if not suffix or session.is_condstore:
                _report_store(session, seq, message, by_uid=by_uid, with_flags=not suffix)
    if refused:
        numbers = format_set(one.uid if by_uid else seq for seq, one in refused)
        return f"[MODIFIED {numbers}] Conditional store failed."
    return "Store completed."


def _allowed_flags(session: Session, values: list[Value]) -> frozenset[str]:
    flags = canonical_flags(as_text(value) for value in values)
    return flags if session.config.allows_keywords else flags & frozenset(SYSTEM_FLAGS)


def _store_one(session: Session, view: View, message: Message, action: str, flags: frozenset[str]) -> None:
    add = flags if action != "-FLAGS" else frozenset[str]()
    remove = {"FLAGS": message.flags - flags, "-FLAGS": flags}.get(action, frozenset())
    session.store.change_flags(session.account, view.name, [message.uid], add=add, remove=remove)
    view.told[message.uid] = message.modseq


def _report_store(session: Session, seq: int, message: Message, *, by_uid: bool, with_flags: bool) -> None:
    if with_flags:
        session.report_flags(seq, message, with_uid=by_uid)
        return
    # RFC 7162 3.1.3: .SILENT leaves out the flags, never the new MODSEQ.
    uid = b"UID %d " % message.uid if by_uid else b""
    session.untagged(b"%d FETCH (%bMODSEQ (%d))" % (seq, uid, message.modseq))


def do_search(session: Session, args: list[Value], *, by_uid: bool = False) -> str:
    """SEARCH and UID SEARCH; with RETURN it answers ESEARCH (RFC 4731)."""
    view = session.selected
    options, keys = _search_options(session, args)
    reader = KeyReader(
        keys, largest_uid=view.largest_uid, largest_seq=len(view.uids), has_modseq=session.has("CONDSTORE")
    )
    test = reader.read_all()
    if reader.used_modseq:
        session.enable_condstore()
    messages = view.mailbox.messages
    found = [
        (seq, messages[uid])
        for seq, uid in enumerate(view.uids, start=1)
        if uid in messages and test(seq, messages[uid])
    ]
    numbers = [one.uid if by_uid else seq for seq, one in found]
    modseq = f"MODSEQ {max(one.modseq for _, one in found)}" if reader.used_modseq and found else ""
    if options is None:
        words = ["SEARCH", *map(str, numbers)] + ([f"({modseq})"] if modseq else [])
    else:
        words = [f'ESEARCH (TAG "{session.tag}")', *(["UID"] if by_uid else [])]
        words += _esearch_results(options, numbers) + ([modseq] if modseq else [])
    session.untagged(" ".join(words))
    return "Search completed."


def _search_options(session: Session, args: list[Value]) -> tuple[set[str] | None, list[Value]]:
    options: set[str] | None = None
    if len(args) > 1 and not isinstance(args[0], list) and as_word(args[0]) == "RETURN" and isinstance(args[1], list):
        session.require("ESEARCH")
        options = {as_word(option) for option in args[1]} or {"ALL"}
        args = args[2:]
    if len(args) > 1 and not isinstance(args[0], list) and as_word(args[0]) == "CHARSET":
        if as_word(args[1]) not in ("UTF-8", "US-ASCII"):
            raise No("Unknown charset", code="BADCHARSET (UTF-8 US-ASCII)")
        args = args[2:]
    return options, args


def _esearch_results(options: set[str], numbers: list[int]) -> list[str]:
    words = []
    if numbers:
        if "MIN" in options:
            words.append(f"MIN {min(numbers)}")
        if "MAX" in options:
            words.append(f"MAX {max(numbers)}")
        if "ALL" in options:
            words.append(f"ALL {format_set(numbers)}")
    if "COUNT" in options:
        words.append(f"COUNT {len(numbers)}")
    return words


def do_copy(session: Session, args: list[Value], *, by_uid: bool = False, moves: bool = False) -> str:
    """COPY and MOVE. With UIDPLUS, COPYUID is in the OK of COPY, and untagged before MOVE's EXPUNGE (RFC 6851 4.3)."""
    view = session.selected
    if len(args) != 2:
        raise Bad("Missing arguments")
    if moves and view.is_read_only:
        raise No("Mailbox is read-only", code="READ-ONLY")
    uids = [message.uid for _, message in session.pick(args[0], by_uid=by_uid)]
    target = session.store_name(args[1])
    act = session.store.move if moves else session.store.copy
    try:
        pairs = act(session.account, view.name, uids, target)
        destination = session.store.mailbox(session.account, target)
    except NoSuchMailbox:
        raise No("No such mailbox", code="TRYCREATE") from None
    code = ""
    if pairs and session.has("UIDPLUS"):
        # RFC 4315 3: the sets pair up by order; both ascend, as `pick` does and new UIDs are given in that order.
        old, new = format_set(pair[0] for pair in pairs), format_set(pair[1] for pair in pairs)
        code = f"[COPYUID {destination.uidvalidity} {old} {new}] "
    if not moves:
        return f"{code}Copy completed."
    if code:
        session.untagged(f"OK {code}Moved")
    return "Move completed."


def do_move(session: Session, args: list[Value], *, by_uid: bool = False) -> str:
    """MOVE, RFC 6851."""
    session.require("MOVE")
    return do_copy(session, args, by_uid=by_uid, moves=True)


def do_append(session: Session, args: list[Value]) -> str:
    """APPEND one message, with optional flags and date; APPENDUID with UIDPLUS."""
    if len(args) < 2 or isinstance(args[-1], list | Atom):
        raise Bad("Missing message")
    name, raw, middle = session.store_name(args[0]), args[-1], args[1:-1]
    flags: frozenset[str] = frozenset()
    if middle and isinstance(middle[0], list):
        flags = _allowed_flags(session, middle[0])
        middle = middle[1:]
    date: datetime | None = parse_date_time(as_text(middle[0])) if middle else None
    try:
        uid = session.store.append(session.account, name, bytes(raw), flags=flags, internal_date=date)
        mailbox = session.store.mailbox(session.account, name)
    except NoSuchMailbox:
        raise No("No such mailbox", code="TRYCREATE") from None
    return (
        f"[APPENDUID {mailbox.uidvalidity} {uid}] Append completed." if session.has("UIDPLUS") else "Append completed."
    )


def do_expunge(session: Session, args: list[Value], *, by_uid: bool = False) -> str:
    """EXPUNGE, and UID EXPUNGE of RFC 4315, which spares what other clients marked."""
    view = session.selected
    if view.is_read_only:
        raise No("Mailbox is read-only", code="READ-ONLY")
    if by_uid:
        session.require("UIDPLUS")
        if not args:
            raise Bad("Missing message set")
        candidates = [message for _, message in session.pick(args[0], by_uid=True)]
    else:
        candidates = list(view.mailbox.messages.values())
    session.store.expunge(session.account, view.name, [one.uid for one in candidates if "\\Deleted" in one.flags])
    session.poll(may_expunge=True)
    if session.has("CONDSTORE") and session.is_condstore:
        return f"[HIGHESTMODSEQ {view.mailbox.highest_modseq}] Expunge completed."
    return "Expunge completed."
