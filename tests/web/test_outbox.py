"""The outbox: what waits, what became of it, and what can still be done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import MailAccount, User
from tests.factories import make_account, make_email, make_headers, make_mailbox, make_user
from tests.web.pages import MARKER, body_of, client_of
from webmail.outbox import queries
from webmail.outbox.models import Draft, Phase, Submission
from webmail.outbox.queue import delivery, overview, submit
from webmail.outbox.queue.answers import Answer
from webmail.outbox.writing import drafts
from webmail.web.sending.sending import entries_of
from webmail.web.sending.timeline import steps_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


def make_submission(user: User, *, subject: str = "Plan", to: str = "ben@example.net") -> Submission:
    draft = drafts.create_draft(make_account(user))
    fields = drafts.DraftFields(to=to, subject=subject, text="Hi")
    draft = drafts.save_draft(draft, fields=fields, expected_revision=None)
    return submit.submit_draft(draft, user=user, idempotency_key=f"key-{draft.pk}")


def claim(submission: Submission) -> Submission:
    Submission.objects.filter(pk=submission.pk).update(phase=Phase.QUEUED, send_at=submission.created_at)
    Submission.objects.filter(pk=submission.pk).update(next_try_at=submission.created_at)
    claimed = delivery.claim(submission.pk, "worker")
    assert claimed is not None
    return claimed


def make_unconfirmed(user: User) -> Submission:
    claimed = claim(make_submission(user))
    delivery.mark_in_data(claimed, answers={})
    delivery.mark_dot_sent(claimed, recipients=())
    delivery.mark_unconfirmed(claimed, text="The connection broke.")
    return claimed


def act(client: Client, submission: Submission, what: str):
    return client.post(reverse("outbox_act", args=[submission.public_id]), {"act": what})


def test_an_empty_outbox_says_so(client: Client) -> None:
    assert "Nothing is waiting to be sent" in body_of(client.get(reverse("outbox")))


def test_what_waits_is_listed_with_its_phase_and_people(client: Client, alice: User) -> None:
    make_submission(alice)
    page = body_of(client.get(reverse("outbox")))
    for words in ("Plan", "To ben@example.net", "Waiting", "Undo"):
        assert words in page


def test_the_list_costs_the_same_queries_however_long(
    client: Client, alice: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(6):
        make_submission(alice)
    with django_assert_max_num_queries(30) as few:
        client.get(reverse("outbox"))
    for _ in range(6):
        make_submission(alice)
    with django_assert_max_num_queries(len(few)):
        client.get(reverse("outbox"))


def test_one_message_shows_recipients_replies_and_timeline(client: Client, alice: User) -> None:
    claimed = claim(make_submission(alice))
    delivery.mark_failed(claimed, reply=Answer(code=550, text="No such user here"))
    page = body_of(client.get(reverse("outbox_item", args=[claimed.public_id])))
    assert "No such user here" in page
    assert "Refused" in page
    assert "back in your drafts" in page
    assert "Take back" not in page
    assert reverse("compose", args=[Draft.objects.get().public_id]) in page


def test_taking_back_opens_the_draft_again(client: Client, alice: User) -> None:
    submission = make_submission(alice)
    answer = act(client, submission, "cancel")
    assert answer["Location"] == reverse("compose", args=[Draft.objects.get().public_id])
    submission.refresh_from_db()
    assert submission.phase == Phase.CANCELLED


def test_taking_back_too_late_is_said(client: Client, alice: User) -> None:
    claimed = claim(make_submission(alice))
    answer = act(client, claimed, "cancel")
    assert answer["Location"] == reverse("outbox_item", args=[claimed.public_id])
    assert "Too late to take it back" in body_of(client.get(answer["Location"]))


def test_a_delayed_message_is_tried_now_or_given_up(client: Client, alice: User) -> None:
    claimed = claim(make_submission(alice))
    delivery.mark_retry(claimed, reply=Answer(code=451, text="Come back later"))
    page = body_of(client.get(reverse("outbox_item", args=[claimed.public_id])))
    assert "Come back later" in page
    assert "Try now" in page
    before = Submission.objects.get().next_try_at
    act(client, claimed, "retry")
    assert Submission.objects.get().next_try_at < before
    act(client, claimed, "stop")
    assert Submission.objects.get().phase == Phase.FAILED
    assert Draft.objects.count() == 1


@pytest.mark.parametrize(("what", "phase"), [("resend", Phase.RETRY), ("mark_sent", Phase.ACCEPTED)])
def test_a_person_decides_what_is_in_doubt(client: Client, alice: User, what: str, phase: str) -> None:
    submission = make_unconfirmed(alice)
    page = body_of(client.get(reverse("outbox_item", args=[submission.public_id])))
    assert "it may have left" in page
    assert "recipients get it twice" in page
    act(client, submission, what)
    assert Submission.objects.get().phase == phase
    answer = act(client, submission, what)
    assert "too late" in body_of(client.get(answer["Location"]))


@pytest.mark.req("R56")
def test_submissions_of_others_are_not_there(alice: User) -> None:
    submission = make_submission(alice)
    bob = client_of(make_user("bob"))
    assert bob.get(reverse("outbox_item", args=[submission.public_id])).status_code == 404
    assert act(bob, submission, "cancel").status_code == 404
    assert "Plan" not in body_of(bob.get(reverse("outbox")))
    assert Client().get(reverse("outbox")).status_code == 302
    assert act(Client(), submission, "cancel")["Location"].startswith(reverse("account_login"))
    submission.refresh_from_db()
    assert submission.phase == Phase.HELD or submission.phase == Phase.QUEUED


@pytest.mark.req("R9")
def test_subjects_and_the_words_of_servers_are_escaped(client: Client, alice: User) -> None:
    claimed = claim(make_submission(alice, subject=MARKER))
    delivery.mark_failed(claimed, reply=Answer(code=550, text=MARKER))
    for address in (reverse("outbox"), reverse("outbox_item", args=[claimed.public_id])):
        page = client.get(address).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


def test_a_script_that_follows_gets_the_part_that_changes(client: Client, alice: User) -> None:
    submission = make_submission(alice)
    answer = client.get(reverse("outbox_item", args=[submission.public_id]), headers={"HX-Request": "true"})
    assert 'id="submission"' in body_of(answer)
    assert "<html" not in body_of(answer)


# Rows -----------------------------------------------------------------------------------------------------------------


def put(submission: Submission, **columns: Any) -> Submission:
    Submission.objects.filter(pk=submission.pk).update(**{"held_for": "", **columns})
    return Submission.objects.get(pk=submission.pk)


SOON = timezone.now() + timedelta(hours=1)


@pytest.mark.req("R66")
@pytest.mark.parametrize(
    ("columns", "state", "words", "buttons"),
    [
        ({"phase": Phase.QUEUED}, "Waiting", "as soon as it is its turn", {"Take back"}),
        ({"phase": Phase.IN_DATA, "server": "smtp.example.org"}, "Being sent", "handed to smtp.example.org", set()),
        ({"phase": Phase.DOT_SENT}, "Being sent", "the server's word is awaited", set()),
        (
            {"phase": Phase.RETRY, "next_try_at": SOON, "first_try_at": SOON, "last_reply": "451 later"},
            "Tried again",
            "Next try",
            {"Try now", "Edit", "Stop trying"},
        ),
        (
            {"phase": Phase.RETRY, "next_try_at": SOON, "first_try_at": SOON - timedelta(hours=4)},
            "Delayed",
            "comes back to your drafts",
            {"Try now", "Edit", "Stop trying"},
        ),
        (
            {"phase": Phase.UNCONFIRMED, "next_try_at": SOON},
            "Perhaps sent",
            "it may have left",
            {"It has arrived: mark as sent", "Send again", "Check now"},
        ),
        ({"phase": Phase.HELD, "held_for": "limit"}, "Daily limit", "may be sent in a day", {"Take back"}),
        ({"phase": Phase.HELD, "held_for": "restore"}, "Waits for you", "set back to a backup", {"Send", "Take back"}),
        ({"phase": Phase.DONE, "accepted_at": SOON}, "Sent", "", set()),
        (
            {"phase": Phase.ACCEPTED, "accepted_at": SOON, "sent_copy_failures": 2},
            "Sent, no copy yet",
            "could not be filed yet",
            set(),
        ),
        ({"phase": Phase.CANCELLED}, "Taken back", "", set()),
    ],
)
def test_a_row_says_what_is_happening_and_offers_what_fits(
    alice: User, columns: dict[str, Any], state: str, words: str, buttons: set[str]
) -> None:
    entry = entries_of([put(make_submission(alice), **columns)])[0]
    assert entry.state == state
    assert words in " ".join(entry.lines)
    assert {button.label for button in entry.buttons} == buttons


def test_a_message_of_a_stopped_account_says_why_it_waits(client: Client, alice: User) -> None:
    submission = put(make_submission(alice), phase=Phase.RETRY)
    MailAccount.objects.update(state="auth_failed")
    page = body_of(client.get(reverse("outbox")))
    assert "refuses the password" in page
    assert reverse("account_settings", args=[submission.account.public_id]) in page


@pytest.mark.req("R68")
def test_those_it_did_not_reach_are_written_to_again(client: Client, alice: User) -> None:
    submission = put(
        make_submission(alice, to="Ann <ann@example.net>, Bad <bad@example.net>"),
        phase=Phase.DONE,
        accepted_at=timezone.now(),
    )
    submission.recipients.filter(email="ann@example.net").update(status="accepted")
    submission.recipients.filter(email="bad@example.net").update(status="refused", reply="550 No such user")
    page = body_of(client.get(reverse("outbox")))
    assert "The server refused one recipient: bad@example.net. The others have it." in page
    answer = act(client, submission, "again")
    draft = Draft.objects.get()
    assert answer["Location"].startswith(reverse("compose", args=[draft.public_id]))
    assert (draft.to, draft.subject, draft.text) == ("Bad <bad@example.net>", "Plan", "Hi")
    assert draft.message_id != submission.message_id
    assert overview.returned_draft(submission) is None


def test_a_message_that_reached_everybody_is_not_written_again(client: Client, alice: User) -> None:
    submission = put(make_submission(alice), phase=Phase.DONE, accepted_at=timezone.now())
    submission.recipients.update(status="accepted")
    act(client, submission, "again")
    assert not Draft.objects.exists()


@pytest.mark.req("R92")
def test_what_a_backup_held_is_sent_at_one_click_and_only_ones_own(client: Client, alice: User) -> None:
    bob = make_user("bob")
    rows = [put(make_submission(user), phase=Phase.HELD, held_for="restore") for user in (alice, alice, bob)]
    page = body_of(client.get(reverse("outbox")))
    assert "2 messages were waiting when the backup was made" in page
    answer = client.post(reverse("outbox_restored"))
    assert "2 messages are on their way." in body_of(client.get(answer["Location"]))
    assert [Submission.objects.get(pk=row.pk).phase for row in rows] == [Phase.QUEUED, Phase.QUEUED, Phase.HELD]


@pytest.mark.req("R66")
def test_a_person_can_have_it_looked_for_at_once(client: Client, alice: User) -> None:
    submission = make_unconfirmed(alice)
    assert Submission.objects.get().next_try_at > timezone.now()
    answer = act(client, submission, "look")
    assert "Looking in Sent for it." in body_of(client.get(answer["Location"]))
    assert Submission.objects.get().next_try_at <= timezone.now()
    assert Submission.objects.get().phase == Phase.UNCONFIRMED


def test_acts_from_a_list_return_to_it_and_to_nowhere_else(client: Client, alice: User) -> None:
    submission = make_submission(alice)
    address = reverse("outbox_act", args=[submission.public_id])
    assert client.post(address, {"act": "look", "back": "/outbox?q=plan"})["Location"] == "/outbox?q=plan"
    item = reverse("outbox_item", args=[submission.public_id])
    for back in ("https://evil.example/outbox", "//evil.example", "/outbox.evil", "javascript:alert(1)"):
        assert client.post(address, {"act": "look", "back": back})["Location"] == item


def test_the_sidebar_counts_and_warns(client: Client, alice: User) -> None:
    page = body_of(client.get(reverse("inbox")))
    assert 'id="nav-scheduled"' in page
    assert 'id="nav-outbox"' not in page
    make_unconfirmed(alice)
    page = body_of(client.get(reverse("inbox")))
    assert "1 message needs a look" in page
    assert 'id="nav-outbox"' in page


def test_messages_are_found_with_a_plain_form(client: Client, alice: User) -> None:
    make_submission(alice, subject="Plan", to="ben@example.net")
    make_submission(alice, subject="Party", to="carl@example.net")
    page = body_of(client.get(reverse("outbox"), {"q": "carl"}))
    assert "Party" in page
    assert "Plan" not in page
    assert "No message of yours matches" in body_of(client.get(reverse("outbox"), {"q": "carl", "state": "failed"}))
    assert client.get(reverse("outbox"), {"q": "x", "state": "nonsense", "page": "-1"}).status_code == 200


def test_hits_are_shown_page_by_page(client: Client, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webmail.web.views.outbox.FOUND", 2)
    for number in range(3):
        make_submission(alice, subject=f"Plan {number}")
    page = body_of(client.get(reverse("outbox"), {"q": "plan"}))
    assert "Plan 2" in page
    assert "Plan 0" not in page
    assert "/outbox?q=plan&page=2" in page
    assert "Plan 0" in body_of(client.get(reverse("outbox"), {"q": "plan", "page": "2"}))


@pytest.mark.req("R69")
def test_a_draft_that_came_back_says_why(client: Client, alice: User) -> None:
    claimed = claim(make_submission(alice))
    delivery.mark_failed(claimed, reply=Answer(code=550, text=MARKER))
    draft = Draft.objects.get()
    page = client.get(reverse("compose", args=[draft.public_id])).content.decode()
    assert "The server said: “550 &lt;script&gt;" in page
    assert "<script>alert" not in page
    assert reverse("outbox_item", args=[claimed.public_id]) in page
    again = submit.submit_draft(draft, user=alice, idempotency_key="again")
    act(client, again, "cancel")
    page = body_of(client.get(reverse("compose", args=[Draft.objects.get().public_id])))
    assert "The server said" not in page


# Timeline -------------------------------------------------------------------------------------------------------------


def test_a_try_is_told_once_by_its_outcome(client: Client, alice: User) -> None:
    claimed = claim(make_submission(alice))
    delivery.mark_in_data(claimed, answers={})
    delivery.mark_retry(claimed, reply=Answer(code=451, text="Come back later"))
    titles = [step.title for step in steps_of(queries.get_submission_for(alice, claimed.public_id))]
    assert titles[:2] == ["Taken for sending", "Not sent yet"]
    assert titles[-1].startswith("Next try")
    assert "Being sent" not in titles


def test_what_came_back_and_who_has_read_it_stand_in_the_timeline(client: Client, alice: User) -> None:
    now = timezone.now()
    submission = put(make_submission(alice, to="ann@example.net, old@example.net"), phase=Phase.DONE, accepted_at=now)
    submission.recipients.filter(email="ann@example.net").update(status="accepted", read_at=now)
    submission.recipients.filter(email="old@example.net").update(
        status="accepted", report="failed", report_code="5.2.2", report_text=MARKER, report_at=now
    )
    page = client.get(reverse("outbox_item", args=[submission.public_id])).content.decode()
    for words in ("Read by ann@example.net", "Came back from old@example.net", "5.2.2 &lt;script&gt;", "Came back"):
        assert words in page
    assert "<script>alert" not in page


def test_the_text_and_the_files_of_a_message_are_shown_beside_its_timeline(client: Client, alice: User) -> None:
    draft = drafts.create_draft(make_account(alice))
    drafts.add_attachment(draft, name=f"{MARKER}.pdf", type="application/pdf", raw=b"plan")
    fields = drafts.DraftFields(to="ben@example.net", text=f"Dear Ben {MARKER}")
    draft = drafts.save_draft(draft, fields=fields, expected_revision=None)
    submission = submit.submit_draft(draft, user=alice, idempotency_key="k")
    page = client.get(reverse("outbox_item", args=[submission.public_id])).content.decode()
    assert "Dear Ben &lt;script&gt;" in page
    assert page.count("&lt;script&gt;alert") == 2
    assert "<script>alert" not in page


def test_the_copy_in_sent_is_one_click_away(client: Client, alice: User) -> None:
    submission = put(make_submission(alice), phase=Phase.DONE, accepted_at=timezone.now())
    sent = make_mailbox(submission.account, "Sent", role="sent")
    copy = make_email(sent, headers=make_headers(message_id=submission.message_id))
    page = body_of(client.get(reverse("outbox_item", args=[submission.public_id])))
    assert reverse("message", args=[copy.public_id]) in page
