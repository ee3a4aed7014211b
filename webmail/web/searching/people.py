"""Whom a person writes with, for suggestions: of the newest mail, kept in this process for a minute."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from accounts.models import MailAccount, User
from webmail.mime.search_text import fold
from webmail.store.models import Email

MAX_EMAILS = 1_500  # looked at, the newest of each account first
MAX_PEOPLE_KEPT = 200  # persons of the site whose lists are kept
KEPT_S = 60.0
_FIELDS = ("from", "to", "cc")


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody: `folded` is name and address for comparison."""

    name: str
    address: str
    folded: str


_kept: OrderedDict[tuple[int, tuple[int, ...]], tuple[float, tuple[Known, ...]]] = OrderedDict()
_lock = threading.Lock()


def people_like(user: User, accounts: Sequence[MailAccount], text: str, limit: int) -> list[Known]:
    """People of whose name or address a word begins like `text`, the most frequent first."""
    wanted = fold(text).strip()
    if not wanted:
        return []
    found: list[Known] = []
    for one in _people(user, accounts):
        at = one.folded.find(wanted)
        while at > 0 and one.folded[at - 1].isalnum():
            at = one.folded.find(wanted, at + 1)
        if at >= 0:
            found.append(one)
            if len(found) == limit:
                break
    return found


def _people(user: User, accounts: Sequence[MailAccount]) -> tuple[Known, ...]:
    key = (user.pk, tuple(account.pk for account in accounts))
    now = time.monotonic()
    with _lock:
        kept = _kept.get(key)
        if kept is not None and now - kept[0] < KEPT_S:
            return kept[1]
    people = _read(key[1])
    with _lock:
        _kept[key] = (now, people)
        _kept.move_to_end(key)
        while len(_kept) > MAX_PEOPLE_KEPT:
            _kept.popitem(last=False)
    return people


def _read(account_ids: Sequence[int]) -> tuple[Known, ...]:
    counts: dict[str, int] = {}
    names: dict[str, str] = {}
    for account_id in account_ids:
        rows = Email.objects.filter(account_id=account_id, is_visible=True).order_by("-received_at", "-id")
        for found in rows.values_list("addresses", flat=True)[: MAX_EMAILS // len(account_ids)]:
            addresses = json.loads(found) if isinstance(found, str) else found
            for field in _FIELDS:
                for name, address in addresses.get(field, ())[:20]:
                    if address:
                        lower = address.lower()
                        counts[lower] = counts.get(lower, 0) + 1
                        names.setdefault(lower, name)
    ordered = sorted(counts, key=lambda one: -counts[one])
    return tuple(Known(names[one], one, f"{fold(names[one])} {fold(one)}") for one in ordered)


def forget_all() -> None:
    """For tests: the same ids can mean other people in another database."""
    with _lock:
        _kept.clear()
