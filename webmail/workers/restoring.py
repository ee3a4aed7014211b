"""Notices that the database was restored from a backup, before anything of its queue is sent again (reliability R92)."""

from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.utils import timezone

from webmail.outbox.queue.restored import check_restored
from webmail.store.models import Heartbeat

log = structlog.get_logger(__name__)

MARK_FILE = "outbox-mark"  # in VAR_DIR; it belongs into no backup
ALIVE_WITHIN = timedelta(seconds=30)


def look_for_restore() -> int:
    """Hold the queue when the database is older than this machine has seen it; 1 when that was so, else 0.

    A machine that joins others which are running has seen nothing yet: that is no restored backup.
    """
    others = Heartbeat.objects.filter(kind="sweep", seen_at__gte=timezone.now() - ALIVE_WITHIN)
    is_joining = others.exclude(host=socket.gethostname()[:60]).exists()
    is_restored = check_restored(Path(settings.VAR_DIR) / MARK_FILE, is_joining=is_joining)
    if is_restored:
        log.warning("outbox.restored", text="The database was restored from a backup; what waited in it is held.")
    return int(is_restored)
