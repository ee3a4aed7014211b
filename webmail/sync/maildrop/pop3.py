"""A POP3 account: whole messages into its Inbox, newest first, and off the server as the user wishes (sync 3.12).

    listing -> new names matched -> presence noted -> RETR in batches -> DELE by policy -> QUIT -> deletions noted

A message is on disk and its rows are committed before DELE is sent, and deletion counts only when QUIT was answered +OK (Y90). A
killed pass repeats at most one batch. Mail that vanishes from the server stays here; the UIDL stays known, so that nothing
comes twice. A placement without an Email, or one whose Email is in no mailbox any more, was deleted here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from accounts.models import MailAccount
from webmail.mime.limits import MAX_MESSAGE_BYTES
from webmail.protocols.pop3.session import Pop3Session
from webmail.store.leases import HeldLease
from webmail.store.models import Mailbox, Role
from webmail.sync import points
from webmail.sync.connections import pop3_session
from webmail.sync.content import budget
from webmail.sync.maildrop import pop3_leaving, pop3_listing, pop3_plan, pop3_rows
from webmail.sync.maildrop.pop3_listing import Answers
from webmail.sync.maildrop.pop3_rows import Held, Maildrop


@dataclass(frozen=True)
class Pop3Result:
    """What a pass came to. `login_delay_s`: the server wants so much time between two sessions. `note`: for the user."""

    is_complete: bool
    has_more: bool
    stored: int = 0
    deleted: int = 0
    login_delay_s: int | None = None
    note: str = ""


def sync_inbox(account: MailAccount, lease: HeldLease, *, deadline: float) -> Pop3Result:
    """One session with the server. Safe to repeat and to kill anywhere.

    Raises what the session raises, `DoubtfulAnswer`, `LeaseLost` and `StorageFull`; batches that were committed stay.
    """
    inbox = Mailbox.objects.get(account=account, role=Role.INBOX, source=Mailbox.Source.REMOTE)
    drop = Maildrop(account, inbox, lease, pop3_rows.read_held(inbox))  # before the server is asked (Y50)
    with pop3_session(account) as session, _counting(account, session):
        raws = pop3_listing.read_listing(drop, session)
        answers = pop3_listing.decide(drop, session, deadline)
        _note_presence(drop, answers)
        is_all_here = _retrieve(drop, session, answers, raws, deadline) and not answers.unasked
        marked: list[Held] = []
        if not answers.decisions.is_renumbered:
            marked = pop3_leaving.mark_deletions(drop, session, _certain(drop, answers))
        is_over = session.quit()
        points.reached("pop3.quit")
        if is_over:
            pop3_rows.forget_deleted(drop, marked)
    if is_all_here:
        pop3_rows.finish(drop)
    return Pop3Result(
        is_complete=is_all_here,
        has_more=not is_all_here,
        stored=drop.stored,
        deleted=len(marked) if is_over else 0,
        login_delay_s=session.login_delay_s,
        note=pop3_leaving.expiry_note(account, session.expire_days),
    )


@contextmanager
def _counting(account: MailAccount, session: Pop3Session) -> Iterator[None]:
    """What the session moves belongs to the bytes of the day, however it ends (reliability R84)."""
    try:
        yield
    finally:
        budget.count_session(account.pk, session)


def _note_presence(drop: Maildrop, answers: Answers) -> None:
    """What is there and what is not; a listing that contradicts itself proves nobody's absence."""
    decisions = answers.decisions
    gone = [] if drop.is_doubtful else [drop.held[key] for key in decisions.gone]
    back = [drop.held[key] for key in decisions.back if key in drop.held]
    pop3_rows.note_presence(drop, gone=gone, back=back, stamps=answers.stamps)


def _certain(drop: Maildrop, answers: Answers) -> dict[int, Held]:
    known = answers.decisions.known
    return {number: drop.held[key] for number, key in known.items() if key in drop.held and drop.held[key].placement_id}


def _retrieve(
    drop: Maildrop, session: Pop3Session, answers: Answers, raws: Mapping[int, bytes], deadline: float
) -> bool:
    """Fetch what is new, newest first; whether all of it was."""
    wanted = sorted({*answers.decisions.retrieve, *answers.decisions.compare, *answers.reused}, reverse=True)
    too_large = [number for number in wanted if drop.sizes.get(number, 0) > MAX_MESSAGE_BYTES]
    for number in too_large:
        _list_too_large(drop, session, number)
    here = {number: raws[number] for number in wanted if number in raws}
    if here:
        pop3_rows.store_messages(drop, here)
    left = [number for number in wanted if number not in here and number not in too_large]
    for count, batch in enumerate(pop3_plan.batches(left, drop.sizes)):
        if count and time.monotonic() >= deadline:
            return False
        messages = dict(session.retrieve_many(batch, max_bytes=MAX_MESSAGE_BYTES))
        points.reached("pop3.retrieved")
        if messages:
            pop3_rows.store_messages(drop, messages)
        budget.count_session(drop.account.pk, session)
    return True


def _list_too_large(drop: Maildrop, session: Pop3Session, number: int) -> None:
    """Header only, where TOP can give it; the message stays on the server."""
    if drop.keys[number] in drop.held:
        return
    header = session.top(number, 0)
    if header is None:
        return
    if pop3_plan.is_pending(drop.keys[number]):
        drop.keys[number] = pop3_plan.key_of_header(header, drop.sizes[number])
    pop3_rows.store_header(drop, number, header)
