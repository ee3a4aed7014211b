"""The part of the session about mailboxes: list, status, select, create, rename, delete, subscribe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webmail.protocols.errors import PermanentlyRefused
from webmail.protocols.imap.channel import Channel, Command, raise_if_refused, response_name
from webmail.protocols.imap.fetch_reader import MAX_MODSEQ, Response, read_fetch
from webmail.protocols.imap.flags import keywords_of_flags
from webmail.protocols.imap.mailbox_list import (
    MAX_MAILBOXES,
    ListLine,
    foreign_prefixes,
    mailbox_info,
    read_list_line,
    read_status_line,
)
from webmail.protocols.imap.response_codes import split_code
from webmail.protocols.imap.tokens import read_number, tokenize
from webmail.protocols.imap.types import MailboxInfo, MailboxStatus, SelectedMailbox
from webmail.protocols.imap.uid_set import MAX_UID
from webmail.protocols.imap.utf7 import encode_mailbox_name
from webmail.protocols.imap.wire import COMMAND_BYTES, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

STATUS_IN_FLIGHT: Final = 8  # short commands and short answers: neither side can block on a full buffer


class Mailboxes(Channel):
    """See the module."""

    selected: SelectedMailbox | None = None
    _foreign_prefixes: list[bytes] | None = None

    # Listing ------------------------------------------------------------------------------------------------

    def list_mailboxes(self) -> list[MailboxInfo]:
        """All personal mailboxes with status, in one round trip where the server can (sync Y17), else LIST, LSUB and
        pipelined STATUS (Y18); then the selected mailbox has no status. Namespaces of others are left out (Y19).

        Raises the error of the refusal when LIST itself is refused.
        """
        is_extended = self.supports("LIST-EXTENDED")
        lines: dict[bytes, ListLine] = {}
        subscribed: set[bytes] = set()
        status: dict[bytes, MailboxStatus] = {}
        for item in self._pipeline(self._list_commands(), in_flight=3, max_bytes=COMMAND_BYTES, stops_at_refusal=False):
            if isinstance(item, tuple):
                if item[0] == 0:
                    raise_if_refused("LIST", item[1])
            else:
                self._take_list_answer(item, lines, subscribed, status)
        found = [line for line in lines.values() if not self._is_foreign(line.raw_name)]
        if not self.supports("LIST-STATUS"):
            selected = self.selected.raw_name if self.selected is not None else None
            wanted = [line.raw_name for line in found if not line.attributes & {"\\noselect", "\\nonexistent"}]
            status = self._status_of_many([raw_name for raw_name in wanted if raw_name != selected])
        return [
            mailbox_info(
                line,
                is_subscribed="\\subscribed" in line.attributes if is_extended else line.raw_name in subscribed,
                status=status.get(line.raw_name),
            )
            for line in found
        ]

    def _list_commands(self) -> Iterator[Command]:
        if self.supports("LIST-EXTENDED"):
            options = [b"SUBSCRIBED"]
            if self.supports("SPECIAL-USE"):
                options.append(b"SPECIAL-USE")
            if self.supports("LIST-STATUS"):
                options.append(b"STATUS (" + self._status_items() + b")")
            yield (b'LIST "" "*" RETURN (' + b" ".join(options) + b")",)
        else:
            is_xlist = self.supports("XLIST") and not self.supports("SPECIAL-USE")
            yield (b'XLIST "" "*"' if is_xlist else b'LIST "" "*"',)
            yield (b'LSUB "" "*"',)
        if self._foreign_prefixes is None and self.supports("NAMESPACE"):
            yield (b"NAMESPACE",)

    def _take_list_answer(
        self,
        response: Response,
        lines: dict[bytes, ListLine],
        subscribed: set[bytes],
        status: dict[bytes, MailboxStatus],
    ) -> None:
        name = response_name(response.text)
        if name in (b"LIST", b"XLIST"):
            line = read_list_line(response)
            if line is not None and len(lines) < MAX_MAILBOXES:
                lines.setdefault(line.raw_name, line)
        elif name == b"LSUB":
            line = read_list_line(response)
            # RFC 3501 6.3.9: \Noselect in LSUB means "not itself subscribed".
            if line is not None and "\\noselect" not in line.attributes and len(subscribed) < MAX_MAILBOXES:
                subscribed.add(line.raw_name)
        elif name == b"STATUS":
            found = read_status_line(response)
            if found is not None and len(status) < MAX_MAILBOXES:
                status[found[0]] = found[1]
        elif name == b"NAMESPACE":
            self._foreign_prefixes = foreign_prefixes(response)
        else:
            self._note(response)

    def _is_foreign(self, raw_name: bytes) -> bool:
        return any(raw_name.startswith(prefix) or raw_name == prefix[:-1] for prefix in self._foreign_prefixes or ())

    def _status_items(self) -> bytes:
        items = [b"MESSAGES", b"UIDNEXT", b"UIDVALIDITY"]
        if self.supports("CONDSTORE"):
            items.append(b"HIGHESTMODSEQ")
        if self.supports("OBJECTID"):
            items.append(b"MAILBOXID")
        return b" ".join(items)

    def _status_of_many(self, raw_names: list[bytes]) -> dict[bytes, MailboxStatus]:
        """STATUS of each, refused ones left out: one broken mailbox hides no other (R37)."""
        items = b"(" + self._status_items() + b")"
        found: dict[bytes, MailboxStatus] = {}
        commands: Iterator[Command] = ((b"STATUS", quoted(raw_name), items) for raw_name in raw_names)
        for item in self._pipeline(commands, in_flight=STATUS_IN_FLIGHT, max_bytes=1_048_576, stops_at_refusal=False):
            if isinstance(item, tuple):
                continue
            status = read_status_line(item) if response_name(item.text) == b"STATUS" else None
            if status is not None:
                found[status[0]] = status[1]
            else:
                self._note(item)
        return found

    def status(self, raw_name: bytes) -> MailboxStatus:
        """STATUS of one mailbox. Raises the error of the refusal, or `PermanentlyRefused` for an unusable answer."""
        found: list[MailboxStatus] = []

        def take(name: bytes, response: Response) -> bool:
            line = read_status_line(response) if name == b"STATUS" else None
            if line is not None:
                found.append(line[1])
            return name == b"STATUS"

        self._run(b"STATUS", quoted(raw_name), b"(" + self._status_items() + b")", what="STATUS", on_untagged=take)
        if not found:
            raise PermanentlyRefused("the server gave no usable status of this mailbox", code="UIDVALIDITY")
        return found[-1]

    # Selecting ----------------------------------------------------------------------------------------------

    def select(self, raw_name: bytes, *, read_only: bool = False) -> SelectedMailbox:
        """SELECT or EXAMINE; the values are those of this moment (sync Y40).

        Raises the error of the refusal; `PermanentlyRefused` with code UIDVALIDITY when the server names no valid one
        (sync Y52): this mailbox cannot be synced, others can.
        """
        reader = _SelectReader()
        parts = [b"EXAMINE" if read_only else b"SELECT", quoted(raw_name)]
        if self.supports("CONDSTORE"):
            parts.append(b"(CONDSTORE)")
        self._make_ready()
        self.selected = None
        self._events.clear()  # they spoke of the mailbox before
        tagged = self._run(*parts, what="SELECT", on_untagged=reader.take)
        uidnext = reader.uidnext or self._highest_uid(reader.exists) + 1
        if not reader.uidvalidity:
            raise PermanentlyRefused("the server gives this mailbox no valid UIDVALIDITY", code="UIDVALIDITY")
        permanent, _ = keywords_of_flags(reader.permanent_flags if reader.permanent_flags is not None else reader.flags)
        self.selected = SelectedMailbox(
            raw_name,
            read_only or tagged.code == "READ-ONLY",
            reader.exists,
            reader.uidvalidity,
            uidnext,
            reader.highestmodseq or None,
            permanent,
            b"\\*" in (reader.permanent_flags or ()),
        )
        return self.selected

    def _highest_uid(self, exists: int) -> int:
        """For servers that leave UIDNEXT out of SELECT (optional in RFC 2060)."""
        if not exists:
            return 0
        highest = 0

        def take(name: bytes, response: Response) -> bool:
            nonlocal highest
            row = read_fetch(response) if name == b"FETCH" else None
            if row is not None and row.uid is not None:
                highest = max(highest, row.uid)
            return row is not None

        self._run(b"UID FETCH * (UID)", what="FETCH", on_untagged=take)
        return highest

    # Changing -----------------------------------------------------------------------------------------------

    def create_mailbox(self, name: str) -> None:
        """CREATE. Raises `PermanentlyRefused` with code ALREADYEXISTS and others."""
        self._run(b"CREATE", quoted(encode_mailbox_name(name)), what="CREATE")

    def rename_mailbox(self, raw_name: bytes, new_name: str) -> None:
        """RENAME, children included (RFC 3501 6.3.5)."""
        self._run(b"RENAME", quoted(raw_name), quoted(encode_mailbox_name(new_name)), what="RENAME")

    def delete_mailbox(self, raw_name: bytes) -> None:
        """DELETE with all its messages."""
        self._run(b"DELETE", quoted(raw_name), what="DELETE")

    def subscribe(self, raw_name: bytes, on: bool) -> None:  # noqa: FBT001  reads as a sentence
        """SUBSCRIBE or UNSUBSCRIBE."""
        self._run(b"SUBSCRIBE" if on else b"UNSUBSCRIBE", quoted(raw_name), what="SUBSCRIBE")


class _SelectReader:
    """Gathers the untagged answers of SELECT (RFC 3501 6.3.1, RFC 7162 3.1.2). A value out of range stays unset."""

    def __init__(self) -> None:
        self.exists = 0
        self.uidvalidity: int | None = None
        self.uidnext: int | None = None
        self.highestmodseq: int | None = None
        self.flags: tuple[bytes, ...] = ()
        self.permanent_flags: tuple[bytes, ...] | None = None

    def take(self, name: bytes, response: Response) -> bool:
        if name == b"EXISTS":
            self.exists = read_number(response.text[2:].split(None, 1)[0], highest=MAX_UID) or 0
        elif name == b"FLAGS":
            self.flags = _flags_in(response.text)
        elif name == b"OK":
            code, args, _ = split_code(response.text[4:])
            self._take_code(code, args)
        return True

    def _take_code(self, code: str, args: bytes) -> None:
        if code == "UIDVALIDITY":
            self.uidvalidity = read_number(args.strip(), highest=MAX_UID)
        elif code == "UIDNEXT":
            self.uidnext = read_number(args.strip(), highest=MAX_UID)
        elif code == "HIGHESTMODSEQ":
            self.highestmodseq = read_number(args.strip(), highest=MAX_MODSEQ)
        elif code == "PERMANENTFLAGS":
            self.permanent_flags = _flags_in(args)


def _flags_in(text: bytes) -> tuple[bytes, ...]:
    tokens = tokenize(text)
    if b"(" not in tokens:
        return ()
    rest = tokens[tokens.index(b"(") + 1 :]
    return tuple(rest[: rest.index(b")")] if b")" in rest else rest)[:1000]
