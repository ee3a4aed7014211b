"""`manage.py demo`: the bundled mail server on loopback, with fixed ports and published passwords, for a first look."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from webmail.demo.server import run_demo
from webmail.workers.demo_accounts import DEMO_IN_PRODUCTION, TRICKLE_S, demo_directory, demo_ports


class Command(BaseCommand):
    """Its mail lies in VAR_DIR/demo and survives a restart. It leaves the machine on no path."""

    help = "Run the demo mail server until it is stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--trickle", type=float, default=TRICKLE_S, metavar="SECONDS", help="between new messages")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.ENVIRONMENT.is_production:
            raise CommandError(DEMO_IN_PRODUCTION)
        ports = demo_ports()
        try:
            run_demo(
                directory=demo_directory(),
                imap_port=ports.imap,
                pop3_port=ports.pop3,
                smtp_port=ports.smtp,
                trickle_s=options["trickle"],
            )
        except OSError as error:
            raise CommandError(f"The demo mail server cannot listen: {error.strerror or error}") from error
