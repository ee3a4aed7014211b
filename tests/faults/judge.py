"""The verdict on a run with faults: reliability section 6, invariants I1 to I4.

It compares what the user was promised (A) with what others saw: the sink's messages (R), the server's Sent (S), and only then
the rows (D). It must never ask the code under test what happened.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from secrets import token_hex

from webmail.outbox.models import Phase

TOKEN = re.compile(rb"token-[0-9a-f]{16}")
# Where an acknowledged message may be that has not arrived: waiting visibly, in doubt, or back with its reason.
VISIBLE = frozenset({Phase.HELD, Phase.QUEUED, Phase.RETRY, Phase.UNCONFIRMED, Phase.FAILED})


def new_token() -> str:
    """A mark for one message: put it into the subject."""
    return f"token-{token_hex(8)}"


def count_tokens(messages: Iterable[bytes]) -> Counter[str]:
    """How many of the messages carry each token; one message counts once, however often it names it."""
    return Counter(token.decode() for raw in messages for token in set(TOKEN.findall(raw)))


@dataclass(frozen=True)
class Evidence:
    """What a run left behind, by token. `rows` are the phases; `told` the failed ones whose draft is back."""

    acknowledged: Collection[str]
    received: Mapping[str, int]
    sent_copies: Mapping[str, int]
    rows: Mapping[str, str]
    told: Collection[str] = ()
    in_flight: Collection[str] = ()
    sent_again: Collection[str] = ()
    confirmed: frozenset[str] = field(default=frozenset({Phase.DONE}))


def judge(evidence: Evidence) -> list[str]:
    """Everything that is wrong, in words; empty when the invariants hold."""
    return [*_loss(evidence), *_doubles(evidence), *_copies(evidence), *_phantoms(evidence)]


def _loss(evidence: Evidence) -> Iterable[str]:
    for token in sorted(evidence.acknowledged):
        phase = evidence.rows.get(token, "no row")
        if evidence.received.get(token):
            continue
        if phase not in VISIBLE:
            yield f"I1 {token}: acknowledged, not received, {phase}"
        elif phase == Phase.FAILED and token not in evidence.told:
            yield f"I1 {token}: failed, and nobody was told"


def _doubles(evidence: Evidence) -> Iterable[str]:
    for token, count in sorted(evidence.received.items()):
        if count > 1 and token not in evidence.sent_again:
            yield f"I2 {token}: received {count} times"


def _copies(evidence: Evidence) -> Iterable[str]:
    for token in sorted({*evidence.sent_copies, *evidence.acknowledged}):
        count = evidence.sent_copies.get(token, 0)
        if count > 1:
            yield f"I3 {token}: {count} copies in Sent"
        elif not count and evidence.rows.get(token) in evidence.confirmed:
            yield f"I3 {token}: confirmed without a copy in Sent"


def _phantoms(evidence: Evidence) -> Iterable[str]:
    for token in sorted({*evidence.received} - {*evidence.acknowledged, *evidence.in_flight}):
        yield f"I4 {token}: received, but nobody sent it"
