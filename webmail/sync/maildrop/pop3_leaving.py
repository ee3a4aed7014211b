"""Off the POP3 server: what the account's policy lets go, and only what is proved to be safe here (sync Y90).

A number is proved when its bytes came in this session, when TOP shows the header that its placement was stamped with, or, where
the server has no TOP, when its UIDL still bears the size it had (with neither, by fetching it once more). It must not delete
anything whose name is not unique, nor from a listing that contradicts itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta

from django.utils import timezone

from accounts.models import LeaveOnServer, MailAccount
from webmail.mime.limits import MAX_MESSAGE_BYTES
from webmail.protocols.pop3.session import Pop3Session
from webmail.store.models import Email
from webmail.store.sql import chunks
from webmail.sync import points
from webmail.sync.maildrop import pop3_plan
from webmail.sync.maildrop.pop3_rows import Held, Maildrop, deleted_here

MAX_PROVED = 500  # messages that one session looks at before it deletes them; the others wait for the next
MAX_FETCHED_AGAIN = 20  # the same, where only the whole message proves it
CUT_SHORT = 1_024  # bytes and a twentieth: so much less than LIST told, and the message was not sent whole


def expiry_note(account: MailAccount, expire_days: int | None) -> str:
    """What to tell the user when the server deletes mail sooner than the policy says (EXPIRE, RFC 2449 6.7); mostly nothing."""
    policy = account.leave_on_server
    if expire_days is None or policy == LeaveOnServer.AT_ONCE:
        return ""
    if policy == LeaveOnServer.AFTER_DAYS and account.leave_days <= expire_days:
        return ""
    if expire_days == 0:
        return "The server keeps no mail that was fetched, whatever is set here. What was fetched stays here."
    days = "1 day" if expire_days == 1 else f"{expire_days} days"
    return f"The server itself deletes mail after {days}, sooner than is set here. What was fetched stays here."


def mark_deletions(drop: Maildrop, session: Pop3Session, certain: Mapping[int, Held]) -> list[Held]:
    """DELE what may go; nothing counts before QUIT is answered. `certain`: number to placement, where the name is no doubt."""
    if drop.account.leave_on_server == LeaveOnServer.KEEP or drop.is_doubtful:
        return []
    there = {number: item for number, item in {**certain, **drop.fetched}.items() if not item.is_gone}
    wanted = _leaving(drop, there)
    numbers = sorted(_proved(drop, session, {number: there[number] for number in wanted}))
    points.reached("pop3.before_dele")
    marked = [there[number] for number in session.delete_many(numbers)]
    points.reached("pop3.marked")
    return marked


def _leaving(drop: Maildrop, there: Mapping[int, Held]) -> list[int]:
    """The numbers that the policy lets go."""
    email_ids = {item.email_id for item in there.values()}
    gone_here = deleted_here(email_ids)
    sizes = _safe_here(drop.account, {pk for pk in email_ids - gone_here if pk is not None})
    leaving = []
    for number, item in there.items():
        size = sizes.get(item.email_id) if item.email_id is not None else None
        if item.email_id in gone_here or (size is not None and not _is_cut_short(size, drop.sizes.get(number, 0))):
            leaving.append(number)
    return leaving


def _safe_here(account: MailAccount, email_ids: set[int]) -> dict[int | None, int]:
    """Size in bytes of the Emails that the policy lets go because their bytes are here."""
    if account.leave_on_server not in {LeaveOnServer.AT_ONCE, LeaveOnServer.AFTER_DAYS}:
        return {}
    found: dict[int | None, int] = {}
    for chunk in chunks(email_ids):
        rows = Email.objects.filter(pk__in=chunk, blob__isnull=False)
        if account.leave_on_server == LeaveOnServer.AFTER_DAYS:
            rows = rows.filter(blob__created_at__lt=timezone.now() - timedelta(days=account.leave_days))
        found.update(rows.values_list("id", "size_bytes"))
    return found


def _is_cut_short(size_bytes: int, listed_bytes: int) -> bool:
    return size_bytes + size_bytes // 20 + CUT_SHORT < listed_bytes


def _proved(drop: Maildrop, session: Pop3Session, wanted: Mapping[int, Held]) -> list[int]:
    proved = [number for number in wanted if number in drop.fetched]
    rest = [number for number in wanted if number not in drop.fetched][:MAX_PROVED]
    if not rest:
        return proved
    headers = session.headers(rest) if drop.has_top else None
    if headers is not None:
        return proved + [n for n in rest if n in headers and _is_header_of(drop, n, wanted[n], headers[n])]
    named = [number for number in rest if not pop3_plan.is_computed(wanted[number].key)]
    proved += [n for n in named if 0 != wanted[n].size_bytes == drop.sizes.get(n)]
    return proved + _fetched_again(drop, session, {n: wanted[n] for n in rest if n not in named})


def _is_header_of(drop: Maildrop, number: int, item: Held, header: bytes) -> bool:
    size = drop.sizes.get(number, 0)
    if pop3_plan.is_computed(item.key):
        return pop3_plan.listed_key(item.key) == pop3_plan.key_of_header(header, size)
    return item.stamp == pop3_plan.stamp_of(size, header)


def _fetched_again(drop: Maildrop, session: Pop3Session, wanted: Mapping[int, Held]) -> list[int]:
    """Without UIDL and TOP only the bytes tell."""
    numbers = list(wanted)[:MAX_FETCHED_AGAIN]
    proved = []
    for number, raw in session.retrieve_many(numbers, max_bytes=MAX_MESSAGE_BYTES):
        key = pop3_plan.key_of_content(hashlib.sha256(raw).hexdigest(), drop.sizes.get(number, 0))
        if pop3_plan.listed_key(wanted[number].key) == key:
            proved.append(number)
    return proved
