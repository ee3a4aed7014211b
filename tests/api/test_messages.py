"""Messages: lists, one of them, and acts on them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.api.conftest import RAW, World, speaking_for
from webmail.journal.models import Action
from webmail.store import emails
from webmail.store.models import Email

DRAWN = {"id", "account_id", "thread_id", "mailbox_ids", "keywords", "is_unread", "from", "to", "cc", "subject",
         "preview", "received_at", "size_bytes", "has_attachment"}  # fmt: skip


def ids(page: dict) -> list[str]:
    return [row["id"] for row in page["messages"]]


@pytest.mark.req("rest 4")
def test_list_is_newest_first_and_rows_are_complete(world: World) -> None:
    made = [factories.make_email(world.inbox, keywords=["$seen"] if n else []) for n in range(3)]
    page = world.api.get(f"{world.home}/messages?mailbox_id={world.inbox.public_id}")
    assert ids(page) == [email.public_id for email in reversed(made)]
    assert set(page["messages"][0]) == DRAWN
    assert page["messages"][-1]["is_unread"] is True
    assert page["messages"][0]["mailbox_ids"] == [world.inbox.public_id]
    assert page["messages"][0]["from"] == [{"name": "Ben", "email": "ben@example.net"}]


@pytest.mark.req("rest 4")
@pytest.mark.parametrize("query", ["mailbox_id={inbox}", "", "is_unread=false", "mailbox_id={inbox}&is_unread=true"])
def test_pages_walk_forth_and_back_over_the_same_rows(world: World, query: str) -> None:
    for number in range(7):
        factories.make_email(world.inbox, minutes=number // 2, keywords=["$seen"] if "false" in query else [])
    base = f"{world.home}/messages?limit=3&{query.format(inbox=world.inbox.public_id)}"
    first = world.api.get(base)
    second = world.api.get(f"{base}&after={first['next']}")
    third = world.api.get(f"{base}&after={second['next']}")
    assert third["next"] is None
    assert first["prev"] is None
    every = ids(first) + ids(second) + ids(third)
    assert len(set(every)) == 7
    # New mail neither repeats nor skips a row.
    factories.make_email(world.inbox, keywords=["$seen"] if "false" in query else [])
    back = world.api.get(f"{base}&before={third['prev']}")
    assert ids(back) == ids(second)
    assert ids(world.api.get(f"{base}&before={back['prev']}")) == ids(first)
    newest = world.api.get(f"{base}&before={first_cursor(world, base, back)}")
    assert len(newest["messages"]) == 1


def first_cursor(world: World, base: str, page: dict) -> str:
    return world.api.get(f"{base}&before={page['prev']}")["prev"]


@pytest.mark.req("rest 4")
def test_links_lead_to_the_next_page(world: World) -> None:
    for _ in range(3):
        factories.make_email(world.inbox)
    response = world.api.call("GET", f"{world.home}/messages?limit=2", expect=200)
    address = response["Link"].removeprefix("<").partition(">")[0]
    assert len(world.api.get(address)["messages"]) == 1


@pytest.mark.req("rest 4")
def test_cursor_of_another_list_is_refused(world: World) -> None:
    for _ in range(3):
        factories.make_email(world.inbox)
    cursor = world.api.get(f"{world.home}/messages?limit=1")["next"]
    problem = world.api.get(f"{world.home}/messages?limit=1&is_unread=true&after={cursor}", expect=400)
    assert problem["type"].endswith("#problem-invalid-cursor")
    assert world.api.get(f"{world.home}/messages?after=nonsense", expect=400)["status"] == 400


def test_filters_choose(world: World) -> None:
    plain = factories.make_email(world.inbox)
    starred = factories.make_email(world.archive, keywords=["$flagged", "$seen"], has_attachment=True)
    base = f"{world.home}/messages"
    assert ids(world.api.get(f"{base}?keyword=$flagged")) == [starred.public_id]
    assert ids(world.api.get(f"{base}?has_attachment=false")) == [plain.public_id]
    assert ids(world.api.get(f"{base}?is_unread=true")) == [plain.public_id]
    assert world.api.get(f"{base}?count=true")["total"] == 2
    when = starred.received_at.isoformat().replace("+00:00", "Z")
    assert ids(world.api.get(f"{base}?received_after={when}")) == [starred.public_id]
    assert ids(world.api.get(f"{base}?received_before={when}")) == [plain.public_id]


def test_fields_are_picked_from_a_closed_list(world: World) -> None:
    email = factories.make_email(world.inbox)
    page = world.api.get(f"{world.home}/messages?fields=subject")
    assert page["messages"] == [{"id": email.public_id, "subject": "Hello"}]
    world.api.get(f"{world.home}/messages?fields=secret", expect=400)


def test_list_asks_the_same_number_of_queries_however_long(world: World) -> None:
    for _ in range(2):
        factories.make_email(world.inbox)
    address = f"{world.home}/messages?mailbox_id={world.inbox.public_id}"
    world.api.get(address)
    with CaptureQueriesContext(
        connection,
    ) as few:
        world.api.get(address)
    for _ in range(40):
        factories.make_email(world.inbox, keywords=["$flagged", "work"])
    with CaptureQueriesContext(connection) as many:
        assert len(world.api.get(address)["messages"]) == 42
    # Credential and its accounts, account, mailbox; keys, rows, keywords, memberships; names of mailboxes.
    assert len(many) == len(few) == 9


@pytest.mark.req("rest 5")
def test_etag_answers_304_until_the_message_changes(world: World) -> None:
    email = factories.make_email(world.inbox)
    address = f"{world.home}/messages/{email.public_id}"
    tag = world.api.call("GET", address, expect=200)["ETag"]
    again = world.api.call("GET", address, expect=304, If_None_Match=tag)
    assert again.content == b""
    world.api.call("PATCH", address, {"keywords": ["$seen"]}, expect=200)
    world.api.call("GET", address, expect=200, If_None_Match=tag)
    world.api.call("PATCH", address, {"keywords": []}, expect=412, If_Match=tag)


@pytest.mark.req("S15")
def test_keywords_change_at_once_and_the_server_is_told_later(world: World) -> None:
    email = factories.make_email(world.inbox, keywords=["work"])
    address = f"{world.home}/messages/{email.public_id}"
    response = world.api.call("PATCH", address, {"keywords": {"add": ["$Seen"], "remove": ["work"]}}, expect=200)
    assert response.json()["keywords"] == ["$seen"]
    operation = world.api.get(f"{world.home}/operations/{response['X-Operation-Id']}")
    assert (operation["kind"], operation["status"]) == ("keywords", "queued")
    assert world.api.call("PATCH", address, {"keywords": ["a", "b"]}, expect=200).json()["keywords"] == ["a", "b"]
    assert "X-Operation-Id" not in world.api.call("PATCH", address, {"keywords": ["b", "a"]}, expect=200)
    problem = world.api.call("PATCH", address, {"keywords": ["two words"]}, expect=422).json()
    assert problem["errors"][0]["pointer"] == "/keywords"


def boxes(email: Email) -> set[int]:
    return emails.memberships([email.pk]).get(email.pk, set())


@pytest.mark.parametrize(
    ("start", "wish", "end", "acts"),
    [
        (["inbox"], ["archive"], ["archive"], ["move"]),
        (["inbox"], ["inbox", "archive"], ["inbox", "archive"], ["copy"]),
        (["inbox", "archive"], ["archive"], ["archive"], ["destroy"]),
        (["inbox"], ["archive", "trash"], ["archive", "trash"], ["copy", "move"]),
        (["inbox", "archive"], ["trash"], ["trash"], ["move", "destroy"]),
        (["inbox"], {"add": ["archive"]}, ["inbox", "archive"], ["copy"]),
        (["inbox"], {"add": ["archive"], "remove": ["inbox"]}, ["archive"], ["move"]),
        (["inbox"], {"remove": ["archive"]}, ["inbox"], []),
    ],
)  # fmt: skip
def test_mailboxes_are_brought_to_what_is_wanted(
    world: World, start: list[str], wish: object, end: list[str], acts: list[str]
) -> None:
    email = factories.make_email(getattr(world, start[0]))
    from webmail.store import changes

    with changes.recording(world.account.pk) as record:
        for name in start[1:]:
            emails.add_to_mailbox(record, [email.pk], getattr(world, name).pk)

    def named(names: list[str]) -> list[str]:
        return [getattr(world, name).public_id for name in names]

    body = named(wish) if isinstance(wish, list) else {key: named(value) for key, value in wish.items()}  # type: ignore[attr-defined]
    shown = world.api.call(
        "PATCH", f"{world.home}/messages/{email.public_id}", {"mailbox_ids": body}, expect=200
    ).json()
    assert set(shown["mailbox_ids"]) == set(named(end))
    assert boxes(email) == {getattr(world, name).pk for name in end}
    assert list(Action.objects.order_by("id").values_list("kind", flat=True)) == acts


@pytest.mark.parametrize("wish", [[], {"remove": ["inbox"]}])
def test_message_stays_in_one_mailbox_at_least(world: World, wish: object) -> None:
    email = factories.make_email(world.inbox)
    body = wish if isinstance(wish, list) else {"remove": [world.inbox.public_id]}
    address = f"{world.home}/messages/{email.public_id}"
    world.api.call("PATCH", address, {"keywords": ["x"], "mailbox_ids": body}, expect=422)
    assert boxes(email) == {world.inbox.pk}
    assert not Action.objects.exists()  # all or nothing


def test_delete_goes_to_trash_then_for_good(world: World) -> None:
    email = factories.make_email(world.inbox)
    address = f"{world.home}/messages/{email.public_id}"
    world.api.call("DELETE", address, expect=204)
    assert boxes(email) == {world.trash.pk}
    modest = speaking_for(world.alice, scopes=("mail.read", "mail.modify"))
    assert modest.call("DELETE", address, expect=403).json()["scope"] == "mail.delete"
    world.api.call("DELETE", address, expect=204)
    world.api.get(address, expect=404)
    assert Email.objects.filter(pk=email.pk).exists()  # until the server has done it


def test_permanent_delete_needs_its_scope(world: World) -> None:
    email = factories.make_email(world.inbox)
    address = f"{world.home}/messages/{email.public_id}?permanent=true"
    speaking_for(world.alice, scopes=("mail.read", "mail.modify")).call("DELETE", address, expect=403)
    world.api.call("DELETE", address, expect=204)
    assert boxes(email) == set()


@pytest.mark.req("rest 6")
def test_batch_tells_each_id_and_is_one_operation(world: World) -> None:
    made = [factories.make_email(world.inbox) for _ in range(5)]
    theirs = factories.make_email(factories.make_mailbox(factories.make_account(world.bob), "Inbox", role="inbox"))
    body = {"ids": [*(email.public_id for email in made), theirs.public_id, "enonsense"], "action": "move",
            "mailbox_id": world.archive.public_id}  # fmt: skip
    done = world.api.post(f"{world.home}/messages/batch", body)
    assert [result["code"] for result in done["results"]] == [None] * 5 + ["not-found"] * 2
    assert len(done["operation_ids"]) == 1
    assert all(boxes(email) == {world.archive.pk} for email in made)
    assert boxes(theirs) != {world.archive.pk}


@pytest.mark.parametrize("action", ["trash", "destroy", "keywords", "copy"])
def test_batch_acts(world: World, action: str) -> None:
    made = [factories.make_email(world.inbox) for _ in range(2)]
    body = {"ids": [email.public_id for email in made], "action": action, "add": ["$seen"] if action == "keywords" else [],
            "mailbox_id": world.archive.public_id if action == "copy" else None}  # fmt: skip
    world.api.post(f"{world.home}/messages/batch", body)
    expected = {
        "trash": {world.trash.pk}, "destroy": set(), "keywords": {world.inbox.pk},
        "copy": {world.inbox.pk, world.archive.pk},
    }[action]  # fmt: skip
    assert all(boxes(email) == expected for email in made)


def test_batch_moves_into_another_account_of_the_credential_and_no_other(world: World) -> None:
    elsewhere = factories.make_mailbox(factories.make_account(world.alice), "Elsewhere")
    email = factories.make_email(world.inbox)
    body = {"ids": [email.public_id], "action": "move", "mailbox_id": elsewhere.public_id}
    narrow = speaking_for(world.alice, scopes=("mail.read", "mail.modify"), accounts=[world.account])
    narrow.post(f"{world.home}/messages/batch", body, expect=422)
    assert boxes(email) == {world.inbox.pk}
    (operation_id,) = world.api.post(f"{world.home}/messages/batch", body)["operation_ids"]
    operation = world.api.get(f"{world.home}/operations/{operation_id}")
    assert (operation["kind"], operation["total"]) == ("transfer", 1)
    assert boxes(email) == set()


def email_about(world: World, subject: str) -> Email:
    return factories.make_email(world.inbox, headers=factories.make_headers(subject=subject))


@pytest.mark.req("rest 6")
def test_batch_by_filter_is_one_operation_on_all_that_match(world: World) -> None:
    made = [email_about(world, f"Invoice {number}") for number in range(5)]
    other = email_about(world, "Holiday")
    theirs = factories.make_email(factories.make_mailbox(factories.make_account(world.bob), "Inbox", role="inbox"))
    body = {"filter": {"mailbox_id": world.inbox.public_id, "q": "subject:invoice"}, "action": "move",
            "mailbox_id": world.archive.public_id}  # fmt: skip
    done = world.api.post(f"{world.home}/messages/batch", body)
    assert done["results"] == []
    (operation_id,) = done["operation_ids"]
    operation = world.api.get(f"{world.home}/operations/{operation_id}")
    assert operation["total"] == 5
    assert all(boxes(email) == {world.archive.pk} for email in made)
    assert boxes(other) == {world.inbox.pk}
    assert boxes(theirs) != {world.archive.pk}


def test_batch_by_filter_needs_the_scopes_of_what_it_does(world: World) -> None:
    email = email_about(world, "Invoice")
    shy = speaking_for(world.alice, scopes=("mail.headers", "mail.modify"))
    for body in (
        {"filter": {"mailbox_id": world.inbox.public_id}, "action": "destroy"},
        {"filter": {"q": "invoice"}, "action": "keywords", "add": ["$flagged"]},
    ):
        shy.post(f"{world.home}/messages/batch", body, expect=403)
    assert boxes(email) == {world.inbox.pk}


@pytest.mark.parametrize(
    "change",
    [
        {"ids": []},
        {"filter": {"q": "x"}},
        {"ids": [], "filter": {}},
        {"ids": ["e1"] * 501},
        {"action": "fly"},
        {"action": "move"},
        {"action": "keywords"},
        {"extra": 1},
    ],
)
def test_batch_refuses_what_makes_no_sense(world: World, change: dict) -> None:
    problem = world.api.post(f"{world.home}/messages/batch", {"ids": ["e1"], "action": "trash", **change}, expect=422)
    assert problem["errors"]


def test_headers_scope_shows_no_content(world: World) -> None:
    email = factories.make_email_from_bytes(world.inbox, RAW)
    assert world.api.get(f"{world.home}/messages/{email.public_id}")["preview"]
    shy = speaking_for(world.alice, scopes=("mail.headers",))
    assert shy.get(f"{world.home}/messages")["messages"][0]["preview"] == ""
    assert shy.get(f"{world.home}/messages/{email.public_id}")["preview"] == ""
    shy.get(f"{world.home}/messages/{email.public_id}?expand=body", expect=403)
    for path in ("body", "raw", "parts/2"):
        shy.get(f"{world.home}/messages/{email.public_id}/{path}", expect=403)
    assert shy.get(f"{world.home}/messages/{email.public_id}/headers")["headers"][0]["name"] == "From"
