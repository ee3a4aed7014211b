"""One bounce per mail system that the corpus does not hold, in the form its server gives to it."""

import pytest

from tests.mime.reports.samples import DAEMON, RETURNED, bounce, report_of

BOB = "bob@example.com"

SYSTEMS = [
    (
        "Lotus Notes",
        "Undeliverable message",
        f"------- Failure Reasons  --------\n\nUser not listed in public Name & Address Book\n{BOB}\n\n------- Returned Message --------\n\n",
        "failed",
        "no-such-user",
    ),
    (
        "Biglobe",
        "Returned mail: something",
        f"   ----- The following addresses had delivery problems -----\n\n{BOB}\n\n   ----- Non-delivered information -----\n\n"
        "The number of messages in recipient's mailbox exceeded the local limit.\n",
        "failed",
        "mailbox-full",
    ),
    (
        "DragonFly",
        "Mail delivery failed",
        f"This is the DragonFly Mail Agent.\n\nThere was an error delivering your mail to <{BOB}>.\n\n"
        f"mx.example.com did not like our RCPT TO:\n552 5.2.2 <{BOB}>: Mailbox full\n\nMessage headers follow.\n\n",
        "failed",
        "mailbox-full",
    ),
    (
        "McAfee",
        "Message delivery failed",
        f"--- The following addresses had delivery problems ---\n\n<{BOB}>   (User unknown {BOB})\n\n--- Original message header ---\n",
        "failed",
        "no-such-user",
    ),
    (
        "mFILTER",
        "failure notice",
        f"-----server message\n550 5.1.1 unknown user <{BOB}>\n\n-----original mail info\nFrom: ann@example.org\nTo: {BOB}\n",
        "failed",
        "no-such-user",
    ),
    (
        "OpenSMTPD",
        "Delivery status notification: error",
        "    An error has occurred while attempting to deliver a message for\n    the following list of recipients:\n\n"
        f"{BOB}: 550 5.2.2 <{BOB}>... Mailbox Full\n\n    Below is a copy of the original message:\n\n",
        "failed",
        "mailbox-full",
    ),
    (
        "OpenSMTPD, later",
        "Delivery status notification: delayed",
        "    A message is delayed for more than 4 hours for the following\n    list of recipients:\n\n"
        f"{BOB}: Network error on destination MXs\n\n    This is only a temporary failure report.\n",
        "delayed",
        "unreachable",
    ),
    (
        "SurfControl",
        "Undelivered mail",
        f"Your message could not be sent.\nThe number of attempts made: 1\nAddressed To: {BOB}\n\nFailed to send to identified host,\n"
        f"{BOB}: [192.0.2.5], 550 {BOB}... No such user\n\n--- Message non-deliverable.\n",
        "failed",
        "no-such-user",
    ),
    (
        "X6",
        "Failed Mail",
        f"We had trouble delivering your message. Full details follow:\n\n1 error(s):\n\nSMTP Server <mx.example.com> rejected recipient <{BOB}>\n"
        "  (Error following RCPT command). It responded as follows: [550 5.1.1 User unknown]\n",
        "failed",
        "no-such-user",
    ),
    (
        "Zoho",
        "Undelivered Mail",
        "A message that you sent could not be delivered. This is a permanent error.\n\n"
        f"[Status: Error, Address: <{BOB}>, ResponseCode 421, , Host not reachable.]\n",
        "failed",
        "unreachable",
    ),
    (
        "CommuniGate",
        "Undeliverable mail",
        f"Failed to deliver to '{BOB}'\nSMTP module reports:\n host mx.example.com says:\n550 5.1.1 User unknown\n",
        "failed",
        "no-such-user",
    ),
    (
        "XMail",
        "Error sending message",
        f"[<00>] XMail bounce: Rcpt=[{BOB}];Error=[554 Relaying denied]\n",
        "failed",
        "relaying",
    ),
    (
        "Rockliffe",
        "Delivery failure",
        f"Your message has encountered delivery problems\nto the following recipient(s):\n\nbob\n(Was addressed to {BOB})\nUser's mailbox quota exceeded\n",
        "failed",
        "mailbox-full",
    ),
    (
        "Exchange, in text",
        "Undeliverable: Lunch",
        "Delivery has failed to these recipients or groups:\n\n"
        f"Bob Jones ({BOB})\nThe recipient's mailbox is full.\n\nDiagnostic information for administrators:\n",
        "failed",
        "mailbox-full",
    ),
    (
        "Gmail of today",
        "Delivery Status Notification (Failure)",
        f"** Address not found **\n\nYour message wasn't delivered to {BOB} because the address couldn't be found.\n\n"
        "The response from the remote server was:\n550 5.1.1 The email account that you tried to reach does not exist.\n",
        "failed",
        "no-such-user",
    ),
    (
        "Gmail of today, later",
        "Delivery Status Notification (Delay)",
        f"There was a temporary problem delivering your message to {BOB}. Gmail will retry for 46 more hours.\n",
        "delayed",
        "unreachable",
    ),
    (
        "sendmail, later",
        "Warning: could not send message for past 4 hours",
        f"   ----- Transcript of session follows -----\n<{BOB}>... Deferred: Connection timed out with example.com.\n"
        "Warning: message still undelivered after 4 hours\nWill keep trying until message is 5 days old\n",
        "delayed",
        "unreachable",
    ),
    (
        "Postfix, later",
        "Delayed Mail (still being retried)",
        "# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #\n\nYour message could not be delivered for more than 4 hour(s).\n"
        "It will be retried until it is 5 day(s) old.\n\nFor further assistance, please send mail to postmaster.\n\n"
        f"<{BOB}>: connect to mx.example.com[192.0.2.1]:25: Connection timed out\n",
        "delayed",
        "unreachable",
    ),
]


@pytest.mark.req("R66")
@pytest.mark.parametrize(("system", "subject", "words", "action", "reason"), SYSTEMS, ids=[row[0] for row in SYSTEMS])
def test_a_system_is_understood(system: str, subject: str, words: str, action: str, reason: str) -> None:
    report = report_of(bounce(words, subject=subject))
    assert report is not None, system
    (recipient,) = report.recipients
    assert (recipient.email, recipient.action, recipient.reason) == (BOB, action, reason)
    assert recipient.text


def test_a_header_of_failed_recipients_needs_no_words() -> None:
    text = "The group you tried to contact may be closed.\n\n----- Original message -----\n\n" + RETURNED
    report = report_of(bounce(text, headers=DAEMON + f"X-Failed-Recipients: {BOB}\n"))
    assert report is not None
    assert [one.email for one in report.recipients] == [BOB]
    assert report.message_id == "m1@example.org"
