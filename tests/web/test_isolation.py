"""Every address of the site asked by everybody: a new route without a case here fails (security R56).

alice owns everything that the addresses name; bob shares nothing with her; a stranger has not signed in.
The operations of the REST API have a table of their own in tests/api, the panel's pages are for administrators as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core import serializers
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts import services, tokens
from accounts.models import ConnectionTest, Identity, MailAccount, OutgoingServer, SenderRule, User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.pages import client_of
from webmail.journal.models import Step
from webmail.outbox.models import Draft, DraftAttachment, Submission, Upload
from webmail.outbox.queue import submit
from webmail.outbox.writing import drafts, uploads
from webmail.store.labels import create_label
from webmail.store.models import Email, EmailKeyword, EmailMailbox, Mailbox
from webmail.store.saved_searches import save_search

pytestmark = [pytest.mark.django_db, pytest.mark.req("R56")]

SECRET = "ALICES-SECRET"
RAW = (
    f"From: {SECRET} <ben@example.net>\r\nSubject: {SECRET}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    f"--b\r\nContent-Type: text/html\r\n\r\n<p>{SECRET}</p>\r\n--b\r\nContent-Type: application/pdf\r\n"
    "Content-Disposition: attachment; filename=a.pdf\r\n\r\nx\r\n--b--\r\n"
).encode()
# Whole areas with a test of their own.
ELSEWHERE = ("admin/", "api/v1/", "api/^v1")


@dataclass(frozen=True)
class Case:
    """How alice asks and the status she may get. `is_public`: there is nothing of anybody's behind it."""

    may: tuple[int, ...] = (200,)
    method: str = "GET"
    data: dict[str, Any] = field(default_factory=dict)
    is_public: bool = False


LED_ON = (302,)
POSTED = (200, 302, 422)
CASES: dict[str, Case] = {
    "home": Case(LED_ON),
    "inbox": Case(),
    "unread": Case(),
    "starred": Case(),
    "drafts": Case(),
    "sent": Case(),
    "all": Case(),
    "label": Case(),
    "mailbox": Case(),
    "search": Case(data={"q": SECRET}),
    "search_suggest": Case(data={"q": SECRET[:6]}),
    "search_save": Case(LED_ON, "POST", {"name": "Ships", "list": f"/mail/search?q={SECRET}"}),
    "search_forget": Case(LED_ON, "POST"),
    "search_server": Case(LED_ON, "POST", {"list": f"/mail/search?q={SECRET}"}),
    "search_server_stop": Case(LED_ON, "POST", {"list": f"/mail/search?q={SECRET}"}),
    "thread": Case(),
    "message": Case(),
    "message_content": Case(LED_ON),
    "message_colors": Case((303,), "POST", {"show": "original"}),
    "message_print": Case(),
    "thread_print": Case(),
    "message_nested": Case((404,)),  # there is none within it
    "message_sender": Case(LED_ON),
    "message_source": Case(),
    "message_download": Case(),
    "message_part": Case(),
    "message_headers": Case(),
    "message_view": Case(),
    "message_thumbnail": Case((404,)),  # nobody draws it here
    "message_page": Case((404,)),
    "message_zip": Case(),
    "thread_zip": Case(),
    "act": Case(LED_ON, "POST", {"do": "read"}),
    "undo": Case(LED_ON, "POST"),
    "empty": Case(LED_ON, "POST", {"confirmed": "1"}),
    "seen": Case((302, 404), "POST"),
    "targets": Case(data={"kind": "move"}),
    "pick": Case(data={"kind": "goto"}),
    "activity": Case(),
    "activity_toast": Case(),
    "activity_stop": Case(LED_ON, "POST"),
    "check_now": Case(LED_ON, "POST"),
    "compose_new": Case(LED_ON, "POST"),
    "compose": Case(),
    "compose_times": Case(),
    "compose_save": Case(POSTED, "POST", {"revision": "1"}),
    "compose_files": Case(POSTED, "POST"),
    "draft_keep": Case(LED_ON, "POST", {"text": "kept"}),
    "draft_continue": Case(LED_ON, "POST"),
    "draft_states": Case(),
    "upload_begin": Case((201,), "POST", {"name": "a.txt", "size": "3"}),
    "upload": Case(),
    "outbox": Case(),
    "outbox_item": Case(),
    "outbox_toast": Case(),
    "outbox_restored": Case(LED_ON, "POST"),
    "outbox_act": Case(POSTED, "POST", {"act": "cancel"}),
    "receipt": Case(LED_ON, "POST", {"do": "refuse"}),
    "remote_rule": Case((303,), "POST", {"show": "sender"}),
    "palette": Case(),
    "settings_keys": Case(),
    "events": Case(),
    "news": Case(),
    "session": Case(),
    "sign_in_again": Case(LED_ON, "POST", {"password": "x"}),
    "sign_in_state": Case((302, 404)),  # the test of these ids is of another purpose
    "manifest": Case(is_public=True),
    "healthz": Case(is_public=True),
    "readyz": Case(is_public=True),
    "metrics": Case(is_public=True),
    "account_login": Case((200, 302), is_public=True),
    "login_wait": Case((200, 302), is_public=True),
    "account_logout": Case((200, 302), is_public=True),
    "connect": Case(),
    "connect_wait": Case((200, 302)),
    "settings": Case(),
    "account_settings": Case((200, 302)),
    "account_act": Case(POSTED, "POST", {"act": "pause"}),
    "account_servers": Case(),
    "account_delete": Case(),
    "identity_new": Case(),
    "identity": Case(),
    "identity_delete": Case(POSTED, "POST"),
    "mailbox_settings": Case(),
    "account_fetching": Case(),
    "account_fetching_act": Case(POSTED, "POST", {"act": "pause"}),
    "mailbox_edit": Case(),
    "mailbox_delete": Case(),
    "settings_reading": Case(),
    "sender_rule_remove": Case(POSTED, "POST"),
    "account_reading": Case(),
    "settings_sending": Case(),
    "account_sending": Case(),
    "outgoing_server_add": Case(POSTED, "POST", {"host": "smtp.example.net", "security": "tls"}),
    "outgoing_server_act": Case(POSTED, "POST", {"act": "remove"}),
    "settings_appearance": Case(),
    "settings_accounts": Case(),
    "settings_language": Case(),
    "settings_organising": Case(),
    "settings_notifications": Case(),
    "account_notifications": Case(LED_ON, "POST"),
    "account_menu": Case(),
    "account_set": Case(LED_ON, "POST", {"color": "3"}),
    "mailbox_set": Case(LED_ON, "POST", {"favourite": "yes"}),
    "label_new": Case(LED_ON, "POST", {"name": "Travel"}),
    "label_edit": Case(),
    "label_delete": Case(),
    "saved_search": Case(),
    "saved_search_new": Case(LED_ON, "POST", {"name": "Ships", "q": "ship"}),
    "saved_search_counts": Case(),
    "settings_passwords": Case(),
    "app_password_revoke": Case(POSTED, "POST"),
    "api_docs": Case(is_public=True),
}


@dataclass(frozen=True)
class Route:
    name: str
    parameters: tuple[str, ...]


def walk(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from walk(entry, path)
        else:
            yield path, entry


def all_routes() -> list[Route]:
    found = []
    for path, pattern in walk(get_resolver("webmail.urls")):
        # What a key opens, needs no session and gives no other person's: tests/web/test_content.py.
        if not path.startswith((*ELSEWHERE, "^mail/c/")):
            regex = pattern.pattern.regex  # type: ignore[attr-defined]
            found.append(Route(pattern.name or path, tuple(regex.groupindex)))
    return found


ROUTES = [route for route in all_routes() if route.name in CASES]


@pytest.fixture
def alice() -> User:
    return make_user("alice", timezone="")


@pytest.fixture
def ids(alice: User) -> dict[str, str]:
    account = make_account(alice, name=SECRET)
    inbox = make_mailbox(account, "Inbox", role="inbox")
    mailbox = make_mailbox(account, SECRET)
    email = make_email_from_bytes(inbox, RAW)
    Identity.objects.filter(account=account).update(name=SECRET)
    draft = drafts.create_draft(account)
    draft = drafts.save_draft(draft, fields=drafts.DraftFields(subject=SECRET, to="x@y.test"), expected_revision=None)
    other = drafts.create_draft(account)
    other = drafts.save_draft(other, fields=drafts.DraftFields(subject=SECRET, to="x@y.test"), expected_revision=None)
    submission = submit.submit_draft(other, user=alice, idempotency_key="k")
    upload = uploads.begin_upload(alice, account, draft=draft, name=SECRET, type="", size_bytes=3)
    test = services.request_connection_test(
        purpose=ConnectionTest.Purpose.CONNECT,
        settings=services.settings_of(account),
        incoming_password="x",
        user=alice,
    )
    tokens.create_token(alice, name=SECRET, scopes=["mail"])
    rule = SenderRule.objects.create(user=alice, kind=SenderRule.Kind.PICTURES, value=f"{SECRET}@example.org")
    server = services.add_outgoing_server(account, SECRET, 465, "tls", SECRET, "x")
    return {
        "account_id": account.public_id,
        "server_id": server.public_id,
        "mailbox_id": mailbox.public_id,
        "thread_id": email.thread.public_id,
        "email_id": email.public_id,
        "public_id": email.public_id,
        "inner": "2",
        "part_id": "2",
        "place": "2",
        "number": "1",
        "draft_id": draft.public_id,
        "upload_id": upload.public_id,
        "submission_id": submission.public_id,
        "identity_id": Identity.objects.get(account=account).public_id,
        "test_id": test.public_id,
        "token_id": str(alice.api_credentials.get().pk),
        "rule_id": str(rule.pk),
        "step_id": Step.objects.create(user=alice, verb="move", detail={"name": SECRET}).public_id,
        "label_id": create_label(alice, SECRET).public_id,
        "search_id": save_search(alice, SECRET, SECRET).public_id,
    }


def address_of(route: Route, ids: dict[str, str]) -> str:
    return reverse(route.name, kwargs={name: ids[name] for name in route.parameters})


def ask(client: Client, method: str, address: str, data: dict[str, Any]) -> Any:
    return client.post(address, data) if method == "POST" else client.get(address, data)


def text_of(response: Any) -> str:
    return "" if response.streaming else response.content.decode("utf-8", "replace")


def rows_of(alice: User) -> str:
    """All rows a page could change for alice."""
    accounts = MailAccount.objects.filter(user=alice)
    sets = [
        User.objects.filter(pk=alice.pk),
        accounts,
        Identity.objects.filter(account__in=accounts),
        OutgoingServer.objects.filter(account__in=accounts),
        Mailbox.objects.filter(account__in=accounts),
        Email.objects.filter(account__in=accounts),
        EmailKeyword.objects.filter(email__account__in=accounts),
        EmailMailbox.objects.filter(mailbox__account__in=accounts),
        Draft.objects.filter(account__in=accounts),
        DraftAttachment.objects.filter(draft__account__in=accounts),
        Submission.objects.filter(user=alice),
        Upload.objects.filter(user=alice),
        ConnectionTest.objects.filter(user=alice),
        alice.api_credentials.all(),
        alice.sender_rules.all(),
    ]
    return "\n".join(serializers.serialize("json", rows.order_by("pk")) for rows in sets)


def test_every_route_has_a_case_and_every_case_a_route() -> None:
    assert {route.name for route in all_routes()} == set(CASES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_alice_may(alice: User, ids: dict[str, str], route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webmail.web.views.events.STREAM_S", 0.0)
    monkeypatch.setattr("webmail.web.views.drawings.THUMBNAIL_WAIT_S", 0.0)
    monkeypatch.setattr("webmail.web.views.drawings.PAGE_WAIT_S", 0.0)
    case = CASES[route.name]
    response = ask(client_of(alice), case.method, address_of(route, ids), case.data)
    assert response.status_code in case.may


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_bob_may_not(alice: User, ids: dict[str, str], route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webmail.web.views.events.STREAM_S", 0.0)
    monkeypatch.setattr("webmail.web.views.drawings.THUMBNAIL_WAIT_S", 0.0)
    monkeypatch.setattr("webmail.web.views.drawings.PAGE_WAIT_S", 0.0)
    case = CASES[route.name]
    bob = make_user("bob")
    make_mailbox(make_account(bob), "Inbox", role="inbox")
    client = client_of(bob)
    before = rows_of(alice)
    for method in ("GET", "POST"):
        response = ask(client, method, address_of(route, ids), case.data)
        if route.parameters and not case.is_public:
            assert response.status_code in {404, 405, 410}
            # In the words for what never was: nobody learns that it exists.
            never = {name: value[:-3] + "zzz" for name, value in ids.items()} | {
                "part_id": "2",
                "place": "2",
                "number": "1",
                "token_id": "999999",
                "rule_id": "999999",
            }
            assert ask(client, method, address_of(route, never), case.data).status_code == response.status_code
        assert SECRET not in text_of(response).replace(case.data.get("q", "-"), "")
    assert rows_of(alice) == before


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_stranger_may_not(alice: User, ids: dict[str, str], route: Route) -> None:
    case = CASES[route.name]
    before = rows_of(alice)
    for method in ("GET", "POST"):
        response = ask(Client(), method, address_of(route, ids), case.data)
        assert SECRET not in text_of(response)
        if case.is_public:
            continue
        if response.status_code == 302:
            assert response.headers["Location"].startswith(reverse("account_login"))
        else:
            assert response.status_code in {403, 405}
    assert rows_of(alice) == before


@pytest.mark.parametrize("address", ["/admin/", "/admin/accounts/user/"])
def test_the_panel_is_for_administrators(alice: User, address: str) -> None:
    for client in (Client(), client_of(alice)):
        response = client.get(address)
        assert response.status_code in {302, 403}
