"""Complaints about mail (RFC 5965): they are no bounces."""

import pytest

from tests.mime.reports.samples import report_of, status_report

FIELDS = "Feedback-Type: abuse\nUser-Agent: X/1\nVersion: 1\nOriginal-Rcpt-To: <bob@example.com>\n"


@pytest.mark.req("R66")
def test_a_complaint_names_the_message_and_who_complained() -> None:
    report = report_of(
        status_report(
            FIELDS,
            words="This is an email abuse report. The message could not be delivered to <eve@example.net>:\n",
            kind="message/feedback-report",
            report_type="feedback-report",
        )
    )
    assert report is not None
    assert (report.kind, report.message_id, report.subject) == ("complaint", "m1@example.org", "Lunch")
    (recipient,) = report.recipients
    assert (recipient.email, recipient.action, recipient.is_permanent) == ("bob@example.com", "", False)


def test_a_complaint_may_hide_who_complained() -> None:
    report = report_of(status_report("Feedback-Type: abuse\n", kind="message/feedback-report"))
    assert report is not None
    assert (report.kind, report.recipients) == ("complaint", ())
