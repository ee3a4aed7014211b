"""Why a server did not take a message: status codes (RFC 3463, RFC 5321 4.2) and a key for plain words from what it said.

Words count more than codes: servers say "mailbox full" with 5.1.1 and "no such user" with 5.7.1. The tables are rows of key
and phrases, looked through from top to bottom; the first that fits counts.
"""

import re
from typing import Final

NO_SUCH_USER: Final = "no-such-user"
MAILBOX_FULL: Final = "mailbox-full"
TOO_LARGE: Final = "too-large"
BLOCKED: Final = "blocked"
SPAM: Final = "spam"
NO_SUCH_DOMAIN: Final = "no-such-domain"
UNREACHABLE: Final = "unreachable"
POLICY: Final = "policy"
RELAYING: Final = "relaying"
DISABLED: Final = "disabled"
GREYLISTED: Final = "greylisted"
LOOP: Final = "loop"
CONTENT: Final = "content"
REASONS: Final = frozenset(
    {
        NO_SUCH_USER,
        MAILBOX_FULL,
        TOO_LARGE,
        BLOCKED,
        SPAM,
        NO_SUCH_DOMAIN,
        UNREACHABLE,
        POLICY,
        RELAYING,
        DISABLED,
        GREYLISTED,
        LOOP,
        CONTENT,
        "",
    }
)

# An enhanced code, but no piece of an IP address or of a version.
_ENHANCED: Final = re.compile(r"(?<![\d.])#?([245]\.\d{1,3}\.\d{1,3})(?![\d]|\.\d)")
# An SMTP reply where one may stand: at the start, behind a mark, or behind a word that announces it.
_REPLY: Final = re.compile(
    r"(?:^|[:,<>\]\[(\"'#;-]\s{0,3}|\b(?:said|code|error|returned|reason|replied|response|was|with)\s{1,3})([45]\d\d)(?=[\s:\"',)\].-]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_NO_DETAIL: Final = re.compile(r"[245]\.(?:0\.0|[357]\.0)")

_WORDS: Final[tuple[tuple[str, str], ...]] = (
    (
        POLICY,
        r"sender address rejected|sender (?:was )?(?:rejected|denied)|unroutable sender|valid from:|from: ?domain is invalid|bad sender",
    ),
    (
        LOOP,
        r"too many hops|hop count exceeded|mail loop|loops back|looping|routing loop|loop detect|too many received"
        r"|message loop",
    ),
    (
        MAILBOX_FULL,
        r"mailbox(?: \S{1,200})? (?:is |was )?(?:full|over)|mailfolder is full|full mailbox|over ?quota|exceed\w{0,5} (?:\w{1,20} ){0,4}quota"
        r"|quota (?:\w{1,20} ){0,3}(?:exceeded|violation|full|reached|limit)|quotaexceeded|disk quota|out of storage|storage space"
        r"|insufficient (?:system |disk )?(?:storage|space)|too much mail|no space left|space not enough|inbox is full|mailbox size"
        r"|mailbox limit|mailbox exceed|storage (?:limit|quota)|exceeded storage|overquota|not enough space|メールボックスが一杯|box is full"
        r"|переполнен|boite pleine|boîte pleine|postfach voll",
    ),
    (
        TOO_LARGE,
        r"message (?:\w{1,20} ){0,5}(?:too (?:large|big)|size exceeds|exceeds (?:\w{1,20} ){0,3}(?:size|length))|message size|size limit"
        r"|max(?:imum)? (?:inbound )?message (?:size|length)|too large|sizelimit|larger than|exceeds (?:the )?max(?:imum)? (?:\w{1,20} ){0,2}size"
        r"|data size exceeded",
    ),
    (
        RELAYING,
        r"relay(?:ing)? (?:\w{1,20} ){0,3}(?:denied|not (?:permitted|allowed)|prohibited|access)|unable to relay|not (?:permitted|allowed) to relay"
        r"|we do not relay|relaying|rcpthosts|insecure mail relay|no relay|relay not",
    ),
    (
        GREYLISTED,
        r"gr[ea]y ?-?list|try again (?:in|after) \d|retry in \d|temporarily deferred for (?:gr[ea]y|new)",
    ),
    (
        SPAM,
        r"\bspam\b|spamassassin|\bube\b|\bubE\b|unsolicited|bulk mail|junk mail|looks like spam|spam-like|dmarc (?:policy|check|verification)"
        r"|\bdmarc\b|\bspf\b|\bdkim\b|sender id|purported|unauthenticated email",
    ),
    (
        BLOCKED,
        r"black ?-?list|block ?-?list|blocked|banned|\bdnsbl\b|\brbl\b|spamhaus|sorbs|reputation|bad reputation|reverse dns|\brdns\b"
        r"|\bptr\b|poor reputation|unexpected volume|frequency limited|rate limit|too many (?:connections|messages|mails|recipients)"
        r"|messages from \S{1,60} weren't sent|dynamic ip|residential|refused to talk|service permits|client ip|your network"
        r"|invalid rdns|relay quota|abuse",
    ),
    (
        DISABLED,
        r"(?:account|mailbox|user|address)(?: \S{1,200})? (?:\w{1,20} ){0,4}(?:disabled|inactive|suspended|locked|discontinued|deactivated|frozen"
        r"|expired|closed|cancell?ed|terminated)|disabled or discontinued|no longer (?:valid|active|in use)|mailbox disabled|not accepting messages"
        r"|has not been collected|account is locked|inactive user|mailbox is frozen",
    ),
    (
        NO_SUCH_USER,
        r"(?:user|recipient|mailbox|address|account|alias|addressee)(?: name)?(?: \S{1,200})? (?:\w{1,20} ){0,3}"
        r"(?:unknown|not found|(?:does|did) not exist|not (?:be )?recogni[sz]ed|not known|doesn.t exist|not exist|invalid|not listed|is wrong"
        r"|unavailable or not local|not local)"
        r"|unknown (?:or illegal )?(?:user|recipient|mailbox|address|alias|local)|no such (?:user|mailbox|recipient|address|account|person|local)"
        r"|invalid (?:recipient|user|mailbox|address|final delivery userid)|no mailbox here|user unknown|recipient not found"
        r"|recip(?:ient)?notfound|does not have an? \S{1,80} account|doesn.t have an? \S{1,80} account|not a valid (?:user|recipient|mailbox)"
        r"|illegal (?:user|alias|recipient)|address rejected|unrouteable address|did not match|bad destination|not an? (?:hbc )?e-?mail user"
        r"|addresses were unknown|no matches to nameserver|mailbox unavailable|that email address|no valid recipients|unknown address|not match an"
        r"|email delivery point|no user|user invalid|見つかりません|пользователь не найден|not listed in|malformed address"
        r"|incorrectly constructed|rejected address|recipient rejected|account that you tried to reach does",
    ),
    (
        NO_SUCH_DOMAIN,
        r"host (?:name )?(?:unknown|not found)|unknown host|domain (?:name )?(?:not found|does not exist|is invalid|unknown)|no such (?:domain|host)"
        r"|name service error|name server|name or service not known|dns error|dns lookup|host or domain name|couldn't find (?:any|a)|bad domain"
        r"|illegal host|unrouteable mail domain|no mx\b|nxdomain|domain \S{1,200} (?:does not exist|has no)|does not accept mail|null mx"
        r"|could not find a gateway|couldn't be found",
    ),
    (
        UNREACHABLE,
        r"timed? ?-?out|connection (?:refused|reset|closed|lost|failed|timed)|unable to connect|could not connect|no route to host|unreachable"
        r"|no answer|not respond|did not respond|establish an? smtp connection|smtp connection|socket error|too long|in the queue|queue\.expired|expired"
        r"|retry timeout|not reachable|unavailable|try again later|temporar|service not|host is not|deferred|maximum-?time"
        r"|maximum delivery attempts|failing for a long time|contact ldap|connection to mail exchanger|lost connection|not accept our requests",
    ),
    (
        CONTENT,
        r"virus|malware|infected|attachment|content (?:\w{1,20} ){0,2}(?:rejected|denied|blocked)|header error|line (?:limit|too long)|prohibited"
        r"|forbidden (?:file|content)|message rejected|mail reject|message content|from field|unacceptable",
    ),
    (
        POLICY,
        r"access denied|not (?:authori[sz]ed|allowed|permitted)|policy|refused|rejected|denied|authentication|authrequired|not accepted?|does not accept"
        r"|not a member|are not member|permission|forbidden|sender address|starttls|\btls\b|smtputf8|declined|preferences",
    ),
)
_WORD_ROWS: Final = tuple((reason, re.compile(phrases, re.IGNORECASE)) for reason, phrases in _WORDS)

# By subject and detail of an enhanced code, its class left out, and by the subject alone (RFC 3463 3).
_CODES: Final[dict[str, str]] = {
    "1.0": NO_SUCH_USER,
    "1.1": NO_SUCH_USER,
    "1.2": NO_SUCH_DOMAIN,
    "1.3": NO_SUCH_USER,
    "1.4": NO_SUCH_USER,
    "1.6": NO_SUCH_USER,
    "1.10": NO_SUCH_DOMAIN,
    "2.1": DISABLED,
    "2.2": MAILBOX_FULL,
    "2.3": TOO_LARGE,
    "3.1": MAILBOX_FULL,
    "3.2": UNREACHABLE,
    "3.4": TOO_LARGE,
    "4.1": UNREACHABLE,
    "4.2": UNREACHABLE,
    "4.3": UNREACHABLE,
    "4.4": NO_SUCH_DOMAIN,
    "4.5": UNREACHABLE,
    "4.6": LOOP,
    "4.7": UNREACHABLE,
    "4.14": LOOP,
    "4.310": NO_SUCH_DOMAIN,
    "4.312": UNREACHABLE,
    "4.316": UNREACHABLE,
    "7.1": POLICY,
    "7.26": SPAM,
}
# Codes about the sender's address: words about a domain or a user that does not exist mean the sender's there.
_ABOUT_SENDER: Final = frozenset({"1.7", "1.8"})
_SUBJECT_CODES: Final[dict[str, str]] = {"4": UNREACHABLE, "6": CONTENT, "7": POLICY}


def find_code(text: str) -> str:
    """The status in a server's words: an enhanced code of class 4 or 5, or one made from an SMTP reply; "" if there is none.

    A code without detail ("5.0.0") gives way to a later one of the same class that has it.
    """
    found = [one.group(1) for one in _ENHANCED.finditer(text) if one.group(1)[0] != "2"]
    if found:
        return max(found[:10], key=lambda code: (not _NO_DETAIL.fullmatch(code), -found.index(code)))
    reply = _REPLY.search(text)
    return f"{reply.group(1)[0]}.0.0" if reply else ""


def better_code(status: str, text: str) -> str:
    """`status` of a report's field, or what the diagnostic text says in more detail. Either may be ""."""
    own = _ENHANCED.search(status)
    code = own.group(1) if own else ""
    said = find_code(text)
    if not code:
        return said or find_code(status)
    if said and _NO_DETAIL.fullmatch(code) and said[0] == code[0] and not _NO_DETAIL.fullmatch(said):
        return said
    return code


def find_reason(code: str, text: str) -> str:
    """The key of plain words for a code and the server's words, "" if neither tells."""
    detail = code.partition(".")[2] if code[:1] in ("4", "5") else ""
    if detail in _ABOUT_SENDER:
        return POLICY
    for reason, phrases in _WORD_ROWS:
        if phrases.search(text):
            return _refine(reason, detail)
    return _CODES.get(detail) or _SUBJECT_CODES.get(detail.partition(".")[0], "")


def _refine(reason: str, detail: str) -> str:
    """A reason from vague words gives way to what an exact code says: "rejected" with 5.2.2 is a full mailbox."""
    exact = _CODES.get(detail, "")
    return exact if exact not in ("", POLICY) and reason in (POLICY, UNREACHABLE, CONTENT) else reason
