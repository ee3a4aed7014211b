"""What the picker offers: mailboxes to move or copy to, labels to give, places to go to. Recent ones stand first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from webmail.journal.models import Step
from webmail.store import mailboxes
from webmail.store.models import Email, Mailbox, Role
from webmail.store.queries.labels import carried_labels, keywords_without_label, labels_of
from webmail.web.acts.meant import WHOLE, emails_meant
from webmail.web.lists import ListSource
from webmail.web.shell import ROLE_ICONS, Shell, mailbox_title

KINDS = ("move", "copy", "label", "goto")
RECENT_STEPS = 60  # so many steps are looked through for recent targets
MAX_RECENT = 5
MAX_MARKED = 200  # rows whose labels are looked at for the marks


@dataclass(frozen=True)
class Target:
    """One line of the picker. `value` is what stands behind the verb's colon; `address` where going to it leads.

    `state`: of a label, whether "all", "some" or none ("") of the rows carry it. `note`: what must be known before.
    """

    value: str
    name: str
    icon: str
    address: str = ""
    account: str = ""
    note: str = ""
    color: int | None = None
    depth: int = 0
    state: str = ""
    is_recent: bool = False


def targets_of(user: User, shell: Shell, source: ListSource, kind: str, row_ids: Sequence[str]) -> list[Target]:
    """The lines for this kind, in order."""
    if kind == "label":
        return _labels(user, source, row_ids)
    if kind == "goto":
        return _places(user, shell)
    return _mailboxes(user, shell, source, kind, row_ids)


def can_create(kind: str) -> bool:
    """Whether a name that matches nothing can be made into a target."""
    return kind != "goto"


def _mailboxes(user: User, shell: Shell, source: ListSource, kind: str, row_ids: Sequence[str]) -> list[Target]:
    own = _account_ids(user, source, row_ids)
    left_out = {box.pk for box in source.mailboxes or ()} if kind == "move" and source.account is not None else set()
    found: dict[str, Target] = {}
    trees = sorted(shell.trees, key=lambda tree: tree.account.pk not in own) if own else shell.trees
    for tree in trees:
        is_foreign = bool(own) and (own != {tree.account.pk})
        for node in tree.nodes:
            if node.mailbox.pk in left_out or not _takes_mail(node.mailbox):
                continue
            found[node.mailbox.public_id] = Target(
                value=node.mailbox.public_id,
                name=mailbox_title(node.mailbox),
                icon=_icon(node.mailbox),
                account=(tree.account.name or tree.account.address) if shell.has_several else "",
                note=_across(kind) if is_foreign and tree.account.pk not in own else "",
                depth=node.depth,
            )
    return _recent_first(found, _recent(user, ("move", "copy")))


def _across(kind: str) -> str:
    return _("Another account: copied first, deleted here after") if kind == "move" else _("Another account")


def _takes_mail(mailbox: Mailbox) -> bool:
    return mailbox.is_selectable and not mailbox.is_read_only and mailboxes.may(mailbox, "insert")


def _account_ids(user: User, source: ListSource, row_ids: Sequence[str]) -> set[int]:
    """The accounts of what is moved; of the list when no rows are named."""
    if row_ids:
        rows = Email.objects.filter(account__user=user)
        threads = [row_id for row_id in row_ids if row_id.startswith("t")]
        single = [row_id for row_id in row_ids if not row_id.startswith("t")]
        found = set(rows.filter(thread__public_id__in=threads).values_list("account_id", flat=True).distinct())
        return found | set(rows.filter(public_id__in=single).values_list("account_id", flat=True).distinct())
    return {source.account.pk} if source.account is not None else set()


def _labels(user: User, source: ListSource, row_ids: Sequence[str]) -> list[Target]:
    marked = emails_meant(user, row_ids[:MAX_MARKED], source, WHOLE) if row_ids else []
    carried = carried_labels(user, [email.pk for email in marked])
    found = {
        label.public_id: Target(
            value=label.public_id,
            name=label.name,
            icon="tag",
            color=label.color,
            state=_state(carried.get(label.keyword, 0), len(marked)),
        )
        for label in labels_of(user)
    }
    recent = _recent_first(found, _recent(user, ("label",)))
    others = [
        Target(f"keyword={word.keyword}", word.name, "tag", color=word.color, note=_("From another mail program"))
        for word in keywords_without_label(user)
    ]
    return [*recent, *others]


def _state(count: int, total: int) -> str:
    if not count:
        return ""
    return "all" if count == total else "some"


def _places(user: User, shell: Shell) -> list[Target]:
    found = [Target(item.key, item.name, item.icon, address=item.address) for item in shell.common if item.address]
    for tree in shell.trees:
        account = (tree.account.name or tree.account.address) if shell.has_several else ""
        for node in tree.nodes:
            if node.mailbox.is_selectable:
                address = reverse("mailbox", args=[tree.account.public_id, node.mailbox.public_id])
                name = mailbox_title(node.mailbox)
                icon = _icon(node.mailbox)
                found.append(Target(node.mailbox.public_id, name, icon, address, account, depth=node.depth))
    found += [
        Target(label.public_id, label.name, "tag", reverse("label", args=[label.public_id]), color=label.color)
        for label in labels_of(user)
    ]
    return found


def _icon(mailbox: Mailbox) -> str:
    return ROLE_ICONS[Role(mailbox.role)]


def _recent(user: User, verbs: Collection[str]) -> list[str]:
    """The targets of the last steps, the newest first, each once."""
    steps = Step.objects.filter(user=user).order_by("-id").values_list("verb", "detail")[:RECENT_STEPS]
    found = dict.fromkeys(detail.get("target", "") for verb, detail in steps if verb in verbs)
    return [target for target in found if target]


def _recent_first(found: dict[str, Target], recent: Iterable[str]) -> list[Target]:
    first = [found[key] for key in recent if key in found][:MAX_RECENT]
    marked = [_as_recent(target) for target in first]
    names = {target.value for target in first}
    return [*marked, *(target for key, target in found.items() if key not in names)]


def _as_recent(target: Target) -> Target:
    return replace(target, is_recent=True, depth=0)
