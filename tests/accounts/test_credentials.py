"""Secrets are sealed, bound to their row, and rotated without a pause."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts import credentials, services
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


def _stored(account: Any) -> list[str]:
    rows = [*Credential.objects.filter(account=account), *account.outgoing_servers.all()]
    return [row.key_id for row in rows]


@pytest.mark.req("R48")
def test_every_secret_is_sealed_anew_and_the_older_key_may_go(settings: Any) -> None:
    account = factories.make_account(factories.make_user(), password=MARKER)
    credentials.store_secret(account, purpose="outgoing", value="out")
    server = services.add_outgoing_server(account, "a.example.org", 465, "tls", "me", "further")
    bare = services.add_outgoing_server(account, "b.example.org", 465, "tls", "me", "")
    new = {"new": os.urandom(32)}
    settings.CREDENTIAL_KEYS = {**new, **settings.CREDENTIAL_KEYS}

    call_command("rotate_keys")

    settings.CREDENTIAL_KEYS = new
    assert _stored(account) == ["new", "new", "new", ""]
    assert credentials.open_secret(account, purpose="incoming").value == MARKER
    assert credentials.open_secret(account, purpose="outgoing").value == "out"
    server.refresh_from_db()
    assert credentials.open_server_secret(server).value == "further"
    assert credentials.open_server_secret(bare).value == "out"


@pytest.mark.req("R48")
@pytest.mark.fault("F14")
def test_rotation_cut_at_any_row_leaves_every_row_readable_and_a_second_run_finishes(settings: Any) -> None:
    account = factories.make_account(factories.make_user(), password=MARKER)
    servers = [
        services.add_outgoing_server(account, f"{number}.example.org", 465, "tls", "me", f"secret {number}")
        for number in range(3)
    ]
    settings.CREDENTIAL_KEYS = {"new": os.urandom(32), **settings.CREDENTIAL_KEYS}

    class Killed(BaseException):
        pass

    for last in (2, 2, 2):  # the second of those that are left
        count = 0

        def cut(execute: Any, sql: str, *rest: Any, last: int = last) -> Any:
            nonlocal count
            count += sql.startswith("UPDATE")
            if count == last:
                raise Killed
            return execute(sql, *rest)

        with pytest.raises(Killed), connection.execute_wrapper(cut):
            credentials.reseal_all()
        assert credentials.open_secret(account, purpose="incoming").value == MARKER
        for number, server in enumerate(servers):
            server.refresh_from_db()
            assert credentials.open_server_secret(server).value == f"secret {number}"
    assert credentials.reseal_all().unreadable == 0
    assert credentials.reseal_all() == credentials.Resealed(0, 0)


@pytest.mark.req("R48")
def test_secret_whose_key_is_missing_stays_and_is_told_of(settings: Any) -> None:
    account = factories.make_account(factories.make_user(), password=MARKER)
    older = settings.CREDENTIAL_KEYS
    settings.CREDENTIAL_KEYS = {"new": os.urandom(32)}
    with pytest.raises(CommandError, match="1 cannot be opened"):
        call_command("rotate_keys")
    settings.CREDENTIAL_KEYS = older
    assert credentials.open_secret(account, purpose="incoming").value == MARKER
