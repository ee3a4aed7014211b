"""The page that explains the API, made from the OpenAPI document on the server: no scripts, nothing from other hosts."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from webmail.api.document import scope_table
from webmail.api.problems import KINDS
from webmail.api.v1 import api


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Everything the document says, for people. Problem types point here."""
    document = api.get_openapi_schema()
    context = {
        "info": document["info"],
        "groups": _groups(document),
        "schemas": {name: _schema(value) for name, value in sorted(document["components"]["schemas"].items())},
        "scopes": scope_table(),
        "kinds": KINDS,
        "schemes": document["components"]["securitySchemes"],
    }
    return render(request, "api_docs.html", context)


def _groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations by their tag."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, details in methods.items():
            shown = {
                "method": method.upper(),
                "path": path,
                "id": details["operationId"],
                "summary": details["summary"],
                "description": details.get("description", ""),
                "scope": details.get("x-scope", ""),
                "parameters": [_parameter(document, one) for one in details["parameters"]],
                "body": _body(details),
                "responses": [_response(document, status, one) for status, one in details["responses"].items()],
            }
            groups.setdefault(details["tags"][0], []).append(shown)
    return groups


def _resolve(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    _, kind, name = value["$ref"].removeprefix("#/").split("/")
    found: dict[str, Any] = document["components"][kind][name]
    return found


def _parameter(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    found = _resolve(document, value)
    return {
        "name": found["name"],
        "place": found["in"],
        "type": _type(found["schema"]),
        "is_required": found["required"],
        "description": found.get("description", ""),
    }


def _body(details: dict[str, Any]) -> str:
    content = details.get("requestBody", {}).get("content", {})
    return next((_type(value["schema"]) if name == "application/json" else name for name, value in content.items()), "")


def _response(document: dict[str, Any], status: str, value: dict[str, Any]) -> dict[str, Any]:
    found = _resolve(document, value)
    content = found.get("content", {})
    schema = next((_type(one["schema"]) for one in content.values()), "")
    return {"status": status, "description": found["description"], "schema": schema}


def _schema(value: dict[str, Any]) -> dict[str, Any]:
    required = set(value.get("required", ()))
    fields = [
        {"name": name, "type": _type(one), "is_required": name in required, "description": one.get("description", "")}
        for name, one in value.get("properties", {}).items()
    ]
    return {"description": value.get("description", ""), "fields": fields}


def _type(schema: dict[str, Any]) -> str:
    """A type in words, such as `list of AddressOut` or `string or null`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema or "const" in schema:
        return " | ".join(str(value) or '""' for value in schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")
