"""Filters of the lists that are no plain column: the dashboard's findings lead to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import IncomingProtocol
from webmail.journal.models import Action
from webmail.outbox.models import WAITING, HeldFor, Phase
from webmail.outbox.queries import MANY_TRIES
from webmail.panel import health
from webmail.store.models import Mailbox

Narrowing = Callable[[QuerySet[Any]], QuerySet[Any]]


class _NamedRows(SimpleListFilter):
    """Each choice is a name and a function that narrows the rows."""

    parameter_name = "only"
    choices_by_name: ClassVar[Mapping[str, tuple[str | Promise, Narrowing]]]

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return [(name, title) for name, (title, _narrow) in self.choices_by_name.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.choices_by_name.get(self.value() or "")
        return chosen[1](queryset) if chosen else queryset


class AccountTrouble(_NamedRows):
    """Accounts that need a look."""

    title = _("trouble")
    choices_by_name: ClassVar = {
        "late": (_("late by more than 15 minutes"), health.late_accounts),
        "never": (_("never synchronised"), lambda rows: rows.filter(last_sync_at=None)),
    }


class SubmissionTrouble(_NamedRows):
    """Submissions by what the operator wants to know of them."""

    title = _("trouble")
    choices_by_name: ClassVar = {
        "waiting": (_("still to be sent"), lambda rows: rows.filter(phase__in=WAITING)),
        "tried_often": (_("tried more than 3 times"), health.tried_often),
        "without_copy": (
            _("sent, copy not filed"),
            lambda rows: rows.filter(phase=Phase.ACCEPTED, sent_copy_failures__gt=0),
        ),
        "delayed": (_("delayed by more than 2 hours"), health.delayed),
        "failed": (_("failed in the last 7 days"), health.recently_failed),
        "came_back": (_("came back in the last 7 days"), health.recently_came_back),
        "limit": (_("waiting for a daily limit"), lambda rows: rows.filter(phase=Phase.HELD, held_for=HeldFor.LIMIT)),
        "restored": (
            _("held since a backup was restored"),
            lambda rows: rows.filter(phase=Phase.HELD, held_for=HeldFor.RESTORE),
        ),
    }


class ActionTrouble(_NamedRows):
    """Actions by what the operator wants to know of them."""

    title = _("trouble")
    choices_by_name: ClassVar = {
        "open": (_("still to be told to the server"), lambda rows: rows.filter(status__in=Action.OPEN)),
        "tried_often": (
            _("tried more than 3 times"),
            lambda rows: rows.filter(status__in=Action.OPEN, attempts__gt=MANY_TRIES),
        ),
        "failed": (_("refused in the last 7 days"), health.recently_refused),
    }


class ProcessLife(_NamedRows):
    """Processes that are alive, and those that have fallen silent."""

    title = _("life")
    choices_by_name: ClassVar = {
        "alive": (_("alive"), lambda rows: rows.filter(seen_at__gte=timezone.now() - health.SILENT_AFTER)),
        "silent": (_("silent"), lambda rows: rows.filter(seen_at__lt=timezone.now() - health.SILENT_AFTER)),
    }


class MailboxTrouble(_NamedRows):
    """Mailboxes that are not a true copy of the server's."""

    title = _("trouble")
    choices_by_name: ClassVar = {
        "troubled": (_("last visit failed"), health.troubled),
        "parked": (_("left alone for a while"), health.parked),
        "missing": (_("no longer on the server"), lambda rows: rows.filter(missing_since__isnull=False)),
        "unlisted": (
            _("not listed completely yet"),
            lambda rows: rows.filter(
                Q(backfill_uid=None) | Q(backfill_uid__gt=1),
                source=Mailbox.Source.REMOTE,
                is_selectable=True,
                account__incoming_protocol=IncomingProtocol.IMAP,  # POP3 is listed in one go
            ),
        ),
    }
