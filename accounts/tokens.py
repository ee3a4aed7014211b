"""App passwords and personal tokens for REST and JMAP (jmap S22, rest section 10): made, checked, revoked.

The secret is shown once and kept as a SHA-256: it has 160 random bits, so neither salt nor slow hash is needed, and guessing
it is hopeless. This module must not decide what a scope allows; that is the business of each interface.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.models import ApiCredential, MailAccount, User
from accounts.services import record_event

PREFIX = "pbx_"  # so that scanners of code and logs recognise a leaked one
SECRET_BYTES = 20  # 160 bits
HINT_CHARS = 4
LAST_USED_EVERY = timedelta(minutes=1)  # one write a minute at most, however busy the client

# Every scope there is (requirements/rest.md section 10) and what it allows.
SCOPES = {
    "mail.headers": gettext_noop("list messages and read their headers, but no bodies"),
    "mail.read": gettext_noop("read messages whole"),
    "mail.modify": gettext_noop("flag, move and copy messages, and put them into Trash"),
    "mail.delete": gettext_noop("delete messages for good"),
    "mail.send": gettext_noop("send messages"),
    "drafts.write": gettext_noop("write drafts"),
    "mailboxes.write": gettext_noop("make, rename and delete mailboxes"),
    "contacts.read": gettext_noop("read contacts"),
    "contacts.write": gettext_noop("change contacts"),
    "settings.write": gettext_noop("change settings"),
    "accounts.read": gettext_noop("see the connected accounts and identities"),
    "accounts.write": gettext_noop("change accounts and identities"),
    "rules.write": gettext_noop("change filter rules"),
    "webhooks.write": gettext_noop("manage webhooks"),
    "push": gettext_noop("receive push messages"),
    "tokens.write": gettext_noop("make and revoke tokens"),
    "admin": gettext_noop("operate this installation"),
}
# Scopes that contain others.
_CONTAINS = {"mail.read": frozenset({"mail.headers"})}
# Names that stand for several: what a mail program needs.
GROUPS = {
    "mail": (
        "mail.headers", "mail.read", "mail.modify", "mail.delete", "mail.send", "drafts.write", "mailboxes.write",
        "accounts.read", "push",
    ),
}  # fmt: skip


class UnknownScope(ValueError):
    """`scope` is no scope of ours."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"{scope!r} is no scope. There are {', '.join((*GROUPS, *SCOPES))}.")
        self.scope = scope


@dataclass(frozen=True)
class NewToken:
    """A credential just made with its secret, which nobody can read again."""

    credential: ApiCredential
    secret: str


def expand_scopes(names: Collection[str]) -> list[str]:
    """The scopes that these names stand for, in the order of `SCOPES`. Raises `UnknownScope`."""
    wanted: set[str] = set()
    for name in names:
        if name not in SCOPES and name not in GROUPS:
            raise UnknownScope(name)
        wanted.update(GROUPS.get(name, (name,)))
    return [scope for scope in SCOPES if scope in wanted]


def effective_scopes(names: Collection[str]) -> frozenset[str]:
    """The scopes with those they contain."""
    return frozenset(names).union(*(_CONTAINS.get(name, frozenset()) for name in names))


@transaction.atomic
def create_token(
    user: User,
    *,
    name: str,
    scopes: Collection[str],
    kind: str = ApiCredential.Kind.APP_PASSWORD,
    accounts: Collection[MailAccount] = (),
    expires_at: datetime | None = None,
    ip_address: str | None = None,
) -> NewToken:
    """A new credential of `user`. `accounts` empty: all accounts of the user, also later ones.

    Raises `UnknownScope`, and `ValueError` when an account is not the user's or no scope is given.
    """
    granted = expand_scopes(scopes)
    if not granted:
        raise ValueError("a token needs at least one scope")
    if any(account.user_id != user.pk for account in accounts):
        raise ValueError("a token can open only accounts of its user")
    secret = PREFIX + secrets.token_hex(SECRET_BYTES)
    credential = ApiCredential.objects.create(
        user=user,
        kind=kind,
        name=name.strip()[:100] or "token",
        secret_hash=_hash(secret),
        hint=secret[-HINT_CHARS:],
        scopes=granted,
        expires_at=expires_at,
    )
    credential.accounts.set(accounts)
    record_event(
        "token.created", user=user, subject=credential.name, ip_address=ip_address, detail={"scopes": credential.scopes}
    )
    return NewToken(credential, secret)


def verify_secret(secret: str) -> ApiCredential | None:
    """The credential that this secret opens, with its user and accounts; None when there is none that is valid now.

    Asked for every request, so a revoked token is refused from the next one on (security R59).
    """
    if not secret.startswith(PREFIX):
        return None
    found = valid_tokens().filter(secret_hash=_hash(secret), user__is_active=True)
    credential = found.select_related("user").prefetch_related("accounts").first()
    if credential is not None:
        _note_use(credential)
    return credential


def valid_tokens() -> QuerySet[ApiCredential]:
    """Neither revoked nor expired."""
    alive = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return ApiCredential.objects.filter(alive, revoked_at=None)


def tokens_of(user: User) -> QuerySet[ApiCredential]:
    """The user's credentials that are not revoked, newest first; expired ones are among them."""
    return ApiCredential.objects.filter(user=user, revoked_at=None).prefetch_related("accounts")


@transaction.atomic
def revoke_token(credential: ApiCredential, *, ip_address: str | None = None) -> bool:
    """End a credential at once and for good; False when it had ended already."""
    alive = ApiCredential.objects.filter(pk=credential.pk, revoked_at=None)
    if not alive.update(revoked_at=timezone.now()):
        return False
    record_event("token.revoked", user=credential.user, subject=credential.name, ip_address=ip_address)
    return True


def _note_use(credential: ApiCredential) -> None:
    now = timezone.now()
    if credential.last_used_at is None or now - credential.last_used_at >= LAST_USED_EVERY:
        ApiCredential.objects.filter(pk=credential.pk).update(last_used_at=now)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
