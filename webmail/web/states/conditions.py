"""The condition of an account in words: refused, away, certificate, paused, behind, new, or well."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.conditions import take_apart
from accounts.models import AccountState, MailAccount
from webmail.web.states.reasons import certificate_finding, read_reason
from webmail.web.text import list_date

BEHIND_AFTER = timedelta(
    minutes=20
)  # without a complete pass; servers that push nothing are asked more often than that


class Kind(StrEnum):
    """What is the matter, the worst first."""

    REFUSED = "refused"
    CERTIFICATE = "certificate"
    AWAY = "away"
    BEHIND = "behind"
    PAUSED = "paused"
    NEW = "new"
    WELL = "well"


class Act(StrEnum):
    """What a person can do about it."""

    SIGN_IN = "sign in"
    TRY_NOW = "try now"
    CHECK_NOW = "check now"
    RESUME = "resume"
    NONE = ""


# Reasons that mean that nobody is there: the host and the time say it all.
_SILENT = (
    "The name of the server is not known.",
    "Nothing answers at this server and port.",
    "The server takes too long to answer.",
    "The connection to the server was lost.",
)
_TONES = {Kind.REFUSED: "danger", Kind.CERTIFICATE: "danger", Kind.AWAY: "warn"}
_ICONS = {
    Kind.REFUSED: "key-round",
    Kind.CERTIFICATE: "shield-alert",
    Kind.AWAY: "wifi-off",
    Kind.BEHIND: "clock",
    Kind.PAUSED: "pause",
    Kind.NEW: "loader-circle",
    Kind.WELL: "circle-check",
}


@dataclass(frozen=True)
class Condition:
    """Words for one account. `happened`, `means` and `todo` follow each other as sentences; `short` is for a menu.

    `details` is what a server said, untrusted; it is shown as a quotation when somebody asks for it.
    """

    account: MailAccount
    kind: Kind
    short: str
    happened: str = ""
    means: str = ""
    todo: str = ""
    act: Act = Act.NONE
    details: str = ""
    since: datetime | None = None  # from which on `short` counts minutes

    @property
    def tone(self) -> str:
        """Of its notice."""
        return _TONES.get(self.kind, "info")

    @property
    def icon(self) -> str:
        """Beside its words."""
        return _ICONS[self.kind]

    @property
    def is_trouble(self) -> bool:
        """Whether a bar in the account's lists tells of it."""
        return self.kind in _TONES


def condition_of(account: MailAccount, now: datetime | None = None) -> Condition:
    """How it is with an account at this moment."""
    now = now or timezone.now()
    if account.state == AccountState.AUTH_FAILED:
        return _refused(account)
    if account.state == AccountState.FAILING:
        return _failing(account, now)
    if account.state == AccountState.PAUSED:
        return Condition(
            account,
            Kind.PAUSED,
            _("Paused since %(time)s") % {"time": list_date(account.state_since)},
            means=_("Nothing is fetched or sent until you resume it."),
            act=Act.RESUME,
        )
    if account.last_sync_at is None:
        return Condition(account, Kind.NEW, _("Fetching mail for the first time"), act=Act.CHECK_NOW)
    reason = read_reason(account.state_reason)
    details = reason.quoted
    if now - account.last_sync_at > BEHIND_AFTER:
        why = reason.text or _("The server is slow, or there was much to fetch.")
        return Condition(
            account,
            Kind.BEHIND,
            _last_checked(account.last_sync_at, now),
            means=why,
            act=Act.CHECK_NOW,
            details=details,
            since=account.last_sync_at,
        )
    short = _("Checked %(time)s") % {"time": list_date(account.last_sync_at)}
    return Condition(account, Kind.WELL, short, act=Act.CHECK_NOW, details=details)


def _refused(account: MailAccount) -> Condition:
    names = {"host": account.incoming_host, "address": account.address, "time": list_date(account.state_since)}
    return Condition(
        account,
        Kind.REFUSED,
        _("The password was refused"),
        happened=_("%(host)s refused the password for %(address)s since %(time)s.") % names,
        means=_("Your mail here stays readable. Nothing new comes in and nothing is sent until you sign in again."),
        act=Act.SIGN_IN,
        details=read_reason(account.state_reason).quoted,
    )


def _failing(account: MailAccount, now: datetime) -> Condition:
    reason = read_reason(account.state_reason)
    names = {"host": account.incoming_host, "time": list_date(account.state_since)}
    complete = _("Your mail here is complete up to then.")
    if account.last_sync_at is not None and account.last_sync_at < account.state_since - BEHIND_AFTER:
        complete = _("Your mail here is complete up to %(time)s.") % {"time": list_date(account.last_sync_at)}
    if reason.is_certificate:
        finding = certificate_finding(reason.quoted)
        told = _("The certificate of %(host)s has not been valid since %(time)s.") % names
        return Condition(
            account,
            Kind.CERTIFICATE,
            _("The server's certificate is not valid"),
            happened=f"{told} {finding}".strip(),
            means=_("So nothing was sent to it, also not your password.") + " " + complete,
            todo=_("Tell the administrator of the mail server.") + " " + next_try(account, now),
            act=Act.TRY_NOW,
            details=reason.quoted,
        )
    return Condition(
        account,
        Kind.AWAY,
        _("No answer since %(time)s") % names,
        happened=_away_words(account, names),
        means=complete,
        todo=next_try(account, now),
        act=Act.TRY_NOW,
        details=reason.quoted,
    )


def _away_words(account: MailAccount, names: dict[str, str]) -> str:
    """Which of two it is: a server that cannot be reached, or one that answers and cannot be used."""
    sentence, _quoted = take_apart(account.state_reason)
    if not sentence or sentence in _SILENT:
        return _("%(host)s does not answer since %(time)s.") % names
    told = _("%(host)s cannot be used since %(time)s.") % names
    return f"{told} {read_reason(account.state_reason).text}".strip()


def next_try(account: MailAccount, now: datetime) -> str:
    """ "Next try in 2 min." """
    minutes = round((account.next_sync_at - now).total_seconds() / 60)
    if minutes < 1:
        return _("Next try in a moment.")
    return ngettext("Next try in %(count)d min.", "Next try in %(count)d min.", minutes) % {"count": minutes}


def _last_checked(moment: datetime, now: datetime) -> str:
    minutes = int((now - moment).total_seconds() // 60)
    if minutes < 60:
        return ngettext("Last checked %(count)d min ago", "Last checked %(count)d min ago", minutes) % {
            "count": minutes
        }
    return _("Last checked %(time)s") % {"time": list_date(moment)}


def worst_first(accounts: Iterable[MailAccount], now: datetime | None = None) -> list[Condition]:
    """The conditions of several accounts, what needs a person first, else in their order."""
    order = list(Kind)
    return sorted((condition_of(account, now) for account in accounts), key=lambda found: order.index(found.kind))
