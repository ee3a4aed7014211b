"""Setting and clearing keywords: read, star, answered, labels."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from accounts.models import User
from webmail.journal.entries import append_action, by_account
from webmail.journal.errors import BadKeyword
from webmail.journal.models import Action
from webmail.store import changes, emails
from webmail.store.models import Email

# RFC 8621 section 4.1.1: printable ASCII but for brackets, percent, asterisk, quote and backslash.
_KEYWORD = re.compile(r"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]{1,255}")


def clean_keyword(keyword: str) -> str:
    """The keyword in lower case. Raises `BadKeyword`."""
    if not _KEYWORD.fullmatch(keyword):
        raise BadKeyword(f"{keyword[:40]!r} cannot be a keyword")
    return keyword.lower()


def set_keywords(
    user: User | None, targets: Sequence[Email], *, add: Collection[str] = (), remove: Collection[str] = ()
) -> list[Action]:
    """Add and remove keywords on Emails of one or several accounts; one Action an account. Emails that have it so
    already are left alone. Raises `BadKeyword` before anything changed."""
    adding = frozenset(clean_keyword(word) for word in add)
    removing = frozenset(clean_keyword(word) for word in remove) - adding
    actions = []
    for account_id, found in by_account(targets).items():
        with changes.recording(account_id) as record:
            wish = emails.KeywordChange(adding, removing)
            changed = emails.change_keywords(record, dict.fromkeys((email.pk for email in found), wish))
            if changed:
                actions.append(
                    append_action(
                        account_id,
                        Action.Kind.KEYWORDS,
                        user=user,
                        emails=[
                            (email_id, None, {"added": real.added, "removed": real.removed})
                            for email_id, real in changed.items()
                        ],
                        arguments={"add": sorted(adding), "remove": sorted(removing)},
                    )
                )
    return actions


def undo_keywords(action: Action) -> None:
    """Put back what the Action changed: its server refused for good."""
    with changes.recording(action.account_id) as record:
        back = {
            row.email_id: emails.KeywordChange(
                frozenset(row.changed.get("removed", ())), frozenset(row.changed.get("added", ()))
            )
            for row in action.emails.all()
        }
        emails.change_keywords(record, back)
