"""Drafts lie once in the account's Drafts mailbox, on the server or here, and leave it when they are sent or thrown away."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import AccountState, MailAccount
from tests.fakes.imap import FakeImapServer
from tests.outbox.letters import make_raw, make_sender
from tests.sync.replay_rows import make_fake_account, make_remote
from webmail.journal.actions.mailboxes import create_mailbox
from webmail.outbox.models import Draft, FiledDraft
from webmail.outbox.queue.submit import submit_draft
from webmail.outbox.writing.drafts import DraftFields, create_draft, discard_draft, save_draft
from webmail.protocols.errors import ConnectionLost
from webmail.store import blobs, consistency, leases, mailboxes
from webmail.store.models import Email, Mailbox
from webmail.sync import points
from webmail.sync.connections import account_session, close_kept_sessions
from webmail.sync.outgoing import draft_copies
from webmail.sync.outgoing.draft_copies import accounts_with_work, file_drafts
from webmail.sync.passes import sync_mailbox

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["UIDPLUS", "no UIDPLUS"])
def server(request: pytest.FixtureRequest) -> Iterator[FakeImapServer]:
    with FakeImapServer(without=set() if request.param == "UIDPLUS" else {"UIDPLUS"}) as running:
        yield running
        close_kept_sessions()


@pytest.fixture
def account(server: FakeImapServer) -> Iterator[MailAccount]:
    made = make_fake_account(server)
    make_remote(made, "Drafts")
    yield made
    assert consistency.check_account(made.pk) == []


def copies(server: FakeImapServer) -> list[bytes]:
    """What other programs show in Drafts: without messages marked \\Deleted."""
    box = server.store.mailbox(server.user, "Drafts")
    with server.store.lock:
        return [message.raw for message in box.messages.values() if "\\Deleted" not in message.flags]


def write(account: MailAccount, **fields: Any) -> Draft:
    return edit(create_draft(account), **fields)


def edit(draft: Draft, **fields: Any) -> Draft:
    return save_draft(draft, fields=DraftFields(**fields), expected_revision=None)


@pytest.mark.req("R78")
def test_draft_edited_twice_lies_on_the_server_once(server, account):
    draft = write(account, subject="Plans", text="first", to="bob@example.org, half-typed", bcc="eve@example.org")
    file_drafts(account.pk)
    (first,) = copies(server)
    edit(draft, text="second")
    assert file_drafts(account.pk) == 1
    assert file_drafts(account.pk) == 0

    (copy,) = copies(server)
    assert b"first" in first
    assert b"second" in copy
    assert b"bob@example.org" in copy
    assert b"eve@example.org" in copy
    assert b"half-typed" not in copy
    flags = [message.flags for message in server.store.mailbox(server.user, "Drafts").messages.values()]
    assert flags[-1] == {"\\Draft", "\\Seen"}
    sync_mailbox(Mailbox.objects.get(role="drafts").pk)
    assert Email.objects.filter(mailbox_rows__mailbox__role="drafts").count() == 1


@pytest.mark.parametrize("is_sent", [True, False])
@pytest.mark.req("R78")
def test_copy_goes_when_the_draft_is_sent_or_discarded(server, account, is_sent):
    foreign = make_raw()
    server.store.append(server.user, "Drafts", foreign, flags=["\\Draft"])
    draft = write(account, text="hello", to="bob@example.org")
    file_drafts(account.pk)
    assert len(copies(server)) == 2
    if is_sent:
        submit_draft(Draft.objects.get(pk=draft.pk), user=account.user, idempotency_key="k")
    else:
        discard_draft(draft)
    assert accounts_with_work() == [account.pk]

    assert file_drafts(account.pk) == 1

    assert copies(server) == [foreign]
    assert not FiledDraft.objects.exists()
    assert accounts_with_work() == []


@pytest.mark.parametrize("cut", ["UID STORE", "UID EXPUNGE", "APPEND"])
@pytest.mark.parametrize("is_answer", [True, False])
@pytest.mark.req("R78")
@pytest.mark.req("Y72")
def test_filing_cut_anywhere_and_repeated_leaves_one_copy(server, account, cut, is_answer):
    if cut == "UID EXPUNGE" and "UIDPLUS" not in server.server.config.capabilities:
        pytest.skip("without UIDPLUS there is no UID EXPUNGE")
    draft = write(account, text="first")
    file_drafts(account.pk)
    edit(draft, text="second")
    (server.faults.cut_answer if is_answer else server.faults.cut)(cut)
    with pytest.raises(ConnectionLost):
        file_drafts(account.pk)
    file_drafts(account.pk)
    (copy,) = copies(server)
    assert b"second" in copy


@pytest.mark.req("R83")
def test_refused_copy_leaves_the_older_one_and_the_other_drafts_are_filed(server, account):
    draft = write(account, text="first")
    file_drafts(account.pk)
    edit(draft, text="second")
    write(account, text="another")
    server.faults.refuse("APPEND", code="OVERQUOTA", when=b"second")
    assert file_drafts(account.pk) == 2
    assert len(copies(server)) == 2
    assert any(b"first" in copy for copy in copies(server))
    assert file_drafts(account.pk) == 0  # not again until it is edited
    edit(draft, text="third")
    file_drafts(account.pk)
    assert sorted(b"third" in copy for copy in copies(server)) == [False, True]


@pytest.mark.req("R78")
def test_draft_discarded_while_it_is_filed_leaves_nothing_in_the_end(server, account, monkeypatch):
    draft = write(account, text="first")
    written = draft_copies._bytes_of

    def discard_then_write(row: Draft) -> bytes | None:
        raw = written(row)
        discard_draft(draft)
        return raw

    monkeypatch.setattr(draft_copies, "_bytes_of", discard_then_write)
    file_drafts(account.pk)
    assert accounts_with_work() == [account.pk]
    assert file_drafts(account.pk) == 1
    assert copies(server) == []


def test_only_quiet_drafts_of_usable_accounts_are_due(server, account):
    draft = write(account, text="typing")
    assert accounts_with_work() == []
    Draft.objects.filter(pk=draft.pk).update(updated_at=timezone.now() - timedelta(minutes=1))
    assert accounts_with_work() == [account.pk]
    MailAccount.objects.update(state=AccountState.AUTH_FAILED)
    assert accounts_with_work() == []


@pytest.mark.req("Y82")
def test_only_one_worker_files_drafts(server, account):
    write(account, text="hello")
    with leases.leased(f"drafts:{account.pk}", owner="another", seconds=60):
        assert file_drafts(account.pk) == 0
    assert file_drafts(account.pk) == 1


def test_account_without_drafts_mailbox_keeps_its_drafts_here():
    account = make_sender(incoming_port=1)
    draft = write(account, text="hello")
    assert file_drafts(account.pk) == 0
    assert Draft.objects.get(pk=draft.pk).filed_revision == Draft.objects.get(pk=draft.pk).revision


def test_drafts_mailbox_that_is_still_to_be_made_is_waited_for():
    account = make_sender(incoming_port=1)
    box = create_mailbox(account.user, account.pk, name="Drafts")
    mailboxes.update_mailbox(box, role="drafts")
    write(account, text="hello")
    assert file_drafts(account.pk) == 0
    assert Draft.objects.get(account=account).filed_revision == 0


@pytest.mark.parametrize("end", ["sent", "discarded"])
@pytest.mark.req("R78")
def test_pop3_account_has_its_copy_here(end):
    account = make_sender(protocol="pop3")
    if not Mailbox.objects.filter(account=account).exists():
        mailboxes.create_local_mailboxes(account)
    draft = write(account, subject="Plans", text="first", to="bob@example.org")
    file_drafts(account.pk)
    draft = edit(draft, text="second")
    file_drafts(account.pk)

    email = Email.objects.get(account=account)
    assert b"second" in blobs.read_blob(email.blob)
    assert (email.subject, email.is_unread) == ("Plans", False)
    assert Mailbox.objects.get(email_rows__email=email).role == "drafts"

    if end == "sent":
        submit_draft(draft, user=account.user, idempotency_key="k")
    else:
        discard_draft(draft)
    assert file_drafts(account.pk) == 1
    assert not Email.objects.filter(account=account).exists()
    assert consistency.check_account(account.pk) == []


# Other programs write there too --------------------------------------------------------------------------------------


def replace_elsewhere(server: FakeImapServer, draft: Draft, text: str) -> bytes:
    """Another program saves our draft: a copy under the same Message-ID takes the place of ours."""
    raw = make_raw(Message_ID=f"<{draft.message_id}>", text=text)
    box = server.store.mailbox(server.user, "Drafts")
    with server.store.lock:
        old = [uid for uid, message in box.messages.items() if draft.message_id.encode() in message.raw]
    for uid in old:
        server.store.expunge(server.user, "Drafts", [uid])
    server.store.append(server.user, "Drafts", raw, flags=["\\Draft", "\\Seen"])
    return raw


@pytest.mark.req("R77")
@pytest.mark.req("R78")
def test_what_another_program_wrote_into_our_draft_is_never_removed(server, account):
    draft = write(account, text="first")
    file_drafts(account.pk)
    foreign = replace_elsewhere(server, draft, "written elsewhere")
    draft = edit(draft, text="written here")

    assert file_drafts(account.pk) == 1
    assert file_drafts(account.pk) == 1  # the old Message-ID is ours no more: nothing of ours lies under it
    assert file_drafts(account.pk) == 0

    found = copies(server)
    assert len(found) == 2
    assert foreign in found
    (own,) = [copy for copy in found if copy != foreign]
    assert b"written here" in own
    assert Draft.objects.get().message_id != draft.message_id
    assert Draft.objects.get().message_id.encode() in own


@pytest.mark.parametrize("is_sent", [True, False])
@pytest.mark.req("R78")
def test_end_of_a_draft_takes_our_copy_and_leaves_that_of_another_program(server, account, is_sent):
    draft = write(account, text="first", to="bob@example.org")
    file_drafts(account.pk)
    foreign = make_raw(Message_ID=f"<{draft.message_id}>", text="written elsewhere")
    server.store.append(server.user, "Drafts", foreign, flags=["\\Draft"])
    if is_sent:
        submit_draft(Draft.objects.get(pk=draft.pk), user=account.user, idempotency_key="k")
    else:
        discard_draft(draft)
    file_drafts(account.pk)
    assert copies(server) == [foreign]


@pytest.mark.req("R78")
def test_older_copy_stays_when_the_new_one_cannot_be_found(server, account, monkeypatch):
    if "UIDPLUS" in server.server.config.capabilities:
        pytest.skip("the server names the UID of the new copy")
    draft = write(account, text="first")
    file_drafts(account.pk)
    edit(draft, text="second")
    (older,) = draft_copies.uids_with_message_id(_selected(account), draft.message_id)
    monkeypatch.setattr(draft_copies, "uids_with_message_id", lambda session, message_id: [older])
    file_drafts(account.pk)
    monkeypatch.undo()
    assert len(copies(server)) == 2
    edit(draft, text="third")
    file_drafts(account.pk)
    (copy,) = copies(server)
    assert b"third" in copy


def _selected(account: MailAccount) -> Any:
    with account_session(account) as session:
        session.select(b"Drafts")
        return session


@pytest.mark.parametrize("point", ["draft_begins", "draft_appended", "draft_filed"])
@pytest.mark.req("R78")
@pytest.mark.fault("F1")
def test_filing_killed_at_any_point_leaves_one_copy_in_the_end(server, account, monkeypatch, point):
    draft = write(account, text="first")
    file_drafts(account.pk)
    edit(draft, text="second")

    class Killed(BaseException):
        pass

    def die(name: str) -> None:
        if name == point:
            raise Killed

    monkeypatch.setattr(points, "observer", die)
    with pytest.raises(Killed):
        file_drafts(account.pk)
    monkeypatch.setattr(points, "observer", None)
    assert any(b"first" in copy or b"second" in copy for copy in copies(server))
    close_kept_sessions()
    file_drafts(account.pk)
    (copy,) = copies(server)
    assert b"second" in copy


def test_mark_of_our_copies_is_in_nothing_that_is_sent(server, account):
    draft = write(account, text="hello", to="bob@example.org")
    file_drafts(account.pk)
    (copy,) = copies(server)
    submission = submit_draft(Draft.objects.get(pk=draft.pk), user=account.user, idempotency_key="k")
    assert copy.startswith(f"X-Pillarbox-Draft: {draft.public_id}\r\n".encode())
    assert b"X-Pillarbox" not in blobs.read_blob(submission.blob)
