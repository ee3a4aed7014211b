"""An account that was POP3 and is IMAP now: its mail stays, and is found again on the server without being fetched (decision 17).

The Inbox row becomes the server's INBOX. Its placements with a UIDL stay until INBOX is listed completely: by them each listed
message is recognised. Mailboxes that only we hold go below one of their own, so that their names and roles are free for the
server's. It must not ask the server, and never deletes mail.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from webmail.store import changes, emails, mailboxes
from webmail.store.ingest import NewEmail
from webmail.store.models import EmailKeyword, EmailMailbox, Mailbox, Placement, Role
from webmail.store.sql import chunks, hash63, select_in

LOCAL_PARENT = "Only here"
LOCAL_INBOX = "Inbox"


def begin_imap(account_id: int) -> None:
    """Make the mailboxes of a POP3 account those of an IMAP account. Call it in the transaction that changes the protocol.

    Ids of mailboxes and Emails stay; roles are free afterwards, and empty mailboxes that we made ourselves go.
    """
    with changes.recording(account_id):
        inbox = Mailbox.objects.get(account_id=account_id, role=Role.INBOX)
        Mailbox.objects.filter(pk=inbox.pk).update(remote_name="INBOX", backfill_uid=None, remote_total=0)
        ours = Mailbox.objects.filter(account_id=account_id, source=Mailbox.Source.LOCAL, parent=None)
        for mailbox in list(ours):
            is_empty = not mailbox.children.exists() and not EmailMailbox.objects.filter(mailbox=mailbox).exists()
            if mailbox.role and is_empty:
                mailboxes.delete_mailbox(mailbox)
            else:
                mailboxes.update_mailbox(mailbox, parent=_local_parent(account_id), role="")


def _local_parent(account_id: int) -> Mailbox:
    top = Mailbox.objects.filter(account_id=account_id, parent=None)
    found = top.filter(source=Mailbox.Source.LOCAL, name=LOCAL_PARENT).first()
    if found is not None:
        return found
    taken = set(top.values_list("name", flat=True))
    name, number = LOCAL_PARENT, 2
    while name in taken:
        name = f"{LOCAL_PARENT} ({number})"
        number += 1
    return mailboxes.create_mailbox(account_id, name=name, source=Mailbox.Source.LOCAL, is_selectable=False)


# While INBOX is listed ------------------------------------------------------------------------------------------------


def match_former(items: Sequence[NewEmail], *, taken: Collection[int]) -> dict[int, int]:
    """The Email of each item that came by POP3, by the item's index: same size and header, whatever their dates.

    The fingerprint that was made under POP3 is made again from what IMAP says and the date we hold. No Email is given twice,
    nor one that has a UID in this mailbox already.
    """
    if not items or not is_changing(items[0].place.mailbox_id):
        return {}
    mailbox_id = items[0].place.mailbox_id
    candidates = _former(mailbox_id, {item.size_bytes for item in items})
    matched: dict[int, int] = {}
    used = set(taken)
    for number, item in enumerate(items):
        for email_id, seconds, fingerprint in candidates.get(item.size_bytes, ()):
            made = hash63(str(seconds), str(item.size_bytes), item.headers.header_hash)
            if email_id not in used and fingerprint == made:
                matched[number] = email_id
                used.add(email_id)
                break
    return matched


def is_changing(mailbox_id: int) -> bool:
    """Whether the mailbox still has placements of POP3."""
    return Placement.objects.filter(mailbox_id=mailbox_id).exclude(uidl="").exists()


def _former(mailbox_id: int, sizes: Collection[int]) -> dict[int, list[tuple[int, int, int]]]:
    """By size: (email id, second it was received at, fingerprint), newest first, as listings are."""
    found: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for chunk in chunks(sizes):
        rows = Placement.objects.filter(mailbox_id=mailbox_id, email__size_bytes__in=chunk).exclude(uidl="")
        values = rows.order_by("-email__received_at", "-email_id").values_list(
            "email_id", "email__size_bytes", "email__received_at", "email__fingerprint"
        )
        listed = _listed(mailbox_id, [email_id for email_id, _, _, _ in values])
        for email_id, size, received_at, fingerprint in values:
            if email_id not in listed:
                found[size].append((email_id, int(received_at.timestamp()), fingerprint))
    return found


def _listed(mailbox_id: int, email_ids: Collection[int]) -> set[int]:
    found: set[int] = set()
    for chunk in chunks(email_ids):
        rows = Placement.objects.filter(mailbox_id=mailbox_id, uid__isnull=False, email_id__in=chunk)
        found.update(rows.values_list("email_id", flat=True))
    return found


# When INBOX is listed -------------------------------------------------------------------------------------------------


def finish(record: changes.Record, inbox: Mailbox) -> dict[int, frozenset[str]]:
    """INBOX is listed completely: mail the server lacks goes to a mailbox of ours, and the placements of POP3 go.

    Keywords of the server are added to ours. Returns, by Email, those that the server does not have: the caller tells it.
    """
    statement = (
        "SELECT email_id, keywords FROM store_placement WHERE mailbox_id = %s AND uid IS NOT NULL AND email_id IN %s"
    )
    former = Placement.objects.filter(mailbox=inbox).exclude(uidl="")
    ids = list(former.exclude(email=None).values_list("email_id", flat=True))
    server = {email_id: frozenset(words.split()) for email_id, words in select_in(statement, ids, inbox.pk)}
    ours = emails.keywords_of(server)
    wished = {pk: emails.KeywordChange(added=words - ours[pk]) for pk, words in server.items() if words - ours[pk]}
    emails.change_keywords(record, wished)
    _keep_here(record, inbox)
    former.delete()
    missing = {pk: ours[pk] - words - _only_here(pk) for pk, words in server.items() if ours[pk] - words}
    return {pk: words for pk, words in missing.items() if words}


def _only_here(email_id: int) -> frozenset[str]:
    rows = EmailKeyword.objects.filter(email_id=email_id, is_local_only=True)
    return frozenset(rows.values_list("keyword", flat=True))


def _keep_here(record: changes.Record, inbox: Mailbox) -> None:
    """What the server's INBOX lacks stays in an Inbox that is only ours."""
    members = EmailMailbox.objects.filter(mailbox=inbox).values_list("email_id", flat=True)
    lacking = set(members) - _listed(inbox.pk, list(members))
    if not lacking:
        return
    parent = _local_parent(inbox.account_id)
    home = Mailbox.objects.filter(account_id=inbox.account_id, parent=parent, name=LOCAL_INBOX).first()
    if home is None:
        home = mailboxes.create_mailbox(inbox.account_id, name=LOCAL_INBOX, parent=parent, source=Mailbox.Source.LOCAL)
    emails.add_to_mailbox(record, lacking, home.pk)
    emails.remove_from_mailbox(record, lacking, inbox.pk)
