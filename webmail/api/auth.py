"""Who asks, and what they may: a token, an app password, or the session of our own pages (rest section 10).

Every operation names the scope it needs by `Needs`; there is no operation without one but those that are public. A credential
that was sent and is refused never falls back to the session.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest
from ninja.utils import check_csrf

from accounts import tokens
from accounts.models import ApiCredential, MailAccount, User
from webmail.api.problems import Problem, insufficient_scope, unauthorized

LOCKED_OUT_S = 60  # as AXES_COOLOFF_TIME
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Principal:
    """The user who asks and what this credential allows. `credential` None: a session, which may do what its user may."""

    user: User
    scopes: frozenset[str]
    credential: ApiCredential | None = None
    account_ids: frozenset[int] | None = None  # None: all accounts of the user

    def has(self, scope: str) -> bool:
        """Whether this scope is granted."""
        return scope in self.scopes

    def require(self, scope: str) -> None:
        """Raises `Problem` insufficient-scope naming the scope."""
        if scope not in self.scopes:
            raise insufficient_scope(scope)

    def may_see(self, account: MailAccount) -> bool:
        """Whether the account is the user's and on the credential's list."""
        is_listed = self.account_ids is None or account.pk in self.account_ids
        return is_listed and account.user_id == self.user.pk


class ApiRequest(HttpRequest):
    """A request that `Needs` has let through."""

    auth: Principal


class Needs:
    """The authentication of one operation. `scope` None: any valid credential will do."""

    def __init__(self, scope: str | None) -> None:
        if scope is not None and scope not in tokens.SCOPES:
            raise tokens.UnknownScope(scope)
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Principal:
        """Raises `Problem` unauthorized, forbidden, insufficient-scope or rate-limited."""
        principal = identify(request)
        if self.scope is not None:
            principal.require(self.scope)
        return principal


def identify(request: HttpRequest) -> Principal:
    """The principal of a request. Raises `Problem`."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if not scheme:
        return _from_session(request)
    if scheme.lower() == "bearer":
        return _from_token(value.strip())
    if scheme.lower() == "basic":
        return _from_app_password(request, value.strip())
    raise unauthorized()


def _from_token(secret: str) -> Principal:
    credential = tokens.verify_secret(secret)
    if credential is None:
        raise unauthorized(is_token_refused=True)
    return _of(credential)


def _from_app_password(request: HttpRequest, encoded: str) -> Principal:
    login, secret = _decode_basic(encoded)
    credential = tokens.verify_secret(secret)
    # Both are compared even when one is wrong already, so that the time tells nothing of the login.
    expected = credential.user.email if credential else "x" * len(login)
    is_same = secrets.compare_digest(login.strip().lower().encode(), expected.encode())
    if credential is None or not is_same:
        _count_failure(request, login)
        raise unauthorized()
    return _of(credential)


def _decode_basic(encoded: str) -> tuple[str, str]:
    try:
        login, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise unauthorized() from None
    if not colon:
        raise unauthorized()
    return login, secret


def _count_failure(request: HttpRequest, login: str) -> None:
    """Failures count by address and login as those of the sign-in page do (security R53). Raises `Problem` rate-limited."""
    credentials = {"login": login[:254].replace("\0", "")}
    is_allowed = AxesProxyHandler.is_allowed(request, credentials)
    if is_allowed:
        user_login_failed.send(sender=__name__, credentials=credentials, request=request)
    # Else axes would put the answer of the sign-in page in place of ours.
    request.axes_locked_out = False  # type: ignore[attr-defined]
    if not is_allowed:
        raise Problem("rate-limited", headers={"Retry-After": str(LOCKED_OUT_S)})


def _of(credential: ApiCredential) -> Principal:
    listed = frozenset(account.pk for account in credential.accounts.all())
    return Principal(credential.user, tokens.effective_scopes(credential.scopes), credential, listed or None)


def _from_session(request: HttpRequest) -> Principal:
    user = request.user
    if not isinstance(user, User):
        raise unauthorized()
    if request.method not in SAFE_METHODS and check_csrf(request) is not None:
        raise Problem("forbidden", "The CSRF token is missing or wrong.")
    scopes = frozenset(tokens.SCOPES) if user.is_staff else frozenset(tokens.SCOPES) - {"admin"}
    return Principal(user, scopes)
