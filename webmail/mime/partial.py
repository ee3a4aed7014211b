"""message/partial (RFC 2046 5.2.2): one piece of a message that was sent in several."""

from dataclasses import dataclass

from webmail.mime.parameters import parse_parameters
from webmail.mime.part import Message

# More pieces than any sender makes.
_MAX_NUMBER = 10_000


@dataclass(frozen=True, slots=True)
class Partial:
    """Piece `number` (from 1) of `total` of the message `id`; 0 where the piece does not tell."""

    id: str
    number: int
    total: int


def find_partial(message: Message) -> Partial | None:
    """What piece this message is, or None for a whole one."""
    if message.root.type != "message/partial":
        return None
    parameters = parse_parameters(message.root.headers.get_first("content-type"))
    return Partial(parameters.text("id") or "", _number(parameters.text("number")), _number(parameters.text("total")))


def _number(text: str | None) -> int:
    if not text or len(text) > 5 or not text.isascii() or not text.isdigit():
        return 0
    return min(int(text), _MAX_NUMBER)
