"""Writing a draft from another account: it moves there with its files, and its copy in the old Drafts mailbox goes."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.models import Identity
from webmail.outbox.errors import DraftConflict
from webmail.outbox.models import Draft, DraftAttachment, FiledDraft
from webmail.outbox.writing.drafts import get_current
from webmail.outbox.writing.messages import id_for
from webmail.store import blobs


def move_draft(draft: Draft, *, identity: Identity, expected_revision: int) -> Draft:
    """The draft as one of `identity`'s account, which must be the same user's.

    It gets a new Message-ID: the old one names the domain of the other address. Raises `DraftConflict`, `DraftGone`.
    """
    with transaction.atomic():
        rows = Draft.objects.filter(pk=draft.pk, revision=expected_revision)
        moved = rows.update(
            account=identity.account,
            identity=identity,
            message_id=id_for(identity),
            revision=expected_revision + 1,
            filed_revision=0,
            updated_at=timezone.now(),
        )
        if not moved:
            raise DraftConflict(get_current(draft))
        FiledDraft.objects.filter(draft=draft, account_id=draft.account_id).update(draft=None)
        files = DraftAttachment.objects.filter(draft=draft).values_list("blob_id", flat=True)
        blobs.link_blobs(identity.account_id, list(files), kind="upload")
    return get_current(draft)
