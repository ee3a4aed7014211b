"""Finding a message again in the selected mailbox."""

from __future__ import annotations

from collections.abc import Collection

from webmail.mime.headers import parse_list_headers
from webmail.protocols.imap.session import ImapSession


def uids_with_message_id(session: ImapSession, message_id: str, *, but_with: Collection[str] = ()) -> list[int]:
    """The UIDs with exactly this Message-ID that are not \\Deleted: IMAP itself compares by substring.

    `but_with`: a message with one of these keywords does not count.
    """
    candidates = session.search_message_id(message_id)
    rows = session.fetch_list_data(candidates) if candidates else ()
    return [
        row.uid
        for row in rows
        if parse_list_headers(row.header).message_id == message_id
        and not row.is_deleted
        and not row.keywords.intersection(but_with)
    ]
