"""The IMAP connection itself: imaplib's login machinery and our own command channel over one `transport.Connection`.

Everything received passes one buffer here, so every command has a total deadline and a byte cap, every line and literal
has one too, and no literal is allocated before its bytes are there (security R35, R36). imaplib and IMAPClient do the
greeting, CAPABILITY, LOGIN, AUTHENTICATE, ENABLE and LOGOUT; all else goes through `start` and `read_response`, which
know pipelining. No imaplib exception leaves `imap_errors`.
"""

from __future__ import annotations

import imaplib
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import imapclient

from webmail.protocols.errors import (
    BadArgument,
    ConnectionLost,
    ProtocolError,
    ServerMisbehaved,
    StartTlsMissing,
)
from webmail.protocols.guard import refuse_line_breaks
from webmail.protocols.imap.fetch_reader import Response
from webmail.protocols.imap.response_codes import goodbye, refusal, split_code
from webmail.protocols.transport import Connection, Endpoint, open_connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONNECT_S = 15.0
COMMAND_S = 300.0  # waiting for the server, all in all; the time we take ourselves does not count
IDLE_READ_S = 60.0  # waiting for the next piece
# A transfer longer than COMMAND_S may go on while it is at least this quick on average; a drip never is.
SLOWEST_BYTES_PER_S = 32_768
COMMAND_BYTES = 67_108_864  # what any command may answer unless it says otherwise
MAX_LINE_BYTES = 1_048_576
MAX_RESPONSE_TEXT_BYTES = 4_194_304  # all text of one answer without its literals
MAX_LITERALS = 10_000  # in one answer
MAX_LITERAL_BYTES = 536_870_912  # beyond any message; nothing of this size is kept, see `keep_bytes`
KEEP_LITERAL_BYTES = 1_048_576
SMALL_LITERALS_BYTES = 65_536  # of all other literals in an answer, such as file names in a BODYSTRUCTURE
_LITERAL_END = re.compile(rb"\{(\d{1,20})\+?\}$")
_STATUS_WORDS = frozenset({b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"})


@dataclass(frozen=True)
class LiteralArgument:
    """An argument that travels as a literal: it may hold anything but NUL (RFC 3501 CHAR8)."""

    data: bytes


@dataclass(frozen=True)
class Tagged:
    """The completion of a command: its tag, status (OK, NO, BAD), response code, the code's arguments and the text."""

    tag: bytes
    status: str
    code: str
    code_args: bytes
    raw_text: bytes


@contextmanager
def imap_errors() -> Iterator[None]:
    """The boundary: what imaplib, IMAPClient or a parser raises on a server's answer becomes `ServerMisbehaved`."""
    try:
        yield
    except ProtocolError:
        raise
    except (OSError, EOFError) as error:
        raise ConnectionLost("the connection broke") from error
    except (imaplib.IMAP4.error, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ServerMisbehaved("the server's answer follows no rule we know") from error


class Wire(imaplib.IMAP4):
    """One connection. Raises only classes of `webmail.protocols.errors` from our own methods."""

    connection: Connection
    command_s = COMMAND_S  # of this connection; less where others wait in line

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._buffer = b""
        self._at = 0
        self._next_tag = 0
        self.begin(seconds=CONNECT_S)
        super().__init__(endpoint.host, endpoint.port)

    # Limits -------------------------------------------------------------------------------------------------

    def begin(self, *, seconds: float | None = None, max_bytes: int = COMMAND_BYTES) -> None:
        """Start the budget of a command: `seconds` of waiting (None: `command_s`) and `max_bytes` received."""
        self._seconds = self.command_s if seconds is None else seconds
        self._waited_s = 0.0
        self._max_bytes = max_bytes
        self._received = 0

    def _seconds_left(self) -> float:
        return self._seconds + self._received / SLOWEST_BYTES_PER_S - self._waited_s

    def _fill(self) -> None:
        before = time.monotonic()
        wait_s = max(min(self._seconds_left(), IDLE_READ_S), 0.0)
        bytes_left = self._max_bytes - self._received
        with self.connection.limits(seconds=wait_s, max_bytes=max(bytes_left, 0)):
            chunk = self.connection.read_some()
        self._waited_s += time.monotonic() - before
        self._received += len(chunk)
        if self._received > self._max_bytes:
            self.misbehaved("the server sent far more than was asked for")
        self._buffer = self._buffer[self._at :] + chunk if self._at < len(self._buffer) else chunk
        self._at = 0

    def misbehaved(self, message: str) -> None:
        """Close and raise: this server broke a rule or a limit."""
        self.connection.close()
        raise ServerMisbehaved(message)

    # Reading ------------------------------------------------------------------------------------------------

    def read_line(self, *, max_bytes: int = MAX_LINE_BYTES) -> bytes:
        """One line without its line end; a bare LF ends a line too."""
        start = self._at
        pieces: list[bytes] = []
        size = 0
        while True:
            end = self._buffer.find(b"\n", self._at)
            if end >= 0:
                break
            # Put the unfinished piece aside, or a line of many chunks would be searched and copied again and again.
            piece = self._buffer[self._at :]
            size += len(piece)
            if size > max_bytes:
                self.misbehaved("the server sent an endless line")
            pieces.append(piece)
            self._at = len(self._buffer)
            self._fill()
            start = self._at
        last = self._buffer[start:end]
        self._at = end + 1
        line = b"".join((*pieces, last)) if pieces else last
        if len(line) > max_bytes:
            self.misbehaved("the server sent an endless line")
        return line[:-1] if line.endswith(b"\r") else line

    def read_exactly(self, size: int, *, keep_bytes: int) -> bytes:
        """`size` bytes, of which at most the first `keep_bytes` are kept and returned."""
        end = self._at + size
        if end <= len(self._buffer):
            data = self._buffer[self._at : min(end, self._at + keep_bytes)]
            self._at = end
            return data
        pieces: list[bytes] = []
        kept = 0
        left = size
        while left:
            if self._at >= len(self._buffer):
                self._fill()
            piece = self._buffer[self._at : self._at + left]
            self._at += len(piece)
            left -= len(piece)
            if kept < keep_bytes:
                pieces.append(piece[: keep_bytes - kept])
                kept += len(pieces[-1])
        return b"".join(pieces)

    def read_response(self, *, keep_bytes: int = KEEP_LITERAL_BYTES) -> Response:
        """One answer of any kind with its literals, cut to about `keep_bytes` in all; empty lines are passed over (R41)."""
        line = self.read_line(max_bytes=MAX_RESPONSE_TEXT_BYTES)
        while not line:
            line = self.read_line(max_bytes=MAX_RESPONSE_TEXT_BYTES)
        if not line.endswith(b"}") or not line.startswith(b"* ") or _is_status(line):
            return Response(line)
        texts: list[bytes] = []
        literals: list[bytes] = []
        length = 0
        left_to_keep = keep_bytes + SMALL_LITERALS_BYTES
        while line.endswith(b"}"):
            found = _LITERAL_END.search(line, max(len(line) - 24, 0))
            if found is None:
                break
            size = int(found.group(1))
            if size > MAX_LITERAL_BYTES or len(literals) >= MAX_LITERALS:
                self.misbehaved("the server announced more data than any message holds")
            texts.append(line[: found.start()])
            texts.append(b"{%d}\n" % len(literals))
            literals.append(self.read_exactly(size, keep_bytes=max(min(keep_bytes, left_to_keep), 0)))
            left_to_keep -= len(literals[-1])
            line = self.read_line(max_bytes=MAX_RESPONSE_TEXT_BYTES)
            length += len(line)
            if length > MAX_RESPONSE_TEXT_BYTES:
                self.misbehaved("the server sent an endless answer")
        texts.append(line)
        return Response(b"".join(texts), literals)

    def take_unread(self) -> bytes:
        """What was received and not read yet, for one who goes on without us."""
        unread = self._buffer[self._at :]
        self._buffer, self._at = b"", 0
        return unread

    def has_data(self, *, wait_s: float) -> bool:
        """Whether an answer begins within `wait_s` seconds."""
        return self._at < len(self._buffer) or self.connection.has_data(wait_s=wait_s)

    # Writing ------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send as it is, within what is left of the budget."""
        before = time.monotonic()
        with self.connection.limits(seconds=max(self._seconds_left(), 0.0), max_bytes=self._max_bytes):
            self.connection.write(data)
        self._waited_s += time.monotonic() - before

    def start(self, *parts: bytes | LiteralArgument, non_sync: bool = False) -> bytes:
        """Send one command, its parts parted by spaces, and return its tag.

        No part may hold a line break (R31). A `LiteralArgument` waits for the server's "+", unless `non_sync` (LITERAL+).
        Raises `ServerError` when the server refuses the literal.
        """
        for part in parts:
            if isinstance(part, LiteralArgument):
                if b"\0" in part.data:
                    raise BadArgument("the data holds a NUL byte, which IMAP cannot carry")
            else:
                refuse_line_breaks(part, what="a command argument")
        self._next_tag += 1
        tag = b"A%d" % self._next_tag
        line = bytearray(tag)
        for part in parts:
            if isinstance(part, LiteralArgument):
                line += b" {%d+}\r\n" % len(part.data) if non_sync else b" {%d}\r\n" % len(part.data)
                self.write(bytes(line))
                if not non_sync:
                    self._await_continuation(tag)
                self._seconds += len(part.data) / SLOWEST_BYTES_PER_S
                self.write(part.data)
                line = bytearray()
            else:
                line += b" " + part
        self.write(bytes(line) + b"\r\n")
        return tag

    def _await_continuation(self, tag: bytes) -> None:
        while True:
            response = self.read_response()
            if response.text.startswith(b"+"):
                return
            tagged = self.tagged(response, (tag,))
            if tagged is not None:
                raise refusal("the data", tagged.raw_text)

    def tagged(self, response: Response, tags: Sequence[bytes]) -> Tagged | None:
        """The completion of one of `tags`, or None for an untagged answer. BYE raises; so does a tag nobody sent."""
        text = response.text
        if text.startswith(b"* "):
            if text[2:5].upper() == b"BYE":
                self.connection.close()
                raise goodbye(text[5:])
            return None
        words = text.split(None, 2)
        tag = words[0].upper()  # R41: some servers answer in lower case
        if tag not in tags:
            return None
        status = words[1].upper().decode("ascii", "replace") if len(words) > 1 else ""
        if status not in ("OK", "NO", "BAD"):
            self.misbehaved("the server answered a command with something unknown")
        rest = words[2] if len(words) > 2 else b""
        code, args, _ = split_code(rest)
        return Tagged(tag, status, code, args, rest)

    def start_tls(self) -> None:
        """STARTTLS, strictly: no PREAUTH, offered, answered OK, nothing behind the answer (R33, RFC 3501 6.2.1).

        Raises `StartTlsMissing` before any credential went out.
        """
        if self.state != "NONAUTH" or "STARTTLS" not in self.capabilities:
            self.connection.close()
            raise StartTlsMissing("the server does not offer encryption with STARTTLS")
        tag = self.start(b"STARTTLS")
        while (tagged := self.tagged(self.read_response(), (tag,))) is None:
            pass
        if tagged.status != "OK":
            self.connection.close()
            raise StartTlsMissing("the server refused STARTTLS")
        if self._at < len(self._buffer):
            self.connection.close()
            raise StartTlsMissing("the server sent data before the encryption began")
        with self.connection.limits(seconds=max(self._seconds_left(), 0.0), max_bytes=MAX_LINE_BYTES):
            self.connection.start_tls()
        self._buffer, self._at = b"", 0
        self.untagged_responses.clear()
        self.capabilities = ()  # what was said in the clear counts no more (RFC 3501 6.2.1)
        self._get_capabilities()

    # What imaplib calls -------------------------------------------------------------------------------------

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """Connect within `CONNECT_S`; implicit TLS included."""
        self.host, self.port = host, port
        self.connection = open_connection(self._endpoint, timeout_s=timeout or CONNECT_S)

    def read(self, size: int) -> bytes:
        """A literal for imaplib, which has no use for a long one."""
        if size > KEEP_LITERAL_BYTES:
            self.misbehaved("the server announced more data than this answer can need")
        return self.read_exactly(size, keep_bytes=size)

    def readline(self) -> bytes:
        """A line for imaplib, put right where imaplib is stricter than servers are (R41)."""
        line = self.read_line()
        while not line:
            line = self.read_line()
        words = line.split(None, 2)
        if words[:1] == [b"*"] or (words and words[0].upper() in self.tagged_commands):
            # imaplib aborts on a bare "tag OK", on tags and on names in lower case (cpython#88574).
            tag, name, rest = (*words, b"", b"")[:3]
            line = b" ".join((tag.upper(), name.upper(), rest))
        return line + b"\r\n"

    def send(self, data: bytes) -> None:  # type: ignore[override]
        """Bytes from imaplib: a command line or an answer to a challenge, so one line end at most, at its end (R31)."""
        refuse_line_breaks(data.removesuffix(b"\r\n"), what="a command argument")
        self.write(data)

    def login(self, user: str, password: str) -> tuple[Literal["OK"], list[bytes]]:
        """LOGIN with both arguments quoted; imaplib sends the user name bare."""
        self._simple_command("LOGIN", quoted(user.encode()), quoted(password.encode()))
        self.state = "AUTH"
        return "OK", [b""]

    def shutdown(self) -> None:
        """Close without a word."""
        if hasattr(self, "connection"):
            self.connection.close()

    def _connect(self) -> None:
        # Typeshed takes both for text; imaplib works on bytes.
        self.tagpre = b"L"  # type: ignore[assignment]
        self.tagre = re.compile(rb"(?P<tag>L\d+) (?P<type>[A-Z]+) (?P<data>.*)", re.ASCII | re.DOTALL)  # type: ignore[arg-type]
        self.welcome = self._get_response()
        if "BYE" in self.untagged_responses:
            self._check_bye()
        if "PREAUTH" in self.untagged_responses:
            self.state = "AUTH"
        elif "OK" in self.untagged_responses:
            self.state = "NONAUTH"
        else:
            self.misbehaved("this does not look like an IMAP server")
        self._get_capabilities()

    def _check_bye(self) -> None:
        if said := self.untagged_responses.get("BYE"):
            self.connection.close()
            text = said[-1]
            raise goodbye(text if isinstance(text, bytes) else text[0])

    def _command_complete(self, name: str, tag: bytes) -> tuple[str, list[bytes]]:
        is_logout = name == "LOGOUT"
        status, data = self._get_tagged_response(tag, expect_bye=is_logout)
        if is_logout or status == "OK":
            return status, data
        is_login = name in ("LOGIN", "AUTHENTICATE") and status == "NO"
        what = "the login" if name in ("LOGIN", "AUTHENTICATE") else name
        raise refusal(what, data[-1] or b"", is_login=is_login)

    def _log(self, line: str) -> None:
        """imaplib keeps the last commands, passwords included, for debugging. We keep nothing."""

    def _mesg(self, s: str, secs: float | None = None) -> None:
        """See `_log`."""


class Client(imapclient.IMAPClient):  # type: ignore[misc]
    """IMAPClient over our `Wire`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        super().__init__(endpoint.host, endpoint.port, ssl=False)
        self.wire.debug = 0  # IMAPClient turns the log of all traffic on

    @property
    def wire(self) -> Wire:
        """The connection below."""
        wire: Wire = self._imap
        return wire

    def _create_IMAP4(self) -> Wire:  # noqa: N802  the name is IMAPClient's
        return Wire(self._endpoint)

    def _set_read_timeout(self) -> None:
        """The deadlines are `Wire`'s."""


def encode_text(text: str, *, what: str) -> bytes:
    """Text as UTF-8. Raises `BadArgument` for line breaks, NUL and halves of characters."""
    refuse_line_breaks(text, what=what)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadArgument(f"{what} holds half a character") from error


def quoted(raw: bytes) -> bytes:
    """A quoted string (RFC 3501 4.3). Bytes outside ASCII pass: a name is addressed as the server spelled it."""
    refuse_line_breaks(raw, what="a command argument")
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _is_status(line: bytes) -> bool:
    """Whether this is `* OK ...` and the like, whose human text may end in anything and carries no literal."""
    return line[2:10].split(b" ", 1)[0].upper() in _STATUS_WORDS
