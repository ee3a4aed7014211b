"""Reports that want to harm: huge, endless, misleading. Reading stays quick, and what comes out stays one clean line."""

import time

import pytest

from tests.mime.reports.samples import DAEMON, bounce, report_of, status_report
from webmail.mime.parse import parse_message
from webmail.mime.reports.read import read_report
from webmail.mime.reports.reasons import find_code, find_reason
from webmail.mime.reports.values import MAX_RECIPIENTS, MAX_TEXT_CHARS
from webmail.mime.reports.wording import clean_words

SIZE = 5_000_000
JUNK = {
    "letters": b"a",
    "at signs": b"a@",
    "dots": b"x@a.",
    "brackets": b"<",
    "quotes": b'"',
    "apostrophes": b"'a",
    "spaces": b" ",
    "line ends": b"\n",
    "rules": b"-" * 80 + b" " + b"=" * 80 + b"\n",
    "replies": b"550 ",
    "codes": b"5.1.1 ",
    "halves of phrases": b"mailbox exceed account a message to not ",
    "sentences": b"could not be delivered a@b.org " * 16 + b"\n",
    "fields": b"X: y\n",
    "recipients": b"<a@b.org>: 550 no\n",
    "turns": "\u202e".encode(),
}


def seconds(raw: bytes) -> float:
    message = parse_message(raw)
    started = time.process_time()
    read_report(message)
    return time.process_time() - started


@pytest.mark.req("R42")
@pytest.mark.req("R46")
@pytest.mark.parametrize("name", JUNK)
def test_five_megabytes_of_junk_take_no_longer_than_a_look(name: str) -> None:
    junk = JUNK[name] * (SIZE // len(JUNK[name]))
    lines = b"\n".join(junk[start : start + 480] for start in range(0, len(junk), 480))
    head = DAEMON.encode() + b"Subject: Undelivered\n"
    report = head + b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
    short = junk[:60_000].replace(b"\n", b" ")
    for raw in (
        head + b"\nYour message could not be delivered.\n" + junk,
        head + b"\nYour message could not be delivered to:\n\n" + lines,
        head + b"\nundeliverable\n--- Original message ---\n" + junk,
        head + b"X-Failed-Recipients: " + short + b"\n\nundeliverable\n",
        DAEMON.encode() + b"Subject: " + short + b"\n\nundeliverable\n",
        report + b"Final-Recipient: rfc822;" + junk + b"\nAction: failed\n\n--b--\n",
        report + b"Final-Recipient: rfc822;a@b.org\nDiagnostic-Code: smtp; " + short + b"\n\n--b--\n",
    ):
        assert seconds(raw) < 2


def test_thousands_of_recipients_are_cut_at_the_cap() -> None:
    words = "Could not be delivered:\n\n" + "".join(f"<u{n}@example.com>: 550 no\n" for n in range(20_000))
    report = report_of(bounce(words))
    assert report is not None
    assert len(report.recipients) == MAX_RECIPIENTS


def test_nested_messages_cost_nothing() -> None:
    raw = b"undeliverable\n<a@b.example>:"
    for _ in range(300):
        raw = b"Content-Type: message/rfc822\n" + DAEMON.encode() + b"\n" + raw
    assert seconds(raw) < 1


@pytest.mark.req("R42")
def test_words_are_one_line_without_controls_and_turns_of_direction() -> None:
    evil = "550 no\u202euser\u2066 \x1b[31mred\x07\u200b \ufeff<b>bold</b>\U000e0041" + "x" * 2_000
    report = report_of(
        status_report(f"Final-Recipient: rfc822;b@example.com\nAction: failed\nDiagnostic-Code: smtp; {evil}\n")
    )
    assert report is not None
    text = report.recipients[0].text
    assert text.startswith("550 nouser [31mred <b>bold</b>xxx")
    assert len(text) <= MAX_TEXT_CHARS
    assert text.isprintable()
    assert text.endswith("…")


def test_addresses_lose_what_cannot_be_seen() -> None:
    report = report_of(
        status_report("Final-Recipient: rfc822;b\u202eo\u200bb@example.com\nAction: failed\nStatus: 5.1.1\n")
    )
    assert report is not None
    assert report.recipients[0].email == "bob@example.com"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("550 5.1.1 unknown", "5.1.1"),
        ("said: 550-5.7.26 Unauthenticated", "5.7.26"),
        ("Sorry, no mailbox here. (#5.1.1)", "5.1.1"),
        ("host [5.1.1.7] refused", ""),
        ("version 5.1.1.2 of 4.4.7.1", ""),
        ("552 quota", "5.0.0"),
        ("host mx said: 421 later", "4.0.0"),
        ("my message was 550 KB", "5.0.0"),
        ("it held 550 pictures", ""),
        ("5.0.0 then 5.2.2", "5.2.2"),
        ("2.0.0 ok", ""),
    ],
)
def test_codes_are_found_and_addresses_of_hosts_are_none(text: str, code: str) -> None:
    assert find_code(text) == code


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        ("5.1.1", "mailbox is full", "mailbox-full"),
        ("5.7.1", "No such user", "no-such-user"),
        ("5.2.2", "rejected", "mailbox-full"),
        ("5.1.1", "", "no-such-user"),
        ("5.4.4", "", "no-such-domain"),
        ("5.3.4", "", "too-large"),
        ("4.4.99", "", "unreachable"),
        ("5.7.99", "", "policy"),
        ("5.1.8", "domain does not exist", "policy"),
        ("", "Greylisted, try again in 5 minutes", "greylisted"),
        ("", "Service unavailable; client host blocked using rbl", "blocked"),
        ("", "This message looks like spam", "spam"),
        ("", "Relaying denied", "relaying"),
        ("", "too many hops", "loop"),
        ("", "The message contains a virus", "content"),
        ("", "This account has been disabled", "disabled"),
        ("", "Message size exceeds fixed limit", "too-large"),
        ("", "Good bye", ""),
        ("2.0.0", "", ""),
    ],
)
def test_reasons_come_from_the_words_first_and_from_the_code_else(code: str, text: str, reason: str) -> None:
    assert find_reason(code, text) == reason


def test_cutting_leaves_a_mark() -> None:
    assert clean_words("a" * 20, max_chars=5) == "aaaa…"
    assert clean_words(" a \n\t b ") == "a b"
