"""What joins messages to conversations: the base subject (RFC 5256 2.1) and the ids a message names."""

import re

from webmail.mime.headers import ListHeaders, decode_text
from webmail.mime.limits import MAX_THREAD_IDS

_BLOB = re.compile(r"\[[^\[\]]*+\][ \t]*+")
_REFWD = re.compile(r"(?:re|fwd?)[ \t]*+(?:\[[^\[\]]*+\][ \t]*+)?:", re.IGNORECASE)
# What programs of other languages put in front of a reply or a forwarded message, also as `Re^2:` and `RE(3):`.
_FOREIGN = re.compile(
    r"(?:re|aw|antw|sv|vs|odp|odpověď|ynt|res|rv|tr|wg|fw|fwd|vb|vl|doorst|i|pd|enc|rif|r|ref|回复|回覆|答复|转发|轉寄|отв|пер)"
    r"(?:\^\d{1,3}|\(\d{1,3}\))?[ \t]*+(?:\[\d{1,3}\])?[ \t]*+[:：][ \t]*+",
    re.IGNORECASE,
)
_MAX_SUBJECT_CHARS = 1_000


def base_subject(subject: str) -> str:
    """The base subject of RFC 5256 section 2.1, with the case it had: compare and sort without case.

    `subject`: decoded or raw. At most 1,000 characters are looked at.
    """
    text = " ".join(decode_text(subject)[:_MAX_SUBJECT_CHARS].split())
    while True:
        text = _strip_trailers(text)
        text = _strip_leaders(text)
        if not (text[:5].lower() == "[fwd:" and text.endswith("]")):
            return text
        text = text[5:-1].strip()


def _strip_trailers(text: str) -> str:
    while True:
        shorter = text.rstrip(" \t")
        if shorter[-5:].lower() == "(fwd)":
            shorter = shorter[:-5]
        if shorter == text:
            return text
        text = shorter


def _strip_leaders(text: str) -> str:
    """Steps 3 to 5: leaders, then a blob unless it is all there is, until nothing changes."""
    position = 0
    while True:
        after_leader = _skip_leader(text, position)
        if after_leader == position:
            blob = _BLOB.match(text, position)
            if blob is None or blob.end() >= len(text):
                return text[position:]
            after_leader = blob.end()
        position = after_leader


def _skip_leader(text: str, start: int) -> int:
    """The end of one subj-leader at `start` (blobs count only in front of a `re:`), or `start`."""
    if text[start : start + 1] in (" ", "\t"):
        return start + 1
    position = start
    while blob := _BLOB.match(text, position):
        position = blob.end()
    found = _REFWD.match(text, position)
    return found.end() if found else start


def thread_subject(subject: str) -> str:
    """A key that is equal for messages of one conversation: the base subject, also without the reply marks of other
    languages (`AW:`, `SV:`, `回复:`), case-folded, white space removed (RFC 8621 section 3)."""
    return thread_key(base_subject(subject))


def thread_key(base: str) -> str:
    """`thread_subject` of a subject whose base subject is known."""
    text = base
    while (found := _FOREIGN.match(text)) and found.end() < len(text):
        text = base_subject(text[found.end() :])
    return "".join(text.casefold().split())


def thread_ids(headers: ListHeaders) -> tuple[str, ...]:
    """The Message-IDs that tie this message to others: its own, then those it names, each once, at most 100.

    Of very long References the first (the root) and the latest are kept.
    """
    named = (*headers.references, *headers.in_reply_to)
    if len(named) >= MAX_THREAD_IDS:
        named = (*named[:10], *named[-(MAX_THREAD_IDS - 11) :])
    own = (headers.message_id,) if headers.message_id else ()
    return tuple(dict.fromkeys((*own, *named)))
