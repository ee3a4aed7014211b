"""Fetch what a person's pages wait for, several at a time; each picture is drawn anew before it is kept (security R18, R19).

A picture is asked for at most once by a run that lives. Killed anywhere, the rows stay wanted and `sweep` finds them.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import structlog
from django.conf import settings

from webmail.mime.limited.answer import DRAWING, JobFailed, LimitExceeded
from webmail.mime.limited.children import run_limited
from webmail.protocols.errors import ConnectionFailed, ProtocolError
from webmail.protocols.http.errors import AddressUnusable, AnswerRefused
from webmail.protocols.http.fetch import Reach, fetch
from webmail.store import blobs, leases
from webmail.store.models import RemotePicture
from webmail.store.reading import pictures

log = structlog.get_logger(__name__)

AT_ONCE = 6  # as many as a browser asks one server for
BATCH = 18  # what is asked for meanwhile comes after this many: at most half a minute, whatever a slow server does
LEASE_S = 120.0  # longer than one picture may take, drawing included


@dataclass(frozen=True, slots=True)
class Outcome:
    """A picture as we wrote it, or why there is none."""

    data: bytes = b""
    media_type: str = ""
    refused: str = ""


def fetch_pictures(user_id: int) -> None:
    """All pictures this person waits for. Safe to repeat at any point; a second run at the same time leaves it to the first.

    Raises `LeaseLost` and `StorageFull`: what was not written stays wanted.
    """
    owner = f"{os.uname().nodename}:{os.getpid()}:{threading.get_ident()}"
    # Looked at once more after the lease is given back: a wish may have come while its owner was on the way out.
    while pictures.wanted_of(user_id, 1):
        with leases.leased(f"pictures:{user_id}", owner=owner, seconds=LEASE_S) as lease:
            if lease is None:
                return
            while batch := pictures.wanted_of(user_id, BATCH):
                _fetch_batch(batch, lease)


def _fetch_batch(batch: list[RemotePicture], lease: leases.HeldLease) -> None:
    """Threads ask and draw; only this one writes rows."""
    urls = {picture.pk: picture.url for picture in batch}
    reach = reach_of_pictures()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pictures") as pool:
        waiting = {pool.submit(_get, url, reach): picture_id for picture_id, url in urls.items()}
        try:
            for future in as_completed(waiting):
                lease.extend(LEASE_S)
                _keep(waiting[future], _outcome_of(future))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _outcome_of(future: Future[Outcome]) -> Outcome:
    """What is wrong with us must not keep the other pictures, and not be tried without end."""
    error = future.exception()
    if error is None:
        return future.result()
    log.error("pictures.failed", exc_info=error)
    return Outcome(refused="failed")


def reach_of_pictures() -> Reach:
    """Where strangers may send us: not where people may connect mailboxes, which often is this very machine."""
    ca_file = str(settings.EXTRA_CA_FILE) or None
    return Reach(allow_networks=tuple(settings.PICTURE_NETWORKS), ca_file=ca_file)


def _keep(picture_id: int, outcome: Outcome) -> None:
    if outcome.refused:
        pictures.refuse(picture_id, outcome.refused)
        log.info("pictures.refused", picture=picture_id, reason=outcome.refused)
        return
    pictures.finish(picture_id, blobs.put_blob(outcome.data), media_type=outcome.media_type)


def _get(url: str, reach: Reach) -> Outcome:
    """Ask and draw. No rows here: this runs in a thread of its own. Never raises for what a stranger can cause."""
    try:
        answer = run_limited("picture", fetch(url, reach), limits=DRAWING)
    except LimitExceeded as error:
        return Outcome(refused=f"too much {error.what} to draw")
    except JobFailed:
        return Outcome(refused="could not be drawn")
    except (AddressUnusable, AnswerRefused, ConnectionFailed, ProtocolError) as error:
        return Outcome(refused=_reason(error))
    if "refused" in answer.meta:
        return Outcome(refused=_DRAWING[answer.meta["refused"]])
    return Outcome(answer.data, answer.meta["type"])


_DRAWING = {
    "type": "not a picture of a kind that is shown",
    "pixels": "more than 20 million pixels",
    "broken": "damaged",
    "size": "too large once drawn",
}


def _reason(error: ProtocolError) -> str:
    """By the kind of error alone: what the error says may hold the stranger's own words."""
    return "".join(f" {char.lower()}" if char.isupper() else char for char in type(error).__name__).strip()
