"""The part of the session that looks at mailboxes from outside: LIST, LSUB, XLIST, STATUS, NAMESPACE and MYRIGHTS.

It must not select or change anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from webmail.protocols.errors import PermanentlyRefused
from webmail.protocols.imap.channel import Channel, Command, raise_if_refused, response_name
from webmail.protocols.imap.mailbox_list import (
    MAX_MAILBOXES,
    UNSELECTABLE,
    ListLine,
    mailbox_info,
    read_list_line,
    read_rights_line,
    read_status_line,
)
from webmail.protocols.imap.namespaces import PERSONAL, Namespace, Namespaces, read_namespaces
from webmail.protocols.imap.response_codes import refusal
from webmail.protocols.imap.types import MailboxStatus
from webmail.protocols.imap.wire import COMMAND_BYTES, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from webmail.protocols.imap.fetch_reader import Response
    from webmail.protocols.imap.types import MailboxInfo, SelectedMailbox

# Short commands and short answers: 32 of each are far below any socket buffer, so neither side can block on a full one.
SHORT_IN_FLIGHT: Final = 32
SHORT_BYTES: Final = 262_144  # what one of them may answer
_INBOX: Final = b"INBOX"
_PLAIN_STATUS_ITEMS: Final = b"MESSAGES UIDNEXT UIDVALIDITY"


@dataclass
class _Answers:
    """What the server said to one round of listing, by `_key` of the name."""

    lines: dict[bytes, ListLine] = field(default_factory=dict)
    subscribed: set[bytes] = field(default_factory=set)
    status: dict[bytes, MailboxStatus] = field(default_factory=dict)
    rights: dict[bytes, str] = field(default_factory=dict)


def _key(raw_name: bytes) -> bytes:
    """INBOX is one mailbox in any case (sync Y27); all other names are what they are."""
    return _INBOX if len(raw_name) == 5 and raw_name.upper() == _INBOX else raw_name


class Listing(Channel):
    """See the module."""

    selected: SelectedMailbox | None = None
    _namespaces: Namespaces | None = None
    _lists_plainly = False  # the server refused the extended LIST that it offers
    _apart: tuple[Namespace, ...] | None = None  # others' namespaces that `LIST "" "*"` leaves out
    _rights: dict[bytes, str] | None = None

    # Listing ------------------------------------------------------------------------------------------------

    def list_mailboxes(self, *, shared: bool = False) -> list[MailboxInfo]:
        """The mailboxes with status, in one round trip where the server can (sync Y17), else LIST, LSUB and pipelined
        STATUS (Y18); then the selected mailbox has no status. What belongs to others comes only with `shared` (Y19).

        Raises the error of the refusal when LIST itself is refused.
        """
        answers = _Answers()
        is_plain = self._lists_plainly
        try:
            self._ask(list(self._list_commands(shared=shared)), answers)
        except PermanentlyRefused:
            if is_plain or not self._is_extended:
                raise
            self._lists_plainly = True
            return self.list_mailboxes(shared=shared)
        if shared:
            self._list_apart(answers)
        spaces = self._namespaces or Namespaces()
        found = [(line, spaces.of(line.raw_name)) for line in answers.lines.values()]
        wanted = [(line, space) for line, space in found if shared or space.kind == PERSONAL]
        if not self._has_list_status:
            self._ask_status([line for line, _ in wanted], answers)
        is_marked = self._is_extended and self.supports("LIST-EXTENDED")
        return [
            mailbox_info(
                line,
                space,
                is_subscribed="\\subscribed" in line.attributes
                if is_marked
                else _key(line.raw_name) in answers.subscribed,
                status=answers.status.get(_key(line.raw_name)),
                rights=answers.rights.get(line.raw_name, ""),
            )
            for line, space in wanted
        ]

    @property
    def _is_extended(self) -> bool:
        return not self._lists_plainly and (self.supports("LIST-EXTENDED") or self.supports("LIST-STATUS"))

    @property
    def _has_list_status(self) -> bool:
        return self._is_extended and self.supports("LIST-STATUS")

    def _list_commands(self, *, shared: bool) -> Iterator[tuple[bytes, Command]]:
        if self.selected is not None:
            yield b"NOOP", (b"NOOP",)  # STATUS of the selected mailbox is only as new as its last look (Y18)
        yield b"LIST", (self._list_verb(), b'"" "*"', *self._return_options(shared=shared))
        if self._lists_plainly or not self.supports("LIST-EXTENDED"):
            yield b"LSUB", (b'LSUB "" "*"',)
        if self._namespaces is None and self.supports("NAMESPACE"):
            yield b"NAMESPACE", (b"NAMESPACE",)
        if shared:
            yield from self._apart_commands(self._apart or ())

    def _apart_commands(self, spaces: Iterable[Namespace]) -> Iterator[tuple[bytes, Command]]:
        for space in spaces:
            yield (
                b"LIST apart",
                (self._list_verb(), b'""', quoted(space.prefix + b"*"), *self._return_options(shared=True)),
            )

    def _list_verb(self) -> bytes:
        is_xlist = self.supports("XLIST") and not self.supports("SPECIAL-USE") and not self._is_extended
        return b"XLIST" if is_xlist else b"LIST"

    def _return_options(self, *, shared: bool) -> list[bytes]:
        if not self._is_extended:
            return []
        options = []
        if self.supports("LIST-EXTENDED"):
            options.append(b"SUBSCRIBED")
            if self.supports("SPECIAL-USE"):
                options.append(b"SPECIAL-USE")
        if shared and self.supports("LIST-MYRIGHTS"):
            options.append(b"MYRIGHTS")  # RFC 8440
        if self.supports("LIST-STATUS"):
            options.append(b"STATUS (" + self._status_items() + b")")
        return [b"RETURN (" + b" ".join(options) + b")"]

    def _list_apart(self, answers: _Answers) -> None:
        """Others' namespaces that the server does not show among all mailboxes are asked for by name, once known."""
        if self._apart is None:
            spaces = self._namespaces or Namespaces()
            shown = {spaces.of(line.raw_name) for line in answers.lines.values()}
            self._apart = tuple(space for space in spaces.foreign if space.prefix and space not in shown)
            self._ask(list(self._apart_commands(self._apart)), answers)

    def _ask(self, commands: list[tuple[bytes, Command]], answers: _Answers) -> None:
        """Run these at once. Raises the error of the refusal of LIST; others only lack what they would have said."""
        names = [name for name, _ in commands]
        refused = None
        # All are sent ahead, so this is one round trip; LIST comes first and the others are short.
        for item in self._pipeline(
            (command for _, command in commands),
            in_flight=min(max(len(commands), 1), SHORT_IN_FLIGHT),
            max_bytes=COMMAND_BYTES,
            stops_at_refusal=False,
        ):
            if not isinstance(item, tuple):
                self._take_list_answer(item, answers)
            elif names[item[0]] == b"LIST":
                refused = item[1]
        if refused is not None:
            raise_if_refused("LIST", refused)

    def _take_list_answer(self, response: Response, answers: _Answers) -> None:
        name = response_name(response.text)
        if name in (b"LIST", b"XLIST", b"LSUB"):
            line = read_list_line(response)
            if line is not None and name == b"LSUB":
                self._take_subscription(line, answers)
            elif line is not None and len(answers.lines) < MAX_MAILBOXES:
                if (
                    "\\inbox" in line.attributes and name == b"XLIST"
                ):  # shown in the user's language, addressed as INBOX
                    line = ListLine(_INBOX, line.delimiter, line.attributes)
                answers.lines.setdefault(_key(line.raw_name), line)
        elif name == b"STATUS":
            found = read_status_line(response)
            if found is not None and len(answers.status) < MAX_MAILBOXES:
                answers.status[_key(found[0])] = found[1]
        elif name == b"MYRIGHTS":
            told = read_rights_line(response)
            if told is not None and len(answers.rights) < MAX_MAILBOXES:
                answers.rights[told[0]] = told[1]
        elif name == b"NAMESPACE":
            self._namespaces = read_namespaces(response) or self._namespaces
        else:
            self._note(response)

    @staticmethod
    def _take_subscription(line: ListLine, answers: _Answers) -> None:
        # RFC 3501 6.3.9: \Noselect in LSUB means "not itself subscribed".
        if "\\noselect" not in line.attributes and len(answers.subscribed) < MAX_MAILBOXES:
            answers.subscribed.add(_key(line.raw_name))

    def namespaces(self) -> Namespaces:
        """What NAMESPACE says (RFC 2342), asked once a session; without it, everything is the user's own."""
        if self._namespaces is None and self.supports("NAMESPACE"):
            self._ask([(b"NAMESPACE", (b"NAMESPACE",))], _Answers())
        self._namespaces = self._namespaces or Namespaces()
        return self._namespaces

    # STATUS -------------------------------------------------------------------------------------------------

    def _status_items(self) -> bytes:
        items = [_PLAIN_STATUS_ITEMS]
        if self.supports("CONDSTORE"):
            items.append(b"HIGHESTMODSEQ")
        if self.supports("OBJECTID"):
            items.append(b"MAILBOXID")
        return b" ".join(items)

    def _status_commands(self, raw_names: Iterable[bytes]) -> Iterator[Command]:
        items = b"(" + self._status_items() + b")"
        return ((b"STATUS", quoted(raw_name), items) for raw_name in raw_names)

    def _ask_status(self, lines: list[ListLine], answers: _Answers) -> None:
        """STATUS of each but the selected one, refused ones left out: one broken mailbox hides no other (R37)."""
        selected = _key(self.selected.raw_name) if self.selected is not None else None
        names = [line.raw_name for line in lines if not line.attributes & UNSELECTABLE]
        commands = self._status_commands(name for name in names if _key(name) != selected)
        for item in self._pipeline(commands, in_flight=SHORT_IN_FLIGHT, max_bytes=SHORT_BYTES, stops_at_refusal=False):
            if not isinstance(item, tuple):
                self._take_list_answer(item, answers)

    def status(self, raw_name: bytes) -> MailboxStatus:
        """STATUS of one mailbox: its numbers, without HIGHESTMODSEQ and MAILBOXID. Raises the error of the refusal, or `PermanentlyRefused` for an unusable answer."""
        found: list[MailboxStatus] = []

        def take(name: bytes, response: Response) -> bool:
            line = read_status_line(response) if name == b"STATUS" else None
            if line is not None:
                found.append(line[1])
            return name == b"STATUS"

        # Not MAILBOXID: Cyrus 3.6 may send freed memory for it, which makes the line unreadable.
        self._run(b"STATUS", quoted(raw_name), b"(" + _PLAIN_STATUS_ITEMS + b")", what="STATUS", on_untagged=take)
        if not found:
            raise PermanentlyRefused("the server gave no usable status of this mailbox", code="UIDVALIDITY")
        return found[-1]

    def absent_of(self, raw_names: Iterable[bytes]) -> set[bytes]:
        """Those of the mailboxes whose STATUS the server refuses for good: they are not there (sync Y26). Pipelined."""
        names = list(raw_names)
        absent: set[bytes] = set()
        for item in self._pipeline(
            self._status_commands(names), in_flight=SHORT_IN_FLIGHT, max_bytes=SHORT_BYTES, stops_at_refusal=False
        ):
            if not isinstance(item, tuple):
                self._note(item)
            elif item[1].status != "OK" and isinstance(refusal("STATUS", item[1].raw_text), PermanentlyRefused):
                absent.add(names[item[0]])
        return absent

    # Rights -------------------------------------------------------------------------------------------------

    def my_rights(self, raw_names: Iterable[bytes]) -> dict[bytes, str]:
        """The letters of RFC 4314 that we have in each mailbox, in order; empty where the server tells none.

        Pipelined, and each is asked once a session.
        """
        known = self._rights if self._rights is not None else {}
        self._rights = known
        names = list(raw_names)
        if self.supports("ACL"):
            self._ask_rights([name for name in names if name not in known][:MAX_MAILBOXES], known)
        return {name: known.get(name, "") for name in names}

    def _ask_rights(self, names: list[bytes], known: dict[bytes, str]) -> None:
        known.update(dict.fromkeys(names, ""))
        commands: Iterator[Command] = ((b"MYRIGHTS", quoted(name)) for name in names)
        for item in self._pipeline(commands, in_flight=SHORT_IN_FLIGHT, max_bytes=SHORT_BYTES, stops_at_refusal=False):
            if isinstance(item, tuple):
                continue
            told = read_rights_line(item) if response_name(item.text) == b"MYRIGHTS" else None
            if told is not None and told[0] in known:
                known[told[0]] = told[1]
            else:
                self._note(item)
