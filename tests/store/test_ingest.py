"""New mail, threads, counters and identity."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.ids import PUBLIC_ID_LENGTH, new_public_id, new_public_ids
from tests import factories
from tests.store.conftest import World
from webmail.mime.addresses import Address
from webmail.store import changes, counters, emails, identity, ingest
from webmail.store.models import Email, EmailMailbox, Mailbox, Placement, Thread


def figures(mailbox: Mailbox) -> tuple[int, int, int, int]:
    """(emails, unread emails, threads, unread threads)"""
    mailbox.refresh_from_db()
    return tuple(getattr(mailbox, field) for field in counters.FIELDS)  # type: ignore[return-value]


def test_a_reply_joins_the_thread_of_its_parent(world: World) -> None:
    parent = factories.make_email(world.inbox, headers=factories.make_headers(subject="Plan", message_id="a@x"))
    reply = factories.make_email(
        world.archive, headers=factories.make_headers(subject="Re: Plan", message_id="b@x", in_reply_to=["a@x"])
    )
    assert reply.thread_id == parent.thread_id


def test_a_parent_that_comes_later_joins_the_thread_of_its_reply(world: World) -> None:
    """The first sync goes newest first."""
    reply = factories.make_email(
        world.inbox, headers=factories.make_headers(subject="Re: Plan", message_id="b@x", in_reply_to=["a@x"])
    )
    parent = factories.make_email(world.inbox, headers=factories.make_headers(subject="Plan", message_id="a@x"))
    assert reply.thread_id == parent.thread_id


@pytest.mark.req("S11")
def test_another_subject_begins_another_thread(world: World) -> None:
    parent = factories.make_email(world.inbox, headers=factories.make_headers(subject="Plan", message_id="a@x"))
    other = factories.make_email(
        world.inbox, headers=factories.make_headers(subject="Lunch?", message_id="b@x", in_reply_to=["a@x"])
    )
    assert other.thread_id != parent.thread_id


@pytest.mark.req("S11")
def test_a_message_that_links_two_threads_merges_nothing(world: World) -> None:
    first = factories.make_email(world.inbox, headers=factories.make_headers(subject="Plan", message_id="a@x"))
    second = factories.make_email(world.inbox, headers=factories.make_headers(subject="Plan", message_id="b@x"))
    link = factories.make_email(
        world.inbox,
        headers=factories.make_headers(
            subject="Plan", message_id="c@x", in_reply_to=["b@x"], references=("a@x", "b@x")
        ),
    )
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.thread_id != second.thread_id
    assert link.thread_id == second.thread_id


def test_counters_follow_new_mail_and_keywords(world: World) -> None:
    email = factories.make_email(world.inbox)
    factories.make_email(world.inbox, keywords=["$seen"])
    assert figures(world.inbox) == (2, 1, 2, 1)
    with changes.recording(world.account.pk) as record:
        emails.change_keywords(record, {email.pk: emails.KeywordChange(added=frozenset({"$seen"}))})
    assert figures(world.inbox) == (2, 0, 2, 0)


def test_an_unread_message_elsewhere_makes_the_thread_unread_but_not_through_trash(world: World) -> None:
    """RFC 8621 section 2: Trash and the rest do not see each other's unread Emails."""
    factories.make_email(
        world.inbox, headers=factories.make_headers(subject="Plan", message_id="a@x"), keywords=["$seen"]
    )
    reply = factories.make_headers(subject="Re: Plan", message_id="b@x", in_reply_to=["a@x"])
    unread = factories.make_email(world.archive, headers=reply)
    assert figures(world.inbox) == (1, 0, 1, 1)
    with changes.recording(world.account.pk) as record:
        emails.add_to_mailbox(record, [unread.pk], world.trash.pk)
        emails.remove_from_mailbox(record, [unread.pk], world.archive.pk)
    assert figures(world.inbox) == (1, 0, 1, 0)
    assert figures(world.trash) == (1, 1, 1, 1)


def test_destroying_the_last_message_destroys_the_thread(world: World) -> None:
    email = factories.make_email(world.inbox)
    with changes.recording(world.account.pk) as record:
        assert emails.destroy_emails(record, [email.pk]) == 1
    assert not Thread.objects.filter(pk=email.thread_id).exists()
    assert figures(world.inbox) == (0, 0, 0, 0)


@pytest.mark.req("Y85")
def test_a_destroyed_pop3_message_leaves_its_uidl_known(db: None) -> None:
    account = factories.make_account(factories.make_user(), protocol="pop3")
    inbox = Mailbox.objects.get(account=account, role="inbox")
    email = factories.make_email(inbox, place=ingest.Place(inbox.pk, uidl="u1"))
    with changes.recording(account.pk) as record:
        emails.destroy_emails(record, [email.pk])
    assert list(Placement.objects.values_list("uidl", "email_id")) == [("u1", None)]


@pytest.mark.req("Y57")
def test_a_message_seen_in_another_mailbox_is_the_same_email(world: World) -> None:
    item = factories.make_item(world.inbox)
    known = ingest.ingest_emails(world.account.pk, [item])[0]
    from dataclasses import replace

    again = replace(item, place=ingest.Place(world.archive.pk, uidvalidity=1, uid=7))
    assert identity.match_known(world.account.pk, [again]).known == {0: known}


@pytest.mark.req("S4")
def test_equal_twins_in_one_mailbox_stay_two(world: World) -> None:
    from dataclasses import replace

    item = factories.make_item(world.inbox, uid=1)
    ingest.ingest_emails(world.account.pk, [item])
    twin = replace(item, place=ingest.Place(world.inbox.pk, uidvalidity=1, uid=2))
    assert identity.match_known(world.account.pk, [twin]) == identity.Matches()


@pytest.mark.req("S4")
def test_the_servers_own_id_decides_alone(world: World) -> None:
    known = factories.make_email(world.inbox, remote_email_id="E1")
    other = factories.make_item(world.archive, remote_email_id="E1", size_bytes=known.size_bytes, minutes=9_000)
    assert identity.match_known(world.account.pk, [other]).known == {0: known.pk}


@pytest.mark.req("Y55")
def test_one_id_for_two_sizes_is_not_believed(world: World) -> None:
    known = factories.make_email(world.inbox, remote_email_id="E1")
    other = factories.make_item(world.archive, remote_email_id="E1", size_bytes=known.size_bytes + 1, minutes=9_000)
    assert identity.match_known(world.account.pk, [other]) == identity.Matches()


@pytest.mark.req("S5")
def test_an_orphan_that_is_found_again_is_the_same_email(world: World) -> None:
    email = factories.make_email(world.inbox)
    Email.objects.filter(pk=email.pk).update(orphaned_at=factories.NOON)
    with changes.recording(world.account.pk) as record:
        place = ingest.Place(world.archive.pk, uidvalidity=1, uid=3)
        ingest.place_emails(record, [(email.pk, place, ["$seen"])])
    email.refresh_from_db()
    assert email.orphaned_at is None
    assert EmailMailbox.objects.filter(email=email, mailbox=world.archive).exists()


def test_a_deleted_message_is_kept_but_in_no_list(world: World) -> None:
    place = ingest.Place(world.inbox.pk, uidvalidity=1, uid=3, is_deleted=True)
    factories.make_email(world.inbox, place=place)
    assert figures(world.inbox) == (0, 0, 0, 0)
    assert Placement.objects.get().is_deleted


def test_a_batch_of_many_keeps_order_and_ids(world: World) -> None:
    items = [factories.make_item(world.inbox, minutes=number) for number in range(1_200)]
    ids = ingest.ingest_emails(world.account.pk, items)
    stored = Email.objects.in_bulk(ids)
    assert all(stored[pk].received_at == factories.NOON + timedelta(minutes=n) for n, pk in enumerate(ids))
    assert figures(world.inbox) == (1_200, 1_200, 1_200, 1_200)


def test_addresses_are_kept_as_json_would_write_them(world: World) -> None:
    people = (Address('Zoë "Z" \\ \u2028', "zoë@example.org"), Address("", "a@b"), Address("\x7f", "'@x"))
    headers = factories.make_headers(subject="x", to=people, references=('a"b@c', "ü@x"))
    email = factories.make_email(world.inbox, headers=headers)
    email.refresh_from_db()
    assert email.addresses["to"] == [[address.name, address.email] for address in people]
    assert email.addresses["from"] == [["Ben", "ben@example.net"]]
    assert email.references == ['a"b@c', "ü@x"]


def test_ids_of_a_batch_look_like_single_ones_and_differ() -> None:
    ids = new_public_ids("e", 1_000)
    single = new_public_id("e")
    assert len(set(ids)) == 1_000
    assert {len(one) for one in ids} == {len(single)} == {PUBLIC_ID_LENGTH}
    assert set("".join(ids)) <= set("e0123456789abcdefghjkmnpqrstvwxyz")
    assert all(abs(ord(one[1]) - ord(single[1])) <= 1 and one[1:8] <= single[1:8] for one in ids)
