"""What comes back: tied to what was sent, shown per recipient, and unable to do more than that."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import MailAccount
from tests.factories import make_email_from_bytes, make_mailbox
from tests.outbox.letters import make_raw, make_sender
from tests.outbox.returned_mail import DAEMON, complaint, delivery_report, plain_bounce, read_receipt, receive, sent
from webmail.mime import digest
from webmail.mime.digest import make_digest
from webmail.mime.parse import parse_message
from webmail.mime.reports.read import read_report
from webmail.outbox import queries
from webmail.outbox.models import DeliveryReport, Draft, Phase, Report, Submission, SubmissionRecipient
from webmail.outbox.queue import overview
from webmail.outbox.returned import outcomes, reports
from webmail.outbox.writing import again
from webmail.store import consistency
from webmail.store.models import Email, TypeState

pytestmark = pytest.mark.django_db

BOB, CAROL = "bob@example.org", "carol@example.org"
MARKER = "<script>alert(1)</script>\"'"


@pytest.fixture
def account() -> MailAccount:
    return make_sender()


def recipient(submission: Submission, email: str = BOB) -> SubmissionRecipient:
    return SubmissionRecipient.objects.get(submission=submission, email=email)


def lines(submission: Submission) -> list[str]:
    return list(submission.events.values_list("text", flat=True))


def outcome_of(email: Email) -> outcomes.Outcome | None:
    return outcomes.outcomes_of(email.account.user, [email]).get(email.pk)


@pytest.mark.parametrize("names", ["envelope_id", "message_id"])
def test_bounce_is_shown_at_the_recipient_whom_it_names(account, names):
    submission = sent(account, to=f"{BOB}, {CAROL}")
    value = submission.public_id if names == "envelope_id" else submission.message_id

    email = receive(account, delivery_report(**{names: value}))

    row = recipient(submission)
    assert (row.report, row.report_code, row.status) == (Report.FAILED, "5.1.1", "accepted")
    assert "User unknown" in row.report_text
    assert row.report_at == email.received_at
    assert recipient(submission, CAROL).report == ""
    report = DeliveryReport.objects.get(email=email)
    assert (report.submission, report.kind, report.message_id) == (submission, "delivery", submission.message_id)
    assert consistency.check_account(account.pk) == []


def test_timeline_says_in_plain_words_what_happened_what_the_server_said_and_who_reports_it(account):
    submission = sent(account)

    receive(account, delivery_report(message_id=submission.message_id))

    line = lines(submission)[-1]
    assert line.startswith(f"{BOB}: came back. ")
    assert "The server said: “550 5.1.1 " in line
    assert line.endswith(f"Reported by {DAEMON}.")
    assert submission.events.last().phase == Phase.DONE


def test_report_moves_the_change_clock_of_the_submission(account):
    submission = sent(account)
    before = TypeState.objects.get(account=account, type="EmailSubmission").modseq

    receive(account, delivery_report(message_id=submission.message_id))

    submission.refresh_from_db()
    assert submission.updated_modseq > before
    assert TypeState.objects.get(account=account, type="EmailSubmission").modseq == submission.updated_modseq


def test_report_that_is_read_twice_counts_once(account):
    submission = sent(account)
    raw = delivery_report(message_id=submission.message_id)
    email = receive(account, raw)
    told = lines(submission)

    first = DeliveryReport.objects.get(email=email)
    assert reports.note_report(email, read_report(parse_message(raw))) == first

    assert lines(submission) == told
    assert DeliveryReport.objects.count() == 1


def test_storm_of_equal_bounces_adds_one_line(account):
    submission = sent(account)
    for number in range(5):
        receive(account, delivery_report(message_id=submission.message_id, number=number))

    assert sum("came back" in line for line in lines(submission)) == 1
    assert submission.reports.count() == 5


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["delayed"], "delayed"),
        (["delayed", "delivered"], "delivered"),
        (["delayed", "relayed"], "relayed"),
        (["delayed", "failed"], "failed"),
        (["failed", "delayed"], "failed"),
        (["failed", "delivered"], "failed"),
        (["delivered", "failed"], "failed"),
        (["delivered", "relayed"], "relayed"),
        (["relayed", "delivered"], "relayed"),
        (["delivered", "delayed"], "delayed"),
    ],
)
def test_the_worst_report_wins_but_a_delay_ends(account, actions, expected):
    submission = sent(account)
    now = timezone.now()
    for minute, action in enumerate(actions):
        raw = delivery_report(action=action, message_id=submission.message_id)
        receive(account, raw, at=now + timedelta(minutes=minute))
    assert recipient(submission).report == expected


def test_delay_that_was_under_way_longer_than_the_delivery_is_no_news(account):
    submission = sent(account)
    now = timezone.now()
    receive(account, delivery_report(action="delivered", message_id=submission.message_id), at=now)
    late = delivery_report(action="delayed", message_id=submission.message_id)
    receive(account, late, at=now - timedelta(minutes=5))
    assert recipient(submission).report == "delivered"


def test_recipient_is_the_same_whatever_the_case_and_form_of_its_domain(account):
    submission = sent(account, to="Bob@exämple.org")
    receive(account, delivery_report(recipient="bob@XN--EXMPLE-CUA.ORG", message_id=submission.message_id))
    assert submission.recipients.get().report == Report.FAILED


@pytest.mark.req("R66")
@pytest.mark.parametrize("action", ["failed", "delayed", "delivered"])
def test_report_about_an_unconfirmed_message_settles_that_it_has_left(account, action):
    submission = sent(account, phase=Phase.UNCONFIRMED)

    receive(account, delivery_report(action=action, message_id=submission.message_id))

    submission.refresh_from_db()
    assert submission.phase == Phase.ACCEPTED
    assert recipient(submission).status == "accepted"
    assert recipient(submission).report == action
    assert f"It has left: {DAEMON} reported about it." in lines(submission)


@pytest.mark.req("R66")
def test_read_receipt_settles_a_doubt_too(account):
    submission = sent(account, phase=Phase.UNCONFIRMED)
    receive(account, read_receipt(message_id=submission.message_id))
    submission.refresh_from_db()
    assert submission.phase == Phase.ACCEPTED
    assert recipient(submission).read_at is not None


@pytest.mark.req("R66")
def test_guess_by_recipient_and_subject_never_settles_a_doubt(account):
    submission = sent(account, phase=Phase.UNCONFIRMED)
    receive(account, plain_bounce())
    submission.refresh_from_db()
    assert submission.phase == Phase.UNCONFIRMED
    assert DeliveryReport.objects.get().submission is None


@pytest.mark.req("R66")
def test_report_that_came_before_the_doubt_is_evidence_for_it(account):
    submission = sent(account, phase=Phase.DOT_SENT)
    assert not reports.is_reported(submission)
    receive(account, delivery_report(message_id=submission.message_id))
    submission.refresh_from_db()
    assert submission.phase == Phase.DOT_SENT
    assert reports.is_reported(submission)


@pytest.mark.req("R66")
@pytest.mark.parametrize(("who", "phase"), [(BOB, Phase.UNCONFIRMED), (CAROL, Phase.ACCEPTED)])
def test_report_about_somebody_served_before_says_nothing_about_those_in_doubt(account, who, phase):
    submission = sent(account, phase=Phase.UNCONFIRMED, to=f"{BOB}, {CAROL}")
    SubmissionRecipient.objects.filter(submission=submission, email=BOB).update(status="accepted")
    receive(account, delivery_report(recipient=who, message_id=submission.message_id))
    submission.refresh_from_db()
    assert submission.phase == phase
    assert recipient(submission, who).report == Report.FAILED


@pytest.mark.req("R66")
def test_report_settles_a_doubt_only_for_those_the_message_was_handed_over_for(account):
    submission = sent(account, phase=Phase.UNCONFIRMED, to=f"{BOB}, {CAROL}")
    SubmissionRecipient.objects.filter(submission=submission, email=CAROL).update(reply="450 4.2.1 greylisted")
    receive(account, delivery_report(message_id=submission.message_id))
    submission.refresh_from_db()
    assert submission.phase == Phase.RETRY
    assert (recipient(submission).status, recipient(submission).report) == ("accepted", Report.FAILED)
    assert recipient(submission, CAROL).status == "waiting"


def test_bounce_without_ids_is_tied_by_recipient_and_subject(account):
    submission = sent(account)
    sent(account, subject="Another")
    sent(account, to=CAROL)
    bounce = receive(account, plain_bounce())
    assert DeliveryReport.objects.get().submission == submission
    assert recipient(submission).report == Report.FAILED
    copy = make_email_from_bytes(
        make_mailbox(account, "Sent", role="sent"), make_raw(Message_ID=f"<{submission.message_id}>")
    )
    assert outcome_of(copy).recipients[0].report_id == bounce.public_id
    assert outcomes.abouts_of(account.user, [bounce])[bounce.pk].sent == copy


def test_bounce_that_fits_two_messages_is_tied_to_none(account):
    sent(account)
    sent(account)
    receive(account, plain_bounce())
    assert DeliveryReport.objects.get().submission is None
    assert not SubmissionRecipient.objects.exclude(report="").exists()


def test_old_message_is_not_guessed(account):
    submission = sent(account)
    Submission.objects.filter(pk=submission.pk).update(accepted_at=timezone.now() - timedelta(days=6))
    receive(account, plain_bounce())
    assert DeliveryReport.objects.get().submission is None


def test_report_in_junk_is_never_tied_by_a_guess(account):
    submission = sent(account)
    junk = make_mailbox(account, "Junk", role="junk")
    receive(account, plain_bounce(), mailbox=junk)
    assert recipient(submission).report == ""


def test_reported_message_of_another_program_is_not_guessed_to_be_ours(account):
    submission = sent(account)
    box = make_mailbox(account, "Sent", role="sent")
    mine = make_raw(From="alice@example.org", To=BOB, Subject="Hello", Message_ID="<other-program@example.org>")
    copy = make_email_from_bytes(box, mine)

    receive(account, delivery_report(message_id="other-program@example.org"))

    assert recipient(submission).report == ""
    outcome = outcome_of(copy)
    assert outcome is not None
    assert outcome.submission is None
    assert [(one.email, one.state, one.source) for one in outcome.recipients] == [(BOB, "failed", DAEMON)]


@pytest.mark.req("R56")
def test_report_never_touches_a_submission_of_somebody_else(account):
    stranger = make_sender()
    submission = sent(account, phase=Phase.UNCONFIRMED)
    other = sent(account)
    told = lines(submission)

    receive(stranger, delivery_report(message_id=submission.message_id, envelope_id=submission.public_id))
    receive(stranger, read_receipt(message_id=other.message_id))
    receive(stranger, plain_bounce())

    submission.refresh_from_db()
    assert submission.phase == Phase.UNCONFIRMED
    assert lines(submission) == told
    assert not SubmissionRecipient.objects.exclude(report="", read_at=None).exists()
    assert not DeliveryReport.objects.exclude(submission=None).exists()
    assert outcomes.outcomes_of(stranger.user, [Email(pk=1, message_id=submission.message_id)])[1].submission is None


@pytest.mark.req("R56")
def test_report_that_somebody_else_got_is_not_shown(account):
    receive(make_sender(), delivery_report(message_id="other-program@example.org"))
    mine = make_raw(From="alice@example.org", To=BOB, Message_ID="<other-program@example.org>")
    assert outcome_of(make_email_from_bytes(make_mailbox(account, "Sent", role="sent"), mine)) is None


def test_report_reaches_another_account_of_the_same_person(account):
    submission = sent(account)
    other = make_sender(account.user)
    receive(other, delivery_report(message_id=submission.message_id))
    assert recipient(submission).report == Report.FAILED


def test_address_that_the_message_did_not_go_to_is_listed_in_the_report_only(account):
    submission = sent(account)
    told = lines(submission)
    receive(account, delivery_report(recipient="eve@example.net", message_id=submission.message_id))
    assert recipient(submission).report == ""
    assert lines(submission) == told
    report = DeliveryReport.objects.get()
    assert [one["email"] for one in report.recipients] == ["eve@example.net"]
    assert report.submission == submission


def test_recipient_whom_our_own_server_refused_is_left_as_it_is(account):
    submission = sent(account, to=f"{BOB}, {CAROL}")
    SubmissionRecipient.objects.filter(submission=submission, email=BOB).update(status="refused", reply="550 no")
    receive(account, delivery_report(message_id=submission.message_id))
    assert recipient(submission).report == ""


@pytest.mark.parametrize("phase", [Phase.RETRY, Phase.FAILED, Phase.HELD])
def test_report_sends_cancels_and_deletes_nothing(account, phase):
    submission = sent(account, phase=phase)
    receive(account, delivery_report(message_id=submission.message_id, envelope_id=submission.public_id))
    submission.refresh_from_db()
    assert submission.phase == phase
    assert not Draft.objects.exists()


def test_message_taken_back_is_not_reported_about(account):
    submission = sent(account, phase=Phase.CANCELLED)
    receive(account, delivery_report(message_id=submission.message_id))
    assert DeliveryReport.objects.get().submission is None


@pytest.mark.parametrize("role", ["sent", "drafts"])
def test_copies_of_what_we_wrote_are_no_reports(account, role):
    box = make_mailbox(account, role.title(), role=role)
    receive(account, read_receipt(message_id=sent(account).message_id), mailbox=box)
    assert not DeliveryReport.objects.exists()


@pytest.mark.parametrize(("kind", "is_read"), [("displayed", True), ("deleted", False), ("denied", False)])
def test_receipt_says_that_a_message_was_opened(account, kind, is_read):
    submission = sent(account)
    email = receive(account, read_receipt(message_id=submission.message_id, kind=kind))
    row = recipient(submission)
    assert (row.read_at == email.received_at) is is_read
    assert row.report == ""
    assert (f"{BOB}: opened it, says {BOB}." in lines(submission)) is is_read


def test_complaint_is_told_once_and_proves_nothing(account):
    submission = sent(account, phase=Phase.UNCONFIRMED)
    for number in (1, 2):
        receive(account, complaint(message_id=submission.message_id, number=number))
    submission.refresh_from_db()
    assert submission.phase == Phase.UNCONFIRMED
    assert not reports.is_reported(submission)
    assert lines(submission).count("Somebody marked it as unwanted. Reported by abuse@mx.example.net.") == 1
    assert recipient(submission).report == ""
    assert [row.kind for row in submission.reports.all()] == ["complaint", "complaint"]


def test_words_of_a_stranger_are_kept_as_text_and_bounded(account):
    submission = sent(account)
    receive(account, delivery_report(text=f"{MARKER} {'x' * 5000}", message_id=submission.message_id))
    row = recipient(submission)
    assert MARKER in row.report_text
    assert len(row.report_text) <= 600
    assert max(map(len, lines(submission))) <= 600


@pytest.mark.parametrize("headers", [{}, {"Auto_Submitted": "auto-generated", "Return_Path": "<>"}])
def test_mail_that_is_no_report_is_told_as_none(headers):
    assert make_digest(parse_message(make_raw(Subject="Lunch?", **headers))).report is None


def test_recogniser_that_fails_does_not_keep_the_message_from_being_read(monkeypatch):
    def fail(message: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(digest, "read_report", fail)
    found = make_digest(parse_message(plain_bounce()))
    assert found.report is None
    assert found.search_text


def test_what_came_back_is_among_what_the_person_must_know_of(account):
    submission = sent(account)
    assert list(queries.troubled_of(account.user)) == []
    receive(account, delivery_report(message_id=submission.message_id))
    assert list(queries.troubled_of(account.user)) == [submission]
    assert list(overview.needing_a_look(account.user)) == [submission]


def test_outcome_of_a_sent_mail_per_recipient(account):
    submission = sent(account, to=f"{BOB}, {CAROL}, dave@example.org")
    SubmissionRecipient.objects.filter(submission=submission, email=CAROL).update(
        status="refused", reply="550 5.7.1 Blocked"
    )
    box = make_mailbox(account, "Sent", role="sent")
    copy = make_email_from_bytes(box, make_raw(Message_ID=f"<{submission.message_id}>"))
    assert outcome_of(copy).is_worth_telling
    bounce = receive(account, delivery_report(message_id=submission.message_id))

    outcome = outcome_of(copy)

    bob, carol, dave = outcome.recipients
    assert (bob.state, bob.source, bob.report_id) == ("failed", DAEMON, bounce.public_id)
    assert bob.explanation
    assert (carol.state, carol.text) == ("refused", "550 5.7.1 Blocked")
    assert (dave.state, dave.source) == ("accepted", "")
    assert outcomes.undelivered_among(account.user, [copy.pk, bounce.pk]) == {copy.pk}
    about = outcomes.abouts_of(account.user, [bounce, copy])
    assert list(about) == [bounce.pk]
    assert (about[bounce.pk].sent, about[bounce.pk].submission) == (copy, submission)


def test_nothing_is_told_of_mail_of_which_nothing_is_known_but_that_it_left(account):
    submission = sent(account)
    box = make_mailbox(account, "Sent", role="sent")
    copy = make_email_from_bytes(box, make_raw(Message_ID=f"<{submission.message_id}>"))
    assert not outcome_of(copy).is_worth_telling
    Submission.objects.filter(pk=submission.pk).update(wants_receipt=True)
    assert outcome_of(copy).is_worth_telling


def test_writing_again_begins_a_draft_to_those_who_did_not_get_it(account):
    submission = sent(account, to=f"Bob Builder <{BOB}>, {CAROL}", cc="dave@example.org", text="precious")
    receive(account, delivery_report(message_id=submission.message_id))

    draft = again.write_again(submission)

    assert (draft.to, draft.cc, draft.text, draft.subject) == (f"Bob Builder <{BOB}>", "", "precious", "Hello")
    assert draft.message_id != submission.message_id
    submission.refresh_from_db()
    assert submission.phase == Phase.DONE


@pytest.mark.corpus
def test_bounces_of_the_corpus_are_indexed_and_noted(account, shared):
    files = sorted(
        path for path in (shared / "corpus" / "bounces").rglob("*") if path.suffix in {".eml", ".msg", ".txt"}
    )[::12]
    assert len(files) > 20
    for path in files:
        assert receive(account, path.read_bytes()).is_indexed
    noted = DeliveryReport.objects.count()
    assert noted > len(files) * 0.7
    assert not Email.objects.exclude(body_error="").exists()
