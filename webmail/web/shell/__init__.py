"""What stands around every page of a signed-in person. `frame` reads it, `navigation` makes the lines of the sidebar, `answers`
sends it again when something in it was changed."""

from webmail.web.shell.frame import Shell, shell_of
from webmail.web.shell.navigation import (
    ROLE_ICONS,
    AccountNav,
    AccountTree,
    ListingProgress,
    NavItem,
    account_initial,
    mailbox_title,
)

__all__ = [
    "ROLE_ICONS",
    "AccountNav",
    "AccountTree",
    "ListingProgress",
    "NavItem",
    "Shell",
    "account_initial",
    "mailbox_title",
    "shell_of",
]
