"""Setting and clearing keywords: read, star, answered, labels."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import User
from webmail.journal.entries import EmailRow, append_action, by_account
from webmail.journal.errors import ActionRefused, BadKeyword
from webmail.journal.models import Action, ActionEmail
from webmail.store import changes, emails, mailboxes
from webmail.store.models import Email, Mailbox
from webmail.store.sql import chunks

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
    already are left alone. Raises `BadKeyword`, or `ActionRefused` where a mailbox does not allow it, before anything changed."""
    adding, removing = clean_change(add, remove)
    check_marking([email.pk for email in targets], adding | removing, {email.account_id for email in targets})
    return _set(user, targets, adding, removing)


def set_where_allowed(
    user: User | None, targets: Sequence[Email], *, add: Collection[str] = (), remove: Collection[str] = ()
) -> list[Action]:
    """Change keywords that nobody has asked for, such as $seen on opening: where a mailbox does not allow it nothing happens."""
    adding, removing = clean_change(add, remove)
    ids = list({email.pk for email in targets})
    refused = refused_marking(ids, adding | removing, {email.account_id for email in targets})
    return _set(user, [email for email in targets if email.pk not in refused], adding, removing)


def _set(user: User | None, targets: Sequence[Email], adding: frozenset[str], removing: frozenset[str]) -> list[Action]:
    actions = []
    for account_id, found in by_account(targets).items():
        with changes.recording(account_id) as record:
            rows = change_rows(record, [email.pk for email in found], adding, removing)
            if rows:
                arguments = {"add": sorted(adding), "remove": sorted(removing)}
                actions.append(
                    append_action(account_id, Action.Kind.KEYWORDS, user=user, emails=rows, arguments=arguments)
                )
    return actions


def check_marking(email_ids: Sequence[int], words: Collection[str], account_ids: Collection[int]) -> None:
    """Raises `ActionRefused` when an Email lies only in mailboxes that do not let us mark mail so (RFC 4314 section 4)."""
    refused = refused_marking(email_ids, words, account_ids)
    if refused:
        raise ActionRefused(
            _("You may not change the marks of mail in %(name)s.") % {"name": next(iter(refused.values()))}
        )


def refused_marking(email_ids: Sequence[int], words: Collection[str], account_ids: Collection[int]) -> dict[int, str]:
    """Email id -> a mailbox that refuses, of Emails that no mailbox of theirs lets us mark."""
    needed = {"seen" if word == emails.SEEN else "keywords" for word in words}
    limited = Mailbox.objects.filter(Q(is_read_only=True) | ~Q(rights=""), account_id__in=account_ids)
    closed = {box.pk: box.name for box in limited if not all(mailboxes.may(box, need) for need in needed)}
    if not closed:  # as nearly always: then a hundred thousand ids cost nothing here
        return {}
    inside = emails.memberships(email_ids)
    return {pk: closed[min(found)] for pk, found in inside.items() if found <= closed.keys()}


def clean_change(add: Collection[str], remove: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
    """What to add and to remove, in lower case; what is in both is added. Raises `BadKeyword`."""
    adding = frozenset(clean_keyword(word) for word in add)
    return adding, frozenset(clean_keyword(word) for word in remove) - adding


def change_rows(
    record: changes.Record, email_ids: Sequence[int], adding: frozenset[str], removing: frozenset[str]
) -> list[EmailRow]:
    """Change the keywords of Emails of one account; what an Action keeps of each that really changed."""
    changed = emails.change_keywords(record, dict.fromkeys(email_ids, emails.KeywordChange(adding, removing)))
    rows: list[EmailRow] = []
    for email_id, real in changed.items():
        what = {"added": real.added, "removed": real.removed}
        rows.append((email_id, None, {key: words for key, words in what.items() if words}))
    return rows


def undo_rows(record: changes.Record, action: Action, rows: Sequence[ActionEmail]) -> None:
    """Put back what the Action changed on these Emails, but for keywords that the user has changed again since."""
    later = later_keywords(action, {row.email_id for row in rows})
    back = {}
    for row in rows:
        kept = later.get(row.email_id, frozenset())
        added, removed = (frozenset(row.changed.get(key, ())) - kept for key in ("added", "removed"))
        back[row.email_id] = emails.KeywordChange(removed, added)
    emails.change_keywords(record, back)


def later_keywords(action: Action, email_ids: Collection[int]) -> dict[int, frozenset[str]]:
    """The keywords of each Email that open Actions after this one touch."""
    found: dict[int, frozenset[str]] = {}
    for chunk in chunks(email_ids):
        rows = ActionEmail.objects.filter(
            email_id__in=chunk,
            action_id__gt=action.pk,
            action__kind=Action.Kind.KEYWORDS,
            action__status__in=Action.OPEN,
        )
        for email_id, changed in rows.values_list("email_id", "changed"):
            words = {*changed.get("added", ()), *changed.get("removed", ())}
            found[email_id] = found.get(email_id, frozenset()) | words
    return found
