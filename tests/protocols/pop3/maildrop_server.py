"""A POP3 server with one maildrop in memory, on a loopback socket, that misbehaves where a test tells it to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.protocols.loopback import Peer
from tests.servers.certificates import Certificate

USER = "alice"
PASSWORD = "open sesame"
ALL_CAPABILITIES = ("TOP", "UIDL", "USER", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "SASL PLAIN")

# An answer given instead of the right one: bytes, a function of peer and line that may send by itself, None to hang up.
Override = bytes | Callable[[Peer, bytes], bytes | None] | None


@dataclass
class Maildrop:
    """The messages with their names on the server, and what connections did. `overrides` is keyed by command or by
    "greeting"; `commands` are the lines that came in."""

    messages: list[tuple[str, bytes]] = field(default_factory=list)
    capabilities: tuple[str, ...] = ALL_CAPABILITIES
    overrides: Mapping[str, Override] = field(default_factory=dict)
    certificate: Certificate | None = None
    commands: list[bytes] = field(default_factory=list)

    @property
    def verbs(self) -> list[str]:
        return [command.split(b" ")[0].decode() for command in self.commands]

    def deliver(self, raw: bytes) -> None:
        self.messages.append((f"uidl-{len(self.messages) + 1:04d}", raw))

    def __call__(self, peer: Peer) -> None:
        _Connection(self, peer).run()


class _Connection:
    def __init__(self, maildrop: Maildrop, peer: Peer) -> None:
        self._drop = maildrop
        self._peer = peer
        self._messages = dict(enumerate(maildrop.messages, 1))
        self._deleted: set[int] = set()
        self._user = b""

    def run(self) -> None:
        going = self._answer("greeting", b"", lambda words: b"+OK ready\r\n")
        while going:
            line = self._peer.line()
            self._drop.commands.append(line)
            words = line.split(b" ", 1)
            verb = words[0].upper().decode("ascii", "replace")
            command = getattr(self, f"_do_{verb.lower()}", lambda words: b"-ERR unknown command\r\n")
            going = self._answer(verb, line, command) and verb != "QUIT"

    def _answer(self, name: str, line: bytes, usual: Callable[[list[bytes]], bytes]) -> bool:
        if name in self._drop.overrides:
            override = self._drop.overrides[name]
            data = override(self._peer, line) if callable(override) else override
        else:
            data = usual(line.split(b" ")[1:])
        if data is None:
            return False
        self._peer.send(data)
        if name == "STLS" and data.startswith(b"+OK") and self._drop.certificate:
            self._peer.start_tls(self._drop.certificate)
        return True

    def _do_capa(self, words: list[bytes]) -> bytes:
        return b"+OK\r\n" + b"".join(f"{name}\r\n".encode() for name in self._drop.capabilities) + b".\r\n"

    def _do_stls(self, words: list[bytes]) -> bytes:
        return b"+OK begin\r\n" if self._drop.certificate else b"-ERR no\r\n"

    def _do_auth(self, words: list[bytes]) -> bytes:
        return b"+OK welcome\r\n"

    def _do_user(self, words: list[bytes]) -> bytes:
        self._user = b" ".join(words)
        return b"+OK\r\n"

    def _do_pass(self, words: list[bytes]) -> bytes:
        is_right = (self._user, b" ".join(words)) == (USER.encode(), PASSWORD.encode())
        return b"+OK welcome\r\n" if is_right else b"-ERR [AUTH] wrong\r\n"

    def _left(self) -> dict[int, tuple[str, bytes]]:
        return {number: message for number, message in self._messages.items() if number not in self._deleted}

    def _do_stat(self, words: list[bytes]) -> bytes:
        left = self._left().values()
        return f"+OK {len(left)} {sum(len(raw) for _, raw in left)}\r\n".encode()

    def _do_uidl(self, words: list[bytes]) -> bytes:
        lines = [f"{number} {uidl}\r\n" for number, (uidl, _) in self._left().items()]
        return b"+OK\r\n" + "".join(lines).encode() + b".\r\n"

    def _do_list(self, words: list[bytes]) -> bytes:
        lines = [f"{number} {len(raw)}\r\n" for number, (_, raw) in self._left().items()]
        return b"+OK\r\n" + "".join(lines).encode() + b".\r\n"

    def _do_retr(self, words: list[bytes]) -> bytes:
        found = self._left().get(int(words[0]))
        return b"+OK\r\n" + stuff(found[1]) if found else b"-ERR no such message\r\n"

    def _do_top(self, words: list[bytes]) -> bytes:
        found = self._left().get(int(words[0]))
        if not found:
            return b"-ERR no such message\r\n"
        header, _, body = found[1].partition(b"\r\n\r\n")
        lines = body.splitlines(keepends=True)[: int(words[1])]
        return b"+OK\r\n" + stuff(header + b"\r\n\r\n" + b"".join(lines))

    def _do_dele(self, words: list[bytes]) -> bytes:
        if int(words[0]) not in self._left():
            return b"-ERR no such message\r\n"
        self._deleted.add(int(words[0]))
        return b"+OK\r\n"

    def _do_quit(self, words: list[bytes]) -> bytes:
        self._drop.messages[:] = self._left().values()
        return b"+OK bye\r\n"


def stuff(raw: bytes) -> bytes:
    """A message as a dot-ended block (RFC 1939 3); its lines end in CRLF."""
    ended = raw if raw.endswith(b"\r\n") or not raw else raw + b"\r\n"
    lines = ended.split(b"\r\n")[:-1]
    return b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines) + b".\r\n"
