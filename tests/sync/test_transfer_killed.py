"""Mail into another account: never lost, never doubled, whatever dies on the way."""

from __future__ import annotations

import pytest

from tests.outbox.letters import make_raw, make_sender
from tests.sync.replay_rows import on_server, put, shown_in
from tests.sync.transfer_stage import Killed, finish, kill_at, start
from webmail.journal.actions.move import move_emails
from webmail.journal.models import Action
from webmail.protocols.errors import ConnectionLost
from webmail.store import consistency
from webmail.store.models import Email, Mailbox
from webmail.sync.actions import transfer
from webmail.sync.actions.replay import replay_account
from webmail.sync.connections import close_kept_sessions
from webmail.sync.passes import sync_mailbox

__all__ = ["start"]

pytestmark = [pytest.mark.django_db, pytest.mark.req("features 12")]


# Death on the way


POINTS = [
    "transfer.noted",
    "transfer.appended",
    "transfer.append_noted",
    "transfer.arrived",
    "replay.removed",
    "transfer.settled",
]


@pytest.mark.req("Y71")
@pytest.mark.req("Y72")
@pytest.mark.req("R79")
@pytest.mark.fault("F1")
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("without", [(), ("UIDPLUS",)], ids=["UIDPLUS", "none"])
@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_nothing_is_lost_or_doubled(start, monkeypatch, point, without, number):
    monkeypatch.setattr(transfer, "BATCH", 2)
    stage = start(*without, here_without=without)
    twin = make_raw()
    for raw in (make_raw(), twin, twin, make_raw(Message_ID="")):
        stage.here.store.append(stage.here.user, "INBOX", raw)
    sync_mailbox(stage.inbox.pk)
    box = stage.here.store.mailbox(stage.here.user, "INBOX")
    sent = sorted(message.raw for message in box.messages.values())
    move_emails(None, list(Email.objects.filter(account=stage.account)), target=stage.work)
    kill_at(point, number)

    with pytest.raises(Killed):
        replay_account(stage.account.pk)
    close_kept_sessions()
    sync_mailbox(stage.work.pk)  # a pass in between may see what is there already
    finish(stage.account)

    assert sorted(stage.raws_there()) == sent
    assert not [flags for flags in on_server(stage.here, "INBOX").values() if "\\Deleted" not in flags]
    sync_mailbox(stage.work.pk)
    assert len(stage.arrived()) == 4
    assert {there for email in stage.arrived() for there in shown_in(email)} == {"Work"}
    stage.work.refresh_from_db()
    stage.inbox.refresh_from_db()
    assert (stage.inbox.total_emails, stage.work.total_emails) == (0, 4)
    assert set(Action.objects.values_list("status", flat=True)) == {Action.Status.DONE}


@pytest.mark.req("Y72")
@pytest.mark.fault("F2")
@pytest.mark.parametrize("without", [(), ("UIDPLUS",)], ids=["UIDPLUS", "none"])
def test_an_append_whose_answer_was_lost_is_not_repeated(start, without):
    stage = start(*without)
    put(stage.here, stage.inbox, count=2)
    stage.there.faults.cut_answer("APPEND")
    move_emails(None, list(Email.objects.filter(account=stage.account)), target=stage.work)
    assert replay_account(stage.account.pk) == 0
    assert shown_in(Email.objects.first()) == set()
    finish(stage.account)
    assert len(stage.raws_there()) == 2
    assert on_server(stage.here, "INBOX") == {}


@pytest.mark.req("Y71")
def test_the_source_cut_while_it_removes_is_removed_later(start):
    stage = start()
    put(stage.here, stage.inbox, count=2)
    stage.here.faults.cut_answer("UID EXPUNGE")
    move_emails(None, list(Email.objects.filter(account=stage.account)), target=stage.work)
    with pytest.raises(ConnectionLost):
        replay_account(stage.account.pk)
    finish(stage.account)
    assert len(stage.raws_there()) == 2
    assert on_server(stage.here, "INBOX") == {}


@pytest.mark.req("R79")
@pytest.mark.fault("F1")
@pytest.mark.parametrize("point", ["transfer.arrived", "replay.removed", "transfer.settled"])
def test_killed_on_the_way_into_a_mailbox_that_is_only_ours(start, point):
    stage = start()
    pop3 = make_sender(stage.account.user, incoming_protocol="pop3")
    archive = Mailbox.objects.get(account=pop3, role="archive")
    found = put(stage.here, stage.inbox, count=2)
    kill_at(point, 1)
    move_emails(None, found, target=archive)
    with pytest.raises(Killed):
        replay_account(stage.account.pk)
    close_kept_sessions()
    finish(stage.account)
    assert on_server(stage.here, "INBOX") == {}
    there = Email.objects.filter(account=pop3)
    assert sorted(email.message_id for email in there) == sorted(email.message_id for email in found)
    assert all(email.blob is not None and shown_in(email) == {"Archive"} for email in there)
    assert consistency.check_account(pop3.pk) == []
