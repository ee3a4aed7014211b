"""The mailboxes of an account as the server lists them: the tree, roles, renames, absences and what belongs to others."""

from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from accounts.models import MailAccount
from tests.fakes.imap import FakeImapServer
from tests.sync.conftest import fill
from webmail.demo.imap_session import ImapConfig
from webmail.protocols.imap.session import LiveImapSession, open_session
from webmail.protocols.login import Login
from webmail.protocols.transport import Endpoint, Security
from webmail.store import mailboxes
from webmail.store.models import Email, Mailbox
from webmail.sync.discovery.discover import Discovery, discover_mailboxes

pytestmark = pytest.mark.django_db

Look = Callable[..., Discovery]


class Held:
    """A lease that holds."""

    def check(self) -> None:
        return None


def opened(server: FakeImapServer) -> LiveImapSession:
    endpoint = Endpoint(server.host, server.port, Security.PLAIN, allow_networks=(ip_network("127.0.0.0/8"),))
    return open_session(endpoint, Login(server.user, server.password))


@pytest.fixture
def look() -> Iterator[Look]:
    """Discovery over one session for each server, as kept sessions do it."""
    sessions: dict[int, LiveImapSession] = {}

    def run(account: MailAccount, server: FakeImapServer) -> Discovery:
        session = sessions.get(id(server)) or sessions.setdefault(id(server), opened(server))
        return discover_mailboxes(session, account.pk, Held())

    yield run
    for session in sessions.values():
        session.close()


def row(account: MailAccount, remote_name: str) -> Mailbox:
    return Mailbox.objects.get(account=account, remote_name=remote_name)


def tree(account: MailAccount) -> set[tuple[str, str]]:
    """(parent, name) of what people see."""
    found = Mailbox.objects.filter(account=account, missing_since=None).select_related("parent")
    return {(box.parent.name if box.parent else "", box.name) for box in found}


def make_known(account: MailAccount, server: FakeImapServer) -> None:
    """The cursors and samples that a complete pass leaves."""
    from tests.sync.replay_rows import read_rows

    with opened(server) as session:
        for box in Mailbox.objects.filter(account=account, is_selectable=True):
            read_rows(session, box)


@pytest.mark.req("Y17")
@pytest.mark.req("Y6")
def test_one_list_says_everything_and_a_second_look_writes_nothing(full_server, connect, look, statements):
    for number in range(50):
        full_server.store.create_mailbox(full_server.user, f"Box {number}")
    account = connect(full_server)
    look(account, full_server)
    full_server.faults.lines.clear()
    statements.writes.clear()

    discovery = look(account, full_server)

    assert len(full_server.faults.lines) == 1
    assert (
        b"RETURN (SUBSCRIBED SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))"
        in (full_server.faults.lines[0])
    )
    assert statements.writes == []
    assert all(found.status is not None for found in discovery.found)


@pytest.mark.req("Y18")
@pytest.mark.req("Y21")
def test_without_list_status_subscriptions_and_status_are_asked_apart(connect, look):
    with FakeImapServer(without={"LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE"}) as server:
        server.store.create_mailbox(server.user, "Quiet")
        server.store.set_subscribed(server.user, "Quiet", on=False)
        account = connect(server)
        discovery = look(account, server)

        assert {"LSUB", "STATUS"} <= set(server.faults.commands)
        assert not row(account, "Quiet").is_subscribed
        assert row(account, "Sent").role == "sent"
        assert all(found.status is not None for found in discovery.found)


@pytest.mark.req("Y19")
@pytest.mark.parametrize("without", [set(), {"LIST-EXTENDED", "LIST-STATUS"}])
def test_what_lies_below_a_prefix_is_shown_at_the_top(connect, look, without):
    with FakeImapServer(config=ImapConfig(prefix="INBOX.", delimiter="."), without=without) as server:
        server.store.create_mailbox(server.user, "Work/2026")
        account = connect(server)
        look(account, server)

        assert {("", "Inbox"), ("", "Work"), ("Work", "2026"), ("", "Sent")} <= tree(account)
        assert row(account, "INBOX.Sent").role == "sent"
        assert row(account, "INBOX.Work.2026").parent == row(account, "INBOX.Work")


@pytest.mark.req("Y20")
def test_a_chosen_role_never_moves(full_server, connect, look):
    full_server.store.create_mailbox(full_server.user, "Mine")
    account = connect(full_server)
    look(account, full_server)
    mailboxes.choose_role(row(account, "Mine"), "sent")

    look(account, full_server)

    assert (row(account, "Mine").role, row(account, "Sent").role) == ("sent", "")


@pytest.mark.req("Y21")
def test_unsubscribed_mailboxes_are_hidden_only_when_the_user_says_so(full_server, connect, look):
    full_server.store.create_mailbox(full_server.user, "Quiet")
    full_server.store.set_subscribed(full_server.user, "Quiet", on=False)
    full_server.store.set_subscribed(full_server.user, "Trash", on=False)
    account = connect(full_server)
    look(account, full_server)
    assert row(account, "Quiet").missing_since is None
    before = row(account, "Quiet").pk

    MailAccount.objects.filter(pk=account.pk).update(subscribed_only=True)
    for _ in range(3):
        discovery = look(account, full_server)
    assert row(account, "Quiet").missing_since is not None
    assert row(account, "Trash").missing_since is None
    assert before not in {found.mailbox.pk for found in discovery.found}

    MailAccount.objects.filter(pk=account.pk).update(subscribed_only=False)
    look(account, full_server)
    assert (row(account, "Quiet").pk, row(account, "Quiet").missing_since) == (before, None)


@pytest.mark.req("Y23")
def test_mailboxes_that_change_names_with_each_other_keep_their_ids(connect, look):
    with FakeImapServer(also={"OBJECTID"}) as server:
        for name in ("One", "Two"):
            server.store.create_mailbox(server.user, name)
        account = connect(server)
        look(account, server)
        one, two = row(account, "One").pk, row(account, "Two").pk
        for old, new in (("One", "x"), ("Two", "One"), ("x", "Two")):
            server.store.rename_mailbox(server.user, old, new)

        look(account, server)

        assert (row(account, "Two").pk, row(account, "One").pk) == (one, two)
        assert (row(account, "Two").name, row(account, "One").name) == ("Two", "One")


@pytest.mark.req("Y23")
@pytest.mark.req("R81")
@pytest.mark.parametrize("comes_back", [False, True])
def test_a_rename_onto_the_name_of_a_deleted_mailbox_keeps_one_and_lets_the_other_go_in_two_steps(
    connect, look, comes_back
):
    with FakeImapServer(also={"OBJECTID"}) as server:
        for name in ("Alpha", "Beta"):
            server.store.create_mailbox(server.user, name)
            fill(server, 2, mailbox=name, first=10 if name == "Alpha" else 20)
        account = connect(server)
        look(account, server)
        make_known(account, server)
        alpha, beta = row(account, "Alpha").pk, row(account, "Beta").pk
        server.store.rename_mailbox(server.user, "Beta", "hidden away")
        server.store.rename_mailbox(server.user, "Alpha", "Beta")
        server.faults.change_answer("LIST", without_lines_of(b"hidden away"))

        look(account, server)

        kept, gone = row(account, "Beta"), Mailbox.objects.get(pk=beta)
        assert (kept.pk, kept.name) == (alpha, "Beta")
        assert (gone.remote_name, gone.name) == ("", "Beta (2)")
        assert gone.missing_since is not None
        assert set(gone.placements.values_list("email__subject", flat=True)) == {"Letter 20", "Letter 21"}
        assert Email.objects.filter(account=account, orphaned_at=None).count() == 4

        if not comes_back:
            server.store.delete_mailbox(server.user, "hidden away")
        look(account, server)

        assert row(account, "Beta").pk == alpha
        if comes_back:
            assert row(account, "hidden away").pk == beta
            assert Mailbox.objects.get(pk=beta).missing_since is None
        else:
            assert not Mailbox.objects.filter(pk=beta).exists()
            waiting = Email.objects.filter(account=account, orphaned_at__isnull=False)
            assert set(waiting.values_list("subject", flat=True)) == {"Letter 20", "Letter 21"}


def without_lines_of(name: bytes) -> Callable[[bytes], bytes]:
    """An answer that leaves one mailbox out."""
    return lambda data: b"".join(line for line in data.splitlines(True) if name not in line)


@pytest.mark.req("Y23")
def test_mailbox_ids_are_believed_only_when_all_of_a_list_are_ids(connect, look):
    with FakeImapServer(also={"OBJECTID"}) as server:
        for name in ("Alpha", "Beta"):
            server.store.create_mailbox(server.user, name)
        account = connect(server)
        look(account, server)
        alpha, beta = row(account, "Alpha"), row(account, "Beta")

        def garbled(data: bytes) -> bytes:
            # As Cyrus 3.6 does: one line bears freed memory, another one the id of a third mailbox.
            garbage = data.replace(alpha.remote_id.encode(), b"~~freed~~")
            return garbage.replace(beta.remote_id.encode(), alpha.remote_id.encode())

        server.faults.change_answer("LIST", garbled)
        look(account, server)

        assert (row(account, "Alpha").pk, row(account, "Beta").pk) == (alpha.pk, beta.pk)
        assert row(account, "Beta").remote_id == beta.remote_id


@pytest.mark.req("Y24")
def test_two_renames_with_one_uidvalidity_are_told_apart_by_their_mail(full_server, connect, look):
    for number, name in enumerate(("Old", "Old/A", "Old/B")):
        box = full_server.store.create_mailbox(full_server.user, name)
        box.uidvalidity = 77
        fill(full_server, 3, mailbox=name, first=10 * number)
    account = connect(full_server)
    look(account, full_server)
    make_known(account, full_server)
    ids = {name: row(account, name).pk for name in ("Old", "Old/A", "Old/B")}
    full_server.store.rename_mailbox(full_server.user, "Old", "New")

    look(account, full_server)

    assert {name: row(account, "New" + name[3:]).pk for name in ids} == ids


@pytest.mark.req("Y26")
@pytest.mark.parametrize("is_there", [True, False])
def test_a_missing_mailbox_goes_only_when_status_fails_too(full_server, connect, look, is_there):
    full_server.store.create_mailbox(full_server.user, "Old")
    account = connect(full_server)
    look(account, full_server)
    if not is_there:
        full_server.store.delete_mailbox(full_server.user, "Old")
    full_server.faults.change_answer(
        "LIST", lambda data: b"".join(line for line in data.splitlines(True) if b'"Old"' not in line), times=2
    )
    look(account, full_server)
    assert row(account, "Old").missing_since is not None
    look(account, full_server)

    assert Mailbox.objects.filter(account=account, remote_name="Old").exists() is is_there


@pytest.mark.req("R81")
def test_a_short_list_hides_nothing_until_a_second_one_agrees(full_server, connect, look):
    account = connect(full_server)
    look(account, full_server)

    def only_inbox(data: bytes) -> bytes:
        return b"".join(line for line in data.splitlines(True) if b"INBOX" in line or not line.startswith(b"*"))

    def hidden() -> int:
        return Mailbox.objects.filter(account=account, missing_since__isnull=False).count()

    full_server.faults.change_answer("LIST", only_inbox)
    first = look(account, full_server)
    assert (first.is_complete, first.wants_confirmation, hidden()) == (False, True, 0)
    assert look(account, full_server).is_complete  # all are back
    assert not Mailbox.objects.filter(account=account).exclude(trouble="").exists()

    full_server.faults.change_answer("LIST", only_inbox, times=2)
    look(account, full_server)
    look(account, full_server)
    assert hidden() == 5
    look(account, full_server)
    assert hidden() == 0


@pytest.mark.req("Y27")
def test_odd_names_stay_apart_and_break_nothing(full_server, connect, look):
    lines = (
        b'* LIST () "/" "&bad"\r\n* LIST () "/" "caf\xe9"\r\n* LIST () "/" "inbox"\r\n* LIST () "/" "x\r\n* LIST (\r\n'
    )
    full_server.faults.change_answer("LIST", lambda data: data.replace(b"* LIST", lines + b"* LIST", 1), times=None)
    account = connect(full_server)
    look(account, full_server)

    assert {"INBOX", "&bad", "caf\xe9", "Sent"} <= set(Mailbox.objects.values_list("remote_name", flat=True))
    assert Mailbox.objects.filter(role="inbox").count() == 1


@pytest.mark.req("Y19")
def test_mailboxes_of_others_come_when_asked_for_and_know_their_rights(connect, look):
    def answers(server: FakeImapServer, **rights: str) -> None:
        server.faults.answer("NAMESPACE", b'* NAMESPACE (("" "/")) (("Other/" "/")) (("Shared/" "/"))\r\n', times=None)
        for name, letters in rights.items():
            line = b'* MYRIGHTS "Shared/%b" %b\r\n' % (name.encode(), letters.encode())
            server.faults.answer("MYRIGHTS", line, times=None, when=f'"Shared/{name}"'.encode())

    with FakeImapServer(also={"ACL"}) as server:
        for name in ("Shared/Team", "Shared/News", "Other/ben"):
            server.store.create_mailbox(server.user, name)
        answers(server, Team="lrswi", News="lr")
        server.faults.refuse("MYRIGHTS", code="NOPERM", times=None)
        account = connect(server)
        look(account, server)
        assert not Mailbox.objects.exclude(namespace="").exists()

        MailAccount.objects.filter(pk=account.pk).update(lists_shared=True)
        look(account, server)
        server.faults.commands.clear()
        look(account, server)

        assert "MYRIGHTS" not in server.faults.commands
        team, news, ben = (row(account, name) for name in ("Shared/Team", "Shared/News", "Other/ben"))
        assert [(box.namespace, box.rights, box.is_read_only, box.role) for box in (team, news, ben)] == [
            ("shared", "ilrsw", False, ""), ("shared", "lr", True, ""), ("other", "", False, ""),
        ]  # fmt: skip
        assert mailboxes.may(team, "insert")
        assert not mailboxes.may(team, "delete")
        assert not mailboxes.may(news, "keywords")


@pytest.mark.parametrize(
    ("rights", "act", "allowed"),
    [("", "insert", True), ("lrk", "create", True), ("lrk", "delete_mailbox", False), ("lrcd", "expunge", True)],
)
@pytest.mark.req("Y19")
def test_rights_of_both_standards_are_understood(rights: str, act: str, allowed: Any):
    assert mailboxes.may(Mailbox(rights=rights), act) is allowed
