"""`manage.py sweep`: finds what wake-ups missed and removes what is over, round after round. Several may run at once."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from webmail.workers.heartbeat import Heartbeat
from webmail.workers.schedule import ROUND_S, Sweep, steps
from webmail.workers.stopping import stop_on_signals


class Command(BaseCommand):
    """`--once` is for operators and for cron; the number of each step is what it found or removed."""

    help = "Find due work that nobody was woken for, and clean up. Runs until it is stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")
        parser.add_argument("--json", action="store_true", help="with --once: print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        sweep = Sweep(steps())
        if options["once"]:
            self._report(sweep.run_due(), as_json=options["json"])
            if sweep.failures:
                raise CommandError("A step failed; the log says why.")
            return
        stopped = stop_on_signals()
        beat = Heartbeat("sweep", detail=lambda: {"failures": sweep.failures}).start()
        try:
            while not stopped.is_set():
                sweep.run_due()
                stopped.wait(ROUND_S)
        finally:
            beat.stop()

    def _report(self, results: dict[str, int], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(results))
            return
        for name, count in results.items():
            self.stdout.write(f"{name}: {count}")
