"""What clients do to messages, in the words of the journal. Rows change at once; the mail server is told later (jmap S15)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.db import transaction
from django.http import Http404

from accounts.models import MailAccount
from webmail.api.access import mailbox_for
from webmail.api.auth import ApiRequest
from webmail.api.problems import invalid
from webmail.api.schemas.messages import BatchFilterIn, BatchIn, ChangeIn, MessageChangeIn
from webmail.journal.actions import keywords, move, selection
from webmail.journal.models import Action
from webmail.store import emails, mailboxes
from webmail.store.models import Email, Mailbox, Role
from webmail.store.queries.accounts import get_mailbox_for
from webmail.store.search.parse import parse_query
from webmail.store.search.run import search_emails


def operation_headers(actions: Sequence[Action]) -> dict[str, str]:
    """The operations that are now pending."""
    return {"X-Operation-Id": ", ".join(action.public_id for action in actions)} if actions else {}


def wanted_mailbox(request: ApiRequest, account: MailAccount, mailbox_id: str, pointer: str) -> Mailbox:
    """A mailbox that the body of a request names. Raises `Problem` at `pointer`: it is no part of the address."""
    try:
        return mailbox_for(request, account, mailbox_id)
    except Http404:
        raise invalid(pointer, f"This account has no mailbox {mailbox_id}.") from None


def _any_mailbox(request: ApiRequest, mailbox_id: str, pointer: str) -> Mailbox:
    """A mailbox of any account that the credential may see: mail can be carried there. Raises `Problem` at `pointer`."""
    try:
        mailbox = get_mailbox_for(request.auth.user, mailbox_id)
    except Http404:
        mailbox = None
    if mailbox is None or not request.auth.may_see(mailbox.account):
        raise invalid(pointer, f"There is no mailbox {mailbox_id}.")
    return mailbox


def change_message(request: ApiRequest, account: MailAccount, email: Email, change: MessageChangeIn) -> list[Action]:
    """Bring keywords and mailboxes of one message to what is wanted, all or nothing."""
    with transaction.atomic():
        actions: list[Action] = []
        if change.keywords is not None:
            actions += _change_keywords(request, email, change)
        if change.mailbox_ids is not None:
            actions += _change_mailboxes(request, account, email, change)
    return actions


def _change_keywords(request: ApiRequest, email: Email, change: MessageChangeIn) -> list[Action]:
    wish = change.keywords
    if isinstance(wish, list):
        present = emails.keywords_of([email.pk])[email.pk]
        wanted = {keywords.clean_keyword(word) for word in wish}
        return keywords.set_keywords(request.auth.user, [email], add=wanted - present, remove=present - wanted)
    difference = wish or ChangeIn()
    return keywords.set_keywords(request.auth.user, [email], add=difference.add, remove=difference.remove)


def _change_mailboxes(request: ApiRequest, account: MailAccount, email: Email, change: MessageChangeIn) -> list[Action]:
    """Which act a difference is: it must not lose the message on the way, nor copy what can be moved.

    | put into | taken out of | act |
    |---|---|---|
    | some | none | copies |
    | one or more | one or more | a move for each pair, copies for the rest |
    | none | some, others stay | deleted from those alone |
    | none | all | refused: that is DELETE |
    """
    inside = emails.memberships([email.pk]).get(email.pk, set())
    added, removed = _difference(request, account, inside, change)
    if not inside - {mailbox.pk for mailbox in removed} and not added:
        raise invalid("/mailbox_ids", "A message is in one mailbox at least. DELETE puts it into Trash.")
    user = request.auth.user
    actions: list[Action] = []
    pairs = min(len(added), len(removed))
    # Copies first: they need a place to copy from.
    for target in added[pairs:]:
        actions += move.copy_emails(user, [email], target=target)
    for source, target in zip(removed, added, strict=False):
        actions += move.move_emails(user, [email], target=target, source=source)
    for source in removed[pairs:]:
        actions += move.destroy_emails(user, [email], source=source)
    return actions


def _difference(
    request: ApiRequest, account: MailAccount, inside: Collection[int], change: MessageChangeIn
) -> tuple[list[Mailbox], list[Mailbox]]:
    """The mailboxes to put a message into and to take it out of."""

    def named(ids: Sequence[str]) -> dict[int, Mailbox]:
        found = [wanted_mailbox(request, account, one, "/mailbox_ids") for one in ids]
        return {mailbox.pk: mailbox for mailbox in found}

    wish = change.mailbox_ids
    if isinstance(wish, list):
        wanted = named(wish)
        leaving = Mailbox.objects.filter(pk__in=set(inside) - wanted.keys())
        return [box for pk, box in wanted.items() if pk not in inside], list(leaving.order_by("pk"))
    add, remove = (named(wish.add), named(wish.remove)) if wish else ({}, {})
    return (
        [box for pk, box in add.items() if pk not in inside],
        [box for pk, box in remove.items() if pk in inside and pk not in add],
    )


def trash(request: ApiRequest, account: MailAccount, found: Sequence[Email]) -> list[Action]:
    """Into Trash; what is there already goes for good, and needs the scope for that. Raises `Problem`."""
    bin_ = mailboxes.mailbox_with_role(account.pk, Role.TRASH)
    if bin_ is None or emails.memberships((email.pk for email in found), mailbox_ids=[bin_.pk]):
        request.auth.require("mail.delete")
    return move.trash_emails(request.auth.user, found)


def destroy(request: ApiRequest, found: Sequence[Email]) -> list[Action]:
    """For good. Raises `Problem` without the scope for it."""
    request.auth.require("mail.delete")
    return move.destroy_emails(request.auth.user, found)


def act_on_many(request: ApiRequest, account: MailAccount, batch: BatchIn, found: Mapping[str, Email]) -> list[Action]:
    """The one act of a batch, in one transaction."""
    targets = list(found.values())
    user = request.auth.user
    if batch.action == "keywords":
        return keywords.set_keywords(user, targets, add=batch.add, remove=batch.remove)
    if batch.action == "trash":
        return trash(request, account, targets)
    if batch.action == "destroy":
        return destroy(request, targets)
    target = _any_mailbox(request, batch.mailbox_id or "", "/mailbox_id")
    if batch.action == "copy":
        return move.copy_emails(user, targets, target=target)
    named = batch.source_mailbox_id
    source = wanted_mailbox(request, account, named, "/source_mailbox_id") if named else None
    return move.move_emails(user, targets, target=target, source=source)


def act_on_matching(request: ApiRequest, account: MailAccount, batch: BatchIn, wanted: BatchFilterIn) -> list[Action]:
    """The one act of a batch on all messages that match a filter, however many (sync section 3.9)."""
    user = request.auth.user
    act = _act_of(request, account, batch)
    if isinstance(act, selection.Destroy | selection.Trash):
        request.auth.require("mail.delete")
    within = [wanted_mailbox(request, account, wanted.mailbox_id, "/filter/mailbox_id")] if wanted.mailbox_id else None
    if wanted.q.strip():
        request.auth.require("mail.read")  # how many match tells of their content
        tree = parse_query(wanted.q)
        query = search_emails(user, tree, within=within, accounts=[account])
    else:
        query = Email.objects.filter(mailbox_rows__mailbox__in=within or [])
    return selection.apply_to_query(user, query.filter(account=account), act)


def _act_of(request: ApiRequest, account: MailAccount, batch: BatchIn) -> selection.Act:
    if batch.action == "keywords":
        return selection.Keywords(batch.add, batch.remove)
    if batch.action == "trash":
        return selection.Trash()
    if batch.action == "destroy":
        return selection.Destroy()
    target = _any_mailbox(request, batch.mailbox_id or "", "/mailbox_id")
    if batch.action == "copy":
        return selection.Copy(target)
    named = batch.source_mailbox_id
    source = wanted_mailbox(request, account, named, "/source_mailbox_id") if named else None
    return selection.Move(target, source)
