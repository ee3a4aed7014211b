"""Finding a message again in the selected mailbox."""

from __future__ import annotations

from webmail.mime.headers import parse_list_headers
from webmail.protocols.imap.session import ImapSession


def uids_with_message_id(session: ImapSession, message_id: str) -> list[int]:
    """The UIDs with exactly this Message-ID that are not \\Deleted: IMAP itself compares by substring."""
    candidates = session.search_message_id(message_id)
    rows = session.fetch_list_data(candidates) if candidates else ()
    return [row.uid for row in rows if parse_list_headers(row.header).message_id == message_id and not row.is_deleted]
