"""Which sections of a large message its text lies in, and the skeleton made from them (sync Y28 stage 2). Pure.

BODYSTRUCTURE -> wanted_sections -> one FETCH for all messages that want the same ones -> assemble -> skeleton
                        |-- None: nothing to save, or too odd          |-- None: the server's tree is not ours
                        `------------------------------ the whole message is fetched
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from webmail.mime import skeleton
from webmail.mime.skeleton import Entity
from webmail.protocols.imap.types import BodyStructure

MAX_LEAVES = 100  # parts of one message; more make the command longer than the message is worth
MAX_TEXT_BYTES = 2_097_152  # of one message in all, held in memory
_REPORT = "multipart/report"  # what a report is about stands in its parts, large or small (RFC 6522)
SLACK_BYTES = 256  # for each section: delimiters, a preamble


def wanted_sections(structure: BodyStructure) -> tuple[str, ...] | None:
    """The sections to ask for; None when the message is better fetched whole."""
    if structure.type == _REPORT:
        return None
    leaves = list(_leaves(structure))
    if not leaves or len(leaves) > MAX_LEAVES or not all(leaf.size_bytes for leaf in leaves):
        return None  # an empty part is often one that the server and we see differently
    kept = [leaf for leaf in leaves if _is_kept(leaf)]
    left_out = [leaf for leaf in leaves if not _is_kept(leaf)]
    if any(skeleton.is_shown_text(leaf.type, leaf.disposition) for leaf in left_out):
        return None
    if sum(leaf.size_bytes for leaf in kept) > MAX_TEXT_BYTES:
        return None
    if sum(leaf.size_bytes for leaf in left_out) < skeleton.MIN_SAVING_BYTES:
        return None
    mime_headers = [f"{node.part_id}.MIME" for node in _nodes(structure) if node is not structure]
    return ("HEADER", *mime_headers, *(leaf.part_id for leaf in kept))


def assemble(structure: BodyStructure, sections: Mapping[str, bytes], *, size_bytes: int = 0) -> bytes | None:
    """The skeleton, from what the server gave for `wanted_sections`; None when they do not make one, or when the parts are
    much less than the message of `size_bytes` (0: not known): then something lies outside of them."""
    headers = sum(len(raw) for name, raw in sections.items() if name.endswith(("HEADER", "MIME")))
    if size_bytes - headers - sum(leaf.size_bytes for leaf in _leaves(structure)) > SLACK_BYTES * (len(sections) + 1):
        return None
    try:
        root = _entity(structure, sections, header=sections["HEADER"])
    except KeyError:
        return None  # the server left a section out
    return skeleton.build_skeleton(root)


def _is_kept(leaf: BodyStructure) -> bool:
    return skeleton.is_kept(leaf.type, leaf.disposition, leaf.size_bytes)


def _entity(node: BodyStructure, sections: Mapping[str, bytes], *, header: bytes) -> Entity:
    if _is_multipart(node):
        parts = tuple(_entity(part, sections, header=sections[f"{part.part_id}.MIME"]) for part in node.parts)
        return Entity(None, header, parts=parts)
    if _is_kept(node):
        return Entity(node.part_id, header, sections[node.part_id])
    return Entity(node.part_id, header, None, skeleton.decoded_size(node.size_bytes, node.encoding))


def _is_multipart(node: BodyStructure) -> bool:
    return node.type.startswith("multipart/")


def _nodes(node: BodyStructure) -> Iterator[BodyStructure]:
    """The entities of the message itself; what an enclosed message holds is its content."""
    yield node
    if _is_multipart(node):
        for part in node.parts:
            yield from _nodes(part)


def _leaves(structure: BodyStructure) -> Iterator[BodyStructure]:
    return (node for node in _nodes(structure) if not _is_multipart(node))
