"""Who really sent a message, in words for the reading pane: one quiet line, and bars only where something is wrong.

Rows and claims in, words out; nothing here asks a server. Everything the claims hold is a stranger's text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from webmail.mime.authenticity.claims import Hint, SenderClaims
from webmail.mime.authenticity.own import load_check
from webmail.mime.authenticity.servers import trust_of
from webmail.mime.authenticity.verdict import MethodResult, Verdict, find_believed, judge
from webmail.mime.hosts import display_host
from webmail.outbox.queue.known import strangers
from webmail.store.models import Email, EmailMailbox, FetchState, Role, SenderCheck
from webmail.store.queries.senders import has_earlier_from

NEW_FOR = timedelta(days=30)  # who wrote first longer ago is no news
MAX_STRANGERS = 5  # of one page that are looked for in all mail
_HELD_FOR = timedelta(minutes=2)  # a check that takes longer is not waited for


@dataclass(frozen=True)
class Fact:
    """One row of the details."""

    label: str
    words: str
    look: str  # ok, warn, plain


@dataclass(frozen=True)
class SenderNotice:
    """What a reader is told of a sender. `warning`: a sentence for the danger bar; `cautions`: sentences, each with its why;
    `notes`: what is good to know and no reason for care.

    `addresses`: the real ones, always shown. `is_awaited`: a check is under way; `may_check`: one may be asked for.
    """

    email_id: str
    level: str
    icon: str
    line: str
    warning: str
    cautions: tuple[str, ...]
    notes: tuple[str, ...]
    facts: tuple[Fact, ...]
    addresses: tuple[str, ...]
    is_awaited: bool = False
    may_check: bool = False


@dataclass(frozen=True)
class Acquaintance:
    """What rows say of the senders of one page's messages. `newcomers`: ids of Emails whose sender never wrote before."""

    checks: Mapping[int, SenderCheck]
    newcomers: frozenset[int]


def acquaintance_of(user: User, emails: Sequence[Email], *, own: Collection[str]) -> Acquaintance:
    """Look up what `sender_notice` needs for these Emails: two queries, and one for each of the few strangers among them."""
    checks = {check.email_id: check for check in SenderCheck.objects.filter(email__in=emails)}
    first: dict[str, Email] = {}
    recently = timezone.now() - NEW_FOR
    for email in sorted(emails, key=lambda one: one.received_at):
        senders = email.addresses.get("from", ())
        if len(senders) == 1 and not email.list_id and email.received_at >= recently:
            # The next one of the same page has this one before it.
            first.setdefault(senders[0][1].casefold(), email)
    unknown = strangers(user, [address for address in first if "@" in address and address not in own])
    newcomers = {
        first[address].pk for address in unknown[:MAX_STRANGERS] if not has_earlier_from(user, first[address], address)
    }
    return Acquaintance(checks, frozenset(newcomers))


def sender_notice(
    user: User, email: Email, claims: SenderClaims, *, own: Collection[str], known: Acquaintance | None = None
) -> SenderNotice | None:
    """The notice about a message; None for what this person wrote.

    `own`: the person's addresses, folded. `known`: for several messages of a page, looked up once for all of them.
    """
    senders = {author.email.casefold() for author in claims.authors}
    if senders and senders.issubset(own) and _is_ours(email):
        return None
    trust = trust_of(email.account.incoming_host, email.account.authserv_ids)
    known = known or acquaintance_of(user, [email], own=own)
    is_stated = find_believed(claims, trust.trusted) is not None
    check = None if is_stated else known.checks.get(email.pk)
    found = load_check(check.results) if check is not None and check.state == FetchState.DONE else None
    verdict = judge(claims, trusted=trust.trusted, guessed=trust.guessed, own=found)
    is_awaited = (
        check is not None
        and check.state == FetchState.WANTED
        and check.wanted_at <= timezone.now() < check.wanted_at + _HELD_FOR
    )
    may_check = check is None and not is_stated and claims.is_signed and email.blob_id is not None
    cautions, notes = _sort_out(verdict, tuple(_newcomer(email, claims, known)))
    icon, line = _line(verdict, is_awaited=is_awaited, is_signed=claims.is_signed)
    return SenderNotice(
        email.public_id,
        verdict.level,
        icon,
        line,
        warning=_warning(verdict),
        cautions=cautions,
        notes=notes,
        facts=tuple(_fact(result, verdict, claims) for result in verdict.methods),
        addresses=tuple(author.email for author in claims.authors if author.email),
        is_awaited=is_awaited,
        may_check=may_check,
    )


def _is_ours(email: Email) -> bool:
    """Whether the message lies where only this person's programs put things: anybody can write one "from me"."""
    return EmailMailbox.objects.filter(email=email, mailbox__role__in=(Role.SENT, Role.DRAFTS)).exists()


def _line(verdict: Verdict, *, is_awaited: bool, is_signed: bool) -> tuple[str, str]:
    domain = display_host(verdict.domain)
    if verdict.level == "verified":
        return "shield-check", _("%(domain)s confirmed") % {"domain": domain}
    if verdict.level == "failed":
        return "shield-alert", _("Not confirmed by %(domain)s") % {"domain": domain}
    if is_awaited:
        return "loader-circle", _("Checking who sent this")
    if verdict.level == "unknown" and is_signed:
        return "shield-question-mark", _("Sender not checked")
    if verdict.via:
        return "shield-question-mark", _("Not confirmed, sent through %(domain)s") % {
            "domain": display_host(verdict.via)
        }
    return "shield-question-mark", _("Not confirmed")


def _warning(verdict: Verdict) -> str:
    if verdict.level != "failed":
        return ""
    return _(
        "This message says it is from %(domain)s, but the mail servers of %(domain)s did not confirm it. "
        "Somebody else may have written it: be careful with its links, files and requests."
    ) % {"domain": display_host(verdict.domain)}


_CAUTIONS = {
    "several-from": gettext_lazy("It names several senders: %(real)s. Honest messages have one."),
    "reply-elsewhere": gettext_lazy("Answers go to another address: %(real)s."),
    "reply-to-list": gettext_lazy("Answers go to the list: %(real)s."),
    "name-holds-address": gettext_lazy("The name shows another address, %(shown)s. It was sent from %(real)s."),
    "name-holds-domain": gettext_lazy("The name shows %(shown)s, but it was sent from %(real)s."),
    "mixed-scripts": gettext_lazy("The sender mixes letters of several alphabets, which can look like another name."),
    "look-alike": gettext_lazy("The address looks like %(shown)s, but is another: %(real)s."),
    "hidden-characters": gettext_lazy("The sender's name holds characters that are not seen. They are left out here."),
    "no-address": gettext_lazy("It names no address that sent it."),
}
_HARMLESS = frozenset({"reply-to-list"})


def _sort_out(verdict: Verdict, newcomer: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sentences for the bar, and quiet ones. That somebody is new only matters together with something else."""
    cautions = tuple(_caution(hint) for hint in verdict.hints if hint.kind not in _HARMLESS)
    notes = tuple(_caution(hint) for hint in verdict.hints if hint.kind in _HARMLESS)
    if cautions or verdict.level == "failed":
        return (*cautions, *newcomer), notes
    return (), (*notes, *newcomer)


def _caution(hint: Hint) -> str:
    return str(_CAUTIONS[hint.kind]) % {"shown": hint.shown, "real": hint.real}


def _newcomer(email: Email, claims: SenderClaims, known: Acquaintance) -> Iterable[str]:
    """The sentence about somebody who never wrote before; lists and old mail are no such news."""
    if email.pk in known.newcomers and len(claims.authors) == 1:
        yield _("You have no earlier message from %(address)s.") % {"address": claims.authors[0].email}


# --- Details ---

_RESULTS = {
    ("spf", "pass"): gettext_lazy("The server that sent it may send for %(domain)s."),
    ("spf", "fail"): gettext_lazy("The server that sent it may not send for %(domain)s."),
    ("spf", "softfail"): gettext_lazy("The server that sent it should not send for %(domain)s."),
    ("spf", "none"): gettext_lazy("%(domain)s does not say which servers may send for it."),
    ("spf", "neutral"): gettext_lazy("%(domain)s does not say whether that server may send for it."),
    ("dkim", "pass"): gettext_lazy("Signed by %(domain)s, and not changed since."),
    ("dkim", "fail"): gettext_lazy("The signature of %(domain)s does not fit: changed on its way, or forged."),
    ("dkim", "none"): gettext_lazy("It is not signed."),
    ("dkim", "neutral"): gettext_lazy("The signature of %(domain)s has expired, or is too weak to say anything."),
    ("dmarc", "pass"): gettext_lazy("%(domain)s confirms its messages this way, and this one is among them."),
    ("dmarc", "fail"): gettext_lazy("%(domain)s says how its messages are to be recognised, and this is not one."),
    ("dmarc", "none"): gettext_lazy("%(domain)s does not say how to recognise its messages."),
    ("dmarc", "bestguesspass"): gettext_lazy("%(domain)s does not say how to recognise its messages."),
    ("arc", "pass"): gettext_lazy("Those who forwarded it have sealed what they saw, and the seals are intact."),
    ("arc", "fail"): gettext_lazy("A seal of those who forwarded it is broken."),
    ("arc", "none"): gettext_lazy("Nobody who forwarded it has sealed it."),
}
_ERRORS = {
    "temperror": gettext_lazy("Could not be checked just now."),
    "permerror": gettext_lazy("Could not be checked: what %(domain)s publishes for it is missing or wrong."),
}


def _fact(result: MethodResult, verdict: Verdict, claims: SenderClaims) -> Fact:
    domain = display_host(result.domain) or _("the sender's domain")
    sentence = _RESULTS.get((result.method, result.result)) or _ERRORS.get(result.result)
    words = str(sentence) % {"domain": domain} if sentence is not None else f"{result.result}, {domain}"
    return Fact(result.method.upper(), f"{words} {_source(result, verdict, claims)}", _look(result))


def _source(result: MethodResult, verdict: Verdict, claims: SenderClaims) -> str:
    if result.source == "own":
        return _("(checked here)")
    if result.source == "arc":
        return _("(according to %(domain)s, which forwarded it)") % {"domain": display_host(claims.sealed_by)}
    if not verdict.server:
        return _("(according to your mail server)")
    return _("(according to %(server)s)") % {"server": verdict.server}


def _look(result: MethodResult) -> str:
    if result.confirms:
        return "ok"
    return "warn" if result.result == "fail" and result.method in {"dmarc", "spf"} else "plain"
