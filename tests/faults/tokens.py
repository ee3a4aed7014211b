"""Marks by which the judge knows a message again, in the sink, in Sent and in the rows. No Django here."""

import re
from collections import Counter
from collections.abc import Iterable
from secrets import token_hex

TOKEN = re.compile(rb"token-[0-9a-f]{16}")


def new_token() -> str:
    """A mark for one message: put it into the subject."""
    return f"token-{token_hex(8)}"


def count_tokens(messages: Iterable[bytes]) -> Counter[str]:
    """How many of the messages carry each token; one message counts once, however often it names it."""
    return Counter(token.decode() for raw in messages for token in set(TOKEN.findall(raw)))


def new_tokens(count: int) -> list[str]:
    """So many marks."""
    return [new_token() for _ in range(count)]
