"""Without UIDL: which messages are known, with few looks."""

import random

import pytest

from webmail.sync.maildrop.pop3_order_plan import Alignment, Known, sample


def align(listing: list[tuple[str, int]], known: list[tuple[str, int]]) -> tuple[list[str | None], int]:
    """(the keys found, how many messages were looked at) of a listing given as (key, size)."""
    alignment = Alignment([size for _, size in listing], [Known(key, size) for key, size in known])
    looks = 0
    while positions := alignment.next_looks():
        looks += len(positions)
        for position in positions:
            alignment.tell(position, listing[position][0])
    return alignment.keys(), looks


def row(first: int, count: int) -> list[tuple[str, int]]:
    return [(f"k{number}", 100 + number % 7) for number in range(first, first + count)]


@pytest.mark.req("Y87")
def test_unchanged_maildrop_costs_two_looks():
    assert align(row(0, 5_000), row(0, 5_000)) == ([key for key, _ in row(0, 5_000)], 2)


@pytest.mark.req("Y87")
def test_new_mail_at_the_end_costs_nothing_more():
    keys, looks = align(row(0, 5_030), row(0, 5_000))

    assert keys == [key for key, _ in row(0, 5_000)] + [None] * 30
    assert looks == 2


@pytest.mark.req("Y87")
def test_deletions_cost_a_look_for_each_halving():
    known = row(0, 4_096)
    listing = [item for at, item in enumerate(known) if at not in {17, 2_000}] + row(9_000, 3)

    keys, looks = align(listing, known)

    assert keys[:-3] == [key for key, _ in listing[:-3]]
    assert not set(keys[-3:]) & {key for key, _ in known}
    assert looks <= 60


@pytest.mark.req("Y87")
def test_messages_of_one_size_do_not_hide_a_deletion():
    known = [(f"k{number}", 10) for number in range(20)]
    listing = [*known[1:], ("new", 10)]

    keys, _ = align(listing, known)

    assert keys[:19] == [key for key, _ in known[1:]]
    assert keys[19] in {"new", None}


def test_nothing_known_or_nothing_there_costs_no_look():
    assert align(row(0, 4), []) == ([None] * 4, 0)
    assert align([], row(0, 4)) == ([], 0)


@pytest.mark.req("Y87")
@pytest.mark.parametrize("seed", range(40))
def test_no_new_message_is_taken_for_a_known_one(seed):
    random_ = random.Random(seed)
    known = [(f"k{number % 23}", 10 + number % 3) for number in range(random_.randrange(40))]
    kept = [item for item in known if random_.random() < 0.8]
    new = [(f"n{number}", 10 + number % 3) for number in range(random_.randrange(6))]

    keys, _ = align(kept + new, known)

    for found, (key, _) in zip(keys, kept + new, strict=True):
        assert found in {key, None}


def test_samples_move_on_and_leave_out_what_is_large():
    sizes = [10, 10_000, 10, 10]
    seen = {position for turn in range(3) for position in sample(sizes, turn=turn, count=1, max_bytes=100)}

    assert seen == {0, 2, 3}
    assert sample([], turn=1, count=2, max_bytes=9) == []
