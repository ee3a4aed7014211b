"""The OpenAPI 3.1 document: what ninja makes of the views, completed with scopes, errors, headers and downloads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ninja import NinjaAPI

from accounts.tokens import SCOPES
from webmail.api.operations import HEADERS_KEY, PROBLEMS_KEY, SCOPE_KEY, SENDS_KEY, TAKES_KEY
from webmail.api.problems import CONTENT_TYPE, KINDS
from webmail.api.schemas.base import FaultOut, ProblemOut

SCHEMES: Mapping[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A personal token, which begins with pbx_."},
    "basic": {"type": "http", "scheme": "basic", "description": "The login and an app password."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "session",
        "description": "The session of the pages; everything but reading needs the CSRF token in X-CSRFToken.",
    },
}
_HEADERS: Mapping[str, tuple[str, str]] = {
    "If-Match": ("IfMatch", "Do it only if the object still has this ETag."),
    "If-None-Match": ("IfNoneMatch", "Answer 304 if the content still has this ETag."),
    "Idempotency-Key": ("IdempotencyKey", "New for each message to send; a repeat with the same key sends nothing."),
    "Content-Range": ("ContentRange", "Which bytes of the file the body is, such as bytes 0-999/5000."),
    "Range": ("Range", "The bytes wanted, such as bytes=0-1023."),
    "If-Range": ("IfRange", "Heed Range only if the content still has this ETag."),
}
_REQUIRED_HEADERS = {"Idempotency-Key"}


class Api(NinjaAPI):
    """NinjaAPI with a complete document."""

    def get_openapi_schema(self, **options: Any) -> Any:
        """The document; made anew on each call."""
        document = super().get_openapi_schema(**options)
        document.pop("servers", None)
        components = document["components"]
        components["schemas"].update(_problem_schemas())
        components["securitySchemes"] = dict(SCHEMES)
        components["responses"] = {_component(code): _problem_answer(code) for code in KINDS}
        components["parameters"] = {
            component: _header_parameter(name, description) for name, (component, description) in _HEADERS.items()
        }
        for methods in document["paths"].values():
            for method, details in methods.items():
                _complete(method, details)
        return document


def _complete(method: str, details: dict[str, Any]) -> None:
    scope = details.pop(SCOPE_KEY)
    codes = set(details.pop(PROBLEMS_KEY))
    headers = list(details.pop(HEADERS_KEY))
    is_download, takes_bytes = details.pop(SENDS_KEY), details.pop(TAKES_KEY)
    # Keys are text in a document that is written as JSON; ninja leaves numbers.
    details["responses"] = {str(status): value for status, value in details["responses"].items()}
    is_public = scope == "public"
    if is_public:
        details["security"] = []
    else:
        scopes = [scope] if scope else []
        details["security"] = [{"bearer": scopes}, {"basic": scopes}, {"session": []}]
        codes |= {"unauthorized", "insufficient-scope", "forbidden", "rate-limited"}
    if scope and not is_public:
        details["x-scope"] = scope
    if method == "get":
        headers.append("If-None-Match")
        details["responses"]["304"] = {"description": "The client has it already."}
        codes |= {"not-acceptable"}
    if takes_bytes:
        details["requestBody"] = {"required": True, "content": {"*/*": {"schema": _binary()}}}
    elif "requestBody" in details:
        codes |= {"invalid-arguments", "unsupported-media-type", "too-large"}
    if is_download:
        _describe_download(details["responses"])
    if any(parameter["in"] == "path" for parameter in details["parameters"]) or "account" in str(details["parameters"]):
        codes |= {"not-found"}
    details["parameters"] += [{"$ref": f"#/components/parameters/{_HEADERS[name][0]}"} for name in headers]
    _add_problems(details["responses"], codes | {"bad-request", "server-error"})


def _add_problems(responses: dict[str, Any], codes: set[str]) -> None:
    """One answer for each status; where several codes share one, the description lists them."""
    by_status: dict[int, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(KINDS[code].status, []).append(code)
    for status, shared in sorted(by_status.items()):
        if len(shared) == 1:
            responses[str(status)] = {"$ref": f"#/components/responses/{_component(shared[0])}"}
        else:
            responses[str(status)] = {"description": f"One of {', '.join(shared)}.", "content": _problem_content()}


def _describe_download(responses: dict[str, Any]) -> None:
    content = {"application/octet-stream": {"schema": _binary()}}
    responses["200"] = {"description": "The content, as an attachment.", "content": content}
    responses["206"] = {"description": "The ranges asked for.", "content": content}


def _binary() -> dict[str, Any]:
    return {"type": "string", "contentMediaType": "application/octet-stream"}


def _header_parameter(name: str, description: str) -> dict[str, Any]:
    return {
        "in": "header",
        "name": name,
        "required": name in _REQUIRED_HEADERS,
        "description": description,
        "schema": {"type": "string"},
    }


def _problem_schemas() -> dict[str, Any]:
    schema = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    return {"ProblemOut": {key: value for key, value in schema.items() if key != "$defs"}, **_fault_schema()}


def _fault_schema() -> dict[str, Any]:
    return {"FaultOut": FaultOut.model_json_schema(mode="serialization")}


def _problem_answer(code: str) -> dict[str, Any]:
    kind = KINDS[code]
    return {"description": f"{kind.title}. {kind.advice} Code: {code}.", "content": _problem_content()}


def _problem_content() -> dict[str, Any]:
    return {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}


def _component(code: str) -> str:
    return "".join(word.title() for word in code.split("-"))


def scope_table() -> list[tuple[str, str]]:
    """Every scope and what it allows, for the documentation page."""
    return list(SCOPES.items())
