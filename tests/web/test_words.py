"""Whatever a page says goes through the catalogues (feature 132): a language that puts marks around every word shows what does not."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.utils import translation

from accounts.models import User
from tests.factories import make_email_from_bytes
from tests.web.pages import client_of
from tests.web.test_isolation import CASES, ROUTES, SECRET, address_of, alice, ask, ids
from webmail.store.labels import create_label
from webmail.store.models import Email, Mailbox

__all__ = ["alice", "ids"]  # fixtures
pytestmark = pytest.mark.django_db

# Addresses, and the end of a password that tells it from others.
_ADDRESS = re.compile(r"…\w{4}|[\w.*+-]{1,64}@[\w.-]{1,100}|(?:[\w-]{1,60}\.){1,4}(?:test|net|org|example)\b")
# Names, and what is the same in every language: products, formats, protocols, keys, units. Months: CLDR writes them.
_SAME = re.compile(
    r"\b(?:ALICES-SECRET|Pillarbox|Alice|alice|Inbox|Ships|Zebra|Outlook|Gmail|Apple Mail|IMAP4?|POP3|SMTP|TLS|STARTTLS|PDF|HTML|UTC"
    r"|Ctrl|Shift|Enter|Esc|Alt|Cmd|Del|Backspace|Delete|Tab|Space|Home|End|PageUp|PageDown|Escape|ArrowLeft|ArrowRight"
    r"|English|Deutsch|العربية|ALICES|SECRET|KB|MB|GB|OR|AND|NOT|Message-ID|Content-[A-Z][a-z]+|a\.pdf|pdf"
    r"|Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?"
    r"|message/rfc822|text/html|application/pdf)\b"
)
_WORD = re.compile(r"[^\W\d_]{2,}")
_SAID = ("title", "aria-label", "aria-description", "aria-roledescription", "placeholder", "alt", "data-confirm")
# Whose text is no sentence of ours: scripts, dates (CLDR writes them), keys, quotations of mail, code.
_SKIPPED = {"script", "style", "time", "kbd", "pre", "code", "textarea", "bdi"}
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
# Pages that show mail as it came, addresses for machines, or words of another place.
_NOT_PAGES = {
    "message_thumbnail",
    "message_page",
    "message_source",
    "message_headers",
    "api_docs",
    "manifest",
    "healthz",
    "readyz",
    "metrics",
    "events",
}


class _Page(HTMLParser):
    """Collects what stands outside of the marks; a sentence may go over several elements."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.skipped: list[str] = []
        self.bare: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for name in _SAID:
            self._check(f"{name}=", outside(given.get(name) or ""))
        if tag == "input" and given.get("type") in {"submit", "button"}:
            self._check("value=", outside(given.get("value") or ""))
        is_skipped = self.skipped or tag in _SKIPPED or (tag == "select" and given.get("name") == "timezone")
        if is_skipped and tag not in _VOID:
            self.skipped.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.skipped:
            while self.skipped.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        left = ""
        for char in data:
            if char == "⟧":
                self.depth -= 1
            if self.depth == 0 and char not in "⟦⟧":
                left += char
            if char == "⟦":
                self.depth += 1
        if not self.skipped:
            self._check("", left)

    def _check(self, where: str, text: str) -> None:
        if _WORD.search(_SAME.sub("", _ADDRESS.sub("", text))):
            self.bare.append(f"{where}{' '.join(text.split())[:100]}")


def outside(text: str) -> str:
    """What of an attribute stands outside of all marks."""
    depth, left = 0, ""
    for char in text:
        depth += {"⟦": 1, "⟧": -1}.get(char, 0)
        left += char if depth == 0 and char != "⟧" else ""
    return left


def bare_words(page: str) -> list[str]:
    """What of a page no catalogue can translate."""
    reader = _Page()
    reader.feed(page)
    reader.close()
    return reader.bare


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sentence that is looked up comes back between ⟦ and ⟧."""
    trans = translation._trans  # type: ignore[attr-defined]
    assert translation.gettext("Inbox")  # has set up what is replaced now
    monkeypatch.setattr(trans, "gettext", lambda text: f"⟦{text}⟧", raising=False)
    monkeypatch.setattr(trans, "pgettext", lambda _, text: f"⟦{text}⟧", raising=False)
    monkeypatch.setattr(trans, "ngettext", lambda one, many, n: f"⟦{one if n == 1 else many}⟧", raising=False)
    monkeypatch.setattr(trans, "npgettext", lambda _, one, many, n: f"⟦{one if n == 1 else many}⟧", raising=False)


def test_the_marks_find_words_that_are_not_translated() -> None:
    assert bare_words('<p title="⟦Star⟧ (s)">⟦Sent to <b>⟦you⟧</b> today⟧ 3</p>') == []
    assert bare_words('<p title="Star">⟦Sent⟧ today <kbd>Enter</kbd></p>') == ["title=Star", "today"]


def test_no_page_says_a_word_past_the_catalogues(marked: None, alice: User, ids: dict[str, str]) -> None:
    client, bare = client_of(alice), {}
    for route in ROUTES:
        case = CASES[route.name]
        if case.method == "POST" or route.name in _NOT_PAGES:
            continue
        response = ask(client, "GET", address_of(route, ids), case.data)
        if not response.streaming and "html" in response.get("Content-Type", ""):
            words = bare_words(response.content.decode())
            if words:
                bare[route.name] = sorted(set(words))
    assert bare == {}


def test_no_row_and_no_state_of_a_list_says_a_word_past_the_catalogues(
    marked: None, alice: User, ids: dict[str, str]
) -> None:
    inbox = Mailbox.objects.get(account__user=alice, role="inbox")
    label = create_label(alice, "Zebra")
    raw = f"From: {SECRET} <ben@example.net>\r\nTo: x@y.test\r\nSubject: {SECRET}\r\n\r\n{SECRET}\r\n".encode()
    make_email_from_bytes(inbox, raw, keywords=[label.keyword, "$seen", "$flagged", "$muted", "$important"])
    client, bare = client_of(alice), {}
    thread = Email.objects.filter(account__user=alice).latest("pk").thread.public_id
    for address in (
        f"/mail/inbox?t={thread}",
        f"/mail/search?q=from:ben is:unread OR subject:{SECRET}",
        "/mail/search?q=is:nothing (",
        "/mail/search?q=after:2026-01-01 larger:5M has:attachment in:anywhere",
        "/mail/search",
        "/mail/starred",
        "/mail/m/never",
        "/outbox?state=failed&q=x",
        "/settings/?q=nothing-has-this",
        "/settings/?q=theme",
        "/never",
    ):
        words = bare_words(client.get(address).content.decode())
        if words:
            bare[address] = sorted(set(words))
    assert bare == {}


def test_what_a_form_and_an_act_answer_is_translated(marked: None, alice: User, ids: dict[str, str]) -> None:
    client, bare = client_of(alice), {}
    for name, address, data in (
        ("connect", "/connect/", {"address": "nobody"}),
        ("label", "/settings/labels/new", {"name": ""}),
        ("draft", f"/compose/{ids['draft_id']}", {"to": "no address", "send": "1", "do": "send", "revision": "1"}),
        ("act", "/mail/act", {"do": "archive", "ids": ids["email_id"], "list": "/mail/inbox"}),
        ("none", "/mail/act", {"do": "archive", "list": "/mail/inbox"}),
    ):
        response = client.post(address, data, follow=True)
        words = bare_words(response.content.decode())
        if words:
            bare[name] = sorted(set(words))
    assert bare == {}
