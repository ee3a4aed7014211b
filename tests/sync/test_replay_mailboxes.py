"""Mailboxes that users made, renamed and deleted, told to the server."""

from collections.abc import Iterator

import pytest

from accounts.models import MailAccount
from tests.factories import make_mailbox
from tests.fakes.imap import FakeImapServer
from tests.outbox.letters import make_raw
from tests.sync.replay_rows import make_fake_account, make_remote, on_server, places, put, replay_due, shown_in
from tests.sync.test_discover import Held
from webmail.demo.imap_session import ImapConfig
from webmail.journal.actions.mailboxes import create_mailbox, delete_mailbox, rename_mailbox, subscribe_mailbox
from webmail.journal.actions.move import move_emails
from webmail.journal.errors import ActionRefused
from webmail.journal.models import Action
from webmail.protocols.errors import ConnectionLost
from webmail.store import consistency
from webmail.store.models import Email, Mailbox
from webmail.sync.actions.replay import replay_account
from webmail.sync.connections import account_session, close_kept_sessions
from webmail.sync.discovery.discover import discover_mailboxes

pytestmark = pytest.mark.django_db


@pytest.fixture
def server() -> Iterator[FakeImapServer]:
    with FakeImapServer() as running:
        yield running
        close_kept_sessions()


@pytest.fixture
def account(server: FakeImapServer) -> Iterator[MailAccount]:
    made = make_fake_account(server)
    make_remote(made, "INBOX")
    yield made
    assert consistency.check_account(made.pk) == []


def names(server: FakeImapServer) -> set[str]:
    with server.store.lock:
        return set(server.store.user(server.user).mailboxes) - {"INBOX", "Drafts", "Sent", "Archive", "Junk", "Trash"}


def fresh(mailbox: Mailbox) -> Mailbox:
    return Mailbox.objects.get(pk=mailbox.pk)


def statuses() -> list[str]:
    return list(Action.objects.order_by("id").values_list("status", flat=True))


@pytest.mark.req("R82")
def test_mailbox_and_child_are_made_and_subscribed(server, account):
    parent = create_mailbox(account.user, account.pk, name="Ärzte & Co")
    child = create_mailbox(account.user, account.pk, name="2026", parent=parent)

    assert replay_account(account.pk) == 2

    assert names(server) == {"Ärzte & Co", "Ärzte & Co/2026"}
    assert fresh(parent).remote_name == "&AMQ-rzte &- Co"
    assert fresh(child).remote_name == "&AMQ-rzte &- Co/2026"
    assert server.store.mailbox(server.user, "Ärzte & Co/2026").is_subscribed


@pytest.mark.parametrize("code", ["ALREADYEXISTS", ""])
@pytest.mark.req("Y71")
def test_mailbox_that_is_there_already_is_taken(server, account, code):
    box = create_mailbox(account.user, account.pk, name="Work")
    server.store.create_mailbox(server.user, "Work")
    server.faults.refuse("CREATE", code=code, text="it exists")
    assert replay_account(account.pk) == 1
    assert fresh(box).remote_name == "Work"
    assert statuses() == ["done"]


@pytest.mark.parametrize("command", ["CREATE", "RENAME", "DELETE"])
@pytest.mark.req("Y71")
def test_act_on_a_mailbox_whose_answer_was_lost_is_done_once(server, account, command):
    if command != "CREATE":
        server.store.create_mailbox(server.user, "Work")
        box = make_remote(account, "Work")
    if command == "CREATE":
        create_mailbox(account.user, account.pk, name="Job")
    elif command == "RENAME":
        rename_mailbox(account.user, box, name="Job", parent=None)
    else:
        delete_mailbox(account.user, box, remove_emails=False)
    server.faults.cut_answer(command)
    with pytest.raises(ConnectionLost):
        replay_account(account.pk)
    assert replay_due(account) == 1
    assert names(server) == (set() if command == "DELETE" else {"Job"})
    assert statuses() == ["done"]
    assert set(Mailbox.objects.values_list("remote_name", flat=True)) == {"INBOX"} | names(server)


@pytest.mark.req("R83")
def test_mailbox_that_may_not_be_made_goes_with_what_was_put_into_it(server, account):
    inbox = Mailbox.objects.get(account=account)
    (email,) = put(server, inbox)
    box = create_mailbox(account.user, account.pk, name="Work")
    create_mailbox(account.user, account.pk, name="Below", parent=box)
    move_emails(None, [email], target=box)
    server.faults.refuse("CREATE", code="NOPERM", text="not yours", times=None)

    assert replay_account(account.pk) == 3

    assert statuses() == ["failed", "failed", "failed"]
    told = list(Action.objects.order_by("id").values_list("error", flat=True))
    assert told == [
        "The server refuses. The server said: “not yours”",
        "Work is not on the server.",
        "The mailbox it should go to is not on the server.",
    ]
    assert list(Mailbox.objects.all()) == [inbox]
    assert shown_in(email) == {"INBOX"}
    assert list(on_server(server, "INBOX")) == [1]


@pytest.mark.req("R82")
def test_mail_can_be_moved_into_a_mailbox_that_is_still_to_be_made(server, account):
    (email,) = put(server, Mailbox.objects.get(account=account))
    box = create_mailbox(account.user, account.pk, name="Work")
    move_emails(None, [email], target=box)
    assert replay_account(account.pk) == 2
    assert list(on_server(server, "Work")) == [1]
    assert places(email) == [("Work", 1, False)]


@pytest.mark.req("Y25")
def test_rename_takes_children_along_and_keeps_ids(server, account):
    for name in ("Work", "Work/A", "Work/A/B", "work2"):
        server.store.create_mailbox(server.user, name)
    work = make_remote(account, "Work")
    child = make_mailbox(account, "A", parent=work, remote_name="Work/A")
    grandchild = make_mailbox(account, "B", parent=child, remote_name="Work/A/B")
    rename_mailbox(account.user, work, name="Jobs", parent=None)

    assert replay_account(account.pk) == 1

    assert names(server) == {"Jobs", "Jobs/A", "Jobs/A/B", "work2"}
    assert [fresh(box).remote_name for box in (work, child, grandchild)] == ["Jobs", "Jobs/A", "Jobs/A/B"]


@pytest.mark.req("Y66")
def test_renames_in_a_row_and_above_each_other_arrive(server, account):
    for name in ("P", "P/c", "Other"):
        server.store.create_mailbox(server.user, name)
    parent, other = make_remote(account, "P"), make_remote(account, "Other")
    child = make_mailbox(account, "c", parent=parent, remote_name="P/c")
    rename_mailbox(account.user, child, name="d", parent=parent)
    rename_mailbox(account.user, parent, name="Q", parent=None)
    rename_mailbox(account.user, parent, name="R", parent=other)
    rename_mailbox(account.user, fresh(child), name="e", parent=fresh(parent))

    assert replay_account(account.pk) == 4

    assert set(statuses()) == {"done"}
    assert names(server) == {"Other", "Other/R", "Other/R/e"}
    assert fresh(child).remote_name == "Other/R/e"


@pytest.mark.req("R83")
def test_refused_rename_is_taken_back(server, account):
    server.store.create_mailbox(server.user, "Work")
    work = make_remote(account, "Work")
    server.faults.refuse("RENAME", code="NOPERM", text="not yours")
    rename_mailbox(account.user, work, name="Jobs", parent=None)
    replay_account(account.pk)
    assert statuses() == ["failed"]
    assert fresh(work).name == "Work"
    assert fresh(work).remote_name == "Work"


@pytest.mark.req("R83")
def test_refused_rename_whose_old_name_is_taken_still_ends(server, account):
    server.store.create_mailbox(server.user, "Work")
    work = make_remote(account, "Work")
    server.faults.refuse("RENAME", code="NOPERM", text="not yours")
    rename_mailbox(account.user, work, name="Jobs", parent=None)
    make_mailbox(account, "Work", remote_name="")
    replay_account(account.pk)
    assert statuses() == ["failed"]
    assert fresh(work).name == "Jobs"


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.req("R82")
def test_deleted_mailbox_goes_on_the_server_too(server, account, is_there):
    server.store.create_mailbox(server.user, "Work")
    work = make_remote(account, "Work")
    put(server, work)
    delete_mailbox(account.user, work, remove_emails=True)
    if not is_there:
        server.store.delete_mailbox(server.user, "Work")
    assert replay_account(account.pk) == 1
    assert names(server) == set()
    assert statuses() == ["done"]
    assert Email.objects.count() == 0


@pytest.mark.req("R83")
def test_refused_deletion_is_told(server, account):
    server.store.create_mailbox(server.user, "Work")
    delete_mailbox(account.user, make_remote(account, "Work"), remove_emails=False)
    server.faults.refuse("DELETE", code="NOPERM", text="not yours")
    replay_account(account.pk)
    assert statuses() == ["failed"]
    assert names(server) == {"Work"}


def test_name_with_the_servers_delimiter_is_refused_in_words():
    with FakeImapServer(config=ImapConfig(delimiter=".")) as server:
        account = make_fake_account(server)
        make_mailbox(account, "INBOX", role="inbox", delimiter=".")
        create_mailbox(account.user, account.pk, name="a.b")
        create_mailbox(account.user, account.pk, name="c")
        replay_account(account.pk)
        close_kept_sessions()
        assert names(server) == {"c"}
    assert statuses() == ["failed", "done"]
    assert Action.objects.order_by("id")[0].error == "On this server a name cannot hold “.”."


@pytest.mark.req("Y19")
def test_new_and_renamed_mailboxes_lie_in_the_users_own_namespace():
    with FakeImapServer(config=ImapConfig(prefix="INBOX.", delimiter=".")) as server:
        account = make_fake_account(server)
        make_mailbox(account, "INBOX", role="inbox", delimiter=".")
        box = create_mailbox(account.user, account.pk, name="Work")
        child = create_mailbox(account.user, account.pk, name="2026", parent=box)
        replay_account(account.pk)
        assert (fresh(box).remote_name, fresh(child).remote_name) == ("INBOX.Work", "INBOX.Work.2026")
        rename_mailbox(account.user, fresh(child), name="Alone", parent=None)
        replay_account(account.pk)
        close_kept_sessions()
        assert fresh(child).remote_name == "INBOX.Alone"
        assert names(server) == {"Work", "Alone"}
        with pytest.raises(ActionRefused, match="beside Inbox"):
            create_mailbox(account.user, account.pk, name="x", parent=Mailbox.objects.get(role="inbox"))
    assert set(statuses()) == {"done"}


@pytest.mark.req("Y27")
def test_names_below_one_that_cannot_be_decoded_are_built_from_its_bytes(server, account):
    parent = make_mailbox(account, "odd", remote_name="caf\xe9 &bad")
    child = create_mailbox(account.user, account.pk, name="Ä", parent=parent)
    server.faults.answer("CREATE", b"")
    replay_account(account.pk)
    assert fresh(child).remote_name == "caf\xe9 &bad/&AMQ-"
    assert any(b'CREATE "caf\xe9 &bad/&AMQ-"' in line for line in server.faults.lines)


@pytest.mark.req("Y25")
def test_rename_of_a_name_with_wildcards_moves_its_own_children_only(server, account):
    for name in ("100%", "100%/a", "1000/a", "100_/a"):
        server.store.create_mailbox(server.user, name)
    box = make_remote(account, "100%")
    child = make_mailbox(account, "a", parent=box, remote_name="100%/a")
    others = [make_mailbox(account, name, remote_name=name) for name in ("1000/a", "100_/a", "100%x")]
    rename_mailbox(account.user, box, name="Half", parent=None)
    replay_account(account.pk)
    assert [fresh(one).remote_name for one in (box, child)] == ["Half", "Half/a"]
    assert [fresh(one).remote_name for one in others] == ["1000/a", "100_/a", "100%x"]


@pytest.mark.req("Y73")
def test_mail_that_came_since_saves_the_mailbox(server, account):
    server.store.create_mailbox(server.user, "Work")
    work = make_remote(account, "Work")
    put(server, work)
    delete_mailbox(account.user, work, remove_emails=True)
    server.store.append(server.user, "Work", make_raw())
    replay_account(account.pk)
    assert statuses() == ["failed"]
    assert Action.objects.get().error == "New mail has come into this mailbox, so it was not deleted."
    assert len(on_server(server, "Work")) == 2


@pytest.mark.req("R83")
def test_mailbox_with_children_that_the_server_keeps_is_told(server, account):
    server.store.create_mailbox(server.user, "Work/Unknown")
    server.faults.refuse("DELETE", code="HASCHILDREN", text="it holds others")
    delete_mailbox(account.user, make_mailbox(account, "Work"), remove_emails=False)
    replay_account(account.pk)
    assert statuses() == ["failed"]
    assert "it holds others" in Action.objects.get().error


@pytest.mark.req("Y19")
def test_what_the_rights_do_not_allow_is_refused_before_anything_changes(account):
    shared = make_mailbox(account, "Team", namespace="shared", rights="lrs")
    flat = make_mailbox(account, "Flat", delimiter="")
    with pytest.raises(ActionRefused, match="inside Team"):
        create_mailbox(account.user, account.pk, name="x", parent=shared)
    with pytest.raises(ActionRefused, match="rename Team"):
        rename_mailbox(account.user, shared, name="Mine", parent=None)
    with pytest.raises(ActionRefused, match="delete Team"):
        delete_mailbox(account.user, shared, remove_emails=True)
    with pytest.raises(ActionRefused, match="no mailbox inside another"):
        create_mailbox(account.user, account.pk, name="x", parent=flat)
    assert not Action.objects.exists()


def test_subscription_is_told_to_the_server_and_back(server, account):
    server.store.create_mailbox(server.user, "Work")
    box = make_remote(account, "Work")
    subscribe_mailbox(account.user, box, subscribed=False)
    assert not fresh(box).is_subscribed  # shown at once
    assert replay_account(account.pk) == 1
    assert not server.store.mailbox(server.user, "Work").is_subscribed
    subscribe_mailbox(account.user, box, subscribed=True)
    subscribe_mailbox(account.user, box, subscribed=True)  # it is already
    assert replay_account(account.pk) == 1
    assert server.store.mailbox(server.user, "Work").is_subscribed
    assert statuses() == ["done", "done"]


@pytest.mark.req("R83")
def test_refused_subscription_is_put_back_and_told(server, account):
    server.store.create_mailbox(server.user, "Work")
    box = make_remote(account, "Work")
    subscribe_mailbox(account.user, box, subscribed=False)
    server.faults.refuse("UNSUBSCRIBE", code="NOPERM", text="not yours", times=None)
    assert replay_account(account.pk) == 1
    assert fresh(box).is_subscribed
    action = Action.objects.get()
    assert action.status == "failed"
    assert "not yours" in action.error


def test_subscription_of_a_mailbox_that_was_made_just_now_comes_after_it(server, account):
    box = create_mailbox(account.user, account.pk, name="Work")
    subscribe_mailbox(account.user, box, subscribed=False)
    assert replay_account(account.pk) == 2
    assert not server.store.mailbox(server.user, "Work").is_subscribed


def test_look_at_the_server_leaves_a_subscription_alone_that_it_was_not_told_yet(server, account):
    server.store.create_mailbox(server.user, "Work")
    box = make_remote(account, "Work")
    server.store.set_subscribed(server.user, "Work", on=True)
    subscribe_mailbox(account.user, box, subscribed=False)
    with account_session(account) as session:
        discover_mailboxes(session, account.pk, Held())
    assert not fresh(box).is_subscribed
    assert replay_account(account.pk) == 1
    with account_session(account) as session:
        discover_mailboxes(session, account.pk, Held())
    assert not fresh(box).is_subscribed
