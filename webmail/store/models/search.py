"""The words of an Email, folded for search. SQLite has an FTS5 table beside it, PostgreSQL an index on `terms`."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from webmail.store.models.email import Email


class TermsField(models.TextField):  # type: ignore[type-arg]  # no subscript at run time
    """Terms with a blank between; PostgreSQL keeps them as a `tsvector` without positions, which reads the same text."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        """See Django."""
        return "tsvector" if connection.vendor == "postgresql" else super().db_type(connection)

    def deconstruct(self) -> Any:
        """See Django."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "webmail.store.models.search.TermsField", args, kwargs


class SearchDocument(models.Model):
    """Words with one blank between, before and behind (`mime.search_words.stream`): lower case, no diacritics.

    Phrases are looked for in them; everything else in `terms`. Body and files are empty until the bytes are here.
    """

    email = models.OneToOneField(Email, primary_key=True, on_delete=models.CASCADE, related_name="search_document")
    people = models.TextField(blank=True)  # names and addresses of From, To, Cc, Bcc
    subject = models.TextField(blank=True)
    body = models.TextField(blank=True)  # text parts
    files = models.TextField(blank=True, default="")  # attachment names
    terms = TermsField(blank=True, default="")  # as `mime.search_terms` says
    # How the text begins as it was written, white space collapsed: where a line about a hit is taken from.
    beginning = models.TextField(blank=True, default="")

    def __str__(self) -> str:
        return str(self.email_id)
