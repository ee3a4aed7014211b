"""The driver of Pillarbox for the kit's harness (`harness.Driver`), and the class for its browser benchmark.

A list is what scripts ask for when a list is opened: a window of 50 rows. A message is opened by two requests, as a browser does
it: the pane, and the document of its body in the frame.
"""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urlencode

import requests

from tests.e2e.site import PASSWORD

ROW = 'role="listitem" class="row'
ROWS = {"HX-Request": "true", "HX-Target": "rows"}
PANE = {"HX-Request": "true", "HX-Target": "reading"}
LIST = {"HX-Request": "true", "HX-Target": "list"}
ROWS_OF_A_PAGE = 50
_FRAME = re.compile(r'<iframe[^>]*?\ssrc="([^"]+)"')
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_TOTAL = re.compile(r'data-total="([0-9]+)"')


class Refused(Exception):
    """An answer is not what it should be."""


def need(condition: object, message: str) -> None:
    """Raises `Refused` unless the condition holds."""
    if not condition:
        raise Refused(message)


class Pillarbox:
    """One session. `names`: what `ids.names_of` says of the account."""

    name = "pillarbox"

    def __init__(self, base: str, names: dict[str, dict[str, Any]]) -> None:
        self.base, self._all_names = base, names
        self.s = requests.Session()
        self.s.headers["Accept-Encoding"] = "gzip"
        self._token = ""
        self._names: dict[str, Any] = {}
        self.last_hits = 0

    def login(self, user: str, password: str) -> int:
        """A fresh session, up to the first page."""
        page = self.s.get(f"{self.base}/accounts/login/")
        token = _TOKEN.search(page.text)
        need(token, "no sign-in form")
        assert token is not None
        answer = self.s.post(page.url, data={"csrfmiddlewaretoken": token[1], "login": user, "password": PASSWORD})
        need('id="rows"' in answer.text, "login failed")
        found = _TOKEN.search(answer.text)
        assert found is not None
        self._token, self._names = found[1], self._all_names[user]
        return len(answer.content)

    @property
    def _box(self) -> str:
        return self.address("inbox")

    def address(self, folder: str) -> str:
        """Path of a mailbox by role or name."""
        return f"/mail/a/{self._names['account']}/m/{self._mailbox(folder)}"

    def _mailbox(self, folder: str) -> str:
        mailboxes: dict[str, str] = self._names["mailboxes"]
        return mailboxes.get(folder.lower()) or mailboxes[folder]

    def _get(self, path: str, headers: dict[str, str] | None = None) -> requests.Response:
        answer = self.s.get(self.base + path, headers=headers)
        need(answer.status_code == 200, f"status {answer.status_code} of {path}")
        return answer

    def list_html(self, folder: str = "INBOX") -> int:
        """The whole page, which already holds the rows."""
        answer = self._get(self.address(folder))
        need(answer.text.count(ROW) >= ROWS_OF_A_PAGE, "rows are missing")
        return len(answer.content)

    def list_ajax(self, folder: str = "INBOX", page: int = 1) -> int:
        """A window of 50 rows."""
        answer = self._get(self._window(self.address(folder), (page - 1) * ROWS_OF_A_PAGE), ROWS)
        need(answer.text.count(ROW) >= ROWS_OF_A_PAGE, "rows are missing")
        return len(answer.content)

    @staticmethod
    def _window(address: str, at: int) -> str:
        return f"{address}?at={at}&n={ROWS_OF_A_PAGE}"

    def open(self, uid: int) -> int:
        """Pane and body of one message."""
        pane = self._get(self._pane(uid), PANE)
        frame = self._frame_of(pane.text)
        body = self._get(frame)
        need("Quarterly overview" in body.text, "no body")
        return len(pane.content) + len(body.content)

    def _pane(self, uid: int) -> str:
        email, _thread = self._names["uids"][str(uid)]
        return f"{self._box}?t={email}"

    def _frame_of(self, text: str) -> str:
        found = _FRAME.search(text)
        need(found, "no frame")
        assert found is not None
        return html.unescape(found[1]).removeprefix(self.base)

    def search_header(self, word: str) -> int:
        """In subject and sender."""
        return self._search(f"in:inbox (subject:{word} OR from:{word})")

    def search_body(self, word: str) -> int:
        """Words that follow one another, anywhere in the text."""
        return self._search(f'in:inbox "{word}"')

    def _search(self, query: str) -> int:
        answer = self._get(f"/mail/search?{urlencode({'q': query})}", LIST)
        need(ROW in answer.text, "no hits")
        found = _TOTAL.search(answer.text)
        self.last_hits = int(found[1]) if found else 0
        return len(answer.content)

    def flag(self, uid: int, on: bool) -> int:
        """Star or unstar one message."""
        return self._act("star" if on else "unstar", uid)

    def move(self, uid: int, src: str, dst: str) -> int:
        """Move one message."""
        return self._act(f"move:{self._mailbox(dst)}", uid)

    def _act(self, verb: str, uid: int) -> int:
        email, _thread = self._names["uids"][str(uid)]
        answer = self.s.post(
            f"{self.base}/mail/act",
            data={"do": verb, "ids": email, "list": self._box, "csrfmiddlewaretoken": self._token},
            headers={"HX-Request": "true", "HX-Target": "list", "Sec-Fetch-Site": "same-origin"},
        )
        need(answer.status_code in {200, 204}, f"status {answer.status_code}")
        need("toast--danger" not in answer.text, "refused")
        return len(answer.content)

    def wrk_requests(self, what: str) -> list[tuple[str, dict[str, str]]]:
        """Paths and headers of a list, or of both requests that open a 50 KB message. None is conditional."""
        cookie = {"Cookie": "; ".join(f"{one.name}={one.value}" for one in self.s.cookies), "Accept-Encoding": "gzip"}
        if what == "list":
            return [(self._window(self._box, 0), cookie | ROWS)]
        if what == "page":
            return [(self._box, cookie)]
        if what == "unchanged":
            path = self._window(self._box, 0)
            etag = self._get(path, ROWS).headers.get("ETag", "")
            need(etag, "the window has no ETag")
            return [(path, cookie | ROWS | {"If-None-Match": etag})]
        pane = self._pane(951)
        return [(pane, cookie | PANE), (self._frame_of(self._get(pane, PANE).text), cookie)]


class Pages:
    """Our pages for the kit's `browser.py`."""

    base = list_url = ""  # set by `pages_at`
    rows = "#rows > .row"

    def login_page(self, page: Any) -> None:
        page.goto(f"{self.base}/accounts/login/")
        page.wait_for_selector("#id_login")

    def login(self, page: Any, user: str = "alice@bench.test") -> None:
        self.login_page(page)
        page.fill("#id_login", user)
        page.fill("#id_password", PASSWORD)
        page.click(".form button[type=submit]")
        self.wait_list(page)

    def wait_list(self, page: Any) -> None:
        page.wait_for_selector(self.rows)

    def click_row(self, page: Any, n: int, mobile: bool = False) -> None:
        row = page.locator(self.rows).nth(n)
        # The title of a conversation is without what answering put in front.
        self._wanted = re.sub(r"^((Re|Fwd): )+", "", row.locator(".row__subject").inner_text())
        row.locator(".row__text").click()

    def wait_message(self, page: Any, mobile: bool = False) -> None:
        """The subject is the one clicked, and its text is there: in its frame, or as our own element."""
        page.locator("#thread-subject", has_text=self._wanted).wait_for(state="visible")
        page.locator("#reading").locator(".message__frame, .message__text").first.wait_for(state="visible")
        if page.locator("#reading .message__frame").count():
            body = page.frame_locator("#reading .message__frame >> nth=0").locator("body > *")
            body.first.wait_for(state="attached")

    def compose(self, page: Any) -> None:
        page.goto(f"{self.base}/compose")


def pages_at(base: str) -> type[Pages]:
    """The class for one installation."""
    return type("PillarboxPages", (Pages,), {"base": base, "list_url": f"{base}/mail/inbox"})
