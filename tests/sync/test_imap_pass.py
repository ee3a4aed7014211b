"""Passes over an IMAP account at the fake server: with QRESYNC, with CONDSTORE, with OBJECTID, and with none of them."""

import pytest
from django.utils import timezone

from accounts.models import AccountState
from tests.sync.conftest import assert_in_step, fill, ids_in, inbox_of, keywords_of, letter, local_state, sync
from webmail.store import consistency
from webmail.store.models import Email, Mailbox, Placement, Thread

pytestmark = pytest.mark.django_db


@pytest.mark.req("Y28")
def test_first_pass_brings_everything(server, connect):
    fill(server, 30, flags=["\\Seen", "Work"])
    fill(server, 3, mailbox="Sent", first=100)

    account = sync(connect(server))

    assert account.state == AccountState.OK
    assert account.last_sync_at is not None
    assert account.next_sync_at > timezone.now()
    assert_in_step(account, server)
    assert inbox_of(account).total_emails == 30
    assert {box.role for box in Mailbox.objects.filter(account=account)} >= {"inbox", "sent", "drafts", "trash", "junk"}


@pytest.mark.req("Y32")
def test_new_mail_is_found(server, connect):
    fill(server, 5)
    account = sync(connect(server))
    fill(server, 3, first=10)

    sync(account)

    assert_in_step(account, server)
    assert inbox_of(account).unread_emails == 8


@pytest.mark.req("Y59")
def test_flags_changed_by_another_client_are_taken_over(server, connect):
    uids = fill(server, 5, flags=["\\Seen"])
    account = sync(connect(server))
    server.store.change_flags(server.user, "INBOX", uids[:2], add=["\\Flagged", "Later"], remove=["\\Seen"])

    sync(account)

    assert_in_step(account, server)
    assert inbox_of(account).unread_emails == 2


@pytest.mark.req("Y45")
def test_expunged_mail_goes(server, connect):
    uids = fill(server, 20)
    account = sync(connect(server))
    server.store.expunge(server.user, "INBOX", uids[3:5])

    sync(account)

    assert_in_step(account, server)
    assert inbox_of(account).total_emails == 18
    assert Email.objects.filter(account=account, orphaned_at__isnull=False).count() == 2


@pytest.mark.req("Y37")
def test_one_in_and_one_out_are_both_seen(server, connect):
    uids = fill(server, 20)
    account = sync(connect(server))
    server.store.expunge(server.user, "INBOX", uids[:1])
    fill(server, 1, first=50)

    sync(account)

    assert_in_step(account, server)


@pytest.mark.req("Y49")
def test_move_by_another_client_keeps_the_id(server, connect):
    uids = fill(server, 20)
    account = sync(connect(server))
    before = ids_in(inbox_of(account))
    server.store.change_flags(server.user, "INBOX", uids[4:6], add=["\\Flagged"])
    server.store.move(server.user, "INBOX", uids[4:6], "Archive")

    sync(account)

    archive = Mailbox.objects.get(account=account, role="archive")
    assert ids_in(archive) == {subject: before[subject] for subject in ("Letter 5", "Letter 6")}
    assert_in_step(account, server)
    assert not Email.objects.filter(account=account, orphaned_at__isnull=False).exists()


@pytest.mark.req("Y55")
def test_copy_in_two_mailboxes_is_one_email(server, connect):
    uids = fill(server, 3)
    server.store.copy(server.user, "INBOX", uids[:1], "Archive")

    account = sync(connect(server))

    assert Email.objects.filter(account=account).count() == 3
    assert Placement.objects.filter(email__subject="Letter 1").count() == 2
    assert_in_step(account, server)


@pytest.mark.req("Y57")
def test_equal_twins_in_one_mailbox_stay_two(server, connect):
    date = timezone.now().replace(microsecond=0)
    for _ in range(2):
        server.store.append(server.user, "INBOX", letter(1), internal_date=date)

    account = sync(connect(server))

    assert Placement.objects.filter(mailbox=inbox_of(account)).count() == 2
    # EMAILID says that they are one message (Y55).
    has_ids = Email.objects.exclude(remote_email_id="").exists()
    assert Email.objects.filter(account=account).count() == (1 if has_ids else 2)


@pytest.mark.req("Y51")
@pytest.mark.req("R80")
def test_a_mailbox_made_anew_under_the_name_of_one_that_was_renamed_takes_nothing_from_it(server, connect):
    fill(server, 8, mailbox="Archive", flags=["\\Flagged"])
    account = sync(connect(server))
    before = ids_in(Mailbox.objects.get(account=account, remote_name="Archive"))
    server.store.rename_mailbox(server.user, "Archive", "Old")
    server.store.create_mailbox(server.user, "Archive")
    fill(server, 2, mailbox="Archive", first=100)

    sync(account, passes_made=3)

    assert ids_in(Mailbox.objects.get(account=account, remote_name="Old")) == before
    assert set(ids_in(Mailbox.objects.get(account=account, remote_name="Archive"))) == {"Letter 100", "Letter 101"}
    assert Email.objects.filter(account=account, orphaned_at=None).count() == 10
    assert_in_step(account, server)


@pytest.mark.req("Y51")
@pytest.mark.req("R80")
def test_uidvalidity_change_keeps_ids_keywords_threads_and_bytes(server, connect):
    fill(server, 30, flags=["\\Seen"])
    account = sync(connect(server))
    before = ids_in(inbox_of(account))
    blobs = set(Email.objects.values_list("public_id", "blob_id", "thread_id"))
    server.store.expunge(server.user, "INBOX", [7])
    server.flip_uidvalidity(to=1)  # lower than before
    server.faults.lines.clear()

    sync(account)

    after = ids_in(inbox_of(account))
    del before["Letter 7"]
    assert after == before
    assert set(Email.objects.values_list("public_id", "blob_id", "thread_id")) == blobs
    assert not any(b"BODY.PEEK[]" in line for line in server.faults.lines)
    assert not Placement.objects.filter(uidvalidity__lt=0).exists()
    local = local_state(account)["INBOX"]
    assert sorted(local) == list(range(1, 30))
    assert consistency.check_account(account.pk) == []


@pytest.mark.req("Y54")
def test_uidvalidity_change_to_other_mail_is_held_for_a_second_pass(server, connect):
    fill(server, 10)
    account = sync(connect(server))
    server.store.expunge(server.user, "INBOX", range(1, 11))
    fill(server, 4, first=50)
    server.flip_uidvalidity()

    sync(account)
    held = inbox_of(account).total_emails
    sync(account)

    assert held == 14
    assert_in_step(account, server)
    assert inbox_of(account).total_emails == 4


@pytest.mark.req("R81")
def test_mass_removal_is_held_for_a_second_pass(server, connect):
    uids = fill(server, 30)
    account = sync(connect(server))
    server.store.expunge(server.user, "INBOX", uids[:20])

    sync(account)
    assert inbox_of(account).total_emails == 30
    sync(account)

    assert inbox_of(account).total_emails == 10
    assert_in_step(account, server)


@pytest.mark.req("R81")
def test_what_comes_back_before_the_second_pass_was_never_gone(full_server, connect):
    fill(full_server, 30)
    account = sync(connect(full_server))
    box = full_server.store.mailbox(full_server.user, "INBOX")
    hidden = {uid: box.messages.pop(uid) for uid in range(1, 21)}
    box.next_modseq()
    sync(account)
    assert Placement.objects.filter(gone_at__isnull=False).count() == 20

    for uid in hidden:
        box.messages[uid] = hidden[uid]
    box.messages = dict(sorted(box.messages.items()))
    box.next_modseq()
    sync(account)

    assert not Placement.objects.filter(gone_at__isnull=False).exists()
    assert_in_step(account, full_server)


@pytest.mark.req("Y49")
def test_orphans_go_after_a_later_complete_pass_only(full_server, connect, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    uids = fill(full_server, 20)
    account = sync(connect(full_server))
    full_server.store.expunge(full_server.user, "INBOX", uids[:1])

    sync(account, passes_made=2)
    assert Email.objects.filter(account=account).count() == 20
    time_machine.shift(121)
    sync(account)

    assert Email.objects.filter(account=account).count() == 19
    assert not Thread.objects.filter(account=account, emails=None).exists()
    assert_in_step(account, full_server)


@pytest.mark.req("Y65")
def test_server_without_keywords_does_not_lose_ours(connect):
    from tests.fakes.imap import FakeImapServer
    from webmail.demo.imap_session import ImapConfig
    from webmail.journal.actions.keywords import set_keywords

    with FakeImapServer(config=ImapConfig(allows_keywords=False)) as server:
        fill(server, 5)
        account = sync(connect(server))
        email = Email.objects.get(subject="Letter 2")
        set_keywords(None, [email], add=["work"])

        sync(account)
        server.store.change_flags(server.user, "INBOX", [2], add=["\\Seen"])
        sync(account)

        assert keywords_of(email) == {"work", "$seen"}
        assert email.keyword_rows.get(keyword="work").is_local_only
        assert not inbox_of(account).can_create_keywords


@pytest.mark.req("Y23")
def test_rename_elsewhere_keeps_the_mailbox(server, connect):
    server.store.create_mailbox(server.user, "Projects")
    server.store.create_mailbox(server.user, "Projects/Harbour")
    fill(server, 5, mailbox="Projects/Harbour", first=40)
    account = sync(connect(server))
    before = Mailbox.objects.get(account=account, name="Harbour")
    mail = ids_in(before)
    server.store.rename_mailbox(server.user, "Projects/Harbour", "Projects/Port")

    sync(account)

    after = Mailbox.objects.get(account=account, name="Port")
    assert (after.pk, after.public_id, after.missing_since) == (before.pk, before.public_id, None)
    assert ids_in(after) == mail
    assert_in_step(account, server)


@pytest.mark.req("Y26")
def test_deleted_mailbox_is_hidden_then_removed(server, connect):
    server.store.create_mailbox(server.user, "Old")
    fill(server, 3, mailbox="Old", first=40)
    account = sync(connect(server))
    server.store.delete_mailbox(server.user, "Old")

    sync(account)
    hidden = Mailbox.objects.get(account=account, name="Old")
    assert hidden.missing_since is not None
    sync(account)

    assert not Mailbox.objects.filter(account=account, name="Old").exists()
    assert_in_step(account, server)


@pytest.mark.req("R81")
def test_empty_list_removes_nothing(full_server, connect):
    fill(full_server, 5)
    account = sync(connect(full_server))
    full_server.faults.empty_list(times=3)

    sync(account, passes_made=3)

    assert not Mailbox.objects.filter(account=account, missing_since__isnull=False).exists()
    sync(account)
    assert_in_step(account, full_server)


@pytest.mark.req("Y27")
def test_bad_mailbox_name_does_not_break_the_list(full_server, connect):
    fill(full_server, 2)
    full_server.faults.list_bad_name()

    account = sync(connect(full_server))

    assert inbox_of(account).total_emails == 2
    assert Mailbox.objects.filter(account=account, remote_name="&bad-utf7").exists()


@pytest.mark.req("Y52")
@pytest.mark.req("R38")
def test_mailbox_without_uidvalidity_does_not_stop_the_others(full_server, connect):
    fill(full_server, 2)
    fill(full_server, 2, mailbox="Sent", first=10)
    full_server.faults.change_answer("SELECT", lambda data: data.replace(b"UIDVALIDITY", b"X-NOTHING"), times=1)

    account = sync(connect(full_server))

    assert account.state == AccountState.OK
    assert "Inbox" in account.state_reason
    assert Mailbox.objects.get(account=account, role="sent").total_emails == 2
    Mailbox.objects.filter(account=account).update(parked_until=None)  # it is left alone for a while
    sync(account)
    assert_in_step(account, full_server)


@pytest.mark.req("Y6")
def test_unchanged_account_costs_one_round_trip_and_writes_nothing(full_server, connect, statements):
    for number in range(50):
        full_server.store.create_mailbox(full_server.user, f"Box {number}")
    fill(full_server, 5)
    account = sync(connect(full_server), passes_made=2)
    full_server.faults.commands.clear()
    statements.reads.clear()
    statements.writes.clear()

    sync(account)

    assert full_server.faults.commands in (["LIST"], ["UNSELECT", "LIST"])
    assert [
        sql for sql in statements.writes if '"store_lease"' not in sql and '"accounts_mailaccount"' not in sql
    ] == []
    assert len(statements.reads) < 20


@pytest.mark.req("Y7")
def test_one_changed_flag_costs_three_round_trips(full_server, connect):
    uids = fill(full_server, 300)
    account = sync(connect(full_server), passes_made=2)
    full_server.store.change_flags(full_server.user, "INBOX", uids[:1], add=["\\Seen"])
    full_server.faults.commands.clear()

    sync(account)

    assert [name for name in full_server.faults.commands if name != "UNSELECT"] == ["LIST", "SELECT"]
    assert_in_step(account, full_server)


@pytest.mark.req("Y38")
def test_modseq_that_goes_down_is_followed_by_a_full_sweep(full_server, connect):
    uids = fill(full_server, 20)
    account = sync(connect(full_server))
    Mailbox.objects.filter(pk=inbox_of(account).pk).update(highestmodseq=10**9)
    full_server.store.change_flags(full_server.user, "INBOX", uids[:3], add=["\\Seen"])

    sync(account)

    assert_in_step(account, full_server)


@pytest.mark.req("Y46")
def test_vanished_of_everything_is_checked_before_it_is_believed(full_server, connect):
    fill(full_server, 200)
    account = sync(connect(full_server))
    fill(full_server, 1, first=500)
    line = b"\r\n* VANISHED (EARLIER) 1:200\r\n"
    full_server.faults.change_answer("SELECT", lambda data: data.replace(b"\r\n", line, 1))

    sync(account)

    assert not Placement.objects.filter(gone_at__isnull=False).exists()
    assert_in_step(account, full_server)


@pytest.mark.req("Y47")
def test_empty_search_while_there_is_mail_is_no_fact(connect):
    from tests.fakes.imap import FakeImapServer

    with FakeImapServer(without={"QRESYNC", "CONDSTORE"}) as server:
        uids = fill(server, 10)
        account = sync(connect(server))
        server.store.expunge(server.user, "INBOX", uids[:1])
        server.faults.answer("UID SEARCH", b"* SEARCH\r\n", times=2)
        server.faults.answer("UID FETCH", b"", times=1, when=b"1:* (UID FLAGS)")

        sync(account)
        assert inbox_of(account).total_emails == 10
        sync(account)

        assert_in_step(account, server)


@pytest.mark.req("Y48")
def test_deleted_flag_hides_and_shows(server, connect):
    uids = fill(server, 6)
    account = sync(connect(server))
    server.store.change_flags(server.user, "INBOX", uids[:1], add=["\\Deleted"])
    sync(account)
    assert inbox_of(account).total_emails == 5

    server.store.change_flags(server.user, "INBOX", uids[:1], remove=["\\Deleted"])
    sync(account)

    assert inbox_of(account).total_emails == 6
    assert_in_step(account, server)
