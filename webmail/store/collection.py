"""Bytes nobody refers to any more: their rows go, then the room they take (sync Y92). Runs in `sweep`, safe to kill anywhere.

A row goes only when it is older than a day and nothing names it: no foreign key of any table, no upload that still may be
used, no draft kept as a snapshot. `blobs.put_blobs` makes a row it gives out again young first, so none goes under its hands.
A pack of which more than half is dead is rewritten: copies first, then the rows in one transaction, and the old file only a
day later, when nobody can still be on the way to it. A crash leaves a file without rows, which goes a day later.
"""

from __future__ import annotations

import os
import threading
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.db.models.functions import Concat
from django.utils import timezone

from webmail.store import blobs, leases
from webmail.store.errors import BlobDamaged, BlobMissing
from webmail.store.models import Blob, BlobLink
from webmail.store.objects import S3Store
from webmail.store.packs import PackFile, PackStore

log = structlog.get_logger(__name__)

SAFE_AGE = timedelta(hours=24)  # from bytes stored to bytes referenced takes seconds
SLICE = 1_000  # rows in one transaction
SETTLED_S = 3_600.0  # since the last write to a pack, before it is looked at
ORPHAN_S = 86_400.0  # a file without rows: emptied, or its writer was killed before them; nobody reads it any more
COPY_BYTES = 8_000_000  # held in memory while a pack is rewritten
PACKS_A_RUN = 20
LEASE_S = 600.0


def collect_blobs() -> int:
    """Remove rows that nothing refers to, and the objects of a bucket with them. Returns how many went."""
    count = 0
    while True:
        removed = _collect_slice()
        count += removed
        if removed < SLICE:
            break
    if count:
        log.info("blobs.collected", count=count)
    return count


def unreferenced() -> QuerySet[Blob]:
    """The rows that may go now."""
    rows = Blob.objects.filter(created_at__lt=timezone.now() - SAFE_AGE)
    for relation in Blob._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ForeignObjectRel) or relation.related_model is BlobLink:
            continue  # a right to read is no use: it goes with the bytes
        users = relation.related_model._default_manager.filter(**{relation.field.name: OuterRef("pk")})
        rows = rows.filter(~Exists(users))
    uploads = BlobLink.objects.filter(blob=OuterRef("pk"), kind=BlobLink.Kind.UPLOAD, expires_at__gt=timezone.now())
    return rows.filter(~Exists(uploads))


def _collect_slice() -> int:
    ids = list(unreferenced().order_by("pk").values_list("pk", flat=True)[:SLICE])
    ids = sorted(set(ids) - _named_in_snapshots())
    store = blobs.blob_store(settings.BLOB_URL)
    if isinstance(store, S3Store):
        return sum(_remove_object(store, pk) for pk in ids)
    with transaction.atomic():
        # Locked and asked again: what was given out meanwhile is young now.
        locked = list(Blob.objects.select_for_update().filter(pk__in=ids).values_list("pk", flat=True))
        gone = list(unreferenced().filter(pk__in=locked).values_list("pk", flat=True))
        Blob.objects.filter(pk__in=gone).delete()
    return len(gone)


def _remove_object(store: S3Store, pk: int) -> int:
    """One object: marked first, so that whoever brings these bytes again before the row is gone writes them again."""
    Blob.objects.filter(pk=pk).exclude(pack__startswith=blobs.LOST).update(
        pack=Concat(Value(blobs.LOST), "pack", output_field=CharField())
    )
    with transaction.atomic():
        blob = Blob.objects.select_for_update().filter(pk=pk, pack__startswith=blobs.LOST).first()
        if blob is None or not unreferenced().filter(pk=pk).exists():
            return 0
        store.delete(blob.sha256)
        blob.delete()
    return 1


def _named_in_snapshots() -> set[int]:
    """Ids of blobs named in the JSON of submissions, which can become drafts again."""
    from django.apps import apps

    submissions = apps.get_model("outbox", "Submission")._default_manager
    snapshots = submissions.exclude(draft_snapshot={}).values_list("draft_snapshot", flat=True)
    return {file["blob"] for snapshot in snapshots.iterator() for file in snapshot.get("files", ())}


# Packs ----------------------------------------------------------------------------------------------------------------


def compact_packs() -> int:
    """Rewrite packs that are mostly dead and remove files without rows. Returns how many packs were dealt with."""
    store = blobs.blob_store(settings.BLOB_URL)
    if not isinstance(store, PackStore):
        return 0
    owner = f"{os.uname().nodename}:{os.getpid()}:{threading.get_ident()}"
    count = 0
    with leases.leased("blobs:compaction", owner=owner, seconds=LEASE_S) as lease:
        if lease is None:
            return 0
        for pack in store.packs():
            if count >= PACKS_A_RUN:
                break
            if pack.age_s < SETTLED_S:
                continue
            live = _live_bytes(pack.name)
            if live * 2 >= pack.size_bytes and (live or pack.size_bytes):
                continue
            lease.extend(LEASE_S)
            with store.closed(pack.name) as is_closed:
                count += is_closed and _deal_with(store, pack, lease, live=live)
    return count


def _deal_with(store: PackStore, pack: PackFile, lease: leases.HeldLease, *, live: int) -> bool:
    if live:
        return _rewrite(store, pack.name, lease)
    if Blob.objects.filter(_in_pack(pack.name)).exists() or pack.age_s < ORPHAN_S:
        return False
    store.remove(pack.name)
    log.info("blobs.pack_removed", pack=pack.name, size_bytes=pack.size_bytes)
    return True


def _rewrite(store: PackStore, name: str, lease: leases.HeldLease) -> bool:
    moved = 0
    rows = list(Blob.objects.filter(pack=name).order_by("offset"))
    while rows:
        group: list[tuple[Blob, bytes]] = []
        held = 0
        while rows and held < COPY_BYTES:
            blob = rows.pop(0)
            try:
                raw = blobs.read_blob(blob)
            except (BlobMissing, BlobDamaged) as error:
                log.error("blobs.not_moved", pack=name, error=str(error))
                continue
            group.append((blob, raw))
            held += len(raw)
        if group:
            moved += _move(store, name, group, lease)
    log.info("blobs.pack_rewritten", pack=name, moved=moved)
    return True


def _move(store: PackStore, name: str, group: list[tuple[Blob, bytes]], lease: leases.HeldLease) -> int:
    places = store.write([(blob.sha256, raw) for blob, raw in group])  # durable before a row says so
    store.keep_a_while(name)  # who has read an old place still finds it
    with transaction.atomic():
        lease.check()
        for (blob, _), (pack, offset) in zip(group, places, strict=True):
            Blob.objects.filter(pk=blob.pk, pack=name, offset=blob.offset).update(pack=pack, offset=offset)
    return len(group)


def _in_pack(name: str) -> Q:
    return Q(pack=name) | Q(pack=blobs.LOST + name)


def _live_bytes(name: str) -> int:
    found = Blob.objects.filter(pack=name).aggregate(total=Sum("size_bytes"))
    return int(found["total"] or 0)
