"""Why something was not fetched, by cause, besides what `webmail.protocols.errors` names for every connection."""

from __future__ import annotations

from webmail.protocols.errors import ProtocolError


class AddressUnusable(ProtocolError):
    """Not an address we ask: another scheme, a port of another service, or no host. Nothing was sent. Do not retry."""


class AnswerRefused(ProtocolError):
    """The server answered with what is not taken. Do not retry soon: it would say the same."""


class StatusRefused(AnswerRefused):
    """It answered with a status other than 200. `status` is the number; 5xx may pass, the rest will not."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered with status {status}")
        self.status = status


class TooLarge(AnswerRefused):
    """More bytes than are taken (security R19). What had come is dropped."""


class TooManyRedirects(AnswerRefused):
    """It leads on and on (security R19)."""


class StillEncoded(AnswerRefused):
    """It is compressed though we asked for it plain: a few bytes could become gigabytes (security R19)."""
