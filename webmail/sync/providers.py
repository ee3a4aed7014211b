"""What the large providers allow, as far as they say so; one table. Pure: values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_MB = 1_000_000


@dataclass(frozen=True)
class Profile:
    """Limits of one provider. `daily_bytes_*`: in a day, None where no limit is known.

    Connections are those that work; the one that listens for each account comes on top.
    """

    max_connections_account: int = 3  # reliability R84
    max_connections_host: int = 8  # of one process; Gmail 15, Dovecot 10 for one user and address
    connects_per_s: float = 20.0  # new connections: no stampede after a start or an outage (sync Y80)
    daily_bytes_down: int | None = None
    daily_bytes_up: int | None = None
    # What one account may send in 24 hours; a free one where the provider tells them apart.
    messages_per_day: int | None = None
    messages_per_day_free: int | None = None
    files_sent_itself: bool = False  # its submission server puts the copy into Sent (reliability R71)


DEFAULT = Profile()
_GMAIL = Profile(
    connects_per_s=5.0,
    daily_bytes_down=2_500 * _MB,
    daily_bytes_up=500 * _MB,
    messages_per_day=2_000,
    messages_per_day_free=500,
    files_sent_itself=True,
)
_LARGE = Profile(connects_per_s=5.0)
_MICROSOFT = Profile(
    connects_per_s=5.0, messages_per_day=10_000, messages_per_day_free=300, files_sent_itself=True
)  # 10,000 are recipients, so the server may say so earlier
_ICLOUD = Profile(connects_per_s=5.0, messages_per_day=1_000)
_CAREFUL = Profile(max_connections_account=2, max_connections_host=4, connects_per_s=2.0)

# By the end of the host's name.
_PROFILES: Mapping[str, Profile] = {
    "gmail.com": _GMAIL,
    "googlemail.com": _GMAIL,
    "office365.com": _MICROSOFT,
    "outlook.com": _MICROSOFT,
    "me.com": _ICLOUD,
    "icloud.com": _ICLOUD,
    "fastmail.com": _LARGE,
    "yahoo.com": _CAREFUL,
    "aol.com": _CAREFUL,
    "gmx.net": _CAREFUL,
    "gmx.com": _CAREFUL,
    "web.de": _CAREFUL,
    "t-online.de": _CAREFUL,
}

# Addresses of accounts that cost nothing.
_FREE_DOMAINS = frozenset({"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com"})


def messages_per_day(host: str, address: str) -> int | None:
    """How many messages an account with this address may send through this server in 24 hours; None: no limit is known."""
    limits = profile(host)
    is_free = address.rpartition("@")[2].lower() in _FREE_DOMAINS
    return (limits.messages_per_day_free if is_free else None) or limits.messages_per_day


def profile(host: str) -> Profile:
    """The limits that hold for a mail server of this name."""
    name = host.lower().rstrip(".")
    return next(
        (found for domain, found in _PROFILES.items() if name == domain or name.endswith("." + domain)), DEFAULT
    )
