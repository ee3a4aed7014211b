"""Errors as RFC 9457 problem documents: one closed table of codes, and what each error of the layers below becomes.

Codes are the kebab form of JMAP's errors, so that both interfaces speak one language (rest section 7). A problem never tells
whether something exists that the asker may not see, and never holds a stack trace or a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.signals import got_request_exception
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from accounts.credentials import CredentialError
from webmail.api.correlation import request_id
from webmail.journal import errors as journal_errors
from webmail.mime.limits import MessageTooLargeError
from webmail.outbox import errors as outbox_errors
from webmail.store import errors as store_errors
from webmail.store.search.parse import QueryFault

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"
CHALLENGE = 'Bearer realm="pillarbox"{error}, Basic realm="pillarbox", charset="UTF-8"'


@dataclass(frozen=True)
class Kind:
    """What a code means wherever it occurs."""

    status: int
    title: str
    advice: str


# The one list of codes: the documentation page and the OpenAPI document are made from it.
KINDS: Mapping[str, Kind] = {
    "bad-request": Kind(400, "The request cannot be read", "Correct its syntax or its query parameters."),
    "invalid-cursor": Kind(400, "The cursor does not belong to this list", "List anew without a cursor."),
    "unsupported-filter": Kind(400, "The search cannot be understood", "`position` tells where it is at fault."),
    "unauthorized": Kind(401, "Authentication is needed", "Send a token, or a login with an app password."),
    "insufficient-scope": Kind(403, "The credential lacks a scope", "Make a token with the scope named in `scope`."),
    "forbidden": Kind(403, "This is not allowed", "A session needs its CSRF token on everything but reading."),
    "not-found": Kind(404, "There is no such thing", "It does not exist, or this credential may not see it."),
    "method-not-allowed": Kind(405, "The method is not allowed here", "`Allow` lists those that are."),
    "not-acceptable": Kind(406, "No form of this is acceptable", "Accept application/json."),
    "conflict": Kind(409, "The present state does not allow this", "Read the object again."),
    "already-exists": Kind(409, "Something of that name is there already", "`existing_id` names it."),
    "mailbox-has-email": Kind(409, "The mailbox is not empty", "Empty it, or delete with remove_messages=true."),
    "cannot-unsend": Kind(409, "It is too late to take this back", "The message has left, or may have left."),
    "forbidden-to-send": Kind(409, "This account cannot send", "Set its server for outgoing mail."),
    "body-not-here": Kind(409, "The message is still being fetched", "Try again after `Retry-After` seconds."),
    "cursor-expired": Kind(410, "The cursor is too old or unknown", "List everything anew, then go on from there."),
    "state-mismatch": Kind(
        412, "It was changed meanwhile", "The present ETag is in the header: read, merge, try again."
    ),
    "too-large": Kind(413, "That is too large", "`limit` is in bytes."),
    "unsupported-media-type": Kind(415, "The body has the wrong type", "Send application/json."),
    "range-not-satisfiable": Kind(416, "That range is outside of the content", "`Content-Range` tells its size."),
    "invalid-arguments": Kind(422, "The body is not valid", "`errors` points to each fault."),
    "invalid-properties": Kind(422, "A property has an impossible value", "`errors` points to each fault."),
    "invalid-email": Kind(422, "The message cannot be sent as it is", "Correct what `detail` names."),
    "invalid-recipients": Kind(422, "A recipient is no address", "Correct it."),
    "no-recipients": Kind(422, "There is nobody to send to", "Add a recipient."),
    "too-many-recipients": Kind(422, "Too many recipients", "Send it in parts."),
    "idempotency-key-reused": Kind(422, "The key was used for another request", "Use a new key for a new request."),
    "precondition-required": Kind(428, "If-Match is needed", "Send the ETag you have read."),
    "rate-limited": Kind(429, "Too many tries", "Wait for `Retry-After` seconds."),
    "server-error": Kind(500, "Something went wrong here", "Try again; tell the operator the `instance`."),
    "body-unavailable": Kind(502, "The mail server does not give this message", "`detail` tells why."),
    "storage-full": Kind(503, "The server has no room left", "Nothing was stored. Try again later."),
    "unavailable": Kind(503, "This cannot be served now", "Try again later."),
}
_BY_STATUS = {
    400: "bad-request", 401: "unauthorized", 403: "forbidden", 404: "not-found", 405: "method-not-allowed",
    406: "not-acceptable", 409: "conflict", 413: "too-large", 415: "unsupported-media-type", 429: "rate-limited",
}  # fmt: skip


class Problem(Exception):
    """Raise it anywhere in a view. `code` is one of `KINDS`; `members` are further fields of the document."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.members = members


def invalid(pointer: str, detail: str, *, code: str = "invalid-properties") -> Problem:
    """A value in the body that makes no sense; `pointer` is a JSON pointer (RFC 6901)."""
    return Problem(code, detail, errors=[{"pointer": pointer, "code": code, "detail": detail}])


def type_uri(code: str) -> str:
    """The address at which a code is explained."""
    return f"{settings.BASE_URL}/api/docs#problem-{code}"


def problem_response(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The document for a problem."""
    kind = KINDS[problem.code]
    document: dict[str, Any] = {
        "type": type_uri(problem.code),
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail or kind.advice,
        "instance": f"urn:uuid:{request_id(request)}",
        **problem.members,
    }
    if problem.errors:
        document["errors"] = list(problem.errors)
    return JsonResponse(document, status=kind.status, headers=problem.headers, content_type=CONTENT_TYPE)


def problem_for_status(status: int, detail: str = "") -> Problem:
    """The general problem of a status."""
    return Problem(_BY_STATUS.get(status, "bad-request" if status < 500 else "server-error"), detail)


def unauthorized(*, is_token_refused: bool = False) -> Problem:
    """401 with both challenges (RFC 6750 3, RFC 7617 2)."""
    error = ', error="invalid_token"' if is_token_refused else ""
    return Problem("unauthorized", headers={"WWW-Authenticate": CHALLENGE.format(error=error)})


def insufficient_scope(scope: str) -> Problem:
    """403 that names the scope needed (RFC 6750 3.1)."""
    challenge = f'Bearer realm="pillarbox", error="insufficient_scope", scope="{scope}"'
    return Problem(
        "insufficient-scope",
        f"This needs the scope {scope}.",
        headers={"WWW-Authenticate": challenge},
        error="insufficient_scope",
        scope=scope,
    )


# What errors of other layers become: the first class of the error's ancestry that is listed counts.
_Translation = Callable[[Any], Problem]
_TRANSLATIONS: Mapping[type[Exception], _Translation] = {
    journal_errors.BadKeyword: lambda error: invalid("/keywords", str(error)),
    journal_errors.NoSuchTarget: lambda error: invalid("/mailbox_ids", str(error)),
    journal_errors.ActionRefused: lambda error: Problem("conflict", str(error)),
    store_errors.MailboxNameTaken: lambda error: Problem(
        "already-exists", f"{str(error).capitalize()}.", existing_id=error.existing_id
    ),
    store_errors.BadMailboxName: lambda error: invalid("/name", str(error)),
    store_errors.MailboxNotEmpty: lambda error: Problem("mailbox-has-email", str(error)),
    store_errors.StorageFull: lambda _: Problem("storage-full", headers={"Retry-After": "600"}),
    store_errors.BlobMissing: lambda _: Problem("unavailable", headers={"Retry-After": "60"}),
    store_errors.BlobDamaged: lambda _: Problem("unavailable", headers={"Retry-After": "60"}),
    store_errors.CannotCalculateChanges: lambda _: Problem("cursor-expired"),
    outbox_errors.DraftConflict: lambda error: Problem("state-mismatch", str(error)),
    outbox_errors.DraftGone: lambda error: Problem("not-found", str(error)),
    outbox_errors.AttachmentTooLarge: lambda error: Problem("too-large", str(error), limit=error.limit_bytes),
    outbox_errors.MessageTooLarge: lambda error: Problem("too-large", str(error), limit=error.limit_bytes),
    outbox_errors.OriginalNotHere: lambda error: Problem("body-not-here", str(error), headers={"Retry-After": "2"}),
    outbox_errors.NoRecipients: lambda error: invalid("/to", str(error), code="no-recipients"),
    outbox_errors.BadRecipient: lambda error: invalid("/to", str(error), code="invalid-recipients"),
    outbox_errors.TooManyRecipients: lambda error: invalid("/to", str(error), code="too-many-recipients"),
    outbox_errors.CannotSend: lambda error: Problem("forbidden-to-send", str(error)),
    outbox_errors.BadSendTime: lambda error: invalid("/send_at", str(error)),
    outbox_errors.IdempotencyMismatch: lambda error: Problem("idempotency-key-reused", str(error)),
    outbox_errors.SubmissionRefused: lambda error: Problem("invalid-email", str(error)),
    # The database is away, locked or without room (reliability R88): nothing was written, and another try may go well.
    OperationalError: lambda _: Problem("unavailable", headers={"Retry-After": "60"}),
    CredentialError: lambda error: Problem("conflict", f"{str(error).capitalize()}."),
    QueryFault: lambda error: Problem("unsupported-filter", str(error), position=error.position),
    MessageTooLargeError: lambda _: Problem(
        "unavailable", "The message is too large to be taken apart; fetch its raw form."
    ),
    Http404: lambda _: Problem("not-found"),
    AuthenticationError: lambda _: unauthorized(),
    RequestDataTooBig: lambda _: Problem("too-large", limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
    HttpError: lambda error: _http_error(error),
    ValidationError: lambda error: _validation(error),
}


def translate(error: Exception) -> Problem | None:
    """The problem that an error of a lower layer is, or None for one nobody has foreseen."""
    if isinstance(error, Problem):
        return error
    for cls in type(error).__mro__:
        if cls in _TRANSLATIONS:
            return _TRANSLATIONS[cls](error)
    return None


def _http_error(error: HttpError) -> Problem:
    """Ninja wraps what our parser of bodies says."""
    if isinstance(error.__cause__, Problem):
        return error.__cause__
    return problem_for_status(error.status_code, error.message)


def _validation(error: ValidationError) -> Problem:
    """Faults of the body are 422, those of the address or of headers 400."""
    sources = {fault["loc"][0] for fault in error.errors}
    errors = [
        {
            "pointer": _pointer(fault["loc"]),
            "code": str(fault["type"]).replace("_", "-"),
            "detail": str(fault["msg"]),
        }
        for fault in error.errors
    ]
    code = "invalid-arguments" if sources == {"body"} else "bad-request"
    return Problem(code, errors[0]["detail"] if errors else "", errors=errors)


def _pointer(location: Sequence[str | int]) -> str:
    """A JSON pointer into the body, or `?name` for a parameter. Ninja puts the view's argument name in front."""
    source, *rest = location
    if source != "body":
        return f"?{rest[-1] if rest else ''}"
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in rest[1:]) or "/"


def install(api: NinjaAPI) -> None:
    """Answer every error of a view with a problem document."""
    for cls in (*_TRANSLATIONS, Problem, Exception):
        api.add_exception_handler(cls, _answer)


def _answer(request: HttpRequest, error: Any) -> HttpResponse:
    problem = translate(error)
    if isinstance(error, OperationalError):
        log.error("api.database_unavailable", path=request.path, error=str(error))
    if problem is None:
        log.error("api.failed", path=request.path, exc_info=error)
        got_request_exception.send(sender=None, request=request)
        problem = Problem("server-error")
    return problem_response(request, problem)
