"""Read receipts that others ask of us (RFC 8098): whether to answer is the person's choice, and answered once.

Never to lists, never out of Junk, Trash or Sent, never where the request looks like a trick to learn of an address. Nothing is
sent by looking at a message (a GET): `send_receipt` is called by what the person posts. For people whom the user has written to and who
chose so, the page posts it by itself when it shows the message, so not before the message is displayed (RFC 8098 2.1).

The keyword $mdnsent says that it was answered, whatever the answer (RFC 3503); the caller sets it. Where a mailbox does not
let us, the submission's idempotency key still keeps a second one from leaving.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Identity, ReceiptPolicy, User
from webmail.mime.addresses import Address
from webmail.mime.compose import wire_address
from webmail.mime.part import Message
from webmail.mime.reports.receipt_wishes import ReceiptRequest, receipt_wanted
from webmail.mime.reports.write import build_receipt
from webmail.outbox.errors import OutboxError
from webmail.outbox.models import Kind, Submission
from webmail.outbox.queue.known import fold, is_known
from webmail.outbox.queue.submit import find_submission, submit_bytes
from webmail.outbox.writing.drafts import choose_identity
from webmail.outbox.writing.messages import id_for
from webmail.store import changes, emails
from webmail.store.emails import KeywordChange
from webmail.store.models import Email, EmailMailbox, Role

ANSWERED = "$mdnsent"
_NEVER_OUT_OF = (Role.JUNK, Role.TRASH, Role.SENT, Role.DRAFTS)


class NoReceiptWanted(OutboxError):
    """This message asks for no receipt, or is not one to answer."""

    def __init__(self) -> None:
        super().__init__(_("This message does not ask for a receipt any more."))


@dataclass(frozen=True)
class ReceiptWish:
    """A receipt that may be sent. `is_automatic`: the person has chosen that it goes without a question."""

    address: str
    is_automatic: bool


def wish_of(
    user: User, email: Email, request: ReceiptRequest | None, *, keywords: Collection[str]
) -> ReceiptWish | None:
    """What to do about a message that asks for a receipt (`receipt_wanted`); None: nothing, and nothing to show.

    Without a request it asks the database nothing.
    """
    if request is None or user.receipts == ReceiptPolicy.NEVER or email.list_id or not email.account.can_send:
        return None
    if ANSWERED in keywords or "$draft" in keywords or _lies_where_none_leaves(email) or _is_own(user, request.address):
        return None
    if find_submission(user, _key(email)) is not None:
        return None
    return ReceiptWish(request.address, is_automatic=_goes_by_itself(user, email, request))


def send_receipt(
    user: User, email: Email, message: Message, *, keywords: Collection[str], by_itself: bool
) -> Submission:
    """Tell the sender that the person has opened this message. Safe to repeat: there is one for each message.

    `by_itself`: no person was asked; then only where they have chosen so. Raises `NoReceiptWanted`, and as `submit_bytes`.
    """
    sent = find_submission(user, _key(email))
    if sent is not None:
        return sent
    request = receipt_wanted(message)
    wish = wish_of(user, email, request, keywords=keywords)
    if request is None or wish is None or (by_itself and not wish.is_automatic):
        raise NoReceiptWanted
    identity = choose_identity(email.account, original=email, message=message)
    raw = build_receipt(
        message,
        final_recipient=identity.email,
        from_=Address(identity.name, identity.email),
        to=wish.address,
        message_id=id_for(identity),
        sent_at=timezone.localtime(),
        is_automatic=by_itself,
        reporting_ua=f"{wire_address(identity.email).rpartition('@')[2]}; Pillarbox",
    )
    return submit_bytes(
        raw,
        user=user,
        account=email.account,
        identity=identity,
        recipient=wish.address,
        idempotency_key=_key(email),
        kind=Kind.RECEIPT,
    )


def remember_answer(email: Email) -> None:
    """Keep here that it was answered, where the mailbox did not take the keyword. Safe to repeat."""
    with changes.recording(email.account_id) as record:
        emails.change_keywords(record, {email.pk: KeywordChange(frozenset([ANSWERED]))}, is_local_only=True)


def _key(email: Email) -> str:
    return f"receipt:{email.public_id}"


def _lies_where_none_leaves(email: Email) -> bool:
    return EmailMailbox.objects.filter(email_id=email.pk, mailbox__role__in=_NEVER_OUT_OF).exists()


def _is_own(user: User, address: str) -> bool:
    own = Identity.objects.filter(account__user=user).values_list("email", flat=True)
    return fold(address) in {fold(one) for one in own}


def _goes_by_itself(user: User, email: Email, request: ReceiptRequest) -> bool:
    if user.receipts != ReceiptPolicy.CONTACTS or request.needs_consent:
        return False
    senders = {fold(address) for _, address in email.addresses.get("from", ())}
    return fold(request.address) in senders and is_known(user, request.address)
