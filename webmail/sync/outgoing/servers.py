"""The servers that an account can be sent with: which one is tried next, and what it means when none can be used.

The account's own comes first, the further ones in their order. One that could not be used is passed over for a minute while
there are others, and one that refuses the login for longer, so that the account is not locked there. After a message was
begun nothing here is asked any more: see `conversation`.
"""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from accounts import services
from accounts.credentials import CredentialDamaged, CredentialMissing, NoCredentialKey
from accounts.models import MailAccount
from webmail.outbox.queue.answers import Answer
from webmail.protocols.errors import (
    AddressNotAllowed,
    AuthenticationRefused,
    BadArgument,
    PermanentlyRefused,
    ProtocolError,
)
from webmail.sync.errors import TooManyConnections, plain_reason
from webmail.sync.outgoing.conversation import answer_of_error
from webmail.sync.submission import Route, SmtpLine, open_smtp, routes_of

PASSED_OVER_S = 60.0
PASSED_OVER_LONG_S = 3600.0  # wrong passwords are not tried again and again (security R51); limits last for hours


class Cause(enum.Enum):
    """Why a server could not be used."""

    LOGIN = "the login was refused"
    FINAL = "it will never work like this"
    BUSY = "we hold too many connections ourselves"
    AWAY = "not now"
    MESSAGE = "not this message now"
    LIMIT = "the account may send nothing more for a while"


_FAILURES: tuple[tuple[type[Exception], Cause], ...] = (
    (AuthenticationRefused, Cause.LOGIN),
    (CredentialMissing, Cause.LOGIN),
    (CredentialDamaged, Cause.LOGIN),
    (PermanentlyRefused, Cause.FINAL),
    (AddressNotAllowed, Cause.FINAL),
    (BadArgument, Cause.FINAL),
    (TooManyConnections, Cause.BUSY),
    (ProtocolError, Cause.AWAY),
    (NoCredentialKey, Cause.AWAY),
)

_KINDS = tuple(kind for kind, _ in _FAILURES)


@dataclass(frozen=True)
class Problem:
    """One server that did not take a message, and why."""

    route: Route
    cause: Cause
    answer: Answer
    reason: str  # for people
    has_begun: bool = False  # then no other server is asked in this try

    @classmethod
    def of(cls, route: Route, error: Exception) -> Problem:
        """What a failed connection is."""
        cause = next(cause for kind, cause in _FAILURES if isinstance(error, kind))
        return cls(route, cause, answer_of_error(error), plain_reason(error))


class CannotOpen(Exception):
    """No session with this server. `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


class Servers:
    """The servers of one account during one drain, and the line to the one in use."""

    def __init__(self, account: MailAccount) -> None:
        self._account = account
        self._routes = routes_of(account)
        self._line: SmtpLine | None = None

    def in_order(self) -> list[Route]:
        """Those to try for the next message. All of them when all were passed over."""
        usable = [route for route in self._routes if not _is_passed_over(route)]
        return usable or self._routes

    def has_usable(self) -> bool:
        """Whether there is one that is not passed over."""
        return len(self._routes) > 1 and not all(_is_passed_over(route) for route in self._routes)

    def line_to(self, route: Route, *, is_fresh: bool = False) -> SmtpLine:
        """A session with this server. Raises `CannotOpen`."""
        line = self._line
        if line is not None and line.route == route and not is_fresh and line.session.is_alive():
            line.is_used = True
            return line
        self.leave()
        try:
            self._line = line = open_smtp(route, is_fresh=is_fresh)
        except _KINDS as error:
            problem = Problem.of(route, error)
            self.note_problem(problem)
            raise CannotOpen(problem) from error
        self._note_use(line)
        return line

    def leave(self) -> None:
        """No more to send for now: what can be kept is kept."""
        line, self._line = self._line, None
        if line is not None:
            line.leave()

    def note_problem(self, problem: Problem) -> None:
        """It is passed over for a while, where there are others."""
        if problem.route.server is not None:
            services.note_server_trouble(problem.route.server, problem.reason)
        if len(self._routes) > 1 and problem.cause is not Cause.MESSAGE:
            is_lasting = problem.cause in (Cause.LOGIN, Cause.LIMIT)
            _pass_over(problem.route, PASSED_OVER_LONG_S if is_lasting else PASSED_OVER_S)

    def _note_use(self, line: SmtpLine) -> None:
        if line.route.server is not None:
            services.note_server_trouble(line.route.server, "")
            return
        offers = dict(line.session.capabilities)
        if offers != self._account.outgoing_offers:
            MailAccount.objects.filter(pk=self._account.pk).update(outgoing_offers=offers)
            self._account.outgoing_offers = offers


def told_together(problems: Sequence[Problem]) -> Answer:
    """What is said of a message that no server took: the server's own words when there is only one."""
    if len(problems) == 1:
        return problems[0].answer
    return Answer(text=" ".join(f"{one.route.host}: {one.reason}" for one in problems))


# Passed over: of this process, by what the login depends on, so that a new password is tried at once -----------------

_lock = threading.Lock()
_until: dict[str, float] = {}


def _pass_over(route: Route, seconds: float) -> None:
    now = time.monotonic()
    with _lock:
        for key in [key for key, until in _until.items() if until <= now]:
            del _until[key]
        _until[route.digest] = now + seconds


def _is_passed_over(route: Route) -> bool:
    with _lock:
        if not _until:
            return False
    digest = route.digest
    with _lock:
        return _until.get(digest, 0.0) > time.monotonic()


def forget() -> None:
    """Try every server again: after its settings were changed here, and between tests."""
    with _lock:
        _until.clear()
