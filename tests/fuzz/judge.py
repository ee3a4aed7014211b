"""What must hold of any bytes whatever: all that is shown of them is harmless, is text, and the parts are told apart."""

import re
from collections.abc import Iterator

from tests.mime.safe_html.safety import assert_safe, assert_safe_result
from webmail.mime.digest import digest_job
from webmail.mime.limits import MAX_PREVIEW_CHARS, MAX_SEARCH_BYTES, MessageTooLargeError
from webmail.mime.parse import parse_message
from webmail.mime.part import Message, Part
from webmail.mime.preview import make_preview
from webmail.mime.readable import Readable, load_readable, make_readable, readable_job
from webmail.mime.safe_html.sanitize import sanitize
from webmail.mime.search_text import body_search_text
from webmail.mime.skeleton import parse_skeleton, skeleton_of

PART_ID = re.compile(r"[0-9a-z.]{1,100}")
NOT_TEXT = re.compile("[\x00\ud800-\udfff]")
OWN_MARKS = re.compile(
    r"""(?<=<div) class="(?:plain|text|text pb-signature)"(?=>)|(?<=<blockquote) class="quote" data-level="\d+"(?=>)"""
)
MAX_NESTED = 3
MAX_HTML_PARTS = 4
WISHES = ({}, {"shows_remote": True, "strips_tracking": True})


def judge(raw: bytes) -> None:
    """Read `raw` in every way the product has. Raises what is wrong; says nothing of a message that is too large."""
    try:
        message = parse_message(raw)
    except MessageTooLargeError:
        return
    parts = _judge_parts(message)
    _judge_index(message, raw)
    for part in parts:
        if part.type == "text/html":
            _judge_html(part)
    _judge_readable(raw, parts)
    _judge_skeleton(raw, parts)
    for part in parts[:20]:
        if part.parser is not None:
            _judge_nested(part, 1)


def _judge_parts(message: Message) -> list[Part]:
    parts = [part for part in message.root.walk() if not part.is_multipart]
    ids = [part.part_id or "" for part in parts]
    assert len(ids) == len(set(ids)), f"part ids are not unique: {ids}"
    for part in parts:
        assert PART_ID.fullmatch(part.part_id or ""), f"no part id: {part.part_id!r}"
        assert message.part(part.part_id or "") is part, "a part is not found by its id"
        assert_text(part.text()[0], "the text of a part")
        assert_text(
            " ".join(filter(None, (part.type, part.name, part.cid, part.charset, part.disposition, part.location))),
            "a part",
        )
        assert part.size_bytes == len(part.decoded()), "a part's size is not that of what it gives"
    return parts


def _judge_index(message: Message, raw: bytes) -> None:
    headers = message.list_headers
    people = (*headers.from_, *headers.to, *headers.cc, *headers.reply_to, *headers.sender)
    for text in (headers.subject, *(text for one in people for text in (one.name, one.email))):
        assert_text(text, "a header field")
    preview, search = make_preview(message), body_search_text(message)
    assert_text(preview, "the preview")
    assert_text(search, "the search text")
    assert len(preview) <= MAX_PREVIEW_CHARS, "the preview is too long"
    assert len(search.encode()) <= MAX_SEARCH_BYTES, "the search text is too long"
    digest_job(raw, {})


def _judge_html(part: Part) -> None:
    html = part.text()[0][:1_000_000]
    for shows_remote in (False, True):
        cleaned = sanitize(html, cid_urls={"a": "p/1"}, shows_remote=shows_remote, strips_tracking=shows_remote)
        assert_safe_result(cleaned, shows_remote=shows_remote, own_urls=frozenset({"p/1"}))
        assert_text(cleaned.html + cleaned.css, "cleaned HTML")


def _judge_readable(raw: bytes, parts: list[Part]) -> None:
    own_urls = frozenset(f"p/{part.part_id}" for part in parts)
    for wish in WISHES:
        form = load_readable(readable_job(raw, wish).data)
        _judge_form(form, own_urls, shows_remote="shows_remote" in wish)


def _judge_form(form: Readable, own_urls: frozenset[str], *, shows_remote: bool) -> None:
    assert not (form.html and form.text), "two bodies"
    assert_safe(_without_own_marks(form.html), css=form.css, own_urls=own_urls, shows_remote=shows_remote)
    assert_safe(_without_own_marks(form.text), own_urls=own_urls)
    for text in _strings(form):
        assert_text(text, "the readable form")
    files = [*form.drawn, *form.pictures, *form.files]
    assert len({file.part_id for file in files}) == len(files), "a file is listed twice"
    for file in files:
        assert file.name, "a file without a name"
        assert not re.search(r"[/\\\r\n]", file.name), f"an unsafe name: {file.name!r}"


def _without_own_marks(html: str) -> str:
    """`html` without what `plain_text_to_html` writes for our own style sheet; mail cannot write it, for its text is escaped and
    its classes have a prefix."""
    return OWN_MARKS.sub("", html)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _strings(one)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from _strings(getattr(value, name))


def _judge_skeleton(raw: bytes, parts: list[Part]) -> None:
    """R45: a message whose files are not here yet has the same parts."""
    skeleton = skeleton_of(raw)
    if skeleton is not None:
        found = [part for part in parse_skeleton(skeleton).root.walk() if not part.is_multipart]
        listed = [(part.part_id, part.type, part.name) for part in parts]
        assert [(part.part_id, part.type, part.name) for part in found] == listed, "a skeleton has other parts"


def _judge_nested(part: Part, depth: int) -> None:
    nested = part.nested()
    parts = _judge_parts(nested)
    _judge_form(make_readable(nested, {}), frozenset(f"p/{one.part_id}" for one in parts), shows_remote=False)
    if depth < MAX_NESTED:
        for one in parts[:5]:
            if one.parser is not None:
                _judge_nested(one, depth + 1)


def assert_text(text: str, what: str) -> None:
    """Fail unless every place of ours can keep and show `text`."""
    found = NOT_TEXT.search(text)
    assert found is None, f"{what} holds {found.group()!r} at {found.start()}" if found else ""
