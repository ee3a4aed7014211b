"""An address that opens mail in a list where it does not lie any more: somebody moved it, here or with another app (ux section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from webmail.journal.models import Action, ActionEmail
from webmail.store.models import Email, Mailbox, Role
from webmail.web.shell import mailbox_title
from webmail.web.text import with_query

_MOVES = (Action.Kind.MOVE, Action.Kind.TRANSFER)


@dataclass(frozen=True)
class Moved:
    """What to say, and where it can be opened."""

    text: str
    address: str


def moved_to(
    shown: Sequence[Mailbox] | None, inside: Sequence[Mailbox], emails: Sequence[Email], row_id: str
) -> Moved | None:
    """None when it lies where it is shown. `shown`: the mailboxes of the list (None: a view or search, which may hold anything);
    `inside`: those that the Emails are in; `row_id`: of the conversation or message in addresses."""
    if not shown or not inside or {box.pk for box in shown} & {box.pk for box in inside}:
        return None
    # A conversation has answers in Sent: what was moved lies elsewhere, if anywhere.
    target = next((box for box in inside if box.role not in {Role.SENT, Role.DRAFTS}), inside[0])
    address = reverse("mailbox", args=[emails[0].account.public_id, target.public_id])
    is_ours = ActionEmail.objects.filter(email__in=emails, action__kind__in=_MOVES).exists()
    words = _("This is in %(name)s now.") if is_ours else _("This was moved to %(name)s by another app.")
    return Moved(words % {"name": mailbox_title(target)}, with_query(address, {"t": row_id}))
