"""Words that are written into `MailAccount.state_reason` and known again by those who show it."""

from __future__ import annotations

CERTIFICATE = "The certificate of the server is not valid, so nothing was sent to it."
SAID = " The server said: “"  # what follows, up to the last ”, is the server's own text
FOUND = " Found: “"  # what follows, up to the last ”, is what the check of the certificate found
END = "”"


def take_apart(reason: str) -> tuple[str, str]:
    """Our own sentence of a reason, and what it quotes ("" when nothing)."""
    for mark in (SAID, FOUND):
        sentence, found, quoted = reason.partition(mark)
        if found:
            return sentence, quoted.removesuffix(END)
    return reason, ""
