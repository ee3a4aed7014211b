"""Messages that have just arrived and may need our own check: those of servers that are not known to state their own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from accounts.models import MailAccount
from webmail.mime.authenticity.servers import trust_of
from webmail.store import signals
from webmail.store.models import Email
from webmail.store.reading import sender_checks

FRESH: Final = timedelta(days=2)  # what came before is old mail being fetched: its keys may be gone, and there is much


def connect() -> None:
    """Called once in each worker process."""
    signals.body_read.connect(_body_read, dispatch_uid="sync.verifying")


def _body_read(email: Email, **_: Any) -> None:
    if email.received_at < timezone.now() - FRESH:
        return
    account = MailAccount.objects.only("incoming_host", "authserv_ids").get(pk=email.account_id)
    if account.authserv_ids.strip() or not trust_of(account.incoming_host).trusted:
        sender_checks.want_check(email)
