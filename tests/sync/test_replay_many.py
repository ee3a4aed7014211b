"""Many Emails are few commands: ranges, merged Actions, batches that go on where they were."""

from collections.abc import Iterator

import pytest

from tests.fakes.imap import FakeImapServer
from tests.sync.replay_rows import make_fake_account, make_remote, on_server, put, replay_due
from webmail.demo.imap_session import ImapConfig
from webmail.journal.actions import putting_back, selection
from webmail.journal.actions.keywords import set_keywords
from webmail.journal.models import Action
from webmail.protocols.errors import ConnectionLost
from webmail.store import consistency
from webmail.store.models import Email, EmailKeyword, Mailbox, Placement
from webmail.sync.actions import replay_emails
from webmail.sync.actions.replay import replay_account
from webmail.sync.connections import close_kept_sessions

pytestmark = pytest.mark.django_db


@pytest.fixture
def server() -> Iterator[FakeImapServer]:
    with FakeImapServer() as running:
        yield running
        close_kept_sessions()


@pytest.fixture
def inbox(server: FakeImapServer) -> Iterator[Mailbox]:
    made = make_remote(make_fake_account(server), "INBOX")
    yield made
    assert consistency.check_account(made.account_id) == []


@pytest.mark.req("R82")
def test_many_clicks_of_one_kind_are_one_command(server, inbox):
    found = put(server, inbox, count=12)
    for email in found:
        set_keywords(None, [email], add=["$seen"])
        set_keywords(None, [email], add=["$flagged"])
    assert replay_account(inbox.account_id) == 24
    assert server.faults.commands.count("UID STORE") == 2
    assert set(on_server(server, "INBOX").values()) == {frozenset({"\\Seen", "\\Flagged"})}
    assert set(Action.objects.values_list("status", "done_count")) == {("done", 1)}


@pytest.mark.req("Y61")
def test_what_the_server_holds_already_needs_no_command(server, inbox):
    (email,) = put(server, inbox)
    set_keywords(None, [email], add=["$seen"])
    Placement.objects.update(keywords="$seen")  # another client did the same, and a pass has seen it
    assert replay_account(inbox.account_id) == 1
    assert "UID STORE" not in server.faults.commands


@pytest.mark.req("Y64")
def test_the_modseq_of_the_store_becomes_ours(server, inbox):
    (email,) = put(server, inbox)
    before = Placement.objects.get(email=email).modseq
    set_keywords(None, [email], add=["$seen"])
    replay_account(inbox.account_id)
    assert (Placement.objects.get(email=email).modseq or 0) > (before or 0)


@pytest.mark.req("Y65")
def test_a_keyword_that_the_server_drops_without_a_word_is_ours_alone():
    with FakeImapServer(config=ImapConfig(allows_keywords=False)) as server:
        inbox = make_remote(make_fake_account(server), "INBOX")
        (email,) = put(server, inbox)
        # It promises to take any keyword, and does not.
        server.faults.change_answer(
            "SELECT", lambda data: data.replace(b"[PERMANENTFLAGS (", b"[PERMANENTFLAGS (\\* "), times=None
        )
        set_keywords(None, [email], add=["blue"])
        assert replay_account(inbox.account_id) == 1
        assert EmailKeyword.objects.get(email=email, keyword="blue").is_local_only
        assert Placement.objects.get(email=email).keywords == ""
        close_kept_sessions()


@pytest.mark.req("R82")
def test_a_long_act_that_was_cut_goes_on_with_the_next_batch(server, inbox, monkeypatch):
    monkeypatch.setattr(replay_emails, "KEYWORD_BATCH", 3)
    put(server, inbox, count=8)
    (action,) = selection.apply_to_query(inbox.account.user, Email.objects.all(), selection.Keywords(add=["$seen"]))
    server.faults.cut("UID STORE", when=b"4")
    with pytest.raises(ConnectionLost):
        replay_account(inbox.account_id)
    action.refresh_from_db()
    assert (action.total, action.done_count) == (8, 3)
    assert replay_due(inbox.account) == 1
    assert set(on_server(server, "INBOX").values()) == {frozenset({"\\Seen"})}
    assert server.faults.commands.count("UID STORE") == 4  # one of them was cut


@pytest.mark.req("R82")
def test_stopping_between_batches_keeps_what_was_done(server, inbox, monkeypatch):
    monkeypatch.setattr(replay_emails, "KEYWORD_BATCH", 3)
    put(server, inbox, count=8)
    (action,) = selection.apply_to_query(inbox.account.user, Email.objects.all(), selection.Keywords(add=["$seen"]))
    server.faults.run_before("UID STORE", lambda: None)
    original = replay_emails.entries.settle

    def settle_and_stop(rows):
        original(rows)
        Action.objects.filter(pk=action.pk).update(stop_wanted_at=action.created_at)

    monkeypatch.setattr(replay_emails.entries, "settle", settle_and_stop)
    replay_account(inbox.account_id)
    action.refresh_from_db()
    inbox.refresh_from_db()
    assert (action.status, action.done_count) == (Action.Status.STOPPED, 3)
    assert inbox.unread_emails == 5
    assert sum("\\Seen" in flags for flags in on_server(server, "INBOX").values()) == 3


@pytest.mark.req("Y74")
def test_what_another_client_has_moved_elsewhere_is_followed(server, inbox):
    archive, trash = make_remote(inbox.account, "Archive"), make_remote(inbox.account, "Trash")
    (email,) = put(server, inbox)
    selection.apply_to_query(inbox.account.user, Email.objects.all(), selection.Move(archive))
    server.store.move(server.user, "INBOX", [1], "Trash")
    Placement.objects.update(mailbox=trash, uidvalidity=trash.uidvalidity)  # what a pass has found meanwhile
    replay_account(inbox.account_id)
    assert on_server(server, "Trash") == {}
    assert list(on_server(server, "Archive")) == [1]
    assert set(Mailbox.objects.filter(email_rows__email=email).values_list("name", flat=True)) == {"Archive"}
    assert putting_back.put_back(Action.objects.get()) == 0
