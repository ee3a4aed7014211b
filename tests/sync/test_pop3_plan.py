"""What a POP3 listing means."""

import pytest

from webmail.sync.maildrop import pop3_plan
from webmail.sync.maildrop.pop3_plan import Message, Place, plan_listing


def message(number: int, key: str, size: int = 10) -> Message:
    return Message(number, key, size)


@pytest.mark.req("Y85")
def test_known_new_and_missing():
    decisions = plan_listing([message(1, "a"), message(2, "b"), message(3, "c")], [Place("a", 10), Place("z", 10)])

    assert decisions.retrieve == (3, 2)
    assert decisions.gone == ("z",)
    assert not decisions.verify


@pytest.mark.req("Y85")
def test_message_that_comes_back_is_not_fetched_again():
    decisions = plan_listing([message(1, "a")], [Place("a", 10, is_gone=True)])

    assert (decisions.back, decisions.retrieve) == (("a",), ())


@pytest.mark.req("Y86")
def test_doubled_names_are_told_apart_by_content():
    twin = pop3_plan.key_of_twin("a", "f" * 64, {"a"})

    first = plan_listing([message(1, "a"), message(2, "a")], [])
    fewer = plan_listing([message(1, "a"), message(2, "a")], [Place("a", 10)])
    equal = plan_listing([message(1, "a"), message(2, "a")], [Place("a", 10), Place(twin, 10)])

    assert first.compare == fewer.compare == (2, 1)
    assert (equal.compare, equal.retrieve, equal.gone) == ((), (), ())


@pytest.mark.req("Y86")
def test_other_size_under_a_known_name_is_looked_at():
    assert plan_listing([message(1, "a", 11)], [Place("a", 10)]).verify == (1,)


@pytest.mark.req("Y86")
def test_listing_without_anything_known_counts_as_renumbered():
    known = [Place(f"old{number}", 10) for number in range(6)]

    assert plan_listing([message(1, "new")], known).is_renumbered
    assert not plan_listing([message(1, "old1")], known).is_renumbered
    assert not plan_listing([], known).is_renumbered


def test_long_names_keep_apart():
    one, other = pop3_plan.key_of_uidl("x" * 250 + "1"), pop3_plan.key_of_uidl("x" * 250 + "2")

    assert one != other
    assert len(pop3_plan.key_of_twin(one, "f" * 64, {one})) <= 255


def test_batches_are_bounded_by_bytes_and_number():
    sizes = dict.fromkeys(range(250), 1) | {300: 40_000_000, 301: 1}

    assert [len(batch) for batch in pop3_plan.batches([*range(250), 300, 301], sizes)] == [100, 100, 50, 1, 1]


@pytest.mark.req("Y86")
def test_doubled_name_with_another_size_is_compared():
    twin = pop3_plan.key_of_twin("a", "f" * 64, {"a"})
    both = [Place("a", 10), Place(twin, 20)]

    assert plan_listing([message(1, "a", 10), message(2, "a", 20)], both).compare == ()
    assert plan_listing([message(1, "a", 10), message(2, "a", 21)], both).compare == (2, 1)
    half = [Place("a", 10), Place(twin, 20, is_gone=True)]
    assert plan_listing([message(1, "a", 10), message(2, "a", 20)], half).compare == (2, 1)


@pytest.mark.req("Y86")
def test_placement_of_the_past_under_a_name_does_not_come_back():
    past = Place(pop3_plan.key_of_twin("a", "past7", {"a"}), 10, is_gone=True)

    decisions = plan_listing([message(1, "a", 12)], [Place("a", 12), past])

    assert decisions.known == {1: "a"}
    assert (decisions.back, decisions.verify, decisions.compare) == ((), (), ())


@pytest.mark.req("Y86")
@pytest.mark.parametrize("uidl", ["a b", "tab\there", "\x00\x01", "del\x7f", "\x7fh00:1", "caf\xe9", "y" * 5_000])
def test_odd_names_are_kept_apart_and_fit_into_a_row(uidl):
    key = pop3_plan.key_of_uidl(uidl)

    assert key == pop3_plan.key_of_uidl(uidl)
    assert key != pop3_plan.key_of_uidl(uidl + "x")
    assert len(pop3_plan.key_of_twin(key, "f" * 64, {key})) <= 255
    assert not pop3_plan.is_computed(key)
    assert not any(char < " " or char == "\x7f" for char in key)
    assert pop3_plan.listed_key(pop3_plan.key_of_twin(key, "f" * 64, {key})) == key


@pytest.mark.req("Y86")
def test_stamp_tells_size_and_header_whatever_servers_add():
    header = b"Subject: a\r\nMessage-ID: <1@x>\r\n"
    stamp = pop3_plan.stamp_of(123, header)

    assert pop3_plan.stamped_size(stamp) == 123
    assert stamp == pop3_plan.stamp_of(123, b"Status: RO\r\nX-UIDL: 7\r\n  folded\r\n" + header + b"\r\n")
    assert pop3_plan.is_same_header(stamp, header)
    assert not pop3_plan.is_same_header(stamp, header.replace(b"a", b"b", 1))
    assert 0 < pop3_plan.stamp_of(1 << 40, header) < 1 << 63
