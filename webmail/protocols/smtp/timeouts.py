"""How long the SMTP client waits, in seconds (reliability R70, RFC 5321 4.5.3.2). Nothing but numbers lives here.

`SCALE` multiplies all of them, so that a test of "250 comes after eleven minutes" takes seconds. Nobody else sets it.
"""

from __future__ import annotations

SCALE = 1.0

CONNECT_S = 30.0  # name, TCP and, where it comes first, TLS
REPLY_S = 300.0  # one reply
ENVELOPE_S = 600.0  # MAIL and all RCPT together: a hundred slow replies must not hold a worker for hours
BODY_BLOCK_S = 180.0  # one block of the message
BODY_S = 3600.0  # the whole message: 25 MB in an hour is 7 kB/s
FINAL_DOT_S = 600.0  # RFC 5321 4.5.3.2.6; a shorter wait turns slow servers into unclear results
UNASKED_S = 10.0  # the rest of a reply that nobody asked for; whatever it says, the session is over
QUIT_S = 10.0  # the mail is safe by then, so politeness is brief
LISTEN_S = 0.002  # before the end of a message, for a refusal or a reset that has just come: what is known is no doubt


def scaled(seconds: float) -> float:
    """`seconds` as they count now. Called at each use, never at import."""
    return seconds * SCALE
