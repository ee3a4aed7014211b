"""Tokens of IMAP answers: one linear pass over the bytes, whatever the server sent (security R38, R39).

An answer arrives as text in which each literal is replaced by a marker `{n}` + LF that names its place in a list, so a
literal can hold anything and a `{5}` inside a quoted string means nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Possessive all through: no input makes it go back. An unterminated string runs to the end and stays recognisable.
_TOKENS = re.compile(rb'\(|\)|"[^"\\]*+(?:\\.[^"\\]*+)*+"?|\{\d++\}\n|[^\s()"{]++', re.DOTALL).findall
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)

MAX_DEPTH = 100  # of nested lists; security R39, Postfix allows as many MIME levels

Node = bytes | None | list["Node"]


class BadSyntax(ValueError):
    """These bytes follow no grammar we know. The caller leaves this answer out."""


class TooComplex(BadSyntax):
    """Nested deeper than `MAX_DEPTH`."""


def tokenize(text: bytes) -> list[bytes]:
    """All tokens, still quoted. Characters that begin no token are left out."""
    tokens: list[bytes] = _TOKENS(text)
    return tokens


def token_value(token: bytes, literals: Sequence[bytes]) -> bytes | None:
    """The bytes a token stands for: unquoted, or the literal; NIL is None. Raises `BadSyntax`."""
    first = token[:1]
    if first == b'"':
        if len(token) < 2 or token[-1:] != b'"':
            raise BadSyntax("a string without an end")
        inner = token[1:-1]
        return _ESCAPED.sub(rb"\1", inner) if b"\\" in inner else inner
    if first == b"{":
        index = int(token[1:-2])
        if index >= len(literals):
            raise BadSyntax("a literal that was never sent")
        return literals[index]
    if first in (b"(", b")"):
        raise BadSyntax("a list where a string belongs")
    return None if token.upper() == b"NIL" else token


def read_node(tokens: Sequence[bytes], at: int, literals: Sequence[bytes]) -> tuple[Node, int]:
    """The value that begins at token `at`, as nested lists, and the index after it.

    Raises `TooComplex` beyond `MAX_DEPTH`, else `BadSyntax`.
    """
    if tokens[at] != b"(":
        return token_value(tokens[at], literals), at + 1
    stack: list[list[Node]] = []
    current: list[Node] = []
    add = current.append
    at += 1
    for index in range(at, len(tokens)):
        token = tokens[index]
        if token == b"(":
            if len(stack) >= MAX_DEPTH:
                raise TooComplex("nested too deep")
            stack.append(current)
            current = []
            add = current.append
        elif token == b")":
            if not stack:
                return current, index + 1
            parent = stack.pop()
            parent.append(current)
            current = parent
            add = current.append
        elif token == b"NIL":
            add(None)
        elif token[0] == 34 and token[-1] == 34 and len(token) > 1 and b"\\" not in token:
            add(token[1:-1])
        else:
            add(token_value(token, literals))
    raise BadSyntax("a list without an end")


def skip_node(tokens: Sequence[bytes], at: int) -> int:
    """The index after the value that begins at token `at`, at any depth. Raises `BadSyntax`."""
    depth = 0
    for index in range(at, len(tokens)):
        token = tokens[index]
        if token == b"(":
            depth += 1
        elif token == b")":
            depth -= 1
        if depth <= 0:
            return index + 1
    raise BadSyntax("a list without an end")


def read_number(token: bytes | None, *, highest: int) -> int | None:
    """A number from 0 to `highest`, else None: no value out of range gets further (security R38)."""
    if token is None or not token.isdigit() or len(token) > 20:
        return None
    number = int(token)
    return number if number <= highest else None
