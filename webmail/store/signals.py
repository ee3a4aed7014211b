"""What layers above may want to hear of the store: it lies below them, so it tells instead of calling."""

from __future__ import annotations

from django.dispatch import Signal

# sender: Email class; email: the row; report: what the message reports (`mime.reports.values.Report`), None for most.
# Sent by the `cpu` worker outside of any transaction, before the message counts as read: a process that dies in between
# reads it again. So a receiver must bear being told twice, and must not raise because of what a stranger wrote. Only the
# columns that `indexing` needs are loaded; ask for more only where there is something to do.
body_read = Signal()

# sender: Email class; record: the recording that is open; email_ids, thread_ids: new messages that joined conversations which
# were here already, in parallel. Sent within the transaction that stores them: what a receiver writes is committed with them,
# or not at all. It must not raise and must be quick: sync waits for it.
emails_joined = Signal()
