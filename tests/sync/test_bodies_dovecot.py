"""Texts by sections from real Dovecot: what its BODYSTRUCTURE says of a corpus, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import make_account, make_user
from webmail.mime import skeleton
from webmail.mime.parse import parse_message
from webmail.mime.preview import make_preview
from webmail.mime.search_text import body_search_text
from webmail.sync.connections import account_session, close_kept_sessions
from webmail.sync.content import text_parts

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
MESSAGES = 5_000
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.live,
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the mail corpus (../shared/corpus) is not on this machine"),
]


@pytest.mark.req("Y28")
def test_text_from_sections_is_the_text_of_the_whole(dovecot, monkeypatch):
    monkeypatch.setattr(skeleton, "SMALL_PART_BYTES", 0)
    monkeypatch.setattr(skeleton, "MIN_SAVING_BYTES", 1)
    person = dovecot.new_user()
    account = make_account(
        make_user(), incoming_port=dovecot.imap_port, incoming_username=person.name, password=person.password
    )
    paths = [path for path in sorted(CORPUS.rglob("*")) if path.is_file()]
    raws = [path.read_bytes() for path in paths[:: max(len(paths) // MESSAGES, 1)]]
    with account_session(account) as session:
        for raw in raws:
            if b"multipart/" in raw and b"\0" not in raw:
                session.append(b"INBOX", raw)
        session.select(b"INBOX", read_only=True)
        uids = session.search_uids()
        sizes = {row.uid: row.size_bytes for row in session.fetch_list_data(uids)}
        texts = text_parts.fetch_texts(session, {uid: uid for uid in uids}, sizes)
        wholes = dict(session.fetch_messages(list(texts)))
    close_kept_sessions()

    different = []
    for uid, made in texts.items():
        found, whole = skeleton.parse_skeleton(made), parse_message(wholes[uid])
        names = [[(part.part_id, part.type, part.name) for part in one.root.walk()] for one in (found, whole)]
        if (
            names[0] != names[1]
            or body_search_text(found) != body_search_text(whole)
            or make_preview(found) != make_preview(whole)
        ):
            different.append(uid)
    assert len(texts) > 20
    assert different == []
