"""How many megabytes of HTML are cleaned in a second of CPU, by kind of mail. Needs the mail corpus beside the project."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from webmail.mime.parse import parse_message
from webmail.mime.safe_html import css, sheets
from webmail.mime.safe_html.bound import bound_html
from webmail.mime.safe_html.sanitize import sanitize

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
TEMPLATES = {
    "receipts (postmark)": "templates/postmark/**/*.html",
    "newsletters (mimekit)": "templates/mimekit-html/**/*.html",
    "newsletter (leemunroe)": "templates/leemunroe/*.html",
    "one feature a page (caniemail)": "templates/caniemail-tests/tests/*.html",
}
NOT_UTF8 = ("utf-16", "utf-32", ".out.")
JWZ = "malformed-mime/mailcore2-jwz/**/input/**/*"
ROUNDS = 5


def collect() -> dict[str, list[str]]:
    """The HTML of the corpus, by where it is from."""
    kinds = {
        name: [
            path.read_text(errors="replace")
            for path in sorted(CORPUS.glob(pattern))
            if not any(word in path.name for word in NOT_UTF8)
        ]
        for name, pattern in TEMPLATES.items()
    }
    kinds["HTML parts of mail (jwz)"] = [
        part.text()[0]
        for path in sorted(CORPUS.glob(JWZ))
        if path.is_file()
        for part in parse_message(path.read_bytes()).root.walk()
        if part.type == "text/html"
    ]
    return kinds


def measure(_: object = None) -> dict[str, Any]:
    """Megabytes a CPU second: with what is remembered from mail alike, and with nothing remembered."""
    if not CORPUS.is_dir():
        return {"skipped": "the folder shared/ with the mail corpus does not lie beside the project"}
    figures: dict[str, Any] = {}
    kinds = {name: mails for name, mails in collect().items() if mails}
    for name, mails in {**kinds, "all of it": [mail for kind in kinds.values() for mail in kind]}.items():
        size = sum(len(mail.encode(errors="replace")) for mail in mails)
        warm = _rate(mails, size, clean)
        cold = _rate(mails, size, clean, before=forget)
        bound = _rate(mails, size, bound_html)
        figures[f"{name}: {len(mails)} mails, {size / 1e6:.2f} MB, MB/s (at least 5)"] = f"{warm:.1f}"
        figures[f"{name}: nothing remembered / bounding alone, MB/s"] = f"{cold:.1f} / {bound:.1f}"
    return figures


def clean(html: str) -> object:
    """One cleaning as a reader asks for it."""
    return sanitize(html, cid_urls={})


def forget() -> None:
    """Begin as a new process does."""
    css.forget()
    sheets.forget()


def _rate(
    mails: Sequence[str], size: int, work: Callable[[str], object], *, before: Callable[[], None] | None = None
) -> float:
    seconds = []
    for number in range(ROUNDS + 1):
        if before:
            before()
        start = time.process_time()
        for mail in mails:
            work(mail)
        if number:  # the first round warms up
            seconds.append(time.process_time() - start)
    return size / 1e6 / statistics.median(seconds)


def report(figures: Mapping[str, Any]) -> None:
    """A line a figure."""
    for name, value in figures.items():
        print(f"  {name:<80} {value}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    report(measure())
