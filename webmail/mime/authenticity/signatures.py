"""Verifying DKIM signatures (RFC 6376) and an ARC chain (RFC 8617) with keys that were looked up before. No network here.

Two steps, because hostile bytes are read in a child that knows no network: `keys_wanted` names the DNS records a message needs,
`verify` is given them. Both are bounded in number, and `verify` runs under the child's limits of time and memory.
"""

import base64
import contextlib
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import dkim
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from dkim.util import InvalidTagValueList, parse_tag_value

from webmail.mime.authenticity.own import CheckedSignature, OwnCheck, dump_check
from webmail.mime.authenticity.statements import domain_of
from webmail.mime.headers import Headers, parse_header_block
from webmail.mime.limited.answer import Answer

MAX_SIGNATURES: Final = 5  # of one message that are verified
MAX_SEALS: Final = 5  # ARC sets; honest chains are shorter, and each costs two keys
MAX_MESSAGE_BYTES: Final = 30_000_000  # more is not verified
MAX_BLANKS: Final = 5_000  # in a row: the library's white space rules take quadratic time on more
MAX_NAME_BYTES: Final = 253
MIN_RSA_BITS: Final = 1024  # RFC 8301 3.2

# The library logs what messages hold; nobody is to read that.
_SILENT: Final = logging.getLogger("dkimpy.silent")
_SILENT.setLevel(logging.CRITICAL + 1)

# Why a key is not here, in place of its record.
NOT_FOUND: Final = ""
NO_ANSWER: Final = None

Keys = Mapping[str, str | None]  # name of the record, lower case, without the last dot -> its text

_NAME = re.compile(rb"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*+)")


def keys_wanted(raw_headers: bytes) -> tuple[str, ...]:
    """Names of the TXT records that the signatures and seals of this header block ask for, each once, in order."""
    headers = parse_header_block(raw_headers)
    wanted: dict[str, None] = {}
    signatures = headers.get_all("dkim-signature")[:MAX_SIGNATURES]
    for value in (*signatures, *_arc_fields(headers)):
        tags = _read_tags(value)
        name = _key_name(tags) if tags is not None else None
        if name is not None:
            wanted[name] = None
    return tuple(wanted)


def _arc_fields(headers: Headers) -> Iterator[bytes]:
    seals = headers.get_all("arc-seal")
    if len(seals) <= MAX_SEALS:
        yield from seals
        yield from headers.get_all("arc-message-signature")[:MAX_SEALS]


def _read_tags(value: bytes) -> dict[bytes, bytes] | None:
    try:
        tags: dict[bytes, bytes] = parse_tag_value(value)
    except (InvalidTagValueList, IndexError):
        return None
    return tags


def _key_name(tags: Mapping[bytes, bytes]) -> str | None:
    """RFC 6376 3.6.2.1."""
    selector, domain = tags.get(b"s", b""), tags.get(b"d", b"")
    name = selector + b"._domainkey." + domain
    if not (_NAME.fullmatch(selector) and _NAME.fullmatch(domain)) or len(name) > MAX_NAME_BYTES:
        return None
    return name.decode("ascii").lower().rstrip(".")


def verify_job(raw: bytes, options: Mapping[str, Any]) -> Answer:
    """The job of the child: options "keys" as `Keys`, "received_at" in seconds since 1970. Answers with `dump_check`."""
    return Answer(dump_check(verify(raw, options["keys"], received_at=options["received_at"])))


def verify(raw: bytes, keys: Keys, *, received_at: float) -> OwnCheck:
    """Check all signatures, the topmost first, and the chain. Never raises because of what the message holds.

    `received_at`: when the message came; a signature that expires counts if it was good then.
    """
    if len(raw) > MAX_MESSAGE_BYTES or _has_long_blanks(raw):
        return OwnCheck(signatures=_none_verified(raw))
    source = _KeySource(keys)
    try:
        message = _Dkim(raw, logger=_SILENT, minkey=MIN_RSA_BITS)
        count = sum(name.lower() == b"dkim-signature" for name, _ in message.headers)
        signatures = tuple(
            _verify_one(message, index, source, received_at) for index in range(min(count, MAX_SIGNATURES))
        )
    except dkim.MessageFormatError:
        # The library refuses headers that we can read: then nothing was verified.
        return OwnCheck(signatures=_none_verified(raw))
    return _with_chain(raw, signatures, source)


def _has_long_blanks(raw: bytes) -> bool:
    return b" " * MAX_BLANKS in raw.replace(b"\t", b" ")


def _none_verified(raw: bytes) -> tuple[CheckedSignature, ...]:
    values = parse_header_block(raw).get_all("dkim-signature")[:MAX_SIGNATURES]
    return tuple(_checked(_read_tags(value) or {}, "neutral") for value in values)


def _checked(tags: Mapping[bytes, bytes], result: str) -> CheckedSignature:
    domain, selector = (tags.get(name, b"").decode("ascii", "replace") for name in (b"d", b"s"))
    return CheckedSignature(domain_of(domain), selector[:MAX_NAME_BYTES], result)


class _KeySource:
    """Stands for DNS. Called by the library as its own function would be."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.last: str | None = NOT_FOUND

    def is_without_answer(self, name: str) -> bool:
        """Whether nobody answered for this record."""
        return self._keys.get(name, NOT_FOUND) is NO_ANSWER

    def __call__(self, name: bytes, timeout: int = 5) -> bytes | None:
        self.last = self._keys.get(name.decode("ascii", "replace").lower().rstrip("."), NOT_FOUND)
        return self.last.encode("ascii", "ignore") if self.last else None


class _Dkim(dkim.DKIM):  # type: ignore[misc]  # the library has no types
    """As the library's, but whether a signature has expired is left to us, since it looks at today's clock; a record that is no
    key is told from a signature that does not fit; and Ed25519 works without another library for cryptography."""

    def verify_headerprep(self, idx: int = 0) -> tuple[dict[bytes, bytes], list[bytes], list[tuple[bytes, bytes]]]:
        fields = [(name, value) for name, value in self.headers if name.lower() == b"dkim-signature"]
        tags: dict[bytes, bytes] = parse_tag_value(fields[idx][1])
        self.signature_fields = tags
        dkim.validate_signature_fields({name: value for name, value in tags.items() if name != b"x"})
        self.domain, self.selector = tags[b"d"], tags[b"s"]
        covered = [name.lower() for name in re.split(rb"(?<!\s)\s*+:\s*+", tags[b"h"])]
        self.include_headers = tuple(covered)
        return tags, covered, fields

    def verify_sig(
        self,
        sig: dict[bytes, bytes],
        include_headers: list[bytes],
        sig_header: tuple[bytes, bytes],
        dnsfunc: "_KeySource",
    ) -> bool:
        name = sig[b"s"] + b"._domainkey." + sig[b"d"] + b"."
        record = dnsfunc(name)
        if not record:
            return False
        try:
            if sig[b"a"] == b"ed25519-sha256":
                key = _Ed25519Key(parse_tag_value(record))
                self.pk, self.keysize, self.ktag, self.seqtlsrpt = key, 256, b"ed25519", False
            else:
                self.pk, self.keysize, self.ktag, self.seqtlsrpt = dkim.evaluate_pk(name, record)
        except (dkim.KeyFormatError, ValueError) as error:
            raise _BadKeyError("the record holds no key for this") from error
        is_good = bool(self.verify_sig_process(sig, include_headers, sig_header, dnsfunc))
        return self.pk.has_fitted if is_good and isinstance(self.pk, _Ed25519Key) else is_good


class _BadKeyError(Exception):
    """A record that is no key."""


class _Ed25519Key:
    """RFC 8463, with the library for cryptography that we have; dkimpy would want another."""

    def __init__(self, tags: Mapping[bytes, bytes]) -> None:
        if tags.get(b"k") != b"ed25519":
            raise dkim.KeyFormatError("no key of this kind")
        self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(tags.get(b"p", b"")))
        self.has_fitted = False

    def verify(self, digest: bytes, signature: bytes) -> None:
        """As PyNaCl's `VerifyKey.verify`, but it keeps the answer."""
        with contextlib.suppress(InvalidSignature):
            self._key.verify(signature, digest)
            self.has_fitted = True


def _verify_one(message: _Dkim, index: int, source: _KeySource, received_at: float) -> CheckedSignature:
    message.signature_fields = {}
    source.last = NOT_FOUND
    try:
        is_good = message.verify(idx=index, dnsfunc=source)
        result = _result(message.signature_fields, source, received_at, is_good=is_good)
    except dkim.ValidationError as error:
        result = "fail" if str(error).startswith("body hash mismatch") else "permerror"
    except (dkim.NaClNotFoundError, dkim.UnknownKeyTypeError):
        result = "neutral"
    except dkim.KeyFormatError:
        result = "neutral"  # a key that is too short
    except (dkim.DKIMException, _BadKeyError, InvalidTagValueList, ArithmeticError, LookupError, TypeError, ValueError):
        result = "permerror"
    return _checked(message.signature_fields, result)


def _result(tags: Mapping[bytes, bytes], source: _KeySource, received_at: float, *, is_good: bool) -> str:
    if source.last is NO_ANSWER:
        return "temperror"
    if not source.last:
        return "permerror"
    if not is_good:
        return "fail"
    expires = tags.get(b"x", b"")
    has_expired = expires.isdigit() and len(expires) < 16 and int(expires) < received_at
    # RFC 8301 3.1 has retired SHA-1; with l= anybody may add to the text; t=y says that the domain only tries it out.
    is_weak = tags.get(b"a", b"").endswith(b"sha1") or b"l" in tags or _is_test(source.last)
    if b"from" not in [name.strip().lower() for name in tags.get(b"h", b"").split(b":")]:
        return "permerror"
    return "neutral" if has_expired or is_weak else "pass"


def _is_test(record: str) -> bool:
    """RFC 6376 3.6.1, t=y."""
    flags = re.search(r"(?:\A|;)\s*+t\s*+=\s*+([^;]*+)", record)
    return flags is not None and "y" in [flag.strip() for flag in flags[1].split(":")]


def _with_chain(raw: bytes, signatures: tuple[CheckedSignature, ...], source: _KeySource) -> OwnCheck:
    headers = parse_header_block(raw)
    seals = len(headers.get_all("arc-seal"))
    if not seals:
        return OwnCheck(signatures)
    if seals > MAX_SEALS:
        return OwnCheck(signatures, arc="fail")
    asked = [name for value in _arc_fields(headers) if (tags := _read_tags(value)) and (name := _key_name(tags))]
    if any(source.is_without_answer(name) for name in asked):
        return OwnCheck(signatures, arc="temperror")
    try:
        state, sets, _ = dkim.ARC(raw, logger=_SILENT, minkey=MIN_RSA_BITS).verify(dnsfunc=source)
    except (dkim.DKIMException, InvalidTagValueList, ArithmeticError, LookupError, TypeError, ValueError):
        return OwnCheck(signatures, arc="fail")
    if state != dkim.CV_Pass or not sets or not _covers_author(headers, sets[0]["instance"]):
        return OwnCheck(signatures, arc="fail")
    domain = domain_of(sets[0]["as-domain"].decode("ascii", "replace"))
    return OwnCheck(signatures, arc="pass", arc_domain=domain, arc_instance=sets[0]["instance"])


def _covers_author(headers: Headers, instance: int) -> bool:
    """Whether the last ARC-Message-Signature covers From and the whole body."""
    for value in headers.get_all("arc-message-signature"):
        tags = _read_tags(value) or {}
        if tags.get(b"i", b"").strip() == b"%d" % instance:
            covered = [name.strip().lower() for name in tags.get(b"h", b"").split(b":")]
            return b"from" in covered and b"l" not in tags and not tags.get(b"a", b"").endswith(b"sha1")
    return False
