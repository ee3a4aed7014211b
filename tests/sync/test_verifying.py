"""Our own check of senders as rows: what is asked of DNS, when, and what is written (R15; features 111)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
from django.utils import timezone

from accounts.models import MailAccount
from tests.factories import make_account, make_email, make_email_from_bytes, make_mailbox, make_user
from tests.mime.authenticity.keys import name_of, record_of, rsa_key, sign
from tests.mime.authenticity.letters import letter
from webmail.mime.authenticity.own import load_check
from webmail.mime.authenticity.signatures import NO_ANSWER, NOT_FOUND
from webmail.store import signals
from webmail.store.models import Email, FetchState, Mailbox, SenderCheck
from webmail.store.reading import sender_checks
from webmail.sync.verifying import arrivals
from webmail.sync.verifying.check import check_email
from webmail.sync.verifying.lookup import DEADLINE_S, MAX_QUESTIONS, Lookup, ask_dns
from webmail.workers import waiting

pytestmark = [pytest.mark.django_db, pytest.mark.req("R15")]

DOMAIN = "example.org"
RAW = sign(letter("From: Ben <ben@example.org>", "To: alice@example.net"), DOMAIN)


class FakeDns:
    """Records by name. Each answer takes `takes_s` of a clock of its own; a dead one answers nothing."""

    def __init__(self, records: dict[str, str] | None = None, *, takes_s: float = 0.0, is_dead: bool = False) -> None:
        self.records = {name_of(DOMAIN): record_of(rsa_key())} if records is None else records
        self.takes_s = takes_s
        self.is_dead = is_dead
        self.asked: list[str] = []
        self.now = 0.0

    def __call__(self, name: str, timeout_s: float) -> str | None:
        self.asked.append(name)
        self.now += min(self.takes_s, timeout_s)
        return NO_ANSWER if self.is_dead or self.takes_s > timeout_s else self.records.get(name, NOT_FOUND)

    def lookup(self) -> Lookup:
        return Lookup(self, clock=lambda: self.now)


@pytest.fixture
def account() -> MailAccount:
    return make_account(make_user(), incoming_host="imap.small-host.example")


@pytest.fixture
def inbox(account: MailAccount) -> Mailbox:
    return make_mailbox(account, "Inbox", role="inbox")


@pytest.fixture
def arriving() -> Iterator[None]:
    """As in a worker process."""
    arrivals.connect()
    yield
    signals.body_read.disconnect(dispatch_uid="sync.verifying")


def wanted(mailbox: Mailbox, raw: bytes = RAW) -> Email:
    email = make_email_from_bytes(mailbox, raw)
    sender_checks.want_check(email)
    return email


def row_of(email: Email) -> SenderCheck:
    return SenderCheck.objects.get(email=email)


def results_of(email: Email) -> list[tuple[str, str]]:
    check = load_check(row_of(email).results)
    assert check is not None
    return [(one.domain, one.result) for one in check.signatures]


# --- The check ---


def test_a_wanted_check_is_made_and_written(inbox: Mailbox) -> None:
    email, fake = wanted(inbox), FakeDns()
    check_email(email.pk, lookup=fake.lookup())
    assert fake.asked == ["sel._domainkey.example.org"]
    assert row_of(email).state == FetchState.DONE
    assert row_of(email).done_at is not None
    assert results_of(email) == [(DOMAIN, "pass")]


def test_a_forged_message_fails(inbox: Mailbox) -> None:
    email = wanted(inbox, RAW.replace(b"Hello", b"Hullo"))
    check_email(email.pk, lookup=FakeDns().lookup())
    assert results_of(email) == [(DOMAIN, "fail")]


def test_what_nobody_wants_is_not_checked_and_a_second_call_asks_nobody(inbox: Mailbox) -> None:
    fake = FakeDns()
    email = make_email_from_bytes(inbox, RAW)
    check_email(email.pk, lookup=fake.lookup())
    assert not SenderCheck.objects.exists()
    sender_checks.want_check(email)
    check_email(email.pk, lookup=fake.lookup())
    check_email(email.pk, lookup=fake.lookup())
    assert len(fake.asked) == 1


@pytest.mark.parametrize(
    "raw",
    [
        letter("From: ben@example.org"),
        b"Authentication-Results: mx.ours.test; dkim=pass header.d=example.org\r\n" + RAW,
    ],
)
def test_dns_is_not_asked_where_there_is_nothing_to_find_out(account: MailAccount, inbox: Mailbox, raw: bytes) -> None:
    MailAccount.objects.filter(pk=account.pk).update(authserv_ids="mx.ours.test")
    email, fake = wanted(inbox, raw), FakeDns()
    check_email(email.pk, lookup=fake.lookup())
    assert fake.asked == []
    assert row_of(email).state == FetchState.DONE
    assert results_of(email) == []


def test_a_forged_word_of_the_server_does_not_stop_the_check(inbox: Mailbox) -> None:
    email = wanted(inbox, b"Authentication-Results: mx.small-host.example; dkim=pass\r\n" + RAW)
    check_email(email.pk, lookup=FakeDns().lookup())
    assert results_of(email) == [(DOMAIN, "pass")]


def test_a_dns_that_does_not_answer_is_asked_again_later_and_not_for_ever(inbox: Mailbox) -> None:
    email, fake = wanted(inbox), FakeDns(is_dead=True)
    check_email(email.pk, lookup=fake.lookup())
    assert row_of(email).state == FetchState.WANTED
    assert row_of(email).wanted_at > timezone.now()
    for _ in range(2):
        check_email(email.pk, lookup=fake.lookup())
    assert row_of(email).state == FetchState.DONE
    assert results_of(email) == [(DOMAIN, "temperror")]
    assert len(fake.asked) == 3


def test_a_message_whose_bytes_are_not_here_is_refused(inbox: Mailbox) -> None:
    email = make_email(inbox)
    sender_checks.want_check(email)
    check_email(email.pk, lookup=FakeDns().lookup())
    assert row_of(email).state == FetchState.REFUSED


def test_a_check_is_made_again_only_when_that_is_asked_for(inbox: Mailbox) -> None:
    email, fake = wanted(inbox), FakeDns(records={})
    check_email(email.pk, lookup=fake.lookup())
    assert results_of(email) == [(DOMAIN, "permerror")]
    sender_checks.want_check(email)
    assert row_of(email).state == FetchState.DONE
    sender_checks.want_check(email, anew=True)
    assert (row_of(email).state, row_of(email).results) == (FetchState.WANTED, {})


def test_a_lost_wake_up_is_found(inbox: Mailbox) -> None:
    email = wanted(inbox)
    assert waiting.forgotten_checks() == []
    SenderCheck.objects.update(wanted_at=timezone.now() - timedelta(minutes=1))
    assert waiting.forgotten_checks() == [email.pk]
    check_email(email.pk, lookup=FakeDns().lookup())
    assert waiting.forgotten_checks() == []


# --- Which messages ---


def arrive(email: Email, *, age: timedelta = timedelta(minutes=1)) -> None:
    Email.objects.filter(pk=email.pk).update(received_at=timezone.now() - age)
    signals.body_read.send(sender=Email, email=Email.objects.get(pk=email.pk), report=None)


@pytest.mark.usefixtures("arriving")
def test_new_mail_of_a_server_that_is_not_known_is_checked_and_old_mail_is_not(inbox: Mailbox) -> None:
    new, old = make_email(inbox), make_email(inbox)
    arrive(new)
    arrive(old, age=timedelta(days=3))
    assert list(SenderCheck.objects.values_list("email_id", flat=True)) == [new.pk]
    arrive(new)
    assert SenderCheck.objects.count() == 1


@pytest.mark.usefixtures("arriving")
def test_new_mail_of_a_provider_that_says_it_itself_is_left_to_it(account: MailAccount, inbox: Mailbox) -> None:
    MailAccount.objects.filter(pk=account.pk).update(incoming_host="imap.gmail.com")
    arrive(make_email(inbox))
    assert not SenderCheck.objects.exists()


# --- DNS ---


def test_answers_are_remembered_for_a_while_and_silence_is_not() -> None:
    fake = FakeDns({"a.example.org": "p=x"})
    lookup = fake.lookup()
    for _ in range(3):
        assert lookup.find_all(["a.example.org", "none.example.org"]) == {
            "a.example.org": "p=x",
            "none.example.org": "",
        }
    assert fake.asked == ["a.example.org", "none.example.org"]
    fake.now += 3_600
    lookup.find_all(["a.example.org"])
    assert len(fake.asked) == 3
    fake.is_dead = True
    fake.now += 3_600
    for _ in range(2):
        assert lookup.find_all(["a.example.org"]) == {"a.example.org": None}
    assert len(fake.asked) == 5


def test_all_questions_of_a_message_share_one_deadline_and_a_bound() -> None:
    slow = FakeDns({}, takes_s=2.0)
    names = [f"s{n}.example.org" for n in range(50)]
    found = slow.lookup().find_all(names)
    assert len(found) == MAX_QUESTIONS
    assert slow.now <= DEADLINE_S
    assert len(slow.asked) == 3
    assert list(found.values()).count(NOT_FOUND) == 2


@pytest.mark.req("R26")
def test_names_of_our_own_network_are_not_asked_for() -> None:
    fake = FakeDns({"s._domainkey.intranet": "p=x"})
    names = ["s._domainkey.intranet", "s._domainkey.mail.local", "s._domainkey.127.0.0.1", "localhost"]
    assert set(fake.lookup().find_all(names).values()) == {NOT_FOUND}
    assert fake.asked == []


@pytest.fixture
def dns_server() -> Iterator[Callable[[], dns.resolver.Resolver]]:
    """A name server with three names, and what asks it."""
    answering = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    answering.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            wire, source = answering.recvfrom(4_096)
            if wire == b"end":
                return
            question = dns.message.from_wire(wire)
            answer = dns.message.make_response(question)
            name = question.question[0].name
            if str(name) == "key.example.org.":
                answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", '"v=DKIM1; " "p=abc"'))
            elif str(name) == "two.example.org.":
                answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", '"other"', '"v=DKIM1; p=abc"'))
            elif str(name) == "broken.example.org.":
                answer.set_rcode(dns.rcode.SERVFAIL)
            else:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            answering.sendto(answer.to_wire(), source)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()

    def make() -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = answering.getsockname()[1]
        return resolver

    yield make
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
        ending.sendto(b"end", answering.getsockname())
    thread.join()
    answering.close()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("key.example.org", "v=DKIM1; p=abc"),
        ("two.example.org", "v=DKIM1; p=abc"),
        ("none.example.org", NOT_FOUND),
        ("broken.example.org", NO_ANSWER),
        ("a" * 70 + ".example.org", NO_ANSWER),  # no name that could be asked for
    ],
)
def test_a_real_name_server_is_understood(
    dns_server: Callable[[], dns.resolver.Resolver], name: str, found: str | None
) -> None:
    assert ask_dns(name, 5.0, resolver=dns_server()) == found
