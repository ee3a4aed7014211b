"""`manage.py check_store [--blobs]`: are the invariants of the store kept? Reads only; exit code 1 when something is wrong."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import MailAccount
from webmail.store import consistency


class Command(BaseCommand):
    """`--blobs` reads every stored byte and compares hashes: as slow as the disk."""

    help = "Check the stored mail of all accounts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--blobs", action="store_true", help="read all bytes and compare their hashes too")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        faults: list[dict[str, str]] = []
        count = 0
        for account in MailAccount.objects.order_by("pk").iterator():
            count += 1
            faults += [{"account": account.address, "fault": fault} for fault in consistency.check_account(account.pk)]
        if options["blobs"]:
            faults += [{"account": "", "fault": fault} for fault in consistency.check_blobs()]
        if options["json"]:
            self.stdout.write(json.dumps({"accounts": count, "faults": faults}))
        else:
            for fault in faults:
                self.stdout.write(f"{fault['account'] or 'blobs'}: {fault['fault']}")
        if faults:
            raise CommandError(f"{len(faults)} faults in {count} accounts.")
        if not options["json"]:
            self.stdout.write(f"{count} accounts, no faults.")
