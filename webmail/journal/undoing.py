"""Undoing a Step: the opposite of what its Actions really changed, of what still lies as they left it.

What was moved or marked otherwise since stays as it is and is counted as left. A large step is undone as a job: a Step of
its own with Actions that a worker continues. It must not undo what belongs to another person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from webmail.journal import steps
from webmail.journal.actions import move, putting_back, selection
from webmail.journal.errors import ActionRefused
from webmail.journal.models import Action, Step
from webmail.store import labels
from webmail.store.models import Email, EmailMailbox, Label, Mailbox


@dataclass(frozen=True)
class Undone:
    """What became of an undo: how many Emails came back, how many stay as they are. `job` is set while it goes on."""

    count: int
    left: int
    job: Step | None = None


@dataclass
class _Way:
    """The way back for some Emails of one account."""

    act: selection.Act
    account_id: int
    ids: set[int] = field(default_factory=set)


def undo_step(user: User, step: Step) -> Undone:
    """Undo a step of the user's. Safe to repeat: the second time nothing is left. Raises `ActionRefused`."""
    if step.user_id != user.pk or step.is_final:
        raise ActionRefused(_("This cannot be undone."))
    if not Step.objects.filter(pk=step.pk, undone_at=None).update(undone_at=timezone.now()):
        raise ActionRefused(_("This was undone already."))
    _settle(step)
    _restore_label(user, step)
    actions = list(step.actions.filter(account__user=user).order_by("-pk").select_related("mailbox__account"))
    ways = [way for action in actions for way in _ways_back(action)]
    detail = {"of": step.public_id, "verb": step.verb, "detail": step.detail}
    detail["planned"] = sum(len(way.ids) for way in ways)
    touched, wanted = 0, _count_emails(actions)
    with steps.recording(user, steps.UNDO, detail, is_final=True) as recorded:
        back: set[int] = set()
        for way in ways:
            done = selection.begin_on_ids(user, {way.account_id: sorted(way.ids)}, [way.act])
            for action in done:
                back.update(action.emails.values_list("email_id", flat=True))
        touched = len(back)
        for action in actions:
            if action.kind == Action.Kind.TRANSFER:
                touched += _bring_back(user, action)
    if recorded.kept is not None and recorded.kept.actions.exclude(unapplied=[]).exists():
        return Undone(touched, 0, recorded.kept)
    return Undone(touched, max(wanted - touched, 0))


def _settle(step: Step) -> None:
    """No worker changes more rows for it: what was not begun is never done."""
    for pk in step.actions.values_list("pk", flat=True):
        with transaction.atomic():
            action = Action.objects.select_for_update().get(pk=pk)
            if action.unapplied:
                Action.objects.filter(pk=pk).update(unapplied=[])


def _count_emails(actions: Iterable[Action]) -> int:
    """Emails that the step changed, each once, and those that went to another account already."""
    ids: set[int] = set()
    arrived = 0
    for action in actions:
        ids.update(action.emails.values_list("email_id", flat=True))
        arrived += sum(len(found) for found in action.arguments.get("arrived", {}).values())
    return len(ids) + arrived


def _ways_back(action: Action) -> list[_Way]:
    if action.kind == Action.Kind.KEYWORDS:
        return _keywords_back(action)
    if action.kind == Action.Kind.MOVE and action.mailbox is not None:
        return _moves_back(action, action.mailbox)
    if action.kind == Action.Kind.COPY and action.mailbox is not None:
        return _copies_back(action, action.mailbox)
    return []


def _keywords_back(action: Action) -> list[_Way]:
    """Only what really changed on each Email."""
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], _Way] = {}
    for email_id, changed in action.emails.values_list("email_id", "changed").iterator():
        key = (tuple(changed.get("removed", ())), tuple(changed.get("added", ())))
        if key not in alike:
            alike[key] = _Way(selection.Keywords(add=key[0], remove=key[1]), action.account_id)
        alike[key].ids.add(email_id)
    return list(alike.values())


def _moves_back(action: Action, was_target: Mailbox) -> list[_Way]:
    """Into the first mailbox each Email came from, and copied into the others it had been in: those that still lie where the
    move has put them."""
    there = set(EmailMailbox.objects.filter(mailbox=was_target).values_list("email_id", flat=True))
    sources: dict[int, list[int]] = defaultdict(list)
    for email_id, source_id in action.emails.order_by("pk").values_list("email_id", "source_id").iterator():
        if email_id in there and source_id is not None:
            sources[email_id].append(source_id)
    boxes = Mailbox.objects.select_related("account").in_bulk({pk for found in sources.values() for pk in found})
    moves: dict[int, _Way] = {}
    copies: dict[int, _Way] = {}
    for email_id, found in sources.items():
        homes = [boxes[pk] for pk in found if pk in boxes]
        if not homes:
            continue
        first, *others = homes
        way = moves.setdefault(first.pk, _Way(selection.Move(first, was_target), action.account_id))
        way.ids.add(email_id)
        for box in others:
            copies.setdefault(box.pk, _Way(selection.Copy(box), action.account_id)).ids.add(email_id)
    return [*moves.values(), *copies.values()]


def _copies_back(action: Action, target: Mailbox) -> list[_Way]:
    """Out of the mailbox again, but for those that lie nowhere else by now."""
    copied = action.emails.values("email_id")
    elsewhere = EmailMailbox.objects.filter(email_id__in=copied).exclude(mailbox=target)
    way = _Way(selection.Destroy(target), action.account_id)
    inside = EmailMailbox.objects.filter(mailbox=target, email_id__in=elsewhere.values("email_id"))
    way.ids.update(inside.values_list("email_id", flat=True))
    return [way] if way.ids else []


def _bring_back(user: User, action: Action) -> int:
    """What is still here is not sent any more; what has arrived in the other account is sent back, or removed when it was
    copied there."""
    count = 0
    with suppress(ActionRefused):  # it has come to an end
        putting_back.stop_action(action)
        count = action.total - action.emails.count()
    target, arrived = action.mailbox, action.arguments.get("arrived", {})
    sources = Mailbox.objects.filter(account=action.account, pk__in=arrived)
    for source in sources if target is not None else ():
        there = Email.objects.filter(pk__in=arrived[str(source.pk)], account__user=user)
        for done in move.move_emails(user, list(there.select_related("account")), target=source, source=target):
            count += done.total
    return count


def _restore_label(user: User, step: Step) -> None:
    """A label that was deleted is there again, under the keyword it had."""
    keyword = step.detail.get("keyword", "")
    if step.verb == "unlabel_all" and keyword and not Label.objects.filter(user=user, keyword=keyword).exists():
        with suppress(labels.LabelNameTaken, labels.TooManyLabels):
            labels.create_label(user, step.detail["name"], color=step.detail.get("color"), keyword=keyword)
