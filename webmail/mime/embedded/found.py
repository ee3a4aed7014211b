"""What a look into a text finds: where a file stands in it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file at `content[start:end]`, its marks included. `encoding`: as `transfer.decode_transfer` knows it.

    `name`: as it stood. `is_cut`: its end is missing. `number` of `total_bytes`: a piece of a file of several messages, else 0.
    """

    name: bytes
    start: int
    end: int
    encoding: str
    is_cut: bool = False
    number: int = 0
    total_bytes: int = 0
