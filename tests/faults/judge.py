"""The verdict on a run with faults: reliability section 6, invariants I1 to I4 and I6 to I8 (I5 is `sync_stage.faults`).

It compares what the user was promised (A) with what others saw: the sink's messages (R), the server's Sent (S), and only then
the rows (D). It must never ask the code under test what happened.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from webmail.outbox.models import Phase

# Where an acknowledged message may be that has not arrived: waiting visibly, in doubt, or back with its reason.
VISIBLE = frozenset({Phase.HELD, Phase.QUEUED, Phase.RETRY, Phase.UNCONFIRMED, Phase.FAILED})
SETTLED = frozenset({Phase.DONE, Phase.UNCONFIRMED, Phase.FAILED, Phase.CANCELLED})
GREEN_WITHIN_S = 120.0  # I8


@dataclass(frozen=True)
class Evidence:
    """What a run left behind, by token. `rows` are the phases; `told` the failed ones whose draft is back; `explained` the
    doubtful ones with words for the user, None where that is not looked at. `leaks` and `crossings` come from
    `find_secrets` and `find_crossings`; `green_after_s` is how long the site needed by itself, None where it was not timed.
    """

    acknowledged: Collection[str]
    received: Mapping[str, int]
    sent_copies: Mapping[str, int]
    rows: Mapping[str, str]
    told: Collection[str] = ()
    in_flight: Collection[str] = ()
    sent_again: Collection[str] = ()
    explained: Collection[str] | None = None
    leaks: Collection[str] = ()
    crossings: Collection[str] = ()
    green_after_s: float | None = None
    confirmed: frozenset[str] = field(default=frozenset({Phase.DONE}))


def judge(evidence: Evidence) -> list[str]:
    """Everything that is wrong, in words; empty when the invariants hold."""
    return [
        *_loss(evidence),
        *_doubles(evidence),
        *_copies(evidence),
        *_phantoms(evidence),
        *(f"I6 {leak}" for leak in evidence.leaks),
        *(f"I7 {crossing}" for crossing in evidence.crossings),
        *_lateness(evidence),
    ]


def _loss(evidence: Evidence) -> Iterable[str]:
    for token in sorted(evidence.acknowledged):
        phase = evidence.rows.get(token, "no row")
        if phase == Phase.UNCONFIRMED and evidence.explained is not None and token not in evidence.explained:
            yield f"I1 {token}: in doubt, and nobody was told"
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


def _lateness(evidence: Evidence) -> Iterable[str]:
    if evidence.green_after_s is not None and evidence.green_after_s > GREEN_WITHIN_S:
        yield f"I8 green again only after {evidence.green_after_s:.0f} s"


# I6 and I7 ----------------------------------------------------------------------------------------------------------


def find_secrets(markers: Collection[str], *, under: Iterable[Path]) -> list[str]:
    """Files below these directories that hold a marker secret as it is: databases, blobs, logs, whatever is there."""
    found = []
    for directory in under:
        for path in sorted(path for path in directory.rglob("*") if path.is_file()):
            raw = path.read_bytes()
            found += [f"{path.name} holds a secret" for marker in markers if marker.encode() in raw]
    return found


def find_crossings() -> list[str]:
    """Rows of the outbox that name two people. Needs Django; asks the rows alone."""
    from django.db.models import F

    from webmail.outbox.models import Draft, Submission
    from webmail.store.models import BlobLink, EmailMailbox

    sets = {
        "a submission of another's account": Submission.objects.exclude(user_id=F("account__user_id")),
        "a submission from another's identity": Submission.objects.filter(identity__isnull=False).exclude(
            identity__account_id=F("account_id")
        ),
        "a submission that answers another's mail": Submission.objects.filter(original__isnull=False).exclude(
            original__account__user_id=F("user_id")
        ),
        "a draft from another's identity": Draft.objects.filter(identity__isnull=False).exclude(
            identity__account_id=F("account_id")
        ),
        "an email in another's mailbox": EmailMailbox.objects.exclude(email__account_id=F("mailbox__account_id")),
    }
    found = [f"{what}: {row.pk}" for what, rows in sets.items() for row in rows]
    linked = set(BlobLink.objects.values_list("account_id", "blob_id"))
    sent = Submission.objects.values_list("pk", "account_id", "blob_id")
    return found + [
        f"a submission whose bytes its account may not read: {pk}" for pk, *pair in sent if tuple(pair) not in linked
    ]
