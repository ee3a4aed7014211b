"""What is inside a message: body, header fields, raw bytes, parts. Each answers 202 while the bytes are being fetched."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from ninja import Router

from webmail.api import access, bodies
from webmail.api.answers import answer
from webmail.api.auth import ApiRequest
from webmail.api.downloads import download
from webmail.api.operations import operation
from webmail.api.schemas.base import FetchingOut
from webmail.api.schemas.messages import BodyOut, HeaderListOut
from webmail.store.models import Email

router = Router(tags=["messages"])
ONE = "/accounts/{account_id}/messages/{message_id}"
PROBLEMS = ["body-unavailable", "unavailable"]


@operation(
    router,
    "GET",
    f"{ONE}/body",
    scope="mail.read",
    answers={200: BodyOut, 202: FetchingOut},
    problems=PROBLEMS,
)
def get_body(request: ApiRequest, account_id: str, message_id: str) -> HttpResponse:
    """Text, sanitised HTML and files of a message.

    The HTML is a fragment without scripts, forms and remote content, for display in a sandboxed view. Pictures of the message
    itself have addresses of this API.
    """
    email = _email(request, account_id, message_id)
    return bodies.fetching(request, email) or answer(request, bodies.body_of(email), etag=_etag(email, "body"))


@operation(
    router,
    "GET",
    f"{ONE}/headers",
    scope="mail.headers",
    answers={200: HeaderListOut, 202: FetchingOut},
    problems=PROBLEMS,
)
def get_headers(request: ApiRequest, account_id: str, message_id: str) -> HttpResponse:
    """All header fields of a message, in order."""
    email = _email(request, account_id, message_id)
    return bodies.fetching(request, email) or answer(request, bodies.headers_of(email), etag=_etag(email, "headers"))


@operation(
    router,
    "GET",
    f"{ONE}/raw",
    scope="mail.read",
    answers={202: FetchingOut},
    problems=[*PROBLEMS, "range-not-satisfiable"],
    headers=["Range", "If-Range"],
    sends_bytes=True,
)
def get_raw(request: ApiRequest, account_id: str, message_id: str) -> HttpResponse:
    """The message as it came, for download."""
    email = _email(request, account_id, message_id)
    waiting = bodies.fetching(request, email, whole=True)
    if waiting is not None:
        return waiting
    name = f"{email.subject.strip()[:100] or 'message'}.eml"
    return download(request, bodies.read_raw(email), name=name, type="message/rfc822", etag=_etag(email, "raw"))


@operation(
    router,
    "GET",
    f"{ONE}/parts/{{part_id}}",
    scope="mail.read",
    answers={202: FetchingOut},
    problems=[*PROBLEMS, "range-not-satisfiable"],
    headers=["Range", "If-Range"],
    sends_bytes=True,
)
def get_part(request: ApiRequest, account_id: str, message_id: str, part_id: str) -> HttpResponse:
    """The decoded content of one part, for download.

    It is never served as something a browser would run: only a few harmless types are named, all others are octets.
    """
    email = _email(request, account_id, message_id)
    waiting = bodies.fetching(request, email)
    if waiting is not None:
        return waiting
    message = bodies.read_message(email)
    part = message.part(part_id)
    if part is None:
        raise Http404("no such part")
    if part_id in message.left_out and (waiting := bodies.fetching(request, email, whole=True)) is not None:
        return waiting
    return download(request, part.decoded(), name=part.name, type=part.type, etag=_etag(email, part_id))


def _email(request: ApiRequest, account_id: str, message_id: str) -> Email:
    return access.email_for(request, access.account_for(request, account_id), message_id)


def _etag(email: Email, what: str) -> str:
    """Of the content: it never changes once it is here."""
    blob = email.blob or email.text_blob
    return f"{blob.sha256[:32]}-{what}" if blob else what
