"""The terms a message is indexed by: words, stems and marks, each a short text without blanks.

One set of terms serves both databases (an FTS5 column without positions, a `tsvector` without positions), so both find the
same. A circled letter in front says where a word stands; folding turns circled letters into plain ones, so no word of a mail
can pass for a mark. A word of the text has none.

| letter | what |
|---|---|
| (none) | word of the text |
| Ⓞ | word of subject, people or attachment names: what is found without an operator is this or a word of the text |
| Ⓢ | word of the subject |
| Ⓕ Ⓣ Ⓒ Ⓑ Ⓓ | From, To, Cc, Bcc, delivered to: words, whole address, @domain, names with `_` for blanks |
| Ⓦ Ⓩ | stem in the text, in the subject, behind its language |
| Ⓐ Ⓧ Ⓚ | attachment: word of its name, extension, kind |
| Ⓛ Ⓗ | List-Id; a kept header, as `name=word` |
| Ⓘ | the account |

Kept headers (`header:`): all that begin with `X-`, `List-` or `Auto-`, and those of `_KEPT`; not the long machine-written ones of
`_LEFT_OUT`. At most `MAX_HEADERS`, of each the first `MAX_HEADER_CHARS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from webmail.mime.addresses import parse_addresses
from webmail.mime.body import decompose
from webmail.mime.headers import Headers, decode_text
from webmail.mime.part import Message, Part
from webmail.mime.search_text import fold
from webmail.mime.search_words import grams, is_run, languages_of, stem, words_of

OUTSIDE, SUBJECT, FROM, TO, CC, BCC, DELIVERED = "Ⓞ", "Ⓢ", "Ⓕ", "Ⓣ", "Ⓒ", "Ⓑ", "Ⓓ"
STEM, SUBJECT_STEM, FILE, EXTENSION, KIND, LIST, HEADER, ACCOUNT = "Ⓦ", "Ⓩ", "Ⓐ", "Ⓧ", "Ⓚ", "Ⓛ", "Ⓗ", "Ⓘ"
PEOPLE_FIELDS: Final = {"from": FROM, "to": TO, "cc": CC, "bcc": BCC}

MAX_TERMS_CHARS = 250_000  # of one message: a tsvector holds 1 MB
MAX_HEADERS = 60
MAX_HEADER_CHARS = 200
MAX_FILES = 100
_KEPT = frozenset(
    {
        "organization", "importance", "priority", "precedence", "sensitivity", "user-agent", "feedback-id", "return-path",
        "reply-to", "sender", "content-language", "keywords", "comments", "thread-topic", "references", "in-reply-to",
        "mailing-list", "errors-to", "disposition-notification-to", "resent-from", "resent-to", "newsgroups", "mime-version",
    }
)  # fmt: skip
_LEFT_OUT = re.compile(
    r"x-(?:ms-exchange|microsoft|forefront|google|gm-|ms-has|ironport|proofpoint|mimecast|sg-|ymail|yahoo|received|spam-report)"
)
DELIVERED_TO_FIELDS = ("delivered-to", "x-original-to", "envelope-to", "x-delivered-to", "x-envelope-to", "x-rcpt-to")
_UNFIT = re.compile(r"[^\w@.+=\-Ⓐ-Ⓩ]+")
_LINK = re.compile(r"https?://|\bwww\.", re.IGNORECASE)
_LINK_SAMPLE_BYTES = 200_000

# Kinds of attachments (`has:`), by extension; by media type where there is no telling extension.
KINDS: Final[dict[str, str]] = {
    "pdf": "pdf",
    "image": "png jpg jpeg gif webp heic heif avif bmp tif tiff svg",
    "doc": "doc docx odt rtf pages dotx txt md",
    "sheet": "xls xlsx ods csv tsv numbers xlsm",
    "slides": "ppt pptx odp key pps ppsx",
    "audio": "mp3 m4a wav ogg oga opus flac aac wma",
    "video": "mp4 mov avi mkv webm mpg mpeg m4v wmv 3gp",
    "archive": "zip rar 7z tar gz tgz bz2 xz zst",
    "invite": "ics",
}
_KIND_OF_EXTENSION = {extension: kind for kind, extensions in KINDS.items() for extension in extensions.split()}
_KIND_OF_TYPE = (
    ("application/pdf", "pdf"), ("image/", "image"), ("audio/", "audio"), ("video/", "video"), ("text/calendar", "invite"),
    ("application/ics", "invite"), ("application/msword", "doc"), ("application/rtf", "doc"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml", "doc"), ("application/vnd.oasis.opendocument.text", "doc"),
    ("application/vnd.ms-excel", "sheet"), ("application/vnd.openxmlformats-officedocument.spreadsheetml", "sheet"),
    ("application/vnd.oasis.opendocument.spreadsheet", "sheet"), ("text/csv", "sheet"),
    ("application/vnd.ms-powerpoint", "slides"), ("application/vnd.openxmlformats-officedocument.presentationml", "slides"),
    ("application/vnd.oasis.opendocument.presentation", "slides"), ("application/zip", "archive"),
    ("application/x-zip", "archive"), ("application/gzip", "archive"), ("application/x-7z", "archive"),
    ("application/x-rar", "archive"), ("application/vnd.rar", "archive"), ("application/x-tar", "archive"),
)  # fmt: skip


def clean(term: str) -> str:
    """A term without what neither database's index takes in one."""
    return _UNFIT.sub("_", term)


def word_terms(words: Iterable[str], mark: str = "") -> list[str]:
    """The terms of words: a run gives its pairs."""
    found: list[str] = []
    for word in words:
        if is_run(word):
            found += [mark + gram for gram in grams(word)]
        else:
            found.append(mark + word)
    return found


def person_terms(mark: str, name: str, address: str) -> list[str]:
    """Terms of one person in one header, from folded name and address."""
    name_words = words_of(name)
    found = word_terms([*name_words, *words_of(address)], mark)
    if len(name_words) > 1:
        found += [mark + "_".join(name_words[at:]) for at in range(len(name_words) - 1)]
    local, _at, domain = address.rpartition("@")
    if local and domain:
        found.append(mark + clean(address))
        labels = domain.split(".")
        found += [f"{mark}@{clean('.'.join(labels[at:]))}" for at in range(max(1, len(labels) - 1))]
    return found


def document_terms(
    *,
    account_id: int,
    subject: Sequence[str],
    people: Mapping[str, Iterable[Sequence[str]]],
    list_id: str,
    body: Sequence[str],
    marks: str,
) -> str:
    """All terms of a message, each once, a blank between. `subject`, `body`: words; `people`: as `Email.addresses`, folded
    by this; `marks`: those of `message_marks`."""
    found: dict[str, None] = {f"{ACCOUNT}{account_id}": None}
    outside: list[str] = list(subject)
    found.update(dict.fromkeys(word_terms(subject, SUBJECT)))
    for field, mark in PEOPLE_FIELDS.items():
        for name, address in people.get(field, ()):
            folded_name, folded_address = fold(name), fold(address).strip()
            outside += [*words_of(folded_name), *words_of(folded_address)]
            found.update(dict.fromkeys(person_terms(mark, folded_name, folded_address)))
    if list_id:
        folded = fold(list_id)
        found.update(dict.fromkeys([*word_terms(words_of(folded), LIST), LIST + clean(folded)]))
    own = marks.split()
    found.update(dict.fromkeys(own))
    found.update(dict.fromkeys(mark.replace(FILE, OUTSIDE, 1) for mark in own if mark[0] == FILE))
    found.update(dict.fromkeys(word_terms(outside, OUTSIDE)))
    languages = languages_of([*subject, *body])
    found.update(dict.fromkeys(_stem_terms(subject, languages, SUBJECT_STEM)))
    found.update(dict.fromkeys(word_terms(body)))
    found.update(dict.fromkeys(_stem_terms(body, languages, STEM)))
    text = " ".join(found)
    return text if len(text) <= MAX_TERMS_CHARS else text[:MAX_TERMS_CHARS].rpartition(" ")[0]


def _stem_terms(words: Sequence[str], languages: Iterable[str], mark: str) -> list[str]:
    plain = [word for word in dict.fromkeys(words) if word.isalpha() and not is_run(word)]
    return [f"{mark}{code}{stem(word, code)}" for code in languages for word in plain]


# What only the bytes tell ----------------------------------------------------------------------------------------------


def message_marks(message: Message, folded_text: str) -> str:
    """The terms of attachments, links, kept headers and delivery addresses of a parsed message, a blank between."""
    found: dict[str, None] = {}
    for part in _files(message):
        found.update(dict.fromkeys(_file_marks(part)))
    if any(part.type in {"text/calendar", "application/ics"} for part in message.root.walk()):
        found[f"{KIND}invite"] = None
    if _has_link(message, folded_text):
        found[f"{KIND}link"] = None
    for name in DELIVERED_TO_FIELDS:
        for raw in message.headers.get_all(name)[:5]:
            for one in parse_addresses(raw)[:5]:
                found.update(dict.fromkeys(person_terms(DELIVERED, fold(one.name), fold(one.email).strip())))
    found.update(dict.fromkeys(_header_marks(message.headers)))
    return " ".join(found)


def file_names(message: Message) -> list[str]:
    """The names of attachments and of pictures in the text, at most `MAX_FILES`."""
    return [part.name for part in _files(message) if part.name]


def _files(message: Message) -> list[Part]:
    attached = {id(part) for part in decompose(message.root).attachments}
    return [part for part in message.root.walk() if part.name or id(part) in attached][:MAX_FILES]


def _file_marks(part: Part) -> list[str]:
    name = fold(part.name or "").strip()
    stem_, _dot, extension = name.rpartition(".")
    has_extension = bool(stem_) and extension.isascii() and extension.isalnum()
    marks = word_terms(words_of(name), FILE)
    if has_extension:
        marks.append(EXTENSION + extension)
    kind = _KIND_OF_EXTENSION.get(extension) if has_extension else None
    kind = kind or next((kind for start, kind in _KIND_OF_TYPE if part.type.startswith(start)), None)
    # A picture that only the text shows is none that somebody has attached, unless it has a name of its own.
    return [*marks, KIND + kind] if kind else marks


def _has_link(message: Message, folded_text: str) -> bool:
    if _LINK.search(folded_text):
        return True
    return any(
        "href" in part.text(_LINK_SAMPLE_BYTES)[0] and _LINK.search(part.text(_LINK_SAMPLE_BYTES)[0]) is not None
        for part in decompose(message.root).html_body
        if part.type == "text/html"
    )


def _header_marks(headers: Headers) -> list[str]:
    found: list[str] = []
    count = 0
    for name, raw in headers:
        lower = name.lower()
        if not (lower.startswith(("x-", "list-", "auto-")) or lower in _KEPT) or _LEFT_OUT.match(lower):
            continue
        count += 1
        if count > MAX_HEADERS:
            break
        value = fold(decode_text(raw)[:MAX_HEADER_CHARS])
        found.append(HEADER + clean(lower))
        found += word_terms(words_of(value), f"{HEADER}{clean(lower)}=")
    return found
