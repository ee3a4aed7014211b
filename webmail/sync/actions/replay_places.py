"""Where the Emails of an Action lie on the server. What the rows do not know is looked for by identity (sync Y70, Y74).

A place is not known when a server without COPYUID has moved an Email and no pass has come by since. It must not change anything
on the server, nor in the rows but for places it found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from webmail import dispatch
from webmail.journal import entries
from webmail.journal.models import Action, ActionEmail
from webmail.mime.headers import parse_list_headers
from webmail.protocols.errors import PermanentlyRefused
from webmail.protocols.imap.session import ImapSession
from webmail.protocols.imap.types import ListData
from webmail.store import emails
from webmail.store.ingest import NewEmail, Place, fingerprint_of
from webmail.store.models import Email, Mailbox, Placement
from webmail.store.sql import chunks
from webmail.sync.errors import SyncError, plain_reason
from webmail.sync.mailbox.imap import raw_name_of

GIVE_UP_LOCATING = 6  # tries after which old UIDs in a mailbox that was made anew are nobody's task any more
MAX_LOOKED_AT = 2_000  # messages of a mailbox, newest first, that one search for a place reads

Pair = tuple[int, int]  # email id, mailbox id
Key = TypeVar("Key")


class NotLocated(SyncError):
    """The UIDs known of a mailbox mean nothing any more: the next pass gives new ones."""


class StopWanted(SyncError):
    """The user does not want the rest of this Action any more."""


def words_of(error: Exception) -> str:
    """A refusal for people. Where the server said nothing, the refusal is ours and its text says why."""
    if getattr(error, "server_text", ""):
        return plain_reason(error)
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


@contextmanager
def missing_as_trycreate(session: ImapSession, target: Mailbox) -> Iterator[None]:
    """A target that is not there any more is refused like a COPY into it would be: with TRYCREATE (RFC 3501 section 7.1)."""
    try:
        yield
    except PermanentlyRefused as error:
        raw_name = raw_name_of(target)
        if error.code != "NONEXISTENT" and (error.code or raw_name not in session.absent_of([raw_name])):
            raise
        raise PermanentlyRefused(str(error), server_text=error.server_text, code="TRYCREATE") from error


@dataclass
class Lying:
    """The placements of an Action's Emails in one mailbox."""

    mailbox: Mailbox
    placements: list[Placement] = field(default_factory=list)

    def by_uid(self) -> dict[int, Placement]:
        """The placements by their UID."""
        return {row.uid: row for row in self.placements if row.uid is not None}


def batches(actions: Sequence[Action], *, size: int) -> Iterator[list[ActionEmail]]:
    """The rows still to be carried out, batch by batch; the caller settles each batch before it takes the next.

    Raises `StopWanted` between two of them.
    """
    while rows := entries.open_rows(actions, limit=size):
        if entries.is_stop_wanted(actions):
            raise StopWanted
        yield rows
        if not all(row.is_done for row in rows):
            raise RuntimeError("a batch was left unsettled")


def lying_in_all(session: ImapSession, rows: Sequence[ActionEmail], *, but: Mailbox | None = None) -> list[Lying]:
    """All places of the rows' Emails, by mailbox; those in `but` do not count. What is not found is gone."""
    wanted = {row.email_id for row in rows}

    def read() -> list[Placement]:
        placed = _placements(wanted)
        return [row for row in placed if not row.is_deleted and (but is None or row.mailbox_id != but.pk)]

    found = read()
    ids = wanted - {row.email_id for row in found}
    if ids and _locate(session, {pair for pair in _may_lie_in(ids) if but is None or pair[1] != but.pk}):
        found = read()
    return _by_mailbox(found)


def lying_in_sources(session: ImapSession, rows: Sequence[ActionEmail]) -> list[Lying]:
    """The places the rows' Emails are to be taken out of, by mailbox."""
    wanted = {(row.email_id, row.source_id) for row in rows if row.source_id is not None}

    def read() -> list[Placement]:
        placed = _placements({email_id for email_id, _ in wanted})
        return [row for row in placed if (row.email_id, row.mailbox_id) in wanted]

    found = read()
    unplaced = wanted - {(row.email_id or 0, row.mailbox_id) for row in found}
    if unplaced and _locate(session, unplaced):
        found = read()
    return _by_mailbox(found)


def lying_elsewhere(rows: Sequence[ActionEmail], target: Mailbox) -> list[Lying]:
    """Where another client has put the Emails of a move that are in their source no more: not where they were to stay, and
    not in the target (Y74)."""
    stays: dict[int, set[int]] = defaultdict(lambda: {target.pk})
    for row in rows:
        stays[row.email_id] |= {*row.changed.get("stays", ()), row.source_id or 0}
    placed = [row for row in _placements(stays) if not row.is_deleted]
    return _by_mailbox(row for row in placed if row.mailbox_id not in stays[row.email_id or 0])


def locate(session: ImapSession, email_ids: Iterable[int], mailbox: Mailbox) -> None:
    """Look for Emails in one mailbox, unless their place in it is known."""
    ids = set(email_ids)
    known = {row.email_id for row in _placements(ids) if row.mailbox_id == mailbox.pk}
    _locate(session, {(email_id, mailbox.pk) for email_id in ids - known})


def _placements(email_ids: Collection[int]) -> list[Placement]:
    """Those on the server whose UIDs are in force, ascending by UID."""
    found: list[Placement] = []
    for chunk in chunks(email_ids):
        found += Placement.objects.filter(email_id__in=chunk, uid__isnull=False).exclude(uidvalidity__lt=0)
    return sorted(found, key=lambda row: row.uid or 0)


def select(session: ImapSession, action: Action, lying: Lying) -> dict[int, Placement]:
    """Open the mailbox; the placements by UID, those whose UIDs still mean what they meant (UIDVALIDITY unchanged).

    Raises `NotLocated` when they do not.
    """
    selected = session.select(raw_name_of(lying.mailbox))
    valid = {
        placement.uid: placement
        for placement in lying.placements
        if placement.uid is not None and placement.uidvalidity == selected.uidvalidity
    }
    if len(valid) < len(lying.placements) and action.attempts < GIVE_UP_LOCATING:
        dispatch.wake("sync.mailbox", lying.mailbox.pk)
        raise NotLocated(f"{lying.mailbox.name} was made anew on the server")
    return valid


def still_there(session: ImapSession, action: Action, by_uid: Mapping[int, Placement]) -> list[int]:
    """The UIDs to act on in the selected mailbox. After a try that was cut, those that are gone may be done already; where no
    COPYUID tells what was, it is looked at before (Y70)."""
    if action.attempts <= 1 and session.supports("UIDPLUS"):
        return list(by_uid)
    present = set(session.search_uids())
    return [uid for uid in by_uid if uid in present]


def not_there(session: ImapSession, uids: Collection[int]) -> set[int]:
    """Those of the UIDs that the selected mailbox has no more. Commands say nothing of them, and are answered OK."""
    return set(uids) - set(session.search_uids()) if uids else set()


def astray(rows: Sequence[ActionEmail], found: Sequence[Lying], *, but: Mailbox | None = None) -> set[int]:
    """Emails that lie nowhere we know of and are not known to be gone: their last place was lost, or is being numbered anew.
    A pass finds them, or settles their rows when it has looked everywhere (Y49, Y74). Not those placed in `but`."""
    placed = {place.email_id for lying in found for place in lying.placements}
    open_ids = {row.email_id for row in rows if row.email_id not in placed}
    known = {place.email_id for place in _placements(open_ids) if but is not None and place.mailbox_id == but.pk}
    lost: set[int] = set()
    for chunk in chunks(open_ids - known):
        emails_of = Email.objects.filter(pk__in=chunk)
        lost |= set(emails_of.filter(orphaned_at__isnull=False).values_list("pk", flat=True))
        lost |= set(emails_of.filter(placements__uidvalidity__lt=0).values_list("pk", flat=True))
    return lost


def but_lost(action: Action, rows: Sequence[ActionEmail], lost: Collection[int]) -> list[ActionEmail]:
    """The rows to settle: those of lost Emails wait, as long as it makes sense."""
    gives_up = action.attempts >= GIVE_UP_LOCATING
    return [row for row in rows if not row.is_done and (gives_up or row.email_id not in lost)]


def wait_for_lost(action: Action, lost: Collection[int]) -> None:
    """Raises `NotLocated` when there are Emails that another client has moved: the next pass knows where to, and the act
    follows them there (Y74)."""
    if lost and action.attempts < GIVE_UP_LOCATING:
        dispatch.wake("sync.account", action.account_id)
        raise NotLocated("what this is about has moved on the server")


def save_step(action: Action, mailbox: Mailbox, **values: Any) -> None:
    """Remember how far the Action has come with one source."""
    key = str(mailbox.pk)
    entries.save_progress(action, {**action.progress, key: {**action.progress.get(key, {}), **values}})


def drop_step(action: Action, mailbox: Mailbox) -> None:
    """The present batch of one source is finished."""
    key = str(mailbox.pk)
    if key in action.progress:
        entries.save_progress(action, {name: step for name, step in action.progress.items() if name != key})


def find_by_identity(
    session: ImapSession, uids: Sequence[int], wanted: Mapping[Key, Email | None]
) -> dict[Key, ListData]:
    """Which of these messages of the selected mailbox are the wanted ones, by fingerprint or Message-ID. None twice."""
    waiting: dict[object, list[ListData]] = defaultdict(list)
    for row in session.fetch_list_data(uids) if uids else ():
        if not row.is_deleted:
            for mark in _marks_of_row(row):
                waiting[mark].append(row)
    found: dict[Key, ListData] = {}
    taken: set[int] = set()
    for key, email in wanted.items():
        marks = (email.fingerprint, email.message_id) if email is not None else ()
        row_found = next((row for mark in marks if mark for row in waiting[mark] if row.uid not in taken), None)
        if row_found is not None:
            found[key] = row_found
            taken.add(row_found.uid)
    return found


def _marks_of_row(row: ListData) -> tuple[object, object]:
    headers = parse_list_headers(row.header)
    return fingerprint_of(NewEmail(headers, row.internal_date, row.size_bytes, Place(0))), headers.message_id


def _by_mailbox(placements: Iterable[Placement]) -> list[Lying]:
    grouped: dict[int, list[Placement]] = defaultdict(list)
    for placement in placements:
        grouped[placement.mailbox_id].append(placement)
    boxes = Mailbox.objects.select_related("account").in_bulk(grouped)
    return [Lying(boxes[mailbox_id], found) for mailbox_id, found in grouped.items()]


def _may_lie_in(email_ids: Collection[int]) -> set[Pair]:
    """Where Emails are shown, and where acts that are still to come will take them out of."""
    pairs = {(pk, box) for pk, boxes in emails.memberships(email_ids).items() for box in boxes}
    leaving = ActionEmail.objects.filter(
        action__status__in=Action.OPEN, email_id__in=email_ids, source__isnull=False
    ).values_list("email_id", "source_id")
    return pairs | set(leaving)


def _locate(session: ImapSession, unplaced: Collection[Pair]) -> bool:
    """Look for Emails in mailboxes among the messages the rows do not know, and write the places found. Were there any?"""
    by_box: dict[int, list[int]] = defaultdict(list)
    for email_id, mailbox_id in unplaced:
        by_box[mailbox_id].append(email_id)
    boxes = Mailbox.objects.filter(pk__in=by_box, source=Mailbox.Source.REMOTE, is_selectable=True)
    found = [_locate_in(session, box, by_box[box.pk]) for box in boxes.exclude(remote_name="")]
    return any(found)


def _locate_in(session: ImapSession, mailbox: Mailbox, email_ids: Sequence[int]) -> bool:
    try:
        uidvalidity = session.select(raw_name_of(mailbox), read_only=True).uidvalidity
    except PermanentlyRefused:
        return False  # the mailbox itself is gone
    rows = Placement.objects.filter(mailbox=mailbox, uidvalidity=uidvalidity, uid__isnull=False)
    known = set(rows.values_list("uid", flat=True))
    fresh = [uid for uid in session.search_uids() if uid not in known][-MAX_LOOKED_AT:]
    found = find_by_identity(session, fresh, Email.objects.in_bulk(email_ids))
    Placement.objects.bulk_create(
        (
            Placement(
                mailbox=mailbox,
                email_id=email_id,
                uidvalidity=uidvalidity,
                uid=row.uid,
                modseq=row.modseq,
                keywords=" ".join(sorted(row.keywords)),
            )
            for email_id, row in found.items()
        ),
        ignore_conflicts=True,  # a pass was quicker
    )
    return bool(found)
