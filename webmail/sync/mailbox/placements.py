"""What the server said about messages, written into rows: new ones, keywords, those that are gone. Set-based throughout.

Every function that writes works inside a caller's `changes.recording`, where the lease has been checked. Pending Actions win
over what the server says (decision 4): what they touch is left alone.

Placements whose UIDs lost their meaning are *detached*: their `uidvalidity` is made negative. They hold their Emails until
the mailbox has been listed anew (sync Y51). Placements that a first pass missed in great number carry `gone_at`; a second
pass that misses them too removes them (reliability R81).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone

from webmail import dispatch
from webmail.journal import entries
from webmail.journal.models import Action
from webmail.mime.headers import parse_list_headers
from webmail.protocols.imap.types import KeywordData, ListData
from webmail.store import changes, emails, identity, ingest
from webmail.store.emails import KeywordChange
from webmail.store.ingest import NewEmail, Place
from webmail.store.models import Email, EmailMailbox, Mailbox, Placement
from webmail.store.sql import chunks, execute_many, select_in
from webmail.sync.mailbox import plan

ORPHANS_LIVE = timedelta(seconds=120)  # sync Y49: a message moved by another client turns up within this time

Pair = tuple[int, int]  # placement id, email id


@dataclass(frozen=True)
class Known:
    """A placement as stored."""

    placement_id: int
    email_id: int
    keywords: frozenset[str]
    is_deleted: bool
    is_marked: bool  # missed by an earlier pass


@dataclass(frozen=True)
class Pending:
    """What open Actions of the account touch."""

    keywords: Mapping[int, frozenset[str]] = field(default_factory=dict)
    removals: Mapping[int, set[int]] = field(default_factory=dict)

    def leaves(self, email_id: int, mailbox_id: int) -> bool:
        """Whether the user has taken this Email out of that mailbox already."""
        return mailbox_id in self.removals.get(email_id, ())


def read_pending(
    account_id: int, *, since: datetime | None = None, email_ids: Collection[int] | None = None
) -> Pending:
    """The pending acts as of now, with those carried out since sync began to ask (`since`): the server's answer may be older
    than they are. Read it in the transaction that merges, and only what is asked for (`email_ids`)."""
    return Pending(
        entries.pending_keywords(account_id, since=since, email_ids=email_ids),
        entries.pending_removals(account_id, since=since, email_ids=email_ids),
    )


@dataclass(frozen=True)
class Written:
    """How much a batch changed."""

    created: int = 0
    found: int = 0  # known Emails that were found at a new place
    changed: int = 0
    removed: int = 0
    repaired: int = 0
    undecided: tuple[ListData, ...] = ()  # only their bytes can tell which Email they are (Y57); nothing was written

    def __add__(self, other: Written) -> Written:
        return Written(
            self.created + other.created,
            self.found + other.found,
            self.changed + other.changed,
            self.removed + other.removed,
            self.repaired + other.repaired,
            self.undecided + other.undecided,
        )


# Reading --------------------------------------------------------------------------------------------------------------


def count_known(mailbox: Mailbox) -> int:
    """How many UIDs are stored for the mailbox."""
    return Placement.objects.filter(mailbox=mailbox, uidvalidity=mailbox.uidvalidity, uid__isnull=False).count()


_KNOWN = (
    "SELECT uid, id, email_id, keywords, is_deleted, gone_at FROM store_placement "
    "WHERE mailbox_id = %s AND uidvalidity = %s AND uid IN %s"
)


def known_at(mailbox: Mailbox, uids: Iterable[int]) -> dict[int, Known]:
    """The placements at these UIDs; those not stored are left out."""
    return {
        uid: Known(placement_id, email_id, frozenset(words.split()), bool(is_deleted), gone_at is not None)
        for uid, placement_id, email_id, words, is_deleted, gone_at in select_in(
            _KNOWN, uids, mailbox.pk, mailbox.uidvalidity
        )
    }


# New ------------------------------------------------------------------------------------------------------------------


def store_list_data(
    record: changes.Record,
    mailbox: Mailbox,
    rows: Sequence[ListData],
    *,
    holdable: frozenset[str] | None,
    is_relinking: bool = False,
    hashes: Mapping[int, str] | None = None,
    since: datetime | None = None,
) -> Written:
    """Messages that were listed, each found again or made new. UIDs that are stored already are left out, so a repeated
    batch changes nothing (sync Y31).

    `hashes`: sha256 by UID for rows that came back as `undecided` before; with it all are decided. `since`: when
    sync began to ask.
    """
    present = known_at(mailbox, (row.uid for row in rows))
    fresh = [row for row in rows if row.uid not in present]
    items = [_new_email(mailbox, row) for row in fresh]
    if not items:
        return Written()
    matched = _match_detached(mailbox, items) if is_relinking else {}
    others = [number for number in range(len(items)) if number not in matched]
    by_index = None if hashes is None else {at: hashes.get(fresh[number].uid, "") for at, number in enumerate(others)}
    answer = identity.match_known(
        record.account_id, [items[number] for number in others], hashes=by_index, taken=matched.values()
    )
    undecided = {others[at] for at in answer.undecided}
    matched |= {others[at]: email_id for at, email_id in answer.known.items()}
    new = [number for number in others if number not in matched and number not in undecided]
    copies = _copies_within(items, new)  # one EMAILID twice in one mailbox
    ids = ingest.ingest_into(record, [items[number] for number in new if number not in copies])
    ids_of = dict(zip((number for number in new if number not in copies), ids, strict=True))
    matched |= {number: ids_of[first] for number, first in copies.items()}
    found = [(email_id, items[number]) for number, email_id in matched.items()]
    repaired = _place_found(record, mailbox, found, holdable=holdable, since=since)
    return Written(
        created=len(ids),
        found=len(matched),
        repaired=repaired,
        undecided=tuple(fresh[number] for number in sorted(undecided)),
    )


def _copies_within(items: Sequence[NewEmail], new: Sequence[int]) -> dict[int, int]:
    """Items whose EMAILID (and size) an item before them bears: their index, and that of the first."""
    first: dict[tuple[str, int], int] = {}
    copies: dict[int, int] = {}
    for number in new:
        item = items[number]
        if item.remote_email_id:
            before = first.setdefault((item.remote_email_id, item.size_bytes), number)
            if before != number:
                copies[number] = before
    return copies


def _new_email(mailbox: Mailbox, row: ListData) -> NewEmail:
    return NewEmail(
        headers=parse_list_headers(row.header),
        received_at=row.internal_date,
        size_bytes=row.size_bytes,
        place=Place(
            mailbox.pk, uidvalidity=mailbox.uidvalidity, uid=row.uid, modseq=row.modseq, is_deleted=row.is_deleted
        ),
        keywords=row.keywords,
        has_attachment=row.has_attachment,
        remote_email_id=row.email_id or "",
    )


def _match_detached(mailbox: Mailbox, items: Sequence[NewEmail]) -> dict[int, int]:
    """The Emails that lay in this mailbox under UIDs of the past, by fingerprint. Of equal twins the newest comes first:
    the listing is newest first too, so twins keep their order."""
    asked: dict[int, list[int]] = defaultdict(list)
    for number, item in enumerate(items):
        asked[ingest.fingerprint_of(item)].append(number)
    matched: dict[int, int] = {}
    taken: set[int] = set()
    for chunk in chunks(asked):
        rows = list(
            Placement.objects.filter(mailbox=mailbox, uidvalidity__lt=0, email__fingerprint__in=chunk)
            .order_by("-uid")
            .values_list("email__fingerprint", "email_id", "email__remote_email_id")
        )
        taken |= _placed_in(mailbox, {email_id for _, email_id, _ in rows})
        for fingerprint, email_id, remote_id in rows:
            waiting = asked[fingerprint]
            fits = next((number for number in waiting if _agree(items[number].remote_email_id, remote_id)), None)
            if email_id not in taken and fits is not None:
                waiting.remove(fits)
                matched[fits] = email_id
                taken.add(email_id)
    return matched


def _agree(one: str, other: str) -> bool:
    """Two different EMAILIDs are two messages, however alike."""
    return not one or not other or one == other


def _placed_in(mailbox: Mailbox, email_ids: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for chunk in chunks(email_ids):
        rows = Placement.objects.filter(email_id__in=chunk, mailbox=mailbox, uidvalidity=mailbox.uidvalidity)
        found.update(rows.values_list("email_id", flat=True))
    return found


def _place_found(
    record: changes.Record,
    mailbox: Mailbox,
    found: Sequence[tuple[int, NewEmail]],
    *,
    holdable: frozenset[str] | None,
    since: datetime | None = None,
) -> int:
    """Known Emails lie at a new place. Returns how many keywords were repaired."""
    if not found:
        return 0
    ids = [email_id for email_id, _ in found]
    pending = read_pending(record.account_id, since=since, email_ids=ids)
    elsewhere = _placed(ids, but_detached=True)
    truth = _truth(ids)
    merges: dict[int, plan.Merged] = {}
    for email_id, item in found:
        if email_id in merges:
            continue  # a second copy in this mailbox adds no word of its own
        own, local_only = truth[email_id]
        server = frozenset(item.keywords)
        is_sole = email_id not in elsewhere
        merges[email_id] = plan.merge_keywords(
            base=own if is_sole else server,
            truth=own,
            server=server,
            pending=pending.keywords.get(email_id, frozenset()),
            local_only=local_only,
            holdable=holdable,
            is_sole=is_sole,
        )
    hidden = {email_id for email_id in ids if pending.leaves(email_id, mailbox.pk)}
    ingest.place_emails(record, [(email_id, item.place, item.keywords) for email_id, item in found], hidden=hidden)
    _apply_merges(record, merges)
    # A body that could not be had at the old place may be had at this one.
    for chunk in chunks(ids):
        Email.objects.filter(pk__in=chunk, blob=None).exclude(body_error="", body_failures=0).update(
            body_error="", body_failures=0
        )
    return sum(merge.repaired for merge in merges.values())


def _placed(email_ids: Iterable[int], *, but_detached: bool = False) -> set[int]:
    """Those of the Emails that have a placement anywhere."""
    found: set[int] = set()
    for chunk in chunks(email_ids):
        rows = Placement.objects.filter(email_id__in=chunk)
        if but_detached:
            rows = rows.exclude(uidvalidity__lt=0)
        found.update(rows.values_list("email_id", flat=True))
    return found


def _truth(email_ids: Iterable[int]) -> dict[int, tuple[frozenset[str], frozenset[str]]]:
    """(keywords, those of them that only we hold) of each Email."""
    words: dict[int, tuple[set[str], set[str]]] = {email_id: (set(), set()) for email_id in email_ids}
    statement = "SELECT email_id, keyword, is_local_only FROM store_emailkeyword WHERE email_id IN %s"
    for email_id, keyword, is_local_only in select_in(statement, words):
        words[email_id][0].add(keyword)
        if is_local_only:
            words[email_id][1].add(keyword)
    return {email_id: (frozenset(own), frozenset(local)) for email_id, (own, local) in words.items()}


def _apply_merges(record: changes.Record, merges: Mapping[int, plan.Merged]) -> int:
    """Write what merging decided; returns how many Emails changed for people."""
    wished = {
        email_id: KeywordChange(merge.add, merge.remove)
        for email_id, merge in merges.items()
        if merge.add or merge.remove
    }
    changed = emails.change_keywords(record, wished)
    execute_many(
        "UPDATE store_emailkeyword SET is_local_only = %s WHERE email_id = %s AND keyword = %s",
        [
            (is_local, email_id, keyword)
            for email_id, merge in merges.items()
            for words, is_local in ((merge.now_local, True), (merge.now_remote, False))
            for keyword in words
        ],
    )
    return len(changed)


# Keywords -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KeywordWork:
    """What a look at keywords found to do; nothing is written while it is made."""

    placements: list[tuple[str, bool, int | None, int]] = field(default_factory=list)
    merges: dict[int, plan.Merged] = field(default_factory=dict)
    hide: list[int] = field(default_factory=list)  # email ids: \Deleted was set
    show: list[int] = field(default_factory=list)  # email ids: \Deleted was taken away
    unmark: list[int] = field(default_factory=list)  # placement ids: they are there after all
    unsettled: list[int] = field(default_factory=list)  # email ids: see `compare_keywords`
    since: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.placements or self.merges or self.unmark or self.unsettled)

    @property
    def differing(self) -> int:
        """How many messages are not as they were held."""
        return max(len(self.placements), len(self.merges))


def compare_keywords(
    account_id: int,
    known: Mapping[int, Known],
    rows: Sequence[KeywordData],
    *,
    holdable: frozenset[str] | None,
    since: datetime | None = None,
) -> KeywordWork:
    """What the server's keywords change, by the three-way merge of `plan.merge_keywords`. Reads only.

    What was carried out after `since`, when sync began to ask, is left alone like what is pending. Where the answer differs
    from it, the answer is older, or another client was quicker: `unsettled`, and only a later answer can tell.
    """
    told = [(known[row.uid], row) for row in rows if row.uid in known]
    ids = {item.email_id for item, _ in told}
    pending = read_pending(account_id, since=since, email_ids=ids)
    asks_again = since is not None and bool(pending.keywords)
    still_open = entries.pending_keywords(account_id, email_ids=ids) if asks_again else {}
    truth = _truth(ids)
    several = _placed_several_times(ids)
    work = KeywordWork(since=since)
    for item, row in told:
        own, local_only = truth[item.email_id]
        touched = pending.keywords.get(item.email_id, frozenset())
        if touched and (own ^ row.keywords) & (touched - still_open.get(item.email_id, frozenset())):
            work.unsettled.append(item.email_id)
        merge = plan.merge_keywords(
            base=item.keywords,
            truth=own,
            server=row.keywords,
            pending=touched,
            local_only=local_only,
            holdable=holdable,
            is_sole=item.email_id not in several,
        )
        if merge and item.email_id not in work.merges:
            work.merges[item.email_id] = merge
        if item.keywords != row.keywords or item.is_deleted != row.is_deleted:
            work.placements.append((" ".join(sorted(row.keywords)), row.is_deleted, row.modseq, item.placement_id))
        if item.is_deleted != row.is_deleted:
            (work.hide if row.is_deleted else work.show).append(item.email_id)
        if item.is_marked:
            work.unmark.append(item.placement_id)
    return work


def store_keywords(record: changes.Record, mailbox: Mailbox, work: KeywordWork) -> Written:
    """Write what `compare_keywords` found."""
    execute_many(
        "UPDATE store_placement SET keywords = %s, is_deleted = %s, modseq = %s WHERE id = %s", work.placements
    )
    changed = _apply_merges(record, work.merges)
    pending = read_pending(record.account_id, since=work.since, email_ids=work.show)
    emails.remove_from_mailbox(record, work.hide, mailbox.pk)
    emails.add_to_mailbox(record, [pk for pk in work.show if not pending.leaves(pk, mailbox.pk)], mailbox.pk)
    unmark(work.unmark)
    return Written(changed=changed, repaired=sum(merge.repaired for merge in work.merges.values()))


def _placed_several_times(email_ids: Iterable[int]) -> set[int]:
    seen: set[int] = set()
    several: set[int] = set()
    for chunk in chunks(email_ids):
        rows = Placement.objects.filter(email_id__in=chunk).exclude(uidvalidity__lt=0)
        for email_id in rows.values_list("email_id", flat=True):
            (several if email_id in seen else seen).add(email_id)
    return several


# Gone -----------------------------------------------------------------------------------------------------------------


def mark(placement_ids: Iterable[int]) -> None:
    """These were missed in great number: they go when the next pass misses them too (R81)."""
    for chunk in chunks(placement_ids):
        Placement.objects.filter(pk__in=chunk, gone_at=None).update(gone_at=timezone.now())


def marked(mailbox: Mailbox) -> list[tuple[int, int | None]]:
    """(placement id, UID) of what an earlier pass missed in the mailbox."""
    rows = Placement.objects.filter(mailbox=mailbox, uidvalidity=mailbox.uidvalidity, gone_at__isnull=False)
    return list(rows.values_list("id", "uid"))


def unmark(placement_ids: Iterable[int]) -> None:
    """They are there after all."""
    for chunk in chunks(placement_ids):
        Placement.objects.filter(pk__in=chunk).update(gone_at=None)


def remove(record: changes.Record, mailbox: Mailbox, pairs: Sequence[Pair]) -> Written:
    """The server holds these no more: placements and memberships go, Emails with no place left become orphans (Y45)."""
    for chunk in chunks(placement_id for placement_id, _ in pairs):
        Placement.objects.filter(pk__in=chunk).delete()
    ids = {email_id for _, email_id in pairs}
    stays: set[int] = set()
    for chunk in chunks(ids):
        rows = Placement.objects.filter(email_id__in=chunk, mailbox=mailbox, is_deleted=False)
        stays.update(rows.values_list("email_id", flat=True))
    emails.remove_from_mailbox(record, ids - stays, mailbox.pk)
    placed = _placed(ids)
    orphans = ids - placed - _in_local_mailboxes(ids)
    now = timezone.now()
    for chunk in chunks(orphans):
        Email.objects.filter(pk__in=chunk, orphaned_at=None).update(orphaned_at=now)
    _settle_last_places(record, placed)
    return Written(removed=len(pairs))


def _in_local_mailboxes(email_ids: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for chunk in chunks(email_ids):
        rows = EmailMailbox.objects.filter(email_id__in=chunk, mailbox__source=Mailbox.Source.LOCAL)
        found.update(rows.values_list("email_id", flat=True))
    return found


def _settle_last_places(record: changes.Record, email_ids: Collection[int]) -> None:
    """Emails that lost one of several places: now that one place speaks for each, its keywords are the server's word."""
    sole = set(email_ids) - _placed_several_times(email_ids)
    if not sole:
        return
    pending = read_pending(record.account_id, email_ids=sole)
    truth = _truth(sole)
    merges = {}
    for chunk in chunks(sole):
        for email_id, words in Placement.objects.filter(email_id__in=chunk).values_list("email_id", "keywords"):
            own, local_only = truth[email_id]
            server = frozenset(words.split())
            merges[email_id] = plan.merge_keywords(
                base=own,
                truth=own,
                server=server,
                pending=pending.keywords.get(email_id, frozenset()),
                local_only=local_only,
            )
    _apply_merges(record, merges)


def detach(mailbox: Mailbox) -> int:
    """The UIDs of the mailbox mean nothing any more: keep the placements as what holds their Emails (Y51)."""
    now = timezone.now()
    # The second of the change is part of the number: one UIDVALIDITY may be given up twice (Y53).
    stamp = int(now.timestamp()) << 32
    return Placement.objects.filter(mailbox=mailbox, uidvalidity__gt=0).update(
        uidvalidity=-(F("uidvalidity") + stamp), gone_at=now
    )


def detached(mailbox: Mailbox) -> tuple[list[Pair], list[Pair]]:
    """Detached placements of Emails that were found again in the mailbox, and of those that were not."""
    again = set(_current_email_ids(mailbox))
    rows = Placement.objects.filter(mailbox=mailbox, uidvalidity__lt=0).values_list("id", "email_id")
    found: list[Pair] = []
    lost: list[Pair] = []
    for placement_id, email_id in rows:
        (found if email_id in again else lost).append((placement_id, email_id))
    return found, lost


def has_detached(mailbox: Mailbox) -> bool:
    """Whether the mailbox is being listed anew."""
    return Placement.objects.filter(mailbox=mailbox, uidvalidity__lt=0).exists()


def _current_email_ids(mailbox: Mailbox) -> Iterable[int]:
    rows = Placement.objects.filter(mailbox=mailbox, uidvalidity=mailbox.uidvalidity)
    return rows.values_list("email_id", flat=True)


def drop_placements(pairs: Sequence[Pair]) -> None:
    """Delete placements whose Emails have another one in the same mailbox: nobody sees a difference."""
    for chunk in chunks(placement_id for placement_id, _ in pairs):
        Placement.objects.filter(pk__in=chunk).delete()


def destroy_orphans(record: changes.Record, *, before: datetime) -> int:
    """Destroy the account's Emails that had lost their last place before `before` and were not found again (Y49).

    Call it after a complete pass that began at `before`. Those that an open Action still needs are spared, and its part that is
    about them is settled.
    """
    _settle_acts(record.account_id, before=before)
    limit = min(before, timezone.now() - ORPHANS_LIVE)
    ids = set(Email.objects.filter(account_id=record.account_id, orphaned_at__lt=limit).values_list("id", flat=True))
    if not ids:
        return 0
    placed = _placed(ids)
    Email.objects.filter(pk__in=placed).update(orphaned_at=None)
    return emails.destroy_emails(record, ids - placed - _held(ids))


def _settle_acts(account_id: int, *, before: datetime) -> None:
    """Acts on what lies nowhere have nothing to do any more, and hold up those behind them no longer (Y74)."""
    waiting = Email.objects.filter(
        account_id=account_id, orphaned_at__lt=before, action_rows__action__status__in=Action.OPEN
    )
    lost = set(waiting.values_list("id", flat=True))
    lost -= _placed(lost)
    if lost and entries.settle_lost(account_id, lost):
        dispatch.wake("journal.replay", account_id)


def _held(email_ids: Iterable[int]) -> set[int]:
    return {email_id for chunk in chunks(email_ids) for email_id in entries.held_emails(chunk)}
