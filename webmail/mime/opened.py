"""A message as a job gets it: whole or as a skeleton, or one that lies within another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from webmail.mime.parse import parse_message
from webmail.mime.part import Message
from webmail.mime.skeleton import parse_skeleton

MAX_NESTED: Final = 10  # messages within messages that are opened


class NoSuchPart(LookupError):
    """There is no message at this place."""


def open_message(raw: bytes, options: Mapping[str, Any]) -> Message:
    """Options: "is_skeleton", and "nested", the part ids on the way to a message within the message.

    Raises `NoSuchPart` and `MessageTooLargeError`.
    """
    message = parse_skeleton(raw) if options.get("is_skeleton") else parse_message(raw)
    return descend(message, options.get("nested", ()))


def descend(message: Message, nested: Sequence[str]) -> Message:
    """The message at the end of these part ids. Raises `NoSuchPart`."""
    if len(nested) > MAX_NESTED:
        raise NoSuchPart("too deep")
    for part_id in nested:
        part = message.part(part_id)
        if part is None or part.parser is None or part_id in message.left_out:
            raise NoSuchPart(part_id)
        message = part.nested()
    return message
