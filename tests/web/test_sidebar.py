"""The sidebar: common views, account trees, favourites, labels, saved searches, counts, and what it costs (ux 3)."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import MailAccount, User
from tests.factories import make_account, make_email, make_mailbox, make_user
from tests.web.pages import MARKER, body_of, client_of
from webmail.outbox.writing import drafts
from webmail.store.labels import change_label, create_label
from webmail.store.models import Mailbox
from webmail.store.saved_searches import save_search
from webmail.web.shell import Shell, shell_of

pytestmark = pytest.mark.django_db

QUERIES = 4  # the whole sidebar: accounts, mailboxes, names of labels and searches, drafts and outbox


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def account(alice: User) -> MailAccount:
    return make_account(alice, address="box@example.org")


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


def sidebar(client: Client) -> str:
    """As it stands on a page that reads nothing else."""
    page = body_of(client.get(reverse("settings_language")))
    return page[page.index('<nav class="sidebar"') : page.index("</nav>")]


def names(page: str) -> list[str]:
    return re.findall(r'<span class="nav__name"><bdi>(.*?)</bdi>', page)


def test_common_views_stand_in_their_order_and_roles_before_other_mailboxes(
    client: Client, account: MailAccount
) -> None:
    for name, role in (("Müll", "trash"), ("zoo", ""), ("Apples", ""), ("INBOX", "inbox"), ("Gesendet", "sent")):
        make_mailbox(account, name, role=role)
    assert names(sidebar(client)) == [
        "Inbox", "Unread", "Starred", "Drafts", "Scheduled", "Sent", "All mail",
        "Inbox", "Sent", "Trash", "Apples", "zoo",
    ]  # fmt: skip


def test_mailboxes_stand_inside_their_parents_and_favourites_above_all(client: Client, account: MailAccount) -> None:
    make_mailbox(account, "Inbox", role="inbox")
    outer = make_mailbox(account, "Projects")
    inner = make_mailbox(account, "Harbour", parent=outer, is_favourite=True)
    page = sidebar(client)
    assert names(page)[7:] == ["Harbour", "Inbox", "Projects", "Harbour"]
    assert f'id="favourite-{inner.public_id}"' in page
    inside = page[page.index(f'<ul class="nav" id="inside-{outer.public_id}"') :]
    assert f'id="nav-{inner.public_id}"' in inside[: inside.index("</ul>")]


@pytest.mark.parametrize(
    ("role", "unread", "shown"),
    [
        ("inbox", 3, '<span class="nav__count nav__count--strong" aria-hidden="true">3</span>'),
        ("", 12_345, '<span class="nav__count " aria-hidden="true">9,999+</span>'),
        ("junk", 4, None),
        ("trash", 4, None),
        ("sent", 4, None),
    ],
)
def test_counts_are_unread_bold_only_for_inbox_and_none_where_nobody_waits(
    client: Client, account: MailAccount, role: str, unread: int, shown: str | None
) -> None:
    mailbox = make_mailbox(account, "Box", role=role)
    Mailbox.objects.filter(pk=mailbox.pk).update(unread_emails=unread, unread_threads=unread)
    page = sidebar(client)
    line = page[page.index(f'id="nav-{mailbox.public_id}"') :]
    line = line[: line.index("</a>")]
    assert (shown in line) if shown else ("nav__count" not in line)
    if shown:
        assert f'<span class="hidden-text">{unread} unread</span>' in line


def test_a_mailbox_without_conversations_counts_messages(client: Client, account: MailAccount, alice: User) -> None:
    mailbox = make_mailbox(account, "Box", has_threads=False)
    Mailbox.objects.filter(pk=mailbox.pk).update(unread_emails=5, unread_threads=2)
    assert '<span class="hidden-text">5 unread</span>' in sidebar(client)
    Mailbox.objects.filter(pk=mailbox.pk).update(has_threads=None)
    assert '<span class="hidden-text">2 unread</span>' in sidebar(client)


def test_an_account_left_out_of_a_view_is_not_counted_in_it(alice: User, account: MailAccount) -> None:
    other = make_account(alice)
    for each in (account, other):
        make_mailbox(each, "Inbox", role="inbox")
        make_mailbox(each, "Drafts", role="drafts")
    Mailbox.objects.update(unread_threads=2, total_emails=3)
    MailAccount.objects.filter(pk=other.pk).update(left_out_of=["inbox"])
    counts = {item.key: item.count for item in Shell(alice).common}
    assert (counts["inbox"], counts["drafts"]) == (2, 6)
    MailAccount.objects.filter(pk=other.pk).update(left_out_of=["drafts"])
    counts = {item.key: item.count for item in Shell(alice).common}
    assert (counts["inbox"], counts["drafts"]) == (4, 3)


def test_every_mailbox_and_label_takes_what_is_dropped_on_it(client: Client, account: MailAccount, alice: User) -> None:
    mailbox = make_mailbox(account, "Plans")
    sealed = make_mailbox(account, "Shared", is_read_only=True)
    label = create_label(alice, "Travel")
    page = sidebar(client)
    assert f'data-drop-mailbox="{mailbox.public_id}"' in page
    assert f'data-drop-mailbox="{sealed.public_id}"' not in page
    assert f'data-drop-label="{label.public_id}"' in page


def test_labels_and_saved_searches_stand_there_unless_hidden(client: Client, alice: User, account: MailAccount) -> None:
    assert 'id="nav-labels"' not in sidebar(client)
    create_label(alice, f"Travel{MARKER}", color=5)
    change_label(create_label(alice, "Quiet"), is_shown=False)
    create_label(make_user("bob"), "Theirs")
    save_search(alice, "From Ben", "from:ben is:unread")
    raw = client.get(reverse("settings_language")).content.decode()
    assert MARKER not in raw
    page = sidebar(client)
    assert 'data-color="5"' in page
    assert "Quiet" not in page
    assert "Theirs" not in page
    assert "/mail/search?q=from%3Aben+is%3Aunread" in page


def test_a_mailbox_that_only_holds_others_opens_nothing(client: Client, account: MailAccount) -> None:
    holder = make_mailbox(account, "Holder", is_selectable=False)
    assert f'<span class="nav__item nav__label" id="nav-{holder.public_id}"' in sidebar(client)


def test_each_line_leads_to_its_settings_without_scripts(client: Client, account: MailAccount, alice: User) -> None:
    mailbox = make_mailbox(account, "Plans")
    label = create_label(alice, "Travel")
    search = save_search(alice, "From Ben", "from:ben")
    page = sidebar(client)
    for address in (
        reverse("mailbox_edit", args=[mailbox.public_id]),
        reverse("label_edit", args=[label.public_id]),
        reverse("saved_search", args=[search.public_id]),
        reverse("account_settings", args=[account.public_id]),
    ):
        assert f'class="nav__more" href="{address}"' in page
        assert client.get(address).status_code == 200


def test_numbers_of_saved_searches_come_by_themselves(client: Client, alice: User, account: MailAccount) -> None:
    inbox = make_mailbox(account, "Inbox", role="inbox")
    make_email(inbox)
    make_email(inbox)
    search = save_search(alice, "Recent", "in:inbox")
    broken = save_search(alice, "Broken", "before:yesteryear")
    page = body_of(client.get(reverse("saved_search_counts"), headers={"HX-Request": "true"}))
    assert re.search(rf'id="count-{search.public_id}" hx-swap-oob="innerHTML">2<', page)
    assert re.search(rf'id="count-{broken.public_id}" hx-swap-oob="innerHTML"><', page)


def test_the_whole_sidebar_is_four_queries_whatever_there_is(alice: User, account: MailAccount) -> None:
    for each in (account, make_account(alice), make_account(alice)):
        make_mailbox(each, "Inbox", role="inbox")
        outer = make_mailbox(each, "Outer")
        make_mailbox(each, "Inner", parent=outer)
    drafts.create_draft(account)
    create_label(alice, "Travel")
    save_search(alice, "Recent", "newer:7d")
    request = RequestFactory().get("/")
    request.user = alice
    with CaptureQueriesContext(connection) as queries:
        shell = shell_of(request)
        everything = [shell.common, shell.accounts, shell.labels, shell.searches, shell.troubled, shell.checked_at]
        assert everything[0][3].count == 1
        assert [nav.favourites for nav in shell.accounts] == [(), (), ()]
    assert len(queries) <= QUERIES
