"""What pages say of how things stand (ux section 6): each state in its words, and where it is shown."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import credentials, services
from accounts.conditions import CERTIFICATE, take_apart
from accounts.models import AccountState, ConnectionTest, Credential, MailAccount, User
from tests.factories import make_account, make_email, make_mailbox, make_user
from tests.web.pages import MARKER, body_of, client_of
from webmail.journal.actions.move import move_emails
from webmail.protocols.errors import AuthenticationRefused, CertificateRefused
from webmail.store import changes, emails
from webmail.store.models import Mailbox
from webmail.sync import errors
from webmail.web.states.conditions import Act, Condition, Kind, condition_of, worst_first
from webmail.web.states.fetching import covers_words, progress_of
from webmail.web.states.reasons import SENTENCES, certificate_finding, read_reason

NOW = datetime(2026, 3, 3, 14, 20, tzinfo=UTC)
S = AccountState


@pytest.fixture
def at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def account(state: str = S.OK, reason: str = "", **fields: Any) -> MailAccount:
    return MailAccount(
        name="Work",
        address="alice@example.org",
        incoming_host="mail.example.org",
        state=state,
        state_reason=reason,
        **{
            "state_since": NOW - timedelta(minutes=40),
            "last_sync_at": NOW - timedelta(minutes=45),
            "next_sync_at": NOW + timedelta(minutes=2),
            **fields,
        },
    )


def words(found: Condition) -> tuple[str, str, str]:
    return found.happened, found.means, found.todo


REFUSED = errors.plain_reason(AuthenticationRefused("x", server_text="Bad password"))
EXPIRED = errors.plain_reason(CertificateRefused("the certificate of x does not hold: certificate has expired"))
UP_TO_THEN = "Your mail here is complete up to then."
TABLE = [
    (
        account(S.AUTH_FAILED, REFUSED),
        Kind.REFUSED,
        Act.SIGN_IN,
        (
            "mail.example.org refused the password for alice@example.org since 13:40.",
            "Your mail here stays readable. Nothing new comes in and nothing is sent until you sign in again.",
            "",
        ),
        "Bad password",
    ),
    (
        account(S.FAILING, "Nothing answers at this server and port."),
        Kind.AWAY,
        Act.TRY_NOW,
        ("mail.example.org does not answer since 13:40.", UP_TO_THEN, "Next try in 2 min."),
        "",
    ),
    (
        account(S.FAILING, "The server takes too long to answer.", last_sync_at=NOW - timedelta(hours=4)),
        Kind.AWAY,
        Act.TRY_NOW,
        (
            "mail.example.org does not answer since 13:40.",
            "Your mail here is complete up to 10:20.",
            "Next try in 2 min.",
        ),
        "",
    ),
    (
        account(S.FAILING, "The server refuses. The server said: “over quota”", next_sync_at=NOW),
        Kind.AWAY,
        Act.TRY_NOW,
        (
            "mail.example.org cannot be used since 13:40. The server refuses.",
            UP_TO_THEN,
            "Next try in a moment.",
        ),
        "over quota",
    ),
    (
        account(S.FAILING, EXPIRED),
        Kind.CERTIFICATE,
        Act.TRY_NOW,
        (
            "The certificate of mail.example.org has not been valid since 13:40. It has expired.",
            f"So nothing was sent to it, also not your password. {UP_TO_THEN}",
            "Tell the administrator of the mail server. Next try in 2 min.",
        ),
        "the certificate of x does not hold: certificate has expired",
    ),
    (
        account(last_sync_at=NOW - timedelta(minutes=25)),
        Kind.BEHIND,
        Act.CHECK_NOW,
        ("", "The server is slow, or there was much to fetch.", ""),
        "",
    ),
    (
        account(S.PAUSED),
        Kind.PAUSED,
        Act.RESUME,
        ("", "Nothing is fetched or sent until you resume it.", ""),
        "",
    ),
    (account(S.NEW, last_sync_at=None), Kind.NEW, Act.CHECK_NOW, ("", "", ""), ""),
    (
        account(last_sync_at=NOW - timedelta(minutes=5), reason="The server says: “Maintenance tonight”"),
        Kind.WELL,
        Act.CHECK_NOW,
        ("", "", ""),
        "The server says: “Maintenance tonight”",
    ),
]


@pytest.mark.usefixtures("at_now")
@pytest.mark.parametrize(("found", "kind", "act", "told", "details"), TABLE, ids=[row[1] for row in TABLE])
def test_each_condition_has_its_words_its_way_out_and_the_servers_text_apart(
    found: MailAccount, kind: Kind, act: Act, told: tuple[str, str, str], details: str
) -> None:
    condition = condition_of(found, NOW)
    assert (condition.kind, condition.act, words(condition), condition.details) == (kind, act, told, details)
    assert condition.short
    if details:
        assert details not in " ".join((*told, condition.short))


@pytest.mark.usefixtures("at_now")
@pytest.mark.parametrize(
    ("minutes", "short"),
    [(21, "Last checked 21 min ago"), (59, "Last checked 59 min ago"), (130, "Last checked 12:10")],
)
def test_a_menu_says_how_long_ago_the_last_check_was(minutes: int, short: str) -> None:
    assert condition_of(account(last_sync_at=NOW - timedelta(minutes=minutes)), NOW).short == short


@pytest.mark.usefixtures("at_now")
def test_the_worst_comes_first() -> None:
    kinds = [one.kind for one in worst_first([row[0] for row in reversed(TABLE)], NOW)]
    assert kinds == sorted(kinds, key=list(Kind).index)
    assert kinds[0] == Kind.REFUSED


def test_every_sentence_that_sync_writes_is_known_here_for_translation() -> None:
    written = {sentence for _kind, sentence in errors._SENTENCES}
    assert written <= set(SENTENCES)
    assert CERTIFICATE in written


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("certificate has expired", "It has expired."),
        ("Hostname mismatch, certificate is not valid for 'a'", "It was issued for another name."),
        ("self-signed certificate in certificate chain", "It is signed by nobody but the server itself."),
        ("unable to get local issuer certificate", "It is signed by somebody we do not know."),
        ("CA signature digest algorithm too weak", ""),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said_plainly(text: str, told: str) -> None:
    assert certificate_finding(text) == told


def test_a_reason_that_is_not_ours_is_a_quotation_as_a_whole() -> None:
    assert read_reason("Click here: http://evil.example").text == ""
    assert read_reason("Click here: http://evil.example").quoted == "Click here: http://evil.example"
    assert take_apart("The server refuses. The server said: “a “b” c”") == ("The server refuses.", "a “b” c")


def test_progress_names_the_mailbox_under_way_and_what_it_has_of_how_much() -> None:
    done = Mailbox(name="Done", backfill_uid=1, remote_total=5, total_emails=5)
    inbox = Mailbox(name="INBOX", role="inbox", remote_total=48_210, total_emails=12_400, backfill_uid=900)
    later = Mailbox(name="Lists", remote_total=100)
    found = progress_of([done, later, inbox])
    assert found is not None
    assert (found.words, found.percent, found.mailboxes_left) == ("Inbox 12,400 of 48,210", 25, 1)
    assert progress_of([done, later]) == replace(found, name="Lists", done=0, total=100, mailboxes_left=0)
    assert progress_of([done]) is None
    assert covers_words("Work", NOW) == "Work: the search covers mail since March 2026 so far."
    assert covers_words("Work", None) == "Work: no mail is here yet."


# On pages -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def alice(db: None) -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def box(alice: User) -> MailAccount:
    found = make_account(alice)
    make_mailbox(found, "Inbox", role="inbox")
    MailAccount.objects.update(last_sync_at=timezone.now(), state=S.OK)
    return found


def part(page: str, element_id: str) -> str:
    """What stands between this id and the end of its bar or menu."""
    found = re.search(rf'id="{element_id}".*?(?=<form class="list__form"|</header>)', page, re.DOTALL)
    assert found
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


def test_a_server_that_does_not_answer_is_a_bar_over_its_lists_with_try_now(client: Client, box: MailAccount) -> None:
    services.set_state(box, S.FAILING, reason=f"The server refuses. The server said: “{MARKER}”")
    response = client.get("/mail/inbox")
    text = part(body_of(response), "list-troubles")
    assert "127.0.0.1 cannot be used since" in text
    assert UP_TO_THEN in text
    assert "Try now" in text
    assert "Details" in text
    assert MARKER not in response.content.decode()
    assert "1 account needs you" in part(body_of(response), "sync-state")
    answer = client.post(reverse("check_now"), {"list": "/mail/inbox"})
    assert answer.headers["Location"].startswith("/mail/inbox")


def test_no_bar_stands_over_the_lists_of_another_account(client: Client, alice: User, box: MailAccount) -> None:
    other = make_mailbox(make_account(alice), "Inbox", role="inbox")
    services.set_state(box, S.FAILING, reason="The connection to the server was lost.")
    page = body_of(client.get(reverse("mailbox", args=[other.account.public_id, other.public_id])))
    assert 'data-trouble="' not in page
    assert body_of(client.get("/mail/inbox")).count('data-trouble="') == 1


def test_a_certificate_fault_names_host_and_finding_and_offers_no_way_to_accept_it(
    client: Client, box: MailAccount
) -> None:
    services.set_state(box, S.FAILING, reason=EXPIRED)
    text = part(body_of(client.get("/mail/inbox")), "list-troubles")
    assert "The certificate of 127.0.0.1 has not been valid since" in text
    assert "It has expired." in text
    assert "accept" not in text.lower()


def test_the_sync_menu_says_that_the_last_check_was_long_ago_and_offers_another(
    client: Client, box: MailAccount
) -> None:
    MailAccount.objects.update(last_sync_at=timezone.now() - timedelta(minutes=25, seconds=5))
    text = part(body_of(client.get("/mail/inbox")), "sync-state")
    assert "Last checked 25 min ago" in text
    assert "Check now" in text


def test_a_first_synchronisation_has_a_bar_with_figures_and_the_way_to_its_details(
    client: Client, box: MailAccount
) -> None:
    Mailbox.objects.update(remote_total=48_210, total_emails=12_400, backfill_uid=35_000)
    page = body_of(client.get("/mail/inbox"))
    assert "Inbox 12,400 of 48,210" in part(page, "list-troubles")
    assert 'data-done="12400" data-total="48210"' in page
    assert client.get(reverse("account_fetching", args=[box.public_id])).status_code == 200
    make_email(Mailbox.objects.get())
    assert "the search covers mail since March 2026 so far" in body_of(client.get("/mail/search", {"q": "hello"}))


# Signing in again ---------------------------------------------------------------------------------------------------

HTMX = {"HX-Request": "true"}


@pytest.fixture
def refused(box: MailAccount) -> MailAccount:
    services.set_state(box, S.AUTH_FAILED, reason=REFUSED)
    return box


def test_a_refused_password_is_one_bar_with_one_password_field_and_no_dialog(
    client: Client, refused: MailAccount
) -> None:
    page = body_of(client.get("/mail/inbox"))
    assert f"127.0.0.1 refused the password for {refused.address} since" in part(page, "list-troubles")
    assert page.count('type="password"') == 1
    assert "<dialog open" not in page
    # A form within a form is none: the bar stands outside that of the list.
    assert page.index('action="' + reverse("sign_in_again", args=[refused.public_id])) < page.index('id="acts"')


def test_the_new_password_is_tried_and_the_bar_waits_then_goes(client: Client, refused: MailAccount) -> None:
    credentials.store_secret(refused, purpose=Credential.Purpose.OUTGOING, value="for sending")
    address = reverse("sign_in_again", args=[refused.public_id])
    waiting = client.post(address, {"password": "new"}, headers=HTMX)
    test = ConnectionTest.objects.get()
    assert test.purpose == ConnectionTest.Purpose.VERIFY
    assert credentials.open_for_test(test) == ("new", "for sending")
    state = reverse("sign_in_state", args=[refused.public_id, test.public_id])
    assert f'hx-get="{state}"' in body_of(waiting)
    assert "Asking 127.0.0.1" in body_of(client.get(state, headers=HTMX))
    assert "Asking 127.0.0.1" in part(body_of(client.get("/mail/inbox")), "list-troubles")  # also after a renewal
    ConnectionTest.objects.update(status=ConnectionTest.Status.PASSED)
    services.replace_password(refused, incoming_password="new")
    passed = client.get(state, headers=HTMX)
    assert "Signed in." in body_of(passed)
    assert "pillarbox:account-back" in passed.headers["HX-Trigger"]
    assert 'data-trouble="' not in body_of(client.get("/mail/inbox"))


def test_a_password_that_is_refused_again_is_said_at_its_field(client: Client, refused: MailAccount) -> None:
    client.post(reverse("sign_in_again", args=[refused.public_id]), {"password": "wrong"}, headers=HTMX)
    report = [{"step": "login", "status": "failed", "title": "T", "advice": "Check it.", "server_text": MARKER}]
    ConnectionTest.objects.update(status=ConnectionTest.Status.FAILED, report=report)
    state = reverse("sign_in_state", args=[refused.public_id, ConnectionTest.objects.get().public_id])
    answer = client.get(state, headers=HTMX)
    assert answer.status_code == 422
    assert "127.0.0.1 did not take it. Check it." in body_of(answer)
    assert 'aria-invalid="true"' in body_of(answer)
    assert MARKER not in answer.content.decode()
    assert "wrong" not in answer.content.decode()


def test_without_scripts_it_is_tried_on_the_page_that_waits(client: Client, refused: MailAccount) -> None:
    answer = client.post(reverse("sign_in_again", args=[refused.public_id]), {"password": "new"})
    assert answer.headers["Location"] == reverse("connect_wait", args=[ConnectionTest.objects.get().public_id])
    nothing = client.post(reverse("sign_in_again", args=[refused.public_id]), {"password": ""}, headers=HTMX)
    assert nothing.status_code == 422
    assert "Type the password" in body_of(nothing)


def test_a_change_of_condition_reaches_open_pages(
    alice: User, box: MailAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr("accounts.services.dispatch.announce", told.append)
    services.set_state(box, S.FAILING, reason="The server refuses.")
    services.set_state(box, S.FAILING, reason="The server refuses.")
    assert told == [{"account": box.public_id, "user": alice.pk, "changed": {}}]


# Mail that has moved ------------------------------------------------------------------------------------------------


def test_an_address_of_mail_that_another_app_moved_says_where_it_is(client: Client, box: MailAccount) -> None:
    inbox, projects = Mailbox.objects.get(role="inbox"), make_mailbox(box, "Projects")
    email = make_email(inbox)
    here = reverse("mailbox", args=[box.public_id, inbox.public_id]) + f"?t={email.thread.public_id}"
    assert "was moved" not in body_of(client.get(here))
    with changes.recording(box.pk) as record:
        emails.add_to_mailbox(record, [email.pk], projects.pk)
        emails.remove_from_mailbox(record, [email.pk], inbox.pk)
    page = body_of(client.get(here))
    assert "This was moved to Projects by another app." in page
    there = reverse("mailbox", args=[box.public_id, projects.public_id]) + f"?t={email.thread.public_id}"
    assert f'<a href="{there}">Open it there</a>' in page
    assert "was moved" not in body_of(client.get(there))


def test_what_one_has_moved_oneself_is_not_laid_on_another_app(client: Client, alice: User, box: MailAccount) -> None:
    inbox, projects = Mailbox.objects.get(role="inbox"), make_mailbox(box, "Projects")
    email = make_email(inbox)
    move_emails(alice, [email], target=projects)
    page = body_of(client.get(f"/mail/inbox?t={email.thread.public_id}"))
    assert "This is in Projects now." in page
    assert "another app" not in page


def test_an_address_of_mail_that_is_gone_shows_its_list_and_says_so(client: Client, box: MailAccount) -> None:
    make_email(Mailbox.objects.get(role="inbox"))
    response = client.get("/mail/inbox?t=tnever")
    assert response.status_code == 404
    assert "This message is not here any more." in body_of(response)
    assert 'class="row' in body_of(response)
    assert client.get("/mail/t/tnever").status_code == 404
