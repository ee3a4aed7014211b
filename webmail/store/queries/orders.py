"""Long lists that had to be sorted: ids in order, remembered in this process while the accounts they come from do not change.

Only ids are kept, 16 bytes a row, of the lists that were asked for last. What is remembered is never told of a list that has
changed since: the states of the accounts are compared each time.
"""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from webmail.store.models import TypeState

MAX_ROWS = 1_000_000  # of all remembered lists together: 16 MB


@dataclass(frozen=True)
class Keys:
    """Ids of Emails and of their conversations, in the order of a list."""

    email_ids: array[int]
    thread_ids: array[int]

    @classmethod
    def of(cls, rows: Iterable[tuple[int, int]]) -> Keys:
        """From pairs of email id and thread id."""
        found = cls(array("q"), array("q"))
        for email_id, thread_id in rows:
            found.email_ids.append(email_id)
            found.thread_ids.append(thread_id)
        return found

    @classmethod
    def read(cls, statement: str, values: Sequence[Any]) -> Keys:
        """From a statement that selects those pairs."""
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cls.of(cursor.fetchall())

    def __len__(self) -> int:
        return len(self.email_ids)

    def cut(self, at: int, limit: int) -> list[tuple[int, int]]:
        """The pairs from `at` on, at most `limit`."""
        end = at + limit
        return list(zip(self.email_ids[at:end], self.thread_ids[at:end], strict=True))


_Remembered = tuple[tuple[Any, ...], Keys]
_lists: OrderedDict[str, _Remembered] = OrderedDict()
_lock = threading.Lock()


def states_of_accounts(account_ids: Collection[int]) -> tuple[tuple[int, str, int], ...]:
    """What changes whenever anything of these accounts does: (account id, type, number of its last change)."""
    rows = TypeState.objects.filter(account_id__in=account_ids).order_by("account_id", "type")
    return tuple(rows.values_list("account_id", "type", "modseq"))


def remembered(name: str, account_ids: Collection[int], read: Callable[[], Keys]) -> Keys:
    """The list of this name, read anew when one of its accounts has changed since."""
    full = f"{connection.settings_dict['NAME']} {sorted(account_ids)} {name}"
    states = states_of_accounts(account_ids)
    with _lock:
        found = _lists.get(full)
        if found is not None and found[0] == states:
            _lists.move_to_end(full)
            return found[1]
    keys = read()
    # A change that came while it was read has a higher number than the states of before: the list is read again then.
    with _lock:
        _lists[full] = (states, keys)
        _lists.move_to_end(full)
        while sum(len(one) for _states, one in _lists.values()) > MAX_ROWS and len(_lists) > 1:
            _lists.popitem(last=False)
    return keys


def forget_all() -> None:
    """For tests: the same states can mean other rows in another database."""
    with _lock:
        _lists.clear()
