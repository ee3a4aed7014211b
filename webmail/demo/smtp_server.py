"""The submission server on aiosmtpd: AUTH is required, SIZE, 8BITMIME and SMTPUTF8 are offered, STARTTLS if wanted.

It only takes mail in; where it goes is `delivery`'s business. A reply of 250 is sent after the mail is delivered.
"""

from __future__ import annotations

import asyncio
import logging
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


class SubmissionHandler:
    """aiosmtpd's hooks: a message that is complete goes to the postman."""

    def __init__(self, postman: Postman) -> None:
        self._postman = postman

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
            protocol = SMTP(
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
