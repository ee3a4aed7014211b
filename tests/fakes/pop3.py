"""A real POP3 server on loopback that misbehaves when told to.

    with FakePop3Server() as server:
        server.store.append(server.user, "INBOX", raw)
        server.unique_id_rule = lambda message: "same"       # doubled UIDLs
        server.faults.refuse("PASS", b"-ERR [IN-USE] locked")

One rule lasts for one command unless `times` says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Self

from tests.fakes.faults import Faults
from tests.fakes.imap import DEFAULT_PASSWORD, DEFAULT_USER
from webmail.demo.hooks import Instead
from webmail.demo.loopback import ServerThread
from webmail.demo.model import Message
from webmail.demo.pop3_server import Pop3Config, Pop3Server
from webmail.demo.store import DemoStore

UniqueIdRule = Callable[[Message], str]


class Pop3Faults(Faults):
    """The faults of every fake (cut, cut_answer, change_answer, run_before...), with POP3's answers."""

    def refuse(self, command: str, line: bytes, *, times: int | None = 1) -> None:
        """Answer this line, such as `-ERR [IN-USE] locked`, instead of running the command."""
        self._add(command, lambda name, received: Instead(status=line), times, b"")

    def in_use(self, *, times: int | None = 1) -> None:
        """The mailbox is locked by another session: signing in fails with [IN-USE] (R85)."""
        self.refuse("PASS", b"-ERR [IN-USE] Do you have another POP session running?", times=times)

    def cut_before_quit_answer(self, *, times: int | None = 1) -> None:
        """QUIT arrives and the connection breaks before it is carried out: nothing is deleted (Y90)."""
        self.cut("QUIT", times=times)

    def cut_quit_answer(self, *, times: int | None = 1) -> None:
        """QUIT is carried out, messages are deleted, but the client never hears of it."""
        self.cut_answer("QUIT", times=times)


class _Server(Pop3Server):
    """The demo's server with the unique ids a test wants."""

    rule: UniqueIdRule | None = None

    def unique_ids(self, uidvalidity: int, messages: list[Message]) -> list[str]:
        if self.rule is None:
            return super().unique_ids(uidvalidity, messages)
        return [self.rule(message) for message in messages]


class FakePop3Server(ServerThread):
    """A POP3 server in its own thread on a free port, with one user and an empty mailbox.

    `without` takes from the capabilities: without "UIDL" or "TOP" the command is unknown, "CAPA" hides the list.
    """

    def __init__(
        self,
        *,
        user: str = DEFAULT_USER,
        password: str = DEFAULT_PASSWORD,
        without: Iterable[str] = (),
        config: Pop3Config | None = None,
        store: DemoStore | None = None,
    ) -> None:
        super().__init__()
        self.user, self.password = user, password
        self.store = store or DemoStore()
        self.store.add_user(user, password)
        self.faults = Pop3Faults()
        base, missing = config or Pop3Config(), frozenset(without)
        kept = tuple(word for word in base.capabilities if word not in missing)
        base = replace(base, capabilities=kept, has_capa=base.has_capa and "CAPA" not in missing)
        self.server = _Server(self.store, config=base, hooks=self.faults)

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

    @property
    def unique_id_rule(self) -> UniqueIdRule | None:
        """Computes the UIDL of a message; None for the usual one. Doubled or changed ids are one assignment."""
        return self.server.rule

    @unique_id_rule.setter
    def unique_id_rule(self, rule: UniqueIdRule | None) -> None:
        self.server.rule = rule

    def start(self) -> Self:
        self.run_servers(self.server)
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()
