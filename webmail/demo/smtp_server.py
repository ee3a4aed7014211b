"""The submission server on aiosmtpd: AUTH is required, SIZE, 8BITMIME, SMTPUTF8 and CHUNKING are offered, STARTTLS if wanted.

It only takes mail in; where it goes is `delivery`'s business. A reply of 250 is sent after the mail is delivered.
"""

from __future__ import annotations

import asyncio
import logging
import re
import warnings
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from aiosmtpd.smtp import Envelope as SmtpEnvelope
from aiosmtpd.smtp import Session as SmtpSession

from webmail.demo.addresses import MTA_NAME
from webmail.demo.delivery import Envelope, Postman
from webmail.demo.loopback import require_loopback

if TYPE_CHECKING:
    import ssl

    from webmail.demo.store import DemoStore

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
MAX_SIZE_DIGITS = 9  # of a chunk; nobody sends a gigabyte in one
READ_BYTES = 65_536

_CHUNK = re.compile(r"([0-9]+)( LAST)?", re.IGNORECASE)


class ChunkingSmtp(SMTP):
    """aiosmtpd with BDAT (RFC 3030). A chunk is read whole before it is answered; only the last one delivers."""

    async def smtp_BDAT(self, arg: str | None) -> None:  # noqa: N802
        """`BDAT size [LAST]` and so many octets. The name is aiosmtpd's."""
        words = _CHUNK.fullmatch(arg or "")
        if words is None or len(words[1]) > MAX_SIZE_DIGITS:
            await self.push("501 5.5.4 Syntax: BDAT size [LAST]")
            return
        left = int(words[1])
        octets = bytearray()
        while left:
            piece = await self._reader.readexactly(min(left, READ_BYTES))
            left -= len(piece)
            if len(octets) <= MAX_MESSAGE_BYTES:
                octets += piece
        await self.push(await self._take_chunk(bytes(octets), is_last=bool(words[2])))

    async def _take_chunk(self, octets: bytes, *, is_last: bool) -> str:
        envelope = self.envelope
        if envelope is None or self.session is None or not envelope.rcpt_tos:
            return "503 5.5.1 RCPT first"
        content = (envelope.original_content or b"") + octets
        if len(content) > MAX_MESSAGE_BYTES:
            self.envelope = SmtpEnvelope()
            return "552 5.3.4 The message is too large"
        envelope.content = envelope.original_content = content
        if not is_last:
            return f"250 2.0.0 {len(octets)} octets received"
        status = await self.event_handler.handle_DATA(self, self.session, envelope)
        self.envelope = SmtpEnvelope()
        return str(status)


class SubmissionHandler:
    """aiosmtpd's hooks: a message that is complete goes to the postman."""

    def __init__(self, postman: Postman) -> None:
        self._postman = postman

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: SmtpSession, envelope: SmtpEnvelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Offer what aiosmtpd does not know. The name is aiosmtpd's."""
        session.host_name = hostname
        return [*responses[:-1], "250-CHUNKING", *responses[-1:]]

    async def handle_DATA(self, server: SMTP, session: SmtpSession, envelope: SmtpEnvelope) -> str:  # noqa: N802
        """Deliver and answer. The name is aiosmtpd's."""
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        recipients = tuple(str(one) for one in envelope.rcpt_tos)
        self._postman.deliver(Envelope(sender=envelope.mail_from or "", recipients=recipients), content)
        return "250 2.0.0 Message accepted for delivery"


class SubmissionServer:
    """Accepts mail of the store's users on loopback."""

    def __init__(
        self,
        store: DemoStore,
        postman: Postman,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        requires_tls: bool = False,
    ) -> None:
        self.host = require_loopback(host)
        self.port = port
        self._store = store
        self._handler = SubmissionHandler(postman)
        self._ssl_context = ssl_context
        self._requires_tls = requires_tls
        self._server: asyncio.Server | None = None
        self._protocols: set[SMTP] = set()

    async def start(self) -> None:
        """Bind and listen."""
        loop = asyncio.get_running_loop()
        # aiosmtpd logs every line it reads, AUTH with its password among them.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        self._server = await loop.create_server(self._make_protocol, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def _make_protocol(self) -> SMTP:
        with warnings.catch_warnings():
            # aiosmtpd warns that AUTH without TLS is unwise. On loopback, with published passwords, it is the point.
            warnings.simplefilter("ignore", UserWarning)
            protocol = ChunkingSmtp(
                self._handler,
                hostname=MTA_NAME,
                ident="Pillarbox demo server",
                data_size_limit=MAX_MESSAGE_BYTES,
                enable_SMTPUTF8=True,
                auth_required=True,
                auth_require_tls=self._requires_tls,
                require_starttls=self._requires_tls,
                tls_context=self._ssl_context,
                authenticator=self._authenticate,
                loop=asyncio.get_running_loop(),
            )
        self._protocols = {one for one in self._protocols if one.transport is not None}
        self._protocols.add(protocol)
        return protocol

    def _authenticate(self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        user, password = data.login.decode("utf-8", "replace"), data.password.decode("utf-8", "replace")
        # handled=False lets aiosmtpd answer 535 itself.
        return AuthResult(success=self._store.is_password(user, password), handled=False)

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        for protocol in self._protocols:
            if isinstance(protocol.transport, asyncio.Transport):
                protocol.transport.abort()
        await asyncio.sleep(0)
