"""What other layers may want to hear of accounts: accounts lies below the store, so it tells instead of calling."""

from __future__ import annotations

from django.dispatch import Signal

# sender: MailAccount class; account: the new row. Inside the transaction that made it.
account_created = Signal()
# sender: Identity class; identity: the row; destroyed: bool. Inside the transaction that changed it.
identity_changed = Signal()
