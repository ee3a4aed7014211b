"""Why an act is refused before anything changed."""

from __future__ import annotations


class ActionRefused(Exception):
    """The act makes no sense here; the message says why, for people."""


class BadKeyword(ActionRefused):
    """Not a JMAP keyword (RFC 8621 section 4.1.1)."""


class NoSuchTarget(ActionRefused):
    """The mailbox to move to belongs to another person, or takes no mail."""
