"""IMAP commands about mailboxes: LIST, LSUB, STATUS, SELECT, CREATE, DELETE, RENAME, SUBSCRIBE, NAMESPACE, CLOSE.

Each handler takes the session and the parsed arguments, queues untagged lines and returns the text of its OK.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from webmail.demo.errors import MailboxExists, MailboxProtected, NoSuchMailbox
from webmail.demo.imap_session import Session, View
from webmail.demo.imap_syntax import Bad, No, Value, as_list, as_number, as_text, as_word, format_set, parse_set
from webmail.demo.model import INBOX, SYSTEM_FLAGS, Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable

STATUS_ITEMS: dict[str, tuple[str, Callable[[Mailbox], str]]] = {
    "MESSAGES": ("", lambda box: str(len(box.messages))),
    "RECENT": ("", lambda box: "0"),
    "UIDNEXT": ("", lambda box: str(box.uidnext)),
    "UIDVALIDITY": ("", lambda box: str(box.uidvalidity)),
    "UNSEEN": ("", lambda box: str(sum("\\Seen" not in one.flags for one in box.messages.values()))),
    "HIGHESTMODSEQ": ("CONDSTORE", lambda box: str(box.highest_modseq)),
    "MAILBOXID": ("OBJECTID", lambda box: f"({box.object_id})"),
}


def do_list(session: Session, args: list[Value]) -> str:
    """LIST, with the selection and return options of RFC 5258, 5819 and 6154."""
    account = session.account
    selection: set[str] = set()
    if args and isinstance(args[0], list):
        session.require("LIST-EXTENDED")
        selection = {as_word(option) for option in args[0]}
        args = args[1:]
    if len(args) < 2:
        raise Bad("Missing arguments")
    reference, patterns = as_text(args[0]), [as_text(pattern) for pattern in as_list(args[1])]
    returned, status_items = _return_options(session, args[2:])
    if patterns == [""]:
        session.untagged(f'LIST (\\Noselect) "{session.config.delimiter}" ""')
        return "List completed."
    matcher = _pattern_matcher(session, reference, patterns)
    for mailbox in list(session.store.user(account).mailboxes.values()):
        if not matcher(mailbox.name) or not _is_chosen(mailbox, selection):
            continue
        attributes = _attributes(session, mailbox, show_subscribed=bool({"SUBSCRIBED"} & (selection | returned)))
        session.untagged(_list_line(session, "LIST", mailbox, attributes))
        if status_items and mailbox.is_selectable:
            session.untagged(_status_line(session, mailbox, status_items))
    return "List completed."


def _is_chosen(mailbox: Mailbox, selection: set[str]) -> bool:
    if "SUBSCRIBED" in selection and not mailbox.is_subscribed:
        return False
    return not ("SPECIAL-USE" in selection and mailbox.special_use is None)


def _return_options(session: Session, args: list[Value]) -> tuple[set[str], list[str]]:
    if not args:
        return set(), []
    if len(args) != 2 or as_word(args[0]) != "RETURN" or not isinstance(args[1], list):
        raise Bad("Unknown arguments")
    session.require("LIST-EXTENDED")
    names: set[str] = set()
    status_items: list[str] = []
    for option in args[1]:
        if isinstance(option, list):
            session.require("LIST-STATUS")
            status_items = _status_names(session, option)
        else:
            names.add(as_word(option))
    return names, status_items


def _pattern_matcher(session: Session, reference: str, patterns: list[str]) -> Callable[[str], bool]:
    delimiter = session.config.delimiter
    within_level = "[^" + re.escape(delimiter) + "]*"
    expressions = []
    for pattern in patterns:
        pieces = re.split(r"([*%])", reference + pattern)
        text = "".join({"*": ".*", "%": within_level}.get(piece, re.escape(piece)) for piece in pieces)
        expressions.append(re.compile(text, re.DOTALL))

    def matches(name: str) -> bool:
        shown = session.wire_name(name)[1:-1].decode("ascii")
        if name == INBOX:
            return any(re.fullmatch(one.pattern, shown, re.IGNORECASE | re.DOTALL) for one in expressions)
        return any(one.fullmatch(shown) for one in expressions)

    return matches


def _attributes(session: Session, mailbox: Mailbox, *, show_subscribed: bool) -> list[str]:
    attributes = [] if mailbox.is_selectable else ["\\Noselect"]
    if session.has("CHILDREN"):
        names = session.store.user(session.account).mailboxes
        has_children = any(name.startswith(mailbox.name + "/") for name in names)
        attributes.append("\\HasChildren" if has_children else "\\HasNoChildren")
    if session.has("SPECIAL-USE") and mailbox.special_use:
        attributes.append(mailbox.special_use)
    if show_subscribed and mailbox.is_subscribed:
        attributes.append("\\Subscribed")
    return attributes


def _list_line(session: Session, command: str, mailbox: Mailbox, attributes: list[str]) -> bytes:
    start = f'{command} ({" ".join(attributes)}) "{session.config.delimiter}" '
    return start.encode("ascii") + session.wire_name(mailbox.name)


def do_lsub(session: Session, args: list[Value]) -> str:
    """LSUB: the subscribed mailboxes."""
    if len(args) != 2:
        raise Bad("Missing arguments")
    matcher = _pattern_matcher(session, as_text(args[0]), [as_text(args[1])])
    for mailbox in session.store.user(session.account).mailboxes.values():
        if mailbox.is_subscribed and matcher(mailbox.name):
            session.untagged(_list_line(session, "LSUB", mailbox, []))
    return "Lsub completed."


def do_status(session: Session, args: list[Value]) -> str:
    """STATUS of one mailbox."""
    if len(args) != 2 or not isinstance(args[1], list):
        raise Bad("Missing arguments")
    names = _status_names(session, args[1])
    session.untagged(_status_line(session, session.mailbox(session.store_name(args[0])), names))
    return "Status completed."


def _status_names(session: Session, items: list[Value]) -> list[str]:
    names = [as_word(item) for item in items]
    for name in names:
        if name not in STATUS_ITEMS or (STATUS_ITEMS[name][0] and not session.has(STATUS_ITEMS[name][0])):
            raise Bad("Unknown STATUS item")
        if name == "HIGHESTMODSEQ":
            session.enable_condstore()
    return names


def _status_line(session: Session, mailbox: Mailbox, names: list[str]) -> bytes:
    values = " ".join(f"{name} {STATUS_ITEMS[name][1](mailbox)}" for name in names)
    return b"STATUS " + session.wire_name(mailbox.name) + f" ({values})".encode("ascii")


def do_select(session: Session, args: list[Value], *, is_read_only: bool = False) -> str:
    """SELECT and EXAMINE, with the CONDSTORE and QRESYNC parameters of RFC 7162."""
    if not args:
        raise Bad("Missing mailbox")
    _ = session.account
    if session.view is not None and "QRESYNC" in session.enabled:
        session.untagged("OK [CLOSED] Previous mailbox closed.")  # RFC 7162 3.2.11
    session.view = None
    parameters = args[1] if len(args) > 1 and isinstance(args[1], list) else []
    name = session.store_name(args[0])
    resync = _select_parameters(session, parameters)
    mailbox = session.mailbox(name)
    view = View(mailbox, name, is_read_only, list(mailbox.messages), mailbox.highest_modseq)
    session.view = view
    flags = " ".join(SYSTEM_FLAGS)
    keywords = {flag for one in mailbox.messages.values() for flag in one.flags if not flag.startswith("\\")}
    session.untagged(" ".join([f"FLAGS ({flags}", *sorted(keywords)]) + ")")
    permanent = "" if is_read_only else flags + (" \\*" if session.config.allows_keywords else "")
    session.untagged(f"OK [PERMANENTFLAGS ({permanent})] Flags that are kept")
    session.untagged(f"{len(view.uids)} EXISTS")
    session.untagged("0 RECENT")
    unseen = [seq for seq, one in enumerate(mailbox.messages.values(), 1) if "\\Seen" not in one.flags]
    if unseen:
        session.untagged(f"OK [UNSEEN {unseen[0]}] First unseen")
    session.untagged(f"OK [UIDVALIDITY {mailbox.uidvalidity}] UIDs valid")
    session.untagged(f"OK [UIDNEXT {mailbox.uidnext}] Predicted next UID")
    if session.has("CONDSTORE"):
        session.untagged(f"OK [HIGHESTMODSEQ {mailbox.highest_modseq}] Highest")
    if session.has("OBJECTID"):
        session.untagged(f"OK [MAILBOXID ({mailbox.object_id})] Ok")
    if resync:
        _report_resync(session, view, resync)
    return "[READ-ONLY] Examined." if is_read_only else "[READ-WRITE] Selected."


def do_examine(session: Session, args: list[Value]) -> str:
    """EXAMINE: SELECT without the right to change anything."""
    return do_select(session, args, is_read_only=True)


def _select_parameters(session: Session, parameters: list[Value]) -> list[Value] | None:
    """The arguments of QRESYNC, or None. A parameter of an absent capability is BAD."""
    resync: list[Value] | None = None
    for position, parameter in enumerate(parameters):
        if isinstance(parameter, list):
            continue
        word = as_word(parameter)
        if word == "CONDSTORE":
            session.enable_condstore()
        elif word == "QRESYNC" and "QRESYNC" in session.enabled:
            following = parameters[position + 1] if position + 1 < len(parameters) else None
            if not isinstance(following, list) or len(following) < 2:
                raise Bad("QRESYNC needs UIDVALIDITY and MODSEQ")
            resync = following
        else:
            raise Bad("Unknown SELECT parameter")
    return resync


def _report_resync(session: Session, view: View, resync: list[Value]) -> None:
    mailbox = view.mailbox
    if as_number(resync[0]) != mailbox.uidvalidity:
        return  # RFC 7162 3.2.5: another UIDVALIDITY, so the client must start over and nothing is reported
    since = as_number(resync[1])
    known = (
        parse_set(resync[2], largest=mailbox.uidnext) if len(resync) > 2 and not isinstance(resync[2], list) else None
    )
    report_vanished(session, view, since=since, known=known)
    for seq, message in enumerate(mailbox.messages.values(), start=1):
        is_known = known is None or any(low <= message.uid <= high for low, high in known)
        if message.modseq > since and is_known:
            session.report_flags(seq, message, with_uid=True)


def report_vanished(session: Session, view: View, *, since: int, known: list[tuple[int, int]] | None) -> None:
    """VANISHED (EARLIER): what was expunged after MODSEQ `since`, of the `known` UID ranges when given."""
    gone = [
        uid
        for modseq, uid in view.mailbox.expunged
        if modseq > since and (known is None or any(low <= uid <= high for low, high in known))
    ]
    if gone:
        session.untagged(f"VANISHED (EARLIER) {format_set(gone)}")


def do_close(session: Session, args: list[Value]) -> str:
    """CLOSE: expunge silently what is marked \\Deleted, then leave the mailbox."""
    view = session.selected
    if not view.is_read_only:
        deleted = [one.uid for one in view.mailbox.messages.values() if "\\Deleted" in one.flags]
        session.store.expunge(session.account, view.name, deleted)
    session.view = None
    return "Closed."


def do_unselect(session: Session, args: list[Value]) -> str:
    """UNSELECT: leave the mailbox without expunging (RFC 3691)."""
    session.require("UNSELECT")
    _ = session.selected
    session.view = None
    return "Unselected."


def do_create(session: Session, args: list[Value]) -> str:
    """CREATE, with (USE (\\Archive)) of RFC 6154 understood where SPECIAL-USE is on."""
    if not args:
        raise Bad("Missing mailbox")
    name = session.store_name(as_text(args[0]).rstrip(session.config.delimiter).encode("utf-8", "surrogateescape"))
    use = None
    if len(args) > 1:
        session.require("SPECIAL-USE")
        parameters = as_list(args[1])
        if len(parameters) != 2 or as_word(parameters[0]) != "USE" or not isinstance(parameters[1], list):
            raise Bad("Unknown CREATE parameter")
        use = as_text(parameters[1][0]) if parameters[1] else None
    try:
        mailbox = session.store.create_mailbox(session.account, name, special_use=use)
    except MailboxExists:
        raise No("Mailbox already exists", code="ALREADYEXISTS") from None
    return f"[MAILBOXID ({mailbox.object_id})] Created." if session.has("OBJECTID") else "Created."


def do_delete(session: Session, args: list[Value]) -> str:
    """DELETE."""
    if len(args) != 1:
        raise Bad("Missing mailbox")
    name = session.store_name(args[0])
    try:
        session.store.delete_mailbox(session.account, name)
    except NoSuchMailbox:
        raise No("No such mailbox", code="NONEXISTENT") from None
    except MailboxProtected:
        raise No("INBOX cannot be deleted", code="CANNOT") from None
    return "Deleted."


def do_rename(session: Session, args: list[Value]) -> str:
    """RENAME with all children."""
    if len(args) != 2:
        raise Bad("Missing arguments")
    try:
        session.store.rename_mailbox(session.account, session.store_name(args[0]), session.store_name(args[1]))
    except NoSuchMailbox:
        raise No("No such mailbox", code="NONEXISTENT") from None
    except MailboxExists:
        raise No("Target mailbox already exists", code="ALREADYEXISTS") from None
    return "Renamed."


def do_subscribe(session: Session, args: list[Value], *, on: bool = True) -> str:
    """SUBSCRIBE and UNSUBSCRIBE."""
    if len(args) != 1:
        raise Bad("Missing mailbox")
    try:
        session.store.set_subscribed(session.account, session.store_name(args[0]), on=on)
    except NoSuchMailbox:
        raise No("No such mailbox", code="NONEXISTENT") from None
    return "Subscribed." if on else "Unsubscribed."


def do_unsubscribe(session: Session, args: list[Value]) -> str:
    """UNSUBSCRIBE."""
    return do_subscribe(session, args, on=False)


def do_namespace(session: Session, args: list[Value]) -> str:
    """NAMESPACE, RFC 2342: one personal namespace, nothing shared."""
    session.require("NAMESPACE")
    _ = session.account
    session.untagged(f'NAMESPACE (("{session.config.prefix}" "{session.config.delimiter}")) NIL NIL')
    return "Namespace completed."
