"""Acts told to a real Dovecot, read back as others see them. Hiding MOVE or UIDPLUS only hides: the fakes test absence."""

from collections.abc import Callable, Iterator

import pytest

from accounts.models import MailAccount
from tests.fakes.cutting_proxy import FROM_SERVER, CuttingProxy
from tests.outbox.letters import make_raw, make_sender
from tests.servers.dovecot import DovecotServer, MailUser
from tests.sync.replay_rows import make_remote, places, read_in, replay_due, shown_in
from webmail.journal.actions.keywords import set_keywords
from webmail.journal.actions.mailboxes import create_mailbox, delete_mailbox, rename_mailbox
from webmail.journal.actions.move import destroy_emails, move_emails, trash_out_of
from webmail.journal.models import Action
from webmail.outbox.writing.adoption import adopt_email
from webmail.outbox.writing.drafts import DraftFields, create_draft, discard_draft, save_draft
from webmail.protocols.errors import ConnectionFailed
from webmail.store import blobs, consistency, emails
from webmail.store.models import Email, Mailbox, Role
from webmail.sync.actions.replay import replay_account
from webmail.sync.connections import account_session, close_kept_sessions
from webmail.sync.outgoing.draft_copies import file_drafts

pytestmark = [pytest.mark.django_db, pytest.mark.live]


@pytest.fixture(autouse=True)
def _log_out() -> Iterator[None]:
    yield
    close_kept_sessions()


def account_at(port: int, user: MailUser) -> MailAccount:
    return make_sender(address=user.address, incoming_port=port, incoming_username=user.name, password=user.password)


@pytest.fixture
def account(dovecot: DovecotServer, mail_user: MailUser) -> Iterator[MailAccount]:
    made = account_at(dovecot.imap_port, mail_user)
    yield made
    assert consistency.check_account(made.pk) == []


def make_boxes(account: MailAccount, *names: str) -> list[Mailbox]:
    with account_session(account) as session:
        have = {info.raw_name for info in session.list_mailboxes()}
        for name in names:
            if name.encode() not in have:
                session.create_mailbox(name)
    return [make_remote(account, name) for name in names]


def flags_in(dovecot: DovecotServer, user: MailUser, mailbox: str) -> dict[int, set[str]]:
    """The flags of a mailbox's messages by UID, as Dovecot itself says."""
    words = dovecot.doveadm("fetch", "-u", user.name, "uid flags", "mailbox", mailbox).replace("\f", "\n").splitlines()
    uids = [int(line.partition(":")[2]) for line in words if line.startswith("uid:")]
    flags = [set(line.partition(":")[2].split()) for line in words if line.startswith("flags:")]
    return {uid: found - {"\\Recent"} for uid, found in zip(uids, flags, strict=True)}


@pytest.mark.req("Y64")
@pytest.mark.req("Y67")
def test_keywords_move_and_deletion_arrive(account, dovecot, mail_user):
    inbox, archive = make_boxes(account, "INBOX", "Archive")
    for _ in range(3):
        dovecot.deliver(mail_user.name, make_raw())
    one, two, three = read_in(inbox)
    set_keywords(None, [one, two], add=["$seen", "blue"])
    move_emails(None, [one], target=archive)
    destroy_emails(None, [three])

    assert replay_account(account.pk) == 3

    assert flags_in(dovecot, mail_user, "INBOX") == {2: {"\\Seen", "blue"}}
    assert flags_in(dovecot, mail_user, "Archive") == {1: {"\\Seen", "blue"}}
    assert places(one) == [("Archive", 1, False)]
    assert set(Email.objects.all()) == {one, two}


@pytest.mark.req("Y71")
@pytest.mark.req("R82")
@pytest.mark.fault("F2")
@pytest.mark.parametrize(
    "capability", ["", "IMAP4rev1 LITERAL+ SASL-IR ENABLE CONDSTORE UIDPLUS"], ids=["MOVE", "COPY"]
)
def test_move_cut_before_its_answer_leaves_one_copy(
    start_server: Callable[..., DovecotServer], capability: str
) -> None:
    server = start_server(lambda: DovecotServer(imap_capability=capability))
    user = server.new_user()
    server.deliver(user.name, make_raw())
    with CuttingProxy(port=server.imap_port) as proxy:
        account = account_at(proxy.port, user)
        inbox, archive = make_boxes(account, "INBOX", "Archive")
        (email,) = read_in(inbox)
        move_emails(None, [email], target=archive)
        proxy.cut_before(FROM_SERVER, b"COPYUID")
        with pytest.raises(ConnectionFailed):
            replay_account(account.pk)
        assert replay_due(account) == 1
        assert replay_account(account.pk) == 0
        close_kept_sessions()
    assert flags_in(server, user, "INBOX") == {}
    assert list(flags_in(server, user, "Archive")) == [1]
    assert shown_in(email) == {"Archive"}
    if capability:
        assert places(email) == [("Archive", 1, False)]


@pytest.mark.req("Y25")
def test_mailboxes_are_made_renamed_and_deleted(account, dovecot, mail_user):
    make_boxes(account, "INBOX")
    parent = create_mailbox(account.user, account.pk, name="Ärzte")
    child = create_mailbox(account.user, account.pk, name="Alt", parent=parent)
    doomed = create_mailbox(account.user, account.pk, name="Doomed")
    assert replay_account(account.pk) == 3
    rename_mailbox(account.user, Mailbox.objects.get(pk=parent.pk), name="Praxis", parent=None)
    delete_mailbox(account.user, Mailbox.objects.get(pk=doomed.pk), remove_emails=False)

    assert replay_account(account.pk) == 2

    assert set(Action.objects.values_list("status", flat=True)) == {"done"}
    with account_session(account) as session:
        names = {info.name for info in session.list_mailboxes() if info.is_selectable}
    assert {name for name in names if name.startswith(("Praxis", "Ärzte", "Doomed"))} == {"Praxis", child_path(child)}


def child_path(child: Mailbox) -> str:
    found = Mailbox.objects.get(pk=child.pk)
    return f"Praxis{found.delimiter}Alt"


@pytest.mark.req("R83")
def test_refusals_in_dovecots_own_words_are_told(account, dovecot):
    inbox, work = make_boxes(account, "INBOX", "Work")
    with account_session(account) as session:
        session.append(b"INBOX", make_raw())
    (email,) = read_in(inbox)
    Mailbox.objects.filter(pk=work.pk).update(remote_name="Work//Less")
    move_emails(None, [email], target=Mailbox.objects.get(pk=work.pk))

    replay_account(account.pk)

    action = Action.objects.get()
    assert action.status == Action.Status.FAILED
    assert "The server said: “Invalid mailbox name" in action.error
    assert shown_in(email) == {"INBOX"}


@pytest.mark.req("Y73")
def test_a_target_that_another_client_deleted_is_made_anew_at_dovecot(account, dovecot, mail_user):
    inbox, work = make_boxes(account, "INBOX", "Work")
    with account_session(account) as session:
        session.append(b"INBOX", make_raw())
    (email,) = read_in(inbox)
    with account_session(account) as session:
        session.delete_mailbox(b"Work")
    move_emails(None, [email], target=work)

    replay_account(account.pk)

    assert Action.objects.get().status == Action.Status.DONE
    assert list(flags_in(dovecot, mail_user, "Work")) == [1]
    assert shown_in(email) == {"Work"}


@pytest.mark.req("R78")
def test_draft_lies_once_in_drafts_until_it_is_discarded(account, dovecot, mail_user):
    make_boxes(account, "Drafts")
    draft = create_draft(account)
    for text in ("first", "second"):
        save_draft(draft, fields=DraftFields(text=text), expected_revision=None)
        file_drafts(account.pk)
    assert flags_in(dovecot, mail_user, "Drafts") == {2: {"\\Draft", "\\Seen"}}
    discard_draft(draft)
    file_drafts(account.pk)
    assert flags_in(dovecot, mail_user, "Drafts") == {}


def append_draft(account: MailAccount, raw: bytes) -> None:
    """Another program saves a draft."""
    with account_session(account) as session:
        session.append(b"Drafts", raw, keywords=("$draft", "$seen"))


def read_all(account: MailAccount, mailbox: str) -> list[bytes]:
    with account_session(account) as session:
        session.select(mailbox.encode())
        return [raw for _, raw in session.fetch_messages(session.search_uids())]


@pytest.mark.req("R78")
def test_draft_of_another_program_is_gone_on_with_and_lies_in_drafts_once(account, dovecot, mail_user):
    box, _ = make_boxes(account, "Drafts", "Trash")
    foreign = make_raw(Subject="Begun elsewhere", Message_ID="<begun@other.example>")
    append_draft(account, foreign)
    (email,) = read_in(box)
    emails.attach_blobs(account.pk, [(email.pk, blobs.put_blob(foreign).pk)])

    draft = adopt_email(Email.objects.get(pk=email.pk))
    trash_out_of(account.user, email, Role.DRAFTS)
    replay_account(account.pk)
    save_draft(draft, fields=DraftFields(text="and ended here"), expected_revision=None)
    file_drafts(account.pk)

    (copy,) = read_all(account, "Drafts")
    assert b"and ended here" in copy
    assert copy.startswith(f"X-Pillarbox-Draft: {draft.public_id}\r\n".encode())
    assert read_all(account, "Trash") == [foreign]


@pytest.mark.req("R77")
@pytest.mark.req("R78")
def test_what_another_program_saved_under_our_message_id_stays(account, dovecot, mail_user):
    make_boxes(account, "Drafts")
    draft = create_draft(account)
    save_draft(draft, fields=DraftFields(text="first"), expected_revision=None)
    file_drafts(account.pk)
    foreign = make_raw(Message_ID=f"<{draft.message_id}>", text="written elsewhere")
    append_draft(account, foreign)
    save_draft(draft, fields=DraftFields(text="written here"), expected_revision=None)

    file_drafts(account.pk)

    found = read_all(account, "Drafts")
    assert len(found) == 2
    assert foreign in found
    assert any(b"written here" in raw for raw in found)
