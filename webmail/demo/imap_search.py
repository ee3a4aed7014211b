"""SEARCH: search keys to a test of one message. RFC 3501 6.4.4, MODSEQ of RFC 7162, results as ESEARCH of RFC 4731."""

from __future__ import annotations

import email.header
import re
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from webmail.demo.imap_structure import Part, header_value, parts_of
from webmail.demo.imap_syntax import Bad, Value, as_number, as_text, as_word, in_ranges, parse_date, parse_set
from webmail.demo.model import Message

if TYPE_CHECKING:
    from datetime import date

Test = Callable[[int, Message], bool]
"""Given the sequence number and the message, does the key match?"""

_FLAG_KEYS = {
    "ANSWERED": "\\Answered",
    "DELETED": "\\Deleted",
    "DRAFT": "\\Draft",
    "FLAGGED": "\\Flagged",
    "SEEN": "\\Seen",
}
_HEADER_KEYS = {"FROM", "TO", "CC", "BCC", "SUBJECT"}
_SEQUENCE = re.compile(r"[0-9*][0-9*:,]*\Z")


class KeyReader:
    """Reads search keys one after another. `largest_uid` and `largest_seq` stand for `*`."""

    def __init__(self, keys: Sequence[Value], *, largest_uid: int, largest_seq: int, has_modseq: bool) -> None:
        self._keys = list(keys)
        self._position = 0
        self._largest_uid = largest_uid
        self._largest_seq = largest_seq
        self._has_modseq = has_modseq
        self.used_modseq = False

    def read_all(self) -> Test:
        """All keys, joined by AND. Raises `Bad`."""
        tests: list[Test] = []
        while self._position < len(self._keys):
            tests.append(self._read_key())
        if not tests:
            raise Bad("Missing search key")
        return lambda seq, message: all(test(seq, message) for test in tests)

    def _next(self) -> Value:
        if self._position >= len(self._keys):
            raise Bad("Missing search argument")
        self._position += 1
        return self._keys[self._position - 1]

    def _read_key(self) -> Test:
        value = self._next()
        if isinstance(value, list):
            inner = KeyReader(
                value, largest_uid=self._largest_uid, largest_seq=self._largest_seq, has_modseq=self._has_modseq
            )
            test = inner.read_all()
            self.used_modseq |= inner.used_modseq
            return test
        word = as_word(value)
        if _SEQUENCE.match(word):
            ranges = parse_set(value, largest=self._largest_seq)
            return lambda seq, message: in_ranges(seq, ranges)
        for family in (self._flag_key, self._set_key, self._date_key, self._text_key, self._logic_key):
            if (found := family(word)) is not None:
                return found
        raise Bad(f"Unknown search key {word[:40]}")

    def _flag_key(self, word: str) -> Test | None:
        if word in _FLAG_KEYS or word.removeprefix("UN") in _FLAG_KEYS:
            flag, wanted = _FLAG_KEYS[word.removeprefix("UN")], not word.startswith("UN")
            return lambda seq, message: (flag in message.flags) is wanted
        if word in ("KEYWORD", "UNKEYWORD"):
            keyword = as_text(self._next()).lower()
            wanted = word == "KEYWORD"
            return lambda seq, message: any(flag.lower() == keyword for flag in message.flags) is wanted
        if word in ("RECENT", "NEW"):
            return lambda seq, message: False  # this server never marks mail as recent
        return (lambda seq, message: True) if word in ("ALL", "OLD") else None

    def _set_key(self, word: str) -> Test | None:
        if word == "UID":
            ranges = parse_set(self._next(), largest=self._largest_uid)
            return lambda seq, message: in_ranges(message.uid, ranges)
        if word in ("LARGER", "SMALLER"):
            size, sign = as_number(self._next()), 1 if word == "LARGER" else -1
            return lambda seq, message: sign * len(message.raw) > sign * size
        if word == "MODSEQ" and self._has_modseq:
            argument = self._next()
            if as_text(argument).startswith("/"):  # entry name and type: only flags have one, and all share one value
                self._next()
                argument = self._next()
            least = as_number(argument)
            self.used_modseq = True
            return lambda seq, message: message.modseq >= least
        return None

    def _date_key(self, word: str) -> Test | None:
        kind = word.removeprefix("SENT")
        if kind not in ("BEFORE", "ON", "SINCE"):
            return None
        day = parse_date(as_text(self._next()))
        read = _sent_day if word.startswith("SENT") else _internal_day

        def test(seq: int, message: Message) -> bool:
            found = read(message)
            if found is None:
                return False
            return found < day if kind == "BEFORE" else found >= day if kind == "SINCE" else found == day

        return test

    def _text_key(self, word: str) -> Test | None:
        if word in _HEADER_KEYS or word == "HEADER":
            name = word.lower() if word != "HEADER" else as_text(self._next()).lower()
            wanted = as_text(self._next()).lower()
            return lambda seq, message: any(wanted in value for value in _header_texts(message, name))
        if word in ("BODY", "TEXT"):
            wanted = as_text(self._next()).lower()
            with_headers = word == "TEXT"
            return lambda seq, message: wanted in _searchable_text(message, with_headers=with_headers)
        return None

    def _logic_key(self, word: str) -> Test | None:
        if word == "NOT":
            inner = self._read_key()
            return lambda seq, message: not inner(seq, message)
        if word == "OR":
            first, second = self._read_key(), self._read_key()
            return lambda seq, message: first(seq, message) or second(seq, message)
        return None


def _internal_day(message: Message) -> date | None:
    return message.internal_date.date()


def _sent_day(message: Message) -> date | None:
    try:
        return parsedate_to_datetime(header_value(parts_of(message).headers, "date") or "").date()
    except ValueError:
        return None


def _header_texts(message: Message, name: str) -> list[str]:
    items = parts_of(message).headers.raw_items()
    return [_decode(str(value)) for key, value in items if key.lower() == name]


def _decode(value: str) -> str:
    value = re.sub(r"\r?\n[ \t]", " ", value)
    try:
        return str(email.header.make_header(email.header.decode_header(value))).lower()
    except (LookupError, ValueError):
        return value.lower()


def _searchable_text(message: Message, *, with_headers: bool) -> str:
    if "search_body" not in message.derived:
        texts: list[str] = []
        _collect_texts(parts_of(message), texts)
        message.derived["search_body"] = "\n".join(texts).lower()
        headers = parts_of(message).headers.raw_items()
        message.derived["search_head"] = "\n".join(f"{key}: {_decode(str(value))}" for key, value in headers).lower()
    body = str(message.derived["search_body"])
    return f"{message.derived['search_head']}\n{body}" if with_headers else body


def _collect_texts(part: Part, texts: list[str]) -> None:
    for child in [*part.parts, *([part.message] if part.message else [])]:
        _collect_texts(child, texts)
    if part.content_type.startswith("text/"):
        headers = part.headers
        headers.set_payload(part.body.decode("ascii", "surrogateescape"))
        payload = headers.get_payload(decode=True)
        raw = payload if isinstance(payload, bytes) else b""
        try:
            texts.append(raw.decode(headers.get_content_charset("utf-8"), "replace"))
        except LookupError:
            texts.append(raw.decode("utf-8", "replace"))
