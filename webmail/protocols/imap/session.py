"""An IMAP session: the protocol all callers code against, the live implementation, and how one is opened.

The fake of the tests passes the same contract (`tests/protocols/imap/contract.py`). Every method raises only classes of
`webmail.protocols.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from webmail.protocols.errors import BadArgument, PermanentlyRefused, ServerMisbehaved
from webmail.protocols.imap.capabilities import parse_capabilities
from webmail.protocols.imap.changing import Changing
from webmail.protocols.imap.idling import Idling
from webmail.protocols.imap.parts import Parts
from webmail.protocols.imap.reading import Reading
from webmail.protocols.imap.wire import Client, encode_text, imap_errors
from webmail.protocols.login import Login, sasl_plain, sasl_xoauth2
from webmail.protocols.transport import Endpoint, Security

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from types import TracebackType

    from webmail.protocols.imap.changing import StoreResult
    from webmail.protocols.imap.fetch_reader import Response
    from webmail.protocols.imap.namespaces import Namespaces
    from webmail.protocols.imap.types import (
        AppendResult,
        BodyStructure,
        CopyResult,
        IdleEvent,
        KeywordDelta,
        ListData,
        MailboxInfo,
        MailboxStatus,
        SelectedMailbox,
    )
    from webmail.protocols.imap.uid_set import UidRanges
    from webmail.protocols.imap.wire import LiteralArgument

MAX_CHALLENGES = 3  # no mechanism of ours takes more


class ImapSession(Protocol):
    """What a session can do; see `LiveImapSession` and its bases for shapes and errors."""

    selected: SelectedMailbox | None

    @property
    def capabilities(self) -> frozenset[str]: ...
    @property
    def bytes_read(self) -> int: ...
    @property
    def bytes_written(self) -> int: ...
    @property
    def is_closed(self) -> bool: ...
    def supports(self, name: str) -> bool: ...
    def list_mailboxes(self, *, shared: bool = False) -> list[MailboxInfo]: ...
    def namespaces(self) -> Namespaces: ...
    def my_rights(self, raw_names: Iterable[bytes]) -> dict[bytes, str]: ...
    def status(self, raw_name: bytes) -> MailboxStatus: ...
    def absent_of(self, raw_names: Iterable[bytes]) -> set[bytes]: ...
    def select(self, raw_name: bytes, *, read_only: bool = False) -> SelectedMailbox: ...
    def select_changes(
        self, raw_name: bytes, *, uidvalidity: int, modseq: int, first_uid: int = 1
    ) -> tuple[SelectedMailbox, KeywordDelta | None]: ...
    def leave(self) -> None: ...
    def search_uids(self) -> list[int]: ...
    def search_uid_ranges(self) -> UidRanges: ...
    def search_message_id(self, message_id: str, *, since_uid: int = 1) -> list[int]: ...
    def search_keys(self, keys: Sequence[bytes | LiteralArgument], *, is_utf8: bool) -> UidRanges: ...
    def fetch_list_data(self, uids: Sequence[int]) -> Iterator[ListData]: ...
    def fetch_list_data_batches(self, batches: Sequence[Sequence[int]]) -> Iterator[list[ListData]]: ...
    def fetch_keywords(self, first_uid: int, last_uid: int | None, *, changed_since: int | None) -> KeywordDelta: ...
    def fetch_messages(self, uids: Sequence[int]) -> Iterator[tuple[int, bytes]]: ...
    def fetch_message(self, uid: int, *, max_bytes: int) -> bytes | None: ...
    def fetch_structures(self, uids: Sequence[int]) -> Iterator[tuple[int, BodyStructure]]: ...
    def fetch_sections(self, wanted: Mapping[int, Sequence[str]]) -> Iterator[tuple[int, dict[str, bytes]]]: ...
    def fetch_message_pieces(self, uid: int, *, piece_bytes: int, max_bytes: int) -> Iterator[bytes]: ...
    def store_keywords(
        self, uids: Collection[int], *, add: Collection[str] = (), remove: Collection[str] = ()
    ) -> StoreResult: ...
    def copy(self, uids: Collection[int], raw_target: bytes) -> CopyResult | None: ...
    def move(self, uids: Collection[int], raw_target: bytes) -> CopyResult | None: ...
    def mark_deleted(self, uids: Collection[int]) -> None: ...
    def expunge(self, uids: Collection[int]) -> None: ...
    def append(
        self, raw_target: bytes, raw: bytes, *, keywords: Collection[str] = (), internal_date: datetime | None = None
    ) -> AppendResult | None: ...
    def create_mailbox(self, name: str | bytes) -> None: ...
    def rename_mailbox(self, raw_name: bytes, new_name: str | bytes) -> None: ...
    def delete_mailbox(self, raw_name: bytes) -> None: ...
    def subscribe(self, raw_name: bytes, on: bool) -> None: ...  # noqa: FBT001
    def idle(self, *, timeout_s: float) -> list[IdleEvent]: ...
    def stop_idle(self) -> None: ...
    def take_events(self) -> list[IdleEvent]: ...
    def noop(self) -> None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class LiveImapSession(Reading, Parts, Changing, Idling):
    """A logged-in session with a real server. Get one from `open_session`; use it as a context manager."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def prepare(self) -> None:
        """After login: learn the capabilities and enable CONDSTORE and QRESYNC, before any SELECT (sync Y13)."""
        told = self._wire.untagged_responses.pop("CAPABILITY", None)
        if told and isinstance(told[-1], bytes):
            words = told[-1].split()
        else:
            with imap_errors():
                self._wire._get_capabilities()
            words = [word.encode("ascii", "replace") for word in self._wire.capabilities]
        self._capabilities = parse_capabilities(words)
        self._enable()
        self._has_served = False

    def _enable(self) -> None:
        wanted = [name for name in ("CONDSTORE", "QRESYNC") if name in self._capabilities]
        enabled: set[bytes] = set()

        def take(name: bytes, response: Response) -> bool:
            if name == b"ENABLED":
                enabled.update(response.text.upper().split()[2:])
            return name == b"ENABLED"

        if wanted and "ENABLE" in self._capabilities:
            try:
                self._run(b"ENABLE", *(name.encode("ascii") for name in wanted), what="ENABLE", on_untagged=take)
            except PermanentlyRefused:
                enabled.clear()
        if b"QRESYNC" not in enabled:
            # iCloud answers an empty ENABLED: CONDSTORE needs no enabling (RFC 7162 3.1), QRESYNC is not to be trusted.
            self._capabilities -= {"QRESYNC"}


def open_session(endpoint: Endpoint, login: Login, *, command_s: float | None = None) -> LiveImapSession:
    """Connect, secure, log in and prepare. `command_s`: how long this session waits for any command, in all.

    Raises `ConnectionFailed` and its kinds (`StartTlsMissing` before any credential went out), `AuthenticationRefused`,
    `TemporarilyRefused`, `PermanentlyRefused`, or `BadArgument` before a byte is sent.
    """
    encode_text(login.username, what="the user name")
    encode_text(login.password, what="the password")
    if login.mechanism not in ("PLAIN", "XOAUTH2"):
        raise BadArgument("this way to log in is not known")
    with imap_errors():
        client = Client(endpoint)
    if command_s is not None:
        client.wire.command_s = command_s
    try:
        with imap_errors():
            if endpoint.security is Security.STARTTLS:
                client.wire.start_tls()
            if client.wire.state != "NONAUTH":
                raise ServerMisbehaved("the server let us in before we said who we are")
            _log_in(client, login)
        session = LiveImapSession(client)
        session.prepare()
    except BaseException:
        client.wire.connection.close()
        raise
    return session


def _log_in(client: Client, login: Login) -> None:
    wire = client.wire
    wire.begin()
    wire.untagged_responses.clear()
    if login.mechanism == "XOAUTH2":
        _authenticate(client, "XOAUTH2", sasl_xoauth2(login))
    elif "AUTH=PLAIN" in wire.capabilities:
        _authenticate(client, "PLAIN", sasl_plain(login))
    elif "LOGINDISABLED" in wire.capabilities:
        raise PermanentlyRefused("the server takes no password on this connection", code="PRIVACYREQUIRED")
    else:
        client.login(login.username, login.password)


def _authenticate(client: Client, mechanism: str, first: bytes) -> None:
    answers = iter([first])
    asked = 0

    def answer(_: bytes) -> bytes:
        nonlocal asked
        asked += 1
        if asked > MAX_CHALLENGES:
            client.wire.misbehaved("the server never stops asking who we are")
        # XOAUTH2: an error comes as a second challenge, to be answered with nothing; the NO follows.
        return next(answers, b"")

    sasl_login: Callable[[str, Callable[[bytes], bytes]], object] = client.sasl_login
    sasl_login(mechanism, answer)
