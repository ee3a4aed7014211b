"""Fetching with the right to it: each function returns the object this credential may see, or raises Http404.

Views get every object here and nowhere else, so none can forget the check; what one may not see does not exist (security
R56, R57).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from django.db.models import QuerySet
from django.http import Http404

from accounts.models import ApiCredential, ConnectionTest, Identity, MailAccount
from accounts.tokens import tokens_of
from webmail.api.auth import ApiRequest
from webmail.journal.models import Action
from webmail.outbox import queries as outbox_queries
from webmail.outbox.models import Draft, Submission, Upload
from webmail.outbox.writing import uploads
from webmail.store import blobs, emails
from webmail.store.models import Blob, Email, Mailbox, Thread
from webmail.store.queries import accounts as account_queries
from webmail.store.queries import emails as email_queries

_Kept = TypeVar("_Kept", Mailbox, Email, Thread, Draft, Submission)

BLOB_ID_PREFIX = "b"  # an id begins with a letter (jmap S2)


def accounts_for(request: ApiRequest) -> list[MailAccount]:
    """All accounts this credential may see, in the user's order."""
    return [found for found in account_queries.accounts_of(request.auth.user) if request.auth.may_see(found)]


def account_for(request: ApiRequest, account_id: str) -> MailAccount:
    """The account in the address."""
    account = account_queries.get_account_for(request.auth.user, account_id)
    if not request.auth.may_see(account):
        raise Http404("no such account")
    return account


def mailbox_for(request: ApiRequest, account: MailAccount, mailbox_id: str) -> Mailbox:
    """A mailbox of this account."""
    return _inside(account, account_queries.get_mailbox_for(request.auth.user, mailbox_id))


def email_for(request: ApiRequest, account: MailAccount, email_id: str) -> Email:
    """A message of this account that is in at least one mailbox: a deleted one is gone at once."""
    email = _inside(account, email_queries.get_email_for(request.auth.user, email_id))
    if not emails.memberships([email.pk]):
        raise Http404("no such message")
    return email


def emails_for(request: ApiRequest, account: MailAccount, email_ids: Iterable[str]) -> dict[str, Email]:
    """Those of the messages that are in this account and in a mailbox, by id."""
    found = email_queries.get_emails_for(request.auth.user, email_ids)
    inside = [email for email in found if email.account_id == account.pk]
    placed = emails.memberships(email.pk for email in inside)
    return {email.public_id: email for email in inside if email.pk in placed}


def thread_for(request: ApiRequest, account: MailAccount, thread_id: str) -> Thread:
    """A conversation of this account."""
    return _inside(account, email_queries.get_thread_for(request.auth.user, thread_id))


def identity_for(account: MailAccount, identity_id: str) -> Identity:
    """An identity of this account, which was got by `account_for`."""
    found = Identity.objects.filter(account=account, public_id=identity_id).first()
    if found is None:
        raise Http404("no such identity")
    return found


def draft_for(request: ApiRequest, account: MailAccount, draft_id: str) -> Draft:
    """A draft of this account, with its files."""
    return _inside(account, outbox_queries.get_draft_for(request.auth.user, draft_id))


def submission_for(request: ApiRequest, account: MailAccount, submission_id: str) -> Submission:
    """A submission of this account, with recipients and timeline."""
    return _inside(account, outbox_queries.get_submission_for(request.auth.user, submission_id))


def upload_for(request: ApiRequest, account: MailAccount, upload_id: str) -> Upload:
    """An upload of this user's to this account, and to no draft."""
    found = uploads.find_upload(request.auth.user, upload_id, to=account)
    if found is None:
        raise Http404("no such upload")
    return found


def blob_for(account: MailAccount, blob_id: str) -> Blob:
    """Bytes that this account may read: knowing their hash is no right (jmap S14)."""
    blob = blobs.get_blob_for(account.pk, blob_id.removeprefix(BLOB_ID_PREFIX))
    if blob is None or not blob_id.startswith(BLOB_ID_PREFIX):
        raise Http404("no such blob")
    return blob


def blob_id_of(blob: Blob) -> str:
    """How a blob is called in the API."""
    return BLOB_ID_PREFIX + blob.sha256


def operations_of(account: MailAccount) -> QuerySet[Action]:
    """What the account's server was or is to be told, newest first."""
    return Action.objects.filter(account=account).select_related("mailbox").order_by("-id")


def operation_for(account: MailAccount, operation_id: str) -> Action:
    """An operation of this account."""
    found = operations_of(account).filter(public_id=operation_id).first()
    if found is None:
        raise Http404("no such operation")
    return found


def test_for(account: MailAccount, test_id: str) -> ConnectionTest:
    """A test of this account's connection."""
    found = ConnectionTest.objects.filter(account=account, user=account.user_id, public_id=test_id).first()
    if found is None:
        raise Http404("no such test")
    return found


def token_for(request: ApiRequest, token_id: str) -> ApiCredential:
    """A credential of the user's own."""
    number = token_id.removeprefix("k")
    found = (
        tokens_of(request.auth.user).filter(pk=int(number)).first() if number.isascii() and number.isdigit() else None
    )
    if found is None or f"k{found.pk}" != token_id:
        raise Http404("no such token")
    return found


def _inside(account: MailAccount, found: _Kept) -> _Kept:
    if found.account_id != account.pk:
        raise Http404("not in this account")
    return found
