"""The tests run apart from everything a developer has: own settings, own files, own database."""

import os
import socket

import pytest
from django.conf import settings
from django.db import connection
from pytest_socket import SocketConnectBlockedError

from tests.environment import DATABASE_OVERRIDE, SETTINGS_VARIABLE


def test_settings_point_into_the_directory_of_this_process() -> None:
    assert settings.VAR_DIR.name.startswith("pbx-test-")
    assert settings.BLOB_URL.removeprefix("file://").startswith(str(settings.VAR_DIR))


def test_programs_under_test_choose_their_own_settings() -> None:
    assert SETTINGS_VARIABLE not in os.environ


@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_nothing_but_loopback_can_be_reached() -> None:
    # TEST-NET-1, RFC 5737: an address that belongs to nobody.
    with socket.socket() as outside, pytest.raises(SocketConnectBlockedError):
        outside.connect(("192.0.2.1", 25))


@pytest.mark.django_db
def test_the_database_is_the_one_of_this_pass() -> None:
    expected = "postgresql" if DATABASE_OVERRIDE in os.environ else "sqlite"
    assert connection.vendor == expected


@pytest.mark.django_db
def test_an_sqlite_test_database_is_a_file_with_the_journal_the_product_uses() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("this pass is on PostgreSQL")
    with connection.cursor() as cursor:
        (journal_mode,) = cursor.execute("PRAGMA journal_mode").fetchone()
    assert journal_mode == "wal"
    assert connection.settings_dict["NAME"].startswith(str(settings.VAR_DIR))
