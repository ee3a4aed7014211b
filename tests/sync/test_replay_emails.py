"""What users did to Emails, told to a server with and without MOVE, UIDPLUS and keywords of one's own."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from django.utils import timezone

from accounts.models import MailAccount
from tests.fakes.imap import FakeImapServer
from tests.outbox.letters import make_raw
from tests.sync.replay_rows import make_fake_account, make_remote, on_server, places, put, read_in, replay_due, shown_in
from webmail.demo.imap_session import ImapConfig
from webmail.journal.actions.keywords import set_keywords
from webmail.journal.actions.move import copy_emails, destroy_emails, move_emails
from webmail.journal.models import Action
from webmail.protocols.errors import ConnectionLost
from webmail.store import consistency, emails
from webmail.store.models import Email, EmailKeyword, Mailbox, Placement
from webmail.sync import passes
from webmail.sync.actions.replay import replay_account
from webmail.sync.actions.replay_places import GIVE_UP_LOCATING
from webmail.sync.connections import close_kept_sessions
from webmail.sync.passes import sync_mailbox

pytestmark = pytest.mark.django_db

Start = Callable[..., tuple[FakeImapServer, Mailbox, Mailbox]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a fake with an account: the server, INBOX and Archive."""
    running: list[FakeImapServer] = []
    accounts: list[MailAccount] = []

    def start_one(*without: str, config: ImapConfig | None = None) -> tuple[FakeImapServer, Mailbox, Mailbox]:
        server = FakeImapServer(without=without, config=config).start()
        running.append(server)
        account = make_fake_account(server)
        accounts.append(account)
        return server, make_remote(account, "INBOX"), make_remote(account, "Archive")

    yield start_one
    close_kept_sessions()
    for server in running:
        server.stop()
    for account in accounts:
        assert consistency.check_account(account.pk) == []


def only_action(account_id: int) -> Action:
    return Action.objects.get(account_id=account_id)


def keywords_of(email: Email) -> frozenset[str]:
    return emails.keywords_of([email.pk])[email.pk]


# Keywords


@pytest.mark.req("Y64")
def test_keywords_are_sent_as_deltas_and_become_the_base(start):
    server, inbox, _ = start()
    one, other = put(server, inbox, count=2, flags=["\\Answered"])
    set_keywords(None, [one, other], add=["$seen", "Blue"])
    set_keywords(None, [one], remove=["$answered"], add=["$flagged"])

    assert replay_account(inbox.account_id) == 2

    assert on_server(server, "INBOX") == {
        1: {"\\Seen", "\\Flagged", "blue"},
        2: {"\\Seen", "\\Answered", "blue"},
    }
    assert Placement.objects.get(email=one).keywords == "$flagged $seen blue"
    assert not [line for line in server.faults.lines if b" FLAGS" in line.upper() and b"STORE" in line.upper()]
    assert not Action.objects.exclude(status=Action.Status.DONE).exists()


@pytest.mark.req("Y62")
def test_keywords_of_others_set_meanwhile_stay(start):
    server, inbox, _ = start()
    (email,) = put(server, inbox)
    set_keywords(None, [email], add=["$seen"])
    server.store.change_flags(server.user, "INBOX", [1], add=["\\Flagged"])
    replay_account(inbox.account_id)
    assert on_server(server, "INBOX") == {1: {"\\Seen", "\\Flagged"}}


@pytest.mark.req("Y65")
def test_keyword_the_server_cannot_hold_stays_local(start):
    server, inbox, _ = start(config=ImapConfig(allows_keywords=False))
    (email,) = put(server, inbox)
    set_keywords(None, [email], add=["$seen", "blue"])

    replay_account(inbox.account_id)

    assert on_server(server, "INBOX") == {1: {"\\Seen"}}
    assert keywords_of(email) == {"$seen", "blue"}
    assert dict(EmailKeyword.objects.values_list("keyword", "is_local_only")) == {"$seen": False, "blue": True}
    assert Placement.objects.get(email=email).keywords == "$seen"
    sync_mailbox(inbox.pk)
    assert keywords_of(email) == {"$seen", "blue"}


# Moving


@pytest.mark.req("Y67")
def test_move_keeps_the_email_and_takes_its_place_from_copyuid(start):
    server, inbox, archive = start()
    server.store.append(server.user, "Archive", make_raw())
    one, other = put(server, inbox, count=2)
    move_emails(None, [one, other], target=archive)

    replay_account(inbox.account_id)

    assert server.faults.commands.count("UID MOVE") == 1
    assert "UID COPY" not in server.faults.commands
    assert on_server(server, "INBOX") == {}
    assert places(one) == [("Archive", 2, False)]
    assert places(other) == [("Archive", 3, False)]
    sync_mailbox(archive.pk)
    assert Email.objects.count() == 3
    assert shown_in(one) == {"Archive"}


@pytest.mark.parametrize("without", [("MOVE",), ("MOVE", "UIDPLUS"), ("UIDPLUS",)], ids="-".join)
@pytest.mark.req("Y68")
@pytest.mark.req("Y69")
@pytest.mark.req("Y70")
def test_move_spares_what_others_marked_deleted(start, without):
    server, inbox, archive = start(*without)
    email, foreign = put(server, inbox, count=2)
    server.store.change_flags(server.user, "INBOX", [2], add=["\\Deleted"])
    move_emails(None, [email], target=archive)

    replay_account(inbox.account_id)

    assert on_server(server, "INBOX")[2] == {"\\Deleted"}
    assert "EXPUNGE" not in server.faults.commands
    assert "CLOSE" not in server.faults.commands
    assert list(on_server(server, "Archive")) == [1]
    if without == ("MOVE", "UIDPLUS"):
        assert on_server(server, "INBOX")[1] == {"\\Deleted"}
        assert ("INBOX", 1, True) in places(email)
    else:
        assert 1 not in on_server(server, "INBOX")
    sync_mailbox(archive.pk)
    sync_mailbox(inbox.pk)
    assert Email.objects.count() == 2
    assert shown_in(email) == {"Archive"}
    assert ("Archive", 1, False) in places(email)
    assert foreign.pk == Email.objects.exclude(pk=email.pk).get().pk


@pytest.mark.parametrize("uidplus", [True, False], ids=["UIDPLUS", "no UIDPLUS"])
@pytest.mark.parametrize("cut", ["UID COPY", "after UID COPY", "UID STORE", "after UID STORE", "UID EXPUNGE"])
@pytest.mark.req("Y71")
@pytest.mark.req("R82")
@pytest.mark.fault("F2")
def test_move_without_move_cut_anywhere_leaves_exactly_one_copy(start, cut, uidplus):
    """R82 F2."""
    if cut == "UID EXPUNGE" and not uidplus:
        pytest.skip("without UIDPLUS there is no UID EXPUNGE")
    server, inbox, archive = start("MOVE", *(() if uidplus else ("UIDPLUS",)))
    # The same message is in the target already: it must not be taken for the copy.
    raw = make_raw()
    server.store.append(server.user, "Archive", raw)
    server.store.append(server.user, "INBOX", raw)
    (email,) = read_in(inbox)
    move_emails(None, [email], target=archive)
    if cut.startswith("after "):
        server.faults.cut_answer(cut.removeprefix("after "))
    else:
        server.faults.cut(cut)

    with pytest.raises(ConnectionLost):
        replay_account(inbox.account_id)
    waiting = only_action(inbox.account_id)
    assert waiting.status == Action.Status.PENDING
    assert waiting.error == "The connection to the server was lost."
    assert replay_account(inbox.account_id) == 0  # not before its time
    assert replay_due(inbox.account) == 1

    assert list(on_server(server, "Archive")) == [1, 2]
    assert on_server(server, "INBOX") == ({} if uidplus else {1: {"\\Deleted"}})
    if uidplus:
        assert places(email) == [("Archive", 2, False)]
    sync_mailbox(archive.pk)
    assert ("Archive", 2, False) in places(email)
    assert shown_in(email) == {"Archive"}
    assert only_action(inbox.account_id).status == Action.Status.DONE


@pytest.mark.parametrize("cut_answer", [True, False])
@pytest.mark.req("Y71")
def test_move_cut_before_or_after_it_ran_is_continued(start, cut_answer):
    server, inbox, archive = start()
    (email,) = put(server, inbox)
    move_emails(None, [email], target=archive)
    if cut_answer:
        server.faults.cut_answer("UID MOVE")
    else:
        server.faults.cut("UID MOVE")
    with pytest.raises(ConnectionLost):
        replay_account(inbox.account_id)
    replay_due(inbox.account)
    sync_mailbox(archive.pk)
    assert list(on_server(server, "Archive")) == [1]
    assert on_server(server, "INBOX") == {}
    assert places(email) == [("Archive", 1, False)]
    assert Email.objects.count() == 1


@pytest.mark.parametrize("with_pass", [True, False])
@pytest.mark.req("Y70")
@pytest.mark.req("Y74")
def test_what_was_moved_without_copyuid_is_found_by_identity(start, with_pass):
    server, inbox, archive = start("UIDPLUS")
    trash = make_remote(inbox.account, "Trash")
    email, twin = put(server, inbox), put(server, inbox)
    move_emails(None, email, target=archive)
    if with_pass:
        replay_account(inbox.account_id)
        sync_mailbox(archive.pk)
    set_keywords(None, email, add=["$seen"])
    move_emails(None, email, target=trash)
    copy_emails(None, email, target=archive)

    replay_account(inbox.account_id)

    assert set(Action.objects.values_list("status", flat=True)) == {Action.Status.DONE}
    assert on_server(server, "Trash") == {1: {"\\Seen"}}
    assert on_server(server, "Archive") == {2: {"\\Seen"}}
    sync_mailbox(trash.pk)
    sync_mailbox(archive.pk)
    assert places(email[0]) == [("Archive", 2, False), ("Trash", 1, False)]
    assert places(twin[0]) == [("INBOX", 2, False)]


@pytest.mark.req("Y74")
def test_move_of_what_is_gone_from_the_server_ends_without_an_upload(start):
    server, inbox, archive = start()
    (email,) = put(server, inbox)
    move_emails(None, [email], target=archive)
    server.store.expunge(server.user, "INBOX", [1])

    assert replay_account(inbox.account_id) == 0  # a pass may know where it is
    for _ in range(3):
        passes.sync_account(inbox.account_id)
    replay_account(inbox.account_id)

    assert only_action(inbox.account_id).status == Action.Status.DONE
    assert on_server(server, "Archive") == {}
    assert "APPEND" not in server.faults.commands
    assert Email.objects.get() == email


@pytest.mark.req("Y74")
def test_what_is_found_nowhere_holds_up_nothing(start):
    server, inbox, archive = start("UIDPLUS")
    trash = make_remote(inbox.account, "Trash")
    email, other = put(server, inbox, count=2)
    move_emails(None, [email], target=archive)
    replay_account(inbox.account_id)  # its place in Archive is not known
    server.store.expunge(server.user, "Archive", [1])
    set_keywords(None, [email], add=["$seen"])
    move_emails(None, [email], target=trash)
    set_keywords(None, [other], add=["$flagged"])

    assert replay_account(inbox.account_id) == 0  # a pass may know better
    Action.objects.update(attempts=GIVE_UP_LOCATING, next_try_at=timezone.now())

    assert replay_account(inbox.account_id) == 3

    assert set(Action.objects.values_list("status", flat=True)) == {Action.Status.DONE}
    assert on_server(server, "INBOX") == {2: {"\\Flagged"}}
    assert on_server(server, "Trash") == {}


@pytest.mark.req("Y74")
def test_a_keyword_follows_what_another_client_has_moved(start):
    server, inbox, _ = start()
    email, *_ = put(server, inbox, count=5)
    server.store.move(server.user, "INBOX", [1], "Archive")
    set_keywords(None, [email], add=["$flagged"])

    assert replay_account(inbox.account_id) == 0  # not told to nobody
    passes.sync_account(inbox.account_id)
    Action.objects.update(next_try_at=timezone.now())

    assert replay_account(inbox.account_id) == 1
    assert on_server(server, "Archive") == {1: {"\\Flagged"}}


@pytest.mark.req("Y51")
def test_uids_of_a_mailbox_made_anew_are_not_used(start):
    server, inbox, archive = start()
    (email,) = put(server, inbox)
    server.store.append(server.user, "INBOX", make_raw())
    server.store.expunge(server.user, "INBOX", [1])
    server.flip_uidvalidity()  # UID 1 is the other message now
    move_emails(None, [email], target=archive)

    assert replay_account(inbox.account_id) == 0

    assert list(on_server(server, "INBOX")) == [1]
    assert on_server(server, "Archive") == {}
    assert only_action(inbox.account_id).error == "INBOX was made anew on the server."


# Copying


@pytest.mark.parametrize("without", [(), ("UIDPLUS",)], ids=["UIDPLUS", "no UIDPLUS"])
@pytest.mark.parametrize("cut", [None, "before", "after"])
@pytest.mark.req("Y71")
def test_copy_is_made_once(start, without, cut):
    server, inbox, archive = start(*without)
    (email,) = put(server, inbox)
    copy_emails(None, [email], target=archive)
    if cut == "before":
        server.faults.cut("UID COPY")
    elif cut == "after":
        server.faults.cut_answer("UID COPY")
    if cut:
        with pytest.raises(ConnectionLost):
            replay_account(inbox.account_id)
    replay_due(inbox.account)
    sync_mailbox(archive.pk)
    assert list(on_server(server, "Archive")) == [1]
    assert places(email) == [("Archive", 1, False), ("INBOX", 1, False)]
    assert shown_in(email) == {"Archive", "INBOX"}
    assert Email.objects.count() == 1


# Deleting


@pytest.mark.parametrize("cut", [None, "UID STORE", "UID EXPUNGE"])
@pytest.mark.req("Y69")
def test_destroy_removes_message_and_rows(start, cut):
    server, inbox, _ = start()
    email, foreign = put(server, inbox, count=2)
    server.store.change_flags(server.user, "INBOX", [2], add=["\\Deleted"])
    destroy_emails(None, [email])
    assert shown_in(email) == set()
    if cut:
        server.faults.cut_answer(cut)
        with pytest.raises(ConnectionLost):
            replay_account(inbox.account_id)
        assert Email.objects.filter(pk=email.pk).exists()
    replay_due(inbox.account)
    assert on_server(server, "INBOX") == {2: {"\\Deleted"}}
    assert list(Email.objects.all()) == [foreign]
    assert only_action(inbox.account_id).status == Action.Status.DONE


@pytest.mark.req("Y69")
def test_destroy_without_uidplus_hides(start):
    server, inbox, _ = start("UIDPLUS")
    email, _ = put(server, inbox, count=2)
    destroy_emails(None, [email])
    replay_account(inbox.account_id)
    assert on_server(server, "INBOX") == {1: {"\\Deleted"}, 2: set()}
    sync_mailbox(inbox.pk)
    assert shown_in(email) == set()
    assert places(email) == [("INBOX", 1, True)]


# Refusals


@pytest.mark.parametrize("code", ["OVERQUOTA", "NOPERM", "READ-ONLY", "CANNOT"])
@pytest.mark.req("R83")
@pytest.mark.req("Y73")
def test_move_refused_for_good_is_taken_back_and_told(start, code):
    server, inbox, archive = start()
    (email,) = put(server, inbox)
    server.faults.refuse("UID MOVE", code=code, text="Mailbox is full")
    move_emails(None, [email], target=archive)
    assert shown_in(email) == {"Archive"}

    assert replay_account(inbox.account_id) == 1

    action = only_action(inbox.account_id)
    assert action.status == Action.Status.FAILED
    assert action.error == "The server refuses. The server said: “Mailbox is full”"
    assert shown_in(email) == {"INBOX"}
    assert places(email) == [("INBOX", 1, False)]
    inbox.refresh_from_db()
    archive.refresh_from_db()
    assert (inbox.total_emails, archive.total_emails) == (1, 0)


@pytest.mark.req("Y73")
def test_refused_keywords_deletions_and_copies_are_taken_back(start):
    server, inbox, archive = start()
    (email,) = put(server, inbox, flags=["\\Flagged"])
    server.faults.refuse("UID STORE", code="NOPERM", times=2)
    server.faults.refuse("UID COPY", code="OVERQUOTA")
    set_keywords(None, [email], add=["$seen"], remove=["$flagged"])
    copy_emails(None, [email], target=archive)
    destroy_emails(None, [email], source=inbox)

    assert replay_account(inbox.account_id) == 3

    assert set(Action.objects.values_list("status", flat=True)) == {Action.Status.FAILED}
    assert keywords_of(email) == {"$flagged"}
    assert shown_in(email) == {"INBOX"}


@pytest.mark.req("Y73")
def test_what_the_server_did_before_it_refused_the_rest_is_not_taken_back(start):
    server, inbox, archive = start()
    trash = make_remote(inbox.account, "Trash")
    one, two = *put(server, inbox), *put(server, archive)
    server.faults.run_before("UID MOVE", lambda: server.faults.refuse("UID MOVE", code="OVERQUOTA"))
    move_emails(None, [one, two], target=trash)

    replay_account(inbox.account_id)

    assert only_action(inbox.account_id).status == Action.Status.FAILED
    assert list(on_server(server, "Trash")) == [1]
    for email in (one, two):
        assert shown_in(email) == {name for name, _, _ in places(email)}
    assert sorted(name for email in (one, two) for name, _, _ in places(email)).count("Trash") == 1


@pytest.mark.parametrize("code", ["INUSE", "UNAVAILABLE", "LIMIT", "SERVERBUG"])
@pytest.mark.req("R83")
@pytest.mark.req("Y66")
def test_temporary_refusal_waits_and_keeps_the_order(start, code):
    server, inbox, archive = start()
    (email,) = put(server, inbox)
    server.faults.refuse("UID STORE", code=code, text="busy")
    set_keywords(None, [email], add=["$seen"])
    move_emails(None, [email], target=archive)

    assert replay_account(inbox.account_id) == 0
    first, second = Action.objects.order_by("id")
    assert (first.status, first.error) == ("pending", "The server cannot do this just now. The server said: “busy”")
    assert second.attempts == 0
    assert keywords_of(email) == {"$seen"}
    assert shown_in(email) == {"Archive"}
    assert replay_account(inbox.account_id) == 0
    assert "UID MOVE" not in server.faults.commands

    assert replay_due(inbox.account) == 2
    assert on_server(server, "Archive") == {1: {"\\Seen"}}


# Keywords the server takes later


@pytest.mark.req("Y65")
@pytest.mark.parametrize("allows", ["all", "one"])
def test_local_keywords_are_sent_once_the_server_takes_them(start, allows):
    server, inbox, _ = start(config=ImapConfig(allows_keywords=False))
    one, two = put(server, inbox, count=2)
    set_keywords(None, [one, two], add=["blue"])
    set_keywords(None, [one], add=["green"])
    replay_account(inbox.account_id)
    sync_mailbox(inbox.pk)
    assert on_server(server, "INBOX") == {1: set(), 2: set()}
    close_kept_sessions()
    server.server.config = replace(server.server.config, allows_keywords=True)
    if allows == "one":
        for command in ("SELECT", "EXAMINE"):
            server.faults.change_answer(command, only_blue_is_permanent, times=None)
    server.store.append(server.user, "INBOX", make_raw())

    sync_mailbox(inbox.pk)
    replay_account(inbox.account_id)

    first = {"blue", "green"} if allows == "all" else {"blue"}
    assert on_server(server, "INBOX") == {1: first, 2: {"blue"}, 3: set()}
    local = EmailKeyword.objects.filter(is_local_only=True).values_list("keyword", flat=True)
    assert set(local) == {"blue", "green"} - first
    count = Action.objects.count()
    sync_mailbox(inbox.pk)
    assert Action.objects.count() == count
    assert keywords_of(one) == {"blue", "green"}


def only_blue_is_permanent(answer: bytes) -> bytes:
    return re.sub(rb"PERMANENTFLAGS \([^)]*\)", rb"PERMANENTFLAGS (\\Seen \\Deleted blue)", answer)
