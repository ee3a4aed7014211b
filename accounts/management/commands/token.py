"""`manage.py token EMAIL --scope mail`: prints a new app password for REST and JMAP. It is not shown again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import tokens
from accounts.models import ApiCredential, MailAccount, User


class Command(BaseCommand):
    """Only the secret is printed, so that a script can take it as it is; `--json` tells the rest too."""

    help = "Make an app password or token for a user and print it once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            help="may be repeated; `mail` stands for all a mail program needs",
        )
        parser.add_argument("--name", default="command line", help="what the user sees in their list")
        parser.add_argument("--kind", choices=ApiCredential.Kind.values, default=ApiCredential.Kind.APP_PASSWORD)
        parser.add_argument("--account", action="append", default=[], metavar="ADDRESS", help="only this account")
        parser.add_argument("--days", type=int, help="expires after so many days; default: never")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["email"].strip().lower()).first()
        if user is None:
            raise CommandError(f"There is no user {options['email']}.")
        expires_at = timezone.now() + timedelta(days=options["days"]) if options["days"] else None
        try:
            made = tokens.create_token(
                user,
                name=options["name"],
                scopes=options["scope"],
                kind=options["kind"],
                accounts=[_account(user, address) for address in options["account"]],
                expires_at=expires_at,
            )
        except tokens.UnknownScope as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            answer = {"token": made.secret, "scopes": made.credential.scopes, "login": user.email}
            self.stdout.write(json.dumps(answer))
        else:
            self.stdout.write(made.secret)


def _account(user: User, address: str) -> MailAccount:
    account = MailAccount.objects.filter(user=user, address__iexact=address).first()
    if account is None:
        raise CommandError(f"{user.email} has no account {address}.")
    return account
