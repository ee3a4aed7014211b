import os
import pytest
from django.conf import settings
from playwright.sync_api import sync_playwright
from tests.panel.conftest import BACKEND, detail_page, list_page
from accounts.models import *
from webmail.outbox.models import Submission, SubmissionEvent
from webmail.journal.models import Action
from webmail.store.models import Heartbeat, Mailbox
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]="1"
@pytest.mark.django_db(transaction=True)
@pytest.mark.urls("tests.panel.urls")
def test_look(operator, installation, live_server, charlie):
    MailAccount.objects.update(state_reason="421 4.3.2 Service not available, closing transmission channel; please try again later (server mx7.example.net)")
    MailAccount.objects.filter(state__in=("new","ok","paused")).update(state_reason="", failures=0)

    Submission.objects.update(last_reply="451 4.7.1 <bob@example.org>: greylisted, see https://postgrey.example/help")
    SubmissionEvent.objects.exclude(text="").update(text="Not sent yet; it is tried again. The server said: “451 4.7.1 greylisted”")
    cookie = operator.cookies["sessionid"].value
    errors=[]
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for scheme in ("light","dark"):
            c = b.new_context(viewport={"width":1440,"height":900}, color_scheme=scheme)
            c.add_cookies([{"name":"sessionid","value":cookie,"url":live_server.url}])
            pg = c.new_page()
            pg.on("console", lambda m: errors.append((pg.url, m.text)) if m.type in("error","warning") else None)
            pg.on("pageerror", lambda e: errors.append((pg.url,str(e))))
            pages={"dash":"/admin/","accounts":list_page(MailAccount),"account":detail_page(installation.accounts["failing"]),
              "account0":detail_page(installation.account),
              "submission":detail_page(installation.submissions["retry"]),"submissions":list_page(Submission),
              "users":list_page(User),"user":detail_page(installation.alice),"adduser":"/admin/accounts/user/add/","adddomain":"/admin/accounts/maildomain/add/",
              "actions":list_page(Action),"processes":list_page(Heartbeat),"mailboxes":list_page(Mailbox),"audit":list_page(AuditEvent),"action":detail_page(installation.actions["pending"])}
            for name, url in pages.items():
                pg.goto(live_server.url+url); pg.wait_for_timeout(500)
                pg.screenshot(path=f"/tmp/shots/{name}-{scheme}.png", full_page=name in("dash","submission","account"))
            # act through UI
            pg.goto(live_server.url+list_page(MailAccount)); pg.wait_for_timeout(400)
            pg.locator("input.action-select").nth(1).click(); pg.wait_for_timeout(300)
            pg.screenshot(path=f"/tmp/shots/select-{scheme}.png")
            pg.select_option("select[name=action]", "pause"); pg.wait_for_timeout(200); pg.click("button[name=index]"); pg.wait_for_timeout(500)
            pg.screenshot(path=f"/tmp/shots/after-{scheme}.png")
            pg.goto(live_server.url+detail_page(installation.account)); pg.click("#detail-actions button"); pg.wait_for_timeout(400)
            pg.screenshot(path=f"/tmp/shots/after-detail-{scheme}.png")
        b.close()
    print("ERRORS", *errors, sep="\n")
