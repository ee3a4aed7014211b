"""[ALERT] reaches the user (RFC 3501 7.1): once, wherever it was said, and without hiding trouble."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AccountState, MailAccount
from tests.sync.conftest import fill, sync
from webmail.sync import alerts

pytestmark = pytest.mark.django_db

TEXT = "Your mailbox is nearly full"


def condition(account: MailAccount) -> tuple[str, str]:
    row = MailAccount.objects.get(pk=account.pk)
    return row.state, row.state_reason


@pytest.mark.req("R83")
@pytest.mark.parametrize("command", ["AUTHENTICATE", "LIST", "SELECT", "UID FETCH"])
def test_alert_beside_an_answer_is_shown(full_server, connect, command):
    fill(full_server, 2)
    account = connect(full_server)
    line = b"* OK [ALERT] " + TEXT.encode() + b"\r\n"
    full_server.faults.change_answer(command, lambda data: line + data)

    sync(account)

    assert condition(account) == ("ok", f"The server says: “{TEXT}”")


@pytest.mark.req("R83")
def test_alert_in_the_last_line_of_an_answer_is_shown(full_server, connect):
    account = connect(full_server)
    full_server.faults.answer("NAMESPACE", b"", b"OK [ALERT] " + TEXT.encode())

    sync(account)

    assert condition(account) == ("ok", f"The server says: “{TEXT}”")


@pytest.mark.req("R83")
def test_alert_stands_for_a_day_and_is_not_written_again_by_each_pass(full_server, connect):
    account = sync(connect(full_server), passes_made=2)
    alerts.tell(account.pk, ["", TEXT])
    since = MailAccount.objects.get(pk=account.pk).state_since

    sync(account)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        alerts.tell(account.pk, [TEXT])

    assert not any(query["sql"].startswith("UPDATE") for query in queries)
    assert condition(account) == ("ok", f"The server says: “{TEXT}”")
    assert MailAccount.objects.get(pk=account.pk).state_since == since
    MailAccount.objects.update(state_since=timezone.now() - timedelta(hours=25))
    sync(account)
    assert condition(account) == ("ok", "")


@pytest.mark.req("R83")
def test_alert_and_what_is_wrong_with_a_mailbox_stand_side_by_side(full_server, connect):
    account = connect(full_server)
    full_server.faults.refuse("SELECT", code="CORRUPTION", text="index is broken", times=None, when=b"Archive")
    sync(account, passes_made=2)

    alerts.tell(account.pk, [TEXT])
    first = condition(account)[1]
    alerts.tell(account.pk, ["Maintenance at noon"])
    second = condition(account)[1]
    sync(account)

    assert first.startswith(f"The server says: “{TEXT}”; ")
    assert second == first.replace(TEXT, "Maintenance at noon")
    assert condition(account)[1].startswith("The server says: “Maintenance at noon”; ")
    assert "index is broken" in condition(account)[1]


@pytest.mark.parametrize("state", [AccountState.FAILING, AccountState.AUTH_FAILED, AccountState.PAUSED])
def test_alert_does_not_hide_that_an_account_is_in_trouble(full_server, connect, state):
    account = connect(full_server)
    MailAccount.objects.filter(pk=account.pk).update(state=state, state_reason="because")

    alerts.tell(account.pk, [TEXT])

    assert condition(account) == (state, "because")


def test_long_alert_is_cut_to_its_column(full_server, connect):
    account = connect(full_server)

    alerts.tell(account.pk, ["x" * 1000])
    before = condition(account)
    alerts.tell(account.pk, ["x" * 1000])

    assert len(before[1]) == 600
    assert condition(account) == before
