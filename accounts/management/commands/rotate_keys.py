"""`manage.py rotate_keys`: seals every stored password with the first of CREDENTIAL_KEYS. Safe to cut and to repeat."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import credentials


class Command(BaseCommand):
    """Run it while everything is running; afterwards the older keys may be taken out of CREDENTIAL_KEYS."""

    help = "Seal all stored passwords with the first key of CREDENTIAL_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = credentials.reseal_all()
        except credentials.NoCredentialKey as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{result.done} sealed anew.")
        if result.unreadable:
            raise CommandError(
                f"{result.unreadable} cannot be opened with the keys that are set. Keep the older keys, or let their "
                "owners enter the passwords again."
            )
