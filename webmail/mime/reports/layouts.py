"""How servers write bounces without RFC 3464, as tables: where the recipient stands, and which words make a text a bounce.

One row per way of writing, with the systems it was seen from; a new system is a new row and a sample in the tests. The rows
look at one line each. `bounces` applies them; nothing here decides.
"""

import re
from dataclasses import dataclass
from typing import Final

from webmail.mime.reports.emails import ADDRESS

_E: Final = rf"(?P<email>{ADDRESS})"
_MARK: Final = r"[<\[(\"']{0,2}+"
_END: Final = r"[>\])\"']{0,2}+"


@dataclass(frozen=True, slots=True)
class Layout:
    """A line that holds a failed recipient. `line` is matched from the start of the line; what follows is the server's words.

    `rank`: rows of a higher rank count only where those below found nothing: what a transcript says is less than a list.
    `holds_words`: the line itself is what the server said, and what follows is about somebody else.
    """

    systems: str
    line: re.Pattern[str]
    rank: int = 0
    holds_words: bool = False


def _row(systems: str, line: str, rank: int = 0, *, holds_words: bool = False) -> Layout:
    return Layout(systems, re.compile(line, re.IGNORECASE), rank, holds_words)


LAYOUTS: Final[tuple[Layout, ...]] = (
    _row(
        "qmail, Postfix, Yahoo, Exim, GMX, Gmail, MDaemon, MXLogic, iPlanet, Sina and most others: a list of addresses",
        rf"[\s>*•-]{{0,20}}+(?:smtp:? ?)?{_MARK}(?:smtp:)?{_E}{_END}\s{{0,4}}"
        rf"(?:<[^<>\s]{{1,320}}>)?(?=\s{{0,4}}(?:$|:|\.\.\.|;|\[|\(|- |on \w{{3}},|on \d))[:;]?",
    ),
    _row("Exchange 5.5 with X.400 addresses", rf".{{0,120}}?dda:smtp={_E};?"),
    _row("Microsoft, MailEnable: a name with its address", rf"\s{{0,10}}\"[^\"<>]{{1,120}}+\"\s<{_E}>\s*$"),
    _row("MailEnable", rf"\s{{0,10}}recipient:\s*\[smtp:{_E}\]"),
    _row(
        "PMDF, KDDI, EZweb, MailFoundry, HotPOP, USA.NET, LSMTP, IMail (smtp32), hMailServer and others: a label and the address",
        rf"[\s*-]{{0,10}}(?:(?:failed |final |intended |original |bad )?recipients?(?: address)?|undeliverable address"
        rf"|undeliverable\s{{1,5}}to|error-for|(?:unknown|invalid) user|(?:invalid )?final delivery userid|delivery failed \d{{1,4}} attempts"
        rf"|(?:unable|not able) to deliver (?:message|mail|your message) to|could not (?:be )?deliver(?:ed)? to|invalid final delivery userid"
        rf"|delivery to the following recipients? failed|failed address(?:es)?|did not reach the following recipients?(?:\(s\))?"
        rf"|address(?:ee)?|addressed to|undelivered to|failed to deliver to|user's mailbox is full|user mailbox exceeds allowed size)\s{{0,4}}[:=]?\s{{0,4}}{_MARK}{_E}{_END}[.:;,]?",
    ),
    _row(
        "Exchange IMC, Symantec: the recipient ends the sentence",
        rf".{{0,80}}did not reach the following recipients?(?:\(s\))?:\s{{0,4}}{_MARK}{_E}",
    ),
    _row("XMail", rf".{{0,40}}?bounce: rcpt=\[{_E}\][;,]?"),
    _row("Zoho", rf"\s{{0,4}}\[status: \w{{1,20}}, address: <{_E}>,?"),
    _row("Demon", rf".{{0,40}}?(?:message|mail),? addressed to {_MARK}{_E}{_END},?"),
    _row("LLNL", rf"your message was addressed, {_MARK}{_E}{_END},?"),
    _row("Domino", rf".{{0,40}}user \S{{1,120}} \({_E}\) not listed", 1),
    _row("Mail.Ru", rf"\s{{0,4}}local mailbox {_E} is", 1),
    _row(
        "Prodigy, Dovecot, IFOM and others: a sentence about the message to an address",
        rf".{{0,80}}?(?:message|mail|delivery)s? (?:sent )?to (?:local user )?{_MARK}{_E}{_END} ?"
        rf"(?=(?:has|was|were|could|couldn|can|is|for|cannot|reached|failed|$|\(|\.(?:\s|$)))",
        1,
    ),
    _row(
        "Exchange 2007 and later, in text: a display name and the address, and nothing else in the line",
        rf"(?!.{{0,400}}\b(?:contact|please|help|from|by|write|reply|sender)\b)\s{{0,10}}[^<>@()\[\]:]{{1,60}}+[<(]{_E}[>)]\s{{0,10}}$",
        1,
    ),
    _row("DragonFly", rf".{{0,40}}?error (?:in )?delivering your (?:mail|message) to {_MARK}{_E}{_END}\.?", 1),
    _row("X6", rf".{{0,200}}?rejected recipient {_MARK}{_E}{_END}", 1),
    _row("InterScan (IMSS)", rf".{{0,40}}?unable to deliver message to {_MARK}{_E}{_END}", 1),
    _row("vpopmail, MDaemon", rf"\s{{0,4}}{_E} - no such user", 1),
    _row(
        "sendmail 5 and 8: the transcript", rf"[45]\d\d (?:[45]\.\d\.\d )?{_MARK}{_E}{_END}\.\.\.", 2, holds_words=True
    ),
    _row("James: the details", rf"\s{{0,10}}rcpt to:\s{{0,2}}{_MARK}{_E}{_END}", 3),
    _row("InterScan, EZweb: the session", rf"[\s\w]{{0,20}}(?:<<<|>>>) ?rcpt to: ?{_MARK}{_E}{_END}", 3),
    _row("replies that repeat the address", rf"(?:<<<|>>>)? ?[45]\d\d[ -](?:[45]\.\d\.\d )?{_MARK}{_E}{_END}", 4),
)

# The address we wrote, in a line below the one it led to: Exim, sendmail, a Mac list server.
ORIGINAL: Final = re.compile(
    rf"[\s(]{{0,20}}(?:(?:ultimately )?generated (?:from|by)|expanded from:?|(?:originally|was) addressed to|original recipient:?)\s{{1,4}}{_MARK}{_E}",
    re.IGNORECASE,
)

# Lines after which an address on a line of its own is somebody else's.
NOT_BEHIND: Final = re.compile(
    r"(?:sent by|sender|contact\w{0,10}|from|write to|mail to|send (?:an )?e?-?mail to|to the address|help|questions|reply to|forwarded to"
    r"|instead|alternative|at)[\s:,]{0,4}$",
    re.IGNORECASE,
)

# Local parts of whom to ask, and of robots; in a sentence they are not the recipient.
NOT_RECIPIENTS: Final = re.compile(
    r"(?:postmaster|mailer-daemon|abuse|support|help|helpdesk|hostmaster|webmaster|noc|mailadmin|admin|info-?desk|administrator)",
    re.IGNORECASE,
)

# Words of which at least one stands in every bounce.
FAILURE: Final = re.compile(
    r"(?:could|can|may|did|was|has|is|were|been)(?: ?not|n.t)(?: been| be)? (?:successfully )?(?:delivered|deliver|receive|reach|sent)\b|cannot be delivered"
    r"|undeliver|not (?:yet )?(?:been )?delivered|unable to (?:be )?deliver|(?:wasn't|not|weren't) able to (?:be )?deliver|did not reach"
    r"|deliver[ey]\w{0,4} (?:to \S{1,320} |to the following recipients? |of \w{1,30} )?(?:has |was |is )?(?:been )?(?:failed|aborted|delayed|postponed)"
    r"|delivery (?:\w{1,20} ){0,2}(?:fail|error|problem)|failure reasons|error delivering|attempting to deliver|(?:trouble|problem) delivering|failed to deliver"
    r"|(?:is|was|been) delayed|may not exist|not have permission to post|rejected recipient|bounce: rcpt|not listed in"
    r"|fatal (?:delivery )?error|failed recipient|recipients? (?:\w{1,20} ){0,4}rejected"
    r"|user unknown|unknown (?:user|recipient)|mailbox (?:is|was)? ?full|(?:is|account|mailbox) (?:is )?disabled|not receive (?:a copy|this)"
    r"|following address(?:\(?es\)?)?\s{0,2}failed|has been (?:delayed|postponed|returned)|failed addresses|transcript of session"
    r"|incorrectly constructed|did not exactly match|error-for|no such user|invalid (?:final delivery|user|recipient)|automatically rejected"
    r"|message not delivered|host unknown|delivery attempts|problem with the e-?mail address|address(?:\(es\)|es)? (?:had|are|is|were) "
    r"|not (?:a )?member of this mailing list|returned because|encountered delivery problems|does not exist"
    r"|recipients? (?:were|was) affected|is not (?:hbc )?e-?mail user|wrong or no longer valid|delivery status notification|over(?:disk )?quota"
    r"|unzustellbar|nicht zugestellt|zustellung (?:\w{1,20} ){0,4}(?:fehlgeschlagen|nicht möglich)|n.a(?:\s{1,2})pas pu (?:e|ê)tre|non remis|pas été remis"
    r"|no (?:pudo|se pudo|ha podido|se ha podido) (?:ser )?entrega|n[aã]o (?:p[oô]de|foi possível) (?:ser )?(?:en|env)|impossibile (?:recapitare|consegnare)"
    r"|non è stato (?:possibile )?(?:recapit|consegn)|niet (?:worden )?(?:bezorgd|afgeleverd)|nie (?:mogła|może|została|udało)|kunde inte levereras"
    r"|kunne ikke lever|teslim edilemedi|nemohla být doručena|не может быть доставлено|невозможно доставить|не удалось доставить|не доставлено"
    r"|送信できません|お届けできません|配信できません|届けることができません|无法发送|投递失败|無法傳遞|无法投递|전달하지 못|반송",
    re.IGNORECASE,
)

# That a text with no more than a subject of reports in front of it speaks of mail, not of a parcel: a line with both.
ABOUT_MAIL: Final = re.compile(
    r"(?:e-?mail|message|mail|mailbox)\b[^.!?]{0,200}(?:could ?n|can ?n|not be|did ?n|was ?n|unable|not able|undeliver|as their|rejected|not yet|error)"
    r"|mailing list|\bsmtp\b|送信できません|配信できません|お届けできません|(?:unknown|failed|intended|following|original) recipient",
    re.IGNORECASE,
)

# Words, in text or subject, of a server that goes on trying; PERMANENT outweighs them.
DELAY: Final = re.compile(
    r"(?:has|have) (?:not yet|been delayed|been postponed)|not yet been delivered|warning message only|will be retried|attempts will continue"
    r"|continue to (?:attempt|try)|still (?:trying|being retried)|(?:delivery|message|mail) (?:\w{1,30} ){0,3}(?:is |was |has been )?delayed|\(delay\)|just a warning"
    r"|could not send (?:mail|message) for past|temporarily (?:delayed|undeliverable)|will keep trying|advisory-only|has been postponed|verzögert",
    re.IGNORECASE,
)
PERMANENT: Final = re.compile(
    r"permanent(?:ly)?\b.{0,20}(?:fail|error|fatal)|failed permanently|given up|giving up|has been removed from the (?:mail )?queue"
    r"|no further|not going to try again|\(failure\)|undeliverable",
    re.IGNORECASE,
)

# Lines that say nothing about the reason, and lines behind which nothing does.
NOISE: Final = re.compile(
    r"\W*$|\s{0,10}[-=*]{2,80}+.{1,80}[-=*]{2}$|\s*technical details:?$|.{0,40};(?:p|l)=|\s*(?:technical details of (?:permanent|temporary) failure|the mts-id of|giving up on|i'm not going to try|\d{1,3}(?:\.\d{1,3}){3} does not like"
    r"|hmailserver$|this has been a permanent failure|error detail|for the following reason:?$|reason:?$|because:?$|the following text was generated"
    r"|message will be retried|recipient address:)",
    re.IGNORECASE,
)
CLOSING: Final = re.compile(
    r"\s*(?:no action is required|for further assistance|for more information|if you (?:do so|sent|have|know)|please (?:contact|do not|check|include|direct)"
    r"|delivery attempts will|this condition occurred|we will continue|for explanation|learn more|best regards|regards|your message has not been"
    r"|contact your|additional information$|all other|system contact|you can find|to reach a party|-- $)",
    re.IGNORECASE,
)
