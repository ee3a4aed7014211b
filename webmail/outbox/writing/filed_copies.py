"""Telling our own copy of a draft in the Drafts mailbox from what another program wrote there under the same Message-ID.

Our copies carry a header field that no message sent by us has; a program that saves a draft anew writes its own header. A copy
without the mark is somebody else's work: it is never removed by us, and never hidden.
"""

from __future__ import annotations

from collections.abc import Collection

from accounts.models import User
from webmail.mime.headers import parse_header_block
from webmail.mime.limits import MessageTooLargeError
from webmail.outbox.models import Draft, FiledDraft
from webmail.store import contents
from webmail.store.errors import StoreError
from webmail.store.models import Email

MARK = "X-Pillarbox-Draft"


def mark_copy(draft: Draft, raw: bytes) -> bytes:
    """The bytes of a draft as they are filed."""
    return f"{MARK}: {draft.public_id}\r\n".encode("ascii") + raw


def is_marked(header: bytes) -> bool:
    """Whether this header block is one of ours."""
    return MARK.lower() in parse_header_block(header)


def own_copies(user: User, email_ids: Collection[int]) -> set[int]:
    """Those of these Emails of the user's that are copies of drafts which are here: they are shown as the draft they are copies of.

    INTERNALDATE of ours is the draft's last change then; one that is younger than the draft is looked into.
    """
    filed = FiledDraft.objects.filter(account__user=user, draft__isnull=False)
    found = Email.objects.filter(pk__in=email_ids, message_id__in=filed.values("message_id"))
    emails = list(found.select_related("blob", "text_blob"))
    rows = filed.filter(message_id__in=[email.message_id for email in emails]) if emails else filed.none()
    changed = {
        (account_id, message_id): at
        for account_id, message_id, at in rows.values_list("account_id", "message_id", "draft__updated_at")
    }
    return {
        email.pk
        for email in emails
        if (at := changed.get((email.account_id, email.message_id))) and (email.received_at <= at or _is_own(email))
    }


def draft_of(user: User, email: Email) -> Draft | None:
    """The draft that this Email of the user's is a copy of."""
    if not own_copies(user, [email.pk]):
        return None
    return Draft.objects.filter(filed__account=email.account_id, filed__message_id=email.message_id).first()


def _is_own(email: Email) -> bool:
    """False only when it is known to be written elsewhere."""
    try:
        return MARK.lower() in contents.read_message(email).headers
    except (StoreError, MessageTooLargeError):
        return True
