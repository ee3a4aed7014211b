"""Mail into another account: what arrives, what stays, what comes back."""

from __future__ import annotations

import pytest

from accounts.models import AccountState, MailAccount
from tests.factories import make_email, make_mailbox
from tests.outbox.letters import make_raw, make_sender, put_email
from tests.sync.replay_rows import on_server, places, put, read_in, replay_due, shown_in
from tests.sync.transfer_stage import Killed, finish, kill_at, remote, start
from webmail.demo.imap_session import ImapConfig
from webmail.journal.actions import putting_back, selection
from webmail.journal.actions.keywords import set_keywords
from webmail.journal.actions.mailboxes import delete_mailbox, rename_mailbox
from webmail.journal.actions.move import copy_emails, move_emails
from webmail.journal.errors import ActionRefused
from webmail.journal.models import Action, ActionEmail
from webmail.protocols.errors import ConnectionFailed
from webmail.store import blobs, consistency, emails
from webmail.store.models import Blob, Email, EmailKeyword, Mailbox, Placement
from webmail.sync import points
from webmail.sync.actions import transfer
from webmail.sync.actions.replay import replay_account
from webmail.sync.connections import close_kept_sessions
from webmail.sync.content import bodies
from webmail.sync.passes import sync_mailbox

__all__ = ["start"]

pytestmark = [pytest.mark.django_db, pytest.mark.req("features 12")]


# The whole way


@pytest.mark.parametrize("without", [(), ("UIDPLUS",)], ids=["UIDPLUS", "none"])
def test_a_moved_message_arrives_whole_and_leaves(start, without):
    stage = start(*without)
    raw = make_raw()
    stage.here.store.append(stage.here.user, "INBOX", raw, flags=["\\Seen", "\\Flagged", "blue"])
    sync_mailbox(stage.inbox.pk)
    email = Email.objects.get()
    thread_of = email.thread_id

    actions = move_emails(email.account.user, [email], target=stage.work)

    assert [action.kind for action in actions] == [Action.Kind.TRANSFER]
    assert shown_in(email) == set()
    assert replay_account(stage.account.pk) == 1
    assert on_server(stage.here, "INBOX") == {}
    assert stage.raws_there() == [raw]
    assert on_server(stage.there, "Work") == {1: {"\\Seen", "\\Flagged", "blue"}}
    (there,) = stage.arrived()
    assert Email.objects.count() == 1
    assert (there.received_at, there.size_bytes, there.subject) == (email.received_at, len(raw), email.subject)
    assert there.thread_id != thread_of
    assert places(there) == [("Work", 1, False)]
    assert shown_in(there) == {"Work"}
    assert emails.keywords_of([there.pk])[there.pk] == {"$seen", "$flagged", "blue"}
    assert there.blob is not None
    stage.there.faults.lines.clear()
    sync_mailbox(stage.work.pk)
    assert stage.arrived() == [there]
    assert Action.objects.get().arguments["arrived"] == {str(stage.inbox.pk): [there.pk]}
    assert not [line for line in stage.there.faults.lines if b"BODY.PEEK[]" in line]
    assert Blob.objects.count() == 1


def test_a_reply_joins_its_conversation_there(start):
    stage = start()
    first = make_raw(Message_ID="<first@example.org>", Subject="Plans")
    stage.there.store.append(stage.there.user, "Work", first)
    sync_mailbox(stage.work.pk)
    reply = make_raw(In_Reply_To="<first@example.org>", References="<first@example.org>", Subject="Re: Plans")
    stage.here.store.append(stage.here.user, "INBOX", reply)
    sync_mailbox(stage.inbox.pk)
    move_emails(None, list(Email.objects.filter(account=stage.account)), target=stage.work)
    replay_account(stage.account.pk)
    assert len({email.thread_id for email in stage.arrived()}) == 1
    assert len(stage.arrived()) == 2


def test_a_copied_message_stays_where_it_was(start):
    stage = start()
    (email,) = put(stage.here, stage.inbox)
    actions = copy_emails(None, [email], target=stage.work)
    assert shown_in(email) == {"INBOX"}
    replay_account(stage.account.pk)
    assert list(on_server(stage.here, "INBOX")) == [1]
    assert list(on_server(stage.there, "Work")) == [1]
    assert shown_in(email) == {"INBOX"}
    (action,) = actions
    action.refresh_from_db()
    assert (action.status, action.total, action.done_count) == (Action.Status.DONE, 1, 1)


@pytest.mark.req("Y69")
def test_without_uidplus_the_source_stays_marked_and_hidden(start):
    stage = start(here_without=("UIDPLUS", "MOVE"))
    email, _other = put(stage.here, stage.inbox, count=2)
    move_emails(None, [email], target=stage.work)
    replay_account(stage.account.pk)
    assert on_server(stage.here, "INBOX") == {1: {"\\Deleted"}, 2: set()}
    assert "EXPUNGE" not in stage.here.faults.commands
    sync_mailbox(stage.inbox.pk)
    assert shown_in(email) == set()
    assert len(stage.arrived()) == 1


@pytest.mark.req("Y65")
def test_keywords_the_target_cannot_hold_stay_ours(start):
    stage = start(config=ImapConfig(allows_keywords=False))
    (email,) = put(stage.here, stage.inbox, flags=["\\Seen", "blue"])
    move_emails(None, [email], target=stage.work)
    replay_account(stage.account.pk)
    (there,) = stage.arrived()
    assert on_server(stage.there, "Work") == {1: {"\\Seen"}}
    assert dict(EmailKeyword.objects.filter(email=there).values_list("keyword", "is_local_only")) == {
        "$seen": False,
        "blue": True,
    }
    sync_mailbox(stage.work.pk)
    assert emails.keywords_of([there.pk])[there.pk] == {"$seen", "blue"}


def test_emails_of_both_accounts_go_into_one_mailbox(start):
    stage = start()
    (mine,) = put(stage.here, stage.inbox)
    inbox_there = remote(stage.work.account, "INBOX")
    (theirs,) = put(stage.there, inbox_there)
    actions = move_emails(None, [mine, theirs], target=stage.work)
    assert [action.kind for action in actions] == [Action.Kind.TRANSFER, Action.Kind.MOVE]
    replay_account(stage.account.pk)
    replay_account(stage.work.account_id)
    assert len(on_server(stage.there, "Work")) == 2


def test_all_that_match_go_in_batches_with_progress(start, monkeypatch):
    monkeypatch.setattr(transfer, "BATCH", 2)
    stage = start()
    put(stage.here, stage.inbox, count=5)
    user = stage.account.user
    (action,) = selection.apply_to_query(user, Email.objects.filter(account=stage.account), selection.Move(stage.work))
    seen: list[int] = []
    points.observer = lambda name: seen.append(done_count(action)) if name == "transfer.settled" else None
    replay_account(stage.account.pk)
    assert (action.kind, action.total, seen) == (Action.Kind.TRANSFER, 5, [2, 4, 5])
    assert len(on_server(stage.there, "Work")) == 5
    assert on_server(stage.here, "INBOX") == {}


def done_count(action: Action) -> int:
    return Action.objects.get(pk=action.pk).done_count


# Refusals


@pytest.mark.req("Y73")
@pytest.mark.req("R83")
@pytest.mark.parametrize("code", ["OVERQUOTA", "NOPERM", "CANNOT"])
def test_a_refusal_puts_back_what_did_not_arrive(start, code):
    stage = start()
    first, second = put(stage.here, stage.inbox, count=2)
    stage.there.faults.run_before("APPEND", lambda: None)  # the first is taken
    stage.there.faults.refuse("APPEND", code=code, text="No room")
    (action,) = move_emails(None, [first, second], target=stage.work)

    replay_account(stage.account.pk)

    action.refresh_from_db()
    assert action.status == Action.Status.FAILED
    assert action.error == f"{stage.work.account.name}: The server refuses. The server said: “No room”"
    assert len(stage.raws_there()) == 1
    assert list(on_server(stage.here, "INBOX")) == [2]
    assert shown_in(second) == {"INBOX"}
    assert not Email.objects.filter(pk=first.pk).exists()
    assert (action.total, action.done_count) == (2, 1)


@pytest.mark.req("Y73")
def test_one_message_that_is_too_big_does_not_keep_the_others(start):
    stage = start()
    first, second = put(stage.here, stage.inbox, count=2)
    stage.there.faults.refuse("APPEND", code="TOOBIG", text="Too large")
    (action,) = move_emails(None, [first, second], target=stage.work)
    replay_account(stage.account.pk)
    action.refresh_from_db()
    assert action.status == Action.Status.FAILED
    assert action.error == "Not all could be moved. The server refuses. The server said: “Too large”"
    assert shown_in(first) == {"INBOX"}
    assert len(stage.raws_there()) == 1


@pytest.mark.req("Y73")
@pytest.mark.parametrize("is_gone", [True, False])
def test_a_target_that_was_deleted_there_is_made_anew_once(start, is_gone):
    stage = start()
    (email,) = put(stage.here, stage.inbox)
    if is_gone:
        stage.there.store.delete_mailbox(stage.there.user, "Work")
    else:
        stage.there.faults.refuse("APPEND", code="TRYCREATE")
    (action,) = move_emails(None, [email], target=stage.work)
    replay_account(stage.account.pk)
    action.refresh_from_db()
    assert action.status == Action.Status.DONE
    assert stage.there.faults.commands.count("CREATE") == 1
    assert len(stage.raws_there()) == 1


@pytest.mark.req("Y73")
def test_a_target_that_stays_gone_is_told(start):
    stage = start()
    (email,) = put(stage.here, stage.inbox)
    stage.there.faults.refuse("APPEND", code="TRYCREATE", times=None)
    (action,) = move_emails(None, [email], target=stage.work)
    replay_account(stage.account.pk)
    action.refresh_from_db()
    assert action.status == Action.Status.FAILED
    assert shown_in(email) == {"INBOX"}


def test_a_source_that_lets_nothing_go_shows_the_message_again(start):
    stage = start()
    (email,) = put(stage.here, stage.inbox)
    stage.here.faults.refuse("UID STORE", code="NOPERM")
    (action,) = move_emails(None, [email], target=stage.work)
    replay_account(stage.account.pk)
    action.refresh_from_db()
    assert action.status == Action.Status.FAILED
    assert shown_in(email) == {"INBOX"}
    assert len(stage.raws_there()) == 1


@pytest.mark.req("Y74")
def test_a_copy_that_somebody_took_away_at_once_is_not_sent_again(start):
    stage = start()
    (email,) = put(stage.here, stage.inbox)
    kill_at("transfer.append_noted", 1)
    (action,) = move_emails(None, [email], target=stage.work)
    with pytest.raises(Killed):
        replay_account(stage.account.pk)
    close_kept_sessions()
    stage.there.store.expunge(stage.there.user, "Work", [1])
    finish(stage.account)
    action.refresh_from_db()
    assert stage.there.faults.commands.count("APPEND") == 1
    assert action.status == Action.Status.FAILED
    assert shown_in(email) == {"INBOX"}
    assert list(on_server(stage.here, "INBOX")) == [1]


# Waiting


@pytest.mark.req("Y66")
def test_a_target_that_is_away_holds_up_only_the_same_emails(start):
    stage = start()
    moved, other = put(stage.here, stage.inbox, count=2)
    close_kept_sessions()
    MailAccount.objects.filter(pk=stage.work.account_id).update(incoming_port=1)
    (action,) = copy_emails(None, [moved], target=stage.work)
    set_keywords(None, [moved], add=["$seen"])
    set_keywords(None, [other], add=["$flagged"])

    assert replay_account(stage.account.pk) == 1

    action.refresh_from_db()
    assert action.status == Action.Status.PENDING
    assert action.error == f"{stage.work.account.name}: Nothing answers at this server and port."
    assert on_server(stage.here, "INBOX") == {1: set(), 2: {"\\Flagged"}}
    assert stage.account.state == AccountState.NEW
    MailAccount.objects.filter(pk=stage.work.account_id).update(incoming_port=stage.there.port)
    assert replay_due(stage.account) == 2
    assert on_server(stage.here, "INBOX") == {1: {"\\Seen"}, 2: {"\\Flagged"}}
    assert len(stage.raws_there()) == 1


def test_a_paused_target_is_waited_for_with_words(start):
    stage = start()
    (email,) = put(stage.here, stage.inbox)
    MailAccount.objects.filter(pk=stage.work.account_id).update(state=AccountState.PAUSED)
    (action,) = move_emails(None, [email], target=stage.work)
    assert replay_account(stage.account.pk) == 0
    action.refresh_from_db()
    assert action.error.endswith("is paused.")
    MailAccount.objects.filter(pk=stage.work.account_id).update(state=AccountState.OK)
    finish(stage.account)
    assert len(stage.raws_there()) == 1


@pytest.mark.req("R83")
def test_a_refused_password_there_stops_that_account_and_not_this_one(start):
    stage = start()
    (email,) = put(stage.here, stage.inbox)
    close_kept_sessions()
    for command in ("LOGIN", "AUTHENTICATE"):
        stage.there.faults.refuse(command, code="AUTHENTICATIONFAILED", times=None)
    (action,) = move_emails(None, [email], target=stage.work)
    set_keywords(None, put(stage.here, stage.inbox), add=["$seen"])
    assert replay_account(stage.account.pk) == 1
    replay_due(stage.account)
    action.refresh_from_db()
    assert action.error == f"{stage.work.account.name} needs its password."
    assert stage.account.state == AccountState.NEW
    assert MailAccount.objects.get(pk=stage.work.account_id).state == AccountState.AUTH_FAILED
    asked = [name for name in stage.there.faults.commands if name in {"LOGIN", "AUTHENTICATE"}]
    stage.there.faults.clear()
    assert len(asked) == 2  # once to set the stage up
    MailAccount.objects.filter(pk=stage.work.account_id).update(state=AccountState.OK)
    finish(stage.account)
    assert len(stage.raws_there()) == 1


def test_a_source_that_is_away_is_the_accounts_own_trouble(start):
    stage = start()
    (email,) = put(stage.here, stage.inbox)  # its bytes are not here yet
    close_kept_sessions()
    MailAccount.objects.filter(pk=stage.account.pk).update(incoming_port=1)
    move_emails(None, [email], target=stage.work)
    with pytest.raises(ConnectionFailed):
        replay_account(stage.account.pk)
    MailAccount.objects.filter(pk=stage.account.pk).update(incoming_port=stage.here.port)
    finish(stage.account)
    assert len(stage.raws_there()) == 1


@pytest.mark.req("Y66")
def test_a_rename_of_the_source_waits_for_what_is_leaving_it_and_other_mailboxes_do_not(start):
    stage = start()
    for name in ("Old", "Else"):
        stage.here.store.create_mailbox(stage.here.user, name)
    old, other = remote(stage.account, "Old"), remote(stage.account, "Else")
    (email,) = put(stage.here, old)
    MailAccount.objects.filter(pk=stage.work.account_id).update(state=AccountState.PAUSED)
    move_emails(None, [email], target=stage.work)
    for box, name in ((old, "Older"), (other, "Elsewhere")):
        rename_mailbox(stage.account.user, box, name=name, parent=None)
    assert replay_account(stage.account.pk) == 1
    names = set(stage.here.store.user(stage.here.user).mailboxes)
    assert {"Old", "Elsewhere"} < names
    MailAccount.objects.filter(pk=stage.work.account_id).update(state=AccountState.OK)
    finish(stage.account)
    assert "Older" in stage.here.store.user(stage.here.user).mailboxes
    assert len(stage.raws_there()) == 1


@pytest.mark.req("R86")
@pytest.mark.parametrize("point", ["transfer.noted", "transfer.appended", "transfer.append_noted", "transfer.arrived"])
def test_a_pass_of_the_target_in_the_middle_makes_no_second_row(start, point):
    stage = start()
    found = put(stage.here, stage.inbox, count=2)
    set_keywords(None, found, add=["$seen"])
    points.observer = lambda name: sync_mailbox(stage.work.pk) if name == point else None
    move_emails(None, found, target=stage.work)
    finish(stage.account)
    points.observer = None
    sync_mailbox(stage.work.pk)
    assert len(stage.arrived()) == len(stage.raws_there()) == 2
    assert all(emails.keywords_of([there.pk])[there.pk] == {"$seen"} for there in stage.arrived())


# Stopping


def test_stopped_before_it_began_all_is_back(start):
    stage = start()
    found = put(stage.here, stage.inbox, count=2)
    (action,) = move_emails(None, found, target=stage.work)
    assert putting_back.stop_action(action)
    assert [shown_in(email) for email in found] == [{"INBOX"}, {"INBOX"}]
    assert replay_account(stage.account.pk) == 0


def test_stopped_on_the_way_what_was_begun_comes_to_its_end(start, monkeypatch):
    monkeypatch.setattr(transfer, "BATCH", 1)
    stage = start()
    one, two, three = put(stage.here, stage.inbox, count=3)
    (action,) = move_emails(None, [one, two, three], target=stage.work)
    kill_at("transfer.appended", 2)
    with pytest.raises(Killed):
        replay_account(stage.account.pk)
    close_kept_sessions()

    assert not putting_back.stop_action(action)
    assert shown_in(three) == {"INBOX"}
    assert shown_in(two) == set()
    finish(stage.account)

    action.refresh_from_db()
    assert action.status == Action.Status.STOPPED
    assert len(stage.raws_there()) == 2
    assert list(on_server(stage.here, "INBOX")) == [3]
    assert set(Email.objects.filter(account=stage.account)) == {three}


def test_a_mailbox_that_mail_is_leaving_cannot_be_deleted_yet(start):
    stage = start()
    work_here = make_mailbox(stage.account, "Old", uidvalidity=1)
    email = make_email(work_here)
    move_emails(None, [email], target=stage.work)
    with pytest.raises(ActionRefused, match="on its way"):
        delete_mailbox(stage.account.user, work_here, remove_emails=True)
    assert ActionEmail.objects.filter(source=work_here).exists()


# What is only ours


def test_pop3_mail_goes_to_a_server_and_back(start):
    stage = start()
    pop3 = make_sender(stage.account.user, incoming_protocol="pop3")
    archive = Mailbox.objects.get(account=pop3, role="archive")
    raw = make_raw()
    email = put_email(archive, raw)
    set_keywords(None, [email], add=["$seen", "blue"])

    move_emails(None, [email], target=stage.work)
    finish(pop3)

    assert stage.raws_there() == [raw]
    (there,) = stage.arrived()
    assert emails.keywords_of([there.pk])[there.pk] == {"$seen", "blue"}
    assert not Email.objects.filter(account=pop3).exists()

    move_emails(None, [there], target=archive)
    finish(stage.work.account)

    assert on_server(stage.there, "Work") == {}
    (back,) = Email.objects.filter(account=pop3)
    assert shown_in(back) == {"Archive"}
    assert back.blob == email.blob
    assert emails.keywords_of([back.pk])[back.pk] == {"$seen", "blue"}
    assert consistency.check_account(pop3.pk) == []


def test_what_lies_only_here_is_sent_to_its_own_server_and_stays_the_same_email(start):
    stage = start()
    account = stage.work.account
    ours = make_mailbox(account, "Only here", source=Mailbox.Source.LOCAL, remote_name="")
    email = put_email(ours, make_raw())
    (action,) = move_emails(None, [email], target=stage.work)
    assert action.kind == Action.Kind.TRANSFER
    finish(account)
    assert len(stage.raws_there()) == 1
    assert places(email) == [("Work", 1, False)]
    assert shown_in(email) == {"Work"}

    move_emails(None, [email], target=ours)
    finish(account)
    assert on_server(stage.there, "Work") == {}
    assert shown_in(email) == {"Only here"}
    assert not Placement.objects.filter(email=email).exists()
    assert list(Email.objects.filter(account=account)) == [email]


# Bytes that are not here


@pytest.mark.req("Y94")
@pytest.mark.parametrize("stream_bytes", [10, 10_000])
def test_bytes_are_fetched_whole_before_they_are_sent(start, monkeypatch, stream_bytes):
    monkeypatch.setattr(bodies, "STREAM_BYTES", stream_bytes)
    stage = start()
    raw = make_raw(text="Long\n" * 200)
    stage.here.store.append(stage.here.user, "INBOX", raw)
    (email,) = read_in(stage.inbox)
    text_only = blobs.put_blob(b"Subject: x\r\n\r\nonly the text\r\n")
    emails.attach_texts(stage.account.pk, [(email.pk, text_only.pk)])
    move_emails(None, [email], target=stage.work)
    replay_account(stage.account.pk)
    assert stage.raws_there() == [raw]


def test_what_its_own_server_has_no_more_is_told_and_not_made_up(start):
    stage = start()
    gone, there = put(stage.here, stage.inbox, count=2)
    stage.here.store.expunge(stage.here.user, "INBOX", [1])
    (action,) = move_emails(None, [gone, there], target=stage.work)
    finish(stage.account)
    action.refresh_from_db()
    assert action.status == Action.Status.FAILED
    assert "could not be read from its own server" in action.error
    assert len(stage.raws_there()) == 1
    assert shown_in(gone) == {"INBOX"}
    for _ in range(2):  # all that is left of the mailbox: a second look confirms it
        sync_mailbox(stage.inbox.pk)
    assert shown_in(gone) == set()


def test_a_server_that_rewrites_messages_keeps_its_own_bytes(start):
    stage = start()
    raw = make_raw()
    stage.here.store.append(stage.here.user, "INBOX", raw)
    (email,) = read_in(stage.inbox)
    ours = raw + b"X-Scanned: yes\r\n"
    append = stage.there.store.append

    def rewriting(user: str, mailbox: str, _raw: bytes, **fields: object) -> int:
        return append(user, mailbox, ours, **fields)

    stage.there.store.append = rewriting
    move_emails(None, [email], target=stage.work)
    replay_account(stage.account.pk)
    (there,) = stage.arrived()
    assert (there.size_bytes, there.blob) == (len(ours), None)
    assert on_server(stage.here, "INBOX") == {}
    sync_mailbox(stage.work.pk)
    there.refresh_from_db()
    assert there.blob is not None
    assert blobs.read_blob(there.blob) == ours
