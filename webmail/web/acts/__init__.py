"""What people do to rows of a list and to what they read: reading the wish, the Emails it means, the act, and its words."""

from __future__ import annotations

from webmail.web.acts.performing import Outcome, count_rows, destroys, empty_mailboxes, perform
from webmail.web.acts.wish import Wish, read_wish

__all__ = ["Outcome", "Wish", "count_rows", "destroys", "empty_mailboxes", "perform", "read_wish"]
