"""What is kept of a message once its bytes are here: a line for the list, text for search, and what it reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter

from webmail.mime.body import decompose
from webmail.mime.limited.answer import Answer
from webmail.mime.opened import open_message
from webmail.mime.part import Message
from webmail.mime.preview import make_preview
from webmail.mime.reports.read import may_be_report, read_report
from webmail.mime.reports.values import Report
from webmail.mime.search_terms import file_names, message_marks
from webmail.mime.search_text import MAX_WRITTEN_CHARS, fold, fold_text, written_text


@dataclass(frozen=True, slots=True)
class Digest:
    """`preview`: at most 256 characters; `report`: when the message is one.

    For search: `search_text`, the folded text of the body, at most 512 KB; `search_marks`, the terms of what else is in the
    message; `file_names`, folded; `written`, how the text begins as it was written.
    """

    preview: str
    search_text: str
    has_attachment: bool
    report: Report | None = None
    search_marks: str = ""
    file_names: str = ""
    written: str = ""


def make_digest(message: Message) -> Digest:
    """The digest of a parsed message."""
    text = written_text(message)
    folded = fold_text(text)
    return Digest(
        preview=make_preview(message),
        search_text=folded,
        has_attachment=decompose(message.root).has_attachment,
        report=_report_of(message),
        search_marks=message_marks(message, folded),
        file_names=" ".join(map(fold, file_names(message))),
        written=text[:MAX_WRITTEN_CHARS],
    )


def _report_of(message: Message) -> Report | None:
    if not may_be_report(message.headers):
        return None
    try:
        return read_report(message)
    except Exception:  # noqa: BLE001 - a report that cannot be read is still a message that can be searched
        return None


_DIGEST: Final = TypeAdapter(Digest)


def digest_job(raw: bytes, options: Mapping[str, Any]) -> Answer:
    """The job "digest": `options` as `open_message` takes them."""
    return Answer(data=_DIGEST.dump_json(make_digest(open_message(raw, options))))


def read_digest(answer: Answer) -> Digest:
    """What the child said."""
    return _DIGEST.validate_json(answer.data)
