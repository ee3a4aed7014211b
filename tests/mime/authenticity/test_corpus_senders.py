"""The claims of every message of the corpus, and the verdict on each that carries results of a server (R15, features 111).

The corpus belongs to others and is read in place; without it these tests skip.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from webmail.mime.authenticity.claims import SenderClaims, read_claims
from webmail.mime.authenticity.verdict import judge
from webmail.mime.parse import parse_message

CORPUS = Path(__file__).parents[3].parent / "shared" / "corpus"
FOLDERS = ("malformed-mime", "bounces", "crypto", "threads", "charsets", "tnef")
MAX_BYTES = 3_000_000

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.req("R15"),
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the mail corpus (../shared/corpus) is not on this machine"),
]

_FROM = re.compile(rb"^from:", re.IGNORECASE | re.MULTILINE)
# What the topmost server says of them, believed: DKIM, SPF or DMARC pass for the author's own domain.
VERIFIED = {
    *("issue-106-01.eml", "lhost-gmail-15.eml", "lhost-gmail-16.eml", "lhost-gmail-17.eml"),
    *("calendar-event.eml", "russian-attachment-yahoo.eml", "enclosed-endless.eml", "enclosed-broken.eml"),
    *("bilingual-simple.eml", "iphone.eml", "enclosed.eml", "multi-received-headers.eml", "enclosed-global.eml"),
    *("enclosed-bad-encoding.eml", "enclosed-broken-body.eml", "new_line_in_to_header.eml", "parse2.eml", "parse.eml"),
    *("1642968136.5.mox", "mailru.eml", "xs4all.eml", "google.eml", "yahoo.eml", "outlook.eml", "mail_test_6"),
    *("related.msg", "gmail.msg", "multipart-no-end-boundary.msg", "imaptest.mbox"),
}
FAILED = {"bounce.txt"}  # dmarc=fail, and its domain asks for more than nothing


def claims_of_corpus() -> Iterator[tuple[str, SenderClaims]]:
    for folder in FOLDERS:
        for path in sorted((CORPUS / folder).rglob("*")):
            if path.is_file() and path.stat().st_size < MAX_BYTES:
                raw = path.read_bytes()
                if _FROM.search(raw[:20_000]):
                    yield path.name, read_claims(parse_message(raw))


def test_every_message_makes_claims_that_survive_json_and_none_is_believed_unasked() -> None:
    form, count, stated, levels = TypeAdapter(SenderClaims), 0, 0, {}
    for name, claims in claims_of_corpus():
        count += 1
        assert form.validate_json(form.dump_json(claims)) == claims, name
        assert judge(claims, trusted={"mx.ours.test"}).level in {"unknown", "unverified"}, name
        if claims.stated:
            stated += 1
            levels.setdefault(judge(claims, trusted={claims.stated[0].server}).level, set()).add(name)
    assert count > 800
    assert stated > 70
    assert levels["failed"] == FAILED
    assert levels["verified"] == VERIFIED
