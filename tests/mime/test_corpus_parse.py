"""Every message of the mail corpus beside the project: parsed, shown and indexed without an error, and as expected.

The corpus belongs to others and is read in place; without it these tests skip.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from webmail.mime.body import decompose
from webmail.mime.headers import ListHeaders
from webmail.mime.parse import parse_message
from webmail.mime.part import Message
from webmail.mime.preview import html_to_text, make_preview
from webmail.mime.search_text import body_search_text, fold

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the mail corpus (../shared/corpus) is not on this machine"),
]

MAIL_FOLDERS = ("malformed-mime", "bounces", "crypto", "threads", "charsets", "tnef", "calendar", "templates")
MAX_SECONDS = 2.0


def messages_of(path: Path) -> list[bytes]:
    raw = path.read_bytes()
    if raw.startswith(b"From ") and "mbox" in path.name:
        return [one for one in re.split(rb"(?m)^(?=From )", raw) if one.strip()]
    return [raw]


def corpus_messages(folder: str) -> Iterator[tuple[Path, bytes]]:
    for path in sorted((CORPUS / folder).rglob("*")):
        if path.is_file():
            for raw in messages_of(path):
                yield path, raw


def read_everything(raw: bytes) -> Message:
    message = parse_message(raw)
    body = decompose(message.root)
    assert isinstance(message.list_headers, ListHeaders)
    assert len(make_preview(message)) <= 256
    body_search_text(message).encode("utf-8")
    for part in (*body.text_body, *body.html_body, *body.attachments):
        part.text()[0].encode("utf-8")
        if part.parser is not None:
            read_everything(part.decoded())
    return message


@pytest.mark.req("R42")
@pytest.mark.req("R46")
@pytest.mark.parametrize("folder", MAIL_FOLDERS)
def test_every_message_is_read_in_time_without_an_error(folder: str) -> None:
    count = 0
    for path, raw in corpus_messages(folder):
        started = time.process_time()
        try:
            read_everything(raw)
        except Exception as error:
            pytest.fail(f"{path.relative_to(CORPUS)}: {error!r}")
        assert time.process_time() - started < MAX_SECONDS, path.relative_to(CORPUS)
        count += 1
    assert count > 0


@pytest.mark.req("R42")
@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"])
def test_line_ends_change_nothing(line_end: bytes) -> None:
    for path in sorted((CORPUS / "bounces").rglob("*.eml")):
        raw = path.read_bytes()
        if b"\r" in raw or not raw.strip():
            continue
        one, other = parse_message(raw), parse_message(raw.replace(b"\n", line_end))
        assert one.list_headers == other.list_headers, path.name
        shape = [[(part.part_id, part.type, part.name) for part in message.root.walk()] for message in (one, other)]
        assert shape[0] == shape[1], path.name
        assert body_search_text(one) == body_search_text(other), path.name


def test_new_text_of_replies_comes_first_in_previews() -> None:
    replies = CORPUS / "threads/talon/tests/fixtures/standard_replies"
    agreed = total = 0
    for path in sorted(replies.glob("*.eml")):
        expected = replies / f"{path.stem}_reply_text"
        words = (expected.read_text("utf-8") if expected.exists() else "Hello").partition("-- ")[0].split()
        agreed += make_preview(parse_message(path.read_bytes())) == " ".join(words)
        total += 1
    assert agreed / total >= 0.9, f"{agreed} of {total}"


def test_html_of_templates_gives_the_words_of_their_text_twins() -> None:
    shares = []
    for path in sorted((CORPUS / "templates/postmark").rglob("content.html")):
        twin = set(re.findall(r"\w{4,}", fold(path.with_name("content.txt").read_text("utf-8"))))
        words = set(re.findall(r"\w{4,}", fold(html_to_text(path.read_text("utf-8")))))
        shares.append(len(twin & words) / len(twin))
    assert len(shares) > 20
    assert sum(shares) / len(shares) >= 0.8, sum(shares) / len(shares)


def test_hardly_any_text_loses_characters() -> None:
    lost = total = 0
    for folder in ("malformed-mime", "bounces", "threads"):
        for path, raw in corpus_messages(folder):
            if path.suffix in {".eml", ".txt", ".msg", ""} and b"\0" not in raw:
                message = parse_message(raw)
                texts = [part.text()[0] for part in message.root.walk() if part.type.startswith("text/")]
                lost += any("\ufffd" in text for text in texts) or "\ufffd" in message.list_headers.subject
                total += 1
    assert total > 1_000
    assert lost <= 6, f"{lost} of {total}"
