"""What happened to a message, in words for people who do not know what a status code is.

The sentence says what is the matter and, where there is something to do, what. The server's own words are shown apart from
it, except where nothing better is known. They are a stranger's: whoever puts a sentence into a page escapes it.
"""

from typing import Final

from webmail.mime.reports import reasons
from webmail.mime.reports.emails import domain_of
from webmail.mime.reports.values import DELAYED, DELIVERED, EXPANDED, FAILED, RELAYED, ReportedRecipient
from webmail.mime.reports.wording import clean_words

# `{at}` is "at example.org", or "there" for an address without a domain; `{server}` the server with its domain.
_SENTENCES: Final[dict[str, str]] = {
    reasons.NO_SUCH_USER: "There is no such address {at}.",
    reasons.MAILBOX_FULL: "The mailbox is full.",
    reasons.TOO_LARGE: "The message is too large for {server}.",
    reasons.BLOCKED: "{Server} does not accept mail from our server.",
    reasons.SPAM: "{Server} took the message for spam.",
    reasons.NO_SUCH_DOMAIN: "No mail server was found for this address. Check the part after the @.",
    reasons.UNREACHABLE: "{Server} could not be reached.",
    reasons.POLICY: "{Server} does not accept mail from you for this address.",
    reasons.RELAYING: "{Server} does not accept mail for this address.",
    reasons.DISABLED: "The mailbox is closed or does not accept mail.",
    reasons.GREYLISTED: "{Server} asked to try again later.",
    reasons.LOOP: "The message went round in a circle. The address may be forwarded to itself.",
    reasons.CONTENT: "{Server} did not accept the content of the message.",
}
# A delay may pass, and says so.
_DELAYED_SENTENCES: Final[dict[str, str]] = {
    reasons.MAILBOX_FULL: "The mailbox is full. Delivery will be tried again.",
    reasons.UNREACHABLE: "{Server} cannot be reached at the moment. Delivery will be tried again.",
    reasons.NO_SUCH_DOMAIN: "No mail server is found for this address at the moment. Delivery will be tried again.",
}
# By the class and subject of RFC 3463 3 where no reason is known.
_SUBJECTS: Final[dict[str, str]] = {
    "1": "{Server} does not accept this address.",
    "2": "The mailbox does not accept the message.",
    "3": "{Server} could not take the message.",
    "4": "The message could not be brought to {server}.",
    "5": "{Server} and our server did not understand each other.",
    "6": "{Server} did not accept the form of the message.",
    "7": "{Server} does not accept the message for reasons of security.",
}
_DONE: Final[dict[str, str]] = {
    DELIVERED: "The message was delivered.",
    RELAYED: "The message was handed on to a server that sends no reports.",
    EXPANDED: "The message was handed on to the members of a list.",
    "displayed": "The message was opened.",
    "deleted": "The message was deleted without being opened.",
    "denied": "The recipient does not want to tell whether the message was opened.",
    "dispatched": "The message was passed on without being opened.",
    "processed": "The message was processed without being opened.",
}
# Reasons that tell so little that the server's words help.
_VAGUE: Final = frozenset({reasons.POLICY, reasons.CONTENT, reasons.BLOCKED, ""})
_MAX_QUOTED_CHARS: Final = 200
_RETRIES: Final = "Delivery will be tried again."


def explain(recipient: ReportedRecipient) -> str:
    """One or two short English sentences about this recipient. Never empty; holds a server's words where those help."""
    if recipient.action in _DONE:
        return _DONE[recipient.action]
    sentence = _sentence(recipient)
    if recipient.reason in _VAGUE and recipient.text and recipient.action in (FAILED, DELAYED):
        quoted = clean_words(recipient.text, max_chars=_MAX_QUOTED_CHARS)
        return f"{sentence.removesuffix('.')}: {quoted}"
    return sentence


def _sentence(recipient: ReportedRecipient) -> str:
    is_delay = recipient.action == DELAYED
    form = _DELAYED_SENTENCES.get(recipient.reason) if is_delay else None
    if form is None:
        form = _SENTENCES.get(recipient.reason) or _by_class(recipient)
        if is_delay and recipient.reason in (reasons.GREYLISTED, reasons.BLOCKED, reasons.SPAM):
            form = f"{form} {_RETRIES}"
    domain = domain_of(recipient.email)
    server = f"the server at {domain}" if domain else "the server"
    return form.format(at=f"at {domain}" if domain else "there", server=server, Server=server[0].upper() + server[1:])


def _by_class(recipient: ReportedRecipient) -> str:
    code_class, _, rest = recipient.code.partition(".")
    subject = _SUBJECTS.get(rest.partition(".")[0])
    if recipient.action == DELAYED:
        return "The message has not been delivered yet. Delivery will be tried again."
    if subject and code_class in ("4", "5"):
        return subject
    if code_class == "4":
        return "{Server} did not take the message in time, and it is not tried any longer."
    return "{Server} did not accept the message."
