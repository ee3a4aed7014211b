"""App passwords and personal tokens of the user."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpResponse
from django.utils import timezone
from ninja import Router

from accounts import tokens
from accounts.models import ApiCredential
from webmail.api import access
from webmail.api.answers import answer, dumped, nothing
from webmail.api.auth import ApiRequest
from webmail.api.operations import operation
from webmail.api.problems import insufficient_scope, invalid
from webmail.api.schemas.accounts import NewTokenOut, TokenIn, TokenListOut, TokenOut

router = Router(tags=["tokens"])


@operation(router, "GET", "/tokens", scope="tokens.write", answers={200: TokenListOut})
def list_tokens(request: ApiRequest) -> HttpResponse:
    """List the user's tokens, without their secrets."""
    return answer(request, TokenListOut(tokens=[_token(one) for one in tokens.tokens_of(request.auth.user)]))


@operation(router, "POST", "/tokens", scope="tokens.write", answers={201: NewTokenOut}, problems=["invalid-properties"])
def create_token(request: ApiRequest, body: TokenIn) -> HttpResponse:
    """Make a token. Its secret is in this answer and never again.

    A token cannot make one that may do more than itself, or see more accounts.
    """
    try:
        scopes = tokens.expand_scopes(body.scopes)
    except tokens.UnknownScope as error:
        raise invalid("/scopes", str(error)) from error
    for scope in scopes:
        if not request.auth.has(scope):
            raise insufficient_scope(scope)
    allowed = {account.public_id: account for account in access.accounts_for(request)}
    wanted = body.account_ids or ([] if request.auth.account_ids is None else list(allowed))
    missing = [one for one in wanted if one not in allowed]
    if missing:
        raise invalid("/account_ids", f"There is no account {missing[0]}.")
    if body.expires_at is not None and body.expires_at <= timezone.now():
        raise invalid("/expires_at", "This is past.")
    made = tokens.create_token(
        request.auth.user,
        name=body.name,
        scopes=scopes,
        kind=body.kind,
        accounts=[allowed[one] for one in wanted],
        expires_at=_not_longer_than(request, body),
        ip_address=request.META.get("REMOTE_ADDR") or None,
    )
    shown = NewTokenOut(**dumped(_token(made.credential)), secret=made.secret)
    return answer(request, shown, status=201, headers={"Location": f"/api/v1/tokens/{shown.id}"})


@operation(router, "GET", "/tokens/{token_id}", scope="tokens.write", answers={200: TokenOut})
def get_token(request: ApiRequest, token_id: str) -> HttpResponse:
    """One token, without its secret."""
    return answer(request, _token(access.token_for(request, token_id)))


@operation(router, "DELETE", "/tokens/{token_id}", scope="tokens.write", answers={204: None})
def revoke_token(request: ApiRequest, token_id: str) -> HttpResponse:
    """Revoke a token: it is refused from now on."""
    tokens.revoke_token(access.token_for(request, token_id), ip_address=request.META.get("REMOTE_ADDR") or None)
    return nothing()


def _not_longer_than(request: ApiRequest, body: TokenIn) -> datetime | None:
    """A token that expires makes none that outlives it."""
    own = request.auth.credential.expires_at if request.auth.credential else None
    if own is None:
        return body.expires_at
    return min(own, body.expires_at) if body.expires_at else own


def _token(credential: ApiCredential) -> TokenOut:
    return TokenOut.model_validate(
        {
            "id": f"k{credential.pk}",
            "kind": credential.kind,
            "name": credential.name,
            "hint": credential.hint,
            "scopes": credential.scopes,
            "account_ids": [account.public_id for account in credential.accounts.all()],
            "created_at": credential.created_at,
            "expires_at": credential.expires_at,
            "last_used_at": credential.last_used_at,
        }
    )
