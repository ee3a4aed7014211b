"""The send queue over REST: times, options, what it shows, and what can still be done about a message."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests import factories
from tests.api.conftest import RAW, World
from webmail.mime.parse import parse_message
from webmail.outbox.models import DeliveryReport, HeldFor, Phase, Submission
from webmail.store import blobs
from webmail.store.errors import StorageFull

_MESSAGE = {"to": "ben@example.net", "subject": "Hi", "text": "There"}


def send(world: World, key: str = "k", *, status: int = 201, **fields: Any) -> dict[str, Any]:
    body = {"message": _MESSAGE, **fields}
    return world.api.post(f"{world.home}/submissions", body, expect=status, Idempotency_Key=key)


def place(world: World, sent: dict[str, Any], act: str = "") -> str:
    return f"{world.home}/submissions/{sent['id']}{act}"


def put(sent: dict[str, Any], **columns: Any) -> None:
    Submission.objects.filter(public_id=sent["id"]).update(**columns)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.req("R73")
def test_undo_window_is_shown_shorter_than_it_is(world: World) -> None:
    world.alice.undo_send_s = 7
    world.alice.save()
    sent = send(world)
    assert (sent["phase"], sent["held_for"], sent["undo_status"]) == ("held", "undo", "pending")
    assert timedelta(seconds=5) < moment(sent["undo_until"]) - timezone.now() < timedelta(seconds=7)
    assert moment(sent["send_at"]) > moment(sent["undo_until"])
    assert (sent["kind"], sent["next_try_at"], sent["send_at_zone"]) == ("message", None, "")


@pytest.mark.req("R74")
def test_local_time_in_a_zone_is_kept(world: World) -> None:
    day = (timezone.now() + timedelta(days=10)).date()
    sent = send(world, send_at_local=f"{day}T08:30:00", send_at_zone="Europe/Berlin")
    assert (sent["held_for"], sent["undo_until"]) == ("schedule", None)
    assert (sent["send_at_local"], sent["send_at_zone"]) == (f"{day}T08:30:00", "Europe/Berlin")
    assert moment(sent["send_at"]).hour in (6, 7)


@pytest.mark.req("R74")
@pytest.mark.parametrize(
    "wrong",
    [
        {"send_at_local": "2027-01-01T08:00:00"},
        {"send_at_zone": "Europe/Berlin"},
        {"send_at_local": "2027-01-01T08:00:00Z", "send_at_zone": "Europe/Berlin"},
        {"send_at_local": "2027-01-01T08:00:00", "send_at_zone": "Europe/Atlantis"},
        {"send_at_local": "2027-01-01T08:00:00", "send_at_zone": "../../etc/passwd"},
        {"send_at_local": "2099-01-01T08:00:00", "send_at_zone": "Europe/Berlin"},
        {"send_at_local": "2027-01-01T08:00:00", "send_at_zone": "UTC", "hold_for_s": 5},
    ],
)
def test_impossible_times_are_refused(world: World, wrong: dict[str, Any]) -> None:
    send(world, status=422, **wrong)
    assert not Submission.objects.exists()


@pytest.mark.req("R74")
def test_another_time_until_it_is_too_late(world: World) -> None:
    sent = send(world, hold_for_s=3600)
    read = world.api.call("GET", place(world, sent), expect=200)
    moved = world.api.call("PATCH", place(world, sent), {"hold_for_s": 7200}, expect=200, If_Match=read["ETag"])
    assert moment(moved.json()["send_at"]) > moment(sent["send_at"]) + timedelta(minutes=59)
    assert moved["ETag"] != read["ETag"]
    world.api.call("PATCH", place(world, sent), {"hold_for_s": 60}, expect=412, If_Match=read["ETag"])
    world.api.call("PATCH", place(world, sent), {}, expect=422)
    world.api.call("PATCH", place(world, sent), {"send_at": "2099-01-01T00:00:00Z"}, expect=422)
    put(sent, phase=Phase.DOT_SENT)
    problem = world.api.call("PATCH", place(world, sent), {"hold_for_s": 60}, expect=409).json()
    assert problem["type"].endswith("#problem-cannot-unsend")


@pytest.mark.req("R74")
def test_send_now(world: World) -> None:
    sent = send(world, hold_for_s=3600)
    gone = world.api.post(place(world, sent, "/send-now"))
    assert (gone["phase"], gone["held_for"]) == ("queued", "schedule")
    world.api.post(place(world, sent, "/send-now"), expect=409)


@pytest.mark.req("R76")
def test_over_the_limit_it_is_accepted_held_and_explained(world: World) -> None:
    world.alice.daily_messages = 1
    world.alice.save()
    send(world, "one")
    held = send(world, "two")
    assert (held["phase"], held["held_for"], held["undo_status"]) == ("held", "limit", "pending")
    assert held["last_reply"].startswith("You have sent 1 message in 24 hours")
    problem = world.api.post(place(world, held, "/send-now"), expect=409)
    assert "daily limit" in problem["detail"]


@pytest.mark.req("R92")
def test_one_from_a_backup_is_let_go(world: World) -> None:
    sent = send(world, hold_for_s=0)
    put(sent, phase=Phase.HELD, held_for=HeldFor.RESTORE)
    assert world.api.get(place(world, sent))["held_for"] == "restore"
    assert world.api.post(place(world, sent, "/send-now"))["phase"] == "queued"


@pytest.mark.req("R69")
def test_delayed_one_is_tried_now_or_given_up(world: World) -> None:
    sent = send(world, hold_for_s=0)
    later = timezone.now() + timedelta(hours=4)
    put(sent, phase=Phase.RETRY, attempts=3, next_try_at=later)
    shown = world.api.get(place(world, sent))
    assert moment(shown["next_try_at"]) == later
    assert moment(world.api.post(place(world, sent, "/retry"))["next_try_at"]) <= timezone.now()
    stopped = world.api.post(place(world, sent, "/stop"))
    assert (stopped["phase"], stopped["recipients"][0]["status"]) == ("failed", "refused")
    assert world.api.get(f"{world.home}/drafts")["drafts"][0]["subject"] == "Hi"
    for act in ("/retry", "/stop"):
        world.api.post(place(world, sent, act), expect=409)


@pytest.mark.req("R66")
@pytest.mark.parametrize(("has_left", "phase"), [(True, "accepted"), (False, "retry")])
def test_doubt_is_settled_by_the_user(world: World, has_left: bool, phase: str) -> None:
    sent = send(world, hold_for_s=0)
    world.api.post(place(world, sent, "/resolve"), {"sent": has_left}, expect=409)
    put(sent, phase=Phase.UNCONFIRMED)
    world.api.post(place(world, sent, "/resolve"), {}, expect=422)
    assert world.api.post(place(world, sent, "/resolve"), {"sent": has_left})["phase"] == phase
    world.api.post(place(world, sent, "/resolve"), {"sent": has_left}, expect=409)


def test_options_of_a_message_and_of_a_draft(world: World) -> None:
    wanted = {"wants_receipt": True, "wants_delivery_report": True, "requires_tls": True}
    sent = send(world, **wanted)
    assert {name: sent[name] for name in wanted} == wanted
    raw = blobs.read_blob(Submission.objects.get().blob)
    assert parse_message(raw).headers.get("disposition-notification-to")

    draft = world.api.post(f"{world.home}/drafts", {"to": "ben@example.net", "wants_receipt": True}, expect=201)
    assert (draft["wants_receipt"], draft["requires_tls"]) == (True, False)
    address = f"{world.home}/drafts/{draft['id']}"
    world.api.call("PATCH", address, {"requires_tls": True}, expect=200, If_Match="*")
    body = {"wants_receipt": False}
    from_draft = world.api.call("POST", f"{address}/send", body, expect=201, Idempotency_Key="d").json()
    assert [from_draft[name] for name in wanted] == [False, False, True]


def test_what_came_back_is_shown_for_each_recipient(world: World) -> None:
    sent = send(world)
    submission = Submission.objects.get(public_id=sent["id"])
    returned = factories.make_email_from_bytes(world.inbox, RAW)
    now = timezone.now()
    submission.recipients.update(
        report="failed", report_code="5.1.1", report_text="no such user", report_at=now, read_at=None
    )
    DeliveryReport.objects.create(
        account=world.account,
        email=returned,
        submission=submission,
        kind="delivery",
        recipients=[{"email": "ben@example.net", "action": "failed", "code": "5.1.1", "text": "no such user"}],
    )
    shown = world.api.get(place(world, sent))
    (recipient,) = shown["recipients"]
    assert (recipient["report"], recipient["report_code"], recipient["report_text"]) == (
        "failed",
        "5.1.1",
        "no such user",
    )
    assert recipient["read_at"] is None
    (report,) = shown["reports"]
    assert (report["kind"], report["message_id"]) == ("delivery", returned.public_id)
    assert report["recipients"][0]["action"] == "failed"
    (listed,) = world.api.get(f"{world.home}/submissions")["submissions"]
    assert listed["events"] is None
    assert listed["reports"] is None


@pytest.mark.req("R88")
def test_full_server_refuses_before_it_acknowledges(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(root: object) -> None:
        raise StorageFull("the disk is nearly full")

    monkeypatch.setattr(blobs, "check_space", refuse)
    problem = send(world, status=503)
    assert problem["type"].endswith("#problem-storage-full")
    assert not Submission.objects.exists()


@pytest.mark.req("R63")
def test_record_of_what_is_over_can_be_dropped_when_no_repeat_can_come(world: World) -> None:
    sent = send(world)
    world.api.call("DELETE", place(world, sent), expect=409)
    put(sent, phase=Phase.DONE)
    world.api.call("DELETE", place(world, sent), expect=409)
    assert send(world)["id"] == sent["id"]
    put(sent, created_at=timezone.now() - timedelta(hours=24))
    cursor = world.api.get(f"sync?account={world.account.public_id}")["cursor"]

    world.api.call("DELETE", place(world, sent), expect=204)

    world.api.call("GET", place(world, sent), expect=404)
    changed = world.api.get(f"sync?account={world.account.public_id}&since={cursor}")
    assert changed["changes"]["submissions"]["destroyed"] == [sent["id"]]
