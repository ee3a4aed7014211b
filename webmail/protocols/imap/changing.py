"""The part of the session that changes messages: keywords, copy, move, delete, append. Each call is one action of the
journal; none may be repeated blindly after `ConnectionLost` (sync Y71).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from webmail.protocols.errors import BadArgument, PermanentlyRefused, ServerMisbehaved
from webmail.protocols.imap import uid_set
from webmail.protocols.imap.channel import Channel
from webmail.protocols.imap.fetch_reader import FetchRow, read_fetch
from webmail.protocols.imap.flags import DELETED_FLAG, SYSTEM_KEYWORDS, flag_list, keywords_of_flags
from webmail.protocols.imap.response_codes import split_code
from webmail.protocols.imap.tokens import read_number
from webmail.protocols.imap.types import AppendResult, CopyResult
from webmail.protocols.imap.wire import COMMAND_BYTES, LiteralArgument, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from webmail.protocols.imap.fetch_reader import Response
    from webmail.protocols.imap.types import SelectedMailbox

MAX_COPYUID_CODES: Final = 1_000  # in the answer to one command
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class StoreResult:
    """What STORE told: the new MODSEQ of each UID (RFC 7162 3.1.3), and the keywords it did not take, by UID (Y65)."""

    modseqs: dict[int, int] = field(default_factory=dict)
    dropped: dict[int, frozenset[str]] = field(default_factory=dict)


class Changing(Channel):
    """See the module."""

    selected: SelectedMailbox | None

    def store_keywords(
        self, uids: Collection[int], *, add: Collection[str] = (), remove: Collection[str] = ()
    ) -> StoreResult:
        """Add and remove keywords; never an absolute set, so UNCHANGEDSINCE is never needed (sync Y64). UIDs that are gone
        are no error.

        Where a server may drop a keyword or spell it otherwise, its answer is read: what it dropped is in the result (Y65).
        """
        result = StoreResult()
        for verb, keywords in ((b"+FLAGS", add), (b"-FLAGS", remove)):
            if not keywords:
                continue
            is_told = bool(self._doubtful(keywords, is_added=verb == b"+FLAGS"))
            rows = self._store(uids, verb if is_told else verb + b".SILENT", flag_list(keywords))
            result.modseqs.update((row.uid, row.modseq) for row in rows if row.uid and row.modseq)
            if verb == b"+FLAGS":
                result.dropped.update(_dropped(rows, frozenset(word.lower() for word in keywords)))
            else:
                self._remove_spelled_otherwise(rows, keywords)
        return result

    def _doubtful(self, keywords: Collection[str], *, is_added: bool) -> set[str]:
        """Those keywords of which only the answer tells what the server made of them."""
        if self.selected is None:
            return set()
        known = self.selected.permanent_keywords if is_added else frozenset[str]()
        return {word.lower() for word in keywords} - known - SYSTEM_KEYWORDS

    def _remove_spelled_otherwise(self, rows: Sequence[FetchRow], keywords: Collection[str]) -> None:
        """Some servers tell `Blue` from `blue`; for people they are one (RFC 8621 4.1.1)."""
        spelled: dict[bytes, list[int]] = {}
        wanted = {word.lower() for word in keywords}
        for row in rows:
            for flag in row.flags or ():
                if row.uid and keywords_of_flags((flag,))[0] & wanted:
                    spelled.setdefault(flag, []).append(row.uid)
        for flag, found in spelled.items():
            self._store(found, b"-FLAGS.SILENT", b"(" + flag + b")")

    def mark_deleted(self, uids: Collection[int]) -> None:
        r"""Set \Deleted, the first half of deleting."""
        self._store(uids, b"+FLAGS.SILENT", b"(" + DELETED_FLAG + b")")

    def _store(self, uids: Collection[int], verb: bytes, flags: bytes) -> list[FetchRow]:
        """The answers about our own UIDs; others are news like any."""
        ours = frozenset(uids)
        rows: list[FetchRow] = []

        def take(name: bytes, response: Response) -> bool:
            row = read_fetch(response) if name == b"FETCH" else None
            if row is None or row.uid not in ours:
                return False
            rows.append(row)
            return True

        for text in uid_set.compress_in_chunks(uids):
            self._run(b"UID STORE", text, verb, flags, what="STORE", on_untagged=take, max_bytes=COMMAND_BYTES)
        return rows

    def expunge(self, uids: Collection[int]) -> None:
        r"""UID EXPUNGE (RFC 4315 2.1): removes these and spares what other clients marked \Deleted.

        Raises `PermanentlyRefused` with code CANNOT without UIDPLUS: a bare EXPUNGE is never sent (sync Y69).
        """
        if not self.supports("UIDPLUS"):
            raise PermanentlyRefused("the server cannot remove single messages", code="CANNOT")
        for text in uid_set.compress_in_chunks(uids):
            self._run(b"UID EXPUNGE", text, what="EXPUNGE", max_bytes=COMMAND_BYTES)

    def copy(self, uids: Collection[int], raw_target: bytes) -> CopyResult | None:
        """UID COPY. None when the server did not say which UIDs the copies got (sync Y70)."""
        return self._transfer(b"UID COPY", uids, raw_target)

    def move(self, uids: Collection[int], raw_target: bytes) -> CopyResult | None:
        """UID MOVE (RFC 6851). As `copy`; raises `PermanentlyRefused` with code CANNOT where MOVE is not offered."""
        if not self.supports("MOVE"):
            raise PermanentlyRefused("the server cannot move messages", code="CANNOT")
        return self._transfer(b"UID MOVE", uids, raw_target)

    def _transfer(self, verb: bytes, uids: Collection[int], raw_target: bytes) -> CopyResult | None:
        total: dict[int, int] = {}
        uidvalidity = 0
        is_complete = True
        for text in uid_set.compress_in_chunks(uids):
            result = self._transfer_set(verb, text, raw_target)
            if result is None or (uidvalidity and result.uidvalidity != uidvalidity):
                is_complete = False
                continue
            uidvalidity = result.uidvalidity
            total.update(result.uids)
        if not is_complete or not uidvalidity or not total.keys() <= set(uids):
            return None
        return CopyResult(uidvalidity, total)

    def _transfer_set(self, verb: bytes, text: bytes, raw_target: bytes) -> CopyResult | None:
        codes: list[bytes] = []

        def take(name: bytes, response: Response) -> bool:
            # RFC 6851 4.3: with MOVE the code comes in an untagged OK, before the EXPUNGE.
            if name != b"OK":
                return False
            code, args, _ = split_code(response.text[4:])
            if code == "COPYUID" and len(codes) < MAX_COPYUID_CODES:
                codes.append(args)
            return True

        what = "MOVE" if verb.endswith(b"MOVE") else "COPY"
        tagged = self._run(verb, text, quoted(raw_target), what=what, on_untagged=take, max_bytes=COMMAND_BYTES)
        if tagged.code == "COPYUID":
            codes.append(tagged.code_args)
        return read_copyuid(codes, max_uids=len(uid_set.parse(text)))

    def append(
        self, raw_target: bytes, raw: bytes, *, keywords: Collection[str] = (), internal_date: datetime | None = None
    ) -> AppendResult | None:
        """APPEND, the bytes exactly as given. None when the server did not say which UID it got (sync Y72).

        Raises `BadArgument` for NUL bytes, a naive date or an empty message; `PermanentlyRefused` with TRYCREATE,
        OVERQUOTA, TOOBIG and others.
        """
        if not raw:
            raise BadArgument("the message is empty")
        parts: list[bytes | LiteralArgument] = [b"APPEND", quoted(raw_target), flag_list(keywords)]
        if internal_date is not None:
            parts.append(b'"' + format_internal_date(internal_date) + b'"')
        tagged = self._run(*parts, LiteralArgument(raw), what="APPEND")
        if tagged.code != "APPENDUID":
            return None
        words = tagged.code_args.split()
        uidvalidity = read_number(words[0], highest=uid_set.MAX_UID) if words else None
        uid = read_number(words[1], highest=uid_set.MAX_UID) if len(words) > 1 else None
        return AppendResult(uidvalidity, uid) if uidvalidity and uid else None


def _dropped(rows: Sequence[FetchRow], added: frozenset[str]) -> dict[int, frozenset[str]]:
    found: dict[int, frozenset[str]] = {}
    for row in rows:
        if row.uid and row.flags is not None:
            found[row.uid] = added - keywords_of_flags(row.flags)[0]
    return {uid: words for uid, words in found.items() if words}


def read_copyuid(codes: Sequence[bytes], *, max_uids: int) -> CopyResult | None:
    """Arguments of COPYUID, `38505 304,319:320 3956:3958`, several merged; None unless they are whole and agree, and
    for more than the `max_uids` that were copied."""
    uidvalidity = 0
    uids: dict[int, int] = {}
    for args in codes:
        words = args.split()
        value = read_number(words[0], highest=uid_set.MAX_UID) if len(words) == 3 else None
        if not value or (uidvalidity and value != uidvalidity):
            return None
        uidvalidity = value
        try:
            sources, targets = (uid_set.parse_in_order(word, max_uids=max_uids) for word in words[1:])
        except ServerMisbehaved:
            return None  # the copy is done all the same; its UIDs are found by identity
        if len(sources) != len(targets):
            return None
        uids.update(zip(sources, targets, strict=True))
    return CopyResult(uidvalidity, uids) if uids else None


def format_internal_date(at: datetime) -> bytes:
    """Aware time -> `17-Jul-1996 02:44:25 +0000`. Raises `BadArgument` for a naive one."""
    if at.tzinfo is None:
        raise BadArgument("a time without a zone")
    utc = at.astimezone(UTC)
    return f"{utc.day:2d}-{_MONTHS[utc.month - 1]}-{utc.year:04d} {utc:%H:%M:%S} +0000".encode("ascii")
