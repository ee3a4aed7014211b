"""BODYSTRUCTURE (RFC 3501 7.4.2) from nested lists to `BodyStructure`. Tolerant: a server's slip loses a field, not the part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webmail.protocols.imap.tokens import BadSyntax, Node, read_number
from webmail.protocols.imap.types import BodyStructure

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_SIZE = 0x7FFF_FFFF_FFFF_FFFF
_NONE: Mapping[str, str] = {}


def build_structure(node: Node, part_id: str = "") -> BodyStructure:
    """Raises `BadSyntax` when the node is no body at all. The depth is bounded by `tokens.MAX_DEPTH`."""
    if not isinstance(node, list) or not node:
        raise BadSyntax("not a body")
    if isinstance(node[0], list):
        return _multipart(node, part_id)
    return _single(node, part_id or "1")


def _multipart(node: list[Node], part_id: str) -> BodyStructure:
    count = 0
    prefix = part_id.removesuffix(".TEXT")
    prefix = prefix + "." if prefix else ""
    parts = []
    for child in node:
        if not isinstance(child, list):
            break
        count += 1
        parts.append(build_structure(child, prefix + str(count)))
    rest = node[count:]
    subtype = rest[0] if rest else None
    disposition, disposition_parameters = _disposition(rest[2] if len(rest) > 2 else None)
    return BodyStructure(
        part_id,
        "multipart/" + (_lower(subtype) or "mixed"),
        _parameters(rest[1] if len(rest) > 1 else None),
        disposition,
        disposition_parameters,
        None,
        "",
        0,
        tuple(parts),
    )


def _single(node: list[Node], part_id: str) -> BodyStructure:
    if len(node) < 7:
        node = node + [None] * (7 - len(node))
    main, sub, parameters, cid, _, encoding, size = node[:7]
    kind = f"{_lower(main) or 'application'}/{_lower(sub) or 'octet-stream'}"
    parts: tuple[BodyStructure, ...] = ()
    after = 7  # index of the MD5 field, the first of the extension data
    if kind.startswith("text/"):
        after = 8  # lines
    elif kind in ("message/rfc822", "message/global") and len(node) > 9 and isinstance(node[8], list):
        after = 10  # envelope, body, lines
        parts = (_enclosed(node[8], part_id),)
    disposition, disposition_parameters = _disposition(node[after + 1] if len(node) > after + 1 else None)
    return BodyStructure(
        part_id,
        kind,
        _parameters(parameters),
        disposition,
        disposition_parameters,
        _text(cid).strip("<> ") if isinstance(cid, bytes) else None,
        _lower(encoding),
        (read_number(size, highest=_MAX_SIZE) or 0) if isinstance(size, bytes) else 0,
        parts,
    )


def _enclosed(node: list[Node], part_id: str) -> BodyStructure:
    # RFC 3501 6.4.5: the parts of an enclosed multipart are numbered below the enclosing part.
    if node and isinstance(node[0], list):
        return build_structure(node, part_id + ".TEXT")
    return build_structure(node, part_id + ".1")


def _disposition(node: Node) -> tuple[str | None, Mapping[str, str]]:
    if isinstance(node, bytes):  # Some servers leave out the parameters and the list.
        return _lower(node), _NONE
    if not isinstance(node, list) or not node or not isinstance(node[0], bytes):
        return None, _NONE
    return _lower(node[0]), _parameters(node[1] if len(node) > 1 else None)


def _parameters(node: Node) -> Mapping[str, str]:
    if not isinstance(node, list):
        return _NONE
    found: dict[str, str] = {}
    for index in range(0, len(node) - 1, 2):
        name, value = node[index], node[index + 1]
        if isinstance(name, bytes) and isinstance(value, bytes):
            found.setdefault(_lower(name), _text(value))
    return found


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _lower(value: Node) -> str:
    return value.decode("ascii", "replace").lower() if isinstance(value, bytes) else ""
