"""What the user does here, carried out on every server and read back by another program."""

import pytest

from tests.sync_servers.conftest import Stage, letter
from webmail.journal.actions.keywords import set_keywords
from webmail.journal.actions.mailboxes import create_mailbox, delete_mailbox, rename_mailbox
from webmail.journal.actions.move import copy_emails, destroy_emails, move_emails
from webmail.journal.models import Action
from webmail.outbox.writing.drafts import DraftFields, create_draft, discard_draft, save_draft
from webmail.store.models import Email, EmailKeyword, Mailbox
from webmail.sync.outgoing.draft_copies import file_drafts

pytestmark = [pytest.mark.django_db, pytest.mark.live, pytest.mark.req("Y95")]


def begin(stage: Stage, count: int = 4) -> list[Email]:
    """That many letters in INBOX, and a mailbox Work."""
    for number in range(1, count + 1):
        stage.other.append("INBOX", letter(number))
    stage.other.create("Work")
    stage.sync()
    return stage.emails("INBOX")


def finish(stage: Stage) -> None:
    """Replay, look, and compare."""
    stage.replay()
    assert set(Action.objects.values_list("status", flat=True)) <= {"done"}, list(
        Action.objects.values("kind", "error")
    )
    stage.sync()
    stage.assert_in_step()


def subjects(stage: Stage, name: str) -> list[str]:
    return sorted(stage.ids(name))


@pytest.mark.req("Y64")
def test_keywords_of_the_system_and_their_removal(stage):
    one, two, *_ = begin(stage)
    set_keywords(None, [one, two], add=["$seen", "$flagged"])
    stage.replay()
    set_keywords(None, [two], remove=["$seen"])
    finish(stage)
    uids = stage.other.uids("INBOX")
    assert stage.other.flags("INBOX", uids[0]) == {"$seen", "$flagged"}
    assert stage.other.flags("INBOX", uids[1]) == {"$flagged"}


@pytest.mark.req("Y65")
def test_keywords_of_the_users_own_stay_visible_whether_the_server_holds_them_or_not(stage):
    one, *_ = begin(stage)
    stage.other.select("INBOX")
    can_hold = b"\\*" in (stage.other.client.response("PERMANENTFLAGS")[1][0] or b"")
    set_keywords(None, [one], add=["harbour", "$forwarded"])
    finish(stage)

    rows = dict(EmailKeyword.objects.filter(email=one).values_list("keyword", "is_local_only"))
    assert set(rows) == {"harbour", "$forwarded"}
    on_server = stage.other.flags("INBOX", stage.other.uids("INBOX")[0])
    assert on_server == {keyword for keyword, is_local_only in rows.items() if not is_local_only}
    assert bool(on_server) == can_hold

    set_keywords(None, [one], remove=["harbour"])
    finish(stage)
    assert set(EmailKeyword.objects.filter(email=one).values_list("keyword", flat=True)) == {"$forwarded"}


@pytest.mark.req("Y67")
@pytest.mark.req("Y70")
def test_moved_here(stage):
    one, two, *_ = begin(stage)
    set_keywords(None, [one], add=["$seen"])
    move_emails(None, [one, two], target=stage.mailbox("Work"))
    finish(stage)
    assert subjects(stage, "Work") == ["Letter 1", "Letter 2"]
    assert {email.pk for email in stage.emails("Work")} == {one.pk, two.pk}
    # Without UIDPLUS they stay marked: a bare EXPUNGE would take what others marked too (Y70).
    assert len(shown_on_server(stage, "INBOX")) == 2


@pytest.mark.req("Y70")
def test_what_others_marked_deleted_is_not_expunged_by_our_move(stage):
    one, two, *_ = begin(stage)
    stage.other.store("INBOX", stage.other.uids("INBOX")[1:2], "+", "\\Deleted")
    stage.sync()
    move_emails(None, [one], target=stage.mailbox("Work"))
    finish(stage)
    uids = stage.other.uids("INBOX")
    assert stage.mailbox("INBOX").placements.filter(email=two, is_deleted=True).exists()
    assert stage.mailbox("INBOX").placements.get(email=two).uid in uids


def test_copied_here(stage):
    one, *_ = begin(stage)
    copy_emails(None, [one], target=stage.mailbox("Work"))
    finish(stage)
    assert subjects(stage, "Work") == ["Letter 1"]
    assert "Letter 1" in subjects(stage, "INBOX")
    assert len(stage.other.uids("Work")) == 1


def test_destroyed_here(stage):
    one, two, *_ = begin(stage)
    destroy_emails(None, [one, two])
    finish(stage)
    assert subjects(stage, "INBOX") == ["Letter 3", "Letter 4"]
    shown = stage.mailbox("INBOX").placements.filter(is_deleted=False)
    assert shown.count() == 2
    assert not Email.objects.filter(pk__in=[one.pk, two.pk], mailbox_rows__isnull=False).exists()


@pytest.mark.req("Y64")
def test_an_act_here_and_another_elsewhere_on_the_same_message_both_hold(stage):
    one, *_ = begin(stage)
    set_keywords(None, [one], add=["$flagged"])
    stage.other.store("INBOX", stage.other.uids("INBOX")[:1], "+", "\\Seen", "\\Answered")
    finish(stage)
    assert stage.other.flags("INBOX", stage.other.uids("INBOX")[0]) == {"$flagged", "$seen", "$answered"}


@pytest.mark.req("Y25")
def test_mailboxes_made_renamed_and_deleted_here(stage):
    begin(stage)
    user = stage.account.user
    parent = create_mailbox(user, stage.account.pk, name="Ärzte")
    child = create_mailbox(user, stage.account.pk, name="Alt", parent=parent)
    doomed = create_mailbox(user, stage.account.pk, name="Doomed")
    finish(stage)
    child.refresh_from_db()
    assert child.remote_name in stage.other.mailboxes()
    move_emails(None, stage.emails("INBOX")[:2], target=child)
    finish(stage)

    rename_mailbox(user, Mailbox.objects.get(pk=parent.pk), name="Praxis", parent=None)
    delete_mailbox(user, Mailbox.objects.get(pk=doomed.pk), remove_emails=False)
    finish(stage)

    names = stage.other.mailboxes()
    assert stage.other.remote("Praxis/Alt") in names
    assert not [name for name in names if "Doomed" in name or "rzte" in name]
    assert Mailbox.objects.get(pk=child.pk).total_emails == 2
    assert stage.mailbox("Praxis/Alt").pk == child.pk


@pytest.mark.req("R78")
def test_a_draft_lies_once_on_the_server_until_it_is_discarded(stage):
    begin(stage)
    drafts = Mailbox.objects.filter(account=stage.account, role="drafts").first()
    if drafts is None:
        stage.other.create("Drafts")
        stage.sync()
        drafts = Mailbox.objects.get(account=stage.account, role="drafts")
    name = drafts.remote_name
    draft = create_draft(stage.account)
    for text in ("first", "second"):
        save_draft(draft, fields=DraftFields(subject="Plan", text=text), expected_revision=None)
        file_drafts(stage.account.pk)
    assert len(shown_on_server(stage, name)) == 1
    discard_draft(draft)
    file_drafts(stage.account.pk)
    assert shown_on_server(stage, name) == []
    stage.sync()
    stage.assert_in_step()


def shown_on_server(stage: Stage, remote: str) -> list[bytes]:
    """UIDs of what is not marked \\Deleted."""
    stage.rest()
    stage.other.client.select(f'"{remote}"')
    _, data = stage.other.client.uid("search", "UNDELETED")
    stage.other.leave()
    return (data[0] or b"").split()
