"""The verbs of the buttons: which Emails each means, and what it does to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from accounts.models import User
from webmail.journal.actions import selection
from webmail.journal.models import Action, ActionEmail
from webmail.store.mailboxes import mailbox_with_role
from webmail.store.models import Email, Mailbox, Role
from webmail.store.queries.labels import get_label_for
from webmail.store.queries.muting import MUTED
from webmail.web.acts.making import label_target, mailbox_target
from webmail.web.acts.meant import INSIDE, NEWEST, ONWARDS, WHOLE
from webmail.web.acts.wish import Wish
from webmail.web.lists import ListSource
from webmail.web.shell import mailbox_title

_JUNK = selection.Keywords(add=("$junk",), remove=("$notjunk",), is_lenient=True)
_NOT_JUNK = selection.Keywords(add=("$notjunk",), remove=("$junk",), is_lenient=True)


@dataclass(frozen=True)
class ActOn:
    """One act of the journal and the Emails it is for."""

    act: selection.Act
    targets: Sequence[Email]


@dataclass(frozen=True)
class Deed:
    """What is done to the Emails of a scope: `acts` to all of them, or what `split` makes of single ones. `name` and
    `account` are those of the target, for the words."""

    scope: str
    acts: tuple[selection.Act, ...] = field(default=())
    name: str = ""
    account: str = ""
    split: Callable[[Sequence[Email]], list[ActOn]] | None = None
    target_id: str = ""  # its public id, also when it was made just now

    def acts_on(self, found: Sequence[Email]) -> list[ActOn]:
        return self.split(found) if self.split is not None else [ActOn(act, found) for act in self.acts]


@dataclass(frozen=True)
class Verb:
    """`is_gone`: its rows leave the list; `keeps_open`: what is open stays open."""

    deed: Callable[[User, Wish, ListSource], Deed]
    is_gone: bool = False
    keeps_open: bool = True


def _fixed(scope: str, *acts: selection.Act) -> Callable[[User, Wish, ListSource], Deed]:
    return lambda user, wish, source: Deed(scope, acts)


def _keywords(scope: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Verb:
    return Verb(_fixed(scope, selection.Keywords(add=add, remove=remove)))


def _move(user: User, wish: Wish, source: ListSource) -> Deed:
    return _into(user, wish, source, selection.Move)


def _copy(user: User, wish: Wish, source: ListSource) -> Deed:
    return _into(user, wish, source, selection.Copy)


def _into(user: User, wish: Wish, source: ListSource, act: type[selection.Move | selection.Copy]) -> Deed:
    target = mailbox_target(user, wish, source)
    name, account = mailbox_title(target), _account_name(target, source)
    return Deed(INSIDE, (act(target),), name, account, target_id=target.public_id)


def _account_name(target: Mailbox, source: ListSource) -> str:
    """The name of the target's account where it says something: the list is of another one."""
    if source.account is None or source.account.pk == target.account_id:
        return ""
    return target.account.name or target.account.address


def _label(user: User, wish: Wish, source: ListSource) -> Deed:
    label = label_target(user, wish)
    return Deed(WHOLE, (selection.Keywords(add=[label.keyword]),), label.name, target_id=label.public_id)


def _unlabel(user: User, wish: Wish, source: ListSource) -> Deed:
    label = get_label_for(user, wish.target_id)
    return Deed(WHOLE, (selection.Keywords(remove=[label.keyword]),), label.name, target_id=label.public_id)


def _restore(user: User, wish: Wish, source: ListSource) -> Deed:
    """Out of Trash, to where the user deleted it from; else, and for all that match, into the inbox."""
    return Deed(INSIDE, (selection.ToRole(Role.INBOX),), str(Role.INBOX.label), split=_to_where_it_was)


def _to_where_it_was(found: Sequence[Email]) -> list[ActOn]:
    trash_ids = {mailbox.pk for email in found if (mailbox := mailbox_with_role(email.account_id, Role.TRASH))}
    rows = ActionEmail.objects.filter(
        email__in=found,
        action__kind=Action.Kind.MOVE,
        action__mailbox_id__in=trash_ids,
        source__missing_since=None,
        source__isnull=False,
    )
    last = {row.email_id: row.source for row in rows.order_by("pk").select_related("source__account")}
    groups: dict[Mailbox, list[Email]] = {}
    for email in found:
        home = last.get(email.pk)
        if home is None or home.pk in trash_ids:
            home = mailbox_with_role(email.account_id, Role.INBOX)
        if home is not None:
            groups.setdefault(home, []).append(email)
    return [ActOn(selection.Move(home), emails) for home, emails in groups.items()]


VERBS: dict[str, Verb] = {
    "read": _keywords(WHOLE, add=["$seen"]),
    "unread": Verb(_fixed(NEWEST, selection.Keywords(remove=["$seen"])), keeps_open=False),
    "unread_from": Verb(_fixed(ONWARDS, selection.Keywords(remove=["$seen"])), keeps_open=False),
    "star": _keywords(NEWEST, add=["$flagged"]),
    "unstar": _keywords(WHOLE, remove=["$flagged"]),
    "important": _keywords(WHOLE, add=["$important"]),
    "unimportant": _keywords(WHOLE, remove=["$important"]),
    "mute": _keywords(WHOLE, add=[MUTED]),
    "unmute": _keywords(WHOLE, remove=[MUTED]),
    "label": Verb(_label),
    "unlabel": Verb(_unlabel),
    "copy": Verb(_copy),
    "archive": Verb(_fixed(INSIDE, selection.ToRole(Role.ARCHIVE)), is_gone=True, keeps_open=False),
    "junk": Verb(_fixed(INSIDE, selection.ToRole(Role.JUNK), _JUNK), is_gone=True, keeps_open=False),
    "notjunk": Verb(_fixed(INSIDE, selection.ToRole(Role.INBOX), _NOT_JUNK), is_gone=True, keeps_open=False),
    "delete": Verb(_fixed(INSIDE, selection.Trash()), is_gone=True, keeps_open=False),
    "move": Verb(_move, is_gone=True, keeps_open=False),
    "restore": Verb(_restore, is_gone=True, keeps_open=False),
}
