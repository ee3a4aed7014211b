"""What holds for every address: problem documents, methods, headers, the document and its page."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from accounts.tokens import SCOPES
from tests.api.conftest import Api, World
from tests.api.test_isolation import CASES, ROUTES
from webmail.api import problems
from webmail.api.operations import PROBLEMS_KEY
from webmail.api.resources import me
from webmail.api.v1 import api


@pytest.mark.req("rest 7")
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing/here", None, 404),
        ("GET", "", None, 404),
        ("GET", "accounts/a1%00", None, 400),
        ("GET", "search?q=%00", None, 400),
        ("POST", "me", None, 405),
        ("GET", "accounts/anothing", None, 404),
        ("GET", "search", None, 400),
        ("GET", "search?q=x&limit=0", None, 400),
        ("GET", "search?q=fly:x", None, 400),
        ("POST", "tokens", {"name": "x"}, 422),
        ("POST", "tokens", [], 422),
        ("POST", "tokens", {"name": "x", "scopes": ["mail"], "other": 1}, 422),
        ("POST", "tokens", {"name": "a\0b", "scopes": ["mail"]}, 422),
    ],
)
def test_every_error_is_a_problem_document(world: World, method: str, path: str, body: Any, status: int) -> None:
    response = world.api.call(method, path, body, expect=status)
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["instance"] == f"urn:uuid:{response['X-Request-Id']}"
    assert problem["type"].rpartition("#problem-")[2] in problems.KINDS
    assert problem["title"]
    assert problem["detail"]


def test_bodies_must_be_json_of_that_type(world: World) -> None:
    world.api.call("POST", "tokens", raw=b"{}", expect=415, Content_Type="text/plain")
    for raw in (b"{", b"NaN", b"\xff", b"[" * 100_000):
        world.api.call("POST", "tokens", raw=raw, expect=400)
    world.api.call("POST", "tokens", raw=b'"' + b"x" * 3_000_000 + b'"', expect=413)
    world.api.call("GET", "me", expect=406, Accept="image/png")


@pytest.mark.req("rest 7")
def test_a_fault_of_ours_tells_nothing_of_the_inside(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(me, "MeOut", broken)
    world.api.client.raise_request_exception = False
    response = world.api.call("GET", "me", expect=500)
    assert b"secret" not in response.content
    assert response.json()["type"].endswith("#problem-server-error")


@pytest.mark.req("rest 1")
def test_head_and_options_work_wherever_get_does(world: World) -> None:
    head = world.api.call("HEAD", "me", expect=200)
    assert head["ETag"] == world.api.call("GET", "me")["ETag"]
    options = world.api.call("OPTIONS", "tokens", expect=204)
    assert options["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert world.api.call("PUT", "tokens", {}, expect=405)["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.req("R58")
def test_answers_are_kept_by_no_cache(world: World) -> None:
    response = world.api.call("GET", "me", expect=200)
    assert "no-store" in response["Cache-Control"]
    assert "Authorization" in response["Vary"]
    assert response["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


@pytest.fixture
def document(db: None) -> dict[str, Any]:
    response = Api().call("GET", "openapi.json", expect=200)
    return response.json()


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [ref for item in value.values() for ref in references(item)]
    return [ref for item in value for ref in references(item)] if isinstance(value, list) else []


@pytest.mark.req("rest 11")
def test_document_is_complete(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    operations = [(path, details) for path, methods in document["paths"].items() for details in methods.values()]
    assert {details["operationId"] for _, details in operations} == CASES.keys()
    for path, details in operations:
        assert path.startswith("/api/v1/")
        assert details["summary"]
        assert details["description"]
        assert details["tags"]
        assert "security" in details
        assert {"400", "500"} < details["responses"].keys()
        assert re.findall(r"{(\w+)}", path) == [one["name"] for one in details["parameters"] if one.get("in") == "path"]
    for reference in references(document):
        found = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
    assert not [key for key in json.dumps(document).split('"') if key in {PROBLEMS_KEY, "x-headers", "x-sends-bytes"}]
    assert document["components"]["securitySchemes"].keys() == {"bearer", "basic", "session"}


@pytest.mark.req("rest 11")
def test_every_operation_declares_its_problems_and_a_scope_of_the_closed_list() -> None:
    for _, operation in ROUTES.values():
        assert set(operation.openapi_extra[PROBLEMS_KEY]) <= problems.KINDS.keys()
        assert operation.openapi_extra["x-scope"] in {None, "public", *SCOPES}
        assert operation.auth_callbacks or operation.openapi_extra["x-scope"] == "public"


@pytest.mark.req("rest 2")
def test_page_explains_everything_without_other_hosts_or_scripts(db: None, document: dict[str, Any]) -> None:
    page = Api().call("GET", "/api/docs", expect=200).content.decode()
    for operation_id in CASES:
        assert f'id="{operation_id}"' in page
    for code in problems.KINDS:
        assert f'id="problem-{code}"' in page
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert api.title in page


def test_health_needs_no_credential(db: None) -> None:
    assert Api().get("health") == {"status": "ok"}
