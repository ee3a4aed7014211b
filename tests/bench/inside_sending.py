"""What runs inside the site's own Django to measure sending, each function in a process of its own."""

from __future__ import annotations

import json
import smtplib
import statistics
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from django.test import Client

from accounts import tokens
from accounts.models import MailAccount, SentCopy, User
from tests.factories import make_user
from tests.outbox.letters import make_sender, submit
from webmail.mime.compose import without_bcc
from webmail.outbox.models import Phase, Submission
from webmail.store import blobs
from webmail.sync import connections, points
from webmail.sync.outgoing.deliver import deliver_account

LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)  # as a time to send: at once
THREE = "ann@example.org, ben@example.org, cid@example.org"


def _text(size_bytes: int) -> str:
    line = "The quick brown fox jumps over the lazy dog, and does it again.\n"
    return line * (size_bytes // len(line))


def _sender(port: int) -> MailAccount:
    user = make_user(f"bench-{uuid.uuid4().hex[:12]}")
    User.objects.filter(pk=user.pk).update(daily_messages=1_000_000, daily_new_recipients=1_000_000)
    account = make_sender(User.objects.get(pk=user.pk), outgoing_port=port)
    MailAccount.objects.filter(pk=account.pk).update(sent_copy=SentCopy.SERVER)
    return MailAccount.objects.get(pk=account.pk)


def accepting(count: int) -> dict[str, float]:
    """Milliseconds until a message of 10 KB to three recipients is taken, by `submit_message` and by REST."""
    account = _sender(9)
    text = _text(10_240)
    rows = [_ms(lambda number=number: submit(account, to=THREE, text=f"{number}\n{text}")) for number in range(count)]
    token = tokens.create_token(account.user, name="bench", scopes=("mail.send",)).secret
    client, path = Client(SERVER_NAME="127.0.0.1"), f"/api/v1/accounts/{account.public_id}/submissions"

    def post(number: int) -> None:
        body = {"message": {"to": THREE, "subject": "Bench", "text": f"rest {number}\n{text}"}}
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex}
        response = client.post(path, json.dumps(body), content_type="application/json", headers=headers)
        assert response.status_code == 201, response.content

    post(-1)
    rest = [_ms(lambda number=number: post(number)) for number in range(count)]
    return {"submit_ms": statistics.median(rows), "rest_ms": statistics.median(rest)}


def _ms(act: Any) -> float:
    begin = time.perf_counter()
    act()
    return (time.perf_counter() - begin) * 1_000


def queue(port: int, count: int) -> dict[str, float]:
    """Send `count` messages of 2 KB that wait, and the same ones with smtplib: seconds from the first connection to the
    last 250."""
    account = _sender(port)
    text = _text(2_048)
    for number in range(count):
        submit(account, text=f"{number}\n{text}")
    last = 0.0

    def note(name: str) -> None:
        nonlocal last
        if name == "accepted":
            last = time.perf_counter()

    points.observer = note
    cpu, begin = time.process_time(), time.perf_counter()
    deliver_account(account.pk)
    cpu = time.process_time() - cpu
    points.observer = None
    assert set(Submission.objects.filter(account=account).values_list("phase", flat=True)) == {Phase.DONE}
    connections.close_kept_sessions()
    return {"seconds": last - begin, "cpu_s": cpu, "peer_s": _peer(port, account)}


def _peer(port: int, account: MailAccount) -> float:
    rows = Submission.objects.filter(account=account).select_related("blob").order_by("id")
    raws = [(row.mail_from, without_bcc(blobs.read_blob(row.blob))) for row in rows]
    begin = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as client:
        for sender, raw in raws:
            client.sendmail(sender, ["bob@example.org"], raw)
    return time.perf_counter() - begin
