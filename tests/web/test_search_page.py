"""The search page: hits, how the query was understood, faults at their place."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import MailAccount, User
from tests.factories import (
    make_account,
    make_email,
    make_email_from_bytes,
    make_headers,
    make_item,
    make_mailbox,
    make_user,
)
from tests.web.pages import MARKER, body_of, client_of
from webmail.store import ingest, server_searches
from webmail.store.models import Email, Mailbox, SavedSearch, ServerSearch
from webmail.store.queries import windows

pytestmark = pytest.mark.django_db

RAW = "From: Ben <ben@example.net>\r\nSubject: {subject}\r\n\r\nThe harbour is closed.\r\n"


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    return make_mailbox(make_account(alice), "Inbox", role="inbox")


def test_hits_are_listed_with_how_the_query_was_understood(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, RAW.format(subject="Notice").encode())
    page = body_of(client.get("/mail/search?q=from:ben harbour"))
    assert "Notice" in page
    assert '<span class="search-chip__label">from:</span> <bdi>ben</bdi>' in page
    assert "<bdi>harbour</bdi>" in page
    assert "1 result<" in page
    assert 'value="from:ben harbour"' in page
    opened = body_of(client.get(f"/mail/search?q=harbour&t={email.thread.public_id}"))
    assert "The harbour is closed." in opened


def test_a_hit_tells_which_mailbox_it_lies_in(client: Client, inbox: Mailbox) -> None:
    projects = make_mailbox(inbox.account, "Projects")
    make_email_from_bytes(projects, RAW.format(subject="Notice").encode())
    assert ">Projects</bdi>" in body_of(client.get("/mail/search?q=harbour"))


def test_a_search_within_one_mailbox_finds_its_mail_alone(client: Client, inbox: Mailbox) -> None:
    make_email_from_bytes(inbox, RAW.format(subject="Notice").encode())
    projects = make_mailbox(inbox.account, "Projects")
    assert "No messages match." in body_of(client.get(f"/mail/search?q=harbour&in={projects.public_id}"))


def test_a_fault_is_shown_at_its_place_and_nothing_runs(client: Client, inbox: Mailbox) -> None:
    response = client.get("/mail/search?q=harbour befor:2020")
    assert response.status_code == 422
    page = body_of(response)
    assert "Did you mean before:?" in page
    assert "<bdi>harbour </bdi><mark>befor:</mark>" in page


def test_a_value_that_makes_no_sense_is_a_fault_too(client: Client, inbox: Mailbox) -> None:
    assert client.get("/mail/search?q=larger:much").status_code == 422


def test_nothing_asked_shows_what_can_be_asked(client: Client, inbox: Mailbox) -> None:
    page = body_of(client.get("/mail/search"))
    assert "rfc822msgid:" in page


@pytest.mark.req("R9")
def test_a_query_is_text_wherever_it_is_shown(client: Client, inbox: Mailbox) -> None:
    for query in (MARKER, f"befor:{MARKER}", f"in:{MARKER}"):
        assert "<script>alert" not in client.get("/mail/search", {"q": query}).content.decode()


@pytest.mark.req("R56")
def test_bob_finds_nothing_of_alice_and_cannot_name_her_mailbox(inbox: Mailbox) -> None:
    make_email_from_bytes(inbox, RAW.format(subject="Notice").encode())
    bob = client_of(make_user("bob"))
    assert "Notice" not in body_of(bob.get("/mail/search?q=harbour"))
    assert bob.get(f"/mail/search?q=harbour&in={inbox.public_id}").status_code == 404


# Scope ------------------------------------------------------------------------------------------------------------------


def test_the_scope_is_a_chip_with_this_folder_this_account_and_everything(client: Client, inbox: Mailbox) -> None:
    other = make_account(inbox.account.user, address="other@example.org")
    private = make_mailbox(other, "Inbox", role="inbox")
    make_email_from_bytes(inbox, RAW.format(subject="At work").encode())
    make_email_from_bytes(private, RAW.format(subject="At home").encode())
    everything = body_of(client.get(f"/mail/search?q=harbour&near={inbox.public_id}"))
    assert "At work" in everything
    assert "At home" in everything
    assert "outside Junk and Trash" in everything
    for parameters in (f"in={inbox.public_id}", f"near={inbox.public_id}&of={inbox.account.public_id}"):
        assert f'href="/mail/search?q=harbour&{parameters}"' in everything
    account = body_of(client.get(f"/mail/search?q=harbour&of={other.public_id}"))
    assert ("At work" in account, "At home" in account) == (False, True)


def test_the_box_of_a_mailbox_offers_that_mailbox_and_hits_keep_their_scope(client: Client, inbox: Mailbox) -> None:
    box = body_of(client.get(reverse("mailbox", args=[inbox.account.public_id, inbox.public_id])))
    assert f'<input type="hidden" name="near" value="{inbox.public_id}">' in box
    hits = body_of(client.get(f"/mail/search?q=harbour&in={inbox.public_id}"))
    assert f'<input type="hidden" name="in" value="{inbox.public_id}">' in hits


def test_a_chip_is_a_link_to_the_search_without_it_and_knows_its_place(client: Client, inbox: Mailbox) -> None:
    page = body_of(client.get("/mail/search?q=from:ben -harbour"))
    assert 'href="/mail/search?q=-harbour"' in page
    assert 'href="/mail/search?q=from%3Aben"' in page
    assert 'data-begin="9" data-end="17"' in page
    assert '<form id="search-save" method="post"' in page
    assert '<span class="search-chip__label">not:</span> <bdi>harbour</bdi>' in page


# Counting ---------------------------------------------------------------------------------------------------------------


def test_the_first_page_does_not_wait_for_the_number_of_hits(client: Client, inbox: Mailbox) -> None:
    items = [
        make_item(inbox, headers=make_headers(subject=f"harbour {number}"), minutes=number) for number in range(60)
    ]
    ingest.ingest_emails(inbox.account_id, items)
    page = body_of(client.get("/mail/search?q=harbour"))
    assert "More than 50 results" in page
    assert 'data-total="51"' in page
    assert 'href="/mail/search?q=harbour&at=50" rel="next"' in page
    counted = client.get("/mail/search?q=harbour&count=1", headers={"HX-Request": "true"}).content.decode()
    assert 'data-total="60"' in counted
    assert "60 results" in counted
    window = client.get("/mail/search?q=harbour&at=50", headers={"HX-Request": "true", "HX-Target": "rows"})
    assert 'data-total="60"' in window.content.decode()
    last = body_of(client.get("/mail/search?q=harbour&at=50"))
    assert "60 results" in last
    assert 'rel="next"' not in last
    assert "60 results" in body_of(client.get("/mail/search?q=harbour&at=5000"))


def test_conversations_are_counted_once_also_where_they_fill_the_first_page(inbox: Mailbox) -> None:
    make_thread_of(inbox, 120)
    make_email_from_bytes(inbox, RAW.format(subject="Alone").encode(), minutes=-10_000)
    emails = Email.objects.filter(account=inbox.account)
    keys, has_more = windows.first_of_selection([emails], threaded=True, at=0, limit=50)
    whole = windows.of_selection(emails, name="x", account_ids=[inbox.account_id], threaded=True, order=windows.Order())
    assert [tuple(vars(key).values()) for key in keys] == whole.cut(0, 50)
    assert (len(keys), has_more) == (2, False)
    assert windows.first_of_selection([emails], threaded=True, at=1, limit=1) == (keys[1:], False)
    assert windows.first_of_selection([emails], threaded=True, at=0, limit=1) == (keys[:1], True)


def make_thread_of(inbox: Mailbox, count: int) -> None:
    for number in range(count):
        ingest.ingest_emails(
            inbox.account_id,
            [
                make_item(
                    inbox,
                    headers=make_headers(
                        subject="Long", message_id=f"{number}@x", references=("0@x",) if number else ()
                    ),
                    minutes=number,
                )
            ],
        )


# Nothing found ------------------------------------------------------------------------------------------------------------


def test_nothing_matches_only_when_all_was_looked_through(client: Client, inbox: Mailbox) -> None:
    Mailbox.objects.update(backfill_uid=1)
    page = body_of(client.get("/mail/search?q=harbour from:ben"))
    assert "No messages match." in page
    assert 'href="/mail/search?q=harbour"' in page  # drop a chip
    assert "Look in Junk and Trash too" in page
    Mailbox.objects.update(backfill_uid=500)
    page = body_of(client.get("/mail/search?q=harbour"))
    assert "No messages match." not in page
    assert "None so far; " in page
    assert '<button class="button button--primary" type="submit" form="search-server">Search on the server' in page


def test_mail_that_is_not_indexed_is_named_by_its_month(client: Client, inbox: Mailbox) -> None:
    Mailbox.objects.update(backfill_uid=1)
    email = make_email(inbox)
    Email.objects.filter(pk=email.pk).update(is_indexed=False, received_at=datetime(2024, 3, 5, tzinfo=UTC))
    assert "None so far; mail before March 2024 is not indexed yet." in body_of(client.get("/mail/search?q=zanzibar"))


# The server -------------------------------------------------------------------------------------------------------------


def test_the_server_is_asked_stopped_and_its_hits_stand_in_the_list(client: Client, inbox: Mailbox) -> None:
    Mailbox.objects.update(backfill_uid=500)
    email = make_email(inbox, headers=make_headers(subject="Only the server knows"))
    here = {"list": "/mail/search?q=zanzibar"}
    assert client.post(reverse("search_server"), here)["Location"] == here["list"]
    search = ServerSearch.objects.get()
    server_searches.note_progress(search, done=1, total=4)
    page = body_of(client.get(here["list"]))
    assert "Searching on the server … 1 of 4 mailboxes" in page
    assert "None so far." in page
    server_searches.add_hits(search, [email.pk])
    assert "Only the server knows" in body_of(client.get(here["list"]))
    client.post(reverse("search_server_stop"), here)
    search.refresh_from_db()
    assert search.status == ServerSearch.Status.STOPPED
    part = client.get(here["list"] + "&server=1", headers={"HX-Request": "true"})
    assert "was stopped after 1 of 4 mailboxes" in part.content.decode()
    assert "every 2s" not in part.content.decode()


def test_a_pop3_account_says_that_its_server_cannot_be_searched(client: Client, inbox: Mailbox) -> None:
    MailAccount.objects.update(incoming_protocol="pop3")
    Mailbox.objects.update(backfill_uid=500)
    page = body_of(client.get("/mail/search?q=zanzibar"))
    assert "POP3 servers cannot be searched" in page
    assert 'form="search-server"' not in page


@pytest.mark.parametrize(
    "address", ["https://evil.example/mail/search?q=a", "/mail/inbox", "//evil.example/", "", "/mail/search?q=befor:x"]
)
def test_only_a_search_of_ours_can_be_saved_or_asked(client: Client, inbox: Mailbox, address: str) -> None:
    for name in ("search_save", "search_server", "search_server_stop"):
        assert client.post(reverse(name), {"list": address, "name": "x"}).status_code == 404


# Saving -----------------------------------------------------------------------------------------------------------------


def test_a_search_is_saved_from_its_page_with_its_scope(client: Client, inbox: Mailbox, alice: User) -> None:
    client.post(reverse("search_save"), {"list": "/mail/search?q=newer_than:7d", "name": "This week"})
    client.post(reverse("search_save"), {"list": f"/mail/search?q=a OR b&in={inbox.public_id}", "name": "Here"})
    kept = dict(SavedSearch.objects.filter(user=alice).values_list("name", "query"))
    assert kept == {"This week": "newer_than:7d", "Here": '(a OR b) in:"Inbox"'}
    answer = client.post(reverse("search_save"), {"list": "/mail/search?q=x", "name": "here"}, follow=True)
    assert "There is a saved search of this name already." in body_of(answer)


def test_a_row_shows_the_words_around_the_hit(client: Client, inbox: Mailbox) -> None:
    body = "word " * 200 + "and then the harbour was closed for good"
    make_email_from_bytes(inbox, f"From: b@example.net\r\nSubject: Notice\r\n\r\n{body}\r\n".encode())
    page = body_of(client.get("/mail/search?q=harbour"))
    assert 'and then the <mark class="pb-hit">harbour</mark> was closed' in page
