"""Messages as they are read: made once in a child, kept by the hash of their bytes, the same for everybody who has them.

A form that is missing, old or unreadable is made again; losing all of them costs time and nothing else.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from datetime import timedelta
from threading import Lock

import structlog
from django.db import DatabaseError, transaction
from django.utils import timezone

from webmail.mime.limited.answer import JobFailed, LimitExceeded
from webmail.mime.limited.children import run_limited
from webmail.mime.readable import FORM_VERSION, FormOptions, Readable, load_readable
from webmail.store import contents
from webmail.store.errors import StoreError
from webmail.store.models import Email, ReadableForm

log = structlog.get_logger(__name__)

KEPT = timedelta(days=60)  # since it was last opened
TOUCHED_AFTER = timedelta(days=7)  # so that opening a message is not a write each time
HELD = 64  # forms of this process, in memory: the page and its frame ask one after the other
MAX_HELD_BYTES = 2_000_000
PIECE = 1_000


class Unreadable(StoreError):
    """The message cannot be taken apart within the limits, or has no such message inside. Its raw bytes are there."""


def readable_form(email: Email, options: FormOptions) -> Readable:
    """The form of a message whose bytes, or whose text, are here.

    Raises `Unreadable`, and what `contents` raises when the bytes are not to be had.
    """
    blob = email.blob or email.text_blob
    if blob is None:
        raise contents.NotHere("this message has not been fetched yet")
    key = (blob.sha256, options.key)
    known = _held.get(key)
    if known is None:
        data = _kept(*key)
        known = load_readable(data) if data is not None else None
        if known is None:
            data = _make(email, options)
            known = load_readable(data)
            _keep(*key, data)
        if len(known.html) + len(known.text) <= MAX_HELD_BYTES:
            _held.put(key, known)
    return known


def remove_old_forms() -> int:
    """Forms nobody has opened for long, and those of an earlier make. Returns how many went; part of `sweep`."""
    old = ReadableForm.objects.filter(used_at__lt=timezone.now() - KEPT)
    earlier = ReadableForm.objects.exclude(version=FORM_VERSION)
    count = 0
    for rows in (old, earlier):
        while ids := list(rows.values_list("pk", flat=True)[:PIECE]):
            count += ReadableForm.objects.filter(pk__in=ids).delete()[0]
    return count


def _make(email: Email, options: FormOptions) -> bytes:
    raw, is_skeleton = contents.read_whole_or_skeleton(email)
    try:
        return run_limited("readable", raw, {**options.as_job_options(), "is_skeleton": is_skeleton}).data
    except (LimitExceeded, JobFailed) as error:
        log.warning("forms.unreadable", account=email.account_id, email=email.pk, error=str(error))
        raise Unreadable(str(error)) from error


def _kept(sha256: str, options: str) -> bytes | None:
    row = (
        ReadableForm.objects.filter(sha256=sha256, options=options, version=FORM_VERSION)
        .values_list("data", "used_at", "pk")
        .first()
    )
    if row is None:
        return None
    data, used_at, pk = row
    if used_at < timezone.now() - TOUCHED_AFTER:
        ReadableForm.objects.filter(pk=pk).update(used_at=timezone.now())
    return zlib.decompress(bytes(data))


def _keep(sha256: str, options: str, data: bytes) -> None:
    try:
        with transaction.atomic():
            ReadableForm.objects.update_or_create(
                sha256=sha256,
                options=options,
                defaults={"version": FORM_VERSION, "data": zlib.compress(data, 1), "used_at": timezone.now()},
            )
    except DatabaseError as error:
        # Reading goes on when nothing can be written: a full disk, a busy database.
        log.warning("forms.not_kept", error=type(error).__name__)


class _Held:
    """The forms used last by this process."""

    def __init__(self) -> None:
        self._forms: OrderedDict[tuple[str, str], Readable] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[str, str]) -> Readable | None:
        with self._lock:
            found = self._forms.get(key)
            if found is not None:
                self._forms.move_to_end(key)
            return found

    def put(self, key: tuple[str, str], form: Readable) -> None:
        with self._lock:
            self._forms[key] = form
            while len(self._forms) > HELD:
                self._forms.popitem(last=False)


_held = _Held()
