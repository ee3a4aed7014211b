"""The words of an Email, folded for search. SQLite has an FTS5 table beside it, PostgreSQL trigram indexes on it."""

from __future__ import annotations

from django.db import models

from webmail.store.models.email import Email


class SearchDocument(models.Model):
    """Folded text (`mime.search_text.fold`): lower case, no diacritics. `body` is empty until the bytes are here."""

    email = models.OneToOneField(Email, primary_key=True, on_delete=models.CASCADE, related_name="search_document")
    people = models.TextField(blank=True)  # names and addresses of From, To, Cc, Bcc
    subject = models.TextField(blank=True)
    body = models.TextField(blank=True)  # text parts and attachment names

    def __str__(self) -> str:
        return str(self.email_id)
