"""What is said after an act: one line with its way back, or how far a job has come with a way to stop it."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webmail.journal import steps, undoing
from webmail.journal.models import Step
from webmail.web.acts.words import words_of
from webmail.web.flash import Act, Link, Toast
from webmail.web.text import figure


def toast_of(step: Step, *, address: str = "") -> Toast:
    """As it is now. `address`: of the list it was done in, which undoing renews."""
    progress = steps.progress_of(step)
    if not progress.is_applied and progress.is_open and not progress.was_stopped:
        text = _("%(what)s: %(done)s of %(all)s so far") % {
            "what": words_of(step),
            "done": figure(progress.applied),
            "all": figure(progress.planned),
        }
        stop = Act(_("Stop"), reverse("activity_stop", args=[step.public_id]), {"list": address}, swaps=True)
        return Toast(text, act=stop, follow=reverse("activity_toast", args=[step.public_id]))
    if progress.was_stopped:
        text = _("Stopped. What the mail server had not been told yet is put back.")
        return Toast(text, link=Link(_("Activity"), reverse("activity")))
    return Toast(words_of(step), act=None if step.is_final or step.undone_at else undo_of(step, address))


def undo_of(step: Step, address: str) -> Act:
    """The button that undoes the step."""
    return Act(_("Undo"), reverse("undo"), {"step": step.public_id, "list": address}, swaps=True)


def toast_of_undone(step: Step, undone: undoing.Undone, *, address: str = "") -> Toast:
    """What became of an undo, also when part of it was changed elsewhere since."""
    if undone.job is not None:
        return toast_of(undone.job, address=address)
    if not undone.count and undone.left:
        return Toast(_("This was moved on elsewhere and cannot be undone any more."), kind="warn")
    if undone.left:
        text = ngettext(
            "Undone, but for %(n)s message that was changed elsewhere since.",
            "Undone, but for %(n)s messages that were changed elsewhere since.",
            undone.left,
        )
        return Toast(text % {"n": figure(undone.left)})
    return Toast(_("Undone: %(what)s") % {"what": words_of(step)})
