"""Muted conversations: a new message of one leaves the inbox by itself, as an act of its owner.

Decided once, in the transaction that stores the message, so that nothing is done twice and what a person puts back into the
inbox stays there. It must not touch what was in the inbox before, nor raise into sync.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.db.models import Min

from accounts.models import MailAccount
from webmail.journal import entries
from webmail.journal.actions import keywords, move
from webmail.journal.errors import ActionRefused
from webmail.journal.models import Action
from webmail.store import changes, signals
from webmail.store.mailboxes import mailbox_with_role
from webmail.store.models import Email, EmailKeyword, Role
from webmail.store.queries.muting import MUTED
from webmail.store.sql import chunks


def connect() -> None:
    """Called once, when Django is ready."""
    signals.emails_joined.connect(_emails_joined, dispatch_uid="journal.muting")


def _emails_joined(record: changes.Record, email_ids: Sequence[int], thread_ids: Sequence[int], **_: Any) -> None:
    since = {
        thread_id: first
        for chunk in chunks(set(thread_ids))
        for thread_id, first in EmailKeyword.objects.filter(keyword=MUTED, email__thread_id__in=chunk)
        .values_list("email__thread_id")
        .annotate(first=Min("email__received_at"))
    }
    if not since:
        return
    of_muted = [pk for pk, thread_id in zip(email_ids, thread_ids, strict=True) if thread_id in since]
    # What is older than the muted mail is no reply to it: an old mailbox is being listed.
    replies = [
        email.pk
        for email in Email.objects.filter(pk__in=of_muted).only("thread_id", "received_at")
        if email.received_at >= since[email.thread_id]
    ]
    if replies:
        with suppress(ActionRefused):  # no archive: it stays where it came to
            _archive(record, replies)


def _archive(record: changes.Record, email_ids: Sequence[int]) -> None:
    account = MailAccount.objects.select_related("user").get(pk=record.account_id)
    inbox = mailbox_with_role(account.pk, Role.INBOX)
    home, _ = move.home_of(account.pk, Role.ARCHIVE)
    if inbox is None or keywords.refused_marking(email_ids, [MUTED], [account.pk]):
        return
    move.check_target(home, {account.pk})
    marked = keywords.change_rows(record, email_ids, frozenset({MUTED}), frozenset())
    if marked:
        arguments = {"add": [MUTED], "remove": []}
        entries.append_action(account.pk, Action.Kind.KEYWORDS, user=account.user, emails=marked, arguments=arguments)
    moved = move.move_rows(record, email_ids, home.pk, inbox.pk)
    if moved:
        told = {"target": home.pk}
        entries.append_action(
            account.pk, Action.Kind.MOVE, user=account.user, mailbox=home, emails=moved, arguments=told
        )
