"""A real IMAP server on loopback that misbehaves when told to. Abilities are switched off by `ImapConfig`.

    with FakeImapServer(without={"CONDSTORE", "QRESYNC"}) as server:
        server.store.append(server.user, "INBOX", raw)
        server.faults.refuse("UID MOVE", code="OVERQUOTA")

One rule lasts for one command unless `times` says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Self

from tests.fakes.faults import Faults
from webmail.demo.hooks import Instead
from webmail.demo.imap_server import ImapServer
from webmail.demo.imap_session import DEFAULT_CAPABILITIES, ImapConfig
from webmail.demo.loopback import ServerThread
from webmail.demo.store import DemoStore

DEFAULT_USER = "alice@pillarbox.test"
DEFAULT_PASSWORD = "alice-password"


class ImapFaults(Faults):
    """The faults of every fake, and those that only IMAP knows."""

    def refuse(
        self, command: str, *, code: str = "", text: str = "no", times: int | None = 1, when: bytes = b""
    ) -> None:
        """Answer NO, with an RFC 5530 code such as INUSE, OVERQUOTA or UNAVAILABLE."""
        status = f"NO [{code}] {text}" if code else f"NO {text}"
        self._add(command, lambda name, line: Instead(status=status.encode()), times, when)

    def empty_list(self, *, times: int | None = 1) -> None:
        """LIST answers OK with no mailbox at all (R81)."""
        self.answer("LIST", b"", b"OK List completed.", times=times)

    def list_bad_name(self, name: bytes = b'"&bad-utf7"', *, times: int | None = None) -> None:
        """LIST shows one more mailbox whose name is not modified UTF-7 (Y27, R37)."""
        line = b'* LIST (\\HasNoChildren) "/" ' + name + b"\r\n"
        self.change_answer("LIST", lambda data: line + data, times=times)

    def bogus_vanished(self, command: str, uids: bytes, *, earlier: bool = False, times: int | None = 1) -> None:
        """The command's answer also claims that these UIDs vanished (Y46), `12:*` for instance."""
        line = b"* VANISHED " + (b"(EARLIER) " if earlier else b"") + uids + b"\r\n"
        self.change_answer(command, lambda data: line + data, times=times)

    def shift_uidvalidity(self, value: int, *, times: int | None = None) -> None:
        """SELECT and EXAMINE claim this UIDVALIDITY, any number at all; the messages stay as they are (Y52, Y54)."""
        for command in ("SELECT", "EXAMINE"):
            self.change_answer(
                command, lambda data: re.sub(rb"\[UIDVALIDITY \d+\]", b"[UIDVALIDITY %d]" % value, data), times=times
            )


class FakeImapServer(ServerThread):
    """An IMAP server in its own thread on a free port, with one user and an empty INBOX to start from.

    `capabilities` replaces the default list, `without` takes from it, `also` adds to it ("OBJECTID"). Everything else
    of the presentation (keywords, delimiter, prefix, TLS) is in `config`.
    """

    def __init__(
        self,
        *,
        user: str = DEFAULT_USER,
        password: str = DEFAULT_PASSWORD,
        capabilities: Iterable[str] | None = None,
        without: Iterable[str] = (),
        also: Iterable[str] = (),
        config: ImapConfig | None = None,
        store: DemoStore | None = None,
    ) -> None:
        super().__init__()
        self.user, self.password = user, password
        self.store = store or DemoStore()
        self.store.add_user(user, password)
        self.faults = ImapFaults()
        chosen = frozenset(DEFAULT_CAPABILITIES if capabilities is None else capabilities)
        base = config or ImapConfig()
        if config is None or capabilities is not None:
            base = replace(base, capabilities=chosen)
        base = replace(base, capabilities=(base.capabilities - frozenset(without)) | frozenset(also))
        self.server = ImapServer(self.store, config=base, hooks=self.faults)

    @property
    def host(self) -> str:
        return self.server.host

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def connection_count(self) -> int:
        """Connections accepted since the start."""
        return self.server.connection_count

    def flip_uidvalidity(self, mailbox: str = "INBOX", *, to: int | None = None) -> int:
        """Really give the mailbox another UIDVALIDITY and all messages new UIDs."""
        return self.store.change_uidvalidity(self.user, mailbox, to=to)

    def drop_connections(self) -> None:
        """Reset every open connection now."""
        self.call(self.server.drop_connections())

    def start(self) -> Self:
        self.run_servers(self.server)
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()
