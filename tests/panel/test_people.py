"""Users and mail domains: created, suspended, deleted, checked."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, MailAccount, MailDomain, User
from tests.panel.conftest import BACKEND, detail_page, do, list_page

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.panel.urls")]

PASSWORD = "horse staple 41 battery"
DOMAIN = {
    "domain": "example.org",
    "username_format": "{address}",
    "incoming_protocol": "imap",
    "incoming_security": "tls",
    "incoming_host": "mail.example.org",
    "incoming_port": "993",
    "outgoing_security": "tls",
    "outgoing_host": "mail.example.org",
    "outgoing_port": "465",
}


def add_user(client: Client, **fields: str):
    data = {
        "email": "new@example.org",
        "name": "New",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    return client.post(reverse("admin:accounts_user_add"), {**data, **fields})


def errors_of(response) -> dict[str, list[str]]:
    return response.context["adminform"].form.errors


@pytest.mark.req("features 138")
def test_a_user_is_created_with_a_password_that_is_stored_as_a_hash(operator: Client):
    response = add_user(operator, email=" New@Example.ORG ")
    user = User.objects.get(email="new@example.org")
    assert response.status_code == 302
    assert user.check_password(PASSWORD)
    assert (user.is_active, user.is_staff, user.is_superuser) == (True, False, False)
    assert AuditEvent.objects.get(action="user.created").subject == "new@example.org"
    assert PASSWORD not in str(list(AuditEvent.objects.values()))


def test_a_user_may_have_no_password_of_ours(operator: Client):
    add_user(operator, usable_password="false", password1="", password2="")
    assert not User.objects.get(email="new@example.org").has_usable_password()


def test_two_users_cannot_share_an_address_in_another_spelling(operator: Client, alice: User):
    assert "email" in errors_of(add_user(operator, email="ALICE@pillarbox.test"))


@pytest.mark.parametrize("password", ["short", "password123", "1234567890"])
def test_weak_passwords_are_refused(operator: Client, password: str):
    assert "password2" in errors_of(add_user(operator, password1=password, password2=password))
    assert not User.objects.filter(email="new@example.org").exists()


def test_a_password_is_set_anew_without_showing_the_old_one(operator: Client, alice: User):
    address = reverse("admin:auth_user_password_change", args=[alice.pk])
    response = operator.post(address, {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD})
    assert response.status_code == 302
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
    assert AuditEvent.objects.filter(action="user.password_set", subject=alice.email).exists()


@pytest.mark.req("features 138")
def test_a_suspended_user_is_out_at_once_and_can_be_let_in_again(operator: Client, alice: User):
    browser = Client()
    browser.force_login(alice, backend=BACKEND)
    do(operator, "suspend", alice)
    alice.refresh_from_db()
    assert not alice.is_active
    assert browser.get("/admin/").status_code == 302  # signed in no more: asked to sign in
    do(operator, "readmit", alice)
    alice.refresh_from_db()
    assert alice.is_active


@pytest.mark.req("features 138")
def test_a_user_without_mail_is_deleted(operator: Client, alice: User):
    assert operator.post(detail_page(alice, "delete"), {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=alice.pk).exists()


def test_a_user_with_mail_is_not_deleted_by_the_way(operator: Client, account: MailAccount):
    assert operator.post(detail_page(account.user, "delete"), {"post": "yes"}).status_code == 403
    assert MailAccount.objects.filter(pk=account.pk).exists()


def test_administrators_cannot_shut_themselves_out(operator: Client, charlie: User):
    do(operator, "suspend", charlie)
    operator.post(detail_page(charlie), {"email": charlie.email, "name": "Charlie"})
    assert operator.post(detail_page(charlie, "delete"), {"post": "yes"}).status_code == 403
    charlie.refresh_from_db()
    assert (charlie.is_active, charlie.is_staff) == (True, True)


def test_a_user_is_made_administrator(operator: Client, alice: User):
    data = {"email": alice.email, "name": "Alice", "is_active": "on", "is_staff": "on"}
    assert operator.post(detail_page(alice), data).status_code == 302
    alice.refresh_from_db()
    assert (alice.is_staff, alice.is_superuser) == (True, False)


def test_a_users_page_leads_to_their_accounts(operator: Client, account: MailAccount):
    address = f"{list_page(MailAccount)}?user__id__exact={account.user_id}"
    assert address in operator.get(detail_page(account.user)).content.decode()
    assert account.address in operator.get(address).content.decode()


def add_domain(client: Client, **fields: str):
    return client.post(reverse("admin:accounts_maildomain_add"), {**DOMAIN, **fields})


def test_a_domain_is_added(operator: Client):
    assert add_domain(operator, domain=" Example.ORG. ", incoming_host="MAIL.example.org").status_code == 302
    domain = MailDomain.objects.get()
    assert (domain.domain, domain.incoming_host) == ("example.org", "mail.example.org")
    assert (domain.outgoing_port, domain.may_sign_in) == (465, False)


def test_a_domain_with_umlauts_is_kept_in_ascii(operator: Client):
    add_domain(operator, domain="müller.example")
    assert MailDomain.objects.get().domain == "xn--mller-kva.example"


def test_a_domain_that_cannot_send_needs_no_port(operator: Client):
    assert add_domain(operator, outgoing_host="", outgoing_port="").status_code == 302
    assert MailDomain.objects.get().outgoing_port is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            ("domain", bad)
            for bad in ("", "exa mple.org", "http://example.org", "user@example.org", "-a.org", "a..org", "x" * 70)
        ),
        *(("incoming_host", bad) for bad in ("", "mail.example.org:993", "mail\r\nexample.org", "imaps://mail", "a/b")),
        *(("outgoing_host", bad) for bad in ("<script>", "smtp.example.org/")),
        *(("incoming_port", bad) for bad in ("", "0", "65536", "-1", "imap")),
        *(("outgoing_port", bad) for bad in ("", "0", "70000")),
        *(
            ("username_format", bad)
            for bad in ("", "{user}", "{local", "local}", "{address.__class__}", "{}", "{0}", "all", "{domain}")
        ),
    ],
)
def test_what_could_never_be_connected_to_is_refused(operator: Client, field: str, value: str):
    assert field in errors_of(add_domain(operator, **{field: value}))
    assert not MailDomain.objects.exists()


@pytest.mark.parametrize("text", ["{address}", "{local}", "{local}+mail@{domain}", "box-{local}"])
def test_user_names_are_built_from_known_parts(operator: Client, text: str):
    assert add_domain(operator, username_format=text).status_code == 302


def test_a_domain_is_deleted(operator: Client):
    add_domain(operator)
    operator.post(detail_page(MailDomain.objects.get(), "delete"), {"post": "yes"})
    assert not MailDomain.objects.exists()
    assert AuditEvent.objects.filter(action="domain.deleted", subject="example.org").exists()
