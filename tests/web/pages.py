"""What the tests of pages share: signed-in clients, and reading what a page says."""

from __future__ import annotations

from html import unescape

from django.http import HttpResponse
from django.test import Client

from accounts.models import User

MARKER = "<script>alert(1)</script>\"'"


def client_of(user: User) -> Client:
    """A browser of this person."""
    client = Client()
    client.force_login(user)
    return client


def body_of(response: HttpResponse) -> str:
    """The page as text, entities resolved: for what a person reads. Not for escaping tests."""
    return unescape(response.content.decode())
