"""What a report says, as values: `Report` and its `ReportedRecipient`s.

Everything here was written by a server or a person somewhere else. It is cleaned (one line, no control characters, no
characters that turn the direction of writing), but it is not trusted: anybody can write a report.
"""

from dataclasses import dataclass
from typing import Final

# What a delivery report says of a recipient (RFC 3464 2.3.3).
FAILED: Final = "failed"
DELAYED: Final = "delayed"
DELIVERED: Final = "delivered"
RELAYED: Final = "relayed"
EXPANDED: Final = "expanded"
ACTIONS: Final = frozenset({FAILED, DELAYED, DELIVERED, RELAYED, EXPANDED})

# What a read receipt says (RFC 8098 3.2.6.2, with the words of RFC 2298 that older programs still write).
RECEIPT_ACTIONS: Final = frozenset({"displayed", "deleted", "denied", "dispatched", "processed"})

# The kinds of report.
DELIVERY: Final = "delivery"
RECEIPT: Final = "receipt"
COMPLAINT: Final = "complaint"

# At most so many recipients of one report, and so many characters of a server's words.
MAX_RECIPIENTS: Final = 200
MAX_TEXT_CHARS: Final = 600


@dataclass(frozen=True, slots=True)
class ReportedRecipient:
    """What happened to the message for one recipient.

    `email`: the recipient as we wrote it when the report tells, else the final one; the domain in lower case; never "".
    `action`: one of ACTIONS, of a receipt one of RECEIPT_ACTIONS, of a complaint "".
    `code`: a status of RFC 3463 such as "5.1.1", made from the SMTP code when there is no other; "" if unknown.
    `text`: the words of the reporting server, one cleaned line of at most MAX_TEXT_CHARS; "" if it gave none.
    `reason`: the key of plain words (see `words`), one of `reasons.REASONS`; "" if unknown.
    """

    email: str
    action: str
    code: str = ""
    text: str = ""
    reason: str = ""

    @property
    def is_permanent(self) -> bool:
        """Whether the message will not reach this recipient: the server has given up, whatever the class of its code.

        A report of "failed" with a code 4.x.x is the end of many attempts (RFC 3464 2.3.3), not the promise of another.
        """
        return self.action == FAILED


@dataclass(frozen=True, slots=True)
class Report:
    """One report. `kind`: DELIVERY, RECEIPT or COMPLAINT.

    `recipients`: at most MAX_RECIPIENTS, each address once. Of a receipt the one who read the message; of a complaint
    those it was sent to as far as the report tells, which may be nobody.
    `message_id`: of the message it is about, without angle brackets; "" if unknown.
    `envelope_id`: the ENVID we gave (RFC 3461 4.4), decoded. `subject`: of the message it is about.
    """

    kind: str
    recipients: tuple[ReportedRecipient, ...]
    message_id: str = ""
    envelope_id: str = ""
    subject: str = ""
    reporting_mta: str = ""
