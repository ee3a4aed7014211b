"""R45: preview, search, attachment mark, reader, download and skeleton see the same parts of every message of the corpus.

The corpus belongs to others and is read in place; without it these tests skip.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from webmail.mime import skeleton
from webmail.mime.body import BodyParts, decompose
from webmail.mime.html_text import html_to_text
from webmail.mime.parse import parse_message
from webmail.mime.part import Message, Part
from webmail.mime.preview import make_preview
from webmail.mime.search_text import body_search_text, fold

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.req("R45"),
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the mail corpus (../shared/corpus) is not on this machine"),
]

FOLDERS = ("malformed-mime", "bounces", "crypto", "threads", "charsets", "tnef")


def corpus_messages(folder: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted((CORPUS / folder).rglob("*")):
        if path.is_file():
            yield path.relative_to(CORPUS).as_posix(), path.read_bytes()


def leaf_ids(message: Message) -> list[str]:
    return [part.part_id for part in message.root.walk() if part.part_id is not None]


def resource_forks(root: Part) -> set[str | None]:
    """What nobody is shown as a file: the Mac's half of a file whose data is there."""
    return {
        one.part_id
        for part in root.walk()
        if part.type == "multipart/appledouble" and len(part.parts) > 1
        for one in part.parts
        if one.type == "application/applefile"
    }


def shown_ids(body: BodyParts) -> set[str | None]:
    return {part.part_id for part in (*body.text_body, *body.html_body, *body.attachments)}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_part_is_shown_and_can_be_downloaded_by_its_number(folder: str) -> None:
    count = 0
    for name, raw in corpus_messages(folder):
        message = parse_message(raw)
        ids = leaf_ids(message)
        assert len(set(ids)) == len(ids), name
        assert all(re.fullmatch(r"[0-9a-z.]{1,100}", part_id) for part_id in ids), name
        body = decompose(message.root)
        assert shown_ids(body) == set(ids) - resource_forks(message.root), name
        for part in (*body.text_body, *body.html_body, *body.attachments):
            assert message.part(part.part_id or "") is part, name
        assert body.has_attachment <= bool(body.attachments), name
        count += 1
    assert count > 5


def words_of(part: Part) -> list[str]:
    text = part.text(20_000)[0]
    text = html_to_text(text) if part.type == "text/html" else text
    return re.findall(r"\w{5,40}", fold(text))[:20]


@pytest.mark.parametrize("folder", FOLDERS)
def test_search_and_preview_are_made_of_the_parts_that_are_shown(folder: str) -> None:
    for name, raw in corpus_messages(folder):
        message = parse_message(raw)
        body = decompose(message.root)
        searched = body_search_text(message)
        texts = [part for part in body.text_body if part.type in ("text/plain", "text/html")]
        if sum(part.size_bytes for part in texts) < 100_000:
            missing = [word for part in texts for word in words_of(part) if word not in searched]
            assert not missing, (name, missing)
        assert all(fold(part.name) in searched for part in message.root.walk() if part.name and len(searched) < 100_000)
        preview = make_preview(message)
        shown = {part for part in (*body.text_body, *body.html_body) if part.type.startswith("text/")}
        assert not preview or shown, name


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_skeleton_has_the_parts_of_the_message(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skeleton, "SMALL_PART_BYTES", 0)
    monkeypatch.setattr(skeleton, "MIN_SAVING_BYTES", 0)
    made = 0
    for name, raw in corpus_messages(folder):
        built = skeleton.skeleton_of(raw)
        if built is None:
            continue
        made += 1
        whole, found = parse_message(raw), skeleton.parse_skeleton(built)
        # What lies within a part that is not here comes with it.
        expected = [
            (part.part_id, part.type, part.name)
            for part in whole.root.walk()
            if not any(
                (part.part_id or "").startswith(f"{left_out}.") and part.is_embedded for left_out in found.left_out
            )
        ]
        assert [(part.part_id, part.type, part.name) for part in found.root.walk()] == expected, name
        for left_out in found.left_out:
            here, there = found.part(left_out), whole.part(left_out)
            assert here is not None, name
            assert there is not None, name
            assert here.size_bytes == there.size_bytes, name
    assert made > 0
