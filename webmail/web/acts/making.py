"""The target that a wish names: one that is there, or one that is made with the act.

`new=` and a name makes it (or takes what has that name), `keyword=` and a keyword makes a label of what mail carries already.
"""

from __future__ import annotations

from urllib.parse import unquote

from django.http import Http404
from django.utils.translation import gettext as _

from accounts.models import User
from webmail.journal.actions.mailboxes import create_mailbox
from webmail.journal.errors import ActionRefused
from webmail.store import labels
from webmail.store.errors import BadMailboxName, MailboxNameTaken
from webmail.store.models import Label, Mailbox
from webmail.store.queries.accounts import accounts_of, get_mailbox_for
from webmail.store.queries.labels import get_label_for, keywords_without_label
from webmail.web.acts.meant import WHOLE, emails_meant
from webmail.web.acts.wish import Wish
from webmail.web.lists import ListSource

_NEW, _KEYWORD = "new=", "keyword="


def mailbox_target(user: User, wish: Wish, source: ListSource) -> Mailbox:
    """The mailbox to move or copy to. Raises Http404 for a foreign one, `ActionRefused` when the new one cannot be made."""
    if not wish.target_id.startswith(_NEW):
        return get_mailbox_for(user, wish.target_id)
    account_id = _account_id(user, wish, source)
    try:
        mailbox = create_mailbox(user, account_id, name=unquote(wish.target_id.removeprefix(_NEW)))
    except MailboxNameTaken as error:
        return get_mailbox_for(user, error.existing_id)
    except BadMailboxName as error:
        raise ActionRefused(_("A mailbox cannot have this name.")) from error
    return get_mailbox_for(user, mailbox.public_id)


def _account_id(user: User, wish: Wish, source: ListSource) -> int:
    """Where a new mailbox is made: in the account of the list, else of the first of what is moved, else the first account."""
    if source.account is not None:
        return source.account.pk
    for email in emails_meant(user, wish.row_ids[:1], source, WHOLE):
        return email.account_id
    for account in accounts_of(user):
        return account.pk
    raise ActionRefused(_("There is no account yet."))


def label_target(user: User, wish: Wish) -> Label:
    """The label to give. Raises Http404 for a foreign one, `ActionRefused` when the new one cannot be made."""
    try:
        if wish.target_id.startswith(_NEW):
            return _label_named(user, unquote(wish.target_id.removeprefix(_NEW)))
        if wish.target_id.startswith(_KEYWORD):
            return _label_of_keyword(user, unquote(wish.target_id.removeprefix(_KEYWORD)))
    except labels.BadLabelName as error:
        raise ActionRefused(_("A label cannot have this name.")) from error
    except labels.TooManyLabels as error:
        raise ActionRefused(_("There cannot be more labels.")) from error
    return get_label_for(user, wish.target_id)


def _label_named(user: User, name: str) -> Label:
    known = Label.objects.filter(user=user, name__iexact=labels.clean_name(name)).first()
    return known or labels.create_label(user, name)


def _label_of_keyword(user: User, keyword: str) -> Label:
    if known := Label.objects.filter(user=user, keyword=keyword).first():
        return known
    for found in keywords_without_label(user):
        if found.keyword == keyword:
            return labels.adopt_keyword(user, found.keyword, found.name, found.color)
    raise Http404("no such keyword")
