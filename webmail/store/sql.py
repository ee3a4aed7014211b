"""The few set-based statements Django's ORM has no quick form for, on SQLite and PostgreSQL alike.

20,000 rows through `bulk_create` or `bulk_update` cost seconds, through `executemany` tenths (design section 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from typing import Any, TypeVar

from django.db import connection, models, transaction

Item = TypeVar("Item")
IN_CHUNK = 1_000  # values in one IN (…): far below the limits of both databases


def reserve_ids(model: type[models.Model], count: int) -> range:
    """`count` fresh primary keys of the model, ascending. Call inside the transaction that inserts the rows.

    On SQLite the IMMEDIATE transaction makes us the only writer; on PostgreSQL the sequence itself is safe.
    """
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("UPDATE sqlite_sequence SET seq = seq + %s WHERE name = %s RETURNING seq", [count, table])
            row = cursor.fetchone()
            if row is None:
                cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, count])
                row = (count,)
            return range(row[0] - count + 1, row[0] + 1)
        # One call takes a whole block, so that the ids of a batch are contiguous whoever else inserts meanwhile.
        cursor.execute(
            "SELECT setval(s, nextval(s) + %s - 1) FROM (SELECT pg_get_serial_sequence(%s, 'id') AS s) AS q "
            "WHERE pg_advisory_xact_lock(hashtext(%s)) IS NOT NULL",
            [count, table, table],
        )
        last = cursor.fetchone()[0]
        return range(last - count + 1, last + 1)


def insert_rows(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]], *, ignore_conflicts: bool = False
) -> None:
    """Insert rows given in the order of `columns` (column names, not field names)."""
    if not rows:
        return
    marks = ", ".join(["%s"] * len(columns))
    names = ", ".join(f'"{name}"' for name in columns)
    conflict = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    # Table and column names come from our models, never from outside.
    statement = f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({marks}){conflict}'  # noqa: S608
    execute_many(statement, rows)


def execute_many(statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run one statement for many rows of values, all or none."""
    if not rows:
        return
    # Outside of a transaction each row would be committed, and synced, on its own.
    with nullcontext() if connection.in_atomic_block else transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def to_column(moment: datetime | None) -> Any:
    """A time as the database's column wants it in a raw statement."""
    return time_writer()(moment)


def time_writer() -> Callable[[datetime | None], Any]:
    """`to_column` for a whole batch: which database it is need be asked only once."""
    return _sqlite_time if connection.vendor == "sqlite" else connection.ops.adapt_datetimefield_value


def _sqlite_time(moment: datetime | None) -> str | None:
    # What Django's adapter gives, without its detours.
    if moment is None:
        return None
    return str((moment if moment.tzinfo is UTC else moment.astimezone(UTC)).replace(tzinfo=None))


def select_in(statement: str, values: Iterable[Any], *leading: Any) -> Iterator[tuple[Any, ...]]:
    """Rows of a SELECT whose last condition is `IN (…)`, written as `IN %s`, in chunks; `leading` fills the marks before it.

    Django's own `__in` spends more time on a thousand values than the database does.
    """
    with connection.cursor() as cursor:
        for chunk in chunks(values):
            marks = ", ".join(["%s"] * len(chunk))
            cursor.execute(statement.replace("IN %s", f"IN ({marks})"), [*leading, *chunk])
            yield from cursor.fetchall()


def chunks(items: Iterable[Item], size: int = IN_CHUNK) -> Iterator[list[Item]]:
    """The items in lists of at most `size`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def hash63(*parts: str) -> int:
    """A positive 63-bit hash for an indexed BIGINT column; never 0, which means "none"."""
    raw = "\0".join((*parts, "")).encode("utf-8", "surrogatepass")
    digest = blake2b(raw, digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1 or 1
