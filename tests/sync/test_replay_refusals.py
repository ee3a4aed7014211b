"""What becomes of an act by what the server answers: RFC 5530 as a table, one row each. The act is never just forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.utils import timezone

from accounts.models import AccountState, MailAccount
from tests.fakes.imap import FakeImapServer
from tests.outbox.letters import make_raw
from tests.sync.conftest import inbox_of, letter, sync
from tests.sync.replay_rows import make_fake_account, make_remote, on_server, places, put, replay_due, shown_in
from webmail.journal.actions.keywords import set_keywords
from webmail.journal.actions.move import archive_emails, copy_emails, move_emails
from webmail.journal.models import Action
from webmail.protocols.errors import ProtocolError
from webmail.store import consistency, emails
from webmail.store.models import Email, EmailKeyword, Mailbox
from webmail.sync.actions.replay import replay_account
from webmail.sync.actions.replay_refusals import LOOK_AGAIN_TRIES
from webmail.sync.connections import close_kept_sessions
from webmail.sync.passes import sync_mailbox

pytestmark = pytest.mark.django_db

WAITS, BACK, DONE, STOPS = "waits", "back", "done", "stops"


@pytest.fixture
def server() -> Iterator[FakeImapServer]:
    with FakeImapServer() as running:
        yield running
        close_kept_sessions()


TABLE = [
    ("UNAVAILABLE", WAITS, 25),
    ("INUSE", WAITS, 25),
    ("SERVERBUG", WAITS, 25),
    ("LIMIT", WAITS, 290),
    ("THROTTLED", WAITS, 290),
    ("EXPUNGEISSUED", WAITS, 25),
    ("NONEXISTENT", WAITS, 25),
    ("ALREADYEXISTS", WAITS, 25),
    ("TRYCREATE", DONE, 0),
    ("NOPERM", BACK, 0),
    ("OVERQUOTA", BACK, 0),
    ("CORRUPTION", BACK, 0),
    ("CANNOT", BACK, 0),
    ("CLIENTBUG", BACK, 0),
    ("HASCHILDREN", BACK, 0),
    ("", BACK, 0),
    ("AUTHORIZATIONFAILED", STOPS, 0),
    ("EXPIRED", STOPS, 0),
    ("CONTACTADMIN", STOPS, 0),
    ("PRIVACYREQUIRED", STOPS, 0),
]


@pytest.mark.req("R83")
@pytest.mark.req("Y73")
@pytest.mark.parametrize(("code", "outcome", "least_s"), TABLE, ids=[row[0] or "bare NO" for row in TABLE])
def test_an_act_after_each_answer(server, code, outcome, least_s):
    account = make_fake_account(server)
    inbox, archive = make_remote(account, "INBOX"), make_remote(account, "Archive")
    (email,) = put(server, inbox)
    (action,) = move_emails(None, [email], target=archive)
    server.faults.refuse("UID MOVE", code=code, text="So it is")
    began = timezone.now()

    if outcome == STOPS:
        with pytest.raises(ProtocolError):
            replay_account(account.pk)
    else:
        assert replay_account(account.pk) == (1 if outcome in {BACK, DONE} else 0)

    action.refresh_from_db()
    account.refresh_from_db()
    status = {WAITS: "pending", STOPS: "pending", BACK: "failed", DONE: "done"}[outcome]
    assert action.status == status
    assert shown_in(email) == ({"INBOX"} if outcome == BACK else {"Archive"})
    assert ("So it is" in action.error) == (outcome != DONE)
    if outcome == WAITS:
        assert (action.next_try_at - began).total_seconds() > least_s
    if outcome == STOPS:
        asks = code not in {"CONTACTADMIN", "PRIVACYREQUIRED"}
        assert account.state == (AccountState.AUTH_FAILED if asks else AccountState.FAILING)
    else:
        assert account.state == AccountState.NEW
    if outcome in {WAITS, STOPS}:  # the same act goes through once the server has come to its senses
        MailAccount.objects.update(state=AccountState.OK)
        assert replay_due(account) == 1
    assert list(on_server(server, "INBOX" if outcome == BACK else "Archive")) == [1]
    assert consistency.check_account(account.pk) == []


@pytest.mark.req("R83")
def test_what_is_out_of_date_again_and_again_is_believed(server):
    account = make_fake_account(server)
    inbox, archive = make_remote(account, "INBOX"), make_remote(account, "Archive")
    (email,) = put(server, inbox)
    (action,) = move_emails(None, [email], target=archive)
    server.faults.refuse("UID MOVE", code="NONEXISTENT", times=None)
    for _ in range(LOOK_AGAIN_TRIES):
        replay_due(account)
    action.refresh_from_db()
    assert action.status == Action.Status.FAILED
    assert shown_in(email) == {"INBOX"}


@pytest.mark.req("Y73")
@pytest.mark.parametrize("act", [move_emails, copy_emails])
def test_a_target_that_another_client_deleted_is_made_anew(server, act):
    account = make_fake_account(server)
    inbox, archive = make_remote(account, "INBOX"), make_remote(account, "Archive")
    (email,) = put(server, inbox)
    server.store.delete_mailbox(server.user, "Archive")
    (action,) = act(None, [email], target=archive)
    for _ in range(2):
        replay_due(account)
    action.refresh_from_db()
    assert action.status == Action.Status.DONE
    assert len(on_server(server, "Archive")) == 1
    sync_mailbox(archive.pk)
    assert "Archive" in shown_in(email)
    assert Email.objects.count() == 1


@pytest.mark.req("Y73")
def test_a_target_that_cannot_be_made_anew_is_told_at_once(server):
    account = make_fake_account(server)
    inbox, archive = make_remote(account, "INBOX"), make_remote(account, "Archive")
    (email,) = put(server, inbox)
    (action,) = move_emails(None, [email], target=archive)
    server.faults.refuse("UID MOVE", code="TRYCREATE", times=None)
    server.faults.refuse("CREATE", code="NOPERM", times=None)
    replay_account(account.pk)
    action.refresh_from_db()
    assert action.status == Action.Status.FAILED
    assert shown_in(email) == {"INBOX"}


# Several told as one


@pytest.mark.req("Y64")
@pytest.mark.req("R83")
def test_of_several_marks_told_as_one_only_the_refused_is_taken_back(server):
    inbox = make_remote(make_fake_account(server), "INBOX")
    one, two, three = put(server, inbox, count=3)
    for email in (one, two, three):
        set_keywords(None, [email], add=["$seen"])
    server.faults.refuse("UID STORE", code="NOPERM", when=b"1:3")
    server.faults.refuse("UID STORE", code="NOPERM", when=b"STORE 2 ")

    assert replay_account(inbox.account_id) == 3

    assert list(Action.objects.order_by("pk").values_list("status", flat=True)) == ["done", "failed", "done"]
    assert on_server(server, "INBOX") == {1: {"\\Seen"}, 2: set(), 3: {"\\Seen"}}
    marked = emails.keywords_of([one.pk, two.pk, three.pk])
    assert [marked[email.pk] for email in (one, two, three)] == [{"$seen"}, frozenset(), {"$seen"}]


# How servers spell


@pytest.mark.req("Y64")
def test_a_keyword_that_the_server_spells_otherwise_is_removed_all_the_same(server):
    inbox = make_remote(make_fake_account(server), "INBOX")
    (email,) = put(server, inbox, flags=["Blue"])
    assert emails.keywords_of([email.pk])[email.pk] == {"blue"}
    # A server to which `blue` is another flag than `Blue`: it answers what is left.
    server.faults.answer("UID STORE", b"* 1 FETCH (UID 1 FLAGS (Blue))\r\n", when=b"-FLAGS (blue)")
    set_keywords(None, [email], remove=["blue"])

    assert replay_account(inbox.account_id) == 1

    stores = [line for line in server.faults.lines if b"UID STORE" in line]
    assert len(stores) == 2
    assert b"-FLAGS.SILENT (Blue)" in stores[1]
    assert on_server(server, "INBOX") == {1: frozenset()}
    assert not EmailKeyword.objects.exists()


# Where it lies


@pytest.mark.req("Y70")
@pytest.mark.parametrize("is_cut", [False, True])
def test_moved_without_copyuid_it_is_found_from_uidnext_on_by_fingerprint(is_cut):
    with FakeImapServer(without=["UIDPLUS"]) as server:
        account = make_fake_account(server)
        inbox, archive = make_remote(account, "INBOX"), make_remote(account, "Archive")
        raw = make_raw()
        old = server.store.append(server.user, "Archive", make_raw())
        server.store.append(server.user, "INBOX", raw)
        server.store.append(server.user, "INBOX", raw)
        server.store.append(server.user, "INBOX", make_raw(Message_ID=""))
        sync_mailbox(archive.pk)
        sync_mailbox(inbox.pk)
        *twins, nameless = Email.objects.filter(mailbox_rows__mailbox=inbox).order_by("placements__uid")
        if is_cut:
            server.faults.cut_answer("UID MOVE")
        move_emails(None, [*twins, nameless], target=archive)
        try:
            replay_account(account.pk)
        except ProtocolError:
            close_kept_sessions()
            assert replay_due(account) == 1
        close_kept_sessions()

        at = [places(email) for email in (*twins, nameless)]
        assert sorted(at) == [[("Archive", old + number, False)] for number in (1, 2, 3)]
        assert at[2] == [("Archive", old + 3, False)]
        sync_mailbox(archive.pk)
        assert [shown_in(email) for email in (*twins, nameless)] == [{"Archive"}] * 3
        assert Email.objects.count() == 4
        close_kept_sessions()


# Gmail


@pytest.mark.req("Y55")
def test_archiving_at_gmail_takes_the_message_out_of_inbox_alone(connect):
    with FakeImapServer(also={"X-GM-EXT-1"}) as gmail:
        gmail.store.delete_mailbox(gmail.user, "Archive")
        for name, use in (("[Gmail]/All Mail", "\\All"), ("Receipts", None)):
            gmail.store.create_mailbox(gmail.user, name, special_use=use)
        for name in ("INBOX", "[Gmail]/All Mail", "Receipts"):
            gmail.store.append(gmail.user, name, letter(1))
        account = sync(connect(gmail))
        email = Email.objects.get(account=account)
        assert not Mailbox.objects.filter(account=account, role="archive").exists()
        # There a message is one thing with labels: the move only takes the label of Inbox away.
        gmail.faults.run_before("UID MOVE", lambda: gmail.store.expunge(gmail.user, "INBOX", [1]))

        (action,) = archive_emails(account.user, [email])
        names = {"All Mail", "Receipts"}
        assert shown_in(email) == names
        assert replay_account(account.pk) == 1

        moves = [line for line in gmail.faults.lines if b"UID MOVE" in line]
        assert len(moves) == 1
        assert re.search(rb'"?\[Gmail\]/All Mail"?', moves[0])
        assert not any(b"UID STORE" in line for line in gmail.faults.lines)
        assert [len(on_server(gmail, name)) for name in ("INBOX", "[Gmail]/All Mail", "Receipts")] == [0, 1, 1]
        sync(account, passes_made=2)
        assert list(Email.objects.filter(account=account)) == [email]
        assert shown_in(email) == names
        assert inbox_of(account).total_emails == 0
        action.refresh_from_db()
        assert action.status == Action.Status.DONE
        assert consistency.check_account(account.pk) == []
