"""Who sends and who receives, as MAIL and RCPT commands (RFC 5321 4.1.1.2, RFC 1870, RFC 3461, RFC 6531). Pure.

An address becomes part of a command line here and nowhere else, so this is where a line break, a bracket or a space that
would add a command or a parameter is refused (security R32).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from webmail.protocols.errors import BadArgument, PermanentlyRefused
from webmail.protocols.guard import refuse_line_breaks
from webmail.protocols.smtp.replies import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONTROL = r"\x00-\x20\x7f-\xa0"
_ADDRESS = re.compile(
    rf'(?P<local>[^{_CONTROL}<>()\[\]\\,;:@"]+|"(?:[^{_CONTROL}"\\]|[ ]|\\[\x20-\x7e])*")'
    rf'@(?P<domain>\[[0-9A-Za-z:.\-]+\]|[^{_CONTROL}<>()\[\]\\,;:@"]+)'
)
_DEVIATIONS = re.compile("[\u00df\u03c2\u200c\u200d]")  # IDNA 2003 maps these away: "faß" would reach "fass"
_IDEOGRAPHIC_STOPS = re.compile("[\u3002\uff0e\uff61]")

NOTIFY_WORDS = frozenset({"NEVER", "SUCCESS", "FAILURE", "DELAY"})  # RFC 3461 4.1


@dataclass(frozen=True)
class Envelope:
    """One submission. `mail_from` may be empty (RFC 5321 4.5.5); `rcpt_to` holds at least one address, doubles count once.

    `requires_smtputf8` says that the message needs it (RFC 6532); a local part beyond ASCII needs it too.
    `ret` ("FULL", "HDRS" or empty), `envid` and `notify` ask for delivery reports and are left out, without an error,
    when the server does not offer DSN: look at `supports("DSN")` to know.
    """

    mail_from: str
    rcpt_to: tuple[str, ...]
    requires_smtputf8: bool = False
    ret: str = ""
    envid: str = ""
    notify: tuple[str, ...] = ()


@dataclass(frozen=True)
class EnvelopeResult:
    """What the server said to MAIL and to each recipient. Without a positive `mail_reply` no recipient was tried."""

    mail_reply: Reply
    recipient_replies: dict[str, Reply]

    @property
    def accepted(self) -> tuple[str, ...]:
        """The recipients who will get the message if the data is accepted."""
        return tuple(address for address, reply in self.recipient_replies.items() if reply.is_positive)


def envelope_commands(
    envelope: Envelope, *, size_bytes: int, body_8bit: bool, capabilities: Mapping[str, str]
) -> tuple[bytes, dict[str, bytes]]:
    """The MAIL command and the RCPT command of each recipient, each with its CRLF.

    `size_bytes` is the length of the message with CRLF line ends, before dots are doubled (RFC 1870 5).
    Raises `BadArgument` for an address or option the wire cannot carry, `PermanentlyRefused` when the server lacks what
    the message needs or takes no message of that size.
    """
    _check_options(envelope)
    if size_bytes < 0:
        raise BadArgument("the size of a message is not negative")
    utf8 = envelope.requires_smtputf8 or any(
        not local.isascii() for local, _ in map(split_address, (*envelope.rcpt_to, envelope.mail_from)) if local
    )
    mail_path = wire_path(envelope.mail_from, utf8=utf8) if envelope.mail_from else "<>"
    recipients = {address: wire_path(address, utf8=utf8) for address in envelope.rcpt_to}
    _check_capabilities(size_bytes=size_bytes, utf8=utf8, body_8bit=body_8bit, capabilities=capabilities)

    mail = [f"MAIL FROM:{mail_path}"]
    if "SIZE" in capabilities:
        mail.append(f"SIZE={size_bytes}")
    if body_8bit:
        mail.append("BODY=8BITMIME")
    if utf8:
        mail.append("SMTPUTF8")
    notify = ""
    if "DSN" in capabilities:
        mail += [f"RET={envelope.ret}"] if envelope.ret else []
        mail += [f"ENVID={xtext(envelope.envid)}"] if envelope.envid else []
        notify = f" NOTIFY={','.join(envelope.notify)}" if envelope.notify else ""
    commands = {address: f"RCPT TO:{path}{notify}\r\n".encode() for address, path in recipients.items()}
    return f"{' '.join(mail)}\r\n".encode(), commands


def _check_options(envelope: Envelope) -> None:
    if not envelope.rcpt_to:
        raise BadArgument("a submission needs a recipient")
    if envelope.ret not in {"", "FULL", "HDRS"}:
        raise BadArgument("RET is neither FULL nor HDRS")
    if not NOTIFY_WORDS.issuperset(envelope.notify) or ("NEVER" in envelope.notify and len(envelope.notify) > 1):
        raise BadArgument("NOTIFY is NEVER, or a choice of SUCCESS, FAILURE and DELAY")
    if not envelope.envid.isascii() or not envelope.envid.isprintable() or len(envelope.envid) > 100:
        raise BadArgument("ENVID is not up to 100 printable ASCII characters")


def _check_capabilities(*, size_bytes: int, utf8: bool, body_8bit: bool, capabilities: Mapping[str, str]) -> None:
    """Refuse what the server would refuse or, worse, spoil. The codes are those of RFC 3463 and RFC 6531 3.6."""
    if utf8 and "SMTPUTF8" not in capabilities:
        raise PermanentlyRefused("the mail server does not accept international addresses or headers", code="5.6.7")
    if body_8bit and "8BITMIME" not in capabilities:
        raise PermanentlyRefused("the mail server does not accept 8-bit text", code="5.6.3")
    limit = parse_max_size(capabilities)
    if limit is not None and size_bytes > limit:
        raise PermanentlyRefused(f"the message has {size_bytes} bytes, the mail server accepts {limit}", code="5.3.4")


def parse_max_size(capabilities: Mapping[str, str]) -> int | None:
    """The largest message the server takes, in bytes; None when it does not say or says 0 (RFC 1870 4)."""
    value = capabilities.get("SIZE", "").strip()
    if not re.fullmatch(r"[0-9]{1,20}", value):
        return None
    return int(value) or None


def split_address(address: str) -> tuple[str, str]:
    """Local part and domain, both as written; ("", "") for the empty reverse path. Raises `BadArgument`."""
    if not address:
        return "", ""
    refuse_line_breaks(address, what="an address")
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise BadArgument("an address is not of the form local-part@domain")
    return found["local"], found["domain"]


def wire_path(address: str, *, utf8: bool) -> str:
    """The address in angle brackets. Without `utf8` the domain is written in ASCII (RFC 5890). Raises `BadArgument`."""
    local, domain = split_address(address)
    if not local:
        raise BadArgument("a recipient has no address")
    if not utf8:
        domain = ascii_domain(domain)
    return f"<{local}@{domain}>"


def ascii_domain(domain: str) -> str:
    """A domain in A-labels. Raises `BadArgument` for a name that has none."""
    if domain.isascii():
        return domain
    labels = _IDEOGRAPHIC_STOPS.sub(".", domain).split(".")
    try:
        return ".".join(_ascii_label(label) for label in labels)
    except UnicodeError as error:
        raise BadArgument("the domain of an address is not a valid international name") from error


def _ascii_label(label: str) -> str:
    if not _DEVIATIONS.search(label):
        return label.encode("idna").decode() if not label.isascii() else label
    lowered = unicodedata.normalize("NFC", label.lower())
    encoded = "xn--" + lowered.encode("punycode").decode()
    if len(encoded) > 63:
        raise UnicodeError("label too long")
    return encoded


def xtext(value: str) -> str:
    """Printable ASCII as a parameter value: "+", "=" and space become "+" and two hex digits (RFC 3461 4)."""
    return "".join(char if char not in "+= " else f"+{ord(char):02X}" for char in value)
