"""What a POP3 server has: the listing with a key for each message, names that changed, names given to other content (Y86, Y87).

Questions are asked in slices, so that a maildrop of any size never holds a pass beyond its deadline. It must not fetch mail,
except where a server without UIDL and TOP leaves no other way to tell what is what.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from webmail.mime.limits import MAX_MESSAGE_BYTES
from webmail.protocols.pop3.session import Pop3Session
from webmail.store import changes
from webmail.store.sql import chunks
from webmail.sync.errors import DoubtfulAnswer
from webmail.sync.maildrop import pop3_plan, pop3_rows
from webmail.sync.maildrop.pop3_order_plan import Alignment, Known, sample
from webmail.sync.maildrop.pop3_plan import Decisions, Message, Place
from webmail.sync.maildrop.pop3_rows import Held, Maildrop

log = structlog.get_logger(__name__)

ASK_SLICE = 200  # headers asked for between two looks at the clock
SAMPLES = 2  # messages looked at in each pass beside those that must be, where there is no UIDL
SAMPLE_BYTES = 65_536
SAMPLE_TURN_S = 60
KEPT_BYTES = 16_000_000  # of messages that had to be fetched to be told apart, until they are stored


@dataclass
class Answers:
    """What came out of the questions. `unasked`: numbers that must wait for the next slice."""

    decisions: Decisions
    reused: list[int] = field(default_factory=list)
    unasked: set[int] = field(default_factory=set)
    stamps: dict[int, int] = field(default_factory=dict)  # by placement id


def read_listing(drop: Maildrop, session: Pop3Session) -> dict[int, bytes]:
    """Fill `drop` with what the server lists. Returns messages that had to be fetched on the way.

    Raises `DoubtfulAnswer` for an empty list where there is mail (R81): nothing is believed of it.
    """
    found = session.maildrop()
    drop.sizes = found.sizes
    drop.has_top = session.supports("TOP") or not session.capabilities
    uidls = found.uidls
    if found.count and not found.sizes:
        raise DoubtfulAnswer(f"the server counts {found.count} messages and lists none")
    if not uidls and found.sizes:
        if uidls is not None and any(not pop3_plan.is_computed(key) for key in drop.held):
            raise DoubtfulAnswer(f"the server has {len(found.sizes)} messages and names none")
        uidls = None
    drop.is_doubtful = found.count != len(found.sizes)
    raws: dict[int, bytes] = {}
    if uidls is None:
        drop.keys = _keys_by_order(drop, session, raws)
    else:
        last = max(found.count, *found.sizes, 0)
        drop.keys = {item.number: pop3_plan.key_of_uidl(item.uidl) for item in uidls if item.number <= last}
        unnamed = found.sizes.keys() - drop.keys.keys()
        drop.keys |= {number: pop3_plan.pending_key(number) for number in unnamed}
        drop.is_doubtful |= bool(unnamed) or len(uidls) != len(found.sizes)
    drop.listed = Counter(drop.keys.values())
    return raws


def _keys_by_order(drop: Maildrop, session: Pop3Session, raws: dict[int, bytes]) -> dict[int, str]:
    numbers = sorted(drop.sizes)
    if numbers and drop.has_top and not session.supports("TOP"):
        drop.has_top = session.top(numbers[0], 0) is not None
    sizes = [drop.sizes[number] for number in numbers]
    there = [item for item in drop.held.values() if pop3_plan.is_computed(item.key) and not item.is_gone]
    there.sort(key=lambda item: item.stamp or 0)
    known = [Known(pop3_plan.listed_key(item.key), item.size_bytes) for item in there]
    samples = sample(sizes, turn=int(time.time() // SAMPLE_TURN_S), count=SAMPLES, max_bytes=SAMPLE_BYTES)
    alignment = Alignment(sizes, known, samples=samples)
    while looks := alignment.next_looks():
        seen = _look(drop, session, [numbers[position] for position in looks], raws)
        for position in looks:
            alignment.tell(position, seen.get(numbers[position]))
    keys = zip(numbers, alignment.keys(), strict=True)
    return {number: key or pop3_plan.pending_key(number) for number, key in keys}


def _look(drop: Maildrop, session: Pop3Session, numbers: Sequence[int], raws: dict[int, bytes]) -> dict[int, str]:
    """The keys of messages, by TOP or by the whole."""
    if drop.has_top:
        headers = session.headers(numbers) or {}
        return {number: pop3_plan.key_of_header(header, drop.sizes[number]) for number, header in headers.items()}
    found = {}
    small = [number for number in numbers if drop.sizes[number] <= MAX_MESSAGE_BYTES]
    for number, raw in session.retrieve_many(small, max_bytes=MAX_MESSAGE_BYTES):
        key = found[number] = pop3_plan.key_of_content(hashlib.sha256(raw).hexdigest(), drop.sizes[number])
        if key not in drop.held and sum(map(len, raws.values())) + len(raw) <= KEPT_BYTES:
            raws[number] = raw
    return found


def decide(drop: Maildrop, session: Pop3Session, deadline: float) -> Answers:
    """What the listing means, after names that changed were matched and doubtful ones were looked at."""
    listed = [Message(number, key, drop.sizes.get(number, 0)) for number, key in drop.keys.items()]
    places = [Place(item.key, item.size_bytes, item.is_gone) for item in drop.held.values()]
    answers = Answers(pop3_plan.plan_listing(listed, places))
    _match_renamed(drop, session, answers, deadline)
    _verify(drop, session, answers, deadline)
    _note_numbers(drop, answers)
    return answers


# New names for mail we have -------------------------------------------------------------------------------------------


def _match_renamed(drop: Maildrop, session: Pop3Session, answers: Answers, deadline: float) -> None:
    """Messages whose names are new are recognised by size and header before anything is fetched (Y86)."""
    lost = _lost(drop)
    sizes = {item.size_bytes for items in lost.values() for item in items}
    asked = [n for n in answers.decisions.retrieve if drop.sizes.get(n) in sizes] if drop.has_top else []
    renamed: set[int] = set()
    for chunk in chunks(asked, ASK_SLICE):
        if renamed and time.monotonic() >= deadline:
            answers.unasked.update(asked[asked.index(chunk[0]) :])
            break
        headers = session.headers(chunk)
        if headers is None:
            drop.has_top = False
            break
        with changes.recording(drop.account.pk):
            drop.lease.check()
            renamed.update(number for number, header in headers.items() if _take_lost(drop, number, header, lost))
    if not renamed and not answers.unasked:
        return
    log.info("pop3.renamed", account=drop.account.pk, count=len(renamed))
    decisions = answers.decisions
    there = drop.held
    answers.decisions = replace(
        decisions,
        retrieve=tuple(n for n in decisions.retrieve if n not in renamed and n not in answers.unasked),
        gone=tuple(key for key in decisions.gone if key in there and pop3_plan.listed_key(key) not in drop.listed),
    )


def _lost(drop: Maildrop) -> dict[int | str, list[Held]]:
    """What the listing does not name, by what a header can tell."""
    found: dict[int | str, list[Held]] = defaultdict(list)
    for item in drop.held.values():
        if pop3_plan.listed_key(item.key) in drop.listed:
            continue
        if pop3_plan.is_computed(item.key):
            found[pop3_plan.listed_key(item.key)].append(item)
        elif item.stamp is not None:
            found[item.stamp].append(item)
    return found


def _take_lost(drop: Maildrop, number: int, header: bytes, lost: Mapping[int | str, list[Held]]) -> bool:
    """Give a lost placement the name that its message has now. Inside a recording."""
    size = drop.sizes.get(number, 0)
    computed = pop3_plan.key_of_header(header, size)
    same = lost.get(pop3_plan.stamp_of(size, header)) or lost.get(computed)
    if not same:
        return False
    item = same.pop()
    key = drop.keys[number]
    if pop3_plan.is_pending(key):
        key = drop.keys[number] = computed
        drop.listed[key] += 1
    if key in drop.held:
        key = pop3_plan.key_of_twin(key, f"twin{item.placement_id}", drop.held)
    pop3_rows.rename(drop, item, key, drop.stamp(number, key, header))
    return True


# Old names, other sizes -----------------------------------------------------------------------------------------------


def _verify(drop: Maildrop, session: Pop3Session, answers: Answers, deadline: float) -> None:
    """A known name with another size: the header tells whether it was given to another message (Y86)."""
    numbers = answers.decisions.verify
    without_top: list[int] = []
    for at, chunk in enumerate(chunks(numbers, ASK_SLICE)):
        if at and time.monotonic() >= deadline:
            answers.unasked.update(numbers[at * ASK_SLICE :])
            break
        headers = session.headers(chunk) if drop.has_top else None
        if headers is None:
            drop.has_top = False
            without_top += chunk
            continue
        _judge(drop, answers, headers)
    if without_top:
        decisions = answers.decisions
        answers.decisions = replace(decisions, compare=(*decisions.compare, *without_top))
    doubtful = {*without_top, *answers.reused, *answers.unasked}
    known = {number: key for number, key in answers.decisions.known.items() if number not in doubtful}
    answers.decisions = replace(answers.decisions, known=known)


def _judge(drop: Maildrop, answers: Answers, headers: Mapping[int, bytes]) -> None:
    with changes.recording(drop.account.pk):
        drop.lease.check()
        for number, header in headers.items():
            item = drop.held[answers.decisions.known.get(number, drop.keys[number])]
            if item.stamp is None or pop3_plan.is_same_header(item.stamp, header):
                answers.stamps[item.placement_id] = item.stamp = drop.stamp(number, item.key, header)
                if item.is_gone:
                    answers.decisions = replace(answers.decisions, back=(*answers.decisions.back, item.key))
            else:
                answers.reused.append(number)
                pop3_rows.set_aside(drop, item)


def _note_numbers(drop: Maildrop, answers: Answers) -> None:
    """Without UIDL the order is what the next pass begins with."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, key in sorted(drop.keys.items()):
        if pop3_plan.is_computed(key):
            numbers[key].append(number)
    if not numbers:
        return
    places: dict[str, list[Held]] = defaultdict(list)
    for item in sorted(drop.held.values(), key=lambda item: item.stamp or 0):
        places[pop3_plan.listed_key(item.key)].append(item)
    for key, found in numbers.items():
        for number, item in zip(found, places.get(key, ()), strict=False):
            if item.stamp != number:
                answers.stamps[item.placement_id] = item.stamp = number
