"""Calendar parts as plain values: what is said, what is broken, what is hostile."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.attached_files import INVITATION
from webmail.mime.attached import invitations
from webmail.mime.attached.blocks import find_blocks
from webmail.mime.attached.invitations import Attendee, Invitation, Moment, Recurrence, read_calendar, read_invitation
from webmail.mime.charsets import decode_bytes
from webmail.mime.parse import parse_message
from webmail.mime.part import Part

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "calendar"


def part(text: bytes | str, *, kind: str = "text/calendar; charset=utf-8") -> Part:
    raw = text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode()
    return parse_message(f"Content-Type: {kind}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode() + raw).root


def event(*lines: str, top: str = "") -> Invitation:
    found = read_invitation(
        part("BEGIN:VCALENDAR\n" + top + "BEGIN:VEVENT\n" + "\n".join(lines) + "\nEND:VEVENT\nEND:VCALENDAR\n")
    )
    assert found is not None
    return found


def test_an_invitation_says_everything_it_has() -> None:
    found = read_invitation(part(INVITATION))
    assert found == Invitation(
        kind="event",
        method="request",
        summary="Budget <script>alert(1)</script>",
        start=Moment(date(2026, 3, 3), "14:00", "Europe/Berlin", datetime(2026, 3, 3, 13, 0, tzinfo=UTC)),
        end=Moment(date(2026, 3, 3), "15:00", "Europe/Berlin", datetime(2026, 3, 3, 14, 0, tzinfo=UTC)),
        location="Room 5",
        organizer=Attendee("Ben", "ben@example.net", ""),
        attendees=(
            Attendee("Alice", "alice@example.org", "needs-action"),
            Attendee("Cem", "cem@example.org", "accepted", is_optional=True),
        ),
        attendees_total=2,
        recurrence=Recurrence("weekly", 2, 5, None, ("TU",)),
        description="Bring <b>figures</b>, please.",
        url="",
        status="",
        uid="1@example.net",
    )


def test_whole_days_end_on_their_last_day() -> None:
    found = event("DTSTART;VALUE=DATE:20260303", "DTEND;VALUE=DATE:20260305")
    assert (found.start, found.end) == (Moment(date(2026, 3, 3)), Moment(date(2026, 3, 4)))


def test_times_without_zone_float_and_utc_has_no_name() -> None:
    assert event("DTSTART:20260303T140000").start == Moment(date(2026, 3, 3), "14:00")
    start = event("DTSTART:20260303T140000Z").start
    assert start == Moment(date(2026, 3, 3), "14:00", "", datetime(2026, 3, 3, 14, 0, tzinfo=UTC))


def test_a_duration_gives_the_end() -> None:
    end = event("DTSTART:20260303T140000Z", "DURATION:PT90M").end
    assert end is not None
    assert end.clock == "15:30"


def test_a_zone_nobody_knows_is_no_zone() -> None:
    start = event("DTSTART;TZID=Nowhere/Land:20260303T140000").start
    assert start is not None
    assert (start.day, start.clock) == (date(2026, 3, 3), "14:00")


def test_the_method_may_stand_in_the_content_type() -> None:
    text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x\nEND:VEVENT\nEND:VCALENDAR\n"
    found = read_invitation(part(text, kind="text/calendar; method=CANCEL"))
    assert found is not None
    assert found.method == "cancel"
    assert event("SUMMARY:x", top="METHOD:<script>\n").method == ""


def test_a_broken_value_costs_itself_alone() -> None:
    found = event("SUMMARY:Meet", "DTSTART:INVALID-DATE", "DTEND:20260303T140000Z", "RRULE:FREQ=SOMETIMES")
    assert (found.summary, found.start, found.recurrence) == ("Meet", None, None)
    assert found.end is not None


def test_a_broken_zone_costs_the_zone_alone() -> None:
    zone = "BEGIN:VTIMEZONE\nTZID:Broken\nBEGIN:STANDARD\nTZOFFSETTO:+5744\nEND:STANDARD\nEND:VTIMEZONE\n"
    found = event("SUMMARY:Meet", "DTSTART;TZID=Broken:20260303T140000", top=zone)
    assert found.summary == "Meet"


def test_a_broken_event_does_not_take_the_others_with_it() -> None:
    text = (
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:One\nno colon here\nEND:VEVENT\n"
        "BEGIN:VEVENT\nSUMMARY:Two\nEND:VEVENT\nBEGIN:VEVENT\nSUMMARY:Without end\n"
    )
    found = read_calendar(part(text))
    assert "Two" in [one.summary for one in found]
    assert found[0].more == 2


def test_nothing_to_read_gives_nothing() -> None:
    for text in (
        "",
        "x",
        "BEGIN:VCALENDAR\nEND:VCALENDAR\n",
        "BEGIN:VEVENT\n",
        "END:VEVENT\n",
        "\0\0",
        "BEGIN:VEVENT:END",
    ):
        assert read_invitation(part(text)) is None


@pytest.mark.req("R15")
def test_texts_are_bounded_and_lose_what_turns_them() -> None:
    found = event(
        f"SUMMARY:{'s' * 5_000}",
        f"DESCRIPTION:{'d' * 10_000}",
        "LOCATION:a\u202eb\u0007c\\nsecond line",
        *(f"ATTENDEE:mailto:{number}@example.org" for number in range(300)),
    )
    assert len(found.summary) == invitations.MAX_LINE
    assert len(found.description) == invitations.MAX_DESCRIPTION
    assert found.location == "abc second line"
    assert len(found.attendees) == invitations.MAX_ATTENDEES
    assert found.attendees_total == 300


@pytest.mark.req("R11")
def test_only_web_addresses_count_as_such() -> None:
    assert event("URL:javascript:alert(1)").url == ""
    assert event("URL:https://example.org/x").url == "https://example.org/x"


@pytest.mark.req("R44")
@pytest.mark.parametrize(
    "text",
    [
        "BEGIN:VEVENT\n" * 20_000,
        "BEGIN:VEVENT\nEND:VEVENT\n" * 5_000,
        "BEGIN:VEVENT\nSUMMARY:" + "\\" * 60_000 + "\nEND:VEVENT\n",
        "BEGIN:VEVENT\n" + "X" * 60_000 + "\nEND:VEVENT\n",
        "BEGIN:VEVENT\nATTENDEE" + ";A=" * 20_000 + ":x\nEND:VEVENT\n",
        "BEGIN:VEVENT\nATTENDEE;CN=" + '"' * 60_000 + ":x\nEND:VEVENT\n",
        "BEGIN:VEVENT\nRRULE:" + "FREQ=DAILY;" * 5_000 + "\nEND:VEVENT\n",
        "BEGIN:VEVENT\nDTSTART:" + "2" * 60_000 + "\nEND:VEVENT\n",
        "BEGIN:VEVENT\n" + " a\n" * 20_000 + "END:VEVENT\n",
        "BEGIN:VEVENT\n" + "BEGIN:VALARM\n" * 4_000 + "END:VEVENT\n",
        "BEGIN:VTIMEZONE\nTZID:a\n" + "BEGIN:STANDARD\nRRULE:FREQ=SECONDLY\nDTSTART:00010101T000000\nEND:STANDARD\n" * 500
        + "END:VTIMEZONE\nBEGIN:VEVENT\nDTSTART;TZID=a:20260101T000000\nEND:VEVENT\n",
    ],
    ids=range(11),
)  # fmt: skip
def test_hostile_calendars_are_read_within_the_limits_of_the_child(text: str) -> None:
    from webmail.mime.limited.children import run_limited

    raw = b"Content-Type: text/calendar\r\n\r\n" + text.encode()
    answer = run_limited("preview", raw, {"part_id": "1"})  # raises LimitExceeded after two seconds of CPU
    assert answer.meta["facts"]["kind"] == "calendar"


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared mail corpus is not here")
def test_every_event_and_task_of_the_corpus_is_read() -> None:
    """163 files: 129 hold events or tasks, and all of those are read; 34 hold none (alarms, free-busy times, journals, zones)."""
    files = sorted(CORPUS.rglob("*.ics"))
    with_events, refused = 0, []
    for file in files:
        text = decode_bytes(file.read_bytes(), "utf-8")[0].lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        total = find_blocks(text, {"VEVENT", "VTODO"}, most=50).total
        found = invitations.read_calendar_text(text)
        with_events += total > 0
        if len(found) != total:
            refused.append(f"{file.name}: {len(found)} of {total}")
    assert refused == []
    assert (len(files), with_events) == (163, 129)


@pytest.mark.req("R44")
def test_of_a_very_long_event_the_beginning_is_read() -> None:
    alarms = ["BEGIN:VALARM", *(f"X-{number}:{'x' * 500}" for number in range(200)), "END:VALARM"]
    found = event("SUMMARY:Long", "DTSTART:20260303T140000Z", *alarms, "LOCATION:behind it")
    assert (found.summary, found.location) == ("Long", "")
    assert found.start is not None


@pytest.mark.req("R44")
def test_of_many_events_the_first_are_read_and_all_are_counted() -> None:
    text = "".join(f"BEGIN:VEVENT\nSUMMARY:{number}\nDESCRIPTION:{'d' * 9_000}\nEND:VEVENT\n" for number in range(100))
    found = read_calendar(part(text))
    assert len(found) <= invitations.MAX_EVENTS
    assert sum(len(one.description) for one in found) < 12 * invitations.MAX_DESCRIPTION
    assert found[0].more == 99
