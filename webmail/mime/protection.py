"""Whether a message is signed or encrypted, and how: S/MIME (RFC 8551), PGP/MIME (RFC 3156), OpenPGP within the text.

Recognised only. Nothing is verified or decrypted, and a signature that is there says nothing of the sender.
"""

from dataclasses import dataclass
from typing import Final, Literal

from webmail.mime.embedded.smime import MAX_SMIME_BYTES, SMIME_TYPES, smime_kind
from webmail.mime.parameters import parse_parameters
from webmail.mime.part import Message, Part

Kind = Literal[
    "smime-encrypted",
    "smime-signed",
    "smime-signed-opaque",
    "pgp-encrypted",
    "pgp-signed",
    "pgp-inline-encrypted",
    "pgp-inline-signed",
]

# Text looked at for the marks of OpenPGP, octets.
_LOOKED_AT_BYTES: Final = 64 * 1024
# What a file of S/MIME says of itself stands in its first bytes.
_START_BYTES: Final = 400
_MARKS: Final[tuple[tuple[str, Kind], ...]] = (
    ("-----BEGIN PGP MESSAGE-----", "pgp-inline-encrypted"),
    ("-----BEGIN PGP SIGNED MESSAGE-----", "pgp-inline-signed"),
)
_SMIME_SIGNATURES: Final = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})


@dataclass(frozen=True, slots=True)
class Protection:
    """`part_id`: the part that holds the encrypted data, or the signature. `covers_all`: nothing of the message lies outside."""

    kind: Kind
    part_id: str
    covers_all: bool


def find_protection(message: Message) -> Protection | None:
    """The outermost protection of a message, or None. Messages within it are not looked into."""
    if found := _of_part(message.root):
        return Protection(*found, covers_all=_covers_all(message.root, found[0]))
    for part in message.root.walk():
        if not part.is_embedded and part is not message.root and (found := _of_part(part)):
            return Protection(*found, covers_all=False)
    return None


def _of_part(part: Part) -> tuple[Kind, str] | None:
    match part.type:
        case "multipart/encrypted":
            return _of_encrypted(part)
        case "multipart/signed":
            return _of_signed(part)
        case "multipart/mixed":
            return _of_broken_encrypted(part)
        case "text/plain" if part.disposition != "attachment":
            return _of_text(part)
        case _ if part.type in SMIME_TYPES or (part.name and part.name.lower().endswith(".p7m")):
            return _of_smime(part)
        case _:
            return None


def _of_encrypted(part: Part) -> tuple[Kind, str] | None:
    leaves = [one for one in part.parts if one.part_id]
    if not leaves:
        return None
    # RFC 1847 2.2: the second part is the data.
    return "pgp-encrypted", leaves[min(1, len(leaves) - 1)].part_id or ""


def _of_broken_encrypted(part: Part) -> tuple[Kind, str] | None:
    """PGP/MIME whose outer type a gateway (Exchange) has made multipart/mixed."""
    ids = [one for one in part.parts if one.type == "application/pgp-encrypted"]
    data = [one for one in part.parts if one.type == "application/octet-stream" and one.part_id]
    if len(ids) == 1 and data and data[-1].start(27) == b"-----BEGIN PGP MESSAGE-----":
        return "pgp-encrypted", data[-1].part_id or ""
    return None


def _of_signed(part: Part) -> tuple[Kind, str] | None:
    protocol = parse_parameters(part.headers.get_first("content-type")).text("protocol") or ""
    signature = part.parts[-1] if len(part.parts) > 1 else None
    if signature is None or signature.part_id is None:
        return None
    kinds = {protocol.lower(), signature.type}
    if "application/pgp-signature" in kinds:
        return "pgp-signed", signature.part_id
    if kinds & _SMIME_SIGNATURES:
        return "smime-signed", signature.part_id
    return None


def _of_smime(part: Part) -> tuple[Kind, str] | None:
    part_id = part.part_id or "1"
    kind = smime_kind(part.start(_START_BYTES))
    if not kind:
        # The content is not here (a skeleton) or is damaged: the label has to do.
        label = parse_parameters(part.headers.get_first("content-type")).text("smime-type") or ""
        kind = "encrypted" if label.lower() in ("enveloped-data", "authenveloped-data") else ""
        kind = "signed" if label.lower() == "signed-data" else kind
    elif kind == "signed" and not part.parts and part.size_bytes <= MAX_SMIME_BYTES:
        # Certificates alone, or a signature without what it signs.
        return None
    if kind == "encrypted":
        return "smime-encrypted", part_id
    return ("smime-signed-opaque", part_id) if kind == "signed" else None


def _of_text(part: Part) -> tuple[Kind, str] | None:
    start = part.start(_LOOKED_AT_BYTES)
    if b"-----BEGIN PGP " not in start:
        return None
    lines = {line.strip() for line in part.text(_LOOKED_AT_BYTES)[0].split("\n")}
    return next(((kind, part.part_id or "1") for mark, kind in _MARKS if mark in lines), None)


def _covers_all(root: Part, kind: Kind) -> bool:
    if not kind.startswith("pgp-inline"):
        return root.type != "multipart/mixed"
    # What stands in front of the mark, or behind the end, is not protected.
    text = root.text(_LOOKED_AT_BYTES)[0].strip()
    return text.startswith("-----BEGIN PGP ") and text.endswith(
        ("-----END PGP MESSAGE-----", "-----END PGP SIGNATURE-----")
    )
