"""Taking a label away with all its mail: the row goes at once, its keyword leaves the mail as a job."""

from __future__ import annotations

from accounts.models import User
from webmail.journal import steps
from webmail.journal.actions import selection
from webmail.journal.models import Step
from webmail.store.models import Email, EmailKeyword, Label


def delete_label(user: User, label: Label) -> Step | None:
    """Delete a label and take it off all mail of the user's, in every mailbox. The step of that, None when no mail had it.

    Mail in a mailbox whose marks may not be changed keeps the keyword: then it is a keyword without a label.
    """
    carried = EmailKeyword.objects.filter(keyword=label.keyword, email__account__user=user)
    emails = Email.objects.filter(account__user=user, pk__in=carried.values("email_id"))
    ids = selection.ids_by_account(user, emails)
    detail = {"name": label.name, "keyword": label.keyword, "color": label.color}
    detail["rows"] = detail["planned"] = sum(map(len, ids.values()))
    with steps.recording(user, "unlabel_all", detail) as step:
        selection.begin_on_ids(user, ids, [selection.Keywords(remove=[label.keyword], is_lenient=True)])
    label.delete()
    return step.kept
