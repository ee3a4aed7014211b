"""The only place where secrets of mail accounts are sealed and opened.

ChaCha20-Poly1305 (RFC 8439) with a random nonce. What the secret belongs to is associated data, so a sealed value moved to
another row does not open (security R47). Each value names the key that sealed it; every key in CREDENTIAL_KEYS opens, the
first one seals, so keys are rotated without a pause (R48).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from django.conf import settings

from accounts.models import ConnectionTest, Credential, MailAccount, OutgoingServer

NONCE_BYTES = 12


class CredentialError(Exception):
    """A secret cannot be sealed or opened."""


class NoCredentialKey(CredentialError):
    """CREDENTIAL_KEYS is empty, or lacks the key that sealed this value. The operator must set it."""


class CredentialDamaged(CredentialError):
    """The sealed value was changed, or belongs to another row. Ask the user for the password again."""


class CredentialMissing(CredentialError):
    """No secret is stored for this purpose. Ask the user for it."""


@dataclass(frozen=True)
class Secret:
    """A secret in clear. Keep it in a local variable, never in a row, a log line or a task argument."""

    value: str = field(repr=False)
    mechanism: str = "PLAIN"


def store_secret(account: MailAccount, *, purpose: str, value: str, mechanism: str = "PLAIN") -> None:
    """Seal and save the account's secret for incoming or outgoing mail, replacing an earlier one."""
    key_id, sealed = _seal(value, context=_account_context(account.pk, purpose))
    Credential.objects.update_or_create(
        account=account, purpose=purpose, defaults={"key_id": key_id, "sealed": sealed, "mechanism": mechanism}
    )


def open_secret(account: MailAccount, *, purpose: str) -> Secret:
    """The account's secret; for outgoing mail the incoming one when it has none of its own.

    Raises `CredentialMissing`, `CredentialDamaged`, `NoCredentialKey`.
    """
    found = {credential.purpose: credential for credential in Credential.objects.filter(account=account)}
    credential = found.get(purpose) or found.get(Credential.Purpose.INCOMING)
    if credential is None:
        raise CredentialMissing(f"no password is stored for {account.address}")
    context = _account_context(account.pk, credential.purpose)
    value = _open(credential.key_id, bytes(credential.sealed), context=context)
    return Secret(value, credential.mechanism)


def store_server_secret(server: OutgoingServer, value: str) -> None:
    """Seal and save the password of a further outgoing server; empty: the account's own outgoing one is used."""
    server.key_id, server.sealed = _seal(value, context=_server_context(server)) if value else ("", b"")
    server.save(update_fields=["key_id", "sealed"])


def open_server_secret(server: OutgoingServer) -> Secret:
    """The secret to sign in with at a further outgoing server. Raises as `open_secret`."""
    if not server.sealed:
        return open_secret(server.account, purpose=Credential.Purpose.OUTGOING)
    return Secret(_open(server.key_id, bytes(server.sealed), context=_server_context(server)))


@dataclass(frozen=True)
class Resealed:
    """How many secrets were sealed anew, and how many could not be opened and stay as they are."""

    done: int = 0
    unreadable: int = 0


def reseal_all() -> Resealed:
    """Seal every stored secret with the first of CREDENTIAL_KEYS; then the others may be taken out (R48).

    Row by row: cut anywhere, every row still opens, and the next run goes on. A password that is stored meanwhile stays.
    Raises `NoCredentialKey` when there is no key at all.
    """
    newest = _newest_key()
    rows: list[tuple[Credential | OutgoingServer, bytes]] = [
        (row, _account_context(row.account_id, row.purpose)) for row in Credential.objects.exclude(key_id=newest)
    ]
    servers = OutgoingServer.objects.exclude(key_id=newest).exclude(key_id="")
    rows += [(row, _server_context(row)) for row in servers]
    unreadable = 0
    for row, context in rows:
        old = bytes(row.sealed)
        try:
            key_id, sealed = _seal(_open(row.key_id, old, context=context), context=context)
        except CredentialError:
            unreadable += 1
            continue
        type(row)._default_manager.filter(pk=row.pk, sealed=old).update(key_id=key_id, sealed=sealed)
    return Resealed(len(rows) - unreadable, unreadable)


def seal_for_test(test: ConnectionTest, *, incoming: str, outgoing: str = "") -> None:
    """Put the passwords to try into an unsaved test row. `outgoing` empty: the same as incoming."""
    test.key_id, test.sealed = _seal("\0".join((incoming, outgoing)), context=_test_context(test))


def open_for_test(test: ConnectionTest) -> tuple[str, str]:
    """The (incoming, outgoing) passwords of a test."""
    incoming, _, outgoing = _open(test.key_id, bytes(test.sealed), context=_test_context(test)).partition("\0")
    return incoming, outgoing or incoming


def _account_context(account_id: int, purpose: str) -> bytes:
    return f"pillarbox:account:{account_id}:{purpose}".encode()


def _server_context(server: OutgoingServer) -> bytes:
    return f"pillarbox:account:{server.account_id}:server:{server.public_id}".encode()


def _test_context(test: ConnectionTest) -> bytes:
    return f"pillarbox:test:{test.public_id}".encode()


def _newest_key() -> str:
    if not settings.CREDENTIAL_KEYS:
        raise NoCredentialKey("CREDENTIAL_KEYS is not set, so passwords cannot be stored")
    return next(iter(settings.CREDENTIAL_KEYS))


def _seal(value: str, *, context: bytes) -> tuple[str, bytes]:
    key_id = _newest_key()
    key = settings.CREDENTIAL_KEYS[key_id]
    nonce = os.urandom(NONCE_BYTES)
    return key_id, nonce + ChaCha20Poly1305(key).encrypt(nonce, value.encode(), context)


def _open(key_id: str, sealed: bytes, *, context: bytes) -> str:
    key = settings.CREDENTIAL_KEYS.get(key_id)
    if key is None:
        raise NoCredentialKey(f"the key {key_id!r} is not in CREDENTIAL_KEYS")
    try:
        return ChaCha20Poly1305(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context).decode()
    except InvalidTag:
        raise CredentialDamaged("a stored password cannot be opened: it was changed or belongs elsewhere") from None
