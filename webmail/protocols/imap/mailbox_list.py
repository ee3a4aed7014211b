"""LIST, LSUB, STATUS and MYRIGHTS answers as values. One bad line loses that line alone (sync Y27, security R37)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from webmail.protocols.imap.fetch_reader import MAX_MODSEQ, Response
from webmail.protocols.imap.namespaces import PERSONAL
from webmail.protocols.imap.tokens import BadSyntax, Node, read_node, read_number, token_value, tokenize
from webmail.protocols.imap.types import MailboxInfo, MailboxStatus
from webmail.protocols.imap.uid_set import MAX_UID
from webmail.protocols.imap.utf7 import decode_mailbox_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webmail.protocols.imap.namespaces import Namespace

_OBJECT_ID = re.compile(rb"[A-Za-z0-9_-]{1,255}")  # RFC 8474 section 7

MAX_MAILBOXES = 100_000
MAX_RAW_NAME_BYTES = 8_192
MAX_RIGHTS = 40  # letters; RFC 4314 knows 13
# RFC 6154 and RFC 8457 attributes, and those of XLIST, as roles of RFC 8621.
_ROLE_OF_ATTRIBUTE = {
    "\\inbox": "inbox",
    "\\drafts": "drafts",
    "\\sent": "sent",
    "\\archive": "archive",
    "\\junk": "junk",
    "\\spam": "junk",
    "\\trash": "trash",
    "\\all": "all",
    "\\allmail": "all",
    "\\flagged": "flagged",
    "\\starred": "flagged",
}
UNSELECTABLE = frozenset({"\\noselect", "\\nonexistent"})


@dataclass(frozen=True)
class ListLine:
    """One LIST, XLIST or LSUB line."""

    raw_name: bytes
    delimiter: str | None
    attributes: frozenset[str]


def read_list_line(response: Response) -> ListLine | None:
    """`* LIST (\\HasNoChildren) "/" "name"`; None when it cannot be read."""
    tokens = tokenize(response.text)
    try:
        attributes, at = read_node(tokens, 2, response.literals)
        if not isinstance(attributes, list):
            return None
        delimiter = token_value(tokens[at], response.literals)
        name = _list_name(tokens, at + 1, response)
    except (BadSyntax, IndexError, ValueError):
        return None
    if not name or len(name) > MAX_RAW_NAME_BYTES or b"\r" in name or b"\n" in name or b"\0" in name:
        return None
    return ListLine(
        name,
        delimiter.decode("utf-8", "replace")[:1] if delimiter else None,
        frozenset(item.decode("ascii", "replace").lower() for item in attributes if isinstance(item, bytes)),
    )


def _list_name(tokens: Sequence[bytes], at: int, response: Response) -> bytes | None:
    token = tokens[at]
    if token[:1] in (b'"', b"{"):
        return token_value(token, response.literals)
    if at == len(tokens) - 1:
        return token  # an atom; one called NIL is a mailbox too
    if tokens[at + 1] == b"(":
        return token  # extended data follows
    # A server that quotes nothing although the name holds spaces: the rest of the line is the name.
    return response.text[response.text.rindex(b" " + token) + 1 :]


def read_status_line(response: Response) -> tuple[bytes, MailboxStatus] | None:
    """`* STATUS "name" (MESSAGES 3 ...)` -> (raw name, status); None when it cannot be read or a number is missing."""
    tokens = tokenize(response.text)
    try:
        token = tokens[2]
        name = token if token[:1] not in (b'"', b"{") else token_value(token, response.literals)
        items, _ = read_node(tokens, 3, response.literals)
    except (BadSyntax, IndexError, ValueError):
        return None
    if not name or not isinstance(items, list):
        return None
    values: dict[bytes, Node] = {}
    for index in range(0, len(items) - 1, 2):
        key = items[index]
        if isinstance(key, bytes):
            values[key.upper()] = items[index + 1]
    messages = _number(values.get(b"MESSAGES"), MAX_UID)
    uidnext = _number(values.get(b"UIDNEXT"), MAX_UID)
    uidvalidity = _number(values.get(b"UIDVALIDITY"), MAX_UID)
    if messages is None or uidnext is None or not uidvalidity:
        return None
    mailbox_id = values.get(b"MAILBOXID")
    first = mailbox_id[0] if isinstance(mailbox_id, list) and mailbox_id else None
    if isinstance(first, bytes) and not _OBJECT_ID.fullmatch(first):
        first = None  # Cyrus 3.6 sends freed memory in LIST-STATUS; no id must never look like a renamed mailbox
    return name, MailboxStatus(
        messages,
        uidnext,
        uidvalidity,
        _number(values.get(b"HIGHESTMODSEQ"), MAX_MODSEQ) or None,
        first.decode("ascii", "replace")[:255] if isinstance(first, bytes) else None,
    )


def _number(node: Node, highest: int) -> int | None:
    return read_number(node, highest=highest) if isinstance(node, bytes) else None


def read_rights_line(response: Response) -> tuple[bytes, str] | None:
    """`* MYRIGHTS "name" lrs` (RFC 4314 3.8) -> (raw name, letters in order); None when it cannot be read."""
    tokens = tokenize(response.text)
    try:
        token, letters = tokens[2], token_value(tokens[3], response.literals)
        name = token if token[:1] not in (b'"', b"{") else token_value(token, response.literals)
    except (BadSyntax, IndexError):
        return None
    if not name or letters is None:
        return None
    kept = {chr(letter) for letter in letters if chr(letter).isalnum() and letter < 128}
    return name, "".join(sorted(kept))[:MAX_RIGHTS]


def mailbox_info(
    line: ListLine, namespace: Namespace, *, is_subscribed: bool, status: MailboxStatus | None, rights: str = ""
) -> MailboxInfo:
    """A listed mailbox for people: the name decoded, INBOX in one spelling, the role the server states."""
    name = unicodedata.normalize("NFC", decode_mailbox_name(line.raw_name))
    head, delimiter, tail = name.partition(line.delimiter) if line.delimiter else (name, "", "")
    if head.upper() == "INBOX":  # RFC 3501 5.1: in any case
        name = "INBOX" + delimiter + tail
    is_selectable = not line.attributes & UNSELECTABLE
    role = "inbox" if name == "INBOX" else None
    if role is None and is_selectable and namespace.kind == PERSONAL and line.attributes:
        roles = [_ROLE_OF_ATTRIBUTE[item] for item in sorted(line.attributes) if item in _ROLE_OF_ATTRIBUTE]
        role = roles[0] if roles else None
    return MailboxInfo(
        line.raw_name,
        name,
        line.delimiter,
        line.attributes,
        role,
        is_subscribed,
        is_selectable,
        status,
        namespace.kind,
        namespace.top,
        rights,
    )
