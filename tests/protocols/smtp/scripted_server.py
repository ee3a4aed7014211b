"""An SMTP server that answers as told: what a test does not script is answered as a friendly server would."""

from collections.abc import Callable, Mapping

from tests.protocols.loopback import Peer

FRIENDLY = {
    "greeting": b"220 mail.example.org ready\r\n",
    "EHLO": b"250-mail.example.org\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
    "HELO": b"250 mail.example.org\r\n",
    "STARTTLS": b"220 2.0.0 go ahead\r\n",
    "AUTH": b"235 2.7.0 welcome\r\n",
    "MAIL": b"250 2.1.0 sender ok\r\n",
    "RCPT": b"250 2.1.5 recipient ok\r\n",
    "DATA": b"354 go ahead\r\n",
    "BDAT": b"250 2.0.0 octets received\r\n",
    "dot": b"250 2.0.0 queued as 1\r\n",
    "NOOP": b"250 2.0.0 awake\r\n",
    "RSET": b"250 2.0.0 afresh\r\n",
    "QUIT": b"221 2.0.0 bye\r\n",
}

UNKNOWN = b"500 5.5.2 unknown command\r\n"
"""As the answer to BDAT: the server reads the octets of the chunk as commands."""

Answer = bytes | Callable[[Peer, bytes], bytes | None] | None


class ScriptedSmtp:
    """One script for every connection. `answers` replaces friendly ones: bytes, a function of peer and line, or None to
    hang up; no bytes are no answer yet. `commands` are the lines that came in, `messages` the blocks after 354, each with its final dot, or what came
    by BDAT once it was complete. "dot" is the answer to both ends; "BDAT" is that to a chunk before the last."""

    def __init__(self, answers: Mapping[str, Answer] | None = None) -> None:
        self._answers: dict[str, Answer] = {**FRIENDLY, **(answers or {})}
        self.commands: list[bytes] = []
        self.messages: list[bytes] = []
        self.chunks: list[bytes] = []

    @property
    def verbs(self) -> list[str]:
        return [command.split(b" ")[0].decode() for command in self.commands]

    def __call__(self, peer: Peer) -> None:
        if self._answer(peer, "greeting", b"") is None:
            return
        while True:
            line = peer.line()
            self.commands.append(line)
            verb = line.split(b" ")[0].upper().decode("ascii", "replace")
            if verb == "BDAT" and self._knows_chunks:
                if self._take_chunk(peer, line) is None:
                    return
                continue
            sent = self._answer(peer, verb, line)
            if sent is None or verb == "QUIT":
                return
            if verb == "DATA" and sent.startswith(b"354"):
                # The answer to DATA ends a line, so a dot may come at once.
                block = peer.until(b".\r\n")
                while block != b".\r\n" and not block.endswith(b"\r\n.\r\n"):
                    block += peer.until(b".\r\n")
                self.messages.append(block)
                if self._answer(peer, "dot", b"") is None:
                    return

    @property
    def _knows_chunks(self) -> bool:
        return self._answers["BDAT"] != UNKNOWN

    def _take_chunk(self, peer: Peer, line: bytes) -> bytes | None:
        _, size, *last = line.split(b" ")
        self.chunks.append(peer.exactly(int(size)))
        if not last:
            return self._answer(peer, "BDAT", line)
        self.messages.append(b"".join(self.chunks))
        self.chunks = []
        return self._answer(peer, "dot", line)

    def _answer(self, peer: Peer, name: str, line: bytes) -> bytes | None:
        answer = self._answers.get(name, UNKNOWN)
        data = answer(peer, line) if callable(answer) else answer
        if data:
            peer.send(data)
        return data
