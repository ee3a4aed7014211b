"""Send and archive: what was answered leaves the inbox with the answer, and one undo takes back both."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.models import User
from webmail.journal import steps, undoing
from webmail.journal.actions import move
from webmail.journal.errors import ActionRefused
from webmail.journal.models import Step
from webmail.outbox.models import Draft, Submission
from webmail.store.models import EmailMailbox, Role
from webmail.store.queries.emails import emails_of_threads

_LEFT_ALONE = (Role.SENT, Role.DRAFTS, Role.TRASH, Role.JUNK, Role.ARCHIVE)


def can_archive(draft: Draft) -> bool:
    """Whether the draft answers something."""
    return draft.original_id is not None and not draft.is_forward


def archive_original(user: User, submission: Submission) -> str:
    """Archive what came in of the conversation that was answered; what takes it back is kept with the submission.

    Returns what to say: the message is on its way whatever becomes of the archiving.
    """
    original = submission.original
    if original is None or original.account.user_id != user.pk:
        return ""
    found = emails_of_threads(user, [original.thread.public_id], within=None)
    inside = EmailMailbox.objects.filter(email_id__in=[email.pk for email in found])
    wanted = set(inside.exclude(mailbox__role__in=_LEFT_ALONE).values_list("email_id", flat=True))
    detail = {"rows": 1, "is_threads": True}
    try:
        with steps.recording(user, "archive", detail) as step:
            move.archive_emails(user, [email for email in found if email.pk in wanted])
    except ActionRefused as error:
        return str(error)
    kept = step.kept.public_id if step.kept is not None else ""
    Submission.objects.filter(pk=submission.pk).update(archive_undo=kept)
    return _("Archived.") if kept else ""


def undo_archiving(user: User, submission: Submission) -> None:
    """Bring back what was archived with the answer; nothing when that was undone already. Raises `ActionRefused`."""
    step = Step.objects.filter(user=user, public_id=submission.archive_undo, undone_at=None).first()
    if step is not None:
        undoing.undo_step(user, step)
