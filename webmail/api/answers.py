"""Answers: JSON with its ETag, 304 when the client has it already, preconditions of writes, addresses of new objects."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from pydantic import BaseModel

from webmail.api.problems import Problem

_ETAG = re.compile(r'(W/)?"([^"]*)"')


def answer(
    request: HttpRequest,
    value: BaseModel | Mapping[str, Any],
    *,
    status: int = 200,
    etag: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """`value` as JSON. `etag`: the strong one of an object, without quotes; reads without one get a weak one of the content.

    A read whose ETag the client named in If-None-Match is answered by 304.
    """
    is_read = request.method in {"GET", "HEAD"}
    if is_read and not (request.accepts("application/json") or request.accepts("application/problem+json")):
        raise Problem("not-acceptable")
    content = _to_json(value)
    tag = f'"{etag}"' if etag is not None else f'W/"{hashlib.sha256(content).hexdigest()[:24]}"' if is_read else None
    if is_read and tag is not None and names_etag(request.headers.get("If-None-Match", ""), tag):
        return HttpResponseNotModified(headers={"ETag": tag})
    response = HttpResponse(content, status=status, content_type="application/json", headers=dict(headers or {}))
    if tag is not None:
        response["ETag"] = tag
    return response


def nothing(*, status: int = 204, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """An answer without content."""
    return HttpResponse(status=status, headers=dict(headers or {}))


def dumped(value: BaseModel) -> dict[str, Any]:
    """The value as plain JSON types, with the names clients see."""
    return value.model_dump(mode="json", by_alias=True)


def _to_json(value: BaseModel | Mapping[str, Any]) -> bytes:
    if isinstance(value, BaseModel):
        return value.model_dump_json(by_alias=True).encode()
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def names_etag(header: str, tag: str) -> bool:
    """Whether an If-None-Match names the tag: the weak comparison (RFC 9110 8.8.3.2)."""
    if header.strip() == "*":
        return True
    found = _ETAG.fullmatch(tag)
    return found is not None and any(opaque == found[2] for _, opaque in _ETAG.findall(header))


def check_match(request: HttpRequest, etag: str, *, is_required: bool = False) -> None:
    """The If-Match of a write: 412 with the present ETag when it names another, 428 when it is needed and missing.

    The strong comparison: a weak tag never matches.
    """
    header = request.headers.get("If-Match", "").strip()
    if not header:
        if is_required:
            raise Problem("precondition-required", headers={"ETag": f'"{etag}"'})
        return
    if header != "*" and not any(not weak and opaque == etag for weak, opaque in _ETAG.findall(header)):
        raise Problem("state-mismatch", headers={"ETag": f'"{etag}"'})


def pick_fields(rows: Sequence[BaseModel], fields: str | None) -> list[dict[str, Any]] | None:
    """The rows with only the fields asked for, `id` always among them; None when all are wanted. Raises `Problem`."""
    if fields is None:
        return None
    wanted = {name.strip() for name in fields.split(",") if name.strip()}
    dumps = [dumped(row) for row in rows]
    if dumps:
        _refuse_unknown(wanted - dumps[0].keys(), "fields")
    return [{name: value for name, value in row.items() if name in wanted or name == "id"} for row in dumps]


def read_expand(expand: str | None, known: Collection[str]) -> frozenset[str]:
    """The relations to inline. Raises `Problem` for one that is not in the closed list."""
    wanted = {name.strip() for name in (expand or "").split(",") if name.strip()}
    _refuse_unknown(wanted - set(known), "expand")
    return frozenset(wanted)


def _refuse_unknown(names: Collection[str], parameter: str) -> None:
    if names:
        raise Problem("bad-request", f"{parameter}: there is no {', '.join(sorted(names))}.")


def link_header(request: HttpRequest, *, next_cursor: str | None, prev_cursor: str | None) -> dict[str, str]:
    """The Link header (RFC 8288) of a page."""
    links = []
    for relation, name, cursor in (("next", "after", next_cursor), ("prev", "before", prev_cursor)):
        if cursor is not None:
            query = request.GET.copy()
            for old in ("after", "before"):
                query.pop(old, None)
            query[name] = cursor
            links.append(f'<{request.path}?{query.urlencode()}>; rel="{relation}"')
    return {"Link": ", ".join(links)} if links else {}
