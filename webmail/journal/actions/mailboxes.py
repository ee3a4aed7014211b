"""Making, renaming, subscribing to and deleting mailboxes. What a refusal says is for people and in their language."""

from __future__ import annotations

from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import MailAccount, User
from webmail.journal.entries import append_action
from webmail.journal.errors import ActionRefused
from webmail.journal.models import Action, ActionEmail
from webmail.store import changes, emails, mailboxes
from webmail.store.errors import MailboxNotEmpty
from webmail.store.models import EmailMailbox, Mailbox, Role


def create_mailbox(user: User, account_id: int, *, name: str, parent: Mailbox | None = None) -> Mailbox:
    """A new mailbox, shown at once and made on the server. On POP3 accounts it is ours alone.

    Raises `MailboxNameTaken`, `BadMailboxName`, `ActionRefused` when the tree would be too deep.
    """
    name = mailboxes.clean_name(name)
    if _depth(parent) + 1 > mailboxes.MAX_DEPTH:
        raise ActionRefused(_("Mailboxes can be nested %(count)s deep at most.") % {"count": mailboxes.MAX_DEPTH})
    is_local = _is_local(account_id)
    if parent is not None and not is_local:
        _refuse_inside(parent)
    source = Mailbox.Source.LOCAL if is_local else Mailbox.Source.REMOTE
    with changes.recording(account_id):
        mailbox = mailboxes.create_mailbox(account_id, name=name, parent=parent, source=source)
        if not is_local:
            append_action(account_id, Action.Kind.CREATE_MAILBOX, user=user, mailbox=mailbox)
    return mailbox


def rename_mailbox(user: User, mailbox: Mailbox, *, name: str, parent: Mailbox | None) -> None:
    """Give a mailbox another name or parent; ids stay. Raises `MailboxNameTaken`, `BadMailboxName`, `ActionRefused`."""
    if mailbox.role == Role.INBOX:
        raise ActionRefused(_("Inbox cannot be renamed or moved."))
    name = mailboxes.clean_name(name)
    if parent is not None and (parent == mailbox or mailbox in _ancestors(parent)):
        raise ActionRefused(_("A mailbox cannot be moved into itself."))
    old = {"old_remote_name": mailbox.remote_name, "old_name": mailbox.name, "old_parent": mailbox.parent_id}
    if (name, parent) == (mailbox.name, mailbox.parent):
        return
    if not mailboxes.may(mailbox, "delete_mailbox"):
        raise ActionRefused(_("You may not rename %(name)s: it belongs to somebody else.") % {"name": mailbox.name})
    if parent is not None and parent != mailbox.parent and mailbox.source == Mailbox.Source.REMOTE:
        _refuse_inside(parent)
    with changes.recording(mailbox.account_id):
        mailboxes.update_mailbox(mailbox, name=name, parent=parent)
        if mailbox.source == Mailbox.Source.REMOTE:
            append_action(mailbox.account_id, Action.Kind.RENAME_MAILBOX, user=user, mailbox=mailbox, arguments=old)


def subscribe_mailbox(user: User, mailbox: Mailbox, *, subscribed: bool) -> None:
    """Subscribe to a mailbox or stop it (RFC 3501 section 6.3.6): other programs of the person's then show it or not, and so
    do we when the account lists only what is subscribed to. Raises `ActionRefused` for a mailbox that no server knows."""
    if mailbox.source != Mailbox.Source.REMOTE or _is_local(mailbox.account_id):
        raise ActionRefused(_("%(name)s is only here: there is nothing to subscribe to.") % {"name": mailbox.name})
    if mailbox.is_subscribed == subscribed:
        return
    with changes.recording(mailbox.account_id):
        mailboxes.update_mailbox(mailbox, is_subscribed=subscribed)
        told = {"subscribed": subscribed}
        append_action(mailbox.account_id, Action.Kind.SUBSCRIBE, user=user, mailbox=mailbox, arguments=told)


def delete_mailbox(user: User, mailbox: Mailbox, *, remove_emails: bool) -> None:
    """Delete a mailbox. Its Emails that are in no other mailbox are destroyed when `remove_emails`.

    Raises `MailboxNotEmpty`, or `ActionRefused` for Inbox and for a mailbox with children.
    """
    if mailbox.role == Role.INBOX:
        raise ActionRefused(_("Inbox cannot be deleted."))
    if not mailboxes.may(mailbox, "delete_mailbox"):
        raise ActionRefused(_("You may not delete %(name)s: it belongs to somebody else.") % {"name": mailbox.name})
    if mailbox.children.exists():
        raise ActionRefused(_("%(name)s holds other mailboxes. Move or delete those first.") % {"name": mailbox.name})
    inside = EmailMailbox.objects.filter(mailbox=mailbox)
    if inside.exists() and not remove_emails:
        raise MailboxNotEmpty(f"{mailbox.name} is not empty")
    _refuse_while_carried(mailbox)
    with changes.recording(mailbox.account_id) as record:
        # The server drops them together with the mailbox; those that lie elsewhere too only lose this one.
        email_ids = list(inside.values_list("email_id", flat=True))
        emails.remove_from_mailbox(record, email_ids, mailbox.pk)
        elsewhere = emails.memberships(email_ids)
        emails.destroy_emails(record, [email_id for email_id in email_ids if email_id not in elsewhere])
        # What may go on the server: mail that came since is not known here, and nobody wanted it away.
        expected = len(email_ids) if mailbox.is_backfilled else max(len(email_ids), mailbox.remote_total)
        told = {"remote_name": mailbox.remote_name, "messages": expected}
        is_remote = mailbox.source == Mailbox.Source.REMOTE and bool(mailbox.remote_name)
        account_id = mailbox.account_id
        mailboxes.delete_mailbox(mailbox)
        if is_remote:
            append_action(account_id, Action.Kind.DELETE_MAILBOX, user=user, arguments=told)


def _refuse_while_carried(mailbox: Mailbox) -> None:
    """Raises `ActionRefused` while mail of this mailbox is on its way into another account: its place must stay until then."""
    carried = ActionEmail.objects.filter(
        action__account_id=mailbox.account_id,
        action__kind=Action.Kind.TRANSFER,
        action__status__in=Action.OPEN,
        is_done=False,
    )
    if carried.filter(Q(source=mailbox) | Q(source=None, email__mailbox_rows__mailbox=mailbox)).exists():
        raise ActionRefused(
            _("Mail of %(name)s is on its way into another account. Try again when that is done.")
            % {"name": mailbox.name}
        )


def _refuse_inside(parent: Mailbox) -> None:
    """Raises `ActionRefused` when the server keeps nothing inside this mailbox, or does not let us."""
    if not mailboxes.may(parent, "create"):
        raise ActionRefused(
            _("You may not make mailboxes inside %(name)s: it belongs to somebody else.") % {"name": parent.name}
        )
    if parent.remote_name and not parent.delimiter:
        raise ActionRefused(_("This server keeps no mailbox inside another."))
    if parent.role == Role.INBOX and parent.delimiter and parent.remote_name:
        # Courier and others: what is called INBOX.Name stands beside Inbox for people.
        beside = Mailbox.objects.filter(account_id=parent.account_id, parent=None, namespace="")
        if beside.filter(remote_name__startswith=parent.remote_name + parent.delimiter).exists():
            raise ActionRefused(_("This server keeps all mailboxes beside Inbox, none inside it."))


def _is_local(account_id: int) -> bool:
    return MailAccount.objects.get(pk=account_id).is_pop3


def _ancestors(mailbox: Mailbox) -> list[Mailbox]:
    found: list[Mailbox] = []
    parent = mailbox.parent
    while parent is not None and len(found) <= mailboxes.MAX_DEPTH:
        found.append(parent)
        parent = parent.parent
    return found


def _depth(mailbox: Mailbox | None) -> int:
    return 0 if mailbox is None else 1 + len(_ancestors(mailbox))
