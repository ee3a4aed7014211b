"""One message's signatures verified: keys from DNS, the hostile part in a child without network, the result in a row.

    wanted --> done       results written, or nothing to verify: the server's own word is there, or no signature is
           --> wanted     DNS did not answer: twice more, minutes later
           --> refused    only a part of the message is here, or it took too much

This is never begun because somebody opens a message: the sender runs the DNS servers that are asked, and would learn of it. It
is begun when a message arrives, or when its reader asks for it.
"""

from __future__ import annotations

from typing import Final

import structlog

from webmail.mime.authenticity.own import OwnCheck, dump_check, load_check
from webmail.mime.authenticity.servers import trust_of
from webmail.mime.authenticity.signatures import keys_wanted
from webmail.mime.authenticity.statements import parse_statements
from webmail.mime.authenticity.verdict import is_one_of
from webmail.mime.headers import parse_header_block
from webmail.mime.limited.answer import JobFailed, LimitExceeded
from webmail.mime.limited.children import run_limited
from webmail.mime.limits import MAX_HEADER_BLOCK_BYTES
from webmail.store import changes, contents
from webmail.store.errors import BlobDamaged, BlobMissing
from webmail.store.models import Email, FetchState, SenderCheck
from webmail.store.reading import sender_checks
from webmail.sync.verifying.lookup import Lookup

log = structlog.get_logger(__name__)

JOB: Final = "signatures"
MAX_STATED: Final = 20  # Authentication-Results fields that are looked at

_lookup: Final = Lookup()


def check_email(email_id: int, *, lookup: Lookup = _lookup) -> None:
    """Carry out the check that is wanted of this Email. Does nothing when none is; safe to repeat and to kill anywhere."""
    check = (
        SenderCheck.objects.select_related("email__account", "email__blob")
        .filter(email_id=email_id, state=FetchState.WANTED)
        .first()
    )
    if check is None:
        return
    email = check.email
    try:
        raw = contents.read_raw(email)
        found = verify_raw(raw, email, lookup)
    except (contents.NotHere, BlobMissing, BlobDamaged, LimitExceeded, JobFailed) as error:
        log.info("verify.refused", account=email.account_id, email=email.pk, error=type(error).__name__)
        sender_checks.refuse(check)
        return
    if found.is_temporary and sender_checks.postpone(check):
        return
    sender_checks.finish(check, dump_check(found))
    changes.announce(email.account_id, {})


def verify_raw(raw: bytes, email: Email, lookup: Lookup) -> OwnCheck:
    """What the signatures of these bytes are worth. Raises `LimitExceeded`, `JobFailed`."""
    block = raw[:MAX_HEADER_BLOCK_BYTES]
    names = keys_wanted(block)
    if not names or _is_stated(block, email):
        return OwnCheck()
    keys = lookup.find_all(names)
    answer = run_limited(JOB, raw, {"keys": keys, "received_at": email.received_at.timestamp()})
    return load_check(answer.meta) or OwnCheck()


def _is_stated(block: bytes, email: Email) -> bool:
    """Whether the account's server has said what it found: then nobody need be asked."""
    trust = trust_of(email.account.incoming_host, email.account.authserv_ids)
    fields = parse_header_block(block).get_all("authentication-results")[:MAX_STATED]
    return any(is_one_of(parse_statements(value).server, trust.trusted) for value in fields)
