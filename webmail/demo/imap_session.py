"""One IMAP client's state on the server: who is signed in, what is selected, what it has been told. No I/O.

Commands append bytes to `Session.out`; the connection sends them. Every access to the store happens while the
connection holds `DemoStore.lock`.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from webmail.demo.errors import NoSuchMailbox
from webmail.demo.hooks import Hooks
from webmail.demo.imap_fetch import render_flags
from webmail.demo.imap_notify import Notify
from webmail.demo.imap_syntax import Bad, No, Value, as_text, decode_utf7, encode_utf7, format_set, parse_set, quote
from webmail.demo.model import INBOX, Mailbox, Message
from webmail.demo.store import DemoStore

if TYPE_CHECKING:
    from collections.abc import Iterable

# Everything Dovecot 2.3 offers that a mail client uses. OBJECTID (RFC 8474) and NOTIFY (RFC 5465) are understood too, but
# must be asked for.
DEFAULT_CAPABILITIES = frozenset(
    {
        "CHILDREN",
        "CONDSTORE",
        "ENABLE",
        "ESEARCH",
        "ID",
        "IDLE",
        "LIST-EXTENDED",
        "LIST-STATUS",
        "LITERAL+",
        "MOVE",
        "NAMESPACE",
        "QRESYNC",
        "SASL-IR",
        "SPECIAL-USE",
        "UIDPLUS",
        "UNSELECT",
    }
)


@dataclass(frozen=True)
class ImapConfig:
    """How a server presents itself. An ability left out of `capabilities` is really absent, not just hidden."""

    capabilities: frozenset[str] = DEFAULT_CAPABILITIES
    allows_keywords: bool = True
    """Without it PERMANENTFLAGS has no `\\*`, and STORE silently drops every keyword."""
    delimiter: str = "/"
    prefix: str = ""
    """Personal namespace: "INBOX." with delimiter "." looks like Courier."""
    ssl_context: ssl.SSLContext | None = None
    is_implicit_tls: bool = False
    requires_tls: bool = False
    """LOGINDISABLED until STARTTLS."""
    notify_limit: int = 1_000
    """Changes at once beyond which NOTIFY ends with NOTIFICATIONOVERFLOW."""


@dataclass(slots=True)
class View:
    """A selected mailbox as this client knows it: UIDs by sequence number, and the last change it was told."""

    mailbox: Mailbox
    name: str
    is_read_only: bool
    uids: list[int]
    modseq: int
    told: dict[int, int] = field(default_factory=dict)
    """UID to the MODSEQ of changes this client made or saw already, so that nothing is reported twice."""

    @property
    def largest_uid(self) -> int:
        """The UID `*` stands for."""
        return self.uids[-1] if self.uids else 0


@dataclass(slots=True)
class Session:
    """What one connection knows. `out` collects untagged lines until the connection sends them."""

    store: DemoStore
    config: ImapConfig
    hooks: Hooks
    is_tls: bool = False
    tag: str = ""
    user: str | None = None
    view: View | None = None
    enabled: set[str] = field(default_factory=set)
    out: list[bytes] = field(default_factory=list)
    notify: Notify | None = None

    def has(self, capability: str) -> bool:
        """Tell whether this server really has an ability."""
        return capability in self.config.capabilities

    def require(self, capability: str) -> None:
        """Raise `Bad` where a server without the capability would not know the command."""
        if not self.has(capability):
            raise Bad("Unknown command")

    def untagged(self, line: bytes | str) -> None:
        """Queue one untagged line; `line` has neither star nor line end."""
        self.out.append(b"* " + (line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line) + b"\r\n")

    @property
    def capabilities(self) -> list[str]:
        """What CAPABILITY answers now."""
        words = ["IMAP4rev1", *sorted(self.config.capabilities)]
        can_start_tls = self.config.ssl_context is not None and not self.is_tls
        if can_start_tls:
            words.append("STARTTLS")
        if self.config.requires_tls and not self.is_tls:
            return [*words, "LOGINDISABLED"]
        return [*words, "AUTH=PLAIN"]

    @property
    def account(self) -> str:
        """The signed-in address. Raises `Bad` before login."""
        if self.user is None:
            raise Bad("Please log in first")
        return self.user

    @property
    def selected(self) -> View:
        """The selected mailbox. Raises `Bad` without one."""
        if self.view is None:
            raise Bad("No mailbox selected")
        return self.view

    @property
    def is_condstore(self) -> bool:
        """RFC 7162 3.1: after a CONDSTORE enabling command, FETCH answers carry MODSEQ."""
        return "CONDSTORE" in self.enabled

    def enable_condstore(self) -> None:
        """Note that the client knows MODSEQ. Raises `Bad` where the ability is absent."""
        if not self.has("CONDSTORE"):
            raise Bad("Unknown parameter")
        self.enabled.add("CONDSTORE")

    # Names

    def wire_name(self, name: str) -> bytes:
        """A mailbox name of the store as this server writes it."""
        return quote(encode_utf7(self.prefixed(name).replace("/", self.config.delimiter)))

    def prefixed(self, name: str) -> str:
        """The store's name inside the personal namespace; INBOX stands outside of it."""
        is_outside = name == INBOX or not self.config.prefix
        return name if is_outside else self.config.prefix.replace(self.config.delimiter, "/") + name

    def store_name(self, value: Value) -> str:
        """The store's name of a mailbox argument. Raises `Bad` for invalid modified UTF-7, `No` outside the prefix."""
        name = decode_utf7(as_text(value).encode("utf-8", "surrogateescape"))
        if name.upper() == INBOX:
            return INBOX
        if not name or any(ord(char) < 32 for char in name):
            raise No("Invalid mailbox name", code="CANNOT")
        prefix = self.config.prefix
        if prefix and not name.startswith(prefix):
            raise No("Outside of the personal namespace", code="CANNOT")
        return name.removeprefix(prefix).replace(self.config.delimiter, "/")

    def mailbox(self, name: str) -> Mailbox:
        """A mailbox of the signed-in user. Raises `No` [NONEXISTENT]."""
        try:
            return self.store.mailbox(self.account, name)
        except NoSuchMailbox:
            raise No("No such mailbox", code="NONEXISTENT") from None

    # Messages

    def pick(self, value: Value, *, by_uid: bool) -> list[tuple[int, Message]]:
        """(sequence number, message) for a set; expunged messages are passed over."""
        view = self.selected
        if by_uid:
            ranges = parse_set(value, largest=view.largest_uid)
            wanted = [(seq, uid) for seq, uid in enumerate(view.uids, 1) if any(a <= uid <= b for a, b in ranges)]
        else:
            ranges = parse_set(value, largest=len(view.uids))
            if any(high > len(view.uids) for _, high in ranges):
                raise Bad("Invalid message sequence number")
            wanted = [
                (seq, view.uids[seq - 1])
                for seq in sorted({n for low, high in ranges for n in range(max(low, 1), high + 1)})
            ]
        messages = view.mailbox.messages
        return [(seq, messages[uid]) for seq, uid in wanted if uid in messages]

    def report_flags(self, seq: int, message: Message, *, with_uid: bool) -> None:
        """An untagged FETCH with flags, and MODSEQ where the client understands it."""
        parts = [b"UID %d" % message.uid] if with_uid or "QRESYNC" in self.enabled else []
        parts.append(b"FLAGS " + render_flags(message))
        if self.is_condstore:
            parts.append(b"MODSEQ (%d)" % message.modseq)
        self.untagged(b"%d FETCH (%b)" % (seq, b" ".join(parts)))
        self.selected.told[message.uid] = message.modseq

    def poll(self, *, may_expunge: bool) -> None:
        """Tell what others changed in the selected mailbox since last time (RFC 3501 7.4.1 on expunges)."""
        view = self.view
        if view is None or view.mailbox.highest_modseq == view.modseq:
            return
        messages = view.mailbox.messages
        gone = [uid for uid in view.uids if uid not in messages]
        if gone and may_expunge:
            self._report_expunged(view, gone)
        largest = view.largest_uid
        arrived = [uid for uid in messages if uid > largest]
        if arrived:
            view.uids.extend(arrived)
            self.untagged(f"{len(view.uids)} EXISTS")
            self.untagged("0 RECENT")
        for seq, uid in enumerate(view.uids, start=1):
            message = messages.get(uid)
            if message is not None and uid <= largest and message.modseq > view.told.get(uid, view.modseq):
                self.report_flags(seq, message, with_uid=False)
        if not gone or may_expunge:
            view.modseq = view.mailbox.highest_modseq
            view.told.clear()

    def _report_expunged(self, view: View, gone: Iterable[int]) -> None:
        if "QRESYNC" in self.enabled:
            self.untagged(f"VANISHED {format_set(gone)}")
            view.uids = [uid for uid in view.uids if uid in view.mailbox.messages]
            return
        for uid in gone:
            seq = view.uids.index(uid) + 1
            del view.uids[seq - 1]
            self.untagged(f"{seq} EXPUNGE")
