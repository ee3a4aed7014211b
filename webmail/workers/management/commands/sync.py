"""`manage.py sync ADDR [--wait]`: asks for a pass over an account, or makes passes here until nothing is left."""

from __future__ import annotations

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import services
from accounts.models import AccountState, MailAccount
from webmail.store import indexing
from webmail.store.models import Email
from webmail.store.queries.accounts import SyncProgress, sync_progress
from webmail.sync import passes
from webmail.sync.actions import replay

GIVE_UP_AFTER_S = 60.0  # without any progress
PAUSE_S = 0.5  # before the next look, when a worker is at the account already


class Command(BaseCommand):
    """Waiting needs no running workers; where they run, both share the work."""

    help = "Synchronise the accounts with this address."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address")
        parser.add_argument("--wait", action="store_true", help="return when everything is here")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(MailAccount.objects.filter(address__iexact=options["address"].strip()))
        if not found:
            raise CommandError(f"There is no account {options['address']}.")
        report = []
        for account in found:
            if options["wait"]:
                progress = self._wait(account, is_quiet=options["json"])
                report.append({"account": account.public_id, "messages": progress.total, "stored": progress.complete})
            else:
                services.request_sync(account)
                report.append({"account": account.public_id})
        if options["json"]:
            self.stdout.write(json.dumps(report))
        elif not options["wait"]:
            self.stdout.write(f"Asked for a pass over {options['address']}.")

    def _wait(self, account: MailAccount, *, is_quiet: bool) -> SyncProgress:
        """Passes until all is listed, stored and indexed. Raises `CommandError` when the account fails or stands still."""
        seen: tuple[object, ...] = ()
        moved_at = time.monotonic()
        began_at = account.last_sync_at
        while True:
            replay.replay_account(account.pk)
            passes.sync_account(account.pk)
            indexing.index_account(account.pk)
            account.refresh_from_db()
            _raise_if_failing(account)
            progress = sync_progress([account])[account.pk]
            raw = Email.objects.filter(account=account, blob__isnull=False, is_indexed=False).count()
            if progress.is_complete and not raw and account.last_sync_at != began_at:
                self._say(account, progress, is_quiet=is_quiet)
                return progress
            now = (progress, raw, account.last_sync_at)
            if now != seen:
                self._say(account, progress, is_quiet=is_quiet)
                seen, moved_at = now, time.monotonic()
            elif time.monotonic() - moved_at > GIVE_UP_AFTER_S:
                raise CommandError(f"{account.address}: nothing moves any more at {progress.complete} messages.")
            else:
                time.sleep(PAUSE_S)

    def _say(self, account: MailAccount, progress: SyncProgress, *, is_quiet: bool) -> None:
        if not is_quiet:
            self.stdout.write(
                f"{account.address}: {progress.listed} of {progress.total} messages listed, {progress.complete} stored."
            )


def _raise_if_failing(account: MailAccount) -> None:
    if account.state in {AccountState.FAILING, AccountState.AUTH_FAILED}:
        raise CommandError(f"{account.address}: {account.state_reason or account.get_state_display()}")
    if account.state == AccountState.PAUSED:
        raise CommandError(f"{account.address} is paused.")
