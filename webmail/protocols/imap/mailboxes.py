"""The part of the session that selects and changes mailboxes. Looking at them from outside is in `listing`."""

from __future__ import annotations

from webmail.protocols.errors import PermanentlyRefused
from webmail.protocols.imap.deltas import MAX_DELTA_ROWS, DeltaTaker
from webmail.protocols.imap.fetch_reader import MAX_MODSEQ, Response, read_fetch
from webmail.protocols.imap.flags import keywords_of_flags
from webmail.protocols.imap.listing import Listing
from webmail.protocols.imap.response_codes import split_code
from webmail.protocols.imap.tokens import read_number, tokenize
from webmail.protocols.imap.types import KeywordDelta, SelectedMailbox
from webmail.protocols.imap.uid_set import MAX_UID
from webmail.protocols.imap.utf7 import encode_mailbox_name
from webmail.protocols.imap.wire import COMMAND_BYTES, quoted


class Mailboxes(Listing):
    """See the module."""

    # Selecting ----------------------------------------------------------------------------------------------

    def select(self, raw_name: bytes, *, read_only: bool = False) -> SelectedMailbox:
        """SELECT or EXAMINE; the values are those of this moment (sync Y40).

        Raises the error of the refusal; `PermanentlyRefused` with code UIDVALIDITY when the server names no valid one
        (sync Y52): this mailbox cannot be synced, others can.
        """
        parameters = (b"(CONDSTORE)",) if self.supports("CONDSTORE") else ()
        return self._open(raw_name, _SelectReader(), parameters, read_only=read_only)

    def select_changes(
        self, raw_name: bytes, *, uidvalidity: int, modseq: int, first_uid: int = 1
    ) -> tuple[SelectedMailbox, KeywordDelta | None]:
        """As `select`, and in the same round trip what changed after `modseq` among the UIDs from `first_uid` up: SELECT with
        QRESYNC (RFC 7162 3.2.5, sync Y35).

        None where the server cannot, or when `uidvalidity` or `modseq` are no longer its own: then nothing is known.
        """
        if not self.supports("QRESYNC"):
            return self.select(raw_name), None
        # 4294967295 means "the last message" to some servers, and is no UID anybody gives.
        known = b" %d:%d" % (first_uid, MAX_UID - 1) if first_uid > 1 else b""
        reader = _SelectReader(DeltaTaker(first_uid, max_rows=MAX_DELTA_ROWS))
        try:
            selected = self._open(raw_name, reader, (b"(QRESYNC (%d %d%b))" % (uidvalidity, modseq, known),))
        except PermanentlyRefused as error:
            if error.code == "UIDVALIDITY":
                raise
            selected = self.select(raw_name)
            self._capabilities -= {"QRESYNC"}  # it is refused here, whatever was offered
            return selected, None
        is_of_use = selected.uidvalidity == uidvalidity and (selected.highestmodseq or 0) >= modseq
        return selected, reader.delta() if is_of_use else None

    def _open(
        self, raw_name: bytes, reader: _SelectReader, parameters: tuple[bytes, ...], *, read_only: bool = False
    ) -> SelectedMailbox:
        self._make_ready()
        self.selected = None
        self._events.clear()  # they spoke of the mailbox before
        tagged = self._run(
            b"EXAMINE" if read_only else b"SELECT",
            quoted(raw_name),
            *parameters,
            what="SELECT",
            on_untagged=reader.take,
            max_bytes=COMMAND_BYTES,
        )
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

    def leave(self) -> None:
        """Leave the selected mailbox without a round trip of its own: UNSELECT (RFC 3691), or NOOP where that is missing, goes
        out now and its answer is read with the next command's. After it STATUS of that mailbox is true as well (sync Y18)."""
        if self.selected is None:
            return
        self._make_ready()
        can_unselect = self.supports("UNSELECT")
        with self._guarded():
            self._wire.begin()
            self._wire.start(b"UNSELECT" if can_unselect else b"NOOP")
        if can_unselect:
            self.selected = None

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

    def create_mailbox(self, name: str | bytes) -> None:
        """CREATE by name, or by raw name as it goes on the wire. Raises `PermanentlyRefused` with code ALREADYEXISTS
        and others."""
        self._run(b"CREATE", quoted(_raw(name)), what="CREATE")

    def rename_mailbox(self, raw_name: bytes, new_name: str | bytes) -> None:
        """RENAME, children included (RFC 3501 6.3.5). `new_name` as in `create_mailbox`. Not while it is selected: some
        servers refuse, some hang up."""
        self._run(b"RENAME", quoted(raw_name), quoted(_raw(new_name)), what="RENAME")

    def delete_mailbox(self, raw_name: bytes) -> None:
        """DELETE with all its messages. Not while it is selected."""
        self._run(b"DELETE", quoted(raw_name), what="DELETE")

    def subscribe(self, raw_name: bytes, on: bool) -> None:  # noqa: FBT001  reads as a sentence
        """SUBSCRIBE or UNSUBSCRIBE."""
        self._run(b"SUBSCRIBE" if on else b"UNSUBSCRIBE", quoted(raw_name), what="SUBSCRIBE")


def _raw(name: str | bytes) -> bytes:
    return name if isinstance(name, bytes) else encode_mailbox_name(name)


class _SelectReader:
    """Gathers the untagged answers of SELECT (RFC 3501 6.3.1, RFC 7162 3.1.2). A value out of range stays unset.

    `taker`: gets what changed, when that was asked for.
    """

    def __init__(self, taker: DeltaTaker | None = None) -> None:
        self._taker = taker
        self.clear()

    def clear(self) -> None:
        """Forget what was said of the mailbox before: it ends at [CLOSED] (RFC 7162 3.2.11)."""
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
        elif self._taker is not None and name in (b"FETCH", b"VANISHED"):
            self._taker.take(name, response)
        elif name == b"OK":
            code, args, _ = split_code(response.text[4:])
            self._take_code(code, args)
        return True

    def _take_code(self, code: str, args: bytes) -> None:
        if code == "CLOSED":
            self.clear()
            if self._taker is not None:
                self._taker.clear()
        elif code == "UIDVALIDITY":
            self.uidvalidity = read_number(args.strip(), highest=MAX_UID)
        elif code == "UIDNEXT":
            self.uidnext = read_number(args.strip(), highest=MAX_UID)
        elif code == "HIGHESTMODSEQ":
            self.highestmodseq = read_number(args.strip(), highest=MAX_MODSEQ)
        elif code == "PERMANENTFLAGS":
            self.permanent_flags = _flags_in(args)

    def delta(self) -> KeywordDelta | None:
        """What changed, when that was asked for."""
        return self._taker.delta() if self._taker is not None else None


def _flags_in(text: bytes) -> tuple[bytes, ...]:
    tokens = tokenize(text)
    if b"(" not in tokens:
        return ()
    rest = tokens[tokens.index(b"(") + 1 :]
    return tuple(rest[: rest.index(b")")] if b")" in rest else rest)[:1000]
