"""Bounces of no standard: recipients by the place they stand in, the server's words, and what is no bounce."""

import pytest

from tests.mime.reports.samples import DAEMON, RETURNED, bounce, report_of
from webmail.mime.reports.values import Report

QMAIL = """Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<bob@example.com>:
192.0.2.7 does not like recipient.
Remote host said: 550 5.1.1 no such user
Giving up on 192.0.2.7.

<eve@example.net>:
This account is over quota.

--- Below this line is a copy of the message.

"""

EXIM = """This message was created automatically by mail delivery software.

A message sent by

  <ann@example.org>

could not be delivered to one or more of its recipients. The following address(es) failed:

  inner@hidden.example.com
    (ultimately generated from bob@example.com)
    SMTP error from remote mail server after RCPT TO:<inner@hidden.example.com>:
    host mx.example.com [192.0.2.7]: 550 Unrouteable address

------ This is a copy of the message, including all the headers. ------

"""


def read(text: str) -> Report:
    report = report_of(text)
    assert report is not None
    assert report.kind == "delivery"
    return report


def emails_of(report: Report) -> list[str]:
    return [one.email for one in report.recipients]


@pytest.mark.req("R66")
def test_each_recipient_gets_the_words_that_belong_to_it() -> None:
    report = read(bounce(QMAIL + RETURNED))
    bob, eve = report.recipients
    assert (bob.email, bob.code, bob.reason) == ("bob@example.com", "5.1.1", "no-such-user")
    assert bob.text == "Remote host said: 550 5.1.1 no such user"
    assert (eve.email, eve.reason, eve.text) == ("eve@example.net", "mailbox-full", "This account is over quota.")
    assert (report.message_id, report.subject) == ("m1@example.org", "Lunch")


@pytest.mark.req("R66")
def test_the_address_we_wrote_counts_and_the_sender_does_not() -> None:
    report = read(bounce(EXIM + RETURNED))
    assert emails_of(report) == ["bob@example.com"]
    assert report.recipients[0].code == "5.0.0"
    assert "Unrouteable address" in report.recipients[0].text


@pytest.mark.parametrize(
    "words",
    [
        "<bob@example.com>: host mx[192.0.2.7] said: 550 unknown\n",
        "  bob@example.com\n    retry timeout exceeded\n",
        '"bob@example.com":\nSMTP error\n',
        "> bob@example.com\n",
        "   * bob@example.com\n",
        ">>> bob@example.com <bob@example.com>\n",
        "bob@example.com [User unknown]\n",
        "bob@example.com ... unknown host\n",
        "bob@example.com on Fri, 20 Jul 2001 11:08:59 -0700\n    The recipient name is not recognized\n",
        "c=US;a= ;p=X;o=Y;dda:SMTP=bob@example.com; on Fri, 4 Oct 2002\n",
        "Recipient: [SMTP:bob@example.com]\n",
        "  Recipient address: bob@example.com\n  Reason: rejected\n",
        "Failed Recipient: bob@example.com\n",
        "Undeliverable Address: bob@example.com\n",
        "Unknown user: bob@example.com\n",
        "Error-for:  bob@example.com\n",
        "Unable to deliver message to: <bob@example.com>\n",
        "     Could not be delivered to: <bob@example.com>\n     As their mailbox is full.\n",
        "554 <bob@example.com>... 550 Host unknown\n",
        "Sent <<< RCPT TO:<bob@example.com>\nReceived >>> 550 unknown user.\n",
        "Your message to bob@example.com could not be delivered.\n",
        "The mail addressed to 'bob@example.com', failed because it was not collected.\n",
    ],
)
def test_the_recipient_is_found_in_every_layout(words: str) -> None:
    text = f"Your message could not be delivered.\nAsk postmaster@mx.example.net for help.\n\n{words}"
    assert emails_of(read(bounce(text))) == ["bob@example.com"]


@pytest.mark.parametrize(
    ("words", "action"),
    [
        (
            "Your message has not yet been delivered to:\n\n  bob@example.com\n\nDelivery attempts will continue.\n",
            "delayed",
        ),
        (
            "Delivery to the following recipient has been delayed:\n\n  bob@example.com\n\nIt will be retried.\n",
            "delayed",
        ),
        ("This is a permanent error. The following address failed:\n\n  bob@example.com\n", "failed"),
        ("I was not able to deliver your message, and have given up.\n\n<bob@example.com>:\n421 deferred\n", "failed"),
    ],
)
def test_a_warning_is_no_failure(words: str, action: str) -> None:
    assert read(bounce(words, subject="Mail delivery")).recipients[0].action == action


def test_failed_recipients_of_the_header_count_where_the_text_names_nobody() -> None:
    headers = DAEMON + "X-Failed-Recipients: bob@example.com,\n  eve@example.net\n"
    words = "Your message could not be delivered.\n\n  save to /var/mail/bob\n    mailbox is full\n"
    report = read(bounce(words, headers=headers))
    assert emails_of(report) == ["bob@example.com", "eve@example.net"]
    assert report.recipients[0].reason == "mailbox-full"


def test_the_returned_message_tells_its_only_recipient() -> None:
    words = "The following mail could not be delivered.\nReason: Exceeded maximum delivery attempts.\n\n--- Original message ---\n\n"
    report = read(bounce(words + RETURNED))
    assert emails_of(report) == ["bob@example.com"]
    assert report.recipients[0].reason == "unreachable"


def test_nobody_is_named_rather_than_somebody_wrong() -> None:
    words = (
        "Your message from ann@example.org could not be delivered.\n\nFor help contact\n\n  postmaster@mx.example.net\n\n"
        "Message-ID: <m9@example.org>\n"
    )
    report = read(bounce(words))
    assert report.recipients == ()
    assert report.message_id == "m9@example.org"


def test_the_returned_message_is_not_searched_for_recipients() -> None:
    returned = (
        "Received: by mx\nMessage-ID: <m1@example.org>\nTo: bob@example.com\nSubject: x\n\n<eve@example.net>:\n550 no\n"
    )
    text = "Unable to deliver message to the following address(es).\n\n<bob@example.com>:\nno such user\n\n"
    # With and without a line that announces it.
    for mark in ("--- Original message follows.\n\n", ""):
        report = read(bounce(text + mark + returned))
        assert emails_of(report) == ["bob@example.com"]
        assert report.message_id == "m1@example.org"


@pytest.mark.parametrize(
    "words",
    [
        "Ihre Nachricht konnte nicht zugestellt werden:\n\n<bob@example.com>\n",
        "Votre message n'a pas pu être remis à\n\nbob@example.com\n",
        "К сожалению, невозможно доставить сообщение по следующему адресу:\n\n<bob@example.com>:\n",
        "次のあて先へのメッセージはエラーのため送信できませんでした。\n\n<bob@example.com>\n",
        "El mensaje no pudo ser entregado a\n\n<bob@example.com>\n",
    ],
)
def test_bounces_of_other_languages_are_read(words: str) -> None:
    assert emails_of(read(bounce(words))) == ["bob@example.com"]


ORDINARY = "Return-Path: <{0}>\nFrom: Somebody <{0}>\nTo: ann@example.org\nSubject: {1}\n{2}\n{3}"


@pytest.mark.req("R66")
@pytest.mark.parametrize(
    ("subject", "more", "text"),
    [
        (
            "Delivery failed: your parcel",
            "",
            "Your parcel could not be delivered.\n\nann@example.org\n\nhelp@shop.example\n",
        ),
        ("Re: Undelivered Mail Returned to Sender", "", QMAIL),
        ("Fwd: failure notice", "", "Look:\n\n" + QMAIL),
        (
            "Out of office: your message",
            "Auto-Submitted: auto-replied\n",
            "I have not received your message. Ask\nbob@example.com\n",
        ),
        ("Auto reply", "Precedence: auto_reply\n", "Your mail was not delivered to a person yet.\n<bob@example.com>\n"),
        (
            "Newsletter",
            "Auto-Submitted: auto-generated\n",
            "If you are not the intended recipient write to\nbob@example.com\n",
        ),
        ("User unknown at our door", "", "Who is it?\n"),
    ],
)
def test_ordinary_mail_is_no_bounce(subject: str, more: str, text: str) -> None:
    assert report_of(ORDINARY.format("cat@shop.example", subject, more, text)) is None


def test_an_answer_to_the_null_sender_is_no_bounce_without_words_of_failure() -> None:
    assert report_of(bounce("Thank you for your message.\n\nbob@example.com\n", subject="We got it")) is None
