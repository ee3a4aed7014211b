"""Whom to listen to: the accounts of some shards, as values. Reads rows, writes none."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from django.db.models import Max
from django.db.models.functions import Mod

from accounts.models import AccountState, IncomingProtocol
from webmail.store.models import Mailbox, Role

SHARDS = 16  # accounts are dealt out by their id; each shard has one lease


@dataclass(frozen=True)
class Target:
    """What to listen to. `fingerprint` changes with the servers or the password: then a new connection is made."""

    account_id: int
    mailbox_id: int
    raw_name: bytes
    host: str
    fingerprint: tuple[object, ...]
    user_id: int = 0
    is_failing: bool = field(default=False, compare=False)  # its passes fail; they decide when to try again


def targets(shards: Collection[int] | None = None) -> list[Target]:
    """The inbox of every IMAP account that may be asked, once discovery has found it. `shards`: None is all."""
    inboxes = Mailbox.objects.filter(
        role=Role.INBOX,
        source=Mailbox.Source.REMOTE,
        is_selectable=True,
        missing_since=None,
        account__incoming_protocol=IncomingProtocol.IMAP,
    ).exclude(account__state__in=(AccountState.PAUSED, AccountState.AUTH_FAILED))
    if shards is not None and len(shards) < SHARDS:
        inboxes = inboxes.alias(shard=Mod("account_id", SHARDS)).filter(shard__in=list(shards))
    rows = inboxes.annotate(password_at=Max("account__credentials__updated_at")).values_list(
        "account_id",
        "pk",
        "remote_name",
        "account__incoming_host",
        "account__incoming_port",
        "account__incoming_security",
        "account__incoming_username",
        "password_at",
        "account__user_id",
        "account__state",
    )
    return [
        Target(
            *(row[0], row[1], row[2].encode("ascii", "replace"), row[3], tuple(row[:8])),
            user_id=row[8],
            is_failing=row[9] == AccountState.FAILING,
        )
        for row in rows.order_by("account_id")
    ]


def mailbox_ids(names: Collection[tuple[int, bytes]]) -> dict[tuple[int, bytes], int]:
    """The rows of (account id, raw name), those that are known."""
    accounts = {account_id for account_id, _ in names}
    raw_names = {raw_name.decode("ascii", "replace") for _, raw_name in names}
    rows = Mailbox.objects.filter(account_id__in=accounts, remote_name__in=raw_names, is_selectable=True)
    found = {
        (row[0], row[1].encode("ascii", "replace")): row[2]
        for row in rows.values_list("account_id", "remote_name", "pk")
    }
    return {name: found[name] for name in names if name in found}
