"""Skeletons read as the messages they were made from, but for what was left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from webmail.mime import skeleton
from webmail.mime.body import decompose
from webmail.mime.parse import parse_message
from webmail.mime.part import Message
from webmail.mime.preview import make_preview
from webmail.mime.search_text import body_search_text

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
FILE = b"QUJD" * 20_000
RAW = (
    b"From: a@example.org\r\nSubject: plan\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\npreamble\r\n"
    b"--outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n"
    b"--inner\r\n\r\nThe text\r\n--inner\r\nContent-Type: text/html\r\n\r\n<p>The text</p>\r\n--inner--\r\n"
    b"--outer\r\nContent-Type: image/png; name=big.png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + FILE + b"\r\n"
    b"--outer\r\nContent-Type: application/pgp-signature\r\n\r\nsmall\r\n--outer--\r\n"
)


def facts(message: Message) -> list[object]:
    parts = [(part.part_id, part.type, part.name, part.cid, part.disposition) for part in message.root.walk()]
    return [parts, body_search_text(message), make_preview(message), decompose(message.root).has_attachment]


@pytest.mark.req("Y28")
def test_a_skeleton_has_the_same_parts_and_text_and_the_sizes_of_the_rest():
    made = skeleton.skeleton_of(RAW)
    assert made is not None
    assert len(made) < 1_000
    found = skeleton.parse_skeleton(made)
    assert facts(found) == facts(parse_message(RAW))
    assert found.left_out == {"2"}
    assert found.part("2").size_bytes == parse_message(RAW).part("2").size_bytes
    assert found.part("3").decoded() == b"small"


@pytest.mark.req("Y28")
def test_a_message_that_is_nearly_all_text_has_no_skeleton():
    assert skeleton.skeleton_of(b"Subject: a\r\n\r\n" + b"word " * 50_000) is None


@pytest.mark.req("Y28")
def test_bytes_of_a_stranger_are_never_read_as_a_skeleton():
    raw = b'PILLARBOX-SKELETON 1 {"1":5}\r\nSubject: a\r\n\r\ntext'
    assert parse_message(raw).left_out == frozenset()
    with pytest.raises(ValueError, match="no skeleton"):
        skeleton.parse_skeleton(RAW)


@pytest.mark.req("Y28")
def test_entities_that_do_not_read_as_they_are_make_no_skeleton():
    header = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    split = skeleton.Entity("1", b"\r\n", b"one\r\n--b\r\n\r\ntwo")
    assert skeleton.build_skeleton(skeleton.Entity(None, header, parts=(split,))) is None
    assert (
        skeleton.build_skeleton(skeleton.Entity(None, b"Content-Type: multipart/mixed\r\n\r\n", parts=(split,))) is None
    )


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the mail corpus (../shared/corpus) is not on this machine")
@pytest.mark.req("Y28")
def test_the_skeleton_of_every_corpus_message_has_its_text(monkeypatch):
    monkeypatch.setattr(skeleton, "SMALL_PART_BYTES", 0)
    monkeypatch.setattr(skeleton, "MIN_SAVING_BYTES", 0)
    made = 0
    for path in sorted(CORPUS.rglob("*")):
        raw = path.read_bytes() if path.is_file() else b""
        found = skeleton.skeleton_of(raw) if b":" in raw[:2_000] else None
        if found is not None:
            made += 1
            assert facts(skeleton.parse_skeleton(found)) == facts(parse_message(raw)), path.name
    assert made > 1_500


@pytest.mark.req("R45")
@pytest.mark.parametrize("kind", ["application/ms-tnef", "application/pkcs7-mime"])
def test_what_wraps_the_message_is_never_left_out(kind):
    """Without it nobody could see what the message says and which files it has."""
    assert skeleton.is_kept(kind, "attachment", skeleton.MAX_TEXT_PART_BYTES)
    wrapped = RAW.replace(b"application/pgp-signature\r\n\r\nsmall", kind.encode() + b"\r\n\r\n" + b"x" * 100_000)
    made = skeleton.skeleton_of(wrapped)
    assert made is not None
    assert skeleton.parse_skeleton(made).part("3").size_bytes == 100_000
    assert skeleton.parse_skeleton(made).left_out == {"2"}
    huge = wrapped.replace(b"x" * 100_000, b"x" * 1_200_000)
    assert skeleton.skeleton_of(huge) is None


@pytest.mark.req("R45")
def test_files_in_a_text_are_in_its_skeleton_too():
    coded = b"begin 644 a.bin\n#86)C\n`\nend\n"
    raw = RAW.replace(
        b"The text\r\n--inner\r\nContent-Type: text/html", coded + b"\r\n--inner\r\nContent-Type: text/html"
    )
    made = skeleton.skeleton_of(raw)
    assert made is not None
    found = skeleton.parse_skeleton(made)
    assert facts(found) == facts(parse_message(raw))
    assert found.part("1.1.u1").decoded() == b"abc"
