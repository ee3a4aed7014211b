"""A query that cannot be understood: an error at its place, never a guess."""

from __future__ import annotations


class QueryFault(Exception):
    """`str()` of it is a sentence for people. `position` and `end` count characters from the beginning of the query."""

    def __init__(self, message: str, position: int, end: int | None = None) -> None:
        super().__init__(message)
        self.position = position
        self.end = position if end is None else end
