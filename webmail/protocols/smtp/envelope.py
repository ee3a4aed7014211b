"""Who sends and who receives, as MAIL and RCPT commands (RFC 5321 4.1.1.2). Pure.

Parameters come from SIZE (RFC 1870), 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531), DSN (RFC 3461, RFC 6533), REQUIRETLS
(RFC 8689) and FUTURERELEASE (RFC 4865). What only reports (DSN) is left out where it is not offered; what the message or
its sender cannot do without is refused, before a byte is written.

An address becomes part of a command line here and nowhere else, so this is where a line break, a bracket or a space that
would add a command or a parameter is refused (security R32).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from webmail.protocols.errors import BadArgument, PermanentlyRefused
from webmail.protocols.guard import refuse_line_breaks
from webmail.protocols.smtp.capabilities import parse_max_hold, parse_max_size
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
MAX_ORCPT_CHARACTERS = 500  # RFC 3461 4.2
MAX_HOLD_S = 999_999_999  # RFC 4865 4: nine digits


@dataclass(frozen=True)
class Envelope:
    """One submission. `mail_from` may be empty (RFC 5321 4.5.5); `rcpt_to` holds at least one address, doubles count once.

    `requires_smtputf8` says that the message needs it (RFC 6532); a local part beyond ASCII needs it too.
    `ret` ("FULL", "HDRS" or empty), `envid` and `notify` ask for delivery reports and are left out, without an error,
    when the server does not offer DSN: look at `supports("DSN")` to know.
    `requires_tls`: no server on the way may pass the message on without TLS (RFC 8689). Refused when it cannot be asked.
    `hold_for_s` (seconds) or `hold_until` (aware) ask the server to keep the message that long (RFC 4865), out of our
    reach. Refused when the server does not offer it or not for that long.
    """

    mail_from: str
    rcpt_to: tuple[str, ...]
    requires_smtputf8: bool = False
    ret: str = ""
    envid: str = ""
    notify: tuple[str, ...] = ()
    requires_tls: bool = False
    hold_for_s: int | None = None
    hold_until: datetime | None = None


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
    envelope: Envelope,
    *,
    size_bytes: int,
    body_8bit: bool,
    capabilities: Mapping[str, str],
    is_tls: bool = False,
) -> tuple[bytes, dict[str, bytes]]:
    """The MAIL command and the RCPT command of each recipient, each with its CRLF.

    `size_bytes` is the length of the message with CRLF line ends, before dots are doubled (RFC 1870 5). `is_tls`: whether this
    connection is encrypted.
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

    if envelope.requires_tls and not (is_tls and "REQUIRETLS" in capabilities):
        raise PermanentlyRefused("the mail server cannot promise that the message stays encrypted", code="5.7.30")

    mail = [f"MAIL FROM:{mail_path}"]
    if "SIZE" in capabilities:
        mail.append(f"SIZE={size_bytes}")
    mail += ["BODY=8BITMIME"] if body_8bit else []
    mail += ["SMTPUTF8"] if utf8 else []
    mail += ["REQUIRETLS"] if envelope.requires_tls else []
    mail += _hold_parameters(envelope, capabilities)
    mail += _report_parameters(envelope, capabilities)
    commands = {
        address: f"RCPT TO:{path}{_recipient_parameters(address, envelope, capabilities, utf8=utf8)}\r\n".encode()
        for address, path in recipients.items()
    }
    return f"{' '.join(mail)}\r\n".encode(), commands


def _report_parameters(envelope: Envelope, capabilities: Mapping[str, str]) -> list[str]:
    if "DSN" not in capabilities:
        return []
    ret = [f"RET={envelope.ret}"] if envelope.ret else []
    return ret + ([f"ENVID={xtext(envelope.envid)}"] if envelope.envid else [])


def _recipient_parameters(address: str, envelope: Envelope, capabilities: Mapping[str, str], *, utf8: bool) -> str:
    """With DSN each recipient carries ORCPT, asked for reports or not: a server that cannot deliver reports by itself, and
    the report names the address as we know it although the mail was forwarded (RFC 3461 4.2)."""
    if "DSN" not in capabilities:
        return ""
    notify = f" NOTIFY={','.join(envelope.notify)}" if envelope.notify else ""
    original = original_recipient(address, utf8=utf8)
    return notify + (f" ORCPT={original}" if original else "")


def original_recipient(address: str, *, utf8: bool) -> str:
    """The value of ORCPT: "rfc822;" and xtext, or "utf-8;" and its own escapes (RFC 6533 3). Empty: not to be said."""
    local, domain = split_address(address)
    if local.isascii():
        value = f"rfc822;{xtext(f'{local}@{domain if domain.isascii() else ascii_domain(domain)}')}"
    elif utf8:
        value = "utf-8;" + "".join(
            char if "!" <= char <= "~" and char not in "+=\\" else f"\\x{{{ord(char):02X}}}" for char in address
        )
    else:
        return ""
    return value if len(value) <= MAX_ORCPT_CHARACTERS else ""


def _hold_parameters(envelope: Envelope, capabilities: Mapping[str, str]) -> list[str]:
    """HOLDFOR or HOLDUNTIL. Raises `PermanentlyRefused` when the server does not hold mail, or not for that long."""
    seconds, until = envelope.hold_for_s, envelope.hold_until
    if seconds is None and until is None:
        return []
    if "FUTURERELEASE" not in capabilities:
        raise PermanentlyRefused("the mail server does not keep messages for later", code="5.5.4")
    longest_s, latest = parse_max_hold(capabilities)
    if longest_s is not None and seconds is not None and seconds > longest_s:
        raise PermanentlyRefused(f"the mail server keeps a message for {longest_s} seconds at most", code="5.5.4")
    if latest is not None and until is not None and until > latest:
        raise PermanentlyRefused(f"the mail server keeps a message until {_utc_text(latest)} at most", code="5.5.4")
    return [f"HOLDFOR={seconds}" if until is None else f"HOLDUNTIL={_utc_text(until)}"]


def _utc_text(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _check_options(envelope: Envelope) -> None:
    if not envelope.rcpt_to:
        raise BadArgument("a submission needs a recipient")
    if envelope.ret not in {"", "FULL", "HDRS"}:
        raise BadArgument("RET is neither FULL nor HDRS")
    if not NOTIFY_WORDS.issuperset(envelope.notify) or ("NEVER" in envelope.notify and len(envelope.notify) > 1):
        raise BadArgument("NOTIFY is NEVER, or a choice of SUCCESS, FAILURE and DELAY")
    if not envelope.envid.isascii() or not envelope.envid.isprintable() or len(envelope.envid) > 100:
        raise BadArgument("ENVID is not up to 100 printable ASCII characters")
    if envelope.hold_for_s is not None and envelope.hold_until is not None:
        raise BadArgument("a message is held for a time or until a moment, not both")
    if envelope.hold_for_s is not None and not 0 < envelope.hold_for_s <= MAX_HOLD_S:
        raise BadArgument("a message is held for at least a second and at most nine digits of them")
    if envelope.hold_until is not None and envelope.hold_until.tzinfo is None:
        raise BadArgument("the moment until which a message is held has no time zone")


def _check_capabilities(*, size_bytes: int, utf8: bool, body_8bit: bool, capabilities: Mapping[str, str]) -> None:
    """Refuse what the server would refuse or, worse, spoil. The codes are those of RFC 3463 and RFC 6531 3.6."""
    if utf8 and "SMTPUTF8" not in capabilities:
        raise PermanentlyRefused("the mail server does not accept international addresses or headers", code="5.6.7")
    if body_8bit and "8BITMIME" not in capabilities:
        raise PermanentlyRefused("the mail server does not accept 8-bit text", code="5.6.3")
    limit = parse_max_size(capabilities)
    if limit is not None and size_bytes > limit:
        raise PermanentlyRefused(f"the message has {size_bytes} bytes, the mail server accepts {limit}", code="5.3.4")


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
