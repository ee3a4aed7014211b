"""Whose Authentication-Results an account may believe: the authserv-ids that its own mail server writes (RFC 8601 2.5).

Wrong ids in this table would let anybody forge a confirmation, so it holds only what providers are known to write at the top of
every message they take in, and to remove where a message brings it along (RFC 8601 5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from webmail.mime.hosts import has_public_suffix, normalise_host, registrable_domain

MAX_IDS: Final = 50

# By the end of the incoming server's name. "" is a field without an authserv-id, as Microsoft writes them.
_PROVIDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "gmail.com": ("mx.google.com",),
    "googlemail.com": ("mx.google.com",),
    "office365.com": ("", "mx.microsoft.com", "protection.outlook.com"),
    "outlook.com": ("", "mx.microsoft.com", "protection.outlook.com"),
    "hotmail.com": ("", "mx.microsoft.com", "protection.outlook.com"),
    "yahoo.com": ("*.mail.yahoo.com", "*.yahoo.com"),
    "aol.com": ("*.mail.aol.com", "*.mail.yahoo.com"),
    "fastmail.com": ("mx.messagingengine.com", "*.messagingengine.com"),
    "messagingengine.com": ("mx.messagingengine.com", "*.messagingengine.com"),
    "me.com": ("*.icloud.com", "*.me.com", "*.apple.com"),
    "icloud.com": ("*.icloud.com", "*.me.com", "*.apple.com"),
    "gmx.net": ("*.gmx.net", "gmx.net"),
    "gmx.com": ("*.gmx.net", "gmx.net", "*.gmx.com"),
    "web.de": ("*.web.de", "web.de"),
    "mailbox.org": ("*.mailbox.org", "mailbox.org"),
    "posteo.de": ("*.posteo.de", "posteo.de"),
    "zoho.com": ("mx.zohomail.com", "mx.zoho.com"),
    "zoho.eu": ("mx.zohomail.com", "mx.zoho.eu"),
    "migadu.com": ("*.migadu.com",),
    "purelymail.com": ("purelymail.com", "*.purelymail.com"),
    "runbox.com": ("*.runbox.com",),
    "yandex.com": ("*.mail.yandex.net", "*.yandex.net"),
    "yandex.ru": ("*.mail.yandex.net", "*.yandex.net"),
    "mail.ru": ("*.mail.ru",),
    "proton.me": ("mail.protonmail.ch", "*.protonmail.ch"),
}


@dataclass(frozen=True, slots=True)
class Trust:
    """For `verdict.judge`: ids whose word counts, and ids that are only probable."""

    trusted: frozenset[str] = frozenset()
    guessed: frozenset[str] = frozenset()


def trust_of(incoming_host: str, configured: str = "") -> Trust:
    """The ids of an account. `configured`: what the account's owner has said, one id a line; it replaces the rest.

    Without it: the provider's if it is known; else every name in the incoming server's domain, as a guess.
    """
    own = [line.strip().lower() for line in configured.splitlines() if line.strip()]
    if own:
        return Trust(trusted=frozenset(own[:MAX_IDS]))
    host = normalise_host(incoming_host)
    for end, ids in _PROVIDERS.items():
        if host == end or host.endswith("." + end):
            return Trust(trusted=frozenset(ids))
    if not has_public_suffix(host):
        return Trust(guessed=frozenset({host} - {""}))
    domain = registrable_domain(host)
    return Trust(guessed=frozenset({domain, f"*.{domain}"}))
