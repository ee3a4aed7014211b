"""The operators of the query language: one row each, with what it takes, for faults, help and suggestions. No rows of mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Operator:
    """`takes`: completes "from: needs …". `label`: how a chip calls it. `values`: the only ones there are, none: any."""

    name: str
    takes: str | Promise
    label: str | Promise
    example: str
    values: tuple[str, ...] = ()


_PERSON = _("a person, an address or @domain")
_DATE = _("a date such as 2026-03-01, 2026-03, 2026, yesterday or monday")
_SIZE = _("a size such as 5M or 100K")
_AGE = _("an age such as 5d, 2w, 3m or 1y")

IS_VALUES: Final = (
    "unread", "read", "starred", "important", "answered", "forwarded", "draft", "muted", "snoozed", "scheduled",
)  # fmt: skip
HAS_VALUES: Final = (
    "attachment", "link", "label", "pdf", "image", "doc", "sheet", "slides", "audio", "video", "archive", "invite",
)  # fmt: skip

OPERATORS: Final[Mapping[str, Operator]] = {
    one.name: one
    for one in (
        Operator("from", _PERSON, _("from"), "from:anna"),
        Operator("to", _PERSON, _("to"), "to:me"),
        Operator("cc", _PERSON, _("cc"), "cc:anna@example.org"),
        Operator("bcc", _PERSON, _("bcc"), "bcc:anna"),
        Operator("with", _PERSON, _("with"), "with:@example.org"),
        Operator("deliveredto", _("an address or @domain"), _("delivered to"), "deliveredto:me@example.org"),
        Operator("list", _("the name of a mailing list"), _("list"), "list:dev.example.org"),
        Operator("subject", _("words of the subject"), _("subject"), "subject:invoice"),
        Operator("body", _("words of the text"), _("text"), 'body:"kind regards"'),
        Operator("mentions", _("me"), _("mentions"), "mentions:me", ("me",)),
        Operator("header", _("a name and a value such as X-Mailer=apple"), _("header"), "header:X-Mailer=apple"),
        Operator("rfc822msgid", _("a Message-ID"), _("Message-ID"), "rfc822msgid:abc@example.org"),
        Operator("is", _("a state such as unread"), _("is"), "is:unread", IS_VALUES),
        Operator("has", _("what is in it, such as attachment"), _("has"), "has:attachment", HAS_VALUES),
        Operator("filename", _("the name of an attachment or its ending"), _("attachment"), "filename:pdf"),
        Operator("larger", _SIZE, _("larger than"), "larger:5M"),
        Operator("smaller", _SIZE, _("smaller than"), "smaller:100K"),
        Operator("minsize", _SIZE, _("at least"), "minsize:1M"),
        Operator("maxsize", _SIZE, _("at most"), "maxsize:1M"),
        Operator("after", _DATE, _("after"), "after:2026-03-01"),
        Operator("before", _DATE, _("before"), "before:2026-03"),
        Operator("on", _DATE, _("on"), "on:yesterday"),
        Operator("older_than", _AGE, _("older than"), "older_than:1y"),
        Operator("newer_than", _AGE, _("newer than"), "newer_than:7d"),
        Operator("in", _("a mailbox's name or role, or anywhere"), _("in"), 'in:"My folder"'),
        Operator("label", _("the name of a label"), _("label"), "label:work"),
        Operator("account", _("an account's name or address"), _("account"), "account:work"),
    )
}
# Other names of the same.
ALIASES: Final[Mapping[str, str]] = {
    "since": "after",
    "newer": "after",
    "older": "before",
    "size": "minsize",
    "tag": "label",
}
# Known names that this site cannot serve, with the reason.
NOT_HERE: Final[Mapping[str, str | Promise]] = {
    "category": _("category: is there only with a priority inbox."),
}
# What may stand for a value of `is:` and `has:`.
VALUE_ALIASES: Final[Mapping[tuple[str, str], str]] = {
    ("is", "flagged"): "starred",
    ("is", "replied"): "answered",
    ("is", "seen"): "read",
    ("is", "unseen"): "unread",
    ("has", "attachments"): "attachment",
    ("has", "links"): "link",
    ("has", "labels"): "label",
    ("has", "images"): "image",
    ("has", "document"): "doc",
    ("has", "spreadsheet"): "sheet",
    ("has", "presentation"): "slides",
    ("has", "calendar"): "invite",
}
PEOPLE: Final = frozenset({"from", "to", "cc", "bcc", "with", "deliveredto"})
DATES: Final = frozenset({"after", "before", "on"})
AGES: Final = frozenset({"older_than", "newer_than"})
SIZES: Final = frozenset({"larger", "smaller", "minsize", "maxsize"})
TEXTS: Final = frozenset({"", "subject", "body"})
