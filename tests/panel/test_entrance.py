"""Who may enter the panel, and what its pages may load."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import resolve, reverse

from accounts.models import User
from tests.panel.conftest import BACKEND, list_page
from webmail.panel.site import panel_site

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.panel.urls")]


def test_the_panel_is_the_only_admin_site_that_can_be_named():
    assert admin.site is panel_site


@pytest.mark.urls("webmail.urls")
def test_the_site_serves_the_panel():
    assert resolve("/admin/").func.admin_site is panel_site
    assert resolve("/admin/outbox/submission/").app_name == "admin"


def test_a_stranger_is_sent_to_the_sites_own_sign_in(client: Client):
    response = client.get(list_page(User), follow=True)
    address, _ = response.redirect_chain[-1]
    assert address == f"/accounts/login/?next={list_page(User)}"
    assert response.content == b"sign in"


def test_the_panel_takes_no_password_itself(client: Client, charlie: User):
    response = client.post("/admin/login/", {"username": charlie.email, "password": "correct horse battery"})
    assert response.status_code == 302
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("address", ["/admin/", "/admin/login/", "/admin/accounts/user/", "/admin/search/?s=user"])
def test_who_is_no_administrator_is_refused(client: Client, alice: User, address: str):
    client.force_login(alice, backend=BACKEND)
    assert client.get(address).status_code == 403


def test_a_superuser_who_is_no_administrator_is_refused(client: Client):
    someone = User.objects.create_user("root@pillarbox.test", "x", is_superuser=True)
    client.force_login(someone, backend=BACKEND)
    assert client.get("/admin/").status_code == 403


def test_a_suspended_administrator_is_out_at_once(operator: Client, charlie: User):
    User.objects.filter(pk=charlie.pk).update(is_active=False)
    assert operator.get("/admin/").status_code == 302


def test_an_administrator_enters(operator: Client):
    assert operator.get("/admin/").status_code == 200


def test_sign_in_leads_nowhere_else(operator: Client):
    response = operator.get("/admin/login/?next=https://evil.example/")
    assert response.headers["Location"] == reverse("admin:index")


def test_leaving_ends_the_session(operator: Client):
    response = operator.post("/admin/logout/")
    assert response.headers["Location"] == "/accounts/login/?next=/admin/"
    assert "_auth_user_id" not in operator.session


def test_no_script_of_a_page_itself_runs(operator: Client):
    policy = operator.get("/admin/").headers["Content-Security-Policy"]
    script = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "'unsafe-inline'" not in script
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


def test_only_what_is_named_is_shown(operator: Client):
    page = operator.get("/admin/").content.decode()
    for stranger in ("auth/group", "account/emailaddress", "axes/", "accounts/credential", "accounts/connectiontest"):
        assert stranger not in page
        assert operator.get(f"/admin/{stranger}/").status_code == 404


def test_browsers_tell_the_panel_where_its_forms_come_from(operator: Client):
    # With no-referrer Chromium sends `Origin: null` with a form, and the CSRF check refuses it.
    assert operator.get("/admin/").headers["Referrer-Policy"] == "same-origin"
