"""What a message says about its sender: authors, signatures, what servers state, and what should make a reader careful.

All of it comes from the message, so all of it may be forged; `verdict` says what may be believed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from webmail.mime.addresses import Address, parse_addresses
from webmail.mime.authenticity.statements import ServerStatements, domain_of, parse_statements
from webmail.mime.encoded_words import decode_text, header_to_str
from webmail.mime.hidden_characters import has_turns, neutralise
from webmail.mime.hosts import display_host, registrable_domain, same_domain
from webmail.mime.limits import MAX_HEADER_BYTES
from webmail.mime.links import host_named_in, judge_host
from webmail.mime.look_alikes import has_mixed_scripts
from webmail.mime.part import Message

MAX_FIELDS: Final = 20  # of one name that are read: more are no honest mail
MAX_SEALS: Final = 50  # RFC 8617 4.2.1
MAX_SHOWN: Final = 10  # addresses of one field that are kept
MAX_SHOWN_CHARS: Final = 320

# Where anybody may open an account: the same domain says nothing about the person.
_FREE_DOMAINS = """
aol.com fastmail.com freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com hotmail.com hotmail.de
icloud.com laposte.net libero.it live.com mail.com mail.ru me.com msn.com outlook.com outlook.de proton.me
protonmail.com qq.com t-online.de web.de yahoo.com yahoo.de yandex.ru ymail.com zoho.com 163.com
"""
FREE_MAIL: Final = frozenset(_FREE_DOMAINS.split())


@dataclass(frozen=True, slots=True)
class Author:
    """An address of the header, fit to be shown. `domain`: normalised, "" if there is none."""

    name: str
    email: str
    domain: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A DKIM-Signature field (RFC 6376 3.5), not verified. `domain`: normalised."""

    domain: str
    selector: str


@dataclass(frozen=True, slots=True)
class Hint:
    """A reason to be careful. `shown`: what the message makes one believe; `real`: what is so. Either may be "".

    Kinds: "several-from", "reply-elsewhere" (`real` the address), "reply-to-list" (the same, and a list says so),
    "name-holds-address", "name-holds-domain", "mixed-scripts", "look-alike", "hidden-characters", "no-address".
    """

    kind: str
    shown: str = ""
    real: str = ""


@dataclass(frozen=True, slots=True)
class SenderClaims:
    """Everything a verdict needs, without the message. `stated`: Authentication-Results from the top of the message down.

    `sealed_by`: the domain of the last ARC-Seal (RFC 8617 4.1.3), "" without one; `seals`: its number.
    """

    authors: tuple[Author, ...] = ()
    has_several_from: bool = False
    sender: tuple[Author, ...] = ()
    reply_to: tuple[Author, ...] = ()
    list_id: str = ""
    signatures: tuple[Signature, ...] = ()
    stated: tuple[ServerStatements, ...] = ()
    stated_by_arc: tuple[ServerStatements, ...] = ()
    sealed_by: str = ""
    seals: int = 0
    hints: tuple[Hint, ...] = ()

    @property
    def domain(self) -> str:
        """The author's domain; "" where there is not exactly one."""
        domains = {author.domain for author in self.authors}
        return domains.pop() if len(domains) == 1 and not self.has_several_from else ""

    @property
    def is_signed(self) -> bool:
        """Whether there is a signature to verify."""
        return bool(self.signatures) or self.seals > 0


def read_claims(message: Message) -> SenderClaims:
    """The claims of a message, or of its skeleton. Never raises."""
    headers = message.headers
    from_fields = headers.get_all("from")[:MAX_FIELDS]
    authors = _authors(from_fields)
    reply_to = _authors(headers.get_all("reply-to")[-1:])
    sender = _authors(headers.get_all("sender")[-1:])
    list_id = message.list_headers.list_id
    has_several = len({author.email.casefold() for author in authors}) > 1 or len(from_fields) > 1
    seals, sealed_by = _last_seal(headers.get_all("arc-seal"))
    hints = [
        *(
            [Hint("several-from", real=", ".join(one.email for one in authors)[:MAX_SHOWN_CHARS])]
            if has_several
            else ()
        ),
        *_hints_of_author(authors[0] if authors else None),
        *_hints_of_reply(authors, reply_to, list_id),
        *_hints_of_characters(from_fields),
    ]
    return SenderClaims(
        authors=authors,
        has_several_from=has_several,
        sender=sender,
        reply_to=reply_to,
        list_id=neutralise(list_id),
        signatures=_signatures(headers.get_all("dkim-signature")),
        stated=tuple(map(parse_statements, headers.get_all("authentication-results")[:MAX_FIELDS])),
        stated_by_arc=tuple(map(parse_statements, headers.get_all("arc-authentication-results")[:MAX_FIELDS])),
        sealed_by=sealed_by,
        seals=seals,
        hints=tuple(dict.fromkeys(hints)),
    )


def _authors(values: Iterable[bytes]) -> tuple[Author, ...]:
    """The addresses of these fields; the last field's first, since the last counts (RFC 8621 4.1.3)."""
    found: list[Address] = []
    for value in reversed(list(values)):
        found += parse_addresses(value)[:MAX_SHOWN]
    return tuple(
        Author(
            neutralise(one.name)[:MAX_SHOWN_CHARS],
            neutralise(one.email)[:MAX_SHOWN_CHARS],
            domain_of(one.email) if "@" in one.email else "",
        )
        for one in found[:MAX_SHOWN]
    )


_TAG = re.compile(r"(?:\A|;)\s*+([dsi])\s*+=\s*+([^\s;]{1,255}+)")


def _signatures(values: Iterable[bytes]) -> tuple[Signature, ...]:
    found = []
    for value in list(values)[:MAX_FIELDS]:
        tags = _tags(value)
        if domain := domain_of(tags.get("d", "")):
            found.append(Signature(domain, neutralise(tags.get("s", ""))))
    return tuple(found)


def _last_seal(values: Iterable[bytes]) -> tuple[int, str]:
    """Number and domain of the ARC-Seal with the highest number; (0, "") without one."""
    seals = [(0, "")]
    for value in list(values)[:MAX_SEALS]:
        tags = _tags(value)
        number = tags.get("i", "")
        if number.isdecimal() and len(number) <= 2:
            seals.append((int(number), domain_of(tags.get("d", ""))))
    return max(seals)


def _tags(value: bytes) -> dict[str, str]:
    return dict(_TAG.findall(header_to_str(value[:MAX_HEADER_BYTES])))


# --- Hints ---

_ADDRESS = re.compile(r"[^\s<>()\"',;:@]{1,64}+@([^\s<>()\"',;:@]{1,255}+)")


def _hints_of_author(author: Author | None) -> Iterable[Hint]:
    if author is None or not author.email:
        yield Hint("no-address", shown=author.name if author else "")
        return
    if not author.domain:
        return  # as servers write to their own people: MAILER-DAEMON
    yield from _hints_of_name(author)
    disguise = judge_host(author.domain)
    if disguise is not None:
        yield Hint(disguise.reason, shown=disguise.shown, real=disguise.real)
    if any(map(has_mixed_scripts, author.name.split())):
        yield Hint("mixed-scripts", shown=author.name)


def _hints_of_name(author: Author) -> Iterable[Hint]:
    found = _ADDRESS.search(author.name)
    if found is not None:
        if found[0].casefold() != author.email.casefold() and _is_elsewhere(author, domain_of(found[0])):
            yield Hint("name-holds-address", shown=found[0], real=author.email)
        return
    named = host_named_in(author.name)
    if named is not None and not same_domain(named, author.domain):
        yield Hint("name-holds-domain", shown=display_host(named), real=author.email)


def _is_elsewhere(author: Author, domain: str) -> bool:
    """Whether another address at `domain` is another sender's."""
    return not same_domain(domain, author.domain) or registrable_domain(author.domain) in FREE_MAIL


def _hints_of_reply(authors: tuple[Author, ...], reply_to: tuple[Author, ...], list_id: str) -> Iterable[Hint]:
    own = {author.email.casefold() for author in authors}
    for target in reply_to:
        if not target.domain or target.email.casefold() in own:
            continue
        if all(_is_elsewhere(author, target.domain) for author in authors):
            is_list = bool(list_id) and same_domain(target.domain, domain_of(list_id) or list_id)
            yield Hint("reply-to-list" if is_list else "reply-elsewhere", real=target.email)
            return


def _hints_of_characters(from_fields: Iterable[bytes]) -> Iterable[Hint]:
    # The authors' names have lost what is looked for here.
    if any(has_turns(decode_text(value[:MAX_HEADER_BYTES])) for value in from_fields):
        yield Hint("hidden-characters")
