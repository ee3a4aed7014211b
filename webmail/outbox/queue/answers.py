"""What a server's answer means for each recipient and for the submission. Pure: the one table of reliability R68.

| answer | recipient | |
|---|---|---|
| 2xx to the message | accepted | never mailed again |
| 5xx, to MAIL, RCPT, DATA or the message | refused | told to the user with the server's words |
| 4xx, or none before the dot | waiting | tried again |

| after the answers | submission |
|---|---|
| somebody waits, tries are left | retry |
| somebody waits, no try is left | they count as refused, then as below |
| nobody waits, somebody accepted | accepted |
| everybody refused | failed, the draft comes back |
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from webmail.outbox.models import Phase, SubmissionRecipient

Status = SubmissionRecipient.Status
FIRST_PERMANENT_CODE = 500  # RFC 5321 4.2.1


@dataclass(frozen=True)
class Answer:
    """A reply as it counts here. With neither code nor enhanced status the text is ours, else the server's and untrusted.

    `is_refusal` makes it final whatever the code: the last try is over, or there is no code.
    """

    code: int = 0
    text: str = ""
    enhanced: str = ""
    is_refusal: bool = False

    @property
    def status(self) -> Status:
        """What becomes of a recipient to whom this is the last word."""
        if 200 <= self.code < 300 and not self.is_refusal:
            return Status.ACCEPTED
        return Status.REFUSED if self.is_refusal or self.code >= FIRST_PERMANENT_CODE else Status.WAITING

    @property
    def is_quoted(self) -> bool:
        """Whether the text is the server's."""
        return bool(self.code or self.enhanced)

    def __str__(self) -> str:
        words = [str(self.code) if self.code else "", self.enhanced, self.text]
        return " ".join(word for word in words if word)


def next_phase(statuses: Collection[str], *, is_exhausted: bool) -> Phase:
    """See the module's second table."""
    if Status.WAITING in statuses and not is_exhausted:
        return Phase.RETRY
    return Phase.ACCEPTED if Status.ACCEPTED in statuses else Phase.FAILED


def apply_answers(before: Mapping[str, str], answers: Mapping[str, Answer]) -> dict[str, Status]:
    """The status of each recipient after the answers. What was accepted or refused earlier stays so."""
    return {
        email: answers[email].status if status == Status.WAITING and email in answers else Status(status)
        for email, status in before.items()
    }
