"""Drafts and submissions: saved without loss, sent once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests import factories
from tests.api.conftest import RAW, World, speaking_for
from webmail.mime.parse import parse_message
from webmail.outbox.models import Draft, Phase, Submission
from webmail.store import blobs


def begin(world: World, **fields: Any) -> tuple[str, dict[str, Any], str]:
    """A draft: its address, itself, its ETag."""
    response = world.api.call("POST", f"{world.home}/drafts", {"to": "ben@example.net", **fields}, expect=201)
    return response["Location"], response.json(), response["ETag"]


def upload(world: World, raw: bytes = b"file") -> str:
    response = world.api.call("POST", f"{world.home}/uploads", raw=raw, expect=201, Content_Type="text/plain")
    return response.json()["blob_id"]


@pytest.mark.req("rest 5")
def test_draft_is_saved_only_on_what_was_read(world: World) -> None:
    address, draft, tag = begin(world, subject="One", text="Hi")
    world.api.call("PATCH", address, {"subject": "Two"}, expect=428)
    saved = world.api.call("PATCH", address, {"subject": "Two"}, expect=200, If_Match=tag)
    assert (saved.json()["subject"], saved.json()["text"], saved.json()["id"]) == ("Two", "Hi", draft["id"])
    refused = world.api.call("PATCH", address, {"subject": "Three"}, expect=412, If_Match=tag)
    assert refused["ETag"] == saved["ETag"]
    whole = world.api.call("PUT", address, {"text": "Only"}, expect=200, If_Match=saved["ETag"])
    assert (whole.json()["subject"], whole.json()["to"], whole.json()["text"]) == ("", "", "Only")
    world.api.call("DELETE", address, expect=428)
    world.api.call("DELETE", address, expect=412, If_Match=tag)
    world.api.call("DELETE", address, expect=204, If_Match=whole["ETag"])
    world.api.get(address, expect=404)


def test_reply_and_forward_begin_from_a_message(world: World) -> None:
    email = factories.make_email_from_bytes(world.inbox, RAW)
    reply = world.api.post(f"{world.home}/drafts", {"original_id": email.public_id, "mode": "reply"}, expect=201)
    assert reply["subject"] == "Re: Lunch"
    assert "ben@example.net" in reply["to"]
    assert "> Soup at noon?" in reply["text"]
    forward = world.api.post(
        f"{world.home}/drafts", {"original_id": email.public_id, "mode": "forward", "to": "cid@example.net"}, expect=201
    )
    assert [file["name"] for file in forward["attachments"]] == ["menu.txt"]
    assert forward["to"] == "cid@example.net"
    world.api.post(f"{world.home}/drafts", {"mode": "reply"}, expect=422)
    writer = speaking_for(world.alice, scopes=("drafts.write",))
    writer.post(f"{world.home}/drafts", {"original_id": email.public_id, "mode": "reply"}, expect=403)


def test_forward_of_a_message_not_here_asks_for_it(world: World) -> None:
    email = factories.make_email(world.inbox)
    body = {"original_id": email.public_id, "mode": "forward"}
    problem = world.api.post(f"{world.home}/drafts", body, expect=409)
    assert problem["type"].endswith("#problem-body-not-here")
    email.refresh_from_db()
    assert email.body_wanted_at is not None


def test_files_come_and_go(world: World) -> None:
    address, _, tag = begin(world)
    body = {"blob_id": upload(world), "name": "a.txt", "type": "text/plain"}
    added = world.api.call("POST", f"{address}/attachments", body, expect=201)
    assert added["ETag"] != tag
    (file,) = added.json()["attachments"]
    assert (file["name"], file["size_bytes"]) == ("a.txt", 4)
    world.api.call("DELETE", f"{address}/attachments/{file['id']}", expect=204)
    world.api.call("DELETE", f"{address}/attachments/{file['id']}", expect=404)
    world.api.post(f"{address}/attachments", {"blob_id": "b" + "0" * 64}, expect=422)


@pytest.mark.req("rest 5")
@pytest.mark.req("R63")
def test_same_key_sends_once(world: World) -> None:
    body = {"message": {"to": "Ben <ben@example.net>", "subject": "Hi", "text": "There"}}
    first = world.api.call("POST", f"{world.home}/submissions", body, expect=201, Idempotency_Key="k1")
    again = world.api.call("POST", f"{world.home}/submissions", body, expect=201, Idempotency_Key="k1")
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert again.json() == first.json()
    assert again["Location"] == first["Location"]
    other = {"message": {**body["message"], "text": "Else"}}
    problem = world.api.post(f"{world.home}/submissions", other, expect=422, Idempotency_Key="k1")
    assert problem["type"].endswith("#problem-idempotency-key-reused")
    elsewhere = f"accounts/{world.second.public_id}/submissions"
    world.api.post(elsewhere, body, expect=422, Idempotency_Key="k1")
    for bad in ({}, {"Idempotency_Key": "two words"}, {"Idempotency_Key": "x" * 201}):
        world.api.post(f"{world.home}/submissions", body, expect=400, **bad)
    assert Submission.objects.count() == 1


@pytest.mark.req("R62")
def test_sent_message_is_stored_with_its_envelope(world: World) -> None:
    blob_id = upload(world, b"data")
    body = {
        "message": {
            "to": "ben@example.net",
            "bcc": "eve@example.net",
            "subject": "Grüße",
            "text": "Hi",
            "html": "<p>Hi</p>",
            "attachments": [{"blob_id": blob_id, "name": "a.bin"}],
        }
    }
    sent = world.api.post(f"{world.home}/submissions", body, expect=201, Idempotency_Key="k")
    assert (sent["phase"], sent["undo_status"]) == ("held", "pending")
    assert [one["email"] for one in sent["recipients"]] == ["ben@example.net", "eve@example.net"]
    message = parse_message(blobs.read_blob(Submission.objects.get().blob))
    assert message.list_headers.subject == "Grüße"
    assert message.list_headers.message_id == sent["message_id"]
    listed = world.api.get(f"{world.home}/submissions")["submissions"]
    assert [one["id"] for one in listed] == [sent["id"]]


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        ({"text": "Hi"}, 422, "no-recipients"),
        ({"to": "ben"}, 422, "invalid-recipients"),
        ({"to": ",".join(f"a{n}@example.net" for n in range(101))}, 422, "too-many-recipients"),
        ({"to": "ben@example.net", "in_reply_to": ["a\r\nBcc: x@example.net"]}, 422, "invalid-email"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_the_reason(world: World, message: dict, status: int, code: str) -> None:
    problem = world.api.post(f"{world.home}/submissions", {"message": message}, expect=status, Idempotency_Key="k")
    assert problem["type"].endswith(f"#problem-{code}")
    assert not Submission.objects.exists()


def test_account_without_outgoing_server_cannot_send(world: World) -> None:
    account = factories.make_account(world.alice, outgoing_host="", outgoing_port=None)
    body = {"message": {"to": "ben@example.net"}}
    world.api.post(f"accounts/{account.public_id}/submissions", body, expect=409, Idempotency_Key="k")


@pytest.mark.req("R73")
def test_undo_gives_the_draft_back_and_a_repeat_still_finds_the_submission(world: World) -> None:
    address, draft, tag = begin(world, subject="Wait")
    sent = world.api.call("POST", f"{address}/send", expect=201, Idempotency_Key="k", If_Match=tag)
    assert not Draft.objects.filter(public_id=draft["id"]).exists()
    again = world.api.call("POST", f"{address}/send", {}, expect=201, Idempotency_Key="k")
    assert again["Idempotency-Replayed"] == "true"
    cancelled = world.api.post(f"{sent['Location']}/cancel")
    assert cancelled["undo_status"] == "canceled"
    back = world.api.get(f"{world.home}/drafts/{cancelled['draft_id']}")
    assert back["subject"] == "Wait"


@pytest.mark.req("R73")
def test_too_late_to_unsend(world: World) -> None:
    address, _, _ = begin(world)
    sent = world.api.call("POST", f"{address}/send", {}, expect=201, Idempotency_Key="k")
    Submission.objects.update(phase=Phase.DONE)
    problem = world.api.post(f"{sent['Location']}/cancel", expect=409)
    assert problem["type"].endswith("#problem-cannot-unsend")


def test_send_refuses_a_draft_that_was_changed_meanwhile(world: World) -> None:
    address, _, tag = begin(world)
    world.api.call("PATCH", address, {"subject": "New"}, expect=200, If_Match=tag)
    world.api.call("POST", f"{address}/send", {}, expect=412, Idempotency_Key="k", If_Match=tag)


def test_time_of_sending(world: World) -> None:
    def send(number: int, **when: Any) -> dict[str, Any]:
        body = {"message": {"to": "ben@example.net"}, **when}
        return world.api.post(f"{world.home}/submissions", body, expect=201, Idempotency_Key=f"k{number}")

    tomorrow = (timezone.now() + timedelta(days=1)).replace(microsecond=0)
    assert send(1, send_at=tomorrow.isoformat())["send_at"] == tomorrow.isoformat().replace("+00:00", "Z")
    assert send(2, hold_for_s=3600)["phase"] == "held"
    assert send(3, hold_for_s=0)["phase"] == "queued"
    for wrong in ({"send_at": "2099-01-01T00:00:00Z"}, {"send_at": "2099-01-01T00:00:00"}, {"hold_for_s": -1}):
        body = {"message": {"to": "ben@example.net"}, **wrong}
        world.api.post(f"{world.home}/submissions", body, expect=422, Idempotency_Key="k4")
    both = {"message": {"to": "ben@example.net"}, "hold_for_s": 1, "send_at": tomorrow.isoformat()}
    world.api.post(f"{world.home}/submissions", both, expect=422, Idempotency_Key="k5")


def test_submission_pages(world: World) -> None:
    for number in range(3):
        body = {"message": {"to": "ben@example.net", "subject": str(number)}}
        world.api.post(f"{world.home}/submissions", body, expect=201, Idempotency_Key=f"k{number}")
    first = world.api.get(f"{world.home}/submissions?limit=2")
    second = world.api.get(f"{world.home}/submissions?limit=2&after={first['next']}")
    assert [one["subject"] for one in first["submissions"] + second["submissions"]] == ["2", "1", "0"]
    assert second["next"] is None
