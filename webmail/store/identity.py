"""Is this message one we know? (jmap S4, sync Y55 to Y57) Asked before anything is ingested.

1. EMAILID (RFC 8474) or X-GM-MSGID decides alone: one Email in many mailboxes, or twice in one, is one Email.
2. COPYUID and APPENDUID of our own commands are written when the command is answered: nothing to ask here.
3. The fingerprint (INTERNALDATE, size, header block), when exactly one known Email has it that is not in this mailbox
   already. Without a Message-ID, or with several candidates, only the bytes can tell: the caller fetches them and asks again.
   Equal twins in one mailbox stay two Emails.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from webmail.store import protocol_change
from webmail.store.ingest import NewEmail, fingerprint_of
from webmail.store.models import Email, Placement
from webmail.store.sql import chunks, select_in


@dataclass(frozen=True)
class Matches:
    """By the item's index. `known`: the Email it is. `undecided`: only the sha256 of its bytes could tell. Others are new."""

    known: dict[int, int] = field(default_factory=dict)
    undecided: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class _Candidate:
    """A known Email that may be the message."""

    email_id: int
    remote_email_id: str
    sha256: str  # empty: its bytes are not here
    is_orphan: bool


def match_known(
    account_id: int, items: Sequence[NewEmail], *, hashes: Mapping[int, str] | None = None, taken: Iterable[int] = ()
) -> Matches:
    """The known Email of each item. By fingerprint no Email is given twice, nor one of `taken`.

    `hashes`: sha256 (hexadecimal) of the items' bytes by index, as far as they could be fetched; with it nothing stays
    undecided: what the bytes do not prove is new.
    """
    matches = Matches()
    if not items:
        return matches
    by_remote_id = _by_remote_id(account_id, items)
    for number, item in enumerate(items):
        known = by_remote_id.get(item.remote_email_id) if item.remote_email_id else None
        # A server that gives two messages one id must not hide one of them.
        if known is not None and known[1] == item.size_bytes:
            matches.known[number] = known[0]
    former = protocol_change.match_former(items, taken={*matches.known.values(), *taken})
    matches.known.update({number: pk for number, pk in former.items() if number not in matches.known})
    _match_fingerprints(account_id, items, matches, {*matches.known.values(), *taken}, hashes)
    return matches


def _by_remote_id(account_id: int, items: Sequence[NewEmail]) -> dict[str, tuple[int, int]]:
    """Remote id to (email id, size)."""
    wanted = {item.remote_email_id for item in items if item.remote_email_id}
    found: dict[str, tuple[int, int]] = {}
    for chunk in chunks(wanted):
        rows = Email.objects.filter(account_id=account_id, remote_email_id__in=chunk).order_by("-id")
        for remote_id, email_id, size in rows.values_list("remote_email_id", "id", "size_bytes"):
            found[remote_id] = (email_id, size)
    return found


def _match_fingerprints(
    account_id: int,
    items: Sequence[NewEmail],
    matches: Matches,
    taken: set[int],
    hashes: Mapping[int, str] | None,
) -> None:
    asked = {number: fingerprint_of(item) for number, item in enumerate(items) if number not in matches.known}
    candidates = _candidates(account_id, set(asked.values()))
    if not candidates:
        return
    lies_in = _mailboxes_of(item.email_id for found in candidates.values() for item in found)
    for number, fingerprint in asked.items():
        item = items[number]
        free = [
            candidate
            for candidate in candidates.get(fingerprint, ())
            if candidate.email_id not in taken
            and item.place.mailbox_id not in lies_in[candidate.email_id]
            # Two different EMAILIDs are two messages, however alike.
            and not (candidate.remote_email_id and item.remote_email_id)
        ]
        if not free:
            continue
        if len(free) == 1 and (item.headers.message_id or _is_moved_unread(free[0])):
            chosen: _Candidate | None = free[0]
        elif hashes is None:
            matches.undecided.add(number)
            continue
        else:
            chosen = _by_hash(free, hashes.get(number, ""))
        if chosen is not None:
            matches.known[number] = chosen.email_id
            taken.add(chosen.email_id)


def _is_moved_unread(candidate: _Candidate) -> bool:
    """It has just gone from its place and its bytes were never fetched: those of the new place will be its own."""
    return candidate.is_orphan and not candidate.sha256


def _by_hash(free: Iterable[_Candidate], sha256: str) -> _Candidate | None:
    """Of several with equal bytes the one that has lost its place: it was moved."""
    equal = [candidate for candidate in free if sha256 and candidate.sha256 == sha256]
    return min(equal, key=lambda candidate: (not candidate.is_orphan, candidate.email_id), default=None)


def _candidates(account_id: int, fingerprints: set[int]) -> dict[int, list[_Candidate]]:
    statement = (
        "SELECT e.fingerprint, e.id, e.remote_email_id, b.sha256, e.orphaned_at FROM store_email e "
        "LEFT JOIN store_blob b ON b.id = e.blob_id WHERE e.account_id = %s AND e.fingerprint IN %s"
    )
    found: dict[int, list[_Candidate]] = defaultdict(list)
    for fingerprint, email_id, remote_id, sha256, orphaned_at in select_in(statement, fingerprints, account_id):
        found[fingerprint].append(_Candidate(email_id, remote_id, sha256 or "", orphaned_at is not None))
    return found


def _mailboxes_of(email_ids: Iterable[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for chunk in chunks(email_ids):
        rows = Placement.objects.filter(email_id__in=chunk, gone_at=None).values_list("email_id", "mailbox_id")
        for email_id, mailbox_id in rows:
            found[email_id].add(mailbox_id)
    return found
