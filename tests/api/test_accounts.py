"""Accounts, mailboxes, identities, operations, and the two commands."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ConnectionTest, User
from tests import factories
from tests.api.conftest import Api, World, basic, speaking_for
from webmail.journal import entries
from webmail.journal.models import Action


def test_account_shows_its_condition_and_no_secret(world: World) -> None:
    factories.make_email(world.inbox)
    response = world.api.call("GET", world.home, expect=200)
    account = response.json()
    assert (account["address"], account["state"], account["protocol"]) == (world.account.address, "new", "imap")
    assert account["sync"] == {"total": 1, "listed": 1, "complete": 0}
    assert b"secret" not in response.content
    assert [one["id"] for one in world.api.get("accounts")["accounts"]] == [
        world.account.public_id,
        world.second.public_id,
    ]


def test_verification_is_a_row_to_poll(world: World) -> None:
    response = world.api.call("POST", f"{world.home}/verify", expect=202)
    ConnectionTest.objects.update(status="failed", report=[{"step": "login", "status": "failed"}])
    test = world.api.get(response["Location"])
    assert (test["status"], test["report"][0]["step"]) == ("failed", "login")


def test_tree_has_counts_and_order(world: World) -> None:
    factories.make_email(world.inbox)
    work = factories.make_mailbox(world.account, "Work")
    factories.make_mailbox(world.account, "Below", parent=work, remote_name="Work/Below")
    tree = world.api.get(f"{world.home}/mailboxes")["mailboxes"]
    assert [(one["name"], one["depth"]) for one in tree] == [
        ("Inbox", 0), ("Archive", 0), ("Trash", 0), ("Work", 0), ("Below", 1),
    ]  # fmt: skip
    assert (tree[0]["role"], tree[0]["unread_messages"], tree[0]["total_threads"]) == ("inbox", 1, 1)
    assert tree[4]["parent_id"] == work.public_id
    assert not tree[0]["rights"]["may_delete"]


def test_mailbox_is_made_renamed_moved_and_deleted(world: World) -> None:
    made = world.api.call("POST", f"{world.home}/mailboxes", {"name": "Work"}, expect=201)
    assert made["X-Operation-Id"]
    address, box = made["Location"], made.json()
    taken = world.api.post(f"{world.home}/mailboxes", {"name": "Work"}, expect=409)
    assert taken["existing_id"] == box["id"]
    world.api.post(f"{world.home}/mailboxes", {"name": "a/b"}, expect=422)
    moved = world.api.call("PATCH", address, {"parent_id": world.archive.public_id}, expect=200, If_Match=made["ETag"])
    assert (moved.json()["id"], moved.json()["parent_id"]) == (box["id"], world.archive.public_id)
    world.api.call("PATCH", address, {"name": "Job"}, expect=412, If_Match=made["ETag"])
    renamed = world.api.call("PATCH", address, {"name": "Job"}, expect=200).json()
    assert (renamed["name"], renamed["parent_id"]) == ("Job", world.archive.public_id)
    assert world.api.call("PATCH", address, {"parent_id": None}, expect=200).json()["parent_id"] is None
    world.api.call("DELETE", address, expect=204)
    world.api.get(address, expect=404)


def test_mailbox_with_mail_goes_only_when_asked(world: World) -> None:
    factories.make_email(world.archive)
    address = f"{world.home}/mailboxes/{world.archive.public_id}"
    problem = world.api.call("DELETE", address, expect=409).json()
    assert problem["type"].endswith("#problem-mailbox-has-email")
    modest = speaking_for(world.alice, scopes=("mailboxes.write",))
    modest.call("DELETE", f"{address}?remove_messages=true", expect=403)
    world.api.call("DELETE", f"{address}?remove_messages=true", expect=204)
    inbox = f"{world.home}/mailboxes/{world.inbox.public_id}"
    world.api.call("DELETE", inbox, expect=409)
    world.api.call("PATCH", inbox, {"name": "In"}, expect=409)


def test_identities(world: World) -> None:
    base = f"{world.home}/identities"
    made = world.api.call("POST", base, {"email": "al@example.org", "is_default": True}, expect=201)
    listed = world.api.get(base)["identities"]
    assert [one["is_default"] for one in listed] == [True, False]
    world.api.call("PATCH", made["Location"], {"is_default": False}, expect=422)
    changed = world.api.call("PATCH", made["Location"], {"name": "Al"}, expect=200, If_Match=made["ETag"])
    assert changed.json()["name"] == "Al"
    world.api.call("PATCH", made["Location"], {"name": "B"}, expect=412, If_Match=made["ETag"])
    world.api.call("DELETE", made["Location"], expect=204)
    last = f"{base}/{listed[1]['id']}"
    world.api.call("DELETE", last, expect=409)
    world.api.post(base, {"email": "nonsense"}, expect=422)


@pytest.mark.req("rest 1")
def test_operations_tell_what_became_of_an_act(world: World) -> None:
    email = factories.make_email(world.inbox)
    address = f"{world.home}/messages/{email.public_id}"
    for word in ("a", "b", "c"):
        world.api.call("PATCH", address, {"keywords": {"add": [word]}}, expect=200)
    entries.mark_failed(Action.objects.order_by("id")[0], error="The server says no.")
    first = world.api.get(f"{world.home}/operations?limit=2")
    second = world.api.get(f"{world.home}/operations?limit=2&after={first['next']}")
    shown = first["operations"] + second["operations"]
    assert [one["status"] for one in shown] == ["queued", "queued", "failed"]
    assert shown[2]["error"] == "The server says no."
    assert len(world.api.get(f"{world.home}/operations?is_open=true")["operations"]) == 2
    assert len(world.api.get(f"{world.home}/operations?is_open=false")["operations"]) == 1


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, stdin: str = "") -> str:
    out: Any = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    call_command(*arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue().strip()


def test_commands_make_a_user_and_an_app_password_that_works(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run(
        monkeypatch, "adduser", "Dora@Example.org", "--admin", "--password-stdin", "--json", stdin="pass phrase\n"
    )
    assert json.loads(told) == {"email": "dora@example.org", "admin": True}
    assert User.objects.get().check_password("pass phrase")
    secret = run(monkeypatch, "token", "dora@example.org", "--scope", "mail")
    assert Api(basic("dora@example.org", secret)).get("me")["email"] == "dora@example.org"
    told = run(monkeypatch, "token", "dora@example.org", "--scope", "mail.read", "--scope", "push", "--json")
    assert json.loads(told)["scopes"] == ["mail.read", "push"]


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["adduser", "taken@example.org", "--password-stdin"], "x y z\n"),
        (["adduser", "nonsense", "--password-stdin"], "x y z\n"),
        (["adduser", "new@example.org", "--password-stdin"], ""),
        (["adduser", "new@example.org"], "x y z\n"),
        (["token", "nobody@example.org", "--scope", "mail"], ""),
        (["token", "taken@example.org", "--scope", "fly"], ""),
        (["token", "taken@example.org", "--scope", "mail", "--account", "a@example.org"], ""),
    ],
)
def test_commands_refuse_what_makes_no_sense(
    db: None, monkeypatch: pytest.MonkeyPatch, arguments: list[str], stdin: str
) -> None:
    User.objects.create_user("taken@example.org", "x")
    with pytest.raises(CommandError):
        run(monkeypatch, *arguments, stdin=stdin)
    assert User.objects.count() == 1


@pytest.mark.req("R82")
def test_operation_that_is_stopped_puts_back_what_was_not_told(world: World) -> None:
    email = factories.make_email(world.inbox)
    address = f"{world.home}/messages/{email.public_id}"
    world.api.call("PATCH", address, {"keywords": {"add": ["blue"]}}, expect=200)
    one = f"{world.home}/operations/{Action.objects.get().public_id}"
    stopped = world.api.call("DELETE", one, expect=200).json()
    assert (stopped["status"], stopped["total"], stopped["done_count"]) == ("stopped", 1, 0)
    assert "blue" not in world.api.get(address)["keywords"]
    world.api.call("DELETE", one, expect=409)
