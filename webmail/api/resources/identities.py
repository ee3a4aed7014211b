"""The addresses an account sends from."""

from __future__ import annotations

from django.http import HttpResponse
from ninja import Router

from accounts import services
from accounts.models import Identity
from webmail.api import access
from webmail.api.answers import answer, check_match, nothing
from webmail.api.auth import ApiRequest
from webmail.api.operations import operation
from webmail.api.problems import Problem, invalid
from webmail.api.schemas.accounts import IdentityChangeIn, IdentityIn, IdentityListOut, IdentityOut

router = Router(tags=["identities"])
LIST, ONE = "/accounts/{account_id}/identities", "/accounts/{account_id}/identities/{identity_id}"


@operation(router, "GET", LIST, scope="accounts.read", answers={200: IdentityListOut})
def list_identities(request: ApiRequest, account_id: str) -> HttpResponse:
    """List the identities, the default one first."""
    found = Identity.objects.filter(account=access.account_for(request, account_id))
    return answer(request, IdentityListOut(identities=[identity_out(one) for one in found]))


@operation(router, "GET", ONE, scope="accounts.read", answers={200: IdentityOut})
def get_identity(request: ApiRequest, account_id: str, identity_id: str) -> HttpResponse:
    """One identity."""
    found = access.identity_for(access.account_for(request, account_id), identity_id)
    return answer(request, identity_out(found), etag=_etag(found))


@operation(router, "POST", LIST, scope="accounts.write", answers={201: IdentityOut}, problems=["invalid-properties"])
def create_identity(request: ApiRequest, account_id: str, body: IdentityIn) -> HttpResponse:
    """Add an identity."""
    account = access.account_for(request, account_id)
    made = Identity(account=account, email=body.email)
    _apply(made, body)
    services.save_identity(made)
    place = f"/api/v1/accounts/{account_id}/identities/{made.public_id}"
    return answer(request, identity_out(made), status=201, etag=_etag(made), headers={"Location": place})


@operation(
    router,
    "PATCH",
    ONE,
    scope="accounts.write",
    answers={200: IdentityOut},
    problems=["invalid-properties", "state-mismatch"],
    headers=["If-Match"],
)
def update_identity(request: ApiRequest, account_id: str, identity_id: str, body: IdentityChangeIn) -> HttpResponse:
    """Change an identity."""
    account = access.account_for(request, account_id)
    found = access.identity_for(account, identity_id)
    check_match(request, _etag(found))
    if found.is_default and body.is_default is False:
        raise invalid("/is_default", "Make another identity the default one instead.")
    _apply(found, body)
    services.save_identity(found)
    return answer(request, identity_out(found), etag=_etag(found))


@operation(
    router,
    "DELETE",
    ONE,
    scope="accounts.write",
    answers={204: None},
    problems=["conflict", "state-mismatch"],
    headers=["If-Match"],
)
def delete_identity(request: ApiRequest, account_id: str, identity_id: str) -> HttpResponse:
    """Delete an identity; the last one stays."""
    found = access.identity_for(access.account_for(request, account_id), identity_id)
    check_match(request, _etag(found))
    try:
        services.delete_identity(found)
    except ValueError:
        raise Problem("conflict", "An account keeps at least one identity.") from None
    return nothing()


def identity_out(identity: Identity) -> IdentityOut:
    """An identity as clients see it."""
    return IdentityOut(
        id=identity.public_id,
        name=identity.name,
        email=identity.email,
        reply_to=identity.reply_to,
        signature_text=identity.signature_text,
        signature_html=identity.signature_html,
        is_default=identity.is_default,
    )


def _apply(identity: Identity, body: IdentityChangeIn) -> None:
    for name, value in body.given().items():
        if value is not None:
            setattr(identity, name, value)


def _etag(identity: Identity) -> str:
    identity.refresh_from_db(fields=["updated_modseq"])
    return str(identity.updated_modseq)
