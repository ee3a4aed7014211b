"""Which conversations are muted: `$muted` on any Email of a conversation mutes all of it, what comes later too."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Exists, OuterRef, QuerySet

from webmail.store.models import Email, EmailKeyword
from webmail.store.sql import chunks

MUTED = "$muted"  # a keyword, so that other programs of the person's see it


def is_muted(thread_id: int) -> bool:
    """Whether this conversation is muted."""
    return EmailKeyword.objects.filter(keyword=MUTED, email__thread_id=thread_id).exists()


def muted_threads(thread_ids: Collection[int]) -> set[int]:
    """Those of the conversations that are muted."""
    return {
        thread_id
        for chunk in chunks(thread_ids)
        for thread_id in EmailKeyword.objects.filter(keyword=MUTED, email__thread_id__in=chunk).values_list(
            "email__thread_id", flat=True
        )
    }


def without_muted(emails: QuerySet[Email]) -> QuerySet[Email]:
    """Those Emails of which nobody must be spared the news: for whoever notifies."""
    return emails.exclude(Exists(EmailKeyword.objects.filter(keyword=MUTED, email__thread_id=OuterRef("thread_id"))))
