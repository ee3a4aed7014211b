"""Every report of the mail corpus beside the project: read as it was meant, and nothing else taken for one.

`corpus_expectations.tsv` says what each sample reports. It was made by reading the samples, and compared with what flufl.bounce
finds in them. Where a server tells both the address we wrote and the one it led to, ours counts.
"""

import hashlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from webmail.mime.parse import parse_message
from webmail.mime.reports.read import may_be_report, read_report
from webmail.mime.reports.reasons import REASONS
from webmail.mime.reports.values import ACTIONS, MAX_TEXT_CHARS, Report
from webmail.mime.reports.words import explain

CORPUS = Path(__file__).parents[3].parent / "shared" / "corpus"
BOUNCES = CORPUS / "bounces"
TABLE = Path(__file__).with_name("corpus_expectations.tsv")

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the mail corpus (../shared/corpus) is not on this machine"),
]

Said = frozenset[tuple[str, str]]

# The reports outside of bounces/: each was read, and each is one.
REPORTS_ELSEWHERE = {
    "cpython-test_email/msg_16.txt",
    "cpython-test_email/msg_25.txt",
    "cpython-test_email/msg_43.txt",
    "flanker/tests/fixtures/messages/disposition-notification.eml",
    "mailcore2-jwz/Vendor/mailcore2/unittest/data/parser/input/mbox/jwz/132",
    "mailcore2-jwz/Vendor/mailcore2/unittest/data/parser/input/mbox/jwz/21",
    "mikel-mail/spec/fixtures/emails/mime_emails/raw_email_with_mimepart_without_content_type.eml",
    "mikel-mail/spec/fixtures/emails/multipart_report_emails/multi_address_bounce1.eml",
    "mikel-mail/spec/fixtures/emails/multipart_report_emails/multi_address_bounce2.eml",
    "mikel-mail/spec/fixtures/emails/multipart_report_emails/multipart_report_multiple_status.eml",
    "mikel-mail/spec/fixtures/emails/multipart_report_emails/report_422.eml",
    "mikel-mail/spec/fixtures/emails/multipart_report_emails/report_530.eml",
    "mimekit/UnitTests/TestData/messages/bounce.txt",
    "mimekit/UnitTests/TestData/messages/delivery-status-multiple-blank-lines.txt",
    "mimekit/UnitTests/TestData/messages/delivery-status-no-blank-line.txt",
    "mimekit/UnitTests/TestData/messages/delivery-status.anonymized.eml",
    "mimekit/UnitTests/TestData/messages/delivery-status.txt",
    "mimekit/UnitTests/TestData/messages/delivery-status2.txt",
    "mimekit/UnitTests/TestData/messages/disposition-notification.anonymized.eml",
    "mimekit/UnitTests/TestData/messages/disposition-notification.txt",
    "mimekit/UnitTests/TestData/messages/feedback-report.txt",
    # Lists of the headers of a mailbox with a bounce, and that mailbox.
    "mimekit-mbox/UnitTests/TestData/mbox/content-length-summary.txt",
    "mimekit-mbox/UnitTests/TestData/mbox/content-length.mbox.txt",
    "mimekit-mbox/UnitTests/TestData/mbox/jwz-summary.txt",
    "mox/testdata/message/message-rfc822-multipart2.eml",
    "postal-mime/test/fixtures/arf.eml",
    "postal-mime/test/fixtures/bounce.eml",
    "spamscope-mail-parser/tests/mails/mail_malformed_2",
}


def messages_of(path: Path) -> list[bytes]:
    raw = path.read_bytes()
    if raw.startswith(b"From ") and b"\nFrom " in raw:
        return [one for one in re.split(rb"(?m)^(?=From )", raw) if one.strip()]
    return [raw]


def expectations() -> dict[str, Said]:
    """By file: pairs of action and recipient, of a complaint or of no report at all the one pair of kind and ""."""
    found: dict[str, set[tuple[str, str]]] = {}
    for line in TABLE.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            name, action, *recipients = line.split("\t")
            emails = recipients[0].split(" ") if recipients else [""]
            found.setdefault(name, set()).update((action, email) for email in emails)
    return {name: frozenset(pairs) for name, pairs in found.items()}


def said_by(report: Report | None, expected: Said) -> Said:
    """What a report says in the form of the table."""
    if report is None or report.kind != "delivery":
        return frozenset({("none" if report is None else report.kind, "")})
    if not report.recipients:
        return frozenset({("failed", "")})
    return frozenset(
        pair if (pair := (one.action, one.email)) in expected else (one.action, hash_of(one.email))
        for one in report.recipients
    )


def hash_of(email: str) -> str:
    return "sha256:" + hashlib.sha256(email.lower().encode("utf-8")).hexdigest()[:16]


def bounce_samples() -> Iterator[tuple[str, bytes]]:
    for path in sorted(BOUNCES.rglob("*")):
        if path.is_file() and path.suffix != ".json":
            messages = messages_of(path) if path.name.startswith("mbox") else [path.read_bytes()]
            for number, raw in enumerate(messages):
                name = path.relative_to(BOUNCES).as_posix()
                yield (f"{name}#{number}" if len(messages) > 1 else name), raw


@pytest.mark.req("R66")
def test_bounces_are_recognised_with_the_right_recipient_and_class() -> None:
    expected = expectations()
    right = total = 0
    wrong: list[str] = []
    for name, raw in bounce_samples():
        said = said_by(read_report(parse_message(raw)), expected[name])
        if expected[name] & {("none", ""), ("complaint", ""), ("receipt", "")}:
            # What is no bounce must never be taken for one.
            assert said == expected[name], name
            continue
        total += 1
        right += said == expected[name]
        if said != expected[name]:
            wrong.append(f"{name}: {sorted(said)} instead of {sorted(expected[name])}")
    score = f"{right} of {total} bounces as expected ({100 * right / total:.1f} %); not: {wrong}"
    print(score)
    assert total > 430
    assert right / total >= 0.95, score


@pytest.mark.req("R66")
def test_no_other_message_of_the_corpus_is_taken_for_a_report() -> None:
    hits: set[str] = set()
    count = candidates = 0
    for folder in sorted(CORPUS.iterdir()):
        if folder.name in ("bounces", "LICENSES") or not folder.is_dir():
            continue
        for path in sorted(folder.rglob("*")):
            for raw in messages_of(path) if path.is_file() else ():
                message = parse_message(raw)
                count += 1
                candidates += may_be_report(message.headers)
                if read_report(message) is not None:
                    hits.add(path.relative_to(folder).as_posix())
    print(f"{len(hits)} reports among {count} messages, {candidates} looked at closely")
    assert count > 1_900
    assert hits == REPORTS_ELSEWHERE
    # Nearly all mail is told apart by its header alone.
    assert candidates / count < 0.05


@pytest.mark.req("R66")
@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"])
def test_line_ends_change_nothing(line_end: bytes) -> None:
    for name, raw in bounce_samples():
        plain = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        assert read_report(parse_message(plain.replace(b"\n", line_end))) == read_report(parse_message(plain)), name


@pytest.mark.req("R66")
def test_what_is_said_is_one_clean_line_and_can_be_explained() -> None:
    with_text = with_reason = with_id = total = 0
    for name, raw in bounce_samples():
        started = time.process_time()
        report = read_report(parse_message(raw))
        assert time.process_time() - started < 1, name
        if report is None or report.kind != "delivery":
            continue
        with_id += bool(report.message_id)
        for recipient in report.recipients:
            total += 1
            assert recipient.action in ACTIONS, name
            assert recipient.reason in REASONS, name
            assert re.fullmatch(r"(?:[245]\.\d{1,3}\.\d{1,3})?", recipient.code), name
            assert len(recipient.text) <= MAX_TEXT_CHARS, name
            assert recipient.text.isprintable(), name
            assert "<>" not in recipient.email
            assert recipient.email.count("@") >= 1, name
            assert explain(recipient).isprintable(), name
            with_text += bool(recipient.text)
            with_reason += bool(recipient.reason)
    print(
        f"of {total} recipients {with_text} with words, {with_reason} with a reason; {with_id} reports with a message id"
    )
    assert with_text / total > 0.9
    assert with_reason / total > 0.85
