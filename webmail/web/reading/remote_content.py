"""Whether a message's pictures from elsewhere are shown to a person, why, and what the bar above the message says of it.

Nothing is loaded unless the reader has said so: for this message once, for its sender, for its domain, or for all mail. What
only tracks is never loaded, whatever was said (features 107-110).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from django.core import signing
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import RemotePictures, SenderRule, User
from webmail.mime.safe_html.remote import RemoteRef
from webmail.store.models import Email, EmailMailbox, Role

Reason = Literal["ask", "junk", "protected", "nested", "forged", "once", "always", "sender", "domain"]
CHOICES = ("once", "sender", "domain", "none")

GRANT_S = 600  # how long an address that says "once" does; a page that is loaded again later asks again
MAX_NAMES = 4  # of trackers in the bar
_SALT = "webmail.web.reading.remote_content"


@dataclass(frozen=True)
class Decision:
    """`reason`: why pictures are loaded, or why not; "ask" where the reader has said nothing.

    `is_fresh`: the reader has chosen just now, and can take it back.
    """

    reason: Reason
    is_fresh: bool = False

    @property
    def shows(self) -> bool:
        """Whether pictures are loaded."""
        return self.reason in {"once", "always", "sender", "domain"}


@dataclass(frozen=True)
class RemoteBar:
    """What the bar says. `sender` and `domain` are what a rule would be for; empty where none can be made."""

    shows: bool
    reason: Reason
    text: str
    pictures: int
    trackers: int
    sender: str = ""
    domain: str = ""

    @property
    def may_show(self) -> bool:
        """Whether the reader is offered to see the pictures."""
        return not self.shows and self.pictures > 0 and self.reason in {"ask", "forged"}

    @property
    def may_trust(self) -> bool:
        """Whether a rule can be made: not for a sender whose check failed, since the rule would not hold."""
        return self.may_show and self.reason == "ask" and bool(self.sender)

    @property
    def may_undo(self) -> bool:
        """Whether a rule shows the pictures, which can be taken back here."""
        return self.shows and self.reason in {"sender", "domain"}


def decide(
    user: User,
    email: Email,
    *,
    in_junk: bool,
    is_forged: bool = False,
    is_protected: bool = False,
    once: bool = False,
    rules: Rules | None = None,
) -> Decision:
    """Whether the pictures of this message are shown to this person now.

    `is_forged`: the check of its sender failed, so that no rule about the sender holds. `is_protected`: it is encrypted or
    signed, and remote content could carry its text away (security R16). `once`: the reader has just asked for them. `rules`:
    looked up once for all messages of a page.
    """
    if in_junk:
        return Decision("junk")
    if is_protected:
        return Decision("protected")
    if user.remote_pictures == RemotePictures.ALWAYS:
        return Decision("always")
    rule = "" if is_forged else (rules or rules_for(user, [email])).about(email, SenderRule.Kind.PICTURES)
    if rule:
        return Decision(rule, is_fresh=once)
    if once:
        return Decision("once", is_fresh=True)
    return Decision("forged" if is_forged else "ask")


@dataclass(frozen=True)
class Rules:
    """What a person has decided about some senders: pairs of a kind and an address or domain."""

    found: frozenset[tuple[str, str]] = frozenset()

    def about(self, email: Email, kind: SenderRule.Kind) -> Literal["", "sender", "domain"]:
        """Whether there is a rule for the sender of this message, or for its domain."""
        sender = sender_of(email)
        if (kind, sender) in self.found:
            return "sender"
        return "domain" if sender and (kind, domain_of(sender)) in self.found else ""


def rules_for(user: User, emails: Iterable[Email]) -> Rules:
    """All rules about the senders of these messages, in one query."""
    senders = {sender for email in emails if (sender := sender_of(email))}
    if not senders:
        return Rules()
    rules = SenderRule.objects.filter(user=user, value__in=senders | {domain_of(sender) for sender in senders})
    return Rules(frozenset(rules.values_list("kind", "value")))


def set_rule(user: User, kind: SenderRule.Kind, email: Email, choice: str) -> None:
    """Decide about the sender of this message: "sender" or "domain" makes a rule for it, "none" takes both away, anything else
    does nothing. Nor does a message that is from nobody in particular."""
    sender = sender_of(email)
    values = {"sender": sender, "domain": domain_of(sender)}
    if sender and choice in values:
        SenderRule.objects.get_or_create(user=user, kind=kind, value=values[choice])
    elif sender and choice == "none":
        SenderRule.objects.filter(user=user, kind=kind, value__in=values.values()).delete()


def sender_of(email: Email) -> str:
    """The one address a message is from, in lower case; empty for several, none, or what is no address."""
    addresses = [address for _name, address in email.addresses.get("from", ())]
    if len(addresses) != 1:
        return ""
    local, at, domain = addresses[0].lower().rpartition("@")
    is_usable = bool(local and at and domain) and len(addresses[0]) <= 320 and addresses[0].isprintable()
    return addresses[0].lower() if is_usable else ""


def domain_of(sender: str) -> str:
    """The domain of an address."""
    return sender.rpartition("@")[2]


def is_in_junk(email: Email) -> bool:
    """Whether the message lies in Junk, in whatever else it also lies."""
    return EmailMailbox.objects.filter(email=email, mailbox__role=Role.JUNK).exists()


# What the reader chooses ----------------------------------------------------------------------------------------------


def grant(user: User, email: Email) -> str:
    """What an address says so that the message it leads to shows its pictures once, without scripts."""
    return signing.dumps([user.pk, email.public_id], salt=_SALT, compress=False)


def is_granted(user: User, email: Email, token: str) -> bool:
    """Whether `token` is such a word for this person and message, said a moment ago."""
    try:
        found = signing.loads(token[:300], salt=_SALT, max_age=GRANT_S)
    except signing.BadSignature:
        return False
    return bool(found == [user.pk, email.public_id])


# What the bar says ----------------------------------------------------------------------------------------------------


def bar_of(email: Email, decision: Decision, remote: Sequence[RemoteRef]) -> RemoteBar | None:
    """The bar of a message with these remote references; None where there is nothing to say."""
    trackers = [ref.tracker for ref in remote if ref.tracker is not None]
    pictures = len(remote) - len(trackers)
    has_news = not decision.shows or (decision.is_fresh and decision.reason in {"sender", "domain"})
    if not trackers and not (pictures and has_news):
        return None
    sender = sender_of(email) if decision.reason != "nested" else ""
    return RemoteBar(
        shows=decision.shows,
        reason=decision.reason,
        text=_say(decision, pictures, trackers),
        pictures=pictures,
        trackers=len(trackers),
        sender=sender,
        domain=domain_of(sender),
    )


def _say(decision: Decision, pictures: int, trackers: Sequence[str]) -> str:
    blocked = [] if decision.shows else [_count_pictures(pictures)]
    if trackers:
        blocked.append(ngettext("%(count)d tracker", "%(count)d trackers", len(trackers)) % {"count": len(trackers)})
    blocked = [part for part in blocked if part]
    if not blocked:
        return _why(decision)
    what = (
        _("%(first)s and %(second)s") % {"first": blocked[0], "second": blocked[1]} if len(blocked) > 1 else blocked[0]
    )
    names = tracker_names(trackers)
    if names:
        text = _("%(what)s blocked: %(names)s.") % {"what": what, "names": names}
    else:
        text = _("%(what)s blocked.") % {"what": what}
    return f"{text} {_why(decision)}".strip()


def _count_pictures(count: int) -> str:
    return ngettext("%(count)d picture", "%(count)d pictures", count) % {"count": count} if count else ""


def _why(decision: Decision) -> str:
    return {
        "junk": _("In Junk nothing is loaded from elsewhere."),
        "protected": _("With an encrypted or signed message nothing is loaded from elsewhere."),
        "nested": _("In a message within a message nothing is loaded from elsewhere."),
        "forged": _("The check of the sender failed, so your choice for this sender does not count."),
        "sender": _("Pictures from this sender are shown."),
        "domain": _("Pictures from this domain are shown."),
    }.get(decision.reason, "")


def tracker_names(trackers: Sequence[str]) -> str:
    """The names of those that have one, each once, in the order they were met."""
    names = list(dict.fromkeys(name for name in trackers if name))
    shown = ", ".join(names[:MAX_NAMES])
    rest = len(names) - MAX_NAMES
    return _("%(names)s and %(count)d more") % {"names": shown, "count": rest} if rest > 0 else shown
