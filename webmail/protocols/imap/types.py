"""The values an IMAP session hands out. No IMAPClient or imaplib type, and no IMAP flag, appears in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from webmail.protocols.imap.uid_set import UidRanges

# Parts that belong to the message's machinery, not to what a person attached.
_NOT_ATTACHED_TYPES = frozenset(
    {
        "application/pgp-signature",
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-encrypted",
        "message/delivery-status",
        "message/disposition-notification",
        "text/rfc822-headers",
    }
)


@dataclass(frozen=True)
class MailboxStatus:
    """What STATUS said. Never the truth of the selected mailbox (sync Y18)."""

    messages: int
    uidnext: int
    uidvalidity: int
    highestmodseq: int | None
    mailbox_id: str | None


@dataclass(frozen=True)
class MailboxInfo:
    """One line of LIST. `raw_name` goes on the wire; `name` is for people: full path, decoded, NFC."""

    raw_name: bytes
    name: str
    delimiter: str | None
    attributes: frozenset[str]  # lower case, with the backslash
    role: str | None  # a JMAP role the server states; never guessed from the name
    is_subscribed: bool
    is_selectable: bool
    status: MailboxStatus | None
    namespace: str = ""  # "" mine, "other" another person's, "shared" (RFC 2342)
    namespace_top: bytes = b""  # the raw name whose children stand at the top: `INBOX` where all names begin `INBOX.`
    rights: str = ""  # letters of RFC 4314 when the server told them with the list; empty: not told


@dataclass(frozen=True)
class SelectedMailbox:
    """The values read at SELECT, which are the ones a cursor may be built on (sync Y40)."""

    raw_name: bytes
    is_read_only: bool
    exists: int
    uidvalidity: int
    uidnext: int
    highestmodseq: int | None
    permanent_keywords: frozenset[str]
    can_create_keywords: bool


@dataclass(frozen=True)
class BodyStructure:
    """A node of BODYSTRUCTURE. `type` is lower case ("text/plain"); a multipart has no size and no encoding.

    `part_id` is the IMAP section number; a multipart at the top has the empty one. An enclosed message is one node
    whose only child is the structure of that message.
    """

    part_id: str
    type: str
    parameters: Mapping[str, str]
    disposition: str | None
    disposition_parameters: Mapping[str, str]
    cid: str | None
    encoding: str
    size_bytes: int
    parts: tuple[BodyStructure, ...] = ()

    @property
    def filename(self) -> str | None:
        """The name as the server gave it: RFC 2047 and RFC 2231 not yet decoded."""
        for source, key in ((self.disposition_parameters, "filename"), (self.parameters, "name")):
            for candidate in (key, key + "*", key + "*0", key + "*0*"):
                if source.get(candidate):
                    return source[candidate]
        return None

    def has_attachment(self) -> bool:
        """Whether a person would say that something is attached."""
        return bool(self.attachments())

    def attachments(self) -> list[BodyStructure]:
        """The parts that count as attached, in order. Enclosed messages are not opened."""
        found: list[BodyStructure] = []
        waiting: list[tuple[BodyStructure, bool]] = [(self, False)]
        while waiting:
            node, is_in_related = waiting.pop()
            if node.type.startswith("multipart/"):
                is_related = is_in_related or node.type == "multipart/related"
                waiting.extend((part, is_related) for part in reversed(node.parts))
            elif node._is_attached(is_in_related=is_in_related):
                found.append(node)
        return found

    def _is_attached(self, *, is_in_related: bool) -> bool:
        if self.type in _NOT_ATTACHED_TYPES:
            return False
        if self.disposition == "attachment":
            return True
        if is_in_related and self.cid and self.disposition != "attachment":
            return False  # a picture the HTML shows
        return self.filename is not None or not self.type.startswith("text/")


@dataclass(frozen=True, slots=True)
class ListData:
    """What a list row needs of one message. `header` holds only the fields that were asked for."""

    uid: int
    keywords: frozenset[str]
    internal_date: datetime  # aware, UTC
    size_bytes: int
    header: bytes
    has_attachment: bool  # by the BODYSTRUCTURE; False where that is too deep, too long or broken (R39)
    modseq: int | None
    email_id: str | None
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class KeywordData:
    """The keywords of one message as the server has them."""

    uid: int
    keywords: frozenset[str]
    is_deleted: bool
    modseq: int | None


@dataclass(frozen=True)
class KeywordDelta:
    """What changed, by ascending UID. `vanished` is a claim of the server to be checked before it removes much (sync Y46);
    `is_doubtful`: it was open or had parts without sense. `is_partial`: there was more; all changes up to the highest MODSEQ
    among `changed` are here, so the next delta can go on there (Y43)."""

    changed: list[KeywordData]
    vanished: UidRanges
    is_doubtful: bool = False
    is_partial: bool = False


@dataclass(frozen=True)
class AppendResult:
    """APPENDUID (RFC 4315)."""

    uidvalidity: int
    uid: int


@dataclass(frozen=True)
class CopyResult:
    """COPYUID (RFC 4315): `uids` maps each source UID to its UID in the target."""

    uidvalidity: int
    uids: dict[int, int]


@dataclass(frozen=True)
class IdleEvent:
    """Something the server said unasked.

    `kind` is "exists" (`number`: how many there are now), "expunge" (`number`: a sequence number, never to be stored),
    "vanished" (`uids`, none when they are too many to name; `number`: how many) or "keywords" (`keywords` when the server
    named the UID, else only the fact).
    """

    kind: str
    number: int | None = None
    uids: tuple[int, ...] = ()
    keywords: KeywordData | None = None
