"""The count of a run, by fault: shown at its end. The verdict is the judge's; this only says how much it has judged."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields

from webmail.outbox.models import Phase

# Of the test that runs, such as F2; the fixture of conftest sets it.
current = ""


@dataclass
class Count:
    """`received` are messages, doubled ones counted as often as they came; `waiting` those that wait visibly at the end."""

    runs: int = 0
    kills: int = 0
    acknowledged: int = 0
    received: int = 0
    unconfirmed: int = 0
    waiting: int = 0
    doubled: int = 0
    lost: int = 0


_counts: dict[str, Count] = {}


def add(**numbers: int) -> None:
    """Add to the row of the current fault."""
    row = _counts.setdefault(current, Count())
    for name, number in numbers.items():
        setattr(row, name, getattr(row, name) + number)


def add_run(
    *,
    acknowledged: Collection[str],
    received: Mapping[str, int],
    rows: Mapping[str, str],
    sent_again: Collection[str] = (),
    unconfirmed: int = 0,
    kills: int = 0,
) -> None:
    """Add a run by its tokens. `unconfirmed`: doubts that were settled meanwhile."""
    absent = [rows.get(token, "") for token in acknowledged if not received.get(token)]
    visible = (Phase.HELD, Phase.QUEUED, Phase.RETRY, Phase.UNCONFIRMED, Phase.FAILED)
    add(
        runs=1,
        kills=kills,
        acknowledged=len(acknowledged),
        received=sum(received.values()),
        unconfirmed=unconfirmed + sum(rows.get(token) == Phase.UNCONFIRMED for token in acknowledged),
        waiting=sum(phase in visible for phase in absent),
        doubled=sum(count > 1 and token not in sent_again for token, count in received.items()),
        lost=sum(phase not in visible for phase in absent),
    )


def table() -> Iterator[str]:
    """Lines for people; none when nothing was counted."""
    if not _counts:
        return
    names = [field.name for field in fields(Count)]
    yield "fault    " + "".join(f"{name:>14}" for name in names)
    for fault, row in sorted(_counts.items(), key=lambda item: (len(item[0]), item[0])):
        yield f"{fault:<9}" + "".join(f"{getattr(row, name):>14,}" for name in names)
