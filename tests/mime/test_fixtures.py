"""Each message of tests/corpus/rfc and tests/corpus/malformed against the JSON beside it."""

import json
from pathlib import Path

import pytest

from webmail.mime.body import decompose
from webmail.mime.parse import parse_message
from webmail.mime.preview import make_preview
from webmail.mime.search_text import body_search_text

CORPUS = Path(__file__).parents[1] / "corpus"
FIXTURES = sorted((CORPUS / "rfc").glob("*.eml")) + sorted((CORPUS / "malformed").glob("*.eml"))


@pytest.mark.req("R42")
@pytest.mark.req("R45")
@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_message_is_read_as_its_expectation_says(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text("utf-8"))
    message = parse_message(path.read_bytes())
    body = decompose(message.root)
    found = {
        "subject": message.list_headers.subject,
        "parts": [[part.part_id, part.type, part.name] for part in message.root.walk() if not part.is_multipart],
        "text": "".join(part.text()[0] for part in body.text_body if part.type.startswith("text/")),
        "defects": list(message.defects),
        "has_attachment": body.has_attachment,
    }
    assert found == expected


@pytest.mark.req("R45")
@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_preview_and_search_show_the_same_parts_as_the_reader(path: Path) -> None:
    message = parse_message(path.read_bytes())
    shown = " ".join(part.text()[0] for part in decompose(message.root).text_body if part.type == "text/plain").split()
    search = body_search_text(message)
    assert all(word.casefold() in search for word in shown if word.isascii())
    assert all(word in " ".join(shown) for word in make_preview(message).split())
