"""The text of large messages without their attachments (sync Y28 stage 2): two round trips for many messages."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from webmail.protocols.errors import PermanentlyRefused
from webmail.protocols.imap.session import ImapSession
from webmail.protocols.imap.types import BodyStructure
from webmail.sync.content import text_plan

log = structlog.get_logger(__name__)

MAX_HELD_BYTES = 16_000_000  # of skeletons until they are durable; the others come whole, or with the next batch


def fetch_texts(session: ImapSession, email_of: Mapping[int, int], sizes: Mapping[int, int]) -> dict[int, bytes]:
    """Email id to skeleton, for the UIDs of the selected mailbox whose text can be had alone; the others are left out and
    are to be fetched whole. `sizes`: RFC822.SIZE of each UID.

    Raises what the session raises, but for a refusal: a server that knows no sections is asked for whole messages.
    """
    try:
        structures = dict(session.fetch_structures(list(email_of)))
        planned = {uid: wanted for uid, node in structures.items() if (wanted := text_plan.wanted_sections(node))}
        return _fetch(session, email_of, sizes, structures, planned) if planned else {}
    except PermanentlyRefused as error:
        log.info("sync.texts_refused", code=error.code)
        return {}


def _fetch(
    session: ImapSession,
    email_of: Mapping[int, int],
    sizes: Mapping[int, int],
    structures: Mapping[int, BodyStructure],
    planned: Mapping[int, tuple[str, ...]],
) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    held = 0
    for uid, sections in session.fetch_sections(planned):
        if held >= MAX_HELD_BYTES:
            continue
        skeleton = text_plan.assemble(structures[uid], sections, size_bytes=sizes.get(uid, 0))
        if skeleton is not None:
            found[email_of[uid]] = skeleton
            held += len(skeleton)
    return found
