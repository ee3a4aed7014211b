"""How much one person may send in a day: what is over it waits, is told of, and goes when there is room."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import Identity
from tests.outbox.letters import make_sender, submit
from webmail.outbox.models import Draft, HeldFor, Kind, KnownRecipient, Phase, Submission
from webmail.outbox.queue import control, delivery, limits, moves, upkeep
from webmail.outbox.queue.submit import submit_bytes

pytestmark = [pytest.mark.django_db, pytest.mark.req("R76")]

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def noon(time_machine):
    time_machine.move_to(NOON, tick=False)
    return time_machine


@pytest.fixture
def account():
    """Three messages a day, and four new people."""
    account = make_sender()
    account.user.daily_messages, account.user.daily_new_recipients = 3, 4
    account.user.timezone = "Europe/Berlin"
    account.user.save()
    return account


def state(row):
    after = moves.reload(row)
    return after.phase, after.held_for


HELD = (Phase.HELD, HeldFor.LIMIT)
GONE = (Phase.QUEUED, HeldFor.LIMIT)
SENT = (Phase.QUEUED, "")


def test_limits_are_the_user_s_else_the_installation_s(settings):
    user = make_sender().user
    assert (limits.messages_per_day(user), limits.new_recipients_per_day(user)) == (1000, 200)
    settings.SEND_MESSAGES_PER_DAY = settings.SEND_NEW_RECIPIENTS_PER_DAY = 7
    assert (limits.messages_per_day(user), limits.new_recipients_per_day(user)) == (7, 7)
    user.daily_messages, user.daily_new_recipients = 0, 1
    assert (limits.messages_per_day(user), limits.new_recipients_per_day(user)) == (0, 1)


def test_one_too_many_is_accepted_held_and_told_of(noon, account):
    for _ in range(3):
        assert state(submit(account)) == SENT
        noon.shift(timedelta(hours=1))

    row = submit(account, text="the fourth")

    assert state(row) == HELD
    assert row.last_reply == (
        "You have sent 3 messages in 24 hours; this one leaves at about 2 March, 13:00 (Europe/Berlin)."
    )
    assert row.events.get().text == row.last_reply
    assert row.send_at == NOON + timedelta(days=1)
    assert delivery.claim(row.pk, "worker") is None
    assert control.send_now(row) is False


def test_they_leave_in_order_as_the_window_frees(noon, account):
    for _ in range(3):
        submit(account)
        noon.shift(timedelta(hours=1))
    rows = [submit(account) for _ in range(3)]
    assert [row.send_at for row in rows] == [NOON + timedelta(days=1, hours=hour) for hour in range(3)]

    for hour in range(3):
        noon.move_to(NOON + timedelta(days=1, hours=hour, seconds=-1), tick=False)
        assert limits.release_within_limits() == 0
        noon.move_to(NOON + timedelta(days=1, hours=hour, minutes=1), tick=False)
        assert limits.release_within_limits() == 1
        assert [state(row) for row in rows] == [GONE] * (hour + 1) + [HELD] * (2 - hour)

    late = moves.reload(rows[0])
    assert late.send_at == NOON + timedelta(days=1, minutes=1)
    assert late.last_reply == ""


def test_newcomer_does_not_overtake_the_line(noon, account):
    for _ in range(3):
        submit(account)
    waiting = submit(account)
    noon.move_to(NOON + timedelta(hours=24, seconds=1), tick=False)
    # There is room again, but not yet seen by the sweep; the newcomer takes none that those in the line need.
    later = [submit(account) for _ in range(3)]
    assert [state(row) for row in later] == [SENT, SENT, HELD]
    assert limits.release_within_limits() == 1
    assert [state(row) for row in (waiting, later[2])] == [GONE, HELD]


def test_what_was_taken_back_leaves_room(noon, account):
    rows = [submit(account) for _ in range(3)]
    held = submit(account)
    control.cancel(rows[1])
    noon.shift(limits.LOOK_AGAIN)
    assert limits.release_within_limits() == 1
    assert state(held) == GONE


def test_what_a_limit_holds_can_be_taken_back(noon, account):
    for _ in range(3):
        submit(account)
    held = submit(account, text="later then", to="new@example.org")
    assert control.cancel(held).text == "later then"
    assert Draft.objects.get(account=account).to == "new@example.org"
    assert KnownRecipient.objects.get(user=account.user).email == "bob@example.org"
    assert limits.release_within_limits() == 0


def test_new_people_are_counted_and_known_ones_are_not(noon, account):
    account.user.daily_messages = 0
    account.user.save()
    submit(account, to="a@example.org, b@example.org, c@example.org")
    noon.shift(timedelta(hours=2))

    held = submit(account, to="d@example.org, e@example.org")

    assert state(held) == HELD
    assert held.last_reply == (
        "You have written to 4 new people in 24 hours; this one leaves at about 2 March, 13:00 (Europe/Berlin)."
    )
    assert state(submit(account, to="a@example.org, c@example.org")) == SENT
    # One stranger alone would fit, but not before those who came first.
    assert state(submit(account, to="f@example.org")) == HELD
    noon.move_to(NOON + timedelta(hours=23), tick=False)
    assert limits.release_within_limits() == 0
    noon.move_to(NOON + timedelta(hours=24, minutes=1), tick=False)
    assert limits.release_within_limits() == 2
    assert KnownRecipient.objects.filter(user=account.user).count() == 6


def test_message_with_more_strangers_than_a_day_allows_is_the_first_of_its_day(noon, account):
    many = ", ".join(f"p{number}@example.org" for number in range(6))
    assert state(submit(account, to=many)) == SENT
    assert state(submit(account, to="one@example.org")) == HELD
    assert state(submit(account, to="two@example.org, three@example.org")) == HELD


def test_those_to_known_people_pass_those_that_wait_for_strangers(noon, account):
    account.user.daily_messages = 1
    account.user.save()
    submit(account, to="a@example.org, b@example.org, c@example.org, d@example.org")
    strangers, friends = submit(account, to="new@example.org"), submit(account, to="a@example.org")
    assert [state(strangers), state(friends)] == [HELD, HELD]
    account.user.daily_messages = 10  # the administrator allows more
    account.user.save()
    noon.shift(limits.LOOK_AGAIN)
    assert limits.release_within_limits() == 1
    assert [state(strangers), state(friends)] == [HELD, GONE]


def test_scheduled_message_counts_for_the_day_on_which_it_leaves(noon, account):
    scheduled = [submit(account, send_at=NOON + timedelta(hours=30)) for _ in range(4)]
    assert [state(submit(account)) for _ in range(3)] == [SENT] * 3

    noon.move_to(NOON + timedelta(hours=30), tick=False)
    assert upkeep.release_due() == 3
    assert [state(row) for row in scheduled] == [(Phase.QUEUED, HeldFor.SCHEDULE)] * 3 + [HELD]
    assert "3 messages in 24 hours" in moves.reload(scheduled[3]).last_reply
    assert upkeep.release_due() == 0
    noon.shift(timedelta(hours=24, minutes=1))
    assert upkeep.release_due() == 0  # only the limit lets it go now
    assert limits.release_within_limits() == 1


def test_send_now_of_a_scheduled_message_heeds_the_limit(noon, account):
    scheduled = submit(account, send_at=NOON + timedelta(hours=30))
    for _ in range(3):
        submit(account)
    assert control.send_now(scheduled) is False
    assert state(scheduled) == HELD


def test_undo_window_is_part_of_sending(noon, account):
    rows = [submit(account, send_at=None) for _ in range(4)]
    assert [state(row) for row in rows] == [(Phase.HELD, HeldFor.UNDO)] * 3 + [HELD]


def test_no_limit_and_receipts_do_not_count(noon, account):
    identity = Identity.objects.get(account=account, is_default=True)
    for number in range(4):
        receipt = submit_bytes(
            b"Message-ID: <r@example.org>\r\nSubject: Read\r\n\r\n",
            user=account.user,
            account=account,
            identity=identity,
            recipient="ben@example.net",
            idempotency_key=f"receipt-{number}",
        )
        assert (receipt.kind, state(receipt)) == (Kind.RECEIPT, SENT)
    assert state(submit(account)) == SENT
    account.user.daily_messages = account.user.daily_new_recipients = 0
    assert [state(submit(account, to=f"n{number}@example.org")) for number in range(9)] == [SENT] * 9


def test_limits_of_one_are_not_those_of_another(noon, account):
    for _ in range(4):
        submit(account)
    other = make_sender()
    assert state(submit(other)) == SENT
    assert limits.release_within_limits() == 0


def test_a_day_is_24_hours_and_not_a_date(noon, account):
    for _ in range(3):
        submit(account)
    noon.move_to(NOON + timedelta(hours=23, minutes=59), tick=False)
    held = submit(account)
    assert state(held) == HELD
    Submission.objects.filter(pk=held.pk).delete()
    noon.move_to(NOON + timedelta(hours=24), tick=False)
    assert timezone.now() - NOON == limits.WINDOW
    assert state(submit(account)) == SENT
