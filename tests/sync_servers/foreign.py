"""Another mail program, and the judge: IMAP spoken with the standard library, so that our own code cannot hide its faults."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import imaplib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

INTERNAL_DATE = '"03-Mar-2026 10:00:00 +0000"'
LIST_LINE = re.compile(rb'\((?P<attributes>[^)]*)\) (?:"(?P<delimiter>.)"|NIL) (?P<name>.+)')
SYSTEM_KEYWORDS = {"\\seen": "$seen", "\\answered": "$answered", "\\flagged": "$flagged", "\\draft": "$draft"}

# A longer line than a stranger's program would take: a FETCH of some thousand messages is no line.
imaplib._MAXLINE = 10_000_000  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Held:
    """One message as a server holds it: keywords in JMAP's words without \\Deleted, and the hash of its bytes."""

    keywords: frozenset[str]
    sha256: str


State = dict[str, dict[int, Held]]


class Refused(RuntimeError):
    """The server said NO or BAD."""


def encoded(name: str) -> str:
    """A mailbox name in modified UTF-7 (RFC 3501 5.1.3)."""

    def shifted(match: re.Match[str]) -> str:
        text = base64.b64encode(match.group().encode("utf-16-be")).rstrip(b"=").decode()
        return f"&{text.replace('/', ',')}-"

    return re.sub(r"[^\x20-\x7e]+", shifted, name.replace("&", "&-"))


class Foreign:
    """A logged-in client. Mailbox names are given as people say them, `Work/Old`; the server's own form is made here."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self.client = imaplib.IMAP4("127.0.0.1", port, timeout=30)
        self.client.login(user, password)
        _, data = self.client.capability()
        self.capabilities = frozenset(data[-1].decode().upper().split())
        self.prefix, self.delimiter = self._personal_namespace()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            self.client.logout()

    def _personal_namespace(self) -> tuple[str, str]:
        """Where a person's own mailboxes begin, and what divides their names (RFC 2342)."""
        _, data = self.client.namespace()
        match = re.match(rb'\(\("([^"]*)" "(.)"', data[0] or b"")
        return (match[1].decode(), match[2].decode()) if match else ("", "/")

    def offers(self, capability: str) -> bool:
        return capability in self.capabilities

    # Names

    def remote(self, name: str) -> str:
        """The name on the wire, such as `INBOX.Work.Old`."""
        if name.upper() == "INBOX":
            return "INBOX"
        return encoded(self.prefix + name.replace("/", self.delimiter))

    def _quoted(self, name: str) -> str:
        return _quote(self.remote(name))

    # Doing

    def _done(self, answer: tuple[str, Any]) -> Any:
        if answer[0] != "OK":
            raise Refused(repr(answer[1]))
        return answer[1]

    def create(self, name: str) -> None:
        self._done(self.client.create(self._quoted(name)))
        self.client.subscribe(self._quoted(name))

    def rename(self, old: str, new: str) -> None:
        self._done(self.client.rename(self._quoted(old), self._quoted(new)))

    def delete(self, name: str) -> None:
        self._done(self.client.delete(self._quoted(name)))

    def append(self, name: str, raw: bytes, *, flags: str = "") -> None:
        self._done(self.client.append(self._quoted(name), f"({flags})" if flags else "", INTERNAL_DATE, raw))

    def leave(self) -> None:
        """Close the mailbox without expunging anything: some servers write what was changed only then."""
        if self.offers("UNSELECT") and self.client.state == "SELECTED":
            self._done(self.client.unselect())

    def select(self, name: str) -> int:
        """Open it; returns the number of messages."""
        return int(self._done(self.client.select(self._quoted(name)))[0])

    def uids(self, name: str) -> list[int]:
        self.select(name)
        found = [int(uid) for uid in (self._done(self.client.uid("search", "ALL"))[0] or b"").split()]
        self.leave()
        return found

    def store(self, name: str, uids: Iterable[int], sign: str, *flags: str) -> None:
        self.select(name)
        self._done(self.client.uid("store", _uid_set(uids), f"{sign}FLAGS.SILENT", f"({' '.join(flags)})"))
        self.leave()

    def expunge(self, name: str, uids: Iterable[int]) -> None:
        """Destroy these messages, as a program does that knows of no UIDPLUS."""
        self.select(name)
        self._done(self.client.uid("store", _uid_set(uids), "+FLAGS.SILENT", "(\\Deleted)"))
        self._done(self.client.expunge())
        self.leave()

    def move(self, name: str, uids: Iterable[int], target: str) -> None:
        """With MOVE where there is one."""
        uids = list(uids)
        self.select(name)
        if self.offers("MOVE"):
            self._done(self.client._simple_command("UID", "MOVE", _uid_set(uids), self._quoted(target)))  # type: ignore[attr-defined]
            self.leave()
            return
        self._done(self.client.uid("copy", _uid_set(uids), self._quoted(target)))
        self.expunge(name, uids)

    # Judging

    def mailboxes(self) -> list[str]:
        """Names on the wire of all mailboxes that can be selected."""
        names = []
        for line in self._done(self.client.list('""', "*")):
            if isinstance(line, tuple):
                attributes, name = LIST_LINE.match(line[0])["attributes"], line[1]  # type: ignore[index]
            elif line is None or not line:
                continue
            else:
                match = LIST_LINE.match(line)
                assert match is not None, line
                attributes, name = match["attributes"], match["name"]
            if b"\\noselect" in attributes.lower() or b"\\nonexistent" in attributes.lower():
                continue
            text = name.decode()
            names.append(re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text)
        return names

    def state(self) -> State:
        """Everything the server holds, by mailbox name on the wire and UID."""
        found = {name: self._messages(name) for name in self.mailboxes()}
        self.leave()
        return found

    def _messages(self, remote: str) -> dict[int, Held]:
        count = int(self._done(self.client.select(_quote(remote), readonly=True))[0])
        if not count:
            return {}
        found: dict[int, Held] = {}
        for words, body in _fetched(self._done(self.client.uid("fetch", "1:*", "(UID FLAGS BODY.PEEK[])"))):
            uid = re.search(rb"UID (\d+)", words)
            flags = re.search(rb"FLAGS \(([^)]*)\)", words)
            assert uid is not None, words
            assert flags is not None, words
            found[int(uid[1])] = Held(keywords_of(flags[1].decode()), hashlib.sha256(body).hexdigest())
        return found

    def flags(self, name: str, uid: int) -> frozenset[str]:
        """The keywords of one message."""
        found = self._messages(self.remote(name))[uid].keywords
        self.leave()
        return found


def _fetched(items: list[Any]) -> list[tuple[bytes, bytes]]:
    """The words around each literal and the literal, from what imaplib makes of FETCH answers."""
    found: list[tuple[bytes, bytes]] = []
    for item in items:
        if isinstance(item, tuple):
            found.append((item[0], item[1]))
        elif found and item is not None:
            words, body = found[-1]
            found[-1] = (words + b" " + item, body)
    return found


def keywords_of(flags: str) -> frozenset[str]:
    """IMAP flags in JMAP's words; \\Recent and \\Deleted are neither."""
    words = (word.lower() for word in flags.split())
    return frozenset(SYSTEM_KEYWORDS.get(word, word) for word in words if word not in ("\\recent", "\\deleted"))


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _uid_set(uids: Iterable[int]) -> str:
    return ",".join(map(str, uids))
