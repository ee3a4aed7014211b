"""A search is passed on to the mail server: what is asked, what becomes of the answers, how it ends (ux 7, features C)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from accounts.models import MailAccount
from tests.fakes.imap import FakeImapServer
from tests.sync.conftest import assert_in_step, fill, inbox_of, letter, sync
from webmail.protocols.imap.wire import LiteralArgument
from webmail.store import leases, server_searches
from webmail.store.models import Email, ServerSearch, ServerSearchHit
from webmail.store.search.parse import parse_query
from webmail.sync.searching.command import Person, needs_utf8, server_query
from webmail.sync.searching.run import search_server
from webmail.workers.tasks import BODIES
from webmail.workers.waiting import FINDERS

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
Connect = Callable[..., MailAccount]


def asked(query: str) -> tuple[str, str]:
    """The command as it goes out, and what is left to be looked at here."""
    tree = parse_query(query)
    assert tree is not None
    found = server_query(tree, Person(["me@example.org", "i@example.org"], NOW))
    parts = [f"{{{key.data.decode()}}}" if isinstance(key, LiteralArgument) else key.decode() for key in found.keys]
    return " ".join(parts), "" if found.local is None else str(found.local)


@pytest.mark.parametrize(
    ("query", "command"),
    [
        ("harbour", 'TEXT "harbour"'),
        ('subject:"kind regards" from:ben', 'SUBJECT "kind regards" FROM "ben"'),
        ("body:café", "BODY {café}"),
        ("-invoice", 'NOT TEXT "invoice"'),
        ("-(a b)", 'NOT (TEXT "a" TEXT "b")'),
        ("a OR b OR c", 'OR TEXT "a" OR TEXT "b" TEXT "c"'),
        ("(is:read is:starred) OR é", "OR (SEEN FLAGGED) TEXT {é}"),
        ("(is:read é) OR a", 'OR (SEEN TEXT {é} ALL) TEXT "a"'),
        ("from:me", 'OR FROM "me@example.org" FROM "i@example.org"'),
        ("with:ben", 'OR FROM "ben" OR TO "ben" OR CC "ben" BCC "ben"'),
        ("larger:5K smaller:1M", "LARGER 5000 SMALLER 1000000"),
        ("header:X-Mailer=apple", 'HEADER X-Mailer "apple"'),
        ("rfc822msgid:a@b", 'HEADER Message-ID "a@b"'),
    ],
)
def test_what_imap_has_words_for_is_asked_of_the_server(query: str, command: str) -> None:
    assert asked(query) == (command, "")


def test_dates_go_out_a_day_wider_and_are_looked_at_again_here() -> None:
    assert asked("after:2026-03-05") == ("SINCE 4-Mar-2026", "after:2026-03-05")
    assert asked("before:2026-03-05") == ("BEFORE 6-Mar-2026", "before:2026-03-05")
    assert asked("on:2026-03-05")[0] == "SINCE 4-Mar-2026 BEFORE 7-Mar-2026"
    assert asked("-after:2026-03-05")[0] == ""


def test_what_imap_has_no_words_for_stays_here() -> None:
    assert asked("has:pdf harbour") == ('TEXT "harbour"', "has:pdf")
    assert asked("has:pdf OR harbour")[0] == ""
    assert asked("in:inbox label:work")[0] == ""


@pytest.mark.req("R31")
def test_no_value_ends_the_line_of_a_command() -> None:
    for value in ("a\r\nA1 DELETE INBOX", "a\0b", 'a" DELETED "', "a\\"):
        found = server_query(
            parse_query('"' + value.replace('"', " ") + '"'),  # type: ignore[arg-type]
            Person([], NOW),
        )
        for key in found.keys:
            raw = key.data if isinstance(key, LiteralArgument) else key
            assert not set(raw) & set(b"\r\n\0")
    assert needs_utf8(server_query(parse_query("é"), Person([], NOW)).keys)  # type: ignore[arg-type]
    assert not needs_utf8(server_query(parse_query("e"), Person([], NOW)).keys)  # type: ignore[arg-type]


def begin(account: MailAccount, query: str) -> ServerSearch:
    (made,) = server_searches.begin_searches(account.user, query, [account], None)
    return made


def run(search: ServerSearch) -> ServerSearch:
    search_server(search.pk)
    search.refresh_from_db()
    return search


def subjects(search: ServerSearch) -> set[str]:
    return set(ServerSearchHit.objects.filter(search=search).values_list("email__subject", flat=True))


def unlisted(server: FakeImapServer, connect: Connect) -> MailAccount:
    """An account whose mail was never listed: its first synchronisation is paused."""
    account = connect(server)
    MailAccount.objects.filter(pk=account.pk).update(is_backfill_paused=True)
    return sync(account)


@pytest.mark.django_db
def test_mail_that_was_never_listed_is_found_and_the_first_listing_doubles_nothing(
    server: FakeImapServer, connect: Connect
) -> None:
    fill(server, 20)
    server.store.append(server.user, "INBOX", letter(50, body="The harbour is closed", Subject="Notice"))
    server.store.append(server.user, "Sent", letter(51, body="harbour", Subject="Re: Notice"))
    server.store.append(server.user, "Trash", letter(52, body="harbour", Subject="Gone"))
    account = unlisted(server, connect)
    assert Email.objects.filter(account=account).count() == 0

    search = run(begin(account, "harbour"))

    assert search.status == ServerSearch.Status.DONE
    assert search.mailboxes_done == search.mailboxes_total > 1
    assert subjects(search) == {"Notice", "Re: Notice"}
    assert Email.objects.filter(account=account).count() == 2
    MailAccount.objects.filter(pk=account.pk).update(is_backfill_paused=False)
    sync(account, passes_made=3)
    assert_in_step(account, server)
    assert inbox_of(account).total_emails == 21


@pytest.mark.django_db
def test_letters_with_accents_and_rests_of_the_query(full_server: FakeImapServer, connect: Connect) -> None:
    for number, subject in ((1, "=?utf-8?q?Un_caf=C3=A9?="), (2, "=?utf-8?q?caf=C3=A9_et_th=C3=A9?="), (3, "Rien")):
        full_server.store.append(full_server.user, "INBOX", letter(number, Subject=subject))
    account = sync(connect(full_server))

    search = run(begin(account, "café -subject:thé newer_than:99y"))

    assert search.status == ServerSearch.Status.DONE
    assert subjects(search) == {"Un café"}


@pytest.mark.django_db
def test_a_stopped_search_asks_nothing_more(full_server: FakeImapServer, connect: Connect) -> None:
    fill(full_server, 2)
    account = sync(connect(full_server))
    search = begin(account, "letter")
    server_searches.stop_searches(account.user, "letter")

    assert run(search).status == ServerSearch.Status.STOPPED
    assert not server_searches.note_progress(search, done=1, total=2)
    assert subjects(search) == set()


@pytest.mark.django_db
def test_it_goes_on_where_it_was_and_is_found_after_a_crash(full_server: FakeImapServer, connect: Connect) -> None:
    fill(full_server, 2)
    account = sync(connect(full_server))
    search = begin(account, "letter")
    assert server_searches.note_progress(search, done=1, total=5)  # and the worker died

    assert list(FINDERS[server_searches.TASK]()) == [search.pk]
    BODIES[server_searches.TASK](search.pk)

    search.refresh_from_db()
    assert search.status == ServerSearch.Status.DONE
    assert subjects(search) == set()  # the Inbox was done before
    assert list(FINDERS[server_searches.TASK]()) == []


@pytest.mark.django_db
def test_a_pass_that_holds_the_account_does_the_search_itself(full_server: FakeImapServer, connect: Connect) -> None:
    fill(full_server, 2)
    account = sync(connect(full_server))
    search = begin(account, "letter")
    with leases.leased(f"account:{account.pk}", owner="somebody", seconds=60) as lease:
        assert lease is not None
        assert run(search).status == ServerSearch.Status.WAITING

    sync(account)

    search.refresh_from_db()
    assert (search.status, len(subjects(search))) == (ServerSearch.Status.DONE, 2)


@pytest.mark.django_db
def test_a_refusal_is_told_in_words(full_server: FakeImapServer, connect: Connect) -> None:
    fill(full_server, 1)
    account = sync(connect(full_server))
    full_server.faults.refuse("UID SEARCH", code="BADCHARSET", when=b"CHARSET", times=None)

    search = run(begin(account, "café"))

    assert (search.status, search.error) == (
        ServerSearch.Status.FAILED,
        "The server searches for plain letters only, without accents.",
    )
    assert search.done_at is not None
    assert search.done_at <= timezone.now()


@pytest.mark.django_db
def test_the_same_search_is_not_begun_twice_and_pop3_has_none(full_server: FakeImapServer, connect: Connect) -> None:
    account = connect(full_server)
    begin(account, "letter")
    assert server_searches.begin_searches(account.user, "letter", [account], None) == []
    account.incoming_protocol = "pop3"
    assert server_searches.begin_searches(account.user, "other", [account], None) == []
