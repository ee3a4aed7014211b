"""`manage.py adduser EMAIL [--admin] --password-stdin`: a person who may sign in. It must not connect mailboxes."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import record_event


class Command(BaseCommand):
    """The password comes from standard input: a command line can be read by everybody on the machine."""

    help = "Add a user. The password is read from standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="", help="the person's name")
        parser.add_argument("--admin", action="store_true", help="may operate this installation")
        parser.add_argument(
            "--password-stdin", action="store_true", required=True, help="read the password from standard input"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        password = sys.stdin.readline().rstrip("\r\n")
        try:
            validate_email(email)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if not password:
            raise CommandError("There was no password on standard input.")
        self._warn_of_weak(password, User(email=email, name=options["name"]))
        create = User.objects.create_superuser if options["admin"] else User.objects.create_user
        try:
            with transaction.atomic():
                user = create(email, password, name=options["name"])
        except IntegrityError:
            raise CommandError(f"There is a user {email} already.") from None
        record_event("user.created", user=user, subject=email, detail={"admin": options["admin"]})
        if options["json"]:
            self.stdout.write(json.dumps({"email": user.email, "admin": user.is_staff}))
        else:
            self.stdout.write(f"Added {user.email}{' as an administrator' if user.is_staff else ''}.")

    def _warn_of_weak(self, password: str, user: User) -> None:
        """The operator decides: scripts make users with throw-away passwords."""
        try:
            validate_password(password, user)
        except ValidationError as error:
            self.stderr.write(f"Weak password: {' '.join(error.messages)}")
