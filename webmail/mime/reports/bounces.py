"""Bounces of no standard: what servers write to people, read by the tables of `layouts`.

We looked for a library first. flufl.bounce (Apache-2.0, well kept) wants `email.message.Message`, which loses or refuses
some of the messages we must read, and returns addresses only: no code, no words, no message id. sisimai, which has all of
these, exists for Ruby, Perl and Go. Both were sources of samples and of facts; the tables are our own.

Nobody is told that a message failed without two signs: a header of reports and words of failure in the text. An address
counts by the place it stands in; where no place tells, the returned message must name it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from webmail.mime.headers import Headers, decode_text
from webmail.mime.part import Message
from webmail.mime.reports.emails import ADDRESS, domain_of, find_emails, tidy_email
from webmail.mime.reports.explanation import Explanation
from webmail.mime.reports.layouts import (
    ABOUT_MAIL,
    CLOSING,
    DELAY,
    FAILURE,
    LAYOUTS,
    NOISE,
    NOT_BEHIND,
    NOT_RECIPIENTS,
    ORIGINAL,
    PERMANENT,
    Layout,
)
from webmail.mime.reports.reasons import find_code, find_reason
from webmail.mime.reports.returned import Returned
from webmail.mime.reports.signs import has_null_sender, has_report_subject, is_strong, names_failed_recipients
from webmail.mime.reports.values import DELAYED, FAILED, MAX_RECIPIENTS, MAX_TEXT_CHARS, ReportedRecipient
from webmail.mime.reports.wording import clean_words

_RANKS: Final = tuple(sorted({layout.rank for layout in LAYOUTS}))
_MAX_WORD_LINES: Final = 40
# Lines that are looked through for words that belong to no recipient.
_MAX_LOOKED_FOR: Final = 200
# Of a text that is judged as a whole, characters: what tells a report stands at its beginning.
_MAX_JUDGED_CHARS: Final = 50_000
_MAX_ABOUT_CHARS: Final = 8_000
# Exchange: when it gave up, behind the address.
_DATE: Final = re.compile(r"^\s{0,4}on (?:\w{3}, )?\d{1,2}[ /][\w/ :+-]{5,40}$")
_SENDER: Final = re.compile(rf"\b(?:from|sender|contact|by)\b[\s:<\"']{{0,6}}+{ADDRESS}", re.IGNORECASE)
_LOCAL_NAME: Final = re.compile(r"\s{1,20}([A-Za-z0-9._+-]{1,64})$")
_CODE_LINE: Final = re.compile(r"(?:^|[:\s<>(\"])[45]\d\d[ -]|#?\b[45]\.\d\.\d")
_SUBJECT_EMAIL: Final = re.compile(
    r"(?:undeliverable|warning|failed mail|delivery failure|returned mail)\b", re.IGNORECASE
)


@dataclass(slots=True)
class _Block:
    """A recipient of the text: the line it stands in, and the server's words about it as they are collected."""

    email: str
    line: int
    words: list[str] = field(default_factory=list)
    is_complete: bool = False


def read_bounce(message: Message, explanation: Explanation) -> tuple[ReportedRecipient, ...] | None:
    """The recipients of a bounce without machine-readable fields; None if it is no bounce, () if it names nobody."""
    headers, lines = message.headers, explanation.lines
    subject = clean_words(decode_text(headers.get("subject") or b""), max_chars=500)
    text = "\n".join(lines)[:_MAX_JUDGED_CHARS]
    if not _is_bounce(headers, explanation, subject, " ".join(text.split())):
        return None
    blocks = _blocks_of_text(lines)
    if not is_strong(headers):
        strangers = _not_recipients(message)
        blocks = [block for block in blocks if block.email.lower() not in strangers]
    if not blocks:
        blocks = [_Block(email, -1) for email in _elsewhere(message, explanation, subject)]
    _collect_words(blocks, lines)
    action = DELAYED if _is_delay(subject, text) else FAILED
    recipients: dict[str, ReportedRecipient] = {}
    for block in blocks:
        said = clean_words(" ".join(block.words))
        code = find_code("\n".join(block.words)[:2_000])
        recipients.setdefault(
            block.email.lower(),
            ReportedRecipient(block.email, action, code, said, find_reason(code, said or subject)),
        )
    return tuple(recipients.values())[:MAX_RECIPIENTS]


def _is_bounce(headers: Headers, explanation: Explanation, subject: str, text: str) -> bool:
    """Whether header and text both tell of a failure; the weaker the header, the clearer the text must be."""
    if names_failed_recipients(headers):
        return True
    if is_strong(headers):
        return FAILURE.search(text) is not None or FAILURE.search(subject) is not None
    is_returned = bool(explanation.returned.message_id)
    if not FAILURE.search(text) or not (has_report_subject(headers) or (is_returned and has_null_sender(headers))):
        return False
    return is_returned or ABOUT_MAIL.search(text[:_MAX_ABOUT_CHARS]) is not None


def _is_delay(subject: str, text: str) -> bool:
    flat = " ".join(text.split())[:20_000]
    if DELAY.search(subject) and not PERMANENT.search(subject):
        return True
    return DELAY.search(flat) is not None and PERMANENT.search(flat) is None


def _blocks_of_text(lines: Sequence[str]) -> list[_Block]:
    """The recipients by the rows of the lowest rank that fits anywhere."""
    for rank in _RANKS:
        blocks = _blocks_of_rank(lines, rank)
        if blocks:
            return blocks
    return []


def _blocks_of_rank(lines: Sequence[str], rank: int) -> list[_Block]:
    rows = [layout for layout in LAYOUTS if layout.rank == rank]
    blocks: list[_Block] = []
    before = ""
    for index, line in enumerate(lines):
        if "@" in line:
            original = ORIGINAL.match(line)
            if original is not None:
                _rename(blocks, tidy_email(original["email"]), index)
            elif not NOT_BEHIND.search(before):
                _add_block(blocks, rows, line, index)
        if line.strip():
            before = line
        if len(blocks) >= MAX_RECIPIENTS * 2:
            break
    return blocks


def _add_block(blocks: list[_Block], rows: Sequence[Layout], line: str, index: int) -> None:
    for row in rows:
        found = row.line.match(line)
        email = tidy_email(found["email"]) if found else ""
        if found is None or not email:
            continue
        words = _DATE.sub("", line[found.end() :]).strip(" \t:;,")
        # `Recipient: <a@b>` and `>>> RCPT TO:<a@b>` below it are one.
        if not blocks or blocks[-1].email.lower() != email.lower():
            said = line.strip() if row.holds_words else words
            blocks.append(_Block(email, index, [said] if said else [], row.holds_words))
        return


def _rename(blocks: list[_Block], email: str, index: int) -> None:
    """What leads to `email` was found in front of it: the recipient is the one we wrote to."""
    if not email:
        return
    if blocks and index - blocks[-1].line <= 3:
        blocks[-1].email = email
    else:
        blocks.append(_Block(email, index))


def _collect_words(blocks: list[_Block], lines: Sequence[str]) -> None:
    """Give each recipient the words that follow it; those who have none share what the text says to all."""
    if not blocks:
        return
    ends = [block.line for block in blocks[1:]] + [len(lines)]
    for block, end in zip(blocks, ends, strict=True):
        if block.line >= 0 and not block.is_complete:
            block.words.extend(_words_between(lines, block.line + 1, end))
    shared = blocks[-1].words
    telling = [line.strip() for line in lines[:_MAX_LOOKED_FOR] if _is_telling((line,))]
    for block in blocks:
        own = [line for line in lines if block.email.lower() in line.lower() and _CODE_LINE.search(line)]
        if len(blocks) > 1 and own and (not block.words or block.words is shared):
            block.words = own
        elif not block.words:
            block.words = list(shared) or telling[:5]
        elif telling and not _is_telling(block.words):
            block.words = telling[:5]


def _is_telling(lines: Sequence[str]) -> bool:
    """Whether the words hold a code or a reason."""
    return any(_CODE_LINE.search(line) or find_reason("", line) for line in lines)


def _words_between(lines: Sequence[str], start: int, end: int) -> list[str]:
    words: list[str] = []
    size = 0
    for line in lines[start : min(end, start + _MAX_WORD_LINES)]:
        if CLOSING.match(line):
            break
        if NOISE.match(line) or ORIGINAL.match(line):
            continue
        words.append(line.strip())
        size += len(line)
        if size > MAX_TEXT_CHARS * 2:
            break
    return words


def _elsewhere(message: Message, explanation: Explanation, subject: str) -> tuple[str, ...]:
    """The failed recipients where no line of the text has the shape of one: header, sentences, subject, returned message."""
    headers = message.headers
    strangers = _not_recipients(message)
    if named := _named_in_header(headers):
        return named
    for found in (_in_sentences(explanation.lines), find_emails(subject) if _SUBJECT_EMAIL.match(subject) else ()):
        if emails := tuple(email for email in found if email.lower() not in strangers and not _is_helper(email)):
            return emails[:MAX_RECIPIENTS]
    if not is_strong(headers):
        return ()
    if local := _local_names(message, explanation.lines):
        return local
    reporters = frozenset(domain_of(address.email.lower()) for address in message.list_headers.from_)
    return _returned_recipients(explanation.returned, explanation.lines, reporters)


def _named_in_header(headers: Headers) -> tuple[str, ...]:
    """The addresses of X-Failed-Recipients (Exim, Gmail)."""
    value = headers.get("x-failed-recipients") or headers.get("x-failed-recipient") or b""
    return find_emails(decode_text(value[:20_000]))[:MAX_RECIPIENTS]


def _in_sentences(lines: Sequence[str]) -> tuple[str, ...]:
    """Addresses in lines of failure and in the line behind one."""
    found: dict[str, None] = {}
    is_near = False
    for line in lines[:_MAX_LOOKED_FOR]:
        is_failure = FAILURE.search(line) is not None
        if is_failure or is_near:
            found.update(dict.fromkeys(find_emails(_SENDER.sub(" ", line))))
        is_near = is_failure
    return tuple(found)


def _local_names(message: Message, lines: Sequence[str]) -> tuple[str, ...]:
    """Names without a domain, below a sentence of failure: users of the daemon's own domain (AOL)."""
    sender = message.list_headers.from_[:1]
    local, _, domain = sender[0].email.partition("@") if sender else ("", "", "")
    if local.lower() != "mailer-daemon" or not domain:
        return ()
    names: list[str] = []
    is_below = False
    for line in lines:
        name = _LOCAL_NAME.match(line)
        if name and is_below:
            names.append(name.group(1))
        elif line.strip():
            is_below = line.endswith(":") and FAILURE.search(line) is not None
    return tuple(filter(None, (tidy_email(f"{name}@{domain}") for name in names)))


def _not_recipients(message: Message) -> frozenset[str]:
    """The sender and the receiver of the report itself."""
    own = message.list_headers
    return frozenset(address.email.lower() for address in (*own.from_, *own.sender, *own.to, *own.reply_to))


def _is_helper(email: str) -> bool:
    return NOT_RECIPIENTS.fullmatch(email.rpartition("@")[0]) is not None


def _returned_recipients(returned: Returned, lines: Sequence[str], reporters: frozenset[str]) -> tuple[str, ...]:
    """The recipient the returned message was handed on for, if at the domain that reports; else its only recipient.

    Of several recipients the one it was handed on for, or the only one whose domain the text names.
    """
    named = returned.recipients
    last_hop = returned.handed_to[:1]
    if last_hop and domain_of(last_hop[0]) in reporters:
        return last_hop
    if len(named) == 1:
        return named
    if meant := tuple(email for email in named if email in last_hop):
        return meant
    text = " ".join(lines).lower()
    by_domain = tuple(email for email in named if domain_of(email) in text)
    if len(by_domain) == 1:
        return by_domain
    return () if named else last_hop
