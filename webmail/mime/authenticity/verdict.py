"""What may be believed of the claims about a sender: one verdict for the badge, and the results it rests on.

Evidence, the strongest first:

    trusted server says dmarc=pass for the author's domain                   verified
    DKIM passes for an aligned domain (trusted server, or our own check)     verified
    SPF passes for an aligned envelope sender (trusted server)               verified
    a trusted forwarder's intact ARC chain says one of these                 verified
    trusted server says dmarc=fail and the domain asks for more than "none"  failed, unless its arc=pass explains it
    anything else was looked at                                              unverified
    nothing was                                                              unknown

Never verified: several authors, or none. A broken DKIM signature alone is no failure: mailing lists break them
(RFC 6376 6.3). Aligned: the same registrable domain (RFC 7489 3.1, relaxed).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from webmail.mime.authenticity.claims import Hint, SenderClaims
from webmail.mime.authenticity.own import OwnCheck
from webmail.mime.authenticity.statements import ServerStatements
from webmail.mime.hosts import registrable_domain, same_domain

Level = Literal["verified", "unverified", "failed", "unknown"]
Source = Literal["server", "own", "arc"]

# Forwarders whose word about what they received counts, once their seal is intact: anybody can seal a chain.
KNOWN_FORWARDERS: Final = frozenset(
    {
        "google.com",
        "microsoft.com",
        "outlook.com",
        "messagingengine.com",
        "fastmail.com",
        "icloud.com",
        "yahoo.com",
        "proton.me",
        "protonmail.ch",
        "zohomail.com",
        "ietf.org",
    }
)


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One result that was looked at. `is_aligned`: its domain is the author's."""

    method: str
    result: str
    domain: str
    source: Source
    is_aligned: bool = False
    policy: str = ""

    @property
    def confirms(self) -> bool:
        """Whether it says that the message is from the author's domain."""
        return self.result == "pass" and self.is_aligned and self.method in {"dmarc", "dkim", "spf"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`domain`: the author's, "" where there is not exactly one. `server`: the authserv-id that was believed.

    `via`: a domain that signed or sent the message and is not the author's; "" if there is none.
    """

    level: Level
    domain: str
    methods: tuple[MethodResult, ...] = ()
    hints: tuple[Hint, ...] = ()
    via: str = ""
    server: str = ""


def judge(
    claims: SenderClaims, *, trusted: Collection[str], guessed: Collection[str] = (), own: OwnCheck | None = None
) -> Verdict:
    """The verdict.

    `trusted`: authserv-ids that the account's server writes, lower case; "*.example.org" stands for all below; "" for a
    server that writes none. Only the topmost field of such an id counts: below it anybody may have written.
    `guessed`: ids that it probably writes. Their results are shown and their failures believed, but they confirm nothing:
    a server that writes none does not remove forged ones. `own`: what our own check found.
    """
    domain = claims.domain
    believed = find_believed(claims, trusted)
    probable = find_believed(claims, guessed) if believed is None else None
    stated = believed or probable
    methods = [*_of_server(stated, domain), *_of_own(own, domain)]
    is_forwarded = _is_forwarded(claims, methods, is_believed=believed is not None)
    if is_forwarded:
        methods += _of_arc(claims, domain)
    if not domain:
        level: Level = "unverified"
    elif any(one.confirms and (one.source != "server" or believed is not None) for one in methods):
        level = "verified"
    elif any(map(_is_failure, methods)) and not is_forwarded:
        level = "failed"
    else:
        level = "unverified" if stated is not None or (own is not None and not own.is_temporary) else "unknown"
    return Verdict(
        level,
        domain,
        methods=tuple(methods),
        hints=claims.hints,
        via="" if level == "verified" else _via(methods),
        server=stated.server if stated else "",
    )


def find_believed(claims: SenderClaims, ids: Collection[str]) -> ServerStatements | None:
    """The topmost field of one of these authserv-ids."""
    return next((one for one in claims.stated if is_one_of(one.server, ids)), None) if ids else None


def is_one_of(server: str, ids: Collection[str]) -> bool:
    """Whether an authserv-id is among these; "*.example.org" stands for every name below."""
    return server in ids or any(
        known.startswith("*.") and server.endswith(known[1:]) for known in ids if known.startswith("*")
    )


def _of_server(stated: ServerStatements | None, domain: str) -> Iterable[MethodResult]:
    return _results(stated, domain, "server") if stated is not None else ()


def _results(stated: ServerStatements, domain: str, source: Source) -> Iterable[MethodResult]:
    for one in stated.statements:
        # A DMARC result that names no author is about the one there is.
        subject = one.domain or (domain if one.method == "dmarc" else "")
        aligned = bool(domain and subject) and same_domain(subject, domain)
        yield MethodResult(one.method, one.result, subject, source, aligned, one.policy)


def _of_own(own: OwnCheck | None, domain: str) -> Iterable[MethodResult]:
    if own is None:
        return
    for one in own.signatures:
        yield MethodResult("dkim", one.result, one.domain, "own", bool(domain) and same_domain(one.domain, domain))
    if own.arc != "none":
        yield MethodResult("arc", own.arc, own.arc_domain, "own")


def _is_forwarded(claims: SenderClaims, methods: Iterable[MethodResult], *, is_believed: bool) -> bool:
    """Whether a forwarder that we know has sealed the message last, and the seals are intact."""
    if registrable_domain(claims.sealed_by) not in KNOWN_FORWARDERS:
        return False
    passed = [one for one in methods if one.method == "arc" and one.result == "pass"]
    return any(one.domain == claims.sealed_by if one.source == "own" else is_believed for one in passed)


def _of_arc(claims: SenderClaims, domain: str) -> Iterable[MethodResult]:
    """What the last forwarder has seen (RFC 8617 7.2). Two fields of one number are a forgery: then it has seen nothing."""
    last = [one for one in claims.stated_by_arc if one.instance == claims.seals]
    return _results(last[0], domain, "arc") if len(last) == 1 else ()


def _is_failure(one: MethodResult) -> bool:
    return one.method == "dmarc" and one.result == "fail" and one.source == "server" and one.policy != "none"


def _via(methods: Iterable[MethodResult]) -> str:
    passed = [one for one in methods if one.result == "pass" and one.domain and not one.is_aligned]
    # A signature says more than an envelope.
    passed.sort(key=lambda one: one.method != "dkim")
    return next((registrable_domain(one.domain) for one in passed if one.method in {"dkim", "spf"}), "")
