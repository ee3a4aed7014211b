"""Addresses of message content that work without a session: for the second host, and inside the frame of a body.

The frame is opaque (security R2), so cookies do not travel with the pictures in it. A link carries a signature for one person
and one message, and ends after some hours.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest
from django.urls import reverse

from accounts.models import User
from webmail.store.models import Email
from webmail.store.queries.emails import get_email_for

SALT = "webmail.web.content"
LIFETIME_S = 12 * 3600  # a page stays open for a day's work


def sign(user: User, email: Email) -> str:
    """The key of one message's content for one person."""
    return signing.dumps([user.pk, email.public_id], salt=SALT)


def body_address(user: User, email: Email) -> str:
    """Where the frame of a body leads: the second host when there is one, else here."""
    path = reverse("message_body", args=[email.public_id])
    return f"{settings.CONTENT_URL}{path}?k={sign(user, email)}" if settings.CONTENT_URL else path


def part_address(user: User, email: Email, part_id: str, *, inline: bool) -> str:
    """Where a picture inside the frame is. It carries its own key."""
    path = reverse("message_part", args=[email.public_id, part_id])
    show = "&show=1" if inline else ""
    return f"{settings.CONTENT_URL}{path}?k={sign(user, email)}{show}"


def content_origin(request: HttpRequest) -> str:
    """The origin that bodies and parts come from."""
    return settings.CONTENT_URL or f"{request.scheme}://{request.get_host()}"


def app_origin(request: HttpRequest) -> str:
    """The origin of the page that frames a body."""
    return settings.BASE_URL if is_content_host(request) else f"{request.scheme}://{request.get_host()}"


def is_content_host(request: HttpRequest) -> bool:
    """Whether the request came to the second host, where nothing but signed content exists."""
    return bool(settings.CONTENT_URL) and request.get_host() == urlsplit(settings.CONTENT_URL).netloc


def get_signed_email(request: HttpRequest, public_id: str) -> tuple[User, Email]:
    """The message that the request's key opens, and whose key it is. Raises Http404."""
    try:
        opened: Any = signing.loads(request.GET.get("k", ""), salt=SALT, max_age=LIFETIME_S)
        user_id, signed_id = opened
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise Http404("no such message") from error
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None or signed_id != public_id:
        raise Http404("no such message")
    return user, get_email_for(user, public_id)
