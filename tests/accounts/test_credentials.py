"""Secrets are sealed, bound to their row, and rotated without a pause."""

from __future__ import annotations

import os
from typing import Any

import pytest

from accounts import credentials
from accounts.models import Credential
from tests import factories

pytestmark = pytest.mark.django_db

MARKER = "S3CR3T-marker"


@pytest.mark.req("R47")
def test_nothing_in_the_row_shows_the_secret() -> None:
    account = factories.make_account(factories.make_user(), password=MARKER)
    row = Credential.objects.get(account=account)
    assert MARKER.encode() not in bytes(row.sealed)
    assert credentials.open_secret(account, purpose="incoming").value == MARKER


@pytest.mark.req("R47")
def test_a_secret_moved_to_another_account_does_not_open() -> None:
    alice = factories.make_user()
    first, second = factories.make_account(alice), factories.make_account(alice)
    stolen = Credential.objects.get(account=first)
    Credential.objects.filter(account=second).update(sealed=stolen.sealed)
    with pytest.raises(credentials.CredentialDamaged):
        credentials.open_secret(second, purpose="incoming")


@pytest.mark.req("R48")
def test_a_new_key_seals_and_the_old_one_still_opens(settings: Any) -> None:
    account = factories.make_account(factories.make_user(), password=MARKER)
    settings.CREDENTIAL_KEYS = {"new": os.urandom(32), **settings.CREDENTIAL_KEYS}
    assert credentials.open_secret(account, purpose="incoming").value == MARKER
    credentials.store_secret(account, purpose="incoming", value="other")
    assert Credential.objects.get(account=account).key_id == "new"
    settings.CREDENTIAL_KEYS = {"elsewhere": os.urandom(32)}
    with pytest.raises(credentials.NoCredentialKey):
        credentials.open_secret(account, purpose="incoming")


@pytest.mark.req("R49")
def test_a_secret_is_not_printed() -> None:
    assert MARKER not in repr(credentials.Secret(MARKER))


def test_outgoing_mail_uses_the_incoming_secret_unless_it_has_its_own() -> None:
    account = factories.make_account(factories.make_user(), password="in")
    assert credentials.open_secret(account, purpose="outgoing").value == "in"
    credentials.store_secret(account, purpose="outgoing", value="out")
    assert credentials.open_secret(account, purpose="outgoing").value == "out"
