"""Tokens, app passwords, sessions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import tokens
from accounts.models import ApiCredential, AuditEvent
from tests.api.conftest import Api, World, basic, speaking_for


@pytest.mark.req("R59")
def test_secret_is_kept_as_a_hash_and_recognisable(world: World) -> None:
    made = tokens.create_token(world.alice, name="phone", scopes=["mail"])
    assert made.secret.startswith("pbx_")
    assert len(made.secret) == 4 + 40
    row = ApiCredential.objects.get(pk=made.credential.pk)
    assert made.secret not in str(row.__dict__)
    assert row.hint == made.secret[-4:]


@pytest.mark.req("R59")
def test_revoked_expired_and_disabled_credentials_are_refused_at_once(world: World) -> None:
    made = tokens.create_token(world.alice, name="phone", scopes=["mail"])
    client = Api({"Authorization": f"Bearer {made.secret}"})
    client.get("me")
    made.credential.refresh_from_db()
    assert made.credential.last_used_at is not None
    assert tokens.revoke_token(made.credential)
    assert 'error="invalid_token"' in client.call("GET", "me", expect=401)["WWW-Authenticate"]
    past = timezone.now() - timedelta(seconds=1)
    speaking_for(world.alice, expires_at=past).get("me", expect=401)
    late = speaking_for(world.alice)
    world.alice.is_active = False
    world.alice.save()
    late.get("me", expect=401)


def test_app_password_opens_with_its_own_login_only(world: World) -> None:
    secret = tokens.create_token(world.alice, name="phone", scopes=["mail"]).secret
    assert Api(basic("Alice@Pillarbox.test", secret)).get("me")["email"] == world.alice.email
    Api(basic(world.bob.email, secret)).get("me", expect=401)
    Api(basic(world.alice.email, "correct horse battery")).get("me", expect=401)
    for header in ("Basic !!!", "Basic eA==", "Digest x", "Bearer", "Bearer pbx_wrong"):
        Api({"Authorization": header}).get("me", expect=401)


@pytest.mark.req("R53")
def test_many_wrong_app_passwords_are_held_back_but_the_right_one_works(world: World) -> None:
    wrong = Api(basic(world.alice.email, "pbx_wrong"))
    statuses = [wrong.call("GET", "me").status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert wrong.call("GET", "me")["Retry-After"]
    secret = tokens.create_token(world.alice, name="phone", scopes=["mail"]).secret
    Api(basic(world.alice.email, secret)).get("me")


@pytest.mark.req("R55")
def test_session_reads_and_needs_the_csrf_token_to_write(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.alice)
    api = Api(client=client)
    assert api.get("me")["email"] == world.alice.email
    address = f"{world.home}/mailboxes"
    assert api.post(address, {"name": "X"}, expect=403)["type"].endswith("#problem-forbidden")
    client.cookies["csrftoken"] = "a" * 32
    api.post(address, {"name": "X"}, expect=201, X_CSRFToken="a" * 32)
    # A refused credential does not fall back to the session.
    Api({"Authorization": "Bearer pbx_wrong"}, client).get("me", expect=401)


def test_only_staff_sessions_have_the_admin_scope(world: World) -> None:
    def scopes(user: object) -> list[str]:
        client = Client()
        client.force_login(user)
        return Api(client=client).get("me")["scopes"]

    assert "admin" in scopes(world.charlie)
    assert "admin" not in scopes(world.alice)


@pytest.mark.req("rest 10")
def test_token_makes_none_that_may_do_more_or_live_longer(world: World) -> None:
    until = timezone.now() + timedelta(days=1)
    limited = speaking_for(world.alice, scopes=("tokens.write", "mail.read"), accounts=[world.second], expires_at=until)
    assert limited.post("tokens", {"name": "x", "scopes": ["mail"]}, expect=403)["scope"] == "mail.modify"
    body = {"name": "x", "scopes": ["mail.read"], "account_ids": [world.account.public_id]}
    limited.post("tokens", body, expect=422)
    made = limited.post("tokens", {"name": "x", "scopes": ["mail.read"]}, expect=201)
    assert made["account_ids"] == [world.second.public_id]
    assert made["expires_at"] is not None
    child = Api({"Authorization": f"Bearer {made['secret']}"})
    assert child.get("me")["scopes"] == ["mail.headers", "mail.read"]
    assert "secret" not in limited.get(f"tokens/{made['id']}")
    limited.post("tokens", {"name": "x", "scopes": ["fly"]}, expect=422)


@pytest.mark.req("rest 10")
def test_making_and_revoking_is_in_the_audit_log(world: World) -> None:
    made = world.api.post("tokens", {"name": "phone", "scopes": ["mail"]}, expect=201)
    world.api.call("DELETE", f"tokens/{made['id']}", expect=204)
    world.api.get(f"tokens/{made['id']}", expect=404)
    told = list(AuditEvent.objects.filter(subject="phone").order_by("id").values_list("action", flat=True))
    assert told == ["token.created", "token.revoked"]
