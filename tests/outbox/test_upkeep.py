"""What the sweep does for all submissions, taken together, and the words in which it tells of delays."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.outbox.letters import make_sender, submit
from webmail.outbox.models import HeldFor, Phase, Submission
from webmail.outbox.queue import delivery, doubt, limits, moves, schedule, upkeep
from webmail.outbox.queue.answers import Answer
from webmail.outbox.queue.send_time import SendTime, read_wall
from webmail.outbox.queue.user_time import in_words, zone_name

pytestmark = pytest.mark.django_db

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
LATER = Answer(451, "come back later", "4.7.1")


@pytest.fixture
def noon(time_machine):
    time_machine.move_to(NOON, tick=False)
    return time_machine


def delay(row, worker):
    assert delivery.mark_retry(delivery.claim(row.pk, worker), reply=LATER) == Phase.RETRY


@pytest.mark.req("R69")
def test_delay_is_told_once_in_the_user_s_time(noon):
    account = make_sender()
    account.user.timezone = "America/New_York"
    account.user.save()
    row = submit(account)
    delay(row, "one")
    noon.shift(schedule.TELL_AFTER - timedelta(seconds=1))
    assert upkeep.tell_delayed() == 0
    noon.shift(timedelta(seconds=1))
    assert upkeep.tell_delayed() == 1
    assert upkeep.tell_delayed() == 0

    after = moves.reload(row)
    assert after.told_delayed_at == timezone.now()
    assert row.events.last().text == (
        f"Delayed. We try again until 3 March, 07:00 (America/New_York). The last answer: {after.last_reply}"
    )
    assert "come back later" in after.last_reply


@pytest.mark.req("R69")
def test_message_that_is_begun_anew_is_told_of_anew(noon):
    row = submit(make_sender())
    delay(row, "one")
    noon.shift(schedule.TELL_AFTER)
    assert upkeep.tell_delayed() == 1
    Submission.objects.filter(pk=row.pk).update(phase=Phase.UNCONFIRMED)
    noon.shift(timedelta(hours=1))
    assert doubt.resolve_unconfirmed(row, sent=False) is True
    delay(row, "two")
    assert upkeep.tell_delayed() == 0
    noon.shift(schedule.TELL_AFTER)
    assert upkeep.tell_delayed() == 1


@pytest.mark.req("R74")
@pytest.mark.req("R76")
def test_one_sweep_does_all_of_it(noon):
    account = make_sender()
    account.user.daily_messages = 2
    account.user.save()
    scheduled = submit(account, send_at=SendTime.at_wall(read_wall("2027-03-02T14:00:00"), "Europe/Berlin"))
    delayed, crashed = submit(account), submit(account)
    limited = submit(account)
    delay(delayed, "one")
    assert delivery.claim(crashed.pk, "dead worker") is not None
    noon.move_to(NOON + timedelta(days=1, hours=1), tick=False)

    upkeep.tend()

    scheduled, delayed, crashed, limited = map(moves.reload, (scheduled, delayed, crashed, limited))
    assert (scheduled.phase, scheduled.held_for) == (Phase.QUEUED, HeldFor.SCHEDULE)
    assert (limited.phase, limited.held_for) == (Phase.QUEUED, HeldFor.LIMIT)
    assert crashed.phase == Phase.RETRY
    assert delayed.told_delayed_at == timezone.now()


@pytest.mark.req("R76")
def test_what_still_waits_is_not_promised_for_the_past(noon):
    account = make_sender()
    account.user.daily_messages = 1
    account.user.save()
    submit(account)
    row = submit(account)
    noon.move_to(NOON + timedelta(hours=23, minutes=59, seconds=50), tick=False)
    Submission.objects.filter(account=account).exclude(pk=row.pk).update(send_at=timezone.now())
    noon.shift(timedelta(minutes=1))
    assert limits.release_within_limits() == 0
    assert moves.reload(row).send_at == timezone.now() + limits.LOOK_AGAIN
    noon.shift(timedelta(seconds=29))
    assert limits.release_within_limits() == 0


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Europe/Berlin", "31 December, 23:30 (Europe/Berlin)"),
        ("Asia/Kolkata", "1 January, 04:00 (Asia/Kolkata)"),
        ("", "31 December, 22:30 (UTC)"),
        ("Europe/Atlantis", "31 December, 22:30 (UTC)"),
    ],
)
def test_times_are_the_reader_s(zone, words):
    user = make_sender().user
    user.timezone = zone
    assert in_words(datetime(2026, 12, 31, 22, 30, tzinfo=UTC), user) == words
    assert words.endswith(f"({zone_name(user)})")


def test_sweep_reads_only_what_is_not_over():
    """The history may be long: each look of the sweep goes by the index of the few that are open."""
    queries = []
    with CaptureQueriesContext(connection) as captured:
        upkeep.tend()
        queries = [query["sql"] for query in captured if 'FROM "outbox_submission"' in query["sql"]]
    assert len(queries) >= 4
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for sql in queries:
                cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
                plan = " ".join(row[3] for row in cursor.fetchall())
                assert "outbox_open" in plan, (sql, plan)
