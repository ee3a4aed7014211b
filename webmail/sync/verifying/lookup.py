"""TXT records from DNS: with a deadline for all of a message's questions, a bound on their number, and a short memory.

Only names below a public suffix are asked for, and only through the system's resolver: a stranger's message must not make us
ask about, or talk to, machines of our own network.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import dns.exception
import dns.rdatatype
import dns.resolver

from webmail.mime.authenticity.signatures import NO_ANSWER, NOT_FOUND
from webmail.mime.hosts import has_public_suffix

DEADLINE_S: Final = 5.0  # for all questions of one message
MAX_QUESTIONS: Final = 15  # five signatures, and two keys for each of five seals
MAX_RECORD_CHARS: Final = 8_000
REMEMBERED: Final = 2_000  # records
REMEMBERED_FOR_S: Final = 600.0


class Resolver(Protocol):
    """Asks for the TXT record of a name."""

    def __call__(self, name: str, timeout_s: float) -> str | None:
        """The text of the record; `NOT_FOUND` where there is none, `NO_ANSWER` where nobody said so in time."""


def ask_dns(name: str, timeout_s: float, *, resolver: dns.resolver.Resolver | None = None) -> str | None:
    """As `Resolver`, from the system's resolver unless another is given."""
    try:
        asked = resolver or dns.resolver.get_default_resolver()
        answer = asked.resolve(name, dns.rdatatype.TXT, lifetime=timeout_s, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return NOT_FOUND
    except dns.exception.DNSException:
        return NO_ANSWER
    # RFC 6376 3.6.2.2: the strings of a record are joined; with several records the choice is ours.
    texts = [b"".join(record.strings).decode("ascii", "replace") for record in answer]
    return next((text for text in texts if "p=" in text), NOT_FOUND)[:MAX_RECORD_CHARS]


class Lookup:
    """Answers for messages, remembered for a while: a mailing list's key is asked for once, not for each letter."""

    def __init__(self, resolver: Resolver = ask_dns, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._resolver = resolver
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._lock = threading.Lock()

    def find_all(self, names: Iterable[str]) -> dict[str, str | None]:
        """The records of at most `MAX_QUESTIONS` names; what was not answered within `DEADLINE_S` is `NO_ANSWER`."""
        deadline = self._clock() + DEADLINE_S
        return {name: self._find(name, deadline) for name in list(dict.fromkeys(names))[:MAX_QUESTIONS]}

    def _find(self, name: str, deadline: float) -> str | None:
        if not has_public_suffix(name):
            return NOT_FOUND
        now = self._clock()
        with self._lock:
            known = self._known.get(name)
        if known is not None and known[0] > now:
            return known[1]
        if deadline <= now:
            return NO_ANSWER
        found = self._resolver(name, deadline - now)
        if found is not None:
            self._remember(name, found, now)
        return found

    def _remember(self, name: str, found: str, now: float) -> None:
        with self._lock:
            self._known[name] = (now + REMEMBERED_FOR_S, found)
            self._known.move_to_end(name)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
