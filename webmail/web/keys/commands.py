"""The table of commands: everything that a key or the palette can do. Says nothing of how: that is `static/js/keys/commands.js`.

The Gmail column is the table of ux section 8. The Outlook column follows Outlook on the web. The Apple column follows Apple Mail
where browsers let a page have the key; where they keep it (Cmd+N, Cmd+R) the letter of the Gmail column stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _


class Place(StrEnum):
    """Where a command works. List and thread are seen side by side, so keys must differ between them as well."""

    LIST = "list"
    THREAD = "thread"
    MAIL = "mail"  # both
    ANYWHERE = "anywhere"
    COMPOSER = "composer"


class Group(StrEnum):
    """The parts of the overlay, in its order."""

    MOVING = "moving"
    SELECTING = "selecting"
    ORGANISING = "organising"
    THREAD = "thread"
    WRITING = "writing"
    GOING = "going"
    PROGRAM = "program"


GROUP_WORDS: dict[Group, Promise] = {
    Group.MOVING: _("Moving about"),
    Group.SELECTING: _("Selecting"),
    Group.ORGANISING: _("Organising"),
    Group.THREAD: _("In a conversation"),
    Group.WRITING: _("Writing"),
    Group.GOING: _("Going to"),
    Group.PROGRAM: _("Pillarbox"),
}


@dataclass(frozen=True)
class Command:
    """One thing that can be done. `repeats`: holding the key down does it again."""

    name: str
    group: Group
    words: Promise
    gmail: tuple[str, ...]
    outlook: tuple[str, ...]
    apple: tuple[str, ...]
    place: Place = Place.MAIL
    repeats: bool = False
    number: int = 0  # of an account: shown to those who have as many


def _keys(column: str) -> tuple[str, ...]:
    """Alternatives are separated by " | "."""
    return tuple(key for key in column.split(" | ") if key)


def _command(
    group: Group,
    name: str,
    words: Promise,
    gmail: str,
    outlook: str | None = None,
    apple: str | None = None,
    *,
    place: Place = Place.MAIL,
    repeats: bool = False,
) -> Command:
    """A row of the table. A column left out is as Gmail's; an empty one has no key."""
    columns = [_keys(gmail if column is None else column) for column in (gmail, outlook, apple)]
    return Command(name, group, words, columns[0], columns[1], columns[2], place, repeats)


def _account(number: int) -> Command:
    keys = (f"Alt+{number}",)
    words = format_lazy(_("Account {number}"), number=number)
    return Command(f"account_{number}", Group.GOING, words, keys, keys, keys, Place.ANYWHERE, number=number)


_moving = partial(_command, Group.MOVING)
_selecting = partial(_command, Group.SELECTING)
_organising = partial(_command, Group.ORGANISING)
_thread = partial(_command, Group.THREAD)
_writing = partial(_command, Group.WRITING)
_going = partial(_command, Group.GOING)
_program = partial(_command, Group.PROGRAM)

ACCOUNTS = 9
COMMANDS: tuple[Command, ...] = (
    _moving("next", _("Next row"), "j | ArrowDown", "ArrowDown", "ArrowDown", place=Place.LIST, repeats=True),
    _moving("previous", _("Previous row"), "k | ArrowUp", "ArrowUp", "ArrowUp", place=Place.LIST, repeats=True),
    _moving("open", _("Open"), "o | Enter", place=Place.MAIL),
    _moving("back", _("Back to the list; in the list: look for new mail"), "u", "Backspace", "u"),
    _moving("search", _("Search"), "/", "/ | Alt+q", "/ | Ctrl+Alt+f", place=Place.ANYWHERE),
    _moving("next_block", _("Next block of the list"), "g n", place=Place.LIST, repeats=True),
    _moving("previous_block", _("Previous block of the list"), "g p", place=Place.LIST, repeats=True),
    _selecting("select", _("Select the row, or take it out"), "x", "Ctrl+Space | x", place=Place.LIST),
    _selecting(
        "extend_next",
        _("Extend the selection downwards"),
        "Shift+j | Shift+ArrowDown",
        "Shift+ArrowDown",
        "Shift+ArrowDown",
        place=Place.LIST,
        repeats=True,
    ),
    _selecting(
        "extend_previous",
        _("Extend the selection upwards"),
        "Shift+k | Shift+ArrowUp",
        "Shift+ArrowUp",
        "Shift+ArrowUp",
        place=Place.LIST,
        repeats=True,
    ),
    _selecting("select_all", _("Select all"), "* a", place=Place.LIST),
    _selecting("select_none", _("Select none"), "* n", place=Place.LIST),
    _selecting("select_read", _("Select those that are read"), "* r", place=Place.LIST),
    _selecting("select_unread", _("Select those that are unread"), "* u", place=Place.LIST),
    _selecting("select_starred", _("Select those with a star"), "* s", place=Place.LIST),
    _selecting("select_unstarred", _("Select those without a star"), "* t", place=Place.LIST),
    _organising("archive", _("Archive"), "e", "e", "Ctrl+Shift+a | e"),
    _organising("delete", _("Delete"), "# | Delete", "Delete", "Delete | Backspace"),
    _organising("junk", _("Junk; in Junk: not junk"), "!", "j", "Ctrl+Shift+j | !"),
    _organising("star", _("Star, or take the star off"), "s", "Insert | s", "Ctrl+Shift+l | s"),
    _organising("important", _("Important"), "+"),
    _organising("unimportant", _("Not important"), "-"),
    _organising("read", _("Mark as read"), "Shift+i", "q"),
    _organising("unread", _("Mark as unread"), "Shift+u", "u", "Ctrl+Shift+u"),
    _organising("unread_from", _("Mark as unread from here on"), "_"),
    _organising("label", _("Label"), "l", "c"),
    _organising("move", _("Move"), "v"),
    _organising("unlabel", _("Take this label off"), "y"),
    _organising("mute", _("Mute"), "m", "Ctrl+Delete | m"),
    _organising("archive_previous", _("Archive, then open the previous"), "[", ""),
    _organising("archive_next", _("Archive, then open the next"), "]", ""),
    _organising("undo", _("Undo"), "z | Ctrl+z", place=Place.ANYWHERE),
    _thread(
        "next_message",
        _("Next message of the conversation"),
        "n",
        "Ctrl+. | ]",
        "n",
        place=Place.THREAD,
        repeats=True,
    ),
    _thread(
        "previous_message",
        _("Previous message of the conversation"),
        "p",
        "Ctrl+, | [",
        "p",
        place=Place.THREAD,
        repeats=True,
    ),
    _thread("unfold_all", _("Open all messages"), ";", place=Place.THREAD),
    _thread("fold_all", _("Fold all messages"), ":", place=Place.THREAD),
    _thread("headers", _("Headers of the message"), "h", "h", "Ctrl+Shift+h | h", place=Place.THREAD),
    _thread("colors", _("Original colours, or those of the theme"), "Shift+h", place=Place.THREAD),
    _writing("compose", _("Write a message"), "c", "n", "c", place=Place.ANYWHERE),
    _writing("reply", _("Reply"), "r", place=Place.THREAD),
    _writing("reply_all", _("Reply to all"), "a", "Shift+r", "a", place=Place.THREAD),
    _writing("forward", _("Forward"), "f", "Shift+f", "Ctrl+Shift+f | f", place=Place.THREAD),
    _writing("send", _("Send"), "Ctrl+Enter", "Ctrl+Enter | Alt+s", "Ctrl+Enter | Ctrl+Shift+d", place=Place.COMPOSER),
    _writing("send_archive", _("Send and archive"), "Ctrl+Shift+Enter", place=Place.COMPOSER),
    _writing("save_draft", _("Save the draft"), "Ctrl+s", place=Place.COMPOSER),
    _going("go_inbox", _("Inbox"), "g i", place=Place.ANYWHERE),
    _going("go_unread", _("Unread"), "g u", place=Place.ANYWHERE),
    _going("go_starred", _("Starred"), "g s", "g f", place=Place.ANYWHERE),
    _going("go_drafts", _("Drafts"), "g d", place=Place.ANYWHERE),
    _going("go_sent", _("Sent"), "g t", "g s | g t", "g t", place=Place.ANYWHERE),
    _going("go_scheduled", _("Scheduled"), "g o", place=Place.ANYWHERE),
    _going("go_all", _("All mail"), "g a", place=Place.ANYWHERE),
    _going("go_searches", _("Saved searches"), "g k", place=Place.ANYWHERE),
    _going("go_label", _("A mailbox or label"), "g l", place=Place.ANYWHERE),
    *(_account(number) for number in range(1, ACCOUNTS + 1)),
    _program("palette", _("Find anything: commands, mailboxes, people"), "Ctrl+k", place=Place.ANYWHERE),
    _program("keys", _("Show the keys"), "?", place=Place.ANYWHERE),
    _program("more", _("More actions"), ".", place=Place.MAIL),
    _program("toolbar", _("Go to the toolbar"), ",", place=Place.MAIL),
)
BY_NAME: dict[str, Command] = {command.name: command for command in COMMANDS}
