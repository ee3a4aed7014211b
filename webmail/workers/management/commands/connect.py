"""`manage.py connect EMAIL --address ADDR --incoming imaps://USER@HOST --outgoing smtps://USER@HOST --password-stdin`.

Tries the servers as the pages do, in this process, and tells each step; then the account is made.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import IntegrityError
from django.utils import timezone

from accounts import credentials, services
from accounts.credentials import NoCredentialKey
from accounts.models import ConnectionTest, MailAccount, User
from accounts.services import AccountSettings
from webmail.sync.checking.diagnose import carry_out
from webmail.workers.server_url import BadServerUrl, ServerUrl, parse_server_url


class Command(BaseCommand):
    """Passwords come from standard input, one a line: a command line can be read by everybody on the machine."""

    help = "Connect a mailbox to a user. The password is read from standard input; a second line is for sending."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the user whose mailbox it is")
        parser.add_argument("--address", required=True, help="the mailbox's e-mail address")
        parser.add_argument("--incoming", required=True, metavar="URL", help="such as imaps://USER@HOST:PORT")
        parser.add_argument(
            "--outgoing", metavar="URL", help="such as smtps://USER@HOST:PORT; without it: only reading"
        )
        parser.add_argument("--name", default="", help="what the account is called")
        parser.add_argument("--display-name", default="", help="the person's name in outgoing mail")
        parser.add_argument("--password-stdin", action="store_true", required=True, help="read from standard input")
        parser.add_argument("--no-test", action="store_true", help="do not try the servers first")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["email"].strip().lower()).first()
        if user is None:
            raise CommandError(f"There is no user {options['email']}. Add one with adduser.")
        settings = _settings(options)
        incoming, outgoing = sys.stdin.readline().rstrip("\r\n"), sys.stdin.readline().rstrip("\r\n")
        if not incoming:
            raise CommandError("There was no password on standard input.")
        try:
            if options["no_test"]:
                account = _create(user, settings, incoming, outgoing)
            else:
                account = self._create_tested(user, settings, incoming, outgoing, as_json=options["json"])
        except NoCredentialKey as error:
            raise CommandError(f"{error}. `manage.py up` makes a key, or set one.") from error
        if options["json"]:
            self.stdout.write(json.dumps({"account": account.public_id, "address": account.address}))
        else:
            self.stdout.write(f"Connected {account.address} to {user.email}.")

    def _create_tested(
        self, user: User, settings: AccountSettings, incoming: str, outgoing: str, *, as_json: bool
    ) -> MailAccount:
        # Begins as running: no worker must take it from us.
        test = ConnectionTest(
            purpose=ConnectionTest.Purpose.CONNECT,
            user=user,
            settings=asdict(settings),
            status=ConnectionTest.Status.RUNNING,
            started_at=timezone.now(),
        )
        credentials.seal_for_test(test, incoming=incoming, outgoing=outgoing)
        test.save()
        carry_out(test)
        account = test.account
        if not as_json:
            for step in test.report:
                self._print_step(step)
        if account is None or test.status != ConnectionTest.Status.PASSED:
            if as_json:
                self.stdout.write(json.dumps({"account": None, "report": test.report}))
            failed = test.report[-1] if test.report else {"title": "", "advice": ""}
            raise CommandError(f"Not connected. {failed['title']} {failed['advice']}".rstrip())
        return account

    def _print_step(self, step: dict[str, str]) -> None:
        mark = "ok" if step["status"] == ConnectionTest.Status.PASSED else "failed"
        self.stdout.write(f"{step['step']}: {mark}. {step['title']}")
        if step["server_text"]:
            self.stdout.write(f"  The server said: {step['server_text']}")


def _settings(options: dict[str, Any]) -> AccountSettings:
    address = options["address"].strip()
    try:
        validate_email(address)
    except ValidationError as error:
        raise CommandError(f"{address} is no e-mail address.") from error
    incoming = _server("--incoming", options["incoming"], ("imap", "pop3"))
    fields: dict[str, Any] = {}
    if options["outgoing"]:
        outgoing = _server("--outgoing", options["outgoing"], ("smtp",))
        fields = {
            "outgoing_host": outgoing.host,
            "outgoing_port": outgoing.port,
            "outgoing_security": outgoing.security,
            "outgoing_username": outgoing.username,
        }
    return AccountSettings(
        address=address,
        incoming_protocol=incoming.protocol,
        incoming_host=incoming.host,
        incoming_port=incoming.port,
        incoming_security=incoming.security,
        incoming_username=incoming.username or address,
        name=options["name"],
        display_name=options["display_name"],
        **fields,
    )


def _server(option: str, text: str, protocols: tuple[str, ...]) -> ServerUrl:
    try:
        return parse_server_url(text, protocols=protocols)
    except BadServerUrl as error:
        raise CommandError(f"{option}: {error}") from error


def _create(user: User, settings: AccountSettings, incoming: str, outgoing: str) -> MailAccount:
    try:
        return services.create_account(user, settings, incoming_password=incoming, outgoing_password=outgoing)
    except IntegrityError:
        raise CommandError(f"{user.email} has an account {settings.address} already.") from None
