"""Why an account is in trouble, in the reader's language. Rows hold the sentence in English (`sync.errors`); here it is known again.

What a server said is kept apart: it is untrusted text, shown as a quotation under "Details" and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.conditions import CERTIFICATE, take_apart

# The sentences that sync writes (a test compares them), so that catalogues have them.
SENTENCES = (
    gettext_noop("The server refuses the user name or password."),
    gettext_noop("The key that passwords are stored with is missing here. The administrator must set it."),
    gettext_noop("The stored password cannot be read. Enter it again."),
    gettext_noop("The server lies in a network that is not allowed here."),
    gettext_noop("The name of the server is not known."),
    gettext_noop("Nothing answers at this server and port."),
    gettext_noop("The certificate of the server is not valid, so nothing was sent to it."),
    gettext_noop("The server does not offer the encryption that is set."),
    gettext_noop("An encrypted connection to the server could not be made."),
    gettext_noop("The server takes too long to answer."),
    gettext_noop("The server sends answers that make no sense."),
    gettext_noop("The server cannot do this just now."),
    gettext_noop("The server refuses."),
    gettext_noop("The connection to the server was lost."),
    gettext_noop("There are too many connections to this server already."),
    gettext_noop("The server contradicts itself."),
    gettext_noop("There is no room left to store mail."),
)
# What the check of a certificate finds, by words of OpenSSL's in lower case.
_FINDINGS = (
    ("has expired", gettext_noop("It has expired.")),
    ("not yet valid", gettext_noop("It is not valid yet.")),
    ("mismatch", gettext_noop("It was issued for another name.")),
    ("self-signed", gettext_noop("It is signed by nobody but the server itself.")),
    ("self signed", gettext_noop("It is signed by nobody but the server itself.")),
    ("issuer", gettext_noop("It is signed by somebody we do not know.")),
    ("revoked", gettext_noop("It was revoked.")),
)


@dataclass(frozen=True)
class Reason:
    """`text` is ours and translated; `quoted` is the server's, or what a check found, word for word."""

    text: str
    quoted: str = ""
    is_certificate: bool = False


def read_reason(stored: str) -> Reason:
    """The reason of an account's condition as rows hold it. Text that is not ours is a quotation altogether."""
    sentence, quoted = take_apart(stored)
    if sentence not in SENTENCES:
        return Reason("", stored)
    return Reason(_(sentence), quoted, is_certificate=sentence == CERTIFICATE)


def certificate_finding(quoted: str) -> str:
    """What is wrong with a certificate, in plain words; empty when we do not know."""
    lowered = quoted.casefold()
    return next((_(words) for mark, words in _FINDINGS if mark in lowered), "")
