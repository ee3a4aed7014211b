"""A scripted IMAP server: it answers what every session asks, and a test says what is different."""

from collections.abc import Callable

from tests.protocols.loopback import Peer

# (peer, tag, command with its arguments) -> whether it was answered
Answer = Callable[[Peer, bytes, bytes], bool]

SELECTED = (
    b"* FLAGS (\\Seen \\Deleted)\r\n* OK [PERMANENTFLAGS (\\Seen \\Deleted \\*)] ok\r\n* 3 EXISTS\r\n"
    b"* OK [UIDVALIDITY 77] ok\r\n* OK [UIDNEXT 10] ok\r\n"
)


def imap_script(
    answer: Answer | None = None,
    *,
    capabilities: bytes = b"IMAP4rev1 AUTH=PLAIN",
    greeting: bytes = b"* OK ready\r\n",
) -> Callable[[Peer], None]:
    """A script for `loopback.serving`. `answer` is asked first; what it leaves is answered as a quiet server would."""

    def script(peer: Peer) -> None:
        peer.send(greeting)
        while True:
            tag, _, command = peer.line().partition(b" ")
            if answer is None or not answer(peer, tag, command):
                answer_quietly(peer, tag, command, capabilities)

    return script


def answer_quietly(peer: Peer, tag: bytes, command: bytes, capabilities: bytes) -> None:
    verb = command.upper()
    data = b""
    if verb.startswith(b"CAPABILITY"):
        data = b"* CAPABILITY " + capabilities + b"\r\n"
    elif verb.startswith(b"AUTHENTICATE"):
        peer.send(b"+ \r\n")
        peer.line()
    elif verb.startswith((b"SELECT", b"EXAMINE")):
        data = SELECTED
    elif verb.startswith(b"LOGOUT"):
        data = b"* BYE bye\r\n"
    peer.send(data + tag + b" OK done\r\n")


def on(verb: bytes, data: bytes, *, end: bytes = b"OK done") -> Answer:
    """Answer commands that begin with `verb` by `data` and then the tagged `end`; an empty `end` says no more."""

    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        if not command.upper().startswith(verb):
            return False
        peer.send(data + (tag + b" " + end + b"\r\n" if end else b""))
        return True

    return answer
