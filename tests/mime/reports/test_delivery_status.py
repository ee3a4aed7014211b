"""Delivery reports with machine-readable fields, whole and broken (RFC 3464, RFC 6533)."""

import pytest

from tests.mime.reports.samples import DAEMON, bounce, report_of, status_report
from webmail.mime.reports.values import MAX_RECIPIENTS, ReportedRecipient

FAILED = """Reporting-MTA: dns; mx.example.net
Original-Envelope-Id: PB+2B1+3Dx

Original-Recipient: rfc822;bob@Example.COM
Final-Recipient: rfc822;bob.jones@inner.example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <bob.jones@inner.example.com>... User
 unknown
"""


def only(text: str) -> ReportedRecipient:
    report = report_of(text)
    assert report is not None
    assert len(report.recipients) == 1
    return report.recipients[0]


@pytest.mark.req("R66")
def test_a_delivery_report_names_recipient_reason_and_message() -> None:
    report = report_of(status_report(FAILED))
    assert report is not None
    assert (report.kind, report.message_id, report.subject) == ("delivery", "m1@example.org", "Lunch")
    assert (report.envelope_id, report.reporting_mta) == ("PB+1=x", "mx.example.net")
    assert report.recipients == (
        ReportedRecipient(
            # The address we wrote to, not the one it was changed to on the way.
            "bob@example.com",
            "failed",
            "5.1.1",
            "550 5.1.1 <bob.jones@inner.example.com>... User unknown",
            "no-such-user",
        ),
    )
    assert report.recipients[0].is_permanent


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
def test_actions_that_are_no_failures_are_told_apart(action: str) -> None:
    code = "4.4.1" if action == "delayed" else "2.0.0"
    recipient = only(
        status_report(
            f"Reporting-MTA: dns;x\n\nFinal-Recipient: rfc822;bob@example.com\nAction: {action}\nStatus: {code}\n"
        )
    )
    assert (recipient.action, recipient.code, recipient.is_permanent) == (action, code, False)


@pytest.mark.parametrize(
    ("written", "action"),
    [
        ("Failure (bad address)", "failed"),
        ("error", "failed"),
        ("DELAYED", "delayed"),
        ("deferred", "delayed"),
        ("success", "delivered"),
        ("", "failed"),
    ],
)
def test_actions_in_other_words_are_understood(written: str, action: str) -> None:
    fields = f"Final-Recipient: rfc822;bob@example.com\nAction: {written}\nStatus: 5.0.0\n"
    assert only(status_report(fields)).action == action


def test_a_missing_action_follows_the_class_of_the_status() -> None:
    assert only(status_report("Final-Recipient: rfc822;bob@example.com\nStatus: 4.2.2\n")).action == "delayed"


@pytest.mark.parametrize(
    ("field", "email"),
    [
        ("utf-8; bj\\x{F6}rn@ex\\x{E4}mple.com", "björn@exämple.com"),
        ("utf-8; björn@exämple.com", "björn@exämple.com"),
        ("rfc822; ann+2Btag@example.com", "ann+tag@example.com"),
        ("rfc822; ann+42@example.com", "ann+42@example.com"),
        ("rfc822; <Bob@EXAMPLE.com> (Bob)", "Bob@example.com"),
        ("<bob@example.com>", "bob@example.com"),
        ("rfc822;@relay.example.net:bob@example.com", "bob@example.com"),
    ],
)
def test_recipients_are_read_in_every_form(field: str, email: str) -> None:
    assert only(status_report(f"Final-Recipient: {field}\nAction: failed\nStatus: 5.1.1\n")).email == email


@pytest.mark.parametrize("field", ["x400; /S=bob/OU=example/", "rfc822; bob", "rfc822;|/usr/bin/filter"])
def test_a_recipient_that_is_no_address_is_the_one_of_the_returned_message(field: str) -> None:
    assert only(status_report(f"Final-Recipient: {field}\nAction: failed\nStatus: 5.0.0\n")).email == "bob@example.com"


def test_blank_lines_may_be_missing_or_too_many() -> None:
    groups = [f"Final-Recipient: rfc822;u{n}@example.com\nAction: failed\nStatus: 5.1.1\n" for n in range(3)]
    for joint in ("", "\n", "\n\n \n"):
        report = report_of(status_report("Reporting-MTA: dns; x\n" + joint + joint.join(groups)))
        assert report is not None
        assert [one.email for one in report.recipients] == ["u0@example.com", "u1@example.com", "u2@example.com"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "message/global-delivery-status", "message/x-unknown", "text/delivery-status"]
)
def test_the_fields_count_under_another_type(kind: str) -> None:
    assert only(status_report(FAILED, kind=kind)).email == "bob@example.com"


def test_fields_within_the_only_text_count() -> None:
    recipient = only(bounce("Sorry, this did not work.\n\n" + FAILED))
    assert (recipient.email, recipient.code) == ("bob@example.com", "5.1.1")


def test_a_status_without_detail_gives_way_to_the_diagnostic() -> None:
    fields = (
        "Final-Recipient: rfc822;b@example.com\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 552 5.2.2 Full\n"
    )
    assert only(status_report(fields)).code == "5.2.2"


def test_a_code_is_made_from_the_smtp_reply_where_there_is_no_status() -> None:
    fields = "Final-Recipient: rfc822;b@example.com\nAction: failed\nDiagnostic-Code: smtp; 550 No such user here\n"
    recipient = only(status_report(fields))
    assert (recipient.code, recipient.reason) == ("5.0.0", "no-such-user")


def test_the_text_explains_what_the_fields_do_not() -> None:
    words = "The following address failed:\n\n<bob@example.com>: host mx said: 552 5.2.2 mailbox is full\n"
    recipient = only(
        status_report("Final-Recipient: rfc822;bob@example.com\nAction: failed\nStatus: 5.0.0\n", words=words)
    )
    assert (recipient.code, recipient.reason) == ("5.2.2", "mailbox-full")
    assert "mailbox is full" in recipient.text


def test_what_is_final_outweighs_what_is_not() -> None:
    fields = "".join(
        f"Final-Recipient: rfc822;bob@example.com\nAction: {action}\nStatus: {code}\n\n"
        for action, code in (("delayed", "4.4.1"), ("failed", "5.4.7"))
    )
    assert only(status_report(fields)).action == "failed"


def test_the_message_id_is_found_elsewhere_when_nothing_is_returned() -> None:
    headers = DAEMON + "References: <m0@example.org> <m1@example.org>\n"
    report = report_of(status_report(FAILED, headers=headers, returned="\n"))
    assert report is not None
    assert report.message_id == "m1@example.org"


def test_a_report_that_a_gateway_wrapped_is_read() -> None:
    inner = status_report(FAILED)
    outer = (
        "From: postmaster@example.net\nTo: ann@example.org\nSubject: Delivery Status Notification (Failure)\n"
        f'Content-Type: multipart/mixed; boundary="o"\n\n--o\nContent-Type: message/rfc822\n\n{inner}\n'
        "--o\nContent-Type: text/plain\n\nThis mail is confidential.\n--o--\n"
    )
    assert only(outer).email == "bob@example.com"


def test_a_person_who_sends_a_report_on_reports_nothing() -> None:
    outer = (
        "Return-Path: <cat@example.org>\nFrom: Cat <cat@example.org>\nTo: ann@example.org\nSubject: Fwd: Undelivered Mail\n"
        f'Content-Type: multipart/mixed; boundary="o"\n\n--o\n\nSee below.\n--o\nContent-Type: message/rfc822\n\n'
        f"{status_report(FAILED)}\n--o--\n"
    )
    assert report_of(outer) is None


def test_a_report_about_something_else_is_none() -> None:
    assert report_of(status_report(FAILED, report_type="tlsrpt")) is None


def test_what_was_delivered_has_no_reason() -> None:
    fields = (
        "Final-Recipient: rfc822;bob@example.com\nAction: delivered\nStatus: 2.0.0\n"
        "Diagnostic-Code: smtp; 250 2.0.0 Ok: in the queue, service not unavailable\n"
    )
    recipient = only(status_report(fields))
    assert (recipient.action, recipient.reason) == ("delivered", "")


def test_at_most_two_hundred_recipients_are_taken() -> None:
    groups = "\n".join(
        f"Final-Recipient: rfc822;u{n}@example.com\nAction: failed\nStatus: 5.1.1\n" for n in range(5_000)
    )
    report = report_of(status_report(groups))
    assert report is not None
    assert len(report.recipients) == MAX_RECIPIENTS
