"""The content of a message for reading: its form, and the addresses that go with it for one person.

HTML never enters our document: it is served as its own (`views.content`) and shown in a sandboxed frame. Plain text was
written from escaped pieces and may stand in the page. Nothing edits what the cleaner returned (security R4), but that hits of a
search are marked between its tags.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from markupsafe import Markup, escape

from accounts.models import SenderRule, User
from webmail.mime.hits import mark_in_html
from webmail.mime.limits import MessageTooLargeError
from webmail.mime.part import Message
from webmail.mime.readable import FormOptions, Readable, ReadableFile
from webmail.mime.safe_html.sanitize import QUOTE_LABEL
from webmail.store import contents
from webmail.store.errors import BlobDamaged, BlobMissing
from webmail.store.models import Email
from webmail.store.reading import forms
from webmail.web.reading.authenticity import Acquaintance, SenderNotice, sender_notice
from webmail.web.reading.content_links import content_path
from webmail.web.reading.remote_content import (
    Decision,
    RemoteBar,
    Rules,
    bar_of,
    decide,
    is_granted,
    is_in_junk,
    rules_for,
)
from webmail.web.reading.wishes import LIGHT, NO_WISH, Wish, look_of
from webmail.web.searching.marks import read_hits


class ContentUnreadable(Exception):
    """The bytes cannot be shown; the message says why, for people."""


@dataclass(frozen=True)
class Content:
    """What a message shows to one person. `path`: where all its parts lie, for this person; `look`: the query of the frame's
    address. `sender`: who really sent it; `remote`: what is said of pictures from elsewhere; None: nothing."""

    form: Readable
    path: str
    look: str
    wish: Wish
    keeps_colors: bool = False  # the reader wants this sender's mail in its own colours, always
    sender: SenderNotice | None = None
    remote: RemoteBar | None = None

    @property
    def text(self) -> Markup:
        # Written by plain_text_to_html from escaped pieces: in quotation marks there is only what it put there itself.
        label = f'"{escape(_("Show quoted text"))}"'
        text = self.form.text.replace(f'"{QUOTE_LABEL}"', label)
        return Markup(mark_in_html(text, read_hits(self.wish.hits)))  # noqa: S704

    @property
    def frame_address(self) -> str:
        """Of an HTML body; "" for a plain text."""
        return f"{self.path}body" if self.form.html else ""

    @property
    def is_adapted(self) -> bool:
        """Whether its colours may be others than its sender's, when pages are dark."""
        return bool(self.form.html) and not self.look.startswith(f"scheme={LIGHT}")

    @property
    def is_fixed_width(self) -> bool:
        """Whether a plain text stands in letters of one width: by the reader's wish, else because it has columns."""
        return self.wish.face == "fixed" or (self.form.is_fixed_width and self.wish.face != "reading")

    @property
    def pictures(self) -> tuple[ReadableFile, ...]:
        return self.form.pictures

    @property
    def files(self) -> tuple[ReadableFile, ...]:
        return self.form.files


@dataclass(frozen=True)
class Reader:
    """Who reads, how they wish to, and what is looked up once for all messages of a page. `own`: their addresses, folded."""

    user: User
    own: Collection[str]
    wish: Wish = NO_WISH
    known: Acquaintance | None = None
    rules: Rules | None = None


def read_content(reader: Reader, email: Email) -> Content:
    """The content of an Email whose bytes are here. Raises `ContentUnreadable`."""
    user, wish = reader.user, reader.wish
    as_text = wish.form == "text" or (user.prefers_text and wish.form != "html")
    form = read_form(user, email, as_text=as_text)
    rules = reader.rules or rules_for(user, [email])
    sender = sender_notice(user, email, form.claims, own=reader.own, known=reader.known)
    decision = Decision("ask")
    if form.remote:
        decision = decide(
            user,
            email,
            in_junk=is_in_junk(email),
            is_forged=sender is not None and sender.level == "failed",
            is_protected=form.protection is not None,
            once=bool(wish.pictures) and is_granted(user, email, wish.pictures),
            rules=rules,
        )
    bar = bar_of(email, decision, form.remote)
    if form.remote and decision.shows:
        form = read_form(user, email, shows_remote=True)
    keeps_colors = bool(form.html) and bool(rules.about(email, SenderRule.Kind.ORIGINAL_COLORS))
    return Content(
        form,
        content_path(user, email, once=bool(form.remote) and decision.shows),
        look_of(user, wish, keeps_colors=keeps_colors),
        wish,
        keeps_colors,
        sender,
        bar,
    )


def read_nested(user: User, email: Email, nested: Sequence[str], *, wish: Wish = NO_WISH) -> Content:
    """The content of a message within the message. Nobody vouches for its sender, so nothing is loaded from elsewhere.

    Raises `ContentUnreadable`.
    """
    form = read_form(user, email, nested=nested)
    bar = bar_of(email, Decision("nested"), form.remote)
    return Content(
        form, content_path(user, email, nested=nested), look_of(user, wish, keeps_colors=False), wish, remote=bar
    )


def read_form(
    user: User, email: Email, *, shows_remote: bool = False, nested: Sequence[str] = (), as_text: bool = False
) -> Readable:
    """How this person reads the message. Raises `ContentUnreadable`."""
    try:
        options = FormOptions(
            shows_remote=shows_remote,
            strips_tracking=user.strips_tracking,
            nested=tuple(nested),
            as_text=as_text,
        )
        return forms.readable_form(email, options)
    except forms.Unreadable as error:
        raise ContentUnreadable(
            _("This message cannot be taken apart within the limits that protect your mail. You can download it.")
        ) from error
    except (contents.NotHere, BlobMissing, BlobDamaged) as error:
        raise _explain(error) from error


def parse_email(email: Email) -> Message:
    """The parsed message of an Email whose bytes are here. Raises `ContentUnreadable`."""
    try:
        return contents.read_message(email)
    except (contents.NotHere, BlobMissing, BlobDamaged) as error:
        raise _explain(error) from error
    except MessageTooLargeError as error:
        raise ContentUnreadable(_("This message is too large to be shown. You can download it.")) from error


def _explain(error: Exception) -> ContentUnreadable:
    if isinstance(error, contents.NotHere):
        return ContentUnreadable(_("This message has not been fetched from the server yet."))
    return ContentUnreadable(
        _("The stored copy of this message is damaged. The administrator can see that and have it fetched again.")
    )
