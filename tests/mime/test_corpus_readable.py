"""Every message of the mail corpus through the child that reads messages: it opens, and no child dies of one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.judge import assert_text
from tests.mime.test_corpus_parse import CORPUS, MAIL_FOLDERS, corpus_messages
from webmail.mime.digest import Digest, read_digest
from webmail.mime.limited.children import run_limited
from webmail.mime.parse import parse_message
from webmail.mime.readable import Readable, load_readable

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.slow,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the mail corpus (../shared/corpus) is not on this machine"),
]


def readings(folder: str) -> Iterator[tuple[Path, bytes, Readable, Digest]]:
    """Each message of a folder as the product's children read it. `LimitExceeded` and `JobFailed` are not caught."""
    for path, raw in corpus_messages(folder):
        form = load_readable(run_limited("readable", raw, {}).data)
        yield path, raw, form, read_digest(run_limited("digest", raw, {}))


def says_something(form: Readable) -> bool:
    """Whether a person who opens the message sees more than an empty page."""
    words = re.sub(r"<[^>]*+>|&nbsp;|\s+", "", form.html + form.text)
    return bool(words or form.drawn or form.pictures or form.files or form.invitations or form.cards or form.remote)


def is_empty(raw: bytes) -> bool:
    """Whether nothing stands in any part of the message."""
    return not any(part.text()[0].strip() for part in parse_message(raw).root.walk() if not part.is_multipart)


@pytest.mark.req("R42")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("folder", MAIL_FOLDERS)
def test_every_message_of_the_corpus_opens_and_shows_what_there_is(folder: str) -> None:
    blank, count = [], 0
    for path, raw, form, digest in readings(folder):
        count += 1
        assert not (form.html and form.text), path
        for text in (form.html, form.css, form.text, form.head.subject, digest.preview, digest.search_text):
            assert_text(text, str(path))
        listed = [file.part_id for file in (*form.drawn, *form.pictures, *form.files)]
        assert len(listed) == len(set(listed)), path
        if not says_something(form) and not is_empty(raw) and not form.defects:
            blank.append(path.relative_to(CORPUS).as_posix())
    assert count > 10
    assert blank == []
