"""Connected mailboxes: what they are and how they do."""

from __future__ import annotations

from django.http import HttpResponse
from ninja import Router

from accounts import services
from accounts.models import ConnectionTest, MailAccount
from webmail.api import access
from webmail.api.answers import answer
from webmail.api.auth import ApiRequest
from webmail.api.operations import operation
from webmail.api.schemas.accounts import AccountListOut, AccountOut, SyncOut, VerificationOut
from webmail.store.queries.accounts import SyncProgress, sync_progress

router = Router(tags=["accounts"])


@operation(router, "GET", "/accounts", scope="accounts.read", answers={200: AccountListOut})
def list_accounts(request: ApiRequest) -> HttpResponse:
    """List the connected accounts."""
    found = access.accounts_for(request)
    progress = sync_progress(found)
    return answer(request, AccountListOut(accounts=[_account(one, progress[one.pk]) for one in found]))


@operation(router, "GET", "/accounts/{account_id}", scope="accounts.read", answers={200: AccountOut})
def get_account(request: ApiRequest, account_id: str) -> HttpResponse:
    """One account with the condition of its copy."""
    account = access.account_for(request, account_id)
    return answer(request, _account(account, sync_progress([account])[account.pk]))


@operation(router, "POST", "/accounts/{account_id}/resync", scope="mail.headers", answers={202: AccountOut})
def resync_account(request: ApiRequest, account_id: str) -> HttpResponse:
    """Ask for a pass over the account now.

    The answer comes at once; `last_sync_at` of the account tells when the pass has ended.
    """
    account = access.account_for(request, account_id)
    services.request_sync(account)
    return answer(request, _account(account, sync_progress([account])[account.pk]), status=202)


@operation(
    router,
    "POST",
    "/accounts/{account_id}/verify",
    scope="accounts.write",
    answers={202: VerificationOut},
    problems=["conflict"],
)
def verify_account(request: ApiRequest, account_id: str) -> HttpResponse:
    """Test the account's servers with the password stored for it.

    A worker does it; poll the address in `Location`.
    """
    account = access.account_for(request, account_id)
    test = services.request_verification(account, user=request.auth.user)
    place = f"/api/v1/accounts/{account_id}/verify/{test.public_id}"
    return answer(request, _verification(test), status=202, headers={"Location": place, "Retry-After": "1"})


@operation(
    router, "GET", "/accounts/{account_id}/verify/{test_id}", scope="accounts.read", answers={200: VerificationOut}
)
def get_verification(request: ApiRequest, account_id: str, test_id: str) -> HttpResponse:
    """What a test has found, step by step."""
    return answer(request, _verification(access.test_for(access.account_for(request, account_id), test_id)))


def _account(account: MailAccount, progress: SyncProgress) -> AccountOut:
    return AccountOut.model_validate(
        {
            "id": account.public_id,
            "name": account.name,
            "address": account.address,
            "protocol": account.incoming_protocol,
            "color": account.color,
            "is_unified": account.is_unified,
            "can_send": account.can_send,
            "state": account.state,
            "state_reason": account.state_reason,
            "state_since": account.state_since,
            "last_sync_at": account.last_sync_at,
            "sync": SyncOut(total=progress.total, listed=progress.listed, complete=progress.complete),
        }
    )


def _verification(test: ConnectionTest) -> VerificationOut:
    report = [
        {key: value for key, value in step.items() if key != "words"} for step in test.report
    ]  # those are for pages
    return VerificationOut.model_validate(
        {"id": test.public_id, "status": test.status, "report": report, "created_at": test.created_at}
    )
