"""Who may send in this process: one thread for an account, a second beside a stuck one, and some are always free."""

from webmail.sync.outgoing.lanes import STUCK_AFTER_S, Lanes


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_thread_sends_for_an_account_and_is_told_to_look_again():
    lanes = Lanes(3, clock=Clock())
    assert lanes.enter(1)
    assert not lanes.enter(1)
    assert lanes.is_asked_again(1)
    assert not lanes.is_asked_again(1)
    assert lanes.leave(1) == []
    assert lanes.enter(1)


def test_second_thread_enters_beside_one_that_is_stuck_but_no_third():
    clock = Clock()
    lanes = Lanes(5, clock=clock)
    assert lanes.enter(1)
    clock.now = STUCK_AFTER_S + 0.1
    assert lanes.enter(1)
    clock.now *= 2
    assert not lanes.enter(1)


def test_thread_that_moves_on_is_not_stuck():
    clock = Clock()
    lanes = Lanes(5, clock=clock)
    lanes.enter(1)
    clock.now = STUCK_AFTER_S
    lanes.move(1)
    clock.now += STUCK_AFTER_S
    assert not lanes.enter(1)


def test_account_without_a_lane_is_woken_when_there_is_one():
    lanes = Lanes(2, clock=Clock())
    assert lanes.enter(1)
    assert lanes.enter(2)
    assert not lanes.enter(3)
    assert not lanes.enter(3)
    assert lanes.leave(1) == [3]
    assert lanes.leave(2) == []


def test_account_that_was_asked_for_at_the_very_end_is_woken():
    lanes = Lanes(2, clock=Clock())
    lanes.enter(1)
    assert not lanes.enter(1)
    assert lanes.leave(1) == [1]
