"""The part of the session that reads messages: search, list data, keywords, whole messages. Nothing here sets \\Seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from webmail.protocols.errors import BadArgument, PermanentlyRefused
from webmail.protocols.imap import uid_set
from webmail.protocols.imap.channel import Command, raise_if_refused, response_name
from webmail.protocols.imap.deltas import MAX_DELTA_ROWS, DeltaTaker, refuse_too_many
from webmail.protocols.imap.fetch_reader import MAX_MODSEQ, Response, is_fetch, read_fetch, read_list_row
from webmail.protocols.imap.mailboxes import Mailboxes
from webmail.protocols.imap.types import KeywordDelta, ListData
from webmail.protocols.imap.uid_set import UidRanges
from webmail.protocols.imap.wire import COMMAND_BYTES, LiteralArgument, encode_text, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LIST_HEADER_FIELDS: Final = (
    b"From To Cc Bcc Reply-To Sender Subject Date Message-ID In-Reply-To References List-Id List-Unsubscribe"
    b" Auto-Submitted"
)
LIST_BATCH: Final = 500  # design 5: 500 with 2 in flight
BATCHES_IN_FLIGHT: Final = 2
MAX_HEADER_BYTES: Final = 262_144  # kept of one header block; 2,000 recipients take some 100 KB
LIST_ROW_BYTES: Final = 2_097_152  # allowed on the wire per message asked for, so that one hostile header stops nothing
MAX_KEPT_BYTES: Final = 67_108_864  # of all rows under way, estimated; 1,000 usual rows take 7 MB
MIN_HEADER_BYTES: Final = 8_192
ROW_BYTES: Final = 600  # of a row beside its header
MAX_MESSAGE_BYTES: Final = 134_217_728  # of one message in `fetch_messages`; a larger one is left out
MESSAGES_OF_A_COMMAND: Final = 200  # so that the server reads the next ones while these are stored
MAX_FETCH_BYTES: Final = 4_294_967_296  # of one `fetch_messages` command


class Reading(Mailboxes):
    """See the module."""

    # Searching ----------------------------------------------------------------------------------------------

    def search_uids(self) -> list[int]:
        """All UIDs of the selected mailbox, ascending. An empty list while EXISTS > 0 is no fact (sync Y47)."""
        return list(self.search_uid_ranges())

    def search_uid_ranges(self) -> UidRanges:
        """As `search_uids`, for mailboxes of any size (sync Y30, Y33)."""
        return self._search(b"UID SEARCH RETURN (ALL) ALL" if self.supports("ESEARCH") else b"UID SEARCH ALL")

    def search_message_id(self, message_id: str, *, since_uid: int = 1) -> list[int]:
        """UIDs >= `since_uid` whose Message-ID contains `message_id`, ascending. IMAP compares by substring: check."""
        raw = encode_text(message_id, what="the Message-ID")
        prefix = b"UID SEARCH" + (b"" if message_id.isascii() else b" CHARSET UTF-8")
        # Not n:* - GNU Mailutils 3.15 finds nothing for it in a SEARCH, and the others name the last message for it even when
        # its UID is lower (RFC 3501 6.4.8).
        uids = b"UID %b:%d" % (uid_set.compress([since_uid]), uid_set.MAX_UID)
        value = quoted(raw) if message_id.isascii() else LiteralArgument(raw)
        found = self._search(prefix, uids, b"HEADER Message-ID", value)
        return list(found.within(since_uid))

    def search_keys(self, keys: Sequence[bytes | LiteralArgument], *, is_utf8: bool) -> UidRanges:
        """UIDs of the selected mailbox that these search keys find (RFC 3501 6.4.4). `is_utf8`: some hold more than ASCII, all of
        those as literals.

        Raises `PermanentlyRefused` with code BADCHARSET by a server that knows ASCII alone.
        """
        command = b"UID SEARCH RETURN (ALL)" if self.supports("ESEARCH") else b"UID SEARCH"
        return self._search(command, *((b"CHARSET UTF-8",) if is_utf8 else ()), *keys)

    def _search(self, *parts: bytes | LiteralArgument) -> UidRanges:
        found = UidRanges()

        def take(name: bytes, response: Response) -> bool:
            nonlocal found
            if name == b"SEARCH":
                told = _uids_of_search(response.text)
            elif name == b"ESEARCH":
                told = _uids_of_esearch(response.text)
            else:
                return False
            found = UidRanges((*found.pairs(), *told.pairs())) if found else told
            refuse_too_many(len(found))
            return True

        self._run(*parts, what="SEARCH", on_untagged=take, max_bytes=COMMAND_BYTES)
        return found

    # List data ----------------------------------------------------------------------------------------------

    def fetch_list_data(self, uids: Sequence[int]) -> Iterator[ListData]:
        """List data of these messages, in the order given; those the server does not have are left out."""
        batches = [uids[at : at + LIST_BATCH] for at in range(0, len(uids), LIST_BATCH)]
        for rows in self.fetch_list_data_batches(batches):
            yield from rows

    def fetch_list_data_batches(self, batches: Sequence[Sequence[int]]) -> Iterator[list[ListData]]:
        """List data batch by batch, two commands in flight (sync Y5): one list for each batch, in the same order. It is
        yielded after the batch's own tagged OK, its rows in the order asked for; rows belong to a batch by UID, never
        by order (Y14).

        Raises the error of the refusal at the batch it befalls. Other commands must wait for the end of the iteration;
        stopping early is fine.
        """
        requests = _BatchRequests(batches, self._list_items())
        following = 0
        largest = max((len(batch) for batch in batches), default=0)
        for item in self._pipeline(
            requests.commands(),
            in_flight=BATCHES_IN_FLIGHT,
            max_bytes=COMMAND_BYTES + largest * LIST_ROW_BYTES,
            keep_bytes=MAX_HEADER_BYTES,
        ):
            if not isinstance(item, tuple):
                self._take_row(item, requests)
                continue
            raise_if_refused("FETCH", item[1])
            requests.complete(item[0])
            while following < len(batches) and requests.is_complete(following):
                yield requests.take(following)
                following += 1
        for number in range(following, len(batches)):
            yield requests.take(number)  # only empty ones are left

    def _list_items(self) -> bytes:
        extra = b""
        if self._has_modseq():
            extra += b" MODSEQ"
        if self.supports("OBJECTID"):
            extra += b" EMAILID"
        elif self.supports("X-GM-EXT-1"):
            extra += b" X-GM-MSGID"
        return (
            b"(UID FLAGS INTERNALDATE RFC822.SIZE" + extra + b" BODYSTRUCTURE"
            b" BODY.PEEK[HEADER.FIELDS (" + LIST_HEADER_FIELDS + b")])"
        )

    def _has_modseq(self) -> bool:
        # RFC 7162 3.1.2.2: a mailbox may say NOMODSEQ, and asking for MODSEQ is BAD then.
        return self.supports("CONDSTORE") and self.selected is not None and self.selected.highestmodseq is not None

    def _take_row(self, response: Response, requests: _BatchRequests) -> None:
        data = read_list_row(response) if is_fetch(response.text) else None
        if data is None:
            self._note(response)
        else:
            requests.add(data, cost=len(data.header) + ROW_BYTES)

    # Keywords -----------------------------------------------------------------------------------------------

    def fetch_keywords(self, first_uid: int, last_uid: int | None, *, changed_since: int | None) -> KeywordDelta:
        """Keywords of the UIDs from `first_uid` to `last_uid` (None: the end); with `changed_since` (a MODSEQ) only
        what changed after it, and with QRESYNC also what vanished. A delta of all UIDs may be partial, see `KeywordDelta`.

        Raises `BadArgument` for `changed_since` where the mailbox keeps no MODSEQ.
        """
        has_modseq = self._has_modseq()
        parts = [
            b"UID FETCH",
            uid_set.compress([first_uid]) + b":" + (b"*" if last_uid is None else uid_set.compress([last_uid])),
            b"(UID FLAGS MODSEQ)" if has_modseq else b"(UID FLAGS)",
        ]
        if changed_since is not None:
            if not has_modseq or not 0 <= changed_since <= MAX_MODSEQ:
                raise BadArgument("this mailbox keeps no MODSEQ to compare with")
            vanished = b" VANISHED" if self.supports("QRESYNC") else b""
            parts.append(b"(CHANGEDSINCE %d%s)" % (changed_since, vanished))
        is_whole = changed_since is not None and (first_uid, last_uid) == (1, None)
        taker = DeltaTaker(
            first_uid,
            last_uid if last_uid is not None else uid_set.MAX_UID,
            max_rows=MAX_DELTA_ROWS if is_whole else None,
        )
        self._run(*parts, what="FETCH", on_untagged=taker.take, max_bytes=COMMAND_BYTES)
        return taker.delta()

    # Messages -----------------------------------------------------------------------------------------------

    def fetch_messages(self, uids: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """(uid, raw message) as they arrive, each once; those the server does not have, or that are larger than
        `MAX_MESSAGE_BYTES`, are left out. One message at a time is in memory."""
        wanted = set(uids)
        commands: list[Command] = [
            (b"UID FETCH", text, b"(UID BODY.PEEK[])")
            for at in range(0, len(uids), MESSAGES_OF_A_COMMAND)
            for text in uid_set.compress_in_chunks(uids[at : at + MESSAGES_OF_A_COMMAND])
        ]
        max_bytes = min(COMMAND_BYTES + len(wanted) * MAX_MESSAGE_BYTES, MAX_FETCH_BYTES)
        for item in self._pipeline(
            commands, in_flight=BATCHES_IN_FLIGHT, max_bytes=max_bytes, keep_bytes=MAX_MESSAGE_BYTES + 1
        ):
            if isinstance(item, tuple):
                raise_if_refused("FETCH", item[1])
                continue
            found = _message_of(item)
            if found is None:
                self._note(item)
            elif found[0] in wanted:
                wanted.discard(found[0])
                if len(found[1]) <= MAX_MESSAGE_BYTES:
                    yield found

    def fetch_message(self, uid: int, *, max_bytes: int) -> bytes | None:
        """The raw message, or None when the mailbox has no such UID.

        Raises `PermanentlyRefused` with code TOOBIG when it is longer than `max_bytes`; no more than that is asked for.
        """
        found: list[bytes] = []

        def take(name: bytes, response: Response) -> bool:
            message = _message_of(response) if name == b"FETCH" else None
            if message is not None and message[0] == uid:
                found.append(message[1])
            return message is not None

        item = b"(UID BODY.PEEK[]<0.%d>)" % (max_bytes + 1)
        self._make_ready()
        with self._guarded():
            self._wire.begin(max_bytes=COMMAND_BYTES + max_bytes)
            tag = self._wire.start(b"UID FETCH", uid_set.compress([uid]), item)
            tagged = self._finish(tag, take, keep_bytes=max_bytes + 1)
        raise_if_refused("FETCH", tagged)
        if found and len(found[0]) > max_bytes:
            raise PermanentlyRefused("the message is larger than is taken here", code="TOOBIG")
        return found[0] if found else None


class _BatchRequests:
    """Which UIDs were asked for in which batch, and what came of it. Holds only batches that are under way."""

    def __init__(self, batches: Sequence[Sequence[int]], items: bytes) -> None:
        self._batches = batches
        self._items = items
        self._rows: dict[int, dict[int, ListData | None]] = {}
        self._batch_of_command: list[int] = []
        self._unanswered: dict[int, int] = {}
        self._kept_bytes = 0
        self._cost: dict[int, int] = {}

    def commands(self) -> Iterator[Command]:
        """The commands of all batches; a batch is under way from the moment its first command is taken."""
        for number, batch in enumerate(self._batches):
            sets = uid_set.compress_in_chunks(batch)
            self._rows[number] = dict.fromkeys(batch)
            self._unanswered[number] = len(sets)
            for text in sets:
                self._batch_of_command.append(number)
                yield b"UID FETCH", text, self._items

    def add(self, data: ListData, *, cost: int) -> None:
        """A row that takes about `cost` bytes; one that nobody asked for, or that came before, is left out (R38)."""
        for number, rows in self._rows.items():
            if data.uid in rows and rows[data.uid] is None:
                if self._kept_bytes + cost > MAX_KEPT_BYTES:
                    # Hundreds of hostile messages in one batch: each stays in the list, with less said about it.
                    data = replace(data, header=data.header[:MIN_HEADER_BYTES])
                    cost = MIN_HEADER_BYTES
                rows[data.uid] = data
                self._kept_bytes += cost
                self._cost[number] = self._cost.get(number, 0) + cost
                return

    def complete(self, command: int) -> None:
        """The tagged OK of a command."""
        self._unanswered[self._batch_of_command[command]] -= 1

    def is_complete(self, number: int) -> bool:
        """Whether every command of the batch was answered; an empty batch is, once it is under way."""
        return self._unanswered.get(number) == 0

    def take(self, number: int) -> list[ListData]:
        """The rows of a complete batch, which is forgotten."""
        self._unanswered.pop(number, None)
        self._kept_bytes -= self._cost.pop(number, 0)
        return [data for data in self._rows.pop(number, {}).values() if data is not None]


def _message_of(response: Response) -> tuple[int, bytes] | None:
    row = read_fetch(response) if response_name(response.text) == b"FETCH" else None
    if row is None or row.uid is None or row.body is None:
        return None
    return row.uid, row.body


def _uids_of_search(text: bytes) -> UidRanges:
    words = text.split()[2:]
    if words and words[-1].endswith(b")"):  # * SEARCH 1 2 (MODSEQ 3)
        words = words[: next((at for at, word in enumerate(words) if word.startswith(b"(")), len(words))]
    refuse_too_many(len(words))
    uids = [int(word) for word in words if word.isdigit() and len(word) <= 10]
    return UidRanges.of_ascending(sorted(uid for uid in uids if 0 < uid <= uid_set.MAX_UID))


def _uids_of_esearch(text: bytes) -> UidRanges:
    words = text.split()
    upper = [word.upper() for word in words]
    if b"ALL" not in upper[:-1]:
        return UidRanges()  # RFC 4731: no ALL means that nothing was found
    return uid_set.parse_ranges(words[upper.index(b"ALL") + 1])
