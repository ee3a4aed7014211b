"""What a server wants people to read: [ALERT] (RFC 3501 7.1), in an answer that is no refusal.

It becomes the text of the account's condition, once: the same words again change nothing while they stand there. They stand
for a day, or until the account is in trouble; then that is more important. Rows are written through `accounts` columns only.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import structlog
from django.utils import timezone

from accounts.models import AccountState, MailAccount

log = structlog.get_logger(__name__)

STANDS_FOR = timedelta(days=1)

_BEGIN, _END = "The server says: “", "”"
_CALM = (AccountState.NEW, AccountState.OK)
_MAX_CHARS = 600  # of `MailAccount.state_reason`


def tell(account_id: int, texts: Iterable[str]) -> None:
    """Let the owner read the last of these. Does nothing for what stands there already, and for an account in trouble."""
    text = next((text for text in reversed(list(texts)) if text), "")
    if not text:
        return
    account = MailAccount.objects.filter(pk=account_id, state__in=_CALM).first()
    if account is None:
        return
    quoted = f"{_BEGIN}{text}{_END}"[:_MAX_CHARS]
    if account.state_reason.startswith(quoted):
        return
    log.info("sync.alert", account=account_id)
    others = account.state_reason.removeprefix(_quotation(account)).removeprefix("; ")
    MailAccount.objects.filter(pk=account_id, state=account.state).update(
        state_reason=join(quoted, others), state_since=timezone.now()
    )


def standing(account: MailAccount) -> str:
    """What still stands there of what the server wanted people to read; empty when nothing does."""
    is_fresh = account.state in _CALM and account.state_since > timezone.now() - STANDS_FOR
    return _quotation(account) if is_fresh else ""


def join(*parts: str) -> str:
    """Parts of a reason as one text that fits its column."""
    return "; ".join(part for part in parts if part)[:_MAX_CHARS]


def _quotation(account: MailAccount) -> str:
    reason = account.state_reason
    if not reason.startswith(_BEGIN):
        return ""
    end = reason.find(f"{_END}; ")
    return reason if end < 0 else reason[: end + len(_END)]
