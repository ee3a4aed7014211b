"""What a run on a whole site left behind, gathered for the judge: from the sink, from Dovecot, from the rows, from every file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tests.faults.forked_site import ForkedSite, Person
from tests.faults.judge import Evidence, find_secrets
from tests.faults.sink_process import SinkProcess
from tests.faults.tokens import count_tokens
from tests.servers.dovecot import DovecotServer

RESOLVE = """
from webmail.outbox.queue import control, doubt
from webmail.outbox.models import Phase, Submission
from tests.faults.stage import is_explained
received = set({received!r})
result = {{"explained": [], "sent": 0, "again": 0, "waiting": 0}}
for row in Submission.objects.filter(phase=Phase.UNCONFIRMED):
    if is_explained(row):
        result["explained"].append(row.subject)
    if {decides!r}:
        result["sent" if row.subject in received else "again"] += 1
        assert doubt.resolve_unconfirmed(row, sent=row.subject in received)
for row in Submission.objects.filter(phase=Phase.RETRY):
    result["waiting"] += 1
    if {decides!r}:
        control.retry_now(row)
"""

CROSSINGS = "from tests.faults.judge import find_crossings\nresult = find_crossings()"

TOLD = "from webmail.outbox.models import Draft\nresult = list(Draft.objects.values_list('subject', flat=True))"


def sent_copies(dovecot: DovecotServer, people: Iterable[Person]) -> Counter[str]:
    """How often each token lies in the Sent of its sender, as doveadm says."""
    found: Counter[str] = Counter()
    for person in people:
        if "Sent" in dovecot.doveadm("mailbox", "list", "-u", person.mailbox.name).splitlines():
            text = dovecot.doveadm("fetch", "-u", person.mailbox.name, "hdr.subject", "mailbox", "Sent", "all")
            found += count_tokens(line.encode() for line in text.splitlines())
    return found


def gather(
    site: ForkedSite,
    dovecot: DovecotServer,
    sink: SinkProcess,
    *,
    people: list[Person],
    acknowledged: Mapping[str, Person],
    in_flight: Iterable[str] = (),
    green_after_s: float | None = None,
    decides: bool = False,
) -> tuple[Evidence, dict[str, Any]]:
    """What a run on a whole site left behind; `decides`: afterwards somebody resolves what is in doubt as the sink has it."""
    received = sink.received()
    doubtful = site.run_python(RESOLVE.format(received=sorted(received), decides=False))
    crossings = site.run_python(CROSSINGS)
    crossings += [
        f"{token} left as {sender}"
        for token, senders in sink.senders().items()
        for sender in senders
        if token in acknowledged and sender != acknowledged[token].mailbox.address
    ]
    secrets = [secret for person in people for secret in (person.mailbox.password, person.token)]
    evidence = Evidence(
        acknowledged=set(acknowledged),
        received=received,
        sent_copies=sent_copies(dovecot, people),
        rows=dict(site.rows()),
        told=site.run_python(TOLD),
        in_flight=set(in_flight),
        explained=doubtful["explained"],
        leaks=find_secrets(secrets, under=[site.directory]),
        crossings=crossings,
        green_after_s=green_after_s,
    )
    if decides:
        doubtful = site.run_python(RESOLVE.format(received=sorted(received), decides=True))
    return evidence, doubtful
