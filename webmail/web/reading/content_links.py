"""Addresses of message content that work without a session: for the second host, and inside the frame of a body.

The frame is opaque (security R2), so cookies do not travel with what it asks for. A key in the path opens one message for one
person and ends after some hours. Everything a body refers to lies below the same path, so the body itself names no key.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest
from django.urls import reverse

from accounts.models import User
from webmail.store.models import Email
from webmail.store.queries.emails import get_email_of

CONTENT_PATH = "/mail/c/"  # where all of it lies
SALT = "webmail.web.content"
ROUND_S = 6 * 3600  # keys of the same round are equal, so that browsers find pictures in their cache
ROUNDS = 3  # a page stays open for a day's work


@dataclass(frozen=True)
class Opened:
    """What a key opens. `once`: the person has just allowed the remote pictures of this message."""

    user: User
    email: Email
    once: bool
    nested: tuple[str, ...]  # part ids on the way to a message within the message


def content_path(user: User, email: Email, *, once: bool = False, nested: Sequence[str] = ()) -> str:
    """The path below which the content of a message lies, with a slash at its end; on the second host when there is one."""
    key = _signer().sign_object([user.pk, email.public_id, int(once), int(time.time() // ROUND_S) + ROUNDS])
    inner = "".join(f"n/{part_id}/" for part_id in nested)
    path = reverse("content_body", args=[key, email.public_id, inner]).removesuffix("body")
    return f"{settings.CONTENT_URL}{path}"


def open_content(key: str, email_id: str, inner: str) -> Opened:
    """The message that a key opens, and whose key it is. Raises Http404."""
    try:
        opened: Any = _signer().unsign_object(key)
        user_id, signed_id, once, last_round = opened
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise Http404("no such message") from error
    if signed_id != email_id or last_round < time.time() // ROUND_S:
        raise Http404("no such message")
    email = get_email_of(user_id, email_id)
    return Opened(email.account.user, email, bool(once), tuple(inner.split("/")[1::2]))


def content_origin(request: HttpRequest) -> str:
    """The origin that bodies and parts come from."""
    return settings.CONTENT_URL or f"{request.scheme}://{request.get_host()}"


def app_origin(request: HttpRequest) -> str:
    """The origin of the page that frames a body."""
    return settings.BASE_URL if is_content_host(request) else f"{request.scheme}://{request.get_host()}"


def is_content_host(request: HttpRequest) -> bool:
    """Whether the request came to the second host, where nothing but signed content exists."""
    return bool(settings.CONTENT_URL) and request.get_host() == urlsplit(settings.CONTENT_URL).netloc


def _signer() -> signing.Signer:
    return signing.Signer(salt=SALT, sep=".")
