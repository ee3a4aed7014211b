"""One part of a message, found by its number: where every job on an attached file begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webmail.mime.opened import NoSuchPart, open_message
from webmail.mime.part import Part

__all__ = ["NoSuchPart", "open_part"]


def open_part(raw: bytes, options: Mapping[str, Any]) -> Part:
    """The part `options["part_id"]` of the message that `open_message` finds by the other options.

    Raises `NoSuchPart`, also when its content is not here, and `MessageTooLargeError`.
    """
    message = open_message(raw, options)
    part_id = options["part_id"]
    part = message.part(part_id)
    if part is None or part_id in message.left_out:
        raise NoSuchPart(part_id)
    return part
