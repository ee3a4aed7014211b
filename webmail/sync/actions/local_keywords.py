"""Keywords that only we hold, told to a server that has begun to take them (sync Y65).

They become an ordinary Action, which can be refused without anything being lost: then they stay ours. It must not ask the server,
and not offer the same keyword again and again to one that says it takes it and does not.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from django.utils import timezone

from webmail.journal.entries import EmailRow, append_action
from webmail.journal.models import Action
from webmail.protocols.imap.flags import SYSTEM_KEYWORDS
from webmail.protocols.imap.types import SelectedMailbox
from webmail.store.models import EmailKeyword, Mailbox

NOT_AGAIN_WITHIN = timedelta(days=1)


def offer(mailbox: Mailbox, selected: SelectedMailbox) -> int:
    """Write Actions for what the mailbox can hold since now; returns how many Emails they are about.

    Call it in the transaction that moves the mailbox's cursor, before: the row says what the mailbox could hold so far.
    """
    rows = EmailKeyword.objects.filter(is_local_only=True)
    if selected.can_create_keywords:
        if mailbox.can_create_keywords:
            return 0  # as before
    else:
        words = selected.permanent_keywords - SYSTEM_KEYWORDS
        if not words:
            return 0
        rows = rows.filter(keyword__in=words)
    rows = rows.filter(
        email__placements__mailbox=mailbox, email__placements__uid__isnull=False, email__placements__is_deleted=False
    )
    by_word: dict[str, set[int]] = defaultdict(set)
    for email_id, word in rows.values_list("email_id", "keyword"):
        by_word[word].add(email_id)
    return sum(_append(mailbox.account_id, word, email_ids) for word, email_ids in sorted(by_word.items()))


def _append(account_id: int, word: str, email_ids: set[int]) -> int:
    arguments = {"add": [word], "remove": [], "is_offer": True}
    lately = timezone.now() - NOT_AGAIN_WITHIN
    tried = Action.objects.filter(
        account_id=account_id, kind=Action.Kind.KEYWORDS, created_at__gte=lately, arguments=arguments
    )
    if tried.exists():
        return 0
    # Nothing changes here, so there is nothing to put back.
    emails: list[EmailRow] = [(email_id, None, {}) for email_id in sorted(email_ids)]
    append_action(account_id, Action.Kind.KEYWORDS, user=None, emails=emails, arguments=arguments)
    return len(emails)
