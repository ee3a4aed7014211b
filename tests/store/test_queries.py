"""Lists: order, cursors, scope and the number of queries."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.http import Http404

from tests import factories
from tests.store.conftest import World
from webmail.store.queries import accounts as account_queries
from webmail.store.queries import emails as email_queries
from webmail.store.queries.rows import read_rows

QueryCounter = Callable[..., AbstractContextManager[None]]


def walk(world: World, *, threaded: bool, limit: int = 3) -> list[int]:
    """All Email ids of Inbox, page by page."""
    found: list[int] = []
    cursor = None
    while True:
        page = email_queries.list_mailboxes([world.inbox], threaded=threaded, after=cursor, limit=limit)
        found += [row.email_id for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return found


def test_pages_show_each_message_once_newest_first(world: World) -> None:
    made = [factories.make_email(world.inbox, minutes=number // 3).pk for number in range(10)]
    assert walk(world, threaded=False) == sorted(made, reverse=True)


def test_a_conversation_is_one_row_at_its_newest_message(world: World) -> None:
    first = factories.make_email(world.inbox, headers=factories.make_headers(message_id="a@x"), minutes=1)
    other = factories.make_email(world.inbox, headers=factories.make_headers(subject="Else"), minutes=2)
    newest = factories.make_email(
        world.inbox, headers=factories.make_headers(message_id="b@x", in_reply_to=["a@x"]), minutes=3
    )
    assert walk(world, threaded=True, limit=1) == [newest.pk, other.pk]
    row = read_rows(email_queries.list_mailboxes([world.inbox], threaded=True).rows, threaded=True)[0]
    assert row.count == 2
    assert row.email.thread_id == first.thread_id


def test_new_mail_while_paging_repeats_and_skips_nothing(world: World) -> None:
    made = [factories.make_email(world.inbox, minutes=number).pk for number in range(6)]
    page = email_queries.list_mailboxes([world.inbox], threaded=False, limit=3)
    factories.make_email(world.inbox, minutes=100)
    rest = email_queries.list_mailboxes([world.inbox], threaded=False, after=page.next_cursor, limit=3)
    assert [row.email_id for row in page.rows + rest.rows] == made[::-1]


def test_several_mailboxes_merge_by_date(world: World) -> None:
    older = factories.make_email(world.inbox, minutes=1)
    newer = factories.make_email(world.archive, minutes=2)
    page = email_queries.list_mailboxes([world.inbox, world.archive], threaded=True)
    assert [row.email_id for row in page.rows] == [newer.pk, older.pk]


def test_unread_only_keeps_conversations_with_an_unread_message_there(world: World) -> None:
    factories.make_email(world.inbox, keywords=["$seen"])
    unread = factories.make_email(world.inbox)
    page = email_queries.list_mailboxes([world.inbox], threaded=True, unread_only=True)
    assert [row.email_id for row in page.rows] == [unread.pk]


def test_the_star_of_any_message_shows_on_the_conversation(world: World) -> None:
    headers = factories.make_headers(message_id="a@x")
    factories.make_email(world.inbox, headers=headers, keywords=["$flagged"], minutes=1)
    factories.make_email(world.inbox, headers=factories.make_headers(message_id="b@x", in_reply_to=["a@x"]), minutes=2)
    rows = read_rows(email_queries.list_mailboxes([world.inbox], threaded=True).rows, threaded=True)
    assert "$flagged" in rows[0].keywords


@pytest.mark.parametrize("count", [1, 60])
def test_a_list_takes_the_same_queries_whatever_its_length(
    world: World, count: int, django_assert_num_queries: QueryCounter
) -> None:
    for _ in range(count):
        factories.make_email(world.inbox)
    with django_assert_num_queries(4):
        page = email_queries.list_mailboxes([world.inbox], threaded=True)
        read_rows(page.rows, threaded=True)


@pytest.mark.req("R56")
def test_what_is_not_ones_own_does_not_exist(world: World) -> None:
    bob = factories.make_user("bob")
    email = factories.make_email(world.inbox)
    for get in (
        lambda: email_queries.get_email_for(bob, email.public_id),
        lambda: email_queries.get_thread_for(bob, email.thread.public_id),
        lambda: account_queries.get_mailbox_for(bob, world.inbox.public_id),
        lambda: account_queries.get_account_for(bob, world.account.public_id),
    ):
        with pytest.raises(Http404):
            get()
    assert email_queries.get_emails_for(bob, [email.public_id]) == []
    assert email_queries.emails_of_threads(bob, [email.thread.public_id]) == []


def test_the_tree_has_roles_first_then_names(world: World) -> None:
    factories.make_mailbox(world.account, "Zebra")
    factories.make_mailbox(world.account, "Alpha")
    tree = account_queries.account_trees(world.alice)[0]
    assert [node.mailbox.name for node in tree.flat()] == ["Inbox", "Archive", "Trash", "Alpha", "Zebra"]


def test_progress_counts_what_is_still_to_come(world: World) -> None:
    world.inbox.backfill_uid, world.inbox.remote_total = 500, 10
    world.inbox.save()
    factories.make_email(world.inbox)
    progress = account_queries.sync_progress([world.account])[world.account.pk]
    assert (progress.total, progress.listed, progress.complete) == (10, 1, 0)
    assert not progress.is_listed
