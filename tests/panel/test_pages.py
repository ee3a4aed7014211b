"""Every list and every detail page: with rows in every state, without secrets, without markup from strangers, in few queries."""

import base64
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from accounts.models import AuditEvent, MailAccount, MailDomain, User
from tests import factories
from tests.outbox.letters import submit
from tests.panel.conftest import HOSTILE, PRIVATE, SECRET, Installation, detail_page, list_page, sealed_secrets
from webmail.journal.models import Action
from webmail.outbox.models import Submission
from webmail.panel.site import panel_site
from webmail.store.models import Heartbeat, HostGate, Lease, Mailbox

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.panel.urls")]

MODELS = [User, MailAccount, MailDomain, AuditEvent, Mailbox, Submission, Action, Heartbeat, Lease, HostGate]
# The lists of one model may not need more queries than this, however many rows they show: session, user, rows and a
# few for filters.
MAX_QUERIES = 7


def all_pages() -> list[str]:
    pages = ["/admin/", "/admin/password_change/"]
    for model in MODELS:
        rows = list(model.objects.all())
        assert rows, f"no {model.__name__} to look at"
        pages += [list_page(model), *(detail_page(row) for row in rows)]
    pages += [reverse("admin:accounts_user_add"), reverse("admin:accounts_maildomain_add")]
    pages += [reverse("admin:auth_user_password_change", args=[User.objects.earliest("pk").pk])]
    return pages


def test_these_tests_look_at_every_registered_model():
    assert set(panel_site._registry) == set(MODELS)


@pytest.mark.req("R49")
def test_no_page_shows_a_secret_or_the_content_of_mail(operator: Client, installation: Installation):
    hashes = list(User.objects.values_list("password", flat=True))
    sealed = [
        form(secret)
        for secret in sealed_secrets()
        for form in (repr, bytes.hex, lambda raw: base64.b64encode(raw).decode())
    ]
    assert len(sealed) > 10
    for address in all_pages():
        page = operator.get(address)
        text = page.content.decode()
        assert page.status_code == 200, address
        for hidden in (SECRET, PRIVATE, *hashes, *sealed):
            assert hidden not in text, address


@pytest.mark.req("R9")
def test_text_of_strangers_is_text_on_every_page(operator: Client, installation: Installation):
    for address in all_pages():
        text = operator.get(address).content.decode()
        assert "<img src=x" not in text, address
        assert "1337" not in re.sub(r"[\w-]{20,}", "", text), address


@pytest.mark.req("R9")
@pytest.mark.parametrize("model", [MailAccount, Submission, Action, AuditEvent, Mailbox])
def test_text_of_strangers_is_shown_as_they_wrote_it(operator: Client, installation: Installation, model: type):
    text = operator.get(list_page(model)).content.decode()
    assert escape(HOSTILE) in text


@pytest.mark.parametrize("model", MODELS)
def test_lists_can_be_searched_with_anything(operator: Client, installation: Installation, model: type):
    response = operator.get(list_page(model), {"q": HOSTILE})
    assert response.status_code == 200
    assert "<img src=x" not in response.content.decode()


def test_every_filter_of_every_list_works(operator: Client, installation: Installation):
    tried = 0
    for model in MODELS:
        links = re.findall(r'href="(\?[^"]+)"', operator.get(list_page(model)).content.decode())
        for link in {link.replace("&amp;", "&") for link in links}:
            assert operator.get(list_page(model) + link).status_code == 200, link
            tried += 1
    assert tried > 30


def grow(installation: Installation) -> None:
    for number in range(12):
        factories.make_user(f"guest{number}")
        account = factories.make_account(installation.alice)
        MailDomain.objects.create(domain=f"d{number}.example", incoming_host="mail.example.org")
        AuditEvent.objects.create(action="sign_in", user=installation.alice)
        factories.make_mailbox(account, f"Box {number}")
        submit(account)
        Action.objects.create(account=account, kind=Action.Kind.MOVE)
        Heartbeat.objects.create(name=f"net@{number}", kind="net", host="h", pid=number)
        Lease.objects.create(name=f"lease {number}")


def queries_of(client: Client, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_the_number_of_queries_does_not_grow_with_the_rows(operator: Client, installation: Installation):
    addresses = ["/admin/", *(list_page(model) for model in MODELS)]
    before = {address: queries_of(operator, address) for address in addresses}
    grow(installation)
    after = {address: queries_of(operator, address) for address in addresses}
    assert after == before
    assert {address: count for address, count in after.items() if count > MAX_QUERIES and address != "/admin/"} == {}
    assert after["/admin/"] <= 30


@pytest.mark.parametrize("model", [MailAccount, AuditEvent, Mailbox, Submission, Action])
def test_large_tables_are_never_counted(operator: Client, installation: Installation, model: type):
    with CaptureQueriesContext(connection) as queries:
        operator.get(list_page(model))
    counted = [query["sql"] for query in queries if "COUNT(" in query["sql"] and model._meta.db_table in query["sql"]]
    assert counted == []


def test_what_makes_no_sense_to_edit_cannot_be_edited(operator: Client, installation: Installation):
    before = MailAccount.objects.get(pk=installation.account.pk)
    response = operator.post(detail_page(installation.account), {"incoming_host": "evil.example", "_save": "1"})
    assert response.status_code == 403
    after = MailAccount.objects.get(pk=installation.account.pk)
    assert after.incoming_host == before.incoming_host
    for model in (MailAccount, AuditEvent, Mailbox, Submission, Action, Heartbeat, Lease, HostGate):
        assert operator.get(f"{list_page(model)}add/").status_code == 403
        assert operator.post(detail_page(model.objects.earliest("pk"), "delete"), {"post": "yes"}).status_code == 403


def test_a_detail_page_changes_nothing_by_being_looked_at(operator: Client, installation: Installation):
    text = operator.get(detail_page(installation.accounts["ok"])).content.decode()
    form = re.search(r'<form method="post" action="([^"]+)"[^>]*id="detail-actions">(.*?)</form>', text, re.DOTALL)
    assert form is not None
    assert form.group(1) == list_page(MailAccount)
    assert "csrfmiddlewaretoken" in form.group(2)
    assert re.findall(r'value="(sync_now|test_again|pause|resume)"', form.group(2)) == [
        "sync_now",
        "test_again",
        "pause",
    ]


def test_an_act_without_a_token_is_refused(charlie: User, installation: Installation):
    from tests.panel.conftest import BACKEND

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(charlie, backend=BACKEND)
    data = {"action": "pause", "index": "0", "_selected_action": installation.account.pk}
    assert strict.post(list_page(MailAccount), data).status_code == 403
