"""The sentences that people read instead of codes."""

import pytest

from webmail.mime.reports.reasons import REASONS
from webmail.mime.reports.values import ACTIONS, RECEIPT_ACTIONS, ReportedRecipient
from webmail.mime.reports.words import explain

BOB = "bob@example.org"


@pytest.mark.parametrize(
    ("recipient", "sentence"),
    [
        (
            ReportedRecipient(BOB, "failed", "5.1.1", "550 x", "no-such-user"),
            "There is no such address at example.org.",
        ),
        (ReportedRecipient(BOB, "failed", "5.2.2", "", "mailbox-full"), "The mailbox is full."),
        (
            ReportedRecipient(BOB, "delayed", "4.2.2", "", "mailbox-full"),
            "The mailbox is full. Delivery will be tried again.",
        ),
        (
            ReportedRecipient(BOB, "failed", "5.7.1", "550 Access denied", "policy"),
            "The server at example.org does not accept mail from you for this address: 550 Access denied",
        ),
        (
            ReportedRecipient(BOB, "failed", "5.3.4", "552 big", "too-large"),
            "The message is too large for the server at example.org.",
        ),
        (ReportedRecipient(BOB, "failed", "5.1.99"), "The server at example.org does not accept this address."),
        (
            ReportedRecipient(BOB, "failed", "4.9.9"),
            "The server at example.org did not take the message in time, and it is not tried any longer.",
        ),
        (ReportedRecipient(BOB, "failed"), "The server at example.org did not accept the message."),
        (
            ReportedRecipient(BOB, "failed", "", "{at} %s"),
            "The server at example.org did not accept the message: {at} %s",
        ),
        (ReportedRecipient(BOB, "delayed"), "The message has not been delivered yet. Delivery will be tried again."),
        (ReportedRecipient(BOB, "delivered"), "The message was delivered."),
        (ReportedRecipient(BOB, "displayed"), "The message was opened."),
    ],
)
def test_what_happened_is_told_in_plain_words(recipient: ReportedRecipient, sentence: str) -> None:
    assert explain(recipient) == sentence


def test_there_are_short_words_for_everything() -> None:
    for reason in REASONS:
        for action in (*ACTIONS, *RECEIPT_ACTIONS, ""):
            for code in ("", "4.0.0", "5.0.0", "5.7.57", "9.9.9", "2.1.5"):
                sentence = explain(ReportedRecipient(BOB, action, code, "", reason))
                assert sentence.endswith(".")
                assert sentence[0].isupper()
                assert "{" not in sentence
                assert len(sentence) < 120
