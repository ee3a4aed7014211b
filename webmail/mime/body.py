"""Which parts are the body and which are attachments: the algorithm of RFC 8621 section 4.1.4, literally.

Beyond it: the parts inside of a leaf (see `part`) are looked at as if they stood behind it, and the resource fork of a file
from a Mac is no file of its own (RFC 1740).
"""

import re
from dataclasses import dataclass, field

from webmail.mime.embedded.find import is_blank
from webmail.mime.part import Part

_MEDIA = ("image/", "audio/", "video/")
_CID = re.compile(r"cid:([^\s\"'<>()]{1,500})", re.IGNORECASE)
# HTML looked at for references to images, octets.
_MAX_CID_SOURCE_BYTES = 2_000_000
# Parts that make a message secure: nobody has attached them.
_SIGNATURE_TYPES = frozenset(
    {
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-signature",
        "application/pgp-encrypted",
    }
)


@dataclass(frozen=True, slots=True)
class BodyParts:
    """`text_body` and `html_body`: what to show, in order, for each preference; `attachments`: the rest.

    `has_attachment`: one of `attachments` is not inline, is no image that the HTML shows by `cid:`, no signature, and
    no wrapping whose content is shown in its place.
    """

    text_body: tuple[Part, ...]
    html_body: tuple[Part, ...]
    attachments: tuple[Part, ...]
    has_attachment: bool


@dataclass(slots=True)
class _Lists:
    text_body: list[Part] = field(default_factory=list)
    html_body: list[Part] = field(default_factory=list)
    attachments: list[Part] = field(default_factory=list)


def decompose(root: Part) -> BodyParts:
    """The body parts and attachments of a message (jmap.md section 10)."""
    lists = _Lists()
    _parse_structure((root,), "mixed", False, lists, lists.html_body, lists.text_body)  # noqa: FBT003 - as in the RFC
    return BodyParts(
        tuple(lists.text_body),
        tuple(lists.html_body),
        tuple(lists.attachments),
        _has_attachment(lists.attachments, lists.html_body),
    )


def _is_inline_media_type(part_type: str) -> bool:
    return part_type.startswith(_MEDIA)


def _is_inline(part: Part, index: int, multipart_type: str) -> bool:
    if part.disposition == "attachment":
        return False
    if part.type not in ("text/plain", "text/html") and not _is_inline_media_type(part.type):
        return False
    return index == 0 or (multipart_type != "related" and (_is_inline_media_type(part.type) or not part.name))


def _parse_structure(
    parts: tuple[Part, ...],
    multipart_type: str,
    in_alternative: bool,  # noqa: FBT001 - as in the RFC
    lists: _Lists,
    html_body: list[Part] | None,
    text_body: list[Part] | None,
) -> None:
    """`parseStructure` of the RFC. A list that is None is switched off for this branch."""
    text_length = len(text_body) if text_body is not None else -1
    html_length = len(html_body) if html_body is not None else -1
    for index, part in enumerate(parts):
        if part.is_multipart:
            sub_type = part.type.partition("/")[2]
            is_alternative = in_alternative or sub_type == "alternative"
            _parse_structure(_shown_parts(part), sub_type, is_alternative, lists, html_body, text_body)
        elif not _is_inline(part, index, multipart_type):
            lists.attachments.append(part)
        elif multipart_type == "alternative":
            _add_alternative(part, lists, html_body, text_body)
        else:
            if in_alternative:
                html_body = None if part.type == "text/plain" else html_body
                text_body = None if part.type == "text/html" else text_body
            _add_inline(part, lists, html_body, text_body)
        if part.parts and not part.is_multipart:
            _add_embedded(part, lists, html_body, text_body)
    if multipart_type == "alternative" and text_body is not None and html_body is not None:
        _serve_both(html_body, html_length, text_body, text_length)


def _serve_both(html_body: list[Part], html_length: int, text_body: list[Part], text_length: int) -> None:
    """Only one of the two forms was found: it serves as the other as well."""
    if text_length == len(text_body) and html_length != len(html_body):
        text_body.extend(html_body[html_length:])
    if html_length == len(html_body) and text_length != len(text_body):
        html_body.extend(text_body[text_length:])


def _shown_parts(multipart: Part) -> tuple[Part, ...]:
    """The parts of a multipart without the resource fork of a file of a Mac."""
    if multipart.type != "multipart/appledouble":
        return multipart.parts
    return tuple(part for part in multipart.parts if part.type != "application/applefile") or multipart.parts


def _add_embedded(part: Part, lists: _Lists, html_body: list[Part] | None, text_body: list[Part] | None) -> None:
    """The parts inside of a leaf: files are attached, the body of a winmail.dat and what is signed in one piece is shown."""
    first = part.parts[0]
    if first.part_id in (None, f"{part.part_id}.s1"):
        _parse_structure(part.parts, "mixed", False, lists, html_body, text_body)  # noqa: FBT003 - as in the RFC
        return
    files = part.parts
    if first.part_id == f"{part.part_id}.b1" and first.disposition is None:
        files = files[1:]
        _add_wrapped_body(first, html_body, text_body)
    lists.attachments.extend(one for file in files for one in file.walk())


def _add_wrapped_body(body: Part, html_body: list[Part] | None, text_body: list[Part] | None) -> None:
    """HTML in a winmail.dat is the other form of the plain text in front of it, as in multipart/alternative."""
    if html_body is not None:
        if body.type == "text/html":
            html_body[:] = [one for one in html_body if one.type != "text/plain"]
        html_body.append(body)
    if text_body is not None and all(map(is_blank, text_body)):
        text_body.append(body)


def _add_alternative(part: Part, lists: _Lists, html_body: list[Part] | None, text_body: list[Part] | None) -> None:
    target = {"text/plain": text_body, "text/html": html_body}.get(part.type, lists.attachments)
    # The RFC's code would fail where a list is off in a nested alternative: the part is not lost, it is attached.
    (lists.attachments if target is None else target).append(part)


def _add_inline(part: Part, lists: _Lists, html_body: list[Part] | None, text_body: list[Part] | None) -> None:
    if text_body is not None:
        text_body.append(part)
    if html_body is not None:
        html_body.append(part)
    # The RFC names media alone; a text for which both lists are off would be lost.
    is_off = text_body is None and html_body is None
    if is_off or ((text_body is None or html_body is None) and _is_inline_media_type(part.type)):
        lists.attachments.append(part)


def _has_attachment(attachments: list[Part], html_body: list[Part]) -> bool:
    candidates = [
        part
        for part in attachments
        if part.disposition != "inline" and not part.parts and part.type not in _SIGNATURE_TYPES
    ]
    if not candidates:
        return False
    if any(not part.cid or not part.type.startswith("image/") for part in candidates):
        return True
    shown = _referenced_cids(html_body)
    return any(part.cid not in shown for part in candidates)


def _referenced_cids(html_body: list[Part]) -> set[str]:
    from_html: set[str] = set()
    for part in html_body:
        if part.type == "text/html":
            from_html.update(_CID.findall(part.text(_MAX_CID_SOURCE_BYTES)[0]))
    return from_html
