"""Authentication-Results fields (RFC 8601) and their ARC kin (RFC 8617 4.1.1): what servers state about a message.

Who may be believed is decided in `verdict`; here a forged field is read like any other. `authres` reads each statement; what
it cannot read (large providers write fields without an authserv-id, properties without a type) is read by words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import authres

from webmail.mime.encoded_words import clean_text, header_to_str
from webmail.mime.hosts import normalise_host

MAX_VALUE_BYTES = 16_000  # of one field
MAX_STATEMENTS = 40  # of one field
MAX_STATEMENT_CHARS = 1_000

_METHODS = frozenset({"spf", "dkim", "dmarc", "arc"})


@dataclass(frozen=True, slots=True)
class Statement:
    """One result. `method`: "spf", "dkim", "dmarc" or "arc"; `result`: lower case, as stated ("pass", "fail", "none" …).

    `domain`: normalised, what the result is about: the envelope sender's domain for SPF, the signer's for DKIM, the
    author's for DMARC; "" if not stated. `policy`: what the author's domain asks for ("none", "quarantine", "reject"),
    "" if not stated.
    """

    method: str
    result: str
    domain: str = ""
    policy: str = ""


@dataclass(frozen=True, slots=True)
class ServerStatements:
    """One field. `server`: the authserv-id, lower case, "" if it names none. `instance`: of ARC, else 0."""

    server: str
    statements: tuple[Statement, ...] = ()
    instance: int = 0


def parse_statements(value: bytes) -> ServerStatements:
    """What an Authentication-Results or ARC-Authentication-Results field states. Never raises."""
    text = clean_text(header_to_str(value[:MAX_VALUE_BYTES]).replace("\r", " ").replace("\n", " "))
    pieces = [(bare.strip(), comments) for bare, comments in _split(text)]
    instance = 0
    if pieces and (found := _INSTANCE.fullmatch(pieces[0][0])):
        instance = int(found[1])
        pieces = pieces[1:]
    server = ""
    if pieces and "=" not in pieces[0][0]:
        server = pieces[0][0].partition(" ")[0].lower()[:255]
        pieces = pieces[1:]
    stated = (_read_statement(bare, comments) for bare, comments in pieces[:MAX_STATEMENTS])
    return ServerStatements(server, tuple(one for one in stated if one is not None), instance)


_INSTANCE = re.compile(r"i\s?=\s?([1-9][0-9]{0,2})", re.IGNORECASE)
_MARK = re.compile(r'[;"()\\]')


def _split(text: str) -> Iterator[tuple[str, str]]:
    """The pieces between semicolons, each with its comments taken out and beside it. One pass, any depth of nesting."""
    bare: list[str] = []
    comments: list[str] = []
    position, depth, is_quoted = 0, 0, False
    while position < len(text):
        found = _MARK.search(text, position)
        end = found.start() if found else len(text)
        (comments if depth else bare).append(text[position:end])
        if found is None:
            break
        mark, position = found[0], found.end()
        if mark == "\\":
            (comments if depth else bare).append(text[position : position + 1])
            position += 1
        elif mark == '"' and not depth:
            is_quoted = not is_quoted
        elif is_quoted:
            bare.append(mark if mark != ";" else ",")
        elif mark == "(":
            depth += 1
            (comments if depth > 1 else bare).append(" ")
        elif mark == ")" and depth:
            depth -= 1
            comments.append(" ")
        elif mark == ";" and not depth:
            yield "".join(bare), "".join(comments)
            bare, comments = [], []
    yield "".join(bare), "".join(comments)


_METHOD = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,30}+)\s*+(?:/\s*+[0-9]{1,3}\s*+)?=\s*+([A-Za-z]{1,40}+)")
_PROPERTY = re.compile(r"(?:\b(smtp|header|policy|body)\s?+\.\s?+)?\b([A-Za-z][A-Za-z0-9_-]{0,40}+)\s?+=\s?+([^\s;]++)")
_POLICY_IN_COMMENT = re.compile(r"(?:\A|[\s;,(])(?:p|policy)\s?=\s?(none|quarantine|reject)\b", re.IGNORECASE)


def _read_statement(bare: str, comments: str) -> Statement | None:
    bare = bare.strip()[:MAX_STATEMENT_CHARS]
    head = _METHOD.match(bare)
    if head is None or head[1].lower() not in _METHODS:
        return None
    method, result = head[1].lower(), head[2].lower()
    properties = _read_strictly(bare) or _read_words(bare[head.end() :])
    if method == "spf" and result == "pass" and "best guess" in comments:
        result = "neutral"  # the domain has said nothing: the server has guessed
    return Statement(
        method, result, domain=_subject_of(method, properties), policy=_policy_of(method, properties, comments)
    )


def _read_strictly(bare: str) -> dict[str, str]:
    """The properties as RFC 8601 has them; empty if it is not written so."""
    try:
        read: Any = authres.AuthenticationResultsHeader.parse_value(f"x; {bare}")
    except (authres.core.AuthResError, ValueError, TypeError, AttributeError):
        return {}
    found: dict[str, str] = {}
    for result in read.results:
        for one in getattr(result, "properties", ()):
            found.setdefault(f"{one.type}.{one.name}".lower(), str(one.value or ""))
    return found


def _read_words(rest: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind, name, value in _PROPERTY.findall(rest):
        found.setdefault(f"{kind or 'header'}.{name}".lower(), value.strip('"'))
    return found


_SUBJECTS = {
    "spf": ("smtp.mailfrom", "smtp.mail", "smtp.envelope-from", "smtp.helo", "header.mailfrom"),
    "dkim": ("header.d", "header.i", "header.from"),
    "dmarc": ("header.from", "header.d"),
    "arc": (),
}


def _subject_of(method: str, properties: dict[str, str]) -> str:
    for name in _SUBJECTS[method]:
        domain = domain_of(properties.get(name, ""))
        if domain and domain != "none":
            return domain
    return ""


def domain_of(address: str) -> str:
    """The normalised domain of an address, or of a domain by itself; "" if it has none."""
    domain = address.strip().strip("<>").rpartition("@")[2]
    return "" if not domain or domain.startswith("[") else normalise_host(domain)


def _policy_of(method: str, properties: dict[str, str], comments: str) -> str:
    if method != "dmarc":
        return ""
    for name in ("policy.published-domain-policy", "policy.dmarc", "header.policy", "policy.policy", "header.p"):
        value = properties.get(name, "").lower()
        if value in {"none", "quarantine", "reject"}:
            return value
    found = _POLICY_IN_COMMENT.search(comments)
    return found[1].lower() if found else ""
