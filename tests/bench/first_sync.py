"""A mailbox of 20,000 messages: how soon the first rows are there, what the whole list costs, how quick the pages are."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from tests.e2e.site import Site
from tests.servers.dovecot import DovecotServer

# Runs in the site's own Django, in one process, so that the worker's CPU time is this process's.
PROGRAM = """
import sqlite3, statistics, threading, time
from django.test import Client
from accounts.models import MailAccount, User
from webmail.store.models import Email, Mailbox
from webmail.sync import passes

account = MailAccount.objects.get(address={address!r})
FIRST = (
    "select count(*) from (select 1 from store_emailmailbox m join store_mailbox b on b.id = m.mailbox_id"
    " where b.account_id = ? limit 50)"
)
LISTED = "select 1 from store_mailbox where account_id = ? and role = 'inbox' and backfill_uid = 1"
moments = {{}}
ended = threading.Event()

def look():
    rows = sqlite3.connect({database!r})
    while not ended.is_set():
        count = rows.execute(FIRST, [account.pk]).fetchone()[0]
        if count >= 50:
            moments.setdefault("first", (time.perf_counter(), time.process_time()))
        if rows.execute(LISTED, [account.pk]).fetchone():
            moments["listed"] = (time.perf_counter(), time.process_time())
            return
        time.sleep(0.01)

watcher = threading.Thread(target=look)
watcher.start()
wall, cpu = time.perf_counter(), time.process_time()
while "listed" not in moments:
    passes.sync_account(account.pk)
ended.set()
watcher.join()
count = Email.objects.filter(account=account).count()

client = Client(HTTP_HOST="127.0.0.1")
client.force_login(account.user, backend="allauth.account.auth_backends.AuthenticationBackend")

def median_ms(path, rounds=60):
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        answer = client.get(path)
        times.append((time.perf_counter() - begin) * 1000)
        assert answer.status_code == 200, (path, answer.status_code)
    return round(statistics.median(times), 1)

while Email.objects.filter(account=account, blob=None).exists():
    passes.sync_account(account.pk)
    if time.perf_counter() - wall > 240:
        break
newest = Email.objects.filter(account=account, blob__isnull=False).order_by("-received_at").first()
result = {{
    "messages": count,
    "first 50 rows after (s)": round(moments["first"][0] - wall, 3),
    "whole list, wall (s)": round(moments["listed"][0] - wall, 2),
    "whole list, worker CPU (s)": round(moments["listed"][1] - cpu, 2),
    "list page, server time p50 (ms)": median_ms("/mail/inbox"),
    "open a stored message, p50 (ms)": median_ms(f"/mail/t/{{newest.thread.public_id}}"),
}}
"""


def measure(site: Site, dovecot: DovecotServer, options: Namespace) -> dict[str, Any]:
    """Figures by name. The site's workers are stopped meanwhile: they would do the work instead."""
    messages = options.messages
    user = dovecot.new_user("bench")
    dovecot.fill(user.name, messages)
    # The server builds its own cache at the first look; that is not ours to measure.
    dovecot.doveadm("fetch", "-u", user.name, "hdr.subject imap.bodystructure size.virtual", "mailbox", "INBOX", "all")
    email = f"{user.name}@people.test"
    site.add_user(email)
    for name in ("net", "cpu", "watch", "sweep"):
        site.processes.pop(name).stop()
    incoming = f"imap://{user.name}@127.0.0.1:{dovecot.imap_port}"
    site.manage(
        "connect", email, "--address", user.address, "--incoming", incoming, "--no-test", "--password-stdin",
        stdin=user.password,
    )  # fmt: skip
    database = site.environment["DATABASE_URL"].removeprefix("sqlite:///")
    figures: dict[str, Any] = site.run_python(PROGRAM.format(address=user.address, database=database), timeout_s=550)
    for name in ("net", "cpu", "watch", "sweep"):
        site.start_process(name)
    return figures
