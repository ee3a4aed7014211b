"""Every operation of the route table, asked by everybody: a new one without a case here fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from ninja.operation import Operation

from accounts import services
from accounts.models import ConnectionTest, Identity
from tests import factories
from tests.api.conftest import RAW, Api, World, speaking_for
from webmail.api.operations import SCOPE_KEY
from webmail.api.v1 import api
from webmail.journal.actions import keywords
from webmail.outbox.queue import submit
from webmail.outbox.writing import drafts, uploads
from webmail.outbox.writing.messages import OutgoingMessage
from webmail.store import blobs


@dataclass
class Case:
    """How alice asks, and the status she gets. {names} in body and query are ids of hers."""

    expect: int = 200
    body: Any = None
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""


ANY = {"If_Match": "*"}
KEY = {"Idempotency_Key": "key-1"}
CASES: dict[str, Case] = {
    "getMe": Case(),
    "getHealth": Case(),
    "listAccounts": Case(),
    "getAccount": Case(),
    "resyncAccount": Case(202),
    "verifyAccount": Case(202),
    "getVerification": Case(),
    "listMailboxes": Case(),
    "getMailbox": Case(),
    "createMailbox": Case(201, {"name": "New"}),
    "updateMailbox": Case(200, {"name": "Renamed"}),
    "deleteMailbox": Case(204, query="?remove_messages=true"),
    "listThreads": Case(),
    "getThread": Case(query="?expand=messages"),
    "listMessages": Case(),
    "getMessage": Case(query="?expand=body"),
    "updateMessage": Case(200, {"keywords": ["$seen"]}),
    "deleteMessage": Case(204),
    "changeMessages": Case(200, {"ids": ["{message_id}"], "action": "destroy"}),
    "getBody": Case(),
    "getHeaders": Case(),
    "getRaw": Case(),
    "getPart": Case(),
    "searchMessages": Case(query="?q=Lunch"),
    "listDrafts": Case(),
    "createDraft": Case(201, {"subject": "Hi"}),
    "getDraft": Case(),
    "replaceDraft": Case(200, {"subject": "Hi"}, headers=ANY),
    "updateDraft": Case(200, {"subject": "Hi"}, headers=ANY),
    "deleteDraft": Case(204, headers=ANY),
    "addAttachment": Case(201, {"blob_id": "{blob_id}"}),
    "removeAttachment": Case(204),
    "continueDraft": Case(201),
    "sendDraft": Case(201, {}, headers=KEY),
    "listSubmissions": Case(),
    "getSubmission": Case(),
    "createSubmission": Case(201, {"message": {"to": "ben@example.net", "text": "Hi"}}, headers=KEY),
    "cancelSubmission": Case(200, {}),
    "deleteSubmission": Case(409),
    "updateSubmission": Case(200, {"hold_for_s": 60}),
    "sendSubmissionNow": Case(200, {}),
    "retrySubmission": Case(409, {}),
    "stopSubmission": Case(409, {}),
    "resolveSubmission": Case(409, {"sent": True}),
    "listIdentities": Case(),
    "getIdentity": Case(),
    "createIdentity": Case(201, {"email": "al@example.org"}),
    "updateIdentity": Case(200, {"name": "Al"}),
    "deleteIdentity": Case(204),
    "uploadBlob": Case(201, raw=b"content", headers={"Content_Type": "text/plain"}),
    "continueUpload": Case(200, raw=b"ab", headers={"Content_Range": "bytes 0-1/5", "Content_Type": "text/plain"}),
    "getUpload": Case(),
    "cancelUpload": Case(204),
    "getBlob": Case(),
    "getChanges": Case(query="?account={account_id}"),
    "listOperations": Case(),
    "getOperation": Case(),
    "stopOperation": Case(),
    "listTokens": Case(),
    "createToken": Case(201, {"name": "phone", "scopes": ["mail"]}),
    "getToken": Case(),
    "revokeToken": Case(204),
}


def routes() -> Iterator[tuple[str, Operation]]:
    """(path, operation) of everything the API answers."""
    for router in api._get_bound_routers():
        for path, view in router.path_operations.items():
            for operation in view.operations:
                yield path.lstrip("/"), operation


ROUTES = {operation.operation_id: (path, operation) for path, operation in routes()}


def test_every_operation_has_a_case_and_every_case_an_operation() -> None:
    assert CASES.keys() == ROUTES.keys()
    assert len(ROUTES) == len(list(routes()))


@pytest.fixture
def own(world: World) -> dict[str, str]:
    """The ids of one object of each kind, all alice's."""
    account, user = world.account, world.alice
    email = factories.make_email_from_bytes(world.inbox, RAW)
    keywords.set_keywords(user, [email], add=["$flagged", "$draft"])
    draft = drafts.create_draft(account)
    draft = drafts.save_draft(draft, fields=drafts.DraftFields(to="ben@example.net"), expected_revision=1)
    file = drafts.add_attachment(draft, name="a.txt", type="text/plain", raw=b"file")
    identity = Identity.objects.get(account=account)
    services.save_identity(Identity(account=account, email="second@example.org"))
    submission = submit.submit_message(
        OutgoingMessage(to="ben@example.net"), user=user, account=account, identity=identity, idempotency_key="page-1"
    )
    services.request_verification(account, user=user)
    return {
        "account_id": account.public_id,
        "mailbox_id": factories.make_mailbox(account, "Work").public_id,
        "message_id": email.public_id,
        "thread_id": email.thread.public_id,
        "part_id": "2",
        "draft_id": draft.public_id,
        "attachment_id": file.public_id,
        "submission_id": submission.public_id,
        "identity_id": identity.public_id,
        "blob_id": f"b{blobs.upload_blob(account.pk, b'upload').sha256}",
        "upload_id": uploads.begin_upload(user, account, name="", type="text/plain", size_bytes=5).public_id,
        "operation_id": account.actions.get(kind="keywords").public_id,
        "token_id": f"k{user.api_credentials.get().pk}",
        "test_id": ConnectionTest.objects.get().public_id,
    }


def fill(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, str):
        return value.format(**ids) if "{" in value else value
    if isinstance(value, list):
        return [fill(item, ids) for item in value]
    return {key: fill(item, ids) for key, item in value.items()} if isinstance(value, dict) else value


def ask(client: Api, operation_id: str, ids: dict[str, str]) -> Any:
    path, operation = ROUTES[operation_id]
    case = CASES[operation_id]
    address = path.format(**ids) + fill(case.query, ids)
    return client.call(operation.methods[0], address, fill(case.body, ids), raw=case.raw, **case.headers)


@pytest.mark.req("rest 2")
@pytest.mark.parametrize("operation_id", sorted(CASES))
def test_owner_gets_what_the_document_promises(world: World, own: dict[str, str], operation_id: str) -> None:
    response = ask(world.api, operation_id, own)
    assert response.status_code == CASES[operation_id].expect, response.content
    assert response["X-Request-Id"]
    model = ROUTES[operation_id][1].response_models.get(response.status_code)
    if model is not None and response["Content-Type"] == "application/json":
        model.model_validate({"response": response.json()})
    if response.status_code == 201:
        world.api.call("GET", response["Location"], expect=200)


@pytest.mark.req("R56")
@pytest.mark.parametrize("who", ["bob", "charlie"])
@pytest.mark.parametrize("operation_id", sorted(CASES))
def test_others_get_nothing_of_hers(world: World, own: dict[str, str], operation_id: str, who: str) -> None:
    client = speaking_for(getattr(world, who))
    response = ask(client, operation_id, own)
    path, _ = ROUTES[operation_id]
    if "{" in path or operation_id == "getChanges":
        assert response.status_code == 404, response.content
    else:
        shown = response.content.decode()
        assert not [one for name, one in own.items() if name not in {"part_id", "token_id"} and one in shown]
        assert world.alice.email not in shown
    # Her objects under an account of one's own do not exist either.
    mine = getattr(world, who).mail_accounts.get().public_id
    if path.count("{") > 1:
        assert ask(client, operation_id, {**own, "account_id": mine}).status_code == 404


@pytest.mark.req("R56")
@pytest.mark.parametrize("operation_id", sorted(CASES))
def test_nobody_without_a_credential(world: World, own: dict[str, str], operation_id: str) -> None:
    response = ask(Api(), operation_id, own)
    if ROUTES[operation_id][1].openapi_extra[SCOPE_KEY] == "public":
        assert response.status_code == 200
    else:
        assert response.status_code == 401
        assert "Bearer" in response["WWW-Authenticate"]
        assert "Basic" in response["WWW-Authenticate"]


@pytest.mark.req("R57")
@pytest.mark.parametrize("operation_id", sorted(CASES))
def test_token_for_another_account_sees_nothing_of_this_one(
    world: World, own: dict[str, str], operation_id: str
) -> None:
    client = speaking_for(world.alice, accounts=[world.second])
    response = ask(client, operation_id, own)
    path, _ = ROUTES[operation_id]
    if "{account_id}" in path or operation_id == "getChanges":
        assert response.status_code == 404
    elif response.status_code == 200 and operation_id != "listTokens":
        assert own["account_id"] not in response.content.decode()
        assert own["message_id"] not in response.content.decode()
    if path.count("{") > 1:
        other = {**own, "account_id": world.second.public_id}
        assert ask(client, operation_id, other).status_code == 404


@pytest.mark.req("rest 10")
@pytest.mark.parametrize("operation_id", sorted(CASES))
def test_missing_scope_is_named(world: World, own: dict[str, str], operation_id: str) -> None:
    needed = ROUTES[operation_id][1].openapi_extra[SCOPE_KEY]
    client = speaking_for(world.alice, scopes=("push",))
    response = ask(client, operation_id, own)
    if needed in {None, "public"}:
        assert response.status_code == 200
    else:
        assert response.status_code == 403
        assert response.json()["error"] == "insufficient_scope"
        assert response.json()["scope"] == needed


@pytest.mark.req("R56")
@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("messages/{mine}", {"mailbox_ids": {"add": ["{mailbox_id}"]}}, "/mailbox_ids"),
        ("messages/batch", {"ids": ["{mine}"], "action": "copy", "mailbox_id": "{mailbox_id}"}, "/mailbox_id"),
        (
            "messages/batch",
            {"ids": ["{mine}"], "action": "move", "mailbox_id": "{box}", "source_mailbox_id": "{mailbox_id}"},
            "/source_mailbox_id",
        ),
        ("mailboxes", {"name": "In hers", "parent_id": "{mailbox_id}"}, "/parent_id"),
        ("drafts", {"identity_id": "{identity_id}"}, "/identity_id"),
        ("drafts", {"original_id": "{message_id}", "mode": "forward"}, "/original_id"),
        ("submissions", {"draft_id": "{draft_id}"}, "/draft_id"),
        ("submissions", {"message": {"to": "b@example.net", "identity_id": "{identity_id}"}}, "/identity_id"),
        (
            "submissions",
            {"message": {"to": "b@example.net", "attachments": [{"blob_id": "{blob_id}"}]}},
            "/message/attachments/0/blob_id",
        ),
    ],
)
def test_ids_of_others_in_a_body_do_not_exist(
    world: World, own: dict[str, str], path: str, body: dict, pointer: str
) -> None:
    account = world.bob.mail_accounts.get()
    inbox = account.mailboxes.get()
    ids = {**own, "mine": factories.make_email(inbox).public_id, "box": inbox.public_id}
    method = "PATCH" if path == "messages/{mine}" else "POST"
    address = f"accounts/{account.public_id}/{path.format(**ids)}"
    response = speaking_for(world.bob).call(method, address, fill(body, ids), expect=422, **KEY)
    assert response.json()["errors"][0]["pointer"] == pointer
