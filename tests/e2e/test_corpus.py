"""Every message of the mail corpus through the whole product: synced, indexed, listed, opened, and served byte for byte."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.test import Client

from tests import factories
from tests.fakes.imap import FakeImapServer
from tests.mime.test_corpus_parse import CORPUS, MAIL_FOLDERS, corpus_messages
from webmail.store import blobs, consistency, indexing
from webmail.store.models import Email
from webmail.sync import passes
from webmail.sync.connections import close_kept_sessions

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.slow,
    pytest.mark.django_db,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the mail corpus (../shared/corpus) is not on this machine"),
]

FRAME = re.compile(r'<iframe[^>]*?\ssrc="([^"]+)"')
LOGIN_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.mark.req("R42")
@pytest.mark.parametrize("folder", MAIL_FOLDERS)
def test_no_message_is_lost_and_none_breaks_a_page(folder: str, client: Client) -> None:
    raws = [raw for _, raw in corpus_messages(folder) if raw.strip()]
    with FakeImapServer() as server:
        for number, raw in enumerate(raws):
            at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
            server.store.append(server.user, "INBOX", raw, internal_date=at)
        account = factories.make_account(
            factories.make_user(),
            incoming_port=server.port,
            incoming_username=server.user,
            password=server.password,
        )
        try:
            passes.sync_account(account.pk)
            passes.sync_account(account.pk)
        finally:
            close_kept_sessions()
    indexing.index_account(account.pk)
    emails = list(Email.objects.filter(account=account).select_related("blob"))
    stored = Counter(email.blob.sha256 for email in emails if email.blob)
    assert stored == Counter(hashlib.sha256(raw).hexdigest() for raw in raws)
    assert all(email.is_indexed for email in emails)
    assert consistency.check_account(account.pk) == []

    client.force_login(account.user, backend=LOGIN_BACKEND)
    listed = client.get("/mail/inbox")
    assert listed.status_code == 200
    broken = {email.public_id: faults for email in emails if (faults := faults_of(client, email))}
    assert broken == {}


def faults_of(client: Client, email: Email) -> list[str]:
    """The message shows, its body is served, and its download is the bytes that came; what of that is not so."""
    assert email.blob is not None
    address = f"/mail/m/{email.public_id}"
    page = client.get(address, follow=True)
    # Plain text has no document of its own.
    frames = [unescape(found) for found in FRAME.findall(page.content.decode())]
    answers = {
        "page": page.status_code == 200,
        "body": all(client.get(frame).status_code == 200 for frame in frames),
        "download": client.get(f"{address}/eml").content == blobs.read_blob(email.blob),
    }
    return [name for name, is_right in answers.items() if not is_right]
