"""Messages into a mailbox of another account: sent, found there, and written into its rows. Called by `sync.actions.transfer`.

The rows are written as a pass of the target would write them (`placements.store_list_data`), so it does not matter which of the
two is first. It must not touch the account the messages come from, but for how far its Action has come.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

from accounts.credentials import CredentialError
from webmail import dispatch
from webmail.journal import entries
from webmail.journal.models import Action, ActionEmail
from webmail.protocols.errors import BadArgument, PermanentlyRefused, ProtocolError, ServerError
from webmail.protocols.imap.flags import SYSTEM_KEYWORDS
from webmail.protocols.imap.session import ImapSession
from webmail.protocols.imap.types import SelectedMailbox
from webmail.store import blobs, changes, emails, ingest
from webmail.store.emails import KeywordChange
from webmail.store.ingest import NewEmail, Place
from webmail.store.models import Mailbox, Placement
from webmail.store.sql import chunks
from webmail.sync import points
from webmail.sync.actions.replay_places import GIVE_UP_LOCATING, MAX_LOOKED_AT, missing_as_trycreate, words_of
from webmail.sync.actions.transfer_letters import Letter
from webmail.sync.actions.transfer_matching import Arrival, match
from webmail.sync.errors import SyncError
from webmail.sync.mailbox import placements
from webmail.sync.mailbox.imap import raw_name_of

SERVER_TROUBLE = (ProtocolError, CredentialError, SyncError)

# What a server refuses about one message and not about the mailbox.
_ABOUT_ONE = frozenset({"TOOBIG"})
NOT_FOUND = "The other server took the message, but it could not be found there. It stays where it was."


class NotArrivedYet(SyncError):
    """A message was taken by the server and is not to be seen there: it is looked for again."""


@dataclass
class Delivery:
    """What became of letters: ids of Emails that arrived, and of those refused with words. `trouble` ended it early; letters in
    neither were not sent, or are looked for again."""

    arrived: set[int] = field(default_factory=set)
    refused: dict[int, str] = field(default_factory=dict)
    trouble: Exception | None = None


# On a server ----------------------------------------------------------------------------------------------------------


def send(session: ImapSession, action: Action, target: Mailbox, letters: Sequence[Letter]) -> Delivery:
    """Append what is not there yet, and store what is. Raises what the session raises, unless some letters arrived before."""
    with missing_as_trycreate(session, target):
        selected = session.select(raw_name_of(target))
    if selected.is_read_only:
        raise PermanentlyRefused(f"{target.name} is read-only")
    since_uid = _note(action, selected, letters)
    delivery = Delivery()
    begun = [letter for letter in letters if letter.progress]  # a try before this one may have sent them
    found = _look(session, target, selected, begun, since_uid) if begun else {}
    for letter in letters:
        if letter.email.pk in found or letter.is_sent:
            continue
        try:
            _append(session, action, target, selected, letter)
        except (ServerError, BadArgument) as error:
            if isinstance(error, BadArgument) or error.code in _ABOUT_ONE:
                delivery.refused[letter.email.pk] = words_of(error)
                continue
            delivery.trouble = error
            break
    sent = [letter for letter in letters if letter.is_sent and letter.email.pk not in found]
    if sent:
        session.noop()  # so that all of them are seen
        found |= _look(session, target, selected, sent, since_uid)
    _store(
        action, target, selected, [(letter, found[letter.email.pk]) for letter in letters if letter.email.pk in found]
    )
    delivery.arrived |= found.keys()
    _judge_lost(action, delivery, [letter for letter in sent if letter.email.pk not in found])
    return delivery


def _note(action: Action, selected: SelectedMailbox, letters: Sequence[Letter]) -> int:
    """Remember the UIDNEXT before anything is sent; from which UID on the copies lie."""
    note = action.progress.get("arrivals")
    if note is None:
        note = {"uidnext": selected.uidnext or 1, "uidvalidity": selected.uidvalidity}
    fresh = [letter.email.pk for letter in letters if not letter.progress]
    with transaction.atomic():
        entries.save_progress(action, {**action.progress, "arrivals": note})
        for chunk in chunks(fresh):
            action.emails.filter(email_id__in=chunk).update(progress={"begun": True})
    points.reached("transfer.noted")
    return int(note["uidnext"]) if note["uidvalidity"] == selected.uidvalidity else 1


def _append(session: ImapSession, action: Action, target: Mailbox, selected: SelectedMailbox, letter: Letter) -> None:
    result = session.append(
        raw_name_of(target),
        letter.read(),
        keywords=sorted(_holdable(selected, letter.keywords)),
        internal_date=letter.sent_at,
    )
    points.reached("transfer.appended")
    letter.progress = {"appended": True}
    if result is not None:
        letter.progress = {"uid": result.uid, "uidvalidity": result.uidvalidity}
    action.emails.filter(email_id=letter.email.pk).update(progress=letter.progress)
    points.reached("transfer.append_noted")


def _holdable(selected: SelectedMailbox, keywords: frozenset[str]) -> frozenset[str]:
    if selected.can_create_keywords:
        return keywords
    return keywords & (SYSTEM_KEYWORDS | selected.permanent_keywords)


def _look(
    session: ImapSession, target: Mailbox, selected: SelectedMailbox, letters: Sequence[Letter], since_uid: int
) -> dict[int, Arrival]:
    """Which of the letters lie in the target, by the id of their Email: where APPENDUID says, else anywhere from `since_uid` on."""
    named = {letter.uid_under(selected.uidvalidity) for letter in letters}
    fresh = [uid for uid in session.search_uids() if uid >= since_uid]
    wanted = [letter.wanted(selected.uidvalidity) for letter in letters]
    found: dict[int, Arrival] = {}
    for uids in ([uid for uid in fresh if uid in named], [uid for uid in fresh if uid not in named][-MAX_LOOKED_AT:]):
        others = _accounted_for(target, selected, uids)
        rows = list(session.fetch_list_data(uids)) if uids else []
        found |= match([one for one in wanted if one.key not in found], [row for row in rows if row.uid not in others])
        if len(found) == len(letters):
            break
    return found


def _accounted_for(target: Mailbox, selected: SelectedMailbox, uids: Collection[int]) -> set[int]:
    """The UIDs that messages of a transfer have been given already."""
    found: set[int] = set()
    for chunk in chunks(uids):
        rows = Placement.objects.filter(mailbox=target, uidvalidity=selected.uidvalidity, uid__in=chunk)
        arrived = ActionEmail.objects.filter(arrived__isnull=False).values("arrived_id")
        found.update(uid for uid in rows.filter(email_id__in=arrived).values_list("uid", flat=True) if uid)
    return found


def _judge_lost(action: Action, delivery: Delivery, lost: Sequence[Letter]) -> None:
    """Taken and not to be seen: never sent a second time (Y74). Looked for again, and in the end left where they were."""
    if not lost:
        return
    if action.attempts < GIVE_UP_LOCATING:
        delivery.trouble = delivery.trouble or NotArrivedYet("a message that was sent is not to be seen there yet")
    else:
        delivery.refused |= {letter.email.pk: NOT_FOUND for letter in lost}


# Rows -----------------------------------------------------------------------------------------------------------------


def _store(action: Action, target: Mailbox, selected: SelectedMailbox, found: Sequence[tuple[Letter, Arrival]]) -> None:
    if not found:
        return
    try:
        _store_once(action, target, selected, found)
    except IntegrityError:  # a pass stored one of them at the very moment: now it is known
        _store_once(action, target, selected, found)
    points.reached("transfer.arrived")


def _store_once(
    action: Action, target: Mailbox, selected: SelectedMailbox, found: Sequence[tuple[Letter, Arrival]]
) -> None:
    mailbox = copy.copy(target)
    mailbox.uidvalidity = selected.uidvalidity  # the row's may be older, or not known yet
    holdable = None if selected.can_create_keywords else selected.permanent_keywords
    with changes.recording(target.account_id) as record:
        if action.account_id == target.account_id:
            _place_own(record, mailbox, found)
        placements.store_list_data(
            record,
            mailbox,
            [arrival.data for _, arrival in found],
            holdable=holdable,
            hashes={arrival.data.uid: letter.sha256 if arrival.is_exact else "" for letter, arrival in found},
        )
        at = placements.known_at(mailbox, [arrival.data.uid for _, arrival in found])
        pairs = [(letter, arrival, at[arrival.data.uid].email_id) for letter, arrival in found]
        _keep_keywords(record, ((letter, email_id) for letter, _, email_id in pairs))
        attached = [(email_id, letter.email.blob_id or 0) for letter, arrival, email_id in pairs if arrival.is_exact]
        emails.attach_blobs(target.account_id, attached)
        for letter, _, email_id in pairs:
            action.emails.filter(email_id=letter.email.pk).update(arrived_id=email_id)


def _place_own(record: changes.Record, mailbox: Mailbox, found: Sequence[tuple[Letter, Arrival]]) -> None:
    """From a mailbox that is only ours to the server of the same account: the Email stays what it is."""
    present = placements.known_at(mailbox, [arrival.data.uid for _, arrival in found])
    ingest.place_emails(
        record,
        [
            (
                letter.email.pk,
                Place(mailbox.pk, uidvalidity=mailbox.uidvalidity, uid=arrival.data.uid, modseq=arrival.data.modseq),
                arrival.data.keywords,
            )
            for letter, arrival in found
            if arrival.data.uid not in present
        ],
    )


def _keep_keywords(record: changes.Record, pairs: Iterable[tuple[Letter, int]]) -> None:
    """What the server did not take stays with us (Y65)."""
    wished = {email_id: KeywordChange(added=letter.keywords) for letter, email_id in pairs}
    emails.change_keywords(record, wished, is_local_only=True)


# Here -----------------------------------------------------------------------------------------------------------------


def file_here(action: Action, target: Mailbox, letters: Sequence[Letter]) -> Delivery:
    """Into a mailbox that is only ours: rows, and the bytes are shared."""
    with changes.recording(target.account_id) as record:
        if action.account_id == target.account_id:
            ids = [letter.email.pk for letter in letters]
            emails.add_to_mailbox(record, ids, target.pk)
        else:
            ids = ingest.ingest_into(record, [_new_email(letter, target) for letter in letters])
            blobs.link_blobs(target.account_id, [letter.email.blob_id or 0 for letter in letters])
            dispatch.wake("index.account", target.account_id)
        for letter, email_id in zip(letters, ids, strict=True):
            action.emails.filter(email_id=letter.email.pk).update(arrived_id=email_id)
    points.reached("transfer.arrived")
    return Delivery(arrived={letter.email.pk for letter in letters})


def _new_email(letter: Letter, target: Mailbox) -> NewEmail:
    return NewEmail(
        headers=letter.headers,
        received_at=letter.sent_at,
        size_bytes=letter.size_bytes,
        place=Place(target.pk),
        keywords=letter.keywords,
        has_attachment=letter.email.has_attachment,
        blob_id=letter.email.blob_id,
        preview=letter.email.preview,
    )
